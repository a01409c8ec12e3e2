package proxy_test

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
	"github.com/ristmik/ristmik/securityserver/internal/proxy"
)

// traces are what an exchange leaves: how often the service was called, and the records of both message logs.
type traces struct{ called, provider, consumer int }

var (
	nothing  = traces{}                                    // refused before anything left
	sentOnly = traces{consumer: 1}                         // the consumer's server sent a request that the provider's refused
	noAnswer = traces{called: 1, provider: 1, consumer: 1} // the service was called, its answer was no answer
	refused  = traces{called: 1, provider: 2, consumer: 1} // the consumer's server did not accept the response
)

// demands sends the usual request, with an attachment if withFile, and asks for exactly this fault and these traces.
func (w *world) demands(t *testing.T, withFile bool, code, text string, left traces) {
	t.Helper()
	var calls atomic.Int32
	serve := w.serve
	w.serve = func(rw http.ResponseWriter, r *http.Request) { calls.Add(1); serve(rw, r) }
	contentType, body := "text/xml", w.message()
	if withFile {
		contentType, body = multipart(t, body, []byte("attached file"))
	}
	_, answer := post(t, w.consumer.clientURL, contentType, body)
	m, err := soap.Parse(answer, "text/xml")
	require.NoError(t, err, "%s", answer)
	require.NotNil(t, m.Fault, "%s", answer)
	require.Equal(t, [2]string{code, text}, [2]string{m.Fault.Code, m.Fault.String})
	require.Len(t, m.Fault.Detail, 36, "the detail is a UUID")
	require.Equal(t, left, traces{int(calls.Load()), len(w.provider.records), len(w.consumer.records)}, "calls of the service, records of the provider and the consumer")
}

func (w *world) issue(ca *testca.CA, spec testca.Spec) signature.Credential {
	w.t.Helper()
	c, err := ca.Issue(spec)
	require.NoError(w.t, err)
	return c
}

func (w *world) stale(c signature.Credential) signature.Credential {
	w.t.Helper()
	response, err := w.ca.OCSPWith(c.Certificate, testca.OCSPOptions{ThisUpdate: now.Add(-2 * time.Hour), NoNextUpdate: true})
	require.NoError(w.t, err)
	c.OCSP = [][]byte{response}
	return c
}

// authenticate gives a member another authentication certificate, which the configuration then lists.
func (w *world) authenticate(m *member, c signature.Credential) {
	m.auth = c
	m.ocsp = map[string][]byte{certificate.SHA1Hex(c.Certificate): c.OCSP[0]}
	w.publish()
}

const (
	before    = "server.clientproxy."
	inRequest = "server.serverproxy.signature_verification."
	peerOf    = "server.serverproxy.service_failed.ssl_authentication_failed"
	inAnswer  = "server.clientproxy.signature_verification."
	peer      = "server.clientproxy.ssl_authentication_failed"
	path      = "cannot_create_cert_path"
	tooOld    = "OCSP response is too old (thisUpdate: 2026-11-20T10:00:00Z)"
	noPath    = "Unable to find valid certification path: certificate has expired or is not yet valid"
	strangers = "Certificate is not issued by approved certification service provider."
)

