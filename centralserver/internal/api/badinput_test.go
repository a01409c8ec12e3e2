package api_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/centralserver/internal/api"
	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/database/authdb"
	"github.com/ristmik/ristmik/pkg/httpapi"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
	"github.com/ristmik/ristmik/pkg/token"
	"github.com/ristmik/ristmik/schema"
)

// unchanged sends JSON that must be refused with this status and code, leave registry and keys as they were, and write one audit record
// whose reason is the sentence.
func (d *door) unchanged(t *testing.T, status int, wanted, event, sentence string, role auth.Role, method, path, body string) {
	t.Helper()
	const records = "SELECT COUNT(*) FROM audit_record"
	before, generation, written := d.State()+d.keysState(), d.Generation(), d.Count(records)
	a := d.send(role, method, path, "application/json", []byte(body))
	require.Equal(t, status, a.status, a.body)
	var decoded map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &decoded), a.body)
	require.Equal(t, wanted, code(decoded))
	require.Equal(t, before, d.State()+d.keysState(), "nothing must have changed")
	require.Equal(t, generation, d.Generation())
	require.Equal(t, written+1, d.Count(records))
	var record struct{ Event, Reason string }
	require.NoError(t, json.Unmarshal([]byte(d.LastAudit()), &record))
	require.Equal(t, event+" failed", record.Event)
	require.Equal(t, sentence, record.Reason)
}

func (d *door) keysState() string {
	return testkit.Dump(d.t, d.DB, "software_token", "configuration_signing_key", "configuration_anchor")
}

const (
	addServerEvent = "Add security server"
	addClientEvent = "Register member as security server client"
	newServer      = "Failed to add new owned server request: "
	newClient      = "Failed to add new server client request: "
	importing      = "Failed to import authentication certificate: "
	mrBad          = "management_request_invalid_auth_certificate"
)

// ownedServer is the form of UC MEMBER_12.
func ownedServer(server string, file []byte) string {
	return fmt.Sprintf(`{"type":"AUTH_CERT_REGISTRATION_REQUEST","origin":"CENTER","security_server_id":%q,"new_server":true,"authentication_certificate":%q}`,
		server, base64.StdEncoding.EncodeToString(file))
}

// clientForm is the form of UC MEMBER_15.
func clientForm(server, client string) string {
	return fmt.Sprintf(`{"type":"CLIENT_REGISTRATION_REQUEST","origin":"CENTER","security_server_id":%q,"client_id":%q}`, server, client)
}

// TestBadOwnedServers is UC MEMBER_12 6a, 6b, 8a and 9a, and the certificates of strangers and of the past.
func TestBadOwnedServers(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		issue := func(ca *testca.CA, spec testca.Spec) []byte {
			spec.Member = d.Client("EE:GOV:1")
			c, err := ca.Issue(spec)
			require.NoError(t, err)
			return c.Certificate.Raw
		}
		stranger, err := testca.New(testca.Config{Name: "Stranger", Now: storetest.Start})
		require.NoError(t, err)
		authentication := testca.Spec{Usage: certificate.Authentication}
		old := testca.Spec{Usage: certificate.Authentication, NotBefore: storetest.Start().Add(-time.Hour), NotAfter: storetest.Start().Add(-time.Second)}
		early := testca.Spec{Usage: certificate.Authentication, NotBefore: storetest.Start().Add(time.Second)}
		good := d.AuthCertificate("EE:GOV:1:ss1")
		refused := func(status int, code, sentence, server string, file []byte) {
			t.Helper()
			d.unchanged(t, status, code, addServerEvent, sentence, officer, "POST", "/management-requests", ownedServer(server, file))
		}
		refused(400, mrBad, importing+"Incorrect file format. Only PEM and DER files allowed.", "EE:GOV:1:ss1", []byte("nonsense"))
		refused(400, mrBad, importing+"This certificate cannot be used for authentication.", "EE:GOV:1:ss1", issue(d.CA, testca.Spec{}))
		refused(400, mrBad, importing+"Certificate expired on 2026-11-20T11:59:59Z", "EE:GOV:1:ss1", issue(d.CA, old))
		refused(400, mrBad, importing+"Certificate is not valid until 2026-11-20T12:00:01Z", "EE:GOV:1:ss1", issue(d.CA, early))
		refused(400, mrBad, importing+"Certificate is not issued by approved certification service provider.", "EE:GOV:1:ss1", issue(stranger, authentication))
		refused(404, "management_request_server_owner_not_found", newServer+"Member 'MEMBER:EE/GOV/9' not found", "EE:GOV:9:ss1", good)
		refused(400, "invalid_request", "Invalid management service address. Contact central server administrator", "FI:GOV:1:ss1", good)

		id := d.do(officer, "POST", "/management-requests", ownedServer("EE:GOV:1:ss1", good), 202)["id"]
		submitted := fmt.Sprintf("%sCertificate is already submitted for registration with request '%v'", newServer, id)
		refused(409, "management_request_exists", submitted, "EE:GOV:1:ss1", good)
		refused(409, "management_request_exists", submitted, "EE:GOV:2:ss1", good)
		from := d.do(services, "POST", "/management-requests", fmt.Sprintf(`{"type":"AUTH_CERT_REGISTRATION_REQUEST","origin":"SECURITY_SERVER","security_server_id":`+
			`"EE:GOV:1:ss1","server_address":"127.0.0.20","authentication_certificate":%q}`, base64.StdEncoding.EncodeToString(good)), 202)["id"]
		d.do(officer, "POST", fmt.Sprintf("/management-requests/%v/approval", from), "", 200)
		refused(409, "management_request_security_server_exists", fmt.Sprintf("%sCertificate is already submitted for registration with request '%v'", newServer, from),
			"EE:GOV:1:new", good)
		refused(409, "security_server_exists", newServer+"Server with owner class 'GOV', owner code '1' and server code 'ss1' already exists.", "EE:GOV:1:ss1",
			d.AuthCertificate("EE:GOV:1:ss1"))
	})
}

