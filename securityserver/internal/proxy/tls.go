package proxy

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/signature"
)

// aeadSuites are the TLS 1.2 suites that are offered and accepted; those of TLS 1.3 are all AEAD.
var aeadSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// tlsCertificate is a credential as it is shown in a handshake: the leaf and its intermediates.
func tlsCertificate(c signature.Credential) *tls.Certificate {
	t := &tls.Certificate{Certificate: [][]byte{c.Certificate.Raw}, PrivateKey: c.Signer, Leaf: c.Certificate}
	for _, intermediate := range c.Chain {
		t.Certificate = append(t.Certificate, intermediate.Raw)
	}
	return t
}

// TLSConfig is that of the door for other security servers (5500): our authentication certificate, and any client certificate that the
// configuration lists for some server. The rest is verified when the message is there and says who sends it.
func (p *ServerProxy) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: aeadSuites,
		Time:         p.config.Now,
		ClientAuth:   tls.RequireAnyClientCert,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			credential, err := p.config.Credentials.Authentication(hello.Context())
			if err != nil {
				return nil, err
			}
			return tlsCertificate(credential), nil
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			return knownServer(p.config.Snapshot(), state)
		},
	}
}

func knownServer(s *globalconf.Snapshot, state tls.ConnectionState) error {
	if s != nil && len(state.PeerCertificates) > 0 {
		if _, ok := s.ServerByAuthCertificate(state.PeerCertificates[0].Raw); ok {
			return nil
		}
	}
	return fault.New(fault.Unauthorized, tlsFailed, "The server's authentication certificate is not trusted")
}

// TLSConfig is that of the door for information systems (8443): the server's internal TLS certificate. A client certificate is asked for and
// compared when the message says which client it is.
func (p *ClientProxy) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: aeadSuites,
		Time:         p.config.Now,
		ClientAuth:   tls.RequestClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return p.config.InternalTLS()
		},
	}
}

// withoutRoots gives the certificates of a chain that OCSP responses are needed for.
func withoutRoots(chain []*x509.Certificate) []*x509.Certificate {
	var kept []*x509.Certificate
	for _, c := range chain {
		if string(c.RawIssuer) != string(c.RawSubject) {
			kept = append(kept, c)
		}
	}
	return kept
}