// TestBadCertificatesInMessages: expired, a stranger's, another member's, for the wrong usage, with a stale OCSP response — of the signer and of
// the server, on either side.
func TestBadCertificatesInMessages(t *testing.T) {
	old := testca.Spec{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(-time.Second)}
	spec := func(m *member, base testca.Spec, usage certificate.Usage) testca.Spec {
		base.Member, base.Usage, base.ServerCode = m.id.Member(), usage, m.server.ServerCode()
		return base
	}
	for name, c := range map[string]struct {
		change     func(w *world, stranger *testca.CA)
		code, text string
		left       traces
	}{
		"request/expired signer": {func(w *world, _ *testca.CA) {
			w.consumer.signing = w.issue(w.ca, spec(w.consumer, old, certificate.Signing))
		}, inRequest + path, noPath, sentOnly},
		"request/stranger's signer": {func(w *world, s *testca.CA) {
			w.consumer.signing = w.issue(s, spec(w.consumer, testca.Spec{}, certificate.Signing))
		}, inRequest + "internal_error", strangers, sentOnly},
		"request/another member's signer": {func(w *world, _ *testca.CA) { w.consumer.signing = w.provider.signing },
			inRequest + "incorrect_certificate", "Name in certificate (MEMBER:EE/GOV/2) does not match name in message (SUBSYSTEM:EE/GOV/1/consumer)", sentOnly},
		"request/signed with the authentication key": {func(w *world, _ *testca.CA) { w.consumer.signing = w.consumer.auth },
			inRequest + "malformed_signature", "Certificate C=EE,CN=ss1 is not a signing certificate", sentOnly},
		"request/signer's OCSP response stale": {func(w *world, _ *testca.CA) { w.consumer.signing = w.stale(w.consumer.signing) },
			inRequest + "invalid_cert_path.incorrect_validation_info", tooOld, sentOnly},
		"request/expired server": {func(w *world, _ *testca.CA) {
			w.authenticate(w.consumer, w.issue(w.ca, spec(w.consumer, old, certificate.Authentication)))
		}, peerOf + "." + path, noPath, sentOnly},
		"request/stranger's server": {func(w *world, s *testca.CA) {
			w.authenticate(w.consumer, w.issue(s, spec(w.consumer, testca.Spec{}, certificate.Authentication)))
		}, peerOf + "." + path + ".internal_error", strangers, sentOnly},
		"request/server shows a signing certificate": {func(w *world, _ *testca.CA) { w.authenticate(w.consumer, w.consumer.signing) },
			peerOf, "Peer certificate is not an authentication certificate", sentOnly},
		"request/server's OCSP response stale": {func(w *world, _ *testca.CA) { w.consumer.auth = w.stale(w.consumer.auth) },
			peerOf + ".invalid_cert_path.incorrect_validation_info", tooOld, sentOnly},
		"request/server of another member": {func(w *world, _ *testca.CA) {
			w.republish(func(s *globalconf.SharedParameters) { s.SecurityServers[0].Clients = nil })
		}, peerOf, "Client 'SUBSYSTEM:EE/GOV/1/consumer' is not registered at security server SERVER:EE/GOV/1/ss1", sentOnly},

		"response/expired signer": {func(w *world, _ *testca.CA) {
			w.provider.signing = w.issue(w.ca, spec(w.provider, old, certificate.Signing))
		}, inAnswer + path, noPath, refused},
		"response/stranger's signer": {func(w *world, s *testca.CA) {
			w.provider.signing = w.issue(s, spec(w.provider, testca.Spec{}, certificate.Signing))
		}, inAnswer + "internal_error", strangers, refused},
		"response/another member's signer": {func(w *world, _ *testca.CA) { w.provider.signing = w.consumer.signing },
			inAnswer + "incorrect_certificate", "Name in certificate (MEMBER:EE/GOV/1) does not match name in message (SUBSYSTEM:EE/GOV/2/provider)", refused},
		"response/signed with the authentication key": {func(w *world, _ *testca.CA) { w.provider.signing = w.provider.auth },
			inAnswer + "malformed_signature", "Certificate C=EE,CN=ss2 is not a signing certificate", refused},
		"response/signer's OCSP response stale": {func(w *world, _ *testca.CA) { w.provider.signing = w.stale(w.provider.signing) },
			inAnswer + "invalid_cert_path.incorrect_validation_info", tooOld, refused},
		"response/expired server": {func(w *world, _ *testca.CA) {
			w.authenticate(w.provider, w.issue(w.ca, spec(w.provider, old, certificate.Authentication)))
		}, peer + "." + path, noPath, nothing},
		"response/stranger's server": {func(w *world, s *testca.CA) {
			w.authenticate(w.provider, w.issue(s, spec(w.provider, testca.Spec{}, certificate.Authentication)))
		}, peer + "." + path + ".internal_error", strangers, nothing},
		"response/server shows a signing certificate": {func(w *world, _ *testca.CA) { w.authenticate(w.provider, w.provider.signing) },
			peer, "Peer certificate is not an authentication certificate", nothing},
		"response/server's OCSP response stale": {func(w *world, _ *testca.CA) { w.authenticate(w.provider, w.stale(w.provider.auth)) },
			peer + ".invalid_cert_path.incorrect_validation_info", tooOld, nothing},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			stranger, err := testca.New(testca.Config{Name: "Stranger", Now: clock})
			require.NoError(t, err)
			c.change(w, stranger)
			w.demands(t, false, c.code, c.text, c.left)
		})
	}
}