// TestBadClientRegistrations is UC MEMBER_15 5a and 6a, and servers, members and instances that are not known.
func TestBadClientRegistrations(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		refused := func(status int, code, sentence, server, client string) {
			t.Helper()
			d.unchanged(t, status, code, addClientEvent, sentence, officer, "POST", "/management-requests", clientForm(server, client))
		}
		refused(409, "management_request_server_not_found", newClient+"Server not found: SERVER:EE/GOV/1/ss1", "EE:GOV:1:ss1", "EE:GOV:2:sub")
		d.do(officer, "POST", "/management-requests", ownedServer("EE:GOV:1:ss1", d.AuthCertificate("EE:GOV:1:ss1")), 202)
		complement := fmt.Sprintf(`{"type":"AUTH_CERT_REGISTRATION_REQUEST","origin":"SECURITY_SERVER","security_server_id":"EE:GOV:1:ss1","server_address":"a",`+
			`"authentication_certificate":%q}`, base64.StdEncoding.EncodeToString(d.pendingCertificate()))
		id := d.do(services, "POST", "/management-requests", complement, 202)["id"]
		d.do(officer, "POST", fmt.Sprintf("/management-requests/%v/approval", id), "", 200)

		refused(409, "management_request_member_not_found", newClient+"Member 'MEMBER:EE/GOV/9' not found", "EE:GOV:1:ss1", "EE:GOV:9:sub")
		const address = "Invalid management service address. Contact central server administrator"
		refused(400, "invalid_request", address, "EE:GOV:1:ss1", "FI:GOV:2:sub")
		refused(400, "invalid_request", address, "FI:GOV:1:ss1", "EE:GOV:2:sub")

		own := d.do(officer, "POST", "/management-requests", clientForm("EE:GOV:1:ss1", "EE:GOV:2:sub"), 202)["id"]
		refused(409, "management_request_exists", fmt.Sprintf("%sA request for registering 'SUBSYSTEM:EE/GOV/2/sub', as a client to security server "+
			"'SERVER:EE/GOV/1/ss1' has already been submitted (2026-11-20 12:00:00 UTC, request ID: '%v')'", newClient, own), "EE:GOV:1:ss1", "EE:GOV:2:sub")
		d.do(services, "POST", "/management-requests",
			`{"type":"CLIENT_REGISTRATION_REQUEST","origin":"SECURITY_SERVER","security_server_id":"EE:GOV:1:ss1","client_id":"EE:GOV:2:sub"}`, 202)
		d.do(officer, "POST", fmt.Sprintf("/management-requests/%v/approval", own), "", 200)
		refused(409, "management_request_client_already_registered",
			newClient+"'SUBSYSTEM:EE/GOV/2/sub' has already been registered as a client to security server 'SERVER:EE/GOV/1/ss1'", "EE:GOV:1:ss1", "EE:GOV:2:sub")
	})
}

// pendingCertificate is the certificate of the newest request.
func (d *door) pendingCertificate() (der []byte) {
	d.t.Helper()
	require.NoError(d.t, d.DB.View(d.t.Context(), func(tx *database.Tx) error {
		return tx.DB().Raw("SELECT certificate FROM management_request ORDER BY id DESC LIMIT 1").Row().Scan(&der)
	}))
	return der
}

func TestWrongPIN(t *testing.T) {
	testkit.EachDatabaseAt(t, storetest.Start, storetest.Migrations, func(t *testing.T, db *database.DB) {
		w := storetest.New(t, db, management.Settings{})
		configuration := confgen.New(confgen.Config{PublicDirectory: t.TempDir(), KeyAlgorithm: token.P256, Interval: time.Minute, Poll: time.Minute,
			Now: storetest.Start, Rand: rand.Reader, Log: zap.NewNop()}, w.Store.Configuration())
		users := auth.New(auth.Config{Store: authdb.New(db), Policy: api.Policy(), Now: storetest.Start})
		shell, err := httpapi.New(httpapi.Config{Spec: schema.OpenAPI("central"), Auth: users, DB: db, Now: storetest.Start})
		require.NoError(t, err)
		api.New(api.Config{Registry: w.Registry, Management: w.Management, Trust: w.Trust, Configuration: configuration, Version: "test"}).Register(shell.API())
		d := &door{World: w, t: t, server: httptest.NewTLSServer(shell), keys: map[auth.Role]string{}}
		t.Cleanup(d.server.Close)
		for _, role := range []auth.Role{security, admin} {
			d.keys[role] = makeKey(t, users, role)
		}
		d.do(admin, "POST", "/initialization", `{"software_token_pin":"1234-abcd","instance_identifier":"EE","central_server_address":"127.0.0.10"}`, 200)
		d.do(security, "PUT", "/tokens/0/logout", "", 200)
		d.unchanged(t, 400, "pin_incorrect", "Log in to token", "Incorrect PIN", security, "PUT", "/tokens/0/login", `{"password":"wrong-pin"}`)
		state, err := configuration.Token(t.Context())
		require.NoError(t, err)
		require.False(t, state.LoggedIn)
		require.Equal(t, true, d.do(security, "PUT", "/tokens/0/login", `{"password":"1234-abcd"}`, 200)["logged_in"])
	})
}
