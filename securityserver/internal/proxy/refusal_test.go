package proxy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
	"github.com/ristmik/ristmik/securityserver/internal/proxy"
)

func clientOf(id identifier.ClientID, connection proxy.ConnectionType, certificates ...[]byte) proxy.Client {
	return proxy.Client{ID: id, Connection: connection, Certificates: certificates}
}

func answering(contentType string, status int, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = nil
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

// What the client proxy refuses before anything leaves.
func TestClientProxyRefuses(t *testing.T) {
	const consumer, provider = "SUBSYSTEM:EE/GOV/1/consumer", "SUBSYSTEM:EE/GOV/2/provider"
	for name, c := range map[string]struct {
		change     func(w *world)
		code, text string
	}{
		"expired configuration": {func(w *world) { w.expire = now.Add(-time.Second); w.republish(func(*globalconf.SharedParameters) {}) },
			"server.clientproxy.global_conf_outdated", "Global configuration is expired"},
		"no configuration": {func(w *world) { w.snapshot.Store(nil) }, "server.clientproxy.global_conf_outdated", "Global configuration is expired"},
		"no authentication certificate": {func(w *world) { w.consumer.auth.Signer = nil },
			"server.clientproxy.ssl_authentication_failed", "Security server has no valid authentication certificate"},
		"client not registered": {func(w *world) { delete(w.consumer.clients, w.consumer.id) },
			"server.clientproxy.unknown_member", "Client '" + consumer + "' not found"},
		"plaintext for HTTPS NO AUTH": {func(w *world) { w.consumer.clients[w.consumer.id] = clientOf(w.consumer.id, proxy.HTTPSNoAuth) },
			"server.clientproxy.ssl_authentication_failed", "Client (" + consumer + ") specifies HTTPS NO AUTH but client made plaintext connection"},
		"plaintext for HTTPS": {func(w *world) { w.consumer.clients[w.consumer.id] = clientOf(w.consumer.id, proxy.HTTPS) },
			"server.clientproxy.ssl_authentication_failed", "Client (" + consumer + ") specifies HTTPS but did not supply TLS certificate"},
		"unknown provider": {func(w *world) {
			w.republish(func(s *globalconf.SharedParameters) { s.SecurityServers[1].Clients = nil })
		}, "server.clientproxy.unknown_member", `Could not find addresses for service provider "` + provider + `"`},
		"maintenance": {func(w *world) {
			message := "back at noon"
			w.republish(func(s *globalconf.SharedParameters) { s.SecurityServers[1].Maintenance = &message })
		}, "server.clientproxy.maintenance_mode",
			`Security server "SERVER:EE/GOV/2/ss2" with address "127.0.0.1" is in maintenance mode. Message from "SERVER:EE/GOV/2/ss2" administrator: back at noon`},
		"silent maintenance": {func(w *world) {
			w.republish(func(s *globalconf.SharedParameters) { s.SecurityServers[1].Maintenance = new(string) })
		}, "server.clientproxy.maintenance_mode", `Security server "SERVER:EE/GOV/2/ss2" with address "127.0.0.1" is in maintenance mode`},
		"request not logged": {func(w *world) {
			w.consumer.logError = fault.Wrap(errors.New("disk full"), fault.Internal, "logging_failed.internal_error", "Failed to save message to message log")
		}, "server.clientproxy.logging_failed.internal_error", "Failed to save message to message log"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			c.change(w)
			w.t = t
			w.refused(c.code, c.text)
			require.Empty(t, w.provider.records)
		})
	}
}

