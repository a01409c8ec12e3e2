package proxy_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
	"github.com/ristmik/ristmik/pkg/transport"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/proxy"
)

// now is the time in the world of these tests.
var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func clientID(t testing.TB, encoded string) identifier.ClientID {
	id, err := identifier.ParseClientID(encoded)
	require.NoError(t, err)
	return id
}

// member is one security server in the world: its keys, its clients and services, and the doors it has open.
type member struct {
	id      identifier.ClientID
	server  identifier.SecurityServerID
	address string

	mu       sync.Mutex
	signing  signature.Credential
	auth     signature.Credential
	ocsp     map[string][]byte
	clients  map[identifier.ClientID]proxy.Client
	services map[string]proxy.Service
	denied   bool
	records  []messagelog.Record
	logError error
	internal *tls.Certificate

	client     *proxy.ClientProxy
	serverSide *proxy.ServerProxy
	ports      struct{ server, ocsp int } // its own doors
	clientURL  string
	secureURL  string
}

func (m *member) Registered(_ context.Context, id identifier.ClientID) (proxy.Client, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.clients[id]
	return c, ok, nil
}

func (m *member) Service(_ context.Context, id identifier.ServiceID) (proxy.Service, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.services[id.FullCode()]
	return s, ok, nil
}

func (m *member) Allowed(context.Context, identifier.ClientID, identifier.ServiceID) (bool, error) {
	return !m.denied, nil
}

func (m *member) Signing(context.Context, identifier.ClientID) (signature.Credential, error) {
	return m.signing, nil
}

func (m *member) Authentication(context.Context) (signature.Credential, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.auth.Signer == nil {
		return m.auth, fmt.Errorf("no usable authentication key")
	}
	return m.auth, nil
}

func (m *member) OCSPBySHA1(hash string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	der, ok := m.ocsp[hash]
	return der, ok
}

func (m *member) Append(_ context.Context, r messagelog.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.logError != nil {
		return m.logError
	}
	m.records = append(m.records, r)
	return nil
}

// world is an instance with a consumer's and a provider's security server and one service.
type world struct {
	t        testing.TB
	ca       *testca.CA
	consumer *member
	provider *member
	service  *httptest.Server
	serve    http.HandlerFunc // what the service does
	shared   globalconf.SharedParameters
	snapshot atomic.Pointer[globalconf.Snapshot]
	expire   time.Time
	rsa      bool
	limits   transport.Limits

	request, response         func([]byte) []byte // what happens to bodies on their way; nil: nothing
	requestType, responseType string              // their content types then; "" keeps them
}

// newWorld builds the instance and opens all doors on loopback. bend may change it before the doors open.
func newWorld(t testing.TB, bend func(*world)) *world {
	w := &world{t: t, expire: now.Add(time.Hour), serve: echo}
	ca, err := testca.New(testca.Config{Now: clock})
	require.NoError(t, err)
	w.ca = ca
	w.consumer = &member{id: clientID(t, "EE:GOV:1:consumer"), address: "127.0.0.1"}
	w.provider = &member{id: clientID(t, "EE:GOV:2:provider"), address: "127.0.0.1"}
	if bend != nil {
		bend(w)
	}
	w.service = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.serve(rw, r) }))
	t.Cleanup(w.service.Close)
	for i, m := range []*member{w.consumer, w.provider} {
		w.furnish(m, fmt.Sprintf("ss%d", i+1))
	}
	w.publish()
	w.open(w.provider)
	w.consumer.ports = w.provider.ports // where it looks for other servers
	w.openClient(w.consumer)
	return w
}

