package proxy

import (
	"context"
	"io"
	"mime"
	"net/http"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/transport"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
)

// answer is a verified response.
type answer struct {
	head *transport.Head
	rest *transport.Rest
	kind string // content type of the provider's response
}

func (a *answer) close() { a.rest.Close() }

// contentType is the provider's own when the response has attachments, else that of plain SOAP.
func (a *answer) contentType() string {
	if len(a.rest.Attachments) > 0 {
		return a.kind
	}
	return typeXMLToClient
}

func (a *answer) write(w io.Writer) error {
	return writeSOAP(w, a.kind, a.head, a.rest)
}

// writeSOAP writes a message as its first sender did: alone, or with its attachments in a multipart with the boundary of contentType.
func writeSOAP(w io.Writer, contentType string, head *transport.Head, rest *transport.Rest) error {
	if len(rest.Attachments) == 0 {
		_, err := w.Write(head.Message.Raw)
		return err
	}
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	parts := soap.NewMultipartWriter(w, parameters["boundary"])
	if err := parts.WritePart(head.Headers, head.Message.Raw); err != nil {
		return err
	}
	for _, a := range rest.Attachments {
		to, err := parts.CreatePart(a.Headers)
		if err != nil {
			return err
		}
		if _, err := io.Copy(to, a.Open()); err != nil {
			return err
		}
	}
	return parts.Close()
}

// hasBoundary demands that a message with attachments can be written under the content type it came with.
func hasBoundary(contentType string, rest *transport.Rest) error {
	if len(rest.Attachments) == 0 {
		return nil
	}
	if base, parameters, err := mime.ParseMediaType(contentType); err != nil || base != soap.MultipartRelated || parameters["boundary"] == "" {
		return fault.New(fault.Invalid, "invalid_content_type", "Multipart content type is missing required boundary")
	}
	return nil
}

// receive reads and verifies what the other server answered (message-transport §5.4): a fault is returned as an error.
func (p *ClientProxy) receive(ctx context.Context, in *incoming, response *http.Response) (*answer, error) {
	defer response.Body.Close()
	stalls := newWatch(stallTimeout, func(bool) { response.Body.Close() })
	defer stalls.release()
	body := stalls.reader(response.Body)
	contentType := response.Header.Get("Content-Type")
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusInternalServerError {
		return nil, fault.New(fault.Unavailable, "http_error", "Server responded with error %d: %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	if soap.BaseType(contentType) == "text/xml" {
		return nil, p.loneFault(body, contentType)
	}
	h, err := transport.ReadHeader(response.Header)
	if err != nil {
		return nil, err
	}
	a := &answer{kind: h.OriginalContentType}
	if err := a.decode(body, contentType, h.Digest, p.config.Limits); err != nil {
		return nil, err
	}
	if err := p.verify(ctx, in, a, h.Digest); err != nil {
		a.close()
		return nil, err
	}
	_, _ = io.CopyN(io.Discard, body, 1024) // to the end of the HTTP message, so that the connection can be used again
	return a, nil
}

// loneFault reads an answer that failed before its first part.
func (p *ClientProxy) loneFault(body io.Reader, contentType string) error {
	raw, err := readMessage(body, p.config.Limits)
	if err != nil {
		return fault.Prefixed(translated(err), ofService)
	}
	message, err := soap.Parse(raw, contentType)
	if err != nil {
		return fault.Prefixed(err, ofService)
	}
	if message.Fault == nil {
		return fault.New(fault.Invalid, ofService+"invalid_message", "Response is neither a message between security servers nor a fault")
	}
	return message.Fault
}

// decode reads the whole response. A fault in it, wherever it stands, is the error.
func (a *answer) decode(body io.Reader, contentType string, d signature.Digest, limits transport.Limits) error {
	decoder, err := transport.NewDecoder(body, contentType, d, limits)
	if err != nil {
		return fault.Prefixed(err, ofService)
	}
	if a.head, err = decoder.Head(); err != nil {
		if fault.CodeOf(err) == "missing_soap" {
			return fault.New(fault.Invalid, "missing_soap", "Response does not have SOAP message")
		}
		return fault.Prefixed(translated(err), ofService)
	}
	if a.head.Message.Fault != nil {
		return a.head.Message.Fault
	}
	if a.rest, err = decoder.Rest(); err != nil {
		return fault.Prefixed(translated(err), ofService)
	}
	switch {
	case a.rest.Fault != nil:
		err = a.rest.Fault
	case a.rest.Signature == nil:
		err = fault.New(fault.Invalid, "missing_signature", "Response does not have signature")
	default:
		if err = hasBoundary(a.kind, a.rest); err != nil {
			err = fault.Prefixed(err, ofService)
		}
	}
	if err != nil {
		a.close()
	}
	return err
}

// verify demands the provider's signature, headers that repeat the request's, and the hash of exactly our request; then it logs.
func (p *ClientProxy) verify(ctx context.Context, in *incoming, a *answer, d signature.Digest) error {
	provider := in.message.Header.Service.Provider()
	s, err := p.config.snapshot()
	if err != nil {
		return err
	}
	trust, err := s.Trust(provider.Instance())
	if err != nil {
		return err
	}
	if err := verifySignature(a.rest, trust, provider, p.config); err != nil {
		return err
	}
	if err := soap.Consistent(&in.message.Header, &a.head.Message.Header); err != nil {
		return fault.Prefixed(err, ofService)
	}
	if err := soap.CheckRequestHash(&a.head.Message.Header, in.message.Raw); err != nil {
		return fault.Prefixed(err, ofService)
	}
	return p.config.MessageLog.Append(ctx, record(messagelog.ClientSide, true, &a.head.Message.Header, a.head.Message.Raw, a.rest.Inputs, d,
		xades.Signed{XML: a.rest.Signature, HashChain: a.rest.HashChain, HashChainResult: a.rest.HashChainResult}))
}

// verifySignature verifies the signature over all parts. The codes start with signature_verification.
func verifySignature(rest *transport.Rest, trust xades.Trust, signer identifier.ClientID, c Config) error {
	parsed, err := xades.Parse(rest.Signature)
	if err == nil {
		err = xades.VerifyMessage(parsed, trust, signer, rest.HashChain, rest.HashChainResult, rest.Inputs, c.Now())
	}
	if err != nil {
		return fault.Prefixed(err, ofSignature)
	}
	return nil
}

// record makes the message log's record of a signed message.
func record(side messagelog.Side, response bool, h *soap.Header, raw []byte, inputs []hashchain.Input, d signature.Digest, s xades.Signed) messagelog.Record {
	r := messagelog.Record{MessageID: h.ID, Side: side, Response: response, Client: h.Client, Service: h.Service, Message: raw, DigestURI: d.URI,
		Signature: s.XML, HashChain: s.HashChain, HashResult: s.HashChainResult}
	for _, in := range inputs[1:] {
		r.Attachments = append(r.Attachments, messagelog.Attachment{Name: in.Name, Digest: in.Digest})
	}
	return r
}