func TestSecurityServerHeader(t *testing.T) {
	w := newWorld(t, nil)
	pick := func(id identifier.SecurityServerID) []byte {
		body := envelope(w.consumer.id, w.provider.id, string(id.AppendXML(nil, "x:securityServer")), `<p:echo xmlns:p="urn:p"/>`)
		_, answer := post(t, w.consumer.clientURL, "text/xml", body)
		return answer
	}
	require.Contains(t, string(pick(w.provider.server)), "echoResponse")
	requireFault(t, pick(w.consumer.server), "server.clientproxy.invalid_security_server", `Invalid security server "SERVER:EE/GOV/1/ss1"`)
	other, err := identifier.NewSecurityServer(w.provider.id.Member(), "other")
	require.NoError(t, err)
	requireFault(t, pick(other), "server.clientproxy.invalid_security_server", `Could not find security server "SERVER:EE/GOV/2/other"`)
}

// What is wrong with the information system's request has the prefix client.
func TestMalformedRequests(t *testing.T) {
	w := newWorld(t, nil)
	good := string(w.message())
	for name, c := range map[string]struct{ contentType, body, code, text string }{
		"no content type":   {"", good, "client.invalid_request", "Could not get content type from request"},
		"wrong type":        {"application/json", good, "client.invalid_content_type", "Invalid content type: application/json"},
		"no body":           {"text/xml", `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/></s:Envelope>`, "client.missing_header_field", ""},
		"not SOAP":          {"text/xml", `<a/>`, "client.invalid_soap", ""},
		"a fault":           {"text/xml", string((&soap.Fault{Code: "CODE", String: "text"}).Encode()), "client.CODE", "text"},
		"nothing in it":     {"multipart/related; boundary=x", "--x--\r\n", "client.missing_soap", ""},
		"part without type": {"multipart/related; boundary=x", "--x\r\n\r\nhello\r\n--x--\r\n", "client.invalid_content_type", "Could not get content type for part"},
		"too long":          {"text/xml", good + strings.Repeat(" ", 1<<20), "client.invalid_message", ""},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequest(http.MethodPost, w.consumer.clientURL, strings.NewReader(c.body))
			require.NoError(t, err)
			if c.contentType != "" {
				request.Header.Set("Content-Type", c.contentType)
			}
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, `""`, response.Header.Get("SOAPAction"))
			requireFault(t, answer, c.code, c.text)
		})
	}
	response, err := http.Get(w.consumer.clientURL)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	requireFault(t, answer, "client.invalid_http_method", "Must use POST request method instead of GET")
}

func TestConnectionTypes(t *testing.T) {
	w := newWorld(t, nil)
	ours, err := w.ca.Issue(testca.Spec{Usage: certificate.Authentication, Member: w.consumer.id.Member()})
	require.NoError(t, err)
	other, err := w.ca.Issue(testca.Spec{Usage: certificate.Authentication, Member: w.consumer.id.Member()})
	require.NoError(t, err)
	with := func(certificates ...tls.Certificate) *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates}}}
	}
	pair := tls.Certificate{Certificate: [][]byte{ours.Certificate.Raw}, PrivateKey: ours.Signer}
	const failed, consumer = "server.clientproxy.ssl_authentication_failed", "SUBSYSTEM:EE/GOV/1/consumer"
	for name, c := range map[string]struct {
		client *http.Client
		record proxy.Client
		text   string // "" is served
	}{
		"HTTP over TLS":        {with(), clientOf(w.consumer.id, proxy.HTTP), ""},
		"no auth":              {with(), clientOf(w.consumer.id, proxy.HTTPSNoAuth), ""},
		"certificate matches":  {with(pair), clientOf(w.consumer.id, proxy.HTTPS, other.Certificate.Raw, ours.Certificate.Raw), ""},
		"no certificate shown": {with(), clientOf(w.consumer.id, proxy.HTTPS, ours.Certificate.Raw), "Client (" + consumer + ") specifies HTTPS but did not supply TLS certificate"},
		"none stored":          {with(pair), clientOf(w.consumer.id, proxy.HTTPS), "Client (" + consumer + ") has no IS certificates"},
		"another stored":       {with(pair), clientOf(w.consumer.id, proxy.HTTPS, other.Certificate.Raw), "Client (" + consumer + ") TLS certificate does not match any IS certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			w.consumer.clients[w.consumer.id] = c.record
			_, answer := postWith(t, c.client, w.consumer.secureURL, "text/xml", w.message())
			if c.text == "" {
				require.Contains(t, string(answer), "echoResponse")
				return
			}
			requireFault(t, answer, failed, c.text)
		})
	}
}

