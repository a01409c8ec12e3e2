package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
)

// pool keeps TLS connections to other security servers. A connection carries one exchange at a time and is handed out by address; who is at the
// other end is verified by its user, for each provider anew.
type pool struct {
	config Config

	mu         sync.Mutex
	own        string // our authentication certificate that the connections were made with
	sessions   tls.ClientSessionCache
	idle       map[string][]*peerConn
	generation int // rises when our certificate changes; older connections are not kept
}

// peerConn is a connection to the security server at an address.
type peerConn struct {
	*http.ClientConn
	state      tls.ConnectionState
	address    string
	generation int
	reused     bool
	expiry     *time.Timer

	verified map[identifier.ClientID]verification // by provider; used by the connection's holder only
}

// verification remembers that the peer was found to serve a provider. It keeps no configuration alive: that of a large instance takes 50 MB, and
// connections remember many of them.
type verification struct {
	snapshot weak.Pointer[globalconf.Snapshot]
	at       time.Time
}

func newPool(c Config) *pool {
	return &pool{config: c, idle: map[string][]*peerConn{}, sessions: tls.NewLRUClientSessionCache(256)}
}

// get gives a kept connection to one of the addresses, or a new one to the address that connects first.
func (p *pool) get(ctx context.Context, credential signature.Credential, addresses []string) (*peerConn, error) {
	certificate := tlsCertificate(credential)
	p.mu.Lock()
	if own := string(credential.Certificate.Raw); own != p.own {
		p.own = own
		p.reset()
	}
	if kept := p.take(addresses); kept != nil {
		p.mu.Unlock()
		return kept, nil
	}
	generation, sessions := p.generation, p.sessions
	p.mu.Unlock()
	return p.dial(ctx, addresses, certificate, sessions, generation)
}

// take finds an idle connection. The pool is locked.
func (p *pool) take(addresses []string) *peerConn {
	for _, address := range addresses {
		for {
			list := p.idle[address]
			if len(list) == 0 {
				delete(p.idle, address)
				break
			}
			c := list[len(list)-1]
			p.idle[address] = list[:len(list)-1]
			// A timer that fired already is closing this connection.
			if c.expiry.Stop() && c.Err() == nil {
				c.reused = true
				return c
			}
			_ = c.Close()
		}
	}
	return nil
}

// put keeps a connection whose response was read to its end.
func (p *pool) put(c *peerConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.generation != p.generation || c.Err() != nil || c.Available() == 0 || len(p.idle[c.address]) >= maxIdlePerPeer {
		_ = c.Close()
		return
	}
	c.expiry = time.AfterFunc(poolTimeout, c.close)
	p.idle[c.address] = append(p.idle[c.address], c)
}

// forget drops kept connections and TLS sessions: a resumed session may show a certificate that its server no longer uses.
func (p *pool) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reset()
}

func (p *pool) reset() {
	for _, list := range p.idle {
		for _, c := range list {
			c.expiry.Stop()
			_ = c.Close()
		}
	}
	clear(p.idle)
	p.generation++
	p.sessions = tls.NewLRUClientSessionCache(256)
}

// dial connects to all addresses at once and keeps the first connection; then it shakes hands.
func (p *pool) dial(ctx context.Context, addresses []string, certificate *tls.Certificate, sessions tls.ClientSessionCache, generation int) (*peerConn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	raw, address, err := race(ctx, addresses)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address)
	conn := tls.Client(raw, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		CipherSuites:       aeadSuites,
		Time:               p.config.Now,
		ServerName:         host,
		InsecureSkipVerify: true, // who this is, verifyPeer finds out from the global configuration
		ClientSessionCache: sessions,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate, nil
		},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fault.Wrap(err, fault.Unavailable, tlsFailed, "TLS handshake failed")
	}
	c := &peerConn{state: conn.ConnectionState(), address: address, generation: generation, verified: map[identifier.ClientID]verification{}}
	t := &http.Transport{
		DialTLSContext:         func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ResponseHeaderTimeout:  answerTimeout,
	}
	if c.ClientConn, err = t.NewClientConn(ctx, "https", address); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// race connects to the addresses at once; the first wins, the others are closed.
func race(ctx context.Context, addresses []string) (net.Conn, string, error) {
	var dialer net.Dialer
	if len(addresses) == 1 {
		conn, err := dialer.DialContext(ctx, "tcp", addresses[0])
		return conn, addresses[0], err
	}
	type result struct {
		conn    net.Conn
		address string
		err     error
	}
	results := make(chan result)
	done := make(chan struct{})
	defer close(done)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, address := range addresses {
		go func() {
			conn, err := dialer.DialContext(ctx, "tcp", address)
			select {
			case results <- result{conn, address, err}:
			case <-done:
				if conn != nil {
					_ = conn.Close()
				}
			}
		}()
	}
	var errs []error
	for range addresses {
		r := <-results
		if r.err == nil {
			return r.conn, r.address, nil
		}
		errs = append(errs, r.err)
	}
	return nil, "", errors.Join(errs...)
}

// close drops the connection: something is left unread on it.
func (c *peerConn) close() { _ = c.Close() }

// hostOf is the address of the configuration from a dialled address, as the OCSP responder is found.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return strings.Trim(address, "[]")
	}
	return host
}