// swapped replaces the base64 character at offset after needle by another one.
func swapped(t *testing.T, body []byte, needle string, offset int) []byte {
	changed := flip(t, body, needle, offset)
	if at := bytes.Index(body, []byte(needle)) + len(needle) + offset; body[at] == 'A' {
		changed[at] = 'B'
	} else {
		changed[at] = 'A'
	}
	return changed
}

// TestTamperedBytes changes one character of every part between the two servers and asks for the sentence, and that nothing passed.
func TestTamperedBytes(t *testing.T) {
	const hashChain = "malformed_signature.invalid_hash_chain"
	for _, c := range []struct {
		name, needle string
		base64At     int // where the base64 text begins after needle; -1: the bytes are no base64
		code, text   string
	}{
		{"message", "xmlns:p=\"urn:p\">", -1, hashChain, "Hash chain result does not match hash chain calculation"},
		{"attachment", "\r\n\r\nattached ", -1, hashChain, "Hash chain result does not match hash chain calculation"},
		{"hash chain result", "hash-chain-result\r\n\r\n<", -1, "malformed_signature.malformed_hash_chain", "Parsing hash chain failed"},
		{"hash chain", "hash-chain\r\n\r\n<", -1, "malformed_signature.malformed_hash_chain", "Parsing hash chain failed"},
		{"digest in the hash chain", "DigestValue>", 0, hashChain, "Hash chain result does not match hash chain calculation"},
		{"signature value", "SignatureValue Id=\"signature-value\">", 1, "invalid_signature_value", "Signature is not valid"},
		{"signing time", "<xades:SigningTime>202", -1, "invalid_signature_value", "Signature is not valid"},
		{"certificate of the signer", "<ds:X509Certificate>\nMII", 0, "malformed_signature", "Signature contains a malformed certificate"},
	} {
		change := func(body []byte) []byte { return flip(t, body, c.needle, 0) }
		if c.base64At >= 0 {
			change = func(body []byte) []byte { return swapped(t, body, c.needle, c.base64At) }
		}
		t.Run("request/"+c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.request = change
			w.demands(t, true, inRequest+c.code, c.text, sentOnly)
		})
		t.Run("response/"+c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.response = change
			w.demands(t, true, inAnswer+c.code, c.text, refused)
		})
	}
	for name, c := range map[string]struct{ needle, code, text string }{
		"OCSP response": {"\x18\x0f20261120", "invalid_cert_path.incorrect_validation_info", "Signature on OCSP response is not valid"},
		"OCSP response's first byte": {"content-type: application/ocsp-response\r\n\r\n", "invalid_cert_path.cert_validation",
			"Unable to find OCSP response for certificate C=EE,CN=ss1"},
	} {
		t.Run("request/"+name, func(t *testing.T) { // responses carry none
			w := newWorld(t, nil)
			w.request = func(body []byte) []byte { return flip(t, body, c.needle, 0) }
			w.demands(t, true, peerOf+"."+c.code, c.text, sentOnly)
		})
	}
}

// TestUnknownParties: a client or a provider that nobody knows, or that is not registered here, gets nothing and reaches nothing.
func TestUnknownParties(t *testing.T) {
	for name, c := range map[string]struct {
		change     func(w *world)
		code, text string
		left       traces
	}{
		"client not registered here": {func(w *world) { delete(w.consumer.clients, w.consumer.id) }, before + "unknown_member",
			"Client 'SUBSYSTEM:EE/GOV/1/consumer' not found", nothing},
		"provider nobody knows": {func(w *world) {
			w.republish(func(s *globalconf.SharedParameters) {
				s.Members, s.SecurityServers = s.Members[:1:1], s.SecurityServers[:1:1]
			})
		}, before + "unknown_member", `Could not find addresses for service provider "SUBSYSTEM:EE/GOV/2/provider"`, nothing},
		"provider at no server": {func(w *world) {
			w.republish(func(s *globalconf.SharedParameters) { s.SecurityServers[1].Clients = nil })
		}, before + "unknown_member", `Could not find addresses for service provider "SUBSYSTEM:EE/GOV/2/provider"`, nothing},
		"provider not registered at its server": {func(w *world) { delete(w.provider.clients, w.provider.id) },
			"server.serverproxy.service_failed.unknown_member", "Client 'SUBSYSTEM:EE/GOV/2/provider' not found", sentOnly},
		"unknown service": {func(w *world) { clear(w.provider.services) }, "server.serverproxy.unknown_service",
			"Unknown service: SERVICE:EE/GOV/2/provider/echo/v1", sentOnly},
		"no access right": {func(w *world) { w.provider.denied = true }, "server.serverproxy.access_denied",
			"Request is not allowed: SERVICE:EE/GOV/2/provider/echo/v1", sentOnly},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			c.change(w)
			w.demands(t, false, c.code, c.text, c.left)
		})
	}
}