// What the server proxy refuses; the information system sees its fault unchanged.
func TestServerProxyRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change     func(w *world)
		code, text string
	}{
		"provider not registered here": {func(w *world) { delete(w.provider.clients, w.provider.id) },
			"server.serverproxy.service_failed.unknown_member", "Client 'SUBSYSTEM:EE/GOV/2/provider' not found"},
		"access denied": {func(w *world) { w.provider.denied = true },
			"server.serverproxy.access_denied", "Request is not allowed: SERVICE:EE/GOV/2/provider/echo/v1"},
		"no such service": {func(w *world) { clear(w.provider.services) },
			"server.serverproxy.unknown_service", "Unknown service: SERVICE:EE/GOV/2/provider/echo/v1"},
		"REST": {func(w *world) { w.provider.services["echo.v1"] = proxy.Service{REST: true} },
			"server.serverproxy.service_type", "Service is a REST service and cannot be called using SOAP interface"},
		"disabled": {func(w *world) { w.provider.services["echo.v1"] = proxy.Service{Disabled: true, Notice: "moved"} },
			"server.serverproxy.service_disabled", "Service SERVICE:EE/GOV/2/provider/echo/v1 is disabled: moved"},
		"no address": {func(w *world) { w.provider.services["echo.v1"] = proxy.Service{} },
			"server.serverproxy.service_failed.service_missing_url", "Service address not specified for 'SERVICE:EE/GOV/2/provider/echo/v1'"},
		"malformed address": {func(w *world) { w.provider.services["echo.v1"] = proxy.Service{URL: "ftp://x"} },
			"server.serverproxy.service_failed.service_malformed_url", ""},
		"service down": {func(w *world) { w.service.Close() }, "server.serverproxy.service_failed.network_error", ""},
		"service unknown host": {func(w *world) { w.provider.services["echo.v1"] = proxy.Service{URL: "http://no-such-host.invalid/"} },
			"server.serverproxy.service_failed.unknown_host", ""},
		"service hangs up": {func(w *world) { w.serve = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) } },
			"server.serverproxy.service_failed.io_error", ""},
		"service too slow": {func(w *world) {
			w.provider.services["echo.v1"] = proxy.Service{URL: w.service.URL, Timeout: 50 * time.Millisecond}
			w.serve = func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }
		}, "server.serverproxy.service_failed.io_error", "Timed out"},
		"service answers 404": {func(w *world) { w.serve = answering("text/xml", 404, nil) },
			"server.serverproxy.service_failed.http_error", "Server responded with error 404: Not Found"},
		"answer without type": {func(w *world) { w.serve = answering("", 200, []byte("x")) },
			"server.serverproxy.service_failed.invalid_content_type", "Could not get content type from response"},
		"answer not SOAP": {func(w *world) { w.serve = answering("text/html", 200, []byte("<html/>")) },
			"server.serverproxy.service_failed.invalid_content_type", ""},
		"answer not an envelope": {func(w *world) { w.serve = answering("text/xml", 200, []byte("<html/>")) },
			"server.serverproxy.service_failed.invalid_soap", ""},
		"empty answer": {func(w *world) { w.serve = answering("text/xml", 200, nil) },
			"server.serverproxy.service_failed.invalid_message", "No response message received from service"},
		"response not logged": {func(w *world) {
			w.serve = func(rw http.ResponseWriter, r *http.Request) {
				w.provider.mu.Lock()
				w.provider.logError = fault.New(fault.Internal, "logging_failed.internal_error", "Failed to save message to message log")
				w.provider.mu.Unlock()
				echo(rw, r)
			}
		}, "server.serverproxy.logging_failed.internal_error", "Failed to save message to message log"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			c.change(w)
			w.t = t
			w.refused(c.code, c.text)
		})
	}
}

