package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/transport"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
)

// exchange sends a request that was read up to its SOAP message and gives the verified response. Codes carry no client proxy prefix yet.
// stalls may be nil.
func (p *ClientProxy) exchange(ctx context.Context, in *incoming, stalls *watch) (*answer, error) {
	conn, signing, auth, err := p.prepare(ctx, in)
	if err != nil {
		return nil, unsent(err)
	}
	out, err := p.request(ctx, conn, in)
	if err != nil {
		conn.close()
		return nil, unsent(err)
	}
	response, err := p.send(ctx, conn, out, in, signing, auth, stalls)
	if err != nil {
		conn.close()
		return nil, err
	}
	answer, err := p.receive(ctx, in, response)
	out.stop()
	if err != nil {
		conn.close()
		return nil, unknown(err)
	}
	<-out.done
	p.pool.put(conn)
	return answer, nil
}

// prepare does everything that comes before sending: may the client speak, where is the provider, with which keys, over which connection.
func (p *ClientProxy) prepare(ctx context.Context, in *incoming) (conn *peerConn, signing, auth signature.Credential, err error) {
	if err = p.admit(ctx, in); err != nil {
		return
	}
	s, err := p.config.snapshot()
	if err != nil {
		return
	}
	found, err := addresses(s, &in.message.Header, p.config.ServerPort)
	if err != nil {
		return
	}
	if signing, err = p.config.Credentials.Signing(ctx, in.message.Header.Client.Member()); err != nil {
		return
	}
	if auth, err = p.authentication(ctx); err != nil {
		return
	}
	conn, err = p.connect(ctx, s, auth, found, in.message.Header.Service.Provider())
	return
}

// connect gives a connection whose other end was verified to serve the provider. A resumed or kept connection may show what the server no
// longer uses: then everything kept is forgotten and a fresh handshake decides.
func (p *ClientProxy) connect(ctx context.Context, s *globalconf.Snapshot, auth signature.Credential, found []string, provider identifier.ClientID) (*peerConn, error) {
	for {
		conn, err := p.pool.get(ctx, auth, found)
		if err != nil {
			return nil, err
		}
		err = p.peers.verify(ctx, s, conn, provider)
		if err == nil {
			return conn, nil
		}
		conn.close()
		if !conn.reused && !conn.state.DidResume {
			return nil, err
		}
		p.pool.forget()
	}
}

// outgoing is a request on its way: the encoder writes into the body of the HTTP request.
type outgoing struct {
	post    *http.Request
	reader  *io.PipeReader
	writer  *io.PipeWriter
	encoder *transport.Encoder
	signed  atomic.Bool // the signature is about to be written: from here on the other server may act
	err     error       // why writing stopped; read after done
	done    chan struct{}
}

// stop ends the writing, if it still goes on.
func (o *outgoing) stop() { o.reader.CloseWithError(io.ErrClosedPipe) }

func (p *ClientProxy) request(ctx context.Context, conn *peerConn, in *incoming) (*outgoing, error) {
	out := &outgoing{done: make(chan struct{})}
	out.reader, out.writer = io.Pipe()
	var err error
	if out.encoder, err = transport.NewEncoder(out.writer, p.config.Rand, digest); err != nil {
		return nil, err
	}
	id, err := uuid.NewRandomFromReader(p.config.Rand)
	if err != nil {
		return nil, err
	}
	if out.post, err = http.NewRequestWithContext(ctx, http.MethodPost, "https://"+conn.address+"/", out.reader); err != nil {
		return nil, err
	}
	transport.Header{Digest: digest, ProxyVersion: proxyVersion, OriginalContentType: in.contentType, OriginalSOAPAction: in.soapAction,
		RequestID: id.String()}.SetRequest(out.post.Header)
	out.post.Header.Set("Content-Type", out.encoder.ContentType())
	out.post.Header["User-Agent"] = nil
	return out, nil
}

// send streams the request to the other server and waits for its answer to begin. The other server may answer before it has read
// everything, so the writing may still go on afterwards.
func (p *ClientProxy) send(ctx context.Context, conn *peerConn, out *outgoing, in *incoming, signing, auth signature.Credential, stalls *watch) (*http.Response, error) {
	go func() {
		defer close(out.done)
		out.err = p.encode(ctx, out, in, signing, auth)
		if stalls != nil {
			stalls.release() // the information system has delivered; waiting for the other server has its own time-out
		}
		out.writer.CloseWithError(out.err)
	}()
	response, err := conn.RoundTrip(out.post)
	if err == nil {
		return response, nil
	}
	out.stop()
	<-out.done
	switch {
	case out.err != nil && !errors.Is(out.err, io.ErrClosedPipe):
		return nil, unsent(out.err) // the request is incomplete, so no server acts on it: what we found wrong is what happened
	case out.signed.Load():
		return nil, unknown(err)
	}
	return nil, unsent(err)
}

// encode writes the whole request: OCSP responses, message, attachments as they come, signature.
func (p *ClientProxy) encode(ctx context.Context, out *outgoing, in *incoming, signing, auth signature.Credential) error {
	e := out.encoder
	for _, der := range auth.OCSP {
		if err := e.OCSP(der); err != nil {
			return err
		}
	}
	if err := e.Message(in.message.ContentType, in.headers, in.message.Raw); err != nil {
		return err
	}
	if err := copyAttachments(e, in.parts, p.config.Limits); err != nil {
		if errors.Is(err, io.ErrClosedPipe) {
			return err
		}
		return fault.Prefixed(translated(err), ofClient)
	}
	signed, err := p.signer.sign(ctx, signing, e.Inputs())
	if err != nil {
		return cannotSign(err)
	}
	h := &in.message.Header
	if err := p.config.MessageLog.Append(ctx, record(messagelog.ClientSide, false, h, in.message.Raw, e.Inputs(), digest, signed)); err != nil {
		return err
	}
	out.signed.Store(true)
	if err := e.Sign(signed); err != nil {
		return err
	}
	return e.Close()
}

// copyAttachments streams the parts after the SOAP part, if there are any.
func copyAttachments(e *transport.Encoder, parts *soap.MultipartReader, limits transport.Limits) error {
	if parts == nil {
		return nil
	}
	left := limits.Bytes
	for count := 0; ; count++ {
		part, err := parts.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if count == limits.Attachments {
			return fault.New(fault.TooLarge, "invalid_message", "Message has more than %d attachments", limits.Attachments)
		}
		body := &io.LimitedReader{R: part, N: left + 1}
		if err := e.Attachment(part.Headers, body); err != nil {
			return err
		}
		if left = body.N - 1; left < 0 {
			return fault.New(fault.TooLarge, "invalid_message", "Attachments have more than %d bytes", limits.Bytes)
		}
	}
}

func cannotSign(err error) error {
	return fault.Wrap(err, fault.Internal, "cannot_create_signature", "Could not sign the message")
}

// unknown marks an error after which nobody here knows whether the provider acted. What another program said stays what it said.
func unknown(err error) error {
	if other, ok := errors.AsType[*soap.Fault](err); ok {
		return other
	}
	f := *fault.From(translated(err))
	f.Kind = fault.Unavailable
	return &f
}