// TestExpiredConfigurationAtEitherProxy: each side goes by its own configuration.
func TestExpiredConfigurationAtEitherProxy(t *testing.T) {
	const text = "Global configuration is expired"
	t.Run("client proxy", func(t *testing.T) {
		w := newWorld(t, nil)
		w.expire = now.Add(-time.Second)
		w.republish(func(*globalconf.SharedParameters) {})
		w.demands(t, false, before+"global_conf_outdated", text, nothing)
	})
	for name, missing := range map[string]bool{"server proxy, expired": false, "server proxy, none": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			c := w.config(w.provider)
			old, err := globalconf.NewSnapshot(&globalconf.PrivateParameters{InstanceIdentifier: "EE"}, []*globalconf.SharedParameters{&w.shared}, 6, now.Add(-time.Second))
			require.NoError(t, err)
			if missing {
				old = nil
			}
			c.Snapshot = func() *globalconf.Snapshot { return old }
			door := proxy.NewServerProxy(c)
			_, w.consumer.ports.server = w.listen(door, w.provider.serverSide.TLSConfig())
			w.openClient(w.consumer)
			w.demands(t, false, "server.serverproxy.global_conf_outdated", text, sentOnly)
		})
	}
}

// TestNobodyThere: the provider's service is down, or its server.
func TestNobodyThere(t *testing.T) {
	t.Run("service", func(t *testing.T) {
		w := newWorld(t, nil)
		w.service.Close()
		w.demands(t, false, "server.serverproxy.service_failed.network_error", "Could not connect to "+strings.TrimPrefix(w.service.URL, "http://"),
			traces{provider: 1, consumer: 1})
	})
	t.Run("server", func(t *testing.T) {
		w := newWorld(t, nil)
		w.consumer.ports.server = freePort(t)
		w.openClient(w.consumer)
		w.demands(t, false, before+"network_error", "Could not connect to 127.0.0.1:"+strconv.Itoa(w.consumer.ports.server), nothing)
	})
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestAnswersThatAreNotSOAP of a provider's service and of the other server.
func TestAnswersThatAreNotSOAP(t *testing.T) {
	const noEnvelope = "Malformed SOAP message: envelope missing"
	for name, c := range map[string]struct {
		kind       string
		body       string
		code, text string
	}{
		"HTML":            {"text/html", "<html/>", "invalid_content_type", "Invalid content type: text/html"},
		"XML but no SOAP": {"text/xml", "<html/>", "invalid_soap", noEnvelope},
		"not XML":         {"text/xml", "hello", "invalid_soap", "Malformed XML: text outside the root element"},
	} {
		t.Run("service/"+name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.serve = answering(c.kind, 200, []byte(c.body))
			w.demands(t, false, "server.serverproxy.service_failed."+c.code, c.text, noAnswer)
		})
		t.Run("server/"+name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.responseType, w.response = c.kind, func([]byte) []byte { return []byte(c.body) }
			w.demands(t, false, "server.clientproxy.service_failed."+c.code, c.text, refused)
		})
	}
	t.Run("service/nothing", func(t *testing.T) {
		w := newWorld(t, nil)
		w.serve = answering("text/xml", 200, nil)
		w.demands(t, false, "server.serverproxy.service_failed.invalid_message", "No response message received from service", noAnswer)
	})
	t.Run("server/nothing", func(t *testing.T) {
		w := newWorld(t, nil)
		w.responseType, w.response = "text/xml", func([]byte) []byte { return nil }
		w.demands(t, false, "server.clientproxy.service_failed.invalid_soap", "Malformed XML: no root element", refused)
	})
}
