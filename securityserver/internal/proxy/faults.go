package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/soap"
)

// Prefixes of fault codes.
const (
	ofClient        = "client."             // a defect of the information system's request
	ofClientProxy   = "server.clientproxy." // anything else at the client proxy
	ofServerProxy   = "server.serverproxy."
	ofService       = "service_failed."
	ofSignature     = "signature_verification."
	ofTLS           = "ssl_authentication_failed."
	tlsFailed       = "ssl_authentication_failed"
	typeXML         = "text/xml; charset=UTF-8"
	typeXMLToClient = "text/xml; charset=utf-8"
)

// prefixed prepends prefix to the code of what is our own refusal. A SOAP fault is somebody else's word and stays as it is. Errors of
// reading and connecting get X-Road's codes.
func prefixed(err error, prefix string) error {
	if err == nil {
		return nil
	}
	if other, ok := errors.AsType[*soap.Fault](err); ok {
		return other
	}
	return fault.Prefixed(translated(err), prefix)
}

// tlsRefusal gives a refusal of a certificate the code ssl_authentication_failed, with the inner code after it.
func tlsRefusal(err error) error {
	if err == nil || fault.CodeOf(err) == tlsFailed {
		return err
	}
	return fault.Prefixed(err, ofTLS)
}

// translated turns an error of the network into a fault with X-Road's code (unknown_host, network_error, io_error). The text says no more
// than what happened.
func translated(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fault.Wrap(err, fault.Unavailable, "unknown_host", "%s: Name or service not known", dns.Name)
	}
	op, ok := errors.AsType[*net.OpError](err)
	if ok && op.Op == "dial" {
		return fault.Wrap(err, fault.Unavailable, "network_error", "Could not connect to %s", op.Addr)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return fault.Wrap(err, fault.Unavailable, "io_error", "Timed out")
	}
	if ok {
		return fault.Wrap(err, fault.Unavailable, "io_error", "The connection broke")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, context.Canceled) {
		return fault.Wrap(err, fault.Unavailable, "io_error", "The connection was closed")
	}
	return err
}

// unsent marks an error before anything was sent: it must not look like an unknown outcome, which is what fault.Unavailable means to the sender
// of management requests.
func unsent(err error) error {
	f := *fault.From(translated(err))
	if f.Kind == fault.Unavailable {
		f.Kind = fault.Conflict
	}
	return &f
}

// refusal renders an error as a SOAP fault and logs its cause under the fault's detail.
func (c Config) refusal(err error, door string) *soap.Fault {
	detail, idErr := uuid.NewRandomFromReader(c.Rand)
	if idErr != nil {
		err = errors.Join(err, idErr)
	}
	f := soap.FaultFrom(err, detail.String())
	if f.Raw == nil {
		c.Log.Warn("message refused", zap.String("door", door), zap.String("code", f.Code), zap.String("detail", f.Detail), zap.Error(err))
	}
	return f
}

// writeFault answers with a lone SOAP fault, HTTP status 200. body is w, watched.
func writeFault(w http.ResponseWriter, body io.Writer, f *soap.Fault) {
	w.Header().Set("Content-Type", typeXML)
	w.Header()["SOAPAction"] = []string{`""`}
	_, _ = body.Write(f.Encode()) // a caller that is gone needs no answer
}