func TestAnswerOfAnotherRequest(t *testing.T) {
	w := newWorld(t, nil)
	w.serve = func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rw.Header().Set("Content-Type", "text/xml")
		_, _ = rw.Write(respond(bytes.Replace(body, []byte("<x:id>m1"), []byte("<x:id>m2"), 1)))
	}
	w.refused("server.clientproxy.service_failed.inconsistent_response", "")
}

func TestPeerCertificates(t *testing.T) {
	for name, c := range map[string]struct {
		change     func(w *world)
		code, text string
	}{
		"server not of the provider": {func(w *world) {
			w.republish(func(s *globalconf.SharedParameters) {
				s.SecurityServers[0].AuthCertHashes, s.SecurityServers[1].AuthCertHashes = append(s.SecurityServers[0].AuthCertHashes, s.SecurityServers[1].AuthCertHashes...), nil
			})
		}, "server.clientproxy.ssl_authentication_failed", "Client 'SUBSYSTEM:EE/GOV/2/provider' is not registered at security server SERVER:EE/GOV/1/ss1"},
		"server unknown": {func(w *world) {
			w.republish(func(s *globalconf.SharedParameters) { s.SecurityServers[1].AuthCertHashes = nil })
		}, "server.clientproxy.ssl_authentication_failed", ""},
		"server shows a signing certificate": {func(w *world) {
			w.provider.auth = w.provider.signing
			w.provider.ocsp[certificate.SHA1Hex(w.provider.signing.Certificate)] = w.provider.signing.OCSP[0]
		}, "server.clientproxy.ssl_authentication_failed", "Peer certificate is not an authentication certificate"},
		"no OCSP response to be had": {func(w *world) { clear(w.provider.ocsp) },
			"server.clientproxy.ssl_authentication_failed.cert_validation", "Unable to get OCSP responses of the service provider's certificates"},
		"server's OCSP response stale": {func(w *world) {
			stale, err := w.ca.OCSPWith(w.provider.auth.Certificate, testca.OCSPOptions{ThisUpdate: now.Add(-2 * time.Hour), NoNextUpdate: true})
			require.NoError(w.t, err)
			w.provider.ocsp[certificate.SHA1Hex(w.provider.auth.Certificate)] = stale
		}, "server.clientproxy.ssl_authentication_failed.invalid_cert_path.incorrect_validation_info", ""},
		"client's OCSP response stale": {func(w *world) {
			stale, err := w.ca.OCSPWith(w.consumer.auth.Certificate, testca.OCSPOptions{ThisUpdate: now.Add(-2 * time.Hour), NoNextUpdate: true})
			require.NoError(w.t, err)
			w.consumer.auth.OCSP = [][]byte{stale}
		}, "server.serverproxy.service_failed.ssl_authentication_failed.invalid_cert_path.incorrect_validation_info", ""},
		"client's OCSP response missing": {func(w *world) { w.consumer.auth.OCSP = nil },
			"server.serverproxy.service_failed.ssl_authentication_failed", "Cannot verify TLS certificate, corresponding OCSP response is missing"},
		"client not at that server": {func(w *world) {
			w.republish(func(s *globalconf.SharedParameters) { s.SecurityServers[0].Clients = nil })
		}, "server.serverproxy.service_failed.ssl_authentication_failed", "Client 'SUBSYSTEM:EE/GOV/1/consumer' is not registered at security server SERVER:EE/GOV/1/ss1"},
		"signing key of another member": {func(w *world) { w.consumer.signing = w.provider.signing },
			"server.serverproxy.signature_verification.incorrect_certificate", "Name in certificate (MEMBER:EE/GOV/2) does not match name in message (SUBSYSTEM:EE/GOV/1/consumer)"},
		"signing certificate's OCSP response stale": {func(w *world) {
			stale, err := w.ca.OCSPWith(w.consumer.signing.Certificate, testca.OCSPOptions{ThisUpdate: now.Add(-2 * time.Hour), NoNextUpdate: true})
			require.NoError(w.t, err)
			w.consumer.signing.OCSP = [][]byte{stale}
		}, "server.serverproxy.signature_verification.invalid_cert_path.incorrect_validation_info", ""},
		"response signed by another member": {func(w *world) { w.provider.signing = w.consumer.signing },
			"server.clientproxy.signature_verification.incorrect_certificate", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			c.change(w)
			w.t = t
			w.refused(c.code, c.text)
		})
	}
}

