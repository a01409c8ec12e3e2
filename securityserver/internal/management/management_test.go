package management_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
	"github.com/ristmik/ristmik/securityserver/internal/management"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// desk is a sender with a central server that opens what it gets, as the real one does.
type desk struct {
	t        *testing.T
	ca       *testca.CA
	server   identifier.SecurityServerID
	client   identifier.ClientID
	provider identifier.ClientID
	keys     map[identifier.ClientID]signature.Credential
	auth     signature.Credential
	private  globalconf.PrivateParameters
	expire   time.Time
	missing  bool // no configuration yet
	opened   *request.Opened
	fail     error                                               // what the way through the proxies says
	answer   func(opened *request.Opened) (status int, b []byte) // of the central server
	sender   *management.Sender
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, keys: map[identifier.ClientID]signature.Credential{}, expire: now.Add(time.Hour)}
	var err error
	d.ca, err = testca.New(testca.Config{Now: clock})
	require.NoError(t, err)
	owner, err := identifier.NewMember("EE", "GOV", "1")
	require.NoError(t, err)
	member, err := identifier.NewMember("EE", "GOV", "2")
	require.NoError(t, err)
	d.client, err = member.Subsystem("client")
	require.NoError(t, err)
	d.provider, err = identifier.NewSubsystem("EE", "GOV", "0", "management")
	require.NoError(t, err)
	d.server, err = identifier.NewSecurityServer(owner, "ss1")
	require.NoError(t, err)
	for _, m := range []identifier.ClientID{owner, member} {
		d.keys[m], err = d.ca.Issue(testca.Spec{Member: m})
		require.NoError(t, err)
	}
	d.auth, err = d.ca.Issue(testca.Spec{Usage: certificate.Authentication, Member: owner, ServerCode: "ss1"})
	require.NoError(t, err)
	d.answer = func(o *request.Opened) (int, []byte) {
		response, err := request.Response(o, 42)
		require.NoError(t, err)
		return http.StatusOK, response
	}
	central := httptest.NewTLSServer(http.HandlerFunc(d.receive))
	t.Cleanup(central.Close)
	d.private = globalconf.PrivateParameters{InstanceIdentifier: "EE", ManagementService: globalconf.ManagementService{
		AuthCertRegAddress: central.URL + "/managementservice/", AuthCertRegCertificate: central.Certificate().Raw, Provider: d.provider}}
	d.sender = management.New(management.Config{
		Exchange: d.exchange, Snapshot: d.snapshot, Now: clock, Rand: rand.Reader, Timeout: 5 * time.Second,
		Signing: func(_ context.Context, m identifier.ClientID) (signature.Credential, error) {
			if c, ok := d.keys[m]; ok {
				return c, nil
			}
			return signature.Credential{}, fault.New(fault.Conflict, "key_not_available", "no key")
		},
	})
	return d
}

func (d *desk) snapshot() *globalconf.Snapshot {
	if d.missing {
		return nil
	}
	private := d.private
	s, err := globalconf.NewSnapshot(&private, []*globalconf.SharedParameters{{InstanceIdentifier: "EE"}}, 6, d.expire)
	require.NoError(d.t, err)
	return s
}

// open is the central server's check.
func (d *desk) open(body []byte, contentType string) (status int, response []byte) {
	v := &request.Verifier{Trust: func() (*certificate.Trust, error) { return d.ca.Trust("EE"), nil }, Instance: "EE", Provider: d.provider, Now: clock}
	opened, err := v.Open(body, contentType)
	if err != nil {
		return http.StatusInternalServerError, soap.FaultFrom(err, "").Encode()
	}
	d.opened = opened
	return d.answer(opened)
}

func (d *desk) receive(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	status, response := d.open(body, r.Header.Get("Content-Type"))
	w.Header().Set("Content-Type", soap.ContentType)
	w.WriteHeader(status)
	_, _ = w.Write(response)
}

func (d *desk) exchange(_ context.Context, contentType string, body []byte) ([]byte, string, error) {
	if d.fail != nil {
		return nil, "", d.fail
	}
	_, response := d.open(body, contentType)
	return response, soap.ContentType, nil
}

func TestEveryRequest(t *testing.T) {
	d := newDesk(t)
	for kind, send := range map[request.Type]func() (int64, error){
		request.AuthCertReg: func() (int64, error) {
			return d.sender.RegisterAuthCertificate(t.Context(), d.server, "ss1.example.org", d.auth)
		},
		request.AuthCertDeletion: func() (int64, error) {
			return d.sender.DeleteAuthCertificate(t.Context(), d.server, d.auth.Certificate.Raw)
		},
		request.ClientReg:      func() (int64, error) { return d.sender.RegisterClient(t.Context(), d.server, d.client, "A name") },
		request.ClientDeletion: func() (int64, error) { return d.sender.DeleteClient(t.Context(), d.server, d.client) },
		request.ClientDisable:  func() (int64, error) { return d.sender.DisableClient(t.Context(), d.server, d.client) },
		request.ClientEnable:   func() (int64, error) { return d.sender.EnableClient(t.Context(), d.server, d.client) },
		request.ClientRename:   func() (int64, error) { return d.sender.RenameClient(t.Context(), d.server, d.client, "A name") },
		request.OwnerChange:    func() (int64, error) { return d.sender.ChangeOwner(t.Context(), d.server, d.client.Member()) },
		request.AddressChange:  func() (int64, error) { return d.sender.ChangeAddress(t.Context(), d.server, "ss2.example.org") },
		request.MaintenanceModeEnable: func() (int64, error) {
			return d.sender.EnableMaintenance(t.Context(), d.server, "Back at noon")
		},
		request.MaintenanceModeDisable: func() (int64, error) { return d.sender.DisableMaintenance(t.Context(), d.server) },
	} {
		t.Run(string(kind), func(t *testing.T) {
			d.opened = nil
			id, err := send()
			require.NoError(t, err)
			require.EqualValues(t, 42, id)
			require.Equal(t, kind, d.opened.Type)
			require.Equal(t, d.server.Owner(), d.opened.Sender)
			require.Equal(t, d.server, d.opened.Server)
			require.Len(t, d.opened.ID, 36)
		})
	}
}

