package diagnosis_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/diagnosis"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/setup"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// network is what the checklist finds outside.
type network struct {
	closed       map[string]bool // addresses that do not answer
	unresolved   bool
	registration error
	download     diagnosis.Download
	stamped      messagelog.Asked
	known        bool
	clock        time.Duration
	status       int
}

type transport struct {
	n   *network
	now func() time.Time
}

func (t transport) RoundTrip(*http.Request) (*http.Response, error) {
	if t.n.status == 0 {
		return nil, errors.New("no route")
	}
	answer := httptest.NewRecorder()
	answer.Header().Set("Date", t.now().Add(t.n.clock).UTC().Format(http.TimeFormat))
	answer.WriteHeader(t.n.status)
	return answer.Result(), nil
}

func examine(w *worldtest.World, n *network) *diagnosis.Service {
	return diagnosis.New(diagnosis.Config{Conf: w.Conf, Setup: w.Setup, Keys: w.Keys, Services: w.Services,
		Download:     func() diagnosis.Download { return n.download },
		Authority:    func(string) (messagelog.Asked, bool) { return n.stamped, n.known },
		Registration: func(context.Context) error { return n.registration },
		HTTP:         &http.Client{Transport: transport{n, w.Now}},
		Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			if n.closed[address] {
				return nil, errors.New("refused")
			}
			here, there := net.Pipe()
			_ = there.Close()
			return here, nil
		},
		Lookup: func(context.Context, string) ([]string, error) {
			if n.unresolved {
				return nil, errors.New("no such host")
			}
			return []string{"192.0.2.1"}, nil
		},
		ServerPort: 5500, OCSPPort: 5577, PeerServerPort: 5500, Now: w.Now})
}

// seen makes the checklist and indexes it.
func seen(t *testing.T, s *diagnosis.Service) map[string]diagnosis.Finding {
	t.Helper()
	list, err := s.Checklist(t.Context())
	require.NoError(t, err)
	found := map[string]diagnosis.Finding{}
	for _, f := range list {
		require.NotEmpty(t, f.What, f.Check)
		require.NotEmpty(t, f.Why, f.Check)
		if f.State == diagnosis.Fail || f.State == diagnosis.Warning {
			require.NotEmpty(t, f.Next, f.Check)
		}
		found[f.Check] = f
	}
	require.Len(t, found, 14)
	return found
}

// owners is the group that may call the management services.
func owners(id identifier.ClientID) worldtest.Option {
	return func(_ *globalconf.PrivateParameters, shared *globalconf.SharedParameters, _ *time.Time) {
		shared.GlobalGroups = append(shared.GlobalGroups, globalconf.GlobalGroup{Code: "security-server-owners", Members: []identifier.ClientID{id}})
	}
}

