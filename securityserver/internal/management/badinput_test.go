package management_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/token"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
	"github.com/ristmik/ristmik/securityserver/internal/management"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/proxy"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// exchange is the way through the client proxy.
type exchange func(ctx context.Context, contentType string, body []byte) ([]byte, string, error)

// connect gives the world's clients and keys a real sender in place of the one that answers what it is told.
func connect(w *worldtest.World, through exchange) {
	sender := management.New(management.Config{
		Exchange: func(ctx context.Context, contentType string, body []byte) ([]byte, string, error) {
			return through(ctx, contentType, body)
		},
		Signing: func(ctx context.Context, m identifier.ClientID) (signature.Credential, error) {
			return w.Keys.Signing(ctx, m)
		},
		Snapshot: w.Conf.Current, Now: w.Now, Rand: rand.Reader, Timeout: 5 * time.Second,
	})
	w.Keys = keys.New(keys.Config{Store: w.Store.Keys(), Conf: w.Conf, Sender: sender, HTTP: http.DefaultClient, Algorithm: token.P256, Now: w.Now,
		Rand: rand.Reader, Log: zap.NewNop()})
	w.T.Cleanup(w.Keys.Close)
	c := w.ClientsConfig
	c.Sender = sender
	w.Clients = client.New(c)
}

// central names the registration service of the central server in the configuration.
func central(address string, certificate []byte) worldtest.Option {
	return func(private *globalconf.PrivateParameters, _ *globalconf.SharedParameters, _ *time.Time) {
		provider, _ := identifier.NewSubsystem("EE", "COM", "9", "sub")
		private.ManagementService = globalconf.ManagementService{AuthCertRegAddress: address, AuthCertRegCertificate: certificate, Provider: provider}
	}
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestRegistrationThatFailsChangesNothing sends authCertReg to central servers that are down, are others, or give no sensible answer.
func TestRegistrationThatFailsChangesNothing(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		connect(w, nil)
		w.Login()
		w.Import(certificate.Signing, w.Owner)
		c := w.Import(certificate.Authentication, w.Owner)
		register := func(sentence string) {
			t.Helper()
			const event = "Register authentication certificate"
			w.Unchanged(func() error { return w.Keys.Register(w.Ctx(event), c.Hash, "ss1.example") }, event, "management_request_sending_failed",
				"Failed to send registration request: "+sentence)
		}
		w.Conf.Publish(central("https://127.0.0.1:"+strconv.Itoa(freePort(t))+"/managementservice/", []byte("certificate")))
		register("Could not connect to the central server")

		var answer http.HandlerFunc
		server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { answer(rw, r) }))
		t.Cleanup(server.Close)
		saying := func(status int, kind, body string) http.HandlerFunc {
			return func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", kind)
				rw.WriteHeader(status)
				_, _ = rw.Write([]byte(body))
			}
		}
		w.Conf.Publish(central(server.URL, []byte("another")))
		register("Central server TLS certificate does not match in global conf")
		w.Conf.Publish(central(server.URL, nil))
		register("Central server TLS certificate is not in global conf")
		w.Conf.Publish(central(server.URL, server.Certificate().Raw))
		for sentence, handler := range map[string]http.HandlerFunc{
			"Server responded with error 429: Too Many Requests":          saying(429, "application/json", `{"status":429}`),
			"Server responded with error 502: Bad Gateway":                saying(502, "text/html", "<html/>"),
			"Unexpected or no content type (text/html) in response":       saying(200, "text/html", "<html/>"),
			"Malformed SOAP message: envelope missing":                    saying(200, "text/xml", "<html/>"),
			"Malformed XML: text outside the root element":                saying(200, "text/xml", "hello"),
			"The central server did not answer; the outcome is not known": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		} {
			answer = handler
			register(sentence)
		}
		answer = func(http.ResponseWriter, *http.Request) { t.Error("a request left whose signer is not good") }
		w.Advance(2 * time.Hour) // the OCSP responses grow stale
		register("Member 'MEMBER:EE/GOV/1' has no suitable certificates")
	})
}

// consumer is this server as its own client proxy sees it.
type consumer struct{ w *worldtest.World }

func (c consumer) Registered(ctx context.Context, id identifier.ClientID) (proxy.Client, bool, error) {
	_, ok, err := c.w.Clients.Registered(ctx, id)
	return proxy.Client{ID: id, Connection: proxy.HTTPS}, ok, err
}

func (consumer) Append(context.Context, messagelog.Record) error { return nil }