// Whatever happens, the error says whether the request left.
func TestOutcomes(t *testing.T) {
	register := func(d *desk) error {
		_, err := d.sender.RegisterAuthCertificate(d.t.Context(), d.server, "127.0.0.1", d.auth)
		return err
	}
	client := func(d *desk) error {
		_, err := d.sender.RegisterClient(d.t.Context(), d.server, d.client, "")
		return err
	}
	lost := &soap.Fault{Code: "server.serverproxy.service_failed.io_error", String: "Timed out"}
	const neverSent, refused, unknown = "never sent", "refused", "unknown"
	for name, c := range map[string]struct {
		change  func(d *desk)
		send    func(d *desk) error
		outcome string
		text    string // of the fault, "" for any
	}{
		"expired configuration":               {func(d *desk) { d.expire = now.Add(-time.Second) }, register, neverSent, "global_conf_outdated: Global configuration is expired"},
		"no configuration":                    {func(d *desk) { d.missing = true }, client, neverSent, "global_conf_outdated: Global configuration is expired"},
		"no signing key":                      {func(d *desk) { clear(d.keys) }, client, neverSent, "key_not_available: no key"},
		"malformed address":                   {func(d *desk) { d.private.ManagementService.AuthCertRegAddress = "central" }, register, neverSent, ""},
		"central server down":                 {func(d *desk) { d.private.ManagementService.AuthCertRegAddress = "https://127.0.0.1:1/" }, register, neverSent, ""},
		"another central certificate":         {func(d *desk) { d.private.ManagementService.AuthCertRegCertificate = []byte("x") }, register, neverSent, "ssl_authentication_failed: Central server TLS certificate does not match in global conf"},
		"no certificate in the configuration": {func(d *desk) { d.private.ManagementService.AuthCertRegCertificate = nil }, register, neverSent, "ssl_authentication_failed: Central server TLS certificate is not in global conf"},
		"central server refuses":              {func(d *desk) { d.answer = faulting("internal_error") }, register, refused, ""},
		"central server refuses, routed":      {func(d *desk) { d.answer = faulting("internal_error") }, client, refused, ""},
		"central server breaks off":           {func(d *desk) { d.answer = func(*request.Opened) (int, []byte) { panic(http.ErrAbortHandler) } }, register, unknown, ""},
		"central server answers nonsense":     {func(d *desk) { d.answer = func(*request.Opened) (int, []byte) { return 200, []byte("<html/>") } }, register, unknown, ""},
		"nonsense, routed":                    {func(d *desk) { d.answer = func(*request.Opened) (int, []byte) { return 200, []byte("<html/>") } }, client, unknown, ""},
		"too many requests":                   {func(d *desk) { d.answer = func(*request.Opened) (int, []byte) { return 429, nil } }, register, neverSent, ""},
		"bad gateway":                         {func(d *desk) { d.answer = func(*request.Opened) (int, []byte) { return 502, nil } }, register, unknown, ""},
		"a proxy refuses":                     {func(d *desk) { d.fail = &soap.Fault{Code: "server.serverproxy.access_denied"} }, client, refused, ""},
		"a proxy lost the answer":             {func(d *desk) { d.fail = lost }, client, unknown, ""},
		"own proxy sent nothing":              {func(d *desk) { d.fail = fault.New(fault.Conflict, "server.clientproxy.network_error", "x") }, client, neverSent, ""},
		"own proxy got no answer":             {func(d *desk) { d.fail = fault.New(fault.Unavailable, "server.clientproxy.io_error", "x") }, client, unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			c.change(d)
			err := c.send(d)
			require.Error(t, err)
			got := neverSent
			if f, ok := errors.AsType[*soap.Fault](err); ok {
				require.NotEmpty(t, f.Code)
				got = refused
			} else if fault.From(err).Kind == fault.Unavailable {
				got = unknown
			}
			require.Equal(t, c.outcome, got, "%v", err)
			if c.text != "" {
				require.EqualError(t, err, c.text)
			}
		})
	}
}

func faulting(code string) func(*request.Opened) (int, []byte) {
	return func(*request.Opened) (int, []byte) {
		return http.StatusInternalServerError, (&soap.Fault{Code: code, String: "management_request_exists with statusCode 409"}).Encode()
	}
}

func TestNotInsideATransaction(t *testing.T) {
	d := newDesk(t)
	db := testkit.SQLite(t, clock, nil)
	err := db.Update(t.Context(), func(tx *database.Tx) error {
		_, err := d.sender.DeleteClient(tx.Context(), d.server, d.client)
		return err
	})
	require.ErrorContains(t, err, "must not be sent inside a database transaction")
	require.Nil(t, d.opened)
}
