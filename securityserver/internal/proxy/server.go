package proxy

import (
	"context"
	"crypto/x509"
	"net/http"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/transport"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
)

// ServerProxy is the door for other security servers (5500). It is safe for concurrent use.
type ServerProxy struct {
	config   Config
	gate     gate
	signer   *signer
	services *services
}

// NewServerProxy makes the server proxy.
func NewServerProxy(c Config) *ServerProxy {
	c = c.withDefaults()
	return &ServerProxy{config: c, gate: newGate(), signer: newSigner(c.Rand, c.Now), services: newServices(c)}
}

// request is a message from another security server that was verified.
type request struct {
	header  transport.Header
	head    *transport.Head
	rest    *transport.Rest
	service Service
	signing signature.Credential // of the provider
}

// ServeHTTP answers one request of another security server. What fails before the response began is a lone fault with HTTP status 200.
func (p *ServerProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	watch := watchRequest(w, stallTimeout)
	defer watch.release()
	if err := p.serve(w, r, watch); err != nil {
		writeFault(w, watch.answer(w), p.config.refusal(prefixed(err, ofServerProxy), "server proxy"))
	}
}

func (p *ServerProxy) serve(w http.ResponseWriter, r *http.Request, watch *watch) error {
	if r.Method != http.MethodPost {
		return fault.New(fault.Invalid, "invalid_http_method", "Must use POST request method instead of %s", r.Method)
	}
	if err := p.gate.enter(); err != nil {
		return err
	}
	defer p.gate.leave()
	s, err := p.config.snapshot()
	if err != nil {
		return err
	}
	req, err := p.receive(r, s, watch)
	if err != nil {
		return err
	}
	defer req.rest.Close()
	watch.release() // the service has a time-out of its own
	response, err := p.services.call(r.Context(), req)
	if err != nil {
		return fault.Prefixed(translated(err), ofService)
	}
	defer response.close()
	return p.respond(r.Context(), watch.answer(w), w.Header(), req, response)
}

// receive reads and verifies a request in the order of message-transport §5.3, and logs it.
func (p *ServerProxy) receive(r *http.Request, s *globalconf.Snapshot, watch *watch) (*request, error) {
	ctx := r.Context()
	req := &request{}
	var err error
	if req.header, err = transport.ReadHeader(r.Header); err != nil {
		return nil, err
	}
	decoder, err := transport.NewDecoder(watch.reader(r.Body), r.Header.Get("Content-Type"), req.header.Digest, p.config.Limits)
	if err != nil {
		return nil, fault.Prefixed(err, ofService)
	}
	if req.head, err = decoder.Head(); err != nil {
		if fault.CodeOf(err) == "missing_soap" {
			return nil, fault.New(fault.Invalid, "missing_soap", "Request does not have SOAP message")
		}
		return nil, fault.Prefixed(translated(err), ofService)
	}
	if err := p.checkHead(ctx, s, r, req); err != nil {
		return nil, fault.Prefixed(err, ofService)
	}
	if req.rest, err = decoder.Rest(); err != nil {
		return nil, fault.Prefixed(translated(err), ofService)
	}
	if err := p.checkRest(ctx, s, req); err != nil {
		req.rest.Close()
		return nil, err
	}
	return req, nil
}

// checkHead runs as soon as the SOAP message is read: is it for this server, is the provider here, and is the peer the client's server.
func (p *ServerProxy) checkHead(ctx context.Context, s *globalconf.Snapshot, r *http.Request, req *request) error {
	m := req.head.Message
	if m.Fault != nil {
		return fault.New(fault.Invalid, "invalid_message", "Request is a SOAP fault")
	}
	if id, own := m.Header.SecurityServer, p.config.Server(); !id.IsZero() && id != own {
		return fault.New(fault.Invalid, "invalid_security_server", "Invalid security server identifier '%s' expected '%s'", id, own)
	}
	provider := m.Header.Service.Provider()
	if _, ok, err := p.config.Clients.Registered(ctx, provider); err != nil {
		return err
	} else if !ok {
		return fault.New(fault.NotFound, "unknown_member", "Client '%s' not found", provider)
	}
	var err error
	if req.signing, err = p.config.Credentials.Signing(ctx, provider.Member()); err != nil {
		return err
	}
	return p.checkPeer(s, r, req)
}

// checkPeer verifies the TLS client certificate with the OCSP responses of the message (UC MESS_07).
func (p *ServerProxy) checkPeer(s *globalconf.Snapshot, r *http.Request, req *request) error {
	var chain []*x509.Certificate
	if r.TLS != nil {
		chain = r.TLS.PeerCertificates
	}
	switch {
	case len(chain) == 0:
		return fault.New(fault.Unauthorized, tlsFailed, "Client did not provide TLS certificate")
	case len(chain) > maxCertificates:
		return fault.New(fault.Unauthorized, tlsFailed, "Peer sent too many certificates")
	case len(req.head.OCSP) == 0:
		return fault.New(fault.Unauthorized, tlsFailed, "Cannot verify TLS certificate, corresponding OCSP response is missing")
	}
	client := req.head.Message.Header.Client
	trust, err := s.Trust(client.Instance())
	if err != nil {
		return tlsRefusal(err)
	}
	if err := trust.VerifyAuthentication(chain[0], chain[1:], req.head.OCSP, p.config.Now()); err != nil {
		return tlsRefusal(err)
	}
	return serves(s, chain[0], client)
}

// checkRest decides about access, verifies the signature over all parts, and logs the request.
func (p *ServerProxy) checkRest(ctx context.Context, s *globalconf.Snapshot, req *request) error {
	if req.rest.Fault != nil {
		return fault.New(fault.Invalid, ofService+"invalid_message", "Request ends with a SOAP fault")
	}
	if req.rest.Signature == nil {
		return fault.New(fault.Invalid, "missing_signature", "Request does not have signature")
	}
	if err := hasBoundary(req.header.OriginalContentType, req.rest); err != nil {
		return fault.Prefixed(err, ofService)
	}
	h := &req.head.Message.Header
	if err := p.checkAccess(ctx, h, req); err != nil {
		return err
	}
	trust, err := s.Trust(h.Client.Instance())
	if err != nil {
		return err
	}
	if err := verifySignature(req.rest, trust, h.Client, p.config); err != nil {
		return err
	}
	return p.config.MessageLog.Append(ctx, record(messagelog.ServerSide, false, h, req.head.Message.Raw, req.rest.Inputs, req.header.Digest,
		xades.Signed{XML: req.rest.Signature, HashChain: req.rest.HashChain, HashChainResult: req.rest.HashChainResult}))
}

func (p *ServerProxy) checkAccess(ctx context.Context, h *soap.Header, req *request) error {
	service, ok, err := p.config.Services.Service(ctx, h.Service)
	switch {
	case err != nil:
		return err
	case !ok:
		return fault.New(fault.NotFound, "unknown_service", "Unknown service: %s", h.Service)
	case service.REST:
		return fault.New(fault.Invalid, "service_type", "Service is a REST service and cannot be called using SOAP interface")
	}
	allowed, err := p.config.Services.Allowed(ctx, h.Client, h.Service)
	switch {
	case err != nil:
		return err
	case !allowed:
		return fault.New(fault.Forbidden, "access_denied", "Request is not allowed: %s", h.Service)
	case service.Disabled:
		return fault.New(fault.Forbidden, "service_disabled", "Service %s is disabled: %s", h.Service, service.Notice)
	}
	req.service = service
	return nil
}
