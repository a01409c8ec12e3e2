package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/transport"
)

// ClientProxy is the door for information systems (8080 and 8443), and for the server's own management requests. It is safe for concurrent
// use.
type ClientProxy struct {
	config Config
	gate   gate
	pool   *pool
	peers  *peers
	signer *signer
}

// NewClientProxy makes the client proxy.
func NewClientProxy(c Config) *ClientProxy {
	c = c.withDefaults()
	return &ClientProxy{config: c, gate: newGate(), pool: newPool(c), peers: newPeers(c), signer: newSigner(c.Rand, c.Now)}
}

// incoming is a request as it came from an information system or from this server itself.
type incoming struct {
	contentType string
	soapAction  string
	headers     soap.Fields   // of the SOAP part; nil in a plain request
	message     *soap.Message // read
	parts       *soap.MultipartReader
	tls         *tls.ConnectionState // nil: plain connection
	internal    bool                 // the server's own request: the owner speaks
}

// ServeHTTP answers one request of an information system (UC MESS_02). Faults have HTTP status 200.
func (p *ClientProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	watch := watchRequest(w, messageTimeout)
	defer watch.release()
	if err := p.serve(w, r, watch); err != nil {
		writeFault(w, watch.answer(w), p.config.refusal(err, "client proxy"))
	}
}

func (p *ClientProxy) serve(w http.ResponseWriter, r *http.Request, watch *watch) error {
	if r.Method != http.MethodPost {
		return fault.New(fault.Invalid, ofClient+"invalid_http_method", "Must use POST request method instead of %s", r.Method)
	}
	if err := p.gate.enter(); err != nil {
		return prefixed(err, ofClientProxy)
	}
	defer p.gate.leave()
	in := &incoming{contentType: r.Header.Get("Content-Type"), soapAction: r.Header.Get("SOAPAction"), tls: r.TLS}
	if err := p.usable(r.Context()); err != nil {
		return prefixed(err, ofClientProxy)
	}
	// The SOAP part has its own, total time; only then does every byte count.
	body := &switchedReader{r: r.Body}
	if err := p.read(in, body); err != nil {
		return prefixed(err, ofClient)
	}
	watch.allow(stallTimeout)
	body.r = watch.reader(r.Body)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	answer, err := p.exchange(ctx, in, watch)
	if err != nil {
		return prefixed(err, ofClientProxy)
	}
	defer answer.close()
	w.Header().Set("Content-Type", answer.contentType())
	w.Header()["SOAPAction"] = []string{`""`}
	_ = answer.write(watch.answer(w)) // an information system that is gone needs no fault
	return nil
}

// switchedReader reads from r, which may be replaced between reads.
type switchedReader struct{ r io.Reader }

func (s *switchedReader) Read(p []byte) (int, error) { return s.r.Read(p) }

// usable demands a valid configuration and a usable authentication certificate before a request is read.
func (p *ClientProxy) usable(ctx context.Context) error {
	if _, err := p.config.snapshot(); err != nil {
		return err
	}
	_, err := p.authentication(ctx)
	return err
}

// authentication gives our own authentication key.
func (p *ClientProxy) authentication(ctx context.Context) (signature.Credential, error) {
	c, err := p.config.Credentials.Authentication(ctx)
	if err != nil {
		return c, fault.Wrap(err, fault.Conflict, tlsFailed, "Security server has no valid authentication certificate")
	}
	return c, nil
}

// Exchange sends a request of the server itself, where the owner is the client: the owner must be registered, how it connects does not
// matter. The response comes back verified. A *soap.Fault was sent by another program; a fault of kind Unavailable means that the request
// left and its outcome is unknown; any other error, that it was never sent.
func (p *ClientProxy) Exchange(ctx context.Context, contentType string, body []byte) (response []byte, responseType string, err error) {
	in := &incoming{contentType: contentType, soapAction: `""`, internal: true}
	if err := p.usable(ctx); err != nil {
		return nil, "", prefixed(err, ofClientProxy)
	}
	if err := p.read(in, bytes.NewReader(body)); err != nil {
		return nil, "", prefixed(err, ofClient)
	}
	answer, err := p.exchange(ctx, in, nil)
	if err != nil {
		return nil, "", prefixed(err, ofClientProxy)
	}
	defer answer.close()
	var out bytes.Buffer
	if err := answer.write(&out); err != nil {
		return nil, "", fmt.Errorf("reading the response: %w", err)
	}
	return out.Bytes(), answer.contentType(), nil
}

// read reads the request up to the end of its SOAP message (UC MESS_04).
func (p *ClientProxy) read(in *incoming, body io.Reader) error {
	if err := soap.CheckSOAPAction(in.soapAction); err != nil {
		return err
	}
	multipart, err := soap.IsMultipart(in.contentType)
	if err != nil {
		return err
	}
	partType, part := in.contentType, body
	if multipart {
		if in.parts, err = soap.NewMultipartReader(body, in.contentType, soap.Limits{}); err != nil {
			return err
		}
		first, err := in.parts.Next()
		if errors.Is(err, io.EOF) {
			return fault.New(fault.Invalid, "missing_soap", "Request does not have SOAP message")
		}
		if err != nil {
			return err
		}
		in.headers, part = first.Headers, first
		if partType = first.Headers.Get("Content-Type"); partType == "" {
			return fault.New(fault.Invalid, "invalid_content_type", "Could not get content type for part")
		}
	}
	raw, err := readMessage(part, p.config.Limits)
	if err != nil {
		return err
	}
	in.message, err = soap.Parse(raw, partType)
	if err == nil && in.message.Fault != nil {
		return fault.New(fault.Invalid, in.message.Fault.Code, "%s", in.message.Fault.String)
	}
	return err
}

// readMessage reads a SOAP message within the limit.
func readMessage(r io.Reader, limits transport.Limits) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limits.Message+1))
	if err == nil && int64(len(raw)) > limits.Message {
		return nil, fault.New(fault.TooLarge, "invalid_message", "SOAP message has more than %d bytes", limits.Message)
	}
	return raw, err
}

// admit demands that the client is registered here and connected as its connection type says.
func (p *ClientProxy) admit(ctx context.Context, in *incoming) error {
	id := in.message.Header.Client
	if in.internal && id != p.config.Server().Owner() {
		return fault.New(fault.Forbidden, "unknown_member", "Client '%s' not found", id)
	}
	client, ok, err := p.config.Clients.Registered(ctx, id)
	switch {
	case err != nil:
		return err
	case !ok:
		return fault.New(fault.NotFound, "unknown_member", "Client '%s' not found", id)
	case in.internal || client.Connection == HTTP:
		return nil
	case client.Connection == HTTPSNoAuth && in.tls == nil:
		return fault.New(fault.Unauthorized, tlsFailed, "Client (%s) specifies HTTPS NO AUTH but client made plaintext connection", id)
	case client.Connection == HTTPSNoAuth:
		return nil
	case in.tls == nil || len(in.tls.PeerCertificates) == 0:
		return fault.New(fault.Unauthorized, tlsFailed, "Client (%s) specifies HTTPS but did not supply TLS certificate", id)
	case len(client.Certificates) == 0:
		return fault.New(fault.Unauthorized, tlsFailed, "Client (%s) has no IS certificates", id)
	}
	shown := in.tls.PeerCertificates[0].Raw
	if !slices.ContainsFunc(client.Certificates, func(c []byte) bool { return bytes.Equal(c, shown) }) {
		return fault.New(fault.Unauthorized, tlsFailed, "Client (%s) TLS certificate does not match any IS certificates", id)
	}
	return nil
}