// TestManagementServerDown is UC MEMBER_48 3-5a and 52 4-6a: nobody listens where the management services' security server should be.
func TestManagementServerDown(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		port := freePort(t)
		var through exchange
		connect(w, func(ctx context.Context, contentType string, body []byte) ([]byte, string, error) {
			return through(ctx, contentType, body)
		})
		w.Login()
		id := worldtest.Client(t, "EE:GOV:2:sub")
		_, err := w.Clients.Add(w.Ctx("Add client"), client.Addition{MemberClass: "GOV", MemberCode: "2", SubsystemCode: "sub", Connection: client.HTTPS})
		require.NoError(t, err)
		w.Import(certificate.Signing, w.Owner)
		w.Import(certificate.Signing, id)
		c := w.Import(certificate.Authentication, w.Owner)
		require.NoError(t, w.Keys.Activate(w.Ctx("Enable certificate"), c.Hash))
		provider := worldtest.Client(t, "EE:COM:9:sub")
		other := func(private *globalconf.PrivateParameters, shared *globalconf.SharedParameters, _ *time.Time) {
			private.ManagementService.Provider = provider
			server, _ := identifier.NewSecurityServer(provider.Member(), "ms")
			shared.SecurityServers = append(shared.SecurityServers, globalconf.SecurityServer{ID: server, Address: "127.0.0.1", Clients: []identifier.ClientID{provider}})
		}
		snapshot := w.Conf.Publish(worldtest.Listed(w.Owner, nil, c.DER), other)
		require.NoError(t, w.Clients.Reconcile(t.Context(), snapshot))
		require.NoError(t, w.Keys.Reconcile(t.Context(), snapshot))
		through = proxy.NewClientProxy(proxy.Config{
			Server: func() identifier.SecurityServerID { return w.Server }, Snapshot: w.Conf.Current, Clients: consumer{w}, Credentials: w.Keys, MessageLog: consumer{w},
			InternalTLS: func() (*tls.Certificate, error) { return nil, nil }, ServerPort: port, Now: w.Now, Rand: rand.Reader, Log: zap.NewNop(),
		}).Exchange

		down := ": Could not connect to 127.0.0.1:" + strconv.Itoa(port)
		for _, e := range []struct {
			event, from, what string
			do                func(ctx context.Context) error
		}{
			{"Register client", "saved", "registration", func(ctx context.Context) error { return w.Clients.Register(ctx, id, true) }},
			{"Unregister client", "registered", "deletion", func(ctx context.Context) error { return w.Clients.Unregister(ctx, id) }},
			{"Disable client", "registered", "disabling", func(ctx context.Context) error { return w.Clients.Disable(ctx, id) }},
			{"Enable client", "disabled", "enabling", func(ctx context.Context) error { return w.Clients.Enable(ctx, id) }},
			{"Unregister authentication certificate", "saved", "deletion", func(ctx context.Context) error { return w.Keys.Unregister(ctx, c.Hash) }},
		} {
			w.Put(id, e.from)
			w.Unchanged(func() error { return e.do(w.Ctx(e.event)) }, e.event, "core.server.clientproxy.network_error", "Failed to send "+e.what+" request"+down)
		}
	})
}

// TestLostAnswerOfTheCentralServer: the management services' security server called the central server and cannot pass on what it said. That is
// no refusal; only the sentence tells it.
func TestLostAnswerOfTheCentralServer(t *testing.T) {
	for _, c := range []struct{ code, text, want string }{
		{"server.serverproxy.service_failed.io_error", "Timed out", "The central server did not answer; the outcome is not known"},
		{"Server.ServerProxy.ServiceFailed.InvalidSoap", "Malformed SOAP message: envelope missing",
			"The central server's answer was lost (Malformed SOAP message: envelope missing); the outcome is not known"},
		{"server.serverproxy.service_failed.invalid_content_type", "Invalid content type: text/html",
			"The central server's answer was lost (Invalid content type: text/html); the outcome is not known"},
		{"server.serverproxy.service_failed.http_error", "Server responded with error 502: Bad Gateway",
			"The central server's answer was lost (Server responded with error 502: Bad Gateway); the outcome is not known"},
	} {
		d := newDesk(t)
		d.fail = &soap.Fault{Code: c.code, String: c.text}
		_, err := d.sender.RegisterClient(t.Context(), d.server, d.client, "")
		require.Equal(t, fault.Unavailable, fault.From(err).Kind, "%v", err)
		require.Equal(t, c.want, fault.From(err).Message)
		_, refused := errors.AsType[*soap.Fault](err)
		require.False(t, refused)
	}
}
