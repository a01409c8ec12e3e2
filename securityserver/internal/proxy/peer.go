package proxy

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
)

// peers verifies which security server is at the other end of a connection, with OCSP responses from its own memory or from the peer.
type peers struct {
	config Config
	http   *http.Client

	mu        sync.Mutex
	responses map[string][]byte // by SHA-1 of the certificate; they may have become stale
}

// maxResponses bounds the remembered OCSP responses.
const maxResponses = 4096

func newPeers(c Config) *peers {
	return &peers{config: c, responses: map[string][]byte{}, http: &http.Client{
		Timeout:       connectTimeout,
		Transport:     &http.Transport{IdleConnTimeout: poolTimeout, ResponseHeaderTimeout: connectTimeout, MaxResponseHeaderBytes: maxHeaderBytes},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// verify demands that the server at the other end serves the provider (UC MESS_07). Every failure has a code that starts with
// ssl_authentication_failed.
func (p *peers) verify(ctx context.Context, s *globalconf.Snapshot, c *peerConn, provider identifier.ClientID) error {
	now := p.config.Now()
	if v := c.verified[provider]; v.snapshot == weak.Make(s) && now.Sub(v.at) < verifyAgain {
		return nil
	}
	if len(c.state.PeerCertificates) == 0 {
		return fault.New(fault.Unauthorized, tlsFailed, "Service provider did not provide TLS certificate")
	}
	if err := p.verifyCertificates(ctx, s, c, provider, now); err != nil {
		return tlsRefusal(err)
	}
	if err := serves(s, c.state.PeerCertificates[0], provider); err != nil {
		return err
	}
	c.verified[provider] = verification{weak.Make(s), now}
	return nil
}

func (p *peers) verifyCertificates(ctx context.Context, s *globalconf.Snapshot, c *peerConn, provider identifier.ClientID, now time.Time) error {
	chain := c.state.PeerCertificates
	if len(chain) > maxCertificates {
		return fault.New(fault.Unauthorized, tlsFailed, "Peer sent too many certificates")
	}
	trust, err := s.Trust(provider.Instance())
	if err != nil {
		return err
	}
	asked := withoutRoots(chain)
	if known := p.known(asked); len(known) == len(asked) && trust.VerifyAuthentication(chain[0], chain[1:], known, now) == nil {
		return nil
	}
	fetched, err := p.fetch(ctx, hostOf(c.address), asked)
	if err != nil {
		return err
	}
	if err := trust.VerifyAuthentication(chain[0], chain[1:], fetched, now); err != nil {
		return err
	}
	p.remember(asked, fetched)
	return nil
}

// serves demands that the certificate belongs to a server where the client is registered.
func serves(s *globalconf.Snapshot, leaf *x509.Certificate, client identifier.ClientID) error {
	server, ok := s.ServerByAuthCertificate(leaf.Raw)
	if !ok {
		return fault.New(fault.Unauthorized, tlsFailed, "Authentication certificate %s is not associated with any security server",
			certificate.DistinguishedName(leaf.RawSubject))
	}
	if !s.Lists(server, client) {
		return fault.New(fault.Unauthorized, tlsFailed, "Client '%s' is not registered at security server %s", client, server)
	}
	return nil
}

func (p *peers) known(chain []*x509.Certificate) [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found [][]byte
	for _, c := range chain {
		if der, ok := p.responses[certificate.SHA1Hex(c)]; ok {
			found = append(found, der)
		}
	}
	return found
}

func (p *peers) remember(chain []*x509.Certificate, responses [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.responses) > maxResponses {
		clear(p.responses)
	}
	for i, c := range chain {
		p.responses[certificate.SHA1Hex(c)] = responses[i]
	}
}

// fetch asks the peer's OCSP responder for the responses of these certificates.
func (p *peers) fetch(ctx context.Context, host string, chain []*x509.Certificate) ([][]byte, error) {
	query := url.Values{}
	for _, c := range chain {
		query.Add("cert", certificate.SHA1Hex(c))
		query.Add("cert_hash", certificate.SHA256Hex(c))
	}
	address := net.JoinHostPort(host, strconv.Itoa(p.config.OCSPPort))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", soap.MultipartRelated)
	response, err := p.http.Do(request)
	if err != nil {
		return nil, noOCSP(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, noOCSP(fmt.Errorf("status %d", response.StatusCode))
	}
	parts, err := soap.ReadMultipart(io.LimitReader(response.Body, maxOCSPAnswer), response.Header.Get("Content-Type"),
		soap.Limits{Parts: maxCertificates, Part: maxOCSPAnswer})
	if err != nil {
		return nil, noOCSP(err)
	}
	if len(parts) != len(chain) {
		return nil, noOCSP(fmt.Errorf("%d responses for %d certificates", len(parts), len(chain)))
	}
	responses := make([][]byte, len(parts))
	for i, part := range parts {
		if !strings.EqualFold(soap.BaseType(part.Get("content-type")), "application/ocsp-response") {
			return nil, noOCSP(fmt.Errorf("part %d is %s", i+1, part.Get("content-type")))
		}
		responses[i] = part.Body
	}
	return responses, nil
}

func noOCSP(err error) error {
	return fault.Wrap(err, fault.Unauthorized, "cert_validation", "Unable to get OCSP responses of the service provider's certificates")
}