func TestChecklistFromNewToWorking(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		n := &network{registration: fault.New(fault.Conflict, "network_error", "Could not connect to the central server"), status: 200}
		s := examine(w, n)
		state := func(check string) diagnosis.State { t.Helper(); return seen(t, s)[check].State }

		fresh := seen(t, s)
		for check, want := range map[string]diagnosis.State{"ANCHOR": diagnosis.OK, "CLOCK": diagnosis.OK, "CONFIGURATION": diagnosis.OK, "IDENTITY": diagnosis.OK,
			"TOKEN": diagnosis.Fail, "SIGNING_CERTIFICATE": diagnosis.Fail, "AUTHENTICATION_CERTIFICATE": diagnosis.Fail, "OCSP": diagnosis.Waiting,
			"TIME_STAMPING": diagnosis.Warning, "ADDRESS": diagnosis.Waiting, "PORTS": diagnosis.Waiting, "REGISTRATION_SERVICE": diagnosis.Fail,
			"MANAGEMENT_SERVICES": diagnosis.Fail, "ACCESS_RIGHT": diagnosis.Waiting} {
			require.Equal(t, want, fresh[check].State, "%s: %s", check, fresh[check].What)
		}

		w.Login()
		require.Equal(t, diagnosis.OK, state("TOKEN"))
		w.Import(certificate.Signing, w.Owner)
		require.Equal(t, diagnosis.OK, state("SIGNING_CERTIFICATE"))
		require.Equal(t, diagnosis.OK, state("OCSP"))
		c := w.Import(certificate.Authentication, w.Owner)
		require.Equal(t, "It is not registered.", seen(t, s)["AUTHENTICATION_CERTIFICATE"].What)
		require.NoError(t, w.Keys.Register(w.Ctx("Register authentication certificate"), c.Hash, "ss1.example"))
		require.Equal(t, diagnosis.Waiting, state("AUTHENTICATION_CERTIFICATE"))
		provider := worldtest.Client(t, "EE:GOV:3:sub")
		require.NoError(t, w.Keys.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, []identifier.ClientID{provider}, c.DER),
			worldtest.ProviderIs(provider), owners(w.Owner))))
		require.Equal(t, "It is registered and disabled.", seen(t, s)["AUTHENTICATION_CERTIFICATE"].What)
		require.NoError(t, w.Keys.Activate(w.Ctx("Enable certificate"), c.Hash))
		require.NoError(t, w.Keys.Refresh(t.Context()))
		_, err := w.Setup.AddTimestamping(w.Ctx("Add timestamping service"), setup.Timestamping{Name: "Test TSA", URL: "http://tsa.example"})
		require.NoError(t, err)
		n.registration = nil
		for check, f := range seen(t, s) {
			if check != "ACCESS_RIGHT" { // this server hosts the provider and has not published
				require.Equal(t, diagnosis.OK, f.State, "%s: %s", check, f.What)
			}
		}
		require.Equal(t, "Publish the management services.", seen(t, s)["ACCESS_RIGHT"].Next)

		for _, c := range []struct {
			check  string
			want   diagnosis.State
			change func(n *network)
		}{
			{"CLOCK", diagnosis.Warning, func(n *network) { n.clock = time.Minute }},
			{"CLOCK", diagnosis.Fail, func(n *network) { n.clock = -time.Hour }},
			{"CLOCK", diagnosis.Waiting, func(n *network) { n.status = 0 }},
			{"CONFIGURATION", diagnosis.Warning, func(n *network) { n.download.Err = errors.New("timeout") }},
			{"TIME_STAMPING", diagnosis.Fail, func(n *network) { n.stamped, n.known = messagelog.Asked{Err: errors.New("timeout")}, true }},
			{"ADDRESS", diagnosis.Fail, func(n *network) { n.unresolved = true }},
			{"PORTS", diagnosis.Fail, func(n *network) { n.closed = map[string]bool{"ss1.example:5577": true} }},
			{"MANAGEMENT_SERVICES", diagnosis.Fail, func(n *network) { n.closed = map[string]bool{"ss1.example:5500": true} }},
		} {
			before := *n
			c.change(n)
			require.Equal(t, c.want, state(c.check), c.check)
			*n = before
		}
		require.NoError(t, w.Keys.Disable(w.Ctx("Disable certificate"), c.Hash))
		require.Equal(t, diagnosis.Fail, state("AUTHENTICATION_CERTIFICATE"))
		w.Conf.Publish(worldtest.Expired)
		require.Equal(t, diagnosis.Fail, state("CONFIGURATION"))
		require.Equal(t, diagnosis.Fail, state("OCSP"))
		w.Keys.Close()
		require.Equal(t, diagnosis.Fail, state("TOKEN"))
	})
}

func TestSources(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		n := &network{status: 404}
		s := examine(w, n)
		sources, err := s.Sources(t.Context())
		require.NoError(t, err)
		require.Len(t, sources, 1)
		require.Equal(t, "http://cs/internalconf answers with status 404", fault.From(sources[0].Err).Message)
		n.status = 0
		sources, err = s.Sources(t.Context())
		require.NoError(t, err)
		require.Equal(t, "http://cs/internalconf does not answer", fault.From(sources[0].Err).Message)
		n.status = 200
		sources, err = s.Sources(t.Context())
		require.NoError(t, err)
		require.NoError(t, sources[0].Err)
	})
}