// furnish gives a member keys, itself and its subsystem as clients, and a service.
func (w *world) furnish(m *member, code string) {
	var err error
	m.server, err = identifier.NewSecurityServer(m.id.Member(), code)
	require.NoError(w.t, err)
	m.signing, err = w.ca.Issue(testca.Spec{Member: m.id.Member(), RSA: w.rsa})
	require.NoError(w.t, err)
	m.auth, err = w.ca.Issue(testca.Spec{Usage: certificate.Authentication, Member: m.id.Member(), ServerCode: code, RSA: w.rsa})
	require.NoError(w.t, err)
	m.ocsp = map[string][]byte{certificate.SHA1Hex(m.auth.Certificate): m.auth.OCSP[0]}
	internal, err := w.ca.Issue(testca.Spec{Usage: certificate.Authentication, Member: m.id.Member(), ServerCode: code})
	require.NoError(w.t, err)
	m.internal = &tls.Certificate{Certificate: [][]byte{internal.Certificate.Raw}, PrivateKey: internal.Signer}
	m.clients = map[identifier.ClientID]proxy.Client{}
	for _, id := range []identifier.ClientID{m.id, m.id.Member()} {
		m.clients[id] = proxy.Client{ID: id, Connection: proxy.HTTP}
	}
	m.services = map[string]proxy.Service{"echo.v1": {URL: w.service.URL, Timeout: 5 * time.Second}}
}

// publish makes the configuration of what is there.
func (w *world) publish() {
	class := globalconf.MemberClass{Code: "GOV", Description: "government"}
	w.shared = globalconf.SharedParameters{
		InstanceIdentifier: "EE",
		ApprovedCAs: []globalconf.ApprovedCA{{
			Name: "Test CA", CertificateProfile: "ee.ria.xroad.common.certificateprofile.impl.EjbcaCertificateProfileInfoProvider",
			TopCA: globalconf.CA{Certificate: w.ca.Certificate().Raw,
				Responders: []globalconf.Responder{{URL: "http://127.0.0.1:1", Certificate: w.ca.OCSPCertificate().Raw}}},
		}},
		GlobalSettings: globalconf.GlobalSettings{MemberClasses: []globalconf.MemberClass{class}, OCSPFreshness: time.Hour},
	}
	for _, m := range []*member{w.consumer, w.provider} {
		entry := globalconf.Member{ID: m.id.Member(), Name: "Member"}
		server := globalconf.SecurityServer{ID: m.server, Address: m.address, AuthCertHashes: [][]byte{certificate.HashSHA256(m.auth.Certificate)}}
		if m.id.IsSubsystem() {
			entry.Subsystems, server.Clients = []globalconf.Subsystem{{ID: m.id}}, []identifier.ClientID{m.id}
		}
		w.shared.Members = append(w.shared.Members, entry)
		w.shared.SecurityServers = append(w.shared.SecurityServers, server)
	}
	w.republish(func(*globalconf.SharedParameters) {})
}

// republish makes a new snapshot of a changed configuration.
func (w *world) republish(change func(*globalconf.SharedParameters)) {
	change(&w.shared)
	shared := w.shared
	s, err := globalconf.NewSnapshot(&globalconf.PrivateParameters{InstanceIdentifier: "EE"}, []*globalconf.SharedParameters{&shared}, 6, w.expire)
	require.NoError(w.t, err)
	w.snapshot.Store(s)
}

func (w *world) config(m *member) proxy.Config {
	return proxy.Config{
		Server: func() identifier.SecurityServerID { return m.server }, Snapshot: w.snapshot.Load,
		Clients: m, Services: m, Credentials: m, MessageLog: m,
		InternalTLS: func() (*tls.Certificate, error) { return m.internal, nil },
		ServerPort:  m.ports.server, OCSPPort: m.ports.ocsp, Limits: w.limits, Now: clock, Rand: rand.Reader, Log: zap.NewNop(),
	}
}

// listen serves a handler on a free loopback port and gives the port.
func (w *world) listen(handler http.Handler, t *tls.Config) (string, int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	address, port := l.Addr().String(), l.Addr().(*net.TCPAddr).Port
	if t != nil {
		l = tls.NewListener(l, t)
	}
	server := proxy.NewHTTPServer(handler, zap.NewNop())
	go server.Serve(l)
	w.t.Cleanup(func() { server.Close() })
	return address, port
}

// meddle changes the bodies that pass a handler, as nobody between two servers should be able to.
func (w *world) meddle(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.request != nil {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(w.request(body)))
			override(r.Header, w.requestType)
		}
		if w.response == nil {
			handler.ServeHTTP(rw, r)
			return
		}
		recorded := httptest.NewRecorder()
		handler.ServeHTTP(deadlines{recorded}, r)
		for name, values := range recorded.Header() {
			rw.Header()[name] = values
		}
		override(rw.Header(), w.responseType)
		rw.Write(w.response(recorded.Body.Bytes()))
	})
}

