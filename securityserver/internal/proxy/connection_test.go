package proxy_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

// watchTLS opens the provider's door once more, with counters, and lets the consumer use it.
func (w *world) watchTLS() (connections, resumed *atomic.Int32) {
	connections, resumed = new(atomic.Int32), new(atomic.Int32)
	config := w.provider.serverSide.TLSConfig()
	verify := config.VerifyConnection
	config.VerifyConnection = func(s tls.ConnectionState) error {
		connections.Add(1)
		if s.DidResume {
			resumed.Add(1)
		}
		return verify(s)
	}
	_, w.consumer.ports.server = w.listen(w.provider.serverSide, config)
	w.openClient(w.consumer)
	return connections, resumed
}

func TestConnectionsAreKept(t *testing.T) {
	w := newWorld(t, nil)
	connections, _ := w.watchTLS()
	for range 5 {
		_, answer := post(t, w.consumer.clientURL, "text/xml", w.message())
		require.Contains(t, string(answer), "echoResponse")
	}
	require.EqualValues(t, 1, connections.Load())
}

// A refusal closes its connection; the next one resumes the TLS session.
func TestSessionsAreResumed(t *testing.T) {
	w := newWorld(t, nil)
	connections, resumed := w.watchTLS()
	_, answer := post(t, w.consumer.clientURL, "text/xml", w.message())
	require.Contains(t, string(answer), "echoResponse")
	w.provider.denied = true
	w.refused("server.serverproxy.access_denied", "")
	w.provider.denied = false
	_, answer = post(t, w.consumer.clientURL, "text/xml", w.message())
	require.Contains(t, string(answer), "echoResponse")
	require.EqualValues(t, 2, connections.Load())
	require.EqualValues(t, 1, resumed.Load())
}

// A kept connection is no way around the configuration: its peer is judged by the newest snapshot.
func TestKeptConnectionIsJudgedAnew(t *testing.T) {
	w := newWorld(t, nil)
	_, answer := post(t, w.consumer.clientURL, "text/xml", w.message())
	require.Contains(t, string(answer), "echoResponse")
	hashes := w.shared.SecurityServers[1].AuthCertHashes
	w.republish(func(s *globalconf.SharedParameters) { s.SecurityServers[1].AuthCertHashes = nil })
	w.refused("server.clientproxy.ssl_authentication_failed", "")
	w.republish(func(s *globalconf.SharedParameters) { s.SecurityServers[1].AuthCertHashes = hashes })
	_, answer = post(t, w.consumer.clientURL, "text/xml", w.message())
	require.Contains(t, string(answer), "echoResponse")
}

// The provider's server gets a new authentication certificate: kept connections and sessions show the old one and must not stand in the way.
func TestChangedAuthenticationCertificate(t *testing.T) {
	w := newWorld(t, nil)
	_, answer := post(t, w.consumer.clientURL, "text/xml", w.message())
	require.Contains(t, string(answer), "echoResponse")
	fresh, err := w.ca.Issue(testca.Spec{Usage: certificate.Authentication, Member: w.provider.id.Member(), ServerCode: "ss2"})
	require.NoError(t, err)
	w.provider.mu.Lock()
	w.provider.auth = fresh
	w.provider.ocsp[certificate.SHA1Hex(fresh.Certificate)] = fresh.OCSP[0]
	w.provider.mu.Unlock()
	w.republish(func(s *globalconf.SharedParameters) {
		s.SecurityServers[1].AuthCertHashes = [][]byte{certificate.HashSHA256(fresh.Certificate)}
	})
	_, answer = post(t, w.consumer.clientURL, "text/xml", w.message())
	require.Contains(t, string(answer), "echoResponse")
}

// Of several servers of a provider, one that does not answer is no obstacle.
func TestFastestServerWins(t *testing.T) {
	w := newWorld(t, nil)
	l, err := net.Listen("tcp", "127.0.0.5:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	w.republish(func(s *globalconf.SharedParameters) {
		other := s.SecurityServers[1]
		other.ID, other.Address, other.AuthCertHashes = w.consumer.server, "127.0.0.5", nil
		s.SecurityServers = append(s.SecurityServers[1:2:2], other)
		s.SecurityServers[1].Clients = append(s.SecurityServers[1].Clients, w.consumer.id)
		s.SecurityServers[1].AuthCertHashes = [][]byte{certificate.HashSHA256(w.consumer.auth.Certificate)}
	})
	for range 5 {
		_, answer := post(t, w.consumer.clientURL, "text/xml", w.message())
		require.Contains(t, string(answer), "echoResponse")
		w.openClient(w.consumer) // a new pool: connect again
	}
}

func TestOnlyAEADSuites(t *testing.T) {
	w := newWorld(t, nil)
	address := fmt.Sprintf("127.0.0.1:%d", w.provider.ports.server)
	pair := tls.Certificate{Certificate: [][]byte{w.consumer.auth.Certificate.Raw}, PrivateKey: w.consumer.auth.Signer}
	for name, c := range map[string]struct {
		config *tls.Config
		ok     bool
	}{
		"TLS 1.3":     {&tls.Config{MinVersion: tls.VersionTLS13}, true},
		"TLS 1.2 GCM": {&tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"TLS 1.2 CBC": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		"TLS 1.1":     {&tls.Config{MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}, false},
	} {
		c.config.InsecureSkipVerify, c.config.Certificates = true, []tls.Certificate{pair}
		conn, err := tls.Dial("tcp", address, c.config)
		require.Equal(t, c.ok, err == nil, "%s: %v", name, err)
		if conn != nil {
			conn.Close()
		}
	}
}

// Many at once: RSA signatures are made in batches, and every message still verifies.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, func(w *world) { w.rsa = true })
	var group sync.WaitGroup
	answers := make(chan string, 40)
	for range 40 {
		group.Go(func() {
			_, answer := post(t, w.consumer.clientURL, "text/xml", w.message())
			answers <- string(answer)
		})
	}
	group.Wait()
	close(answers)
	for answer := range answers {
		require.Contains(t, answer, "echoResponse")
	}
	batched := 0
	for _, r := range w.consumer.records {
		if r.HashChain != nil {
			batched++
		}
	}
	require.Positive(t, batched, "nothing was signed together")
}

func benchmark(b *testing.B, rsa bool) {
	w := newWorld(b, func(w *world) { w.rsa = rsa })
	message := w.message()
	post(b, w.consumer.clientURL, "text/xml", message)
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			post(b, w.consumer.clientURL, "text/xml", message)
		}
	})
	b.Run("many", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				post(b, w.consumer.clientURL, "text/xml", message)
			}
		})
	})
}

// One whole exchange between two servers on one machine: both proxies, both signatures, TLS, and the service.
func BenchmarkExchangeP256(b *testing.B)    { benchmark(b, false) }
func BenchmarkExchangeRSA2048(b *testing.B) { benchmark(b, true) }