// A peer whose certificate is in nobody's configuration does not get through the handshake.
func TestStrangerAtTheDoor(t *testing.T) {
	w := newWorld(t, nil)
	stranger, err := w.ca.Issue(testca.Spec{Usage: certificate.Authentication, Member: w.consumer.id.Member(), ServerCode: "stranger"})
	require.NoError(t, err)
	w.consumer.auth = stranger
	// With TLS 1.3 the refusal reaches the client after its handshake.
	_, answer := post(t, w.consumer.clientURL, "text/xml", w.message())
	m, err := soap.Parse(answer, "text/xml")
	require.NoError(t, err)
	require.NotNil(t, m.Fault)
	require.Empty(t, w.provider.records)
}

func TestUnreachableProvider(t *testing.T) {
	w := newWorld(t, nil)
	// Nobody listens on a port that was free a moment ago.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w.consumer.ports.server = l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	w.openClient(w.consumer)
	w.refused("server.clientproxy.network_error", "")

	owner := w.consumer.id.Member()
	_, _, err = w.consumer.client.Exchange(context.Background(), "text/xml", envelope(owner, w.provider.id, "", `<p:echo xmlns:p="urn:p"/>`))
	require.NotEqual(t, fault.Unavailable, fault.From(err).Kind, "nothing was sent, so the outcome is known")
}

// A connection that breaks after the request left: nobody knows what the provider did.
func TestOutcomeUnknown(t *testing.T) {
	w := newWorld(t, nil)
	w.request = func(body []byte) []byte { panic(http.ErrAbortHandler) }
	owner := w.consumer.id.Member()
	_, _, err := w.consumer.client.Exchange(context.Background(), "text/xml", envelope(owner, w.provider.id, "", `<p:echo xmlns:p="urn:p"/>`))
	require.Equal(t, fault.Unavailable, fault.From(err).Kind, "%v", err)
}

func TestServiceTLS(t *testing.T) {
	w := newWorld(t, nil)
	secure := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(secure.Close)
	w.provider.services["echo.v1"] = proxy.Service{URL: secure.URL}
	_, answer := post(t, w.consumer.clientURL, "text/xml", w.message())
	require.Contains(t, string(answer), "echoResponse", "unverified by setting")

	w.provider.services["echo.v1"] = proxy.Service{URL: secure.URL, VerifyTLS: true}
	w.refused("server.serverproxy.service_failed.ssl_authentication_failed", "Client 'SUBSYSTEM:EE/GOV/2/provider' has no IS certificates")
	w.provider.clients[w.provider.id] = clientOf(w.provider.id, proxy.HTTP, w.consumer.auth.Certificate.Raw)
	w.refused("server.serverproxy.service_failed.ssl_authentication_failed", "Service's TLS certificate does not match any IS certificates of its provider")
	w.provider.clients[w.provider.id] = clientOf(w.provider.id, proxy.HTTP, secure.Certificate().Raw)
	_, answer = post(t, w.consumer.clientURL, "text/xml", w.message())
	require.Contains(t, string(answer), "echoResponse")
}
