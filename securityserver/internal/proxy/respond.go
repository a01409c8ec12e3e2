package proxy

import (
	"context"
	"io"
	"net/http"

	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/transport"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
)

// respond streams the service's response to the other security server: request hash inserted, signed by the provider, logged before the
// signature leaves. A fault of the service is passed on alone: unsigned and unlogged. What fails after the first part went out ends the
// message with a fault in the signature's place; then the error is nil, because the caller can do no more.
func (p *ServerProxy) respond(ctx context.Context, w io.Writer, header http.Header, req *request, response *serviceResponse) error {
	e, err := transport.NewEncoder(w, p.config.Rand, digest)
	if err != nil {
		return err
	}
	m := response.message
	raw := m.Raw
	if m.Fault == nil {
		if raw, err = soap.InsertRequestHash(raw, req.head.Message.Raw); err != nil {
			return prefixed(err, ofService)
		}
	}
	transport.Header{Digest: digest, OriginalContentType: response.contentType}.SetResponse(header)
	header.Set("Content-Type", e.ContentType())
	if m.Fault != nil {
		_ = closeWith(e, e.Fault(raw))
		return nil
	}
	if err := p.stream(ctx, e, req, response, raw); err != nil {
		f := p.config.refusal(prefixed(err, ofServerProxy), "server proxy")
		_ = closeWith(e, e.Fault(f.Encode())) // a peer that is gone needs no fault
	}
	return nil
}

func closeWith(e *transport.Encoder, err error) error {
	if err != nil {
		return err
	}
	return e.Close()
}

func (p *ServerProxy) stream(ctx context.Context, e *transport.Encoder, req *request, response *serviceResponse, raw []byte) error {
	if err := e.Message(response.message.ContentType, response.headers, raw); err != nil {
		return err
	}
	if err := copyAttachments(e, response.parts, p.config.Limits); err != nil {
		return prefixed(err, ofService)
	}
	signed, err := p.signer.sign(ctx, req.signing, e.Inputs())
	if err != nil {
		return cannotSign(err)
	}
	h := &response.message.Header
	if err := p.config.MessageLog.Append(ctx, record(messagelog.ServerSide, true, h, raw, e.Inputs(), digest, signed)); err != nil {
		return err
	}
	if err := e.Sign(signed); err != nil {
		return err
	}
	return e.Close()
}