func override(h http.Header, contentType string) {
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
}

// deadlines are what a recorder lacks.
type deadlines struct{ http.ResponseWriter }

func (deadlines) SetReadDeadline(time.Time) error  { return nil }
func (deadlines) SetWriteDeadline(time.Time) error { return nil }

// open opens the doors for other servers.
func (w *world) open(m *member) {
	m.serverSide = proxy.NewServerProxy(w.config(m))
	_, m.ports.server = w.listen(w.meddle(m.serverSide), m.serverSide.TLSConfig())
	_, m.ports.ocsp = w.listen(proxy.NewOCSPResponder(w.config(m)), nil)
}

// openClient opens the doors for information systems.
func (w *world) openClient(m *member) {
	m.client = proxy.NewClientProxy(w.config(m))
	plain, _ := w.listen(m.client, nil)
	secure, _ := w.listen(m.client, m.client.TLSConfig())
	m.clientURL, m.secureURL = "http://"+plain, "https://"+secure
}

// message is a request of the consumer to the provider's echo service.
func (w *world) message() []byte {
	return envelope(w.consumer.id, w.provider.id, "", `<p:echo xmlns:p="urn:p">hi</p:echo>`)
}

func envelope(client, provider identifier.ClientID, extra, body string) []byte {
	service, err := identifier.NewService(provider, "echo", "v1")
	if err != nil {
		panic(err)
	}
	b := []byte(`<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:id="http://x-road.eu/xsd/identifiers"><s:Header>`)
	b = client.AppendXML(b, "x:client")
	b = service.AppendXML(b, "x:service")
	b = append(b, extra...)
	b = append(b, `<x:userId>EE1</x:userId><x:id>m1</x:id><x:protocolVersion>4.0</x:protocolVersion></s:Header><s:Body>`...)
	b = append(b, body...)
	return append(b, `</s:Body></s:Envelope>`...)
}

// echo answers with the request made a response, and its attachments.
func echo(w http.ResponseWriter, r *http.Request) {
	contentType := r.Header.Get("Content-Type")
	multipart, err := soap.IsMultipart(contentType)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	if !multipart {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/xml; charset=UTF-8")
		w.Write(respond(body))
		return
	}
	parts, err := soap.ReadMultipart(r.Body, contentType, soap.Limits{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	w.Header().Set("Content-Type", `multipart/related; type="text/xml"; boundary=back`)
	out := soap.NewMultipartWriter(w, "back")
	for i, p := range parts {
		if i == 0 {
			p.Body = respond(p.Body)
		}
		out.WritePart(p.Headers, p.Body)
	}
	out.Close()
}

func respond(request []byte) []byte {
	r := bytes.ReplaceAll(request, []byte("<p:echo"), []byte("<p:echoResponse"))
	return bytes.ReplaceAll(r, []byte("</p:echo>"), []byte("</p:echoResponse>"))
}

// post sends bytes to a client proxy and gives content type and body of the answer; its status is always 200.
func post(t testing.TB, url, contentType string, body []byte) (string, []byte) {
	return postWith(t, http.DefaultClient, url, contentType, body)
}

func postWith(t testing.TB, client *http.Client, url, contentType string, body []byte) (string, []byte) {
	response, err := client.Post(url, contentType, bytes.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.Header.Get("Content-Type"), answer
}

// refused sends the usual request and demands this fault.
func (w *world) refused(code, text string) {
	w.t.Helper()
	_, answer := post(w.t, w.consumer.clientURL, "text/xml", w.message())
	requireFault(w.t, answer, code, text)
}

func requireFault(t testing.TB, answer []byte, code, text string) {
	t.Helper()
	m, err := soap.Parse(answer, "text/xml")
	require.NoError(t, err, "%s", answer)
	require.NotNil(t, m.Fault, "%s", answer)
	require.Equal(t, code, m.Fault.Code, m.Fault.String)
	if text != "" {
		require.Equal(t, text, m.Fault.String)
	}
	if strings.HasPrefix(code, "server.") || strings.HasPrefix(code, "client.") {
		require.Len(t, m.Fault.Detail, 36, "the detail is a UUID")
	}
}
