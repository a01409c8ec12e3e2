package api_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/centralserver/internal/api"
	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/doorkey"
	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/store"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/database/authdb"
	"github.com/ristmik/ristmik/pkg/httpapi"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/token"
	"github.com/ristmik/ristmik/schema"
)

// door is a central server's REST interface over real TLS, with an API key for each role.
type door struct {
	*storetest.World
	configuration *confgen.Service
	configOfDoors doorkey.Config
	keysOfDoors   *doorkey.Keys
	t             *testing.T
	server        *httptest.Server
	keys          map[auth.Role]string
	users         *auth.Service
}

const (
	officer  = api.RegistrationOfficer
	security = api.SecurityOfficer
	admin    = auth.SystemAdministrator
	services = auth.ManagementService
)

func eachDoor(t *testing.T, fn func(t *testing.T, d *door)) {
	t.Helper()
	eachDoorWith(t, management.Settings{}, fn)
}

func eachDoorWith(t *testing.T, settings management.Settings, fn func(t *testing.T, d *door)) {
	t.Helper()
	testkit.EachDatabaseAt(t, storetest.Start, storetest.Migrations, func(t *testing.T, db *database.DB) {
		w := storetest.New(t, db, settings)
		users := auth.New(auth.Config{Store: authdb.New(db), Policy: api.Policy(), Now: storetest.Start})
		shell, err := httpapi.New(httpapi.Config{Spec: schema.OpenAPI("central"), Auth: users, DB: db, Now: storetest.Start, PerSecond: 100_000, PerMinute: 100_000})
		require.NoError(t, err)
		configuration := confgen.New(confgen.Config{Node: store.FirstNode, PublicDirectory: t.TempDir(), PublicPort: 8000, Interval: time.Minute, KeyAlgorithm: token.P256,
			RegistrationPort: 4001, ManagementCertificate: func() []byte { return []byte("certificate") }, TimeStampingInterval: time.Minute, Now: storetest.Start, Rand: rand.Reader, Log: zap.NewNop()}, w.Store.Configuration())
		first := func() (*tls.Certificate, error) {
			return daemon.SelfSigned(storetest.Start(), t.TempDir(), "management-service", daemon.P256, "127.0.0.10")
		}
		pair, err := first()
		require.NoError(t, err)
		configOfDoors := doorkey.Config{File: filepath.Join(t.TempDir(), "pair.pem"), First: pair, Make: first, Store: w.Store.DoorKey(), Rand: rand.Reader}
		keysOfDoors, err := doorkey.Open(configOfDoors)
		require.NoError(t, err)
		api.New(api.Config{DoorKey: keysOfDoors, Now: storetest.Start, Registry: w.Registry, Management: w.Management, Trust: w.Trust, Configuration: configuration, Version: "test", ManagementPort: 4002,
			PublicPort: 8000, TimestampingInterval: time.Minute}).Register(shell.API())
		d := &door{World: w, configuration: configuration, configOfDoors: configOfDoors, keysOfDoors: keysOfDoors, users: users, t: t, server: httptest.NewTLSServer(shell), keys: map[auth.Role]string{}}
		t.Cleanup(d.server.Close)
		for role := range api.Policy() {
			d.keys[role] = makeKey(t, users, role)
		}
		fn(t, d)
	})
}

type answer struct {
	status int
	body   string
}

func (d *door) send(role auth.Role, method, path, contentType string, body []byte) answer {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.server.URL+"/api/v1"+path, bytes.NewReader(body))
	require.NoError(d.t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if role != "" {
		r.Header.Set("Authorization", "X-Road-ApiKey token="+d.keys[role])
	}
	response, err := d.server.Client().Do(r)
	require.NoError(d.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(d.t, err)
	return answer{response.StatusCode, string(data)}
}

// do sends JSON and expects a status; the answer is decoded.
func (d *door) do(role auth.Role, method, path, body string, status int) map[string]any {
	d.t.Helper()
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	a := d.send(role, method, path, kind, []byte(body))
	require.Equal(d.t, status, a.status, "%s %s: %s", method, path, a.body)
	var decoded map[string]any
	if strings.HasPrefix(a.body, "{") {
		require.NoError(d.t, json.Unmarshal([]byte(a.body), &decoded))
	}
	return decoded
}

// list sends a GET whose answer is an array.
func (d *door) list(role auth.Role, path string) []map[string]any {
	d.t.Helper()
	a := d.send(role, "GET", path, "", nil)
	require.Equal(d.t, 200, a.status, a.body)
	var decoded []map[string]any
	require.NoError(d.t, json.Unmarshal([]byte(a.body), &decoded), a.body)
	return decoded
}

func code(body map[string]any) any { return body["error"].(map[string]any)["code"] }

// TestStory is the registry's part of UC MEMBER_01…03: classes, members, the provider, a server, a client, and their end.
func TestStory(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.do(security, "POST", "/member-classes", `{"code":"com","description":"Companies"}`, 201)
		require.Equal(t, "member_class_exists", code(d.do(security, "POST", "/member-classes", `{"code":"COM","description":"x"}`, 409)))
		added := d.do(officer, "POST", "/members", `{"member_name":" Member Three ","member_id":{"member_class":"COM","member_code":3}}`, 201)
		require.Equal(t, map[string]any{"member_name": "Member Three", "client_id": map[string]any{"instance_id": "EE", "type": "MEMBER", "member_class": "COM",
			"member_code": "3", "encoded_id": "EE:COM:3"}}, added)
		require.Contains(t, d.LastAudit(), `"event":"Add member","user":"api-key-`)
		d.do(officer, "POST", "/members", `{"member_name":"Again","member_id":{"member_class":"COM","member_code":"3"}}`, 409)
		require.Contains(t, d.LastAudit(), `"event":"Add member failed"`)
		require.Contains(t, d.LastAudit(), `"reason":"Failed to add member: Member with class COM and code 3 already exists"`)
		d.do(officer, "PATCH", "/members/EE%3ACOM%3A3", `{"member_name":"Member 3"}`, 200)
		d.do(officer, "POST", "/subsystems", `{"subsystem_name":"Sub","subsystem_id":{"member_class":"COM","member_code":"3","subsystem_code":"sub"}}`, 201)
		page := d.do(officer, "GET", "/clients/?limit=10&offset=0&desc=false&client_type=MEMBER&q=", "", 200)
		require.Len(t, page["clients"], 3)
		require.Equal(t, map[string]any{"total_items": 3.0, "items": 3.0, "limit": 10.0, "offset": 0.0}, page["paging_metadata"])
		require.Equal(t, "invalid_sort_properties", code(d.do(officer, "GET", "/clients?sort=nothing", "", 400)))
		require.Equal(t, "invalid_pagination_properties", code(d.do(officer, "GET", "/clients?limit=0", "", 400)))

		configuration := d.do(security, "PATCH", "/management-services-configuration", `{"service_provider_id":"EE:GOV:1:ms"}`, 200)
		require.Equal(t, map[string]any{"service_provider_id": "SUBSYSTEM:EE:GOV:1:ms", "service_provider_name": "Member One", "security_server_id": "",
			"security_server_owners_global_group_code": "security-server-owners", "services_address": "https://127.0.0.10:4002/managementservice/manage/",
			"wsdl_address": "http://127.0.0.10:8000/managementservices.wsdl"}, configuration)

		certificate, err := json.Marshal(d.AuthCertificate("EE:GOV:1:ss1"))
		require.NoError(t, err)
		registration := func(origin string) string {
			return fmt.Sprintf(`{"type":"AUTH_CERT_REGISTRATION_REQUEST","origin":%q,"security_server_id":"EE:GOV:1:ss1","server_address":"127.0.0.20","authentication_certificate":%s}`, origin, certificate)
		}
		d.do(officer, "POST", "/management-requests", registration("SECURITY_SERVER"), 403)
		d.do(services, "POST", "/management-requests", registration("CENTER"), 403)
		first := d.do(services, "POST", "/management-requests", registration("SECURITY_SERVER"), 202)
		require.Equal(t, "WAITING", first["status"])
		require.Equal(t, "management_request_invalid_state_for_approval", code(d.do(officer, "POST", fmt.Sprintf("/management-requests/%v/approval", first["id"]), "", 400)))
		second := d.do(officer, "POST", "/management-requests", registration("CENTER"), 202)
		require.Equal(t, "SUBMITTED FOR APPROVAL", second["status"])
		require.Contains(t, d.LastAudit(), `"event":"Add security server"`)
		require.Equal(t, "management_request_exists", code(d.do(officer, "POST", "/management-requests", registration("CENTER"), 409)))
		pending := d.do(officer, "GET", "/management-requests?status=SUBMITTED+FOR+APPROVAL&types=AUTH_CERT_REGISTRATION_REQUEST&types=CLIENT_REGISTRATION_REQUEST&sort=id&desc=true&serverId=EE:GOV:1:ss1", "", 200)
		require.Len(t, pending["items"], 2)
		detail := d.do(officer, "GET", fmt.Sprintf("/management-requests/%v", second["id"]), "", 200)
		require.Equal(t, first["id"], detail["changed_by_request_id"])
		require.Len(t, detail["certificate_details"].(map[string]any)["hash"], 64)
		approved := d.do(officer, "POST", fmt.Sprintf("/management-requests/%v/approval", second["id"]), "", 200)
		require.Equal(t, "APPROVED", approved["status"])

		require.Equal(t, "SERVER:EE:GOV:1:ss1", d.do(security, "POST", "/management-services-configuration/register-provider", `{"security_server_id":"EE:GOV:1:ss1"}`, 200)["security_server_id"])
		client := func(kind, origin string) string {
			return fmt.Sprintf(`{"type":%q,"origin":%q,"security_server_id":"EE:GOV:1:ss1","client_id":"EE:COM:3:sub"}`, kind, origin)
		}
		d.do(services, "POST", "/management-requests", client("CLIENT_REGISTRATION_REQUEST", "SECURITY_SERVER"), 202)
		pair := d.do(officer, "POST", "/management-requests", client("CLIENT_REGISTRATION_REQUEST", "CENTER"), 202)
		d.do(officer, "POST", fmt.Sprintf("/management-requests/%v/approval", pair["id"]), "", 200)
		require.Len(t, d.list(officer, "/security-servers/EE:GOV:1:ss1/clients"), 2)
		disabled := d.do(services, "POST", "/management-requests", client("CLIENT_DISABLE_REQUEST", "SECURITY_SERVER"), 202)
		require.NotContains(t, disabled, "status")
		subsystems := d.list(officer, "/members/EE:COM:3/subsystems")
		require.Equal(t, []any{map[string]any{"encoded_id": "EE:GOV:1:ss1", "server_code": "ss1", "server_owner": "Member One", "status": "DISABLED"}}, subsystems[0]["used_security_servers"])
		d.do(services, "POST", "/management-requests", client("CLIENT_ENABLE_REQUEST", "SECURITY_SERVER"), 202)
		require.Equal(t, "subsystem_registered_and_cannot_be_deleted", code(d.do(officer, "DELETE", "/subsystems/EE:COM:3:sub", "", 400)))
		require.Len(t, d.list(officer, "/members/EE:COM:3/used-servers"), 1)
		require.Len(t, d.list(officer, "/members/EE:GOV:1/owned-servers"), 1)
		require.Equal(t, "security-server-owners", d.list(officer, "/members/EE:GOV:1/global-groups")[0]["group_code"])
		require.Equal(t, 1.0, d.do(officer, "GET", "/global-groups/security-server-owners", "", 200)["member_count"])
		d.do(officer, "DELETE", "/subsystems/EE:COM:3:sub/servers/EE:GOV:1:ss1", "", 204)
		require.Equal(t, "subsystem_not_registered_to_security_server", code(d.do(officer, "DELETE", "/subsystems/EE:COM:3:sub/servers/EE:GOV:1:ss1", "", 404)))
		require.Contains(t, d.LastAudit(), `"event":"Unregister member as security server client failed"`)
		d.do(officer, "DELETE", "/subsystems/EE:COM:3:sub", "", 204)
		d.do(officer, "PATCH", "/security-servers/EE:GOV:1:ss1", `{"server_address":"ss1.example.org"}`, 200)
		certificates := d.list(officer, "/security-servers/EE:GOV:1:ss1/authentication-certificates")
		d.do(officer, "DELETE", fmt.Sprintf("/security-servers/EE:GOV:1:ss1/authentication-certificates/%v", certificates[0]["id"]), "", 204)
		d.do(officer, "DELETE", "/security-servers/EE:GOV:1:ss1", "", 204)
		d.do(officer, "DELETE", "/members/EE:GOV:1", "", 204)
		require.Equal(t, "member_not_found", code(d.do(officer, "GET", "/members/EE:GOV:1", "", 404)))
	})
}

// TestDeclineAndRevoke is UC MEMBER_38 and 39 through the one operation that X-Road has for both.
func TestDeclineAndRevoke(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		certificate, err := json.Marshal(d.AuthCertificate("EE:GOV:1:ss1"))
		require.NoError(t, err)
		body := func(origin string) string {
			return fmt.Sprintf(`{"type":"AUTH_CERT_REGISTRATION_REQUEST","origin":%q,"security_server_id":"EE:GOV:1:ss1","server_address":"","authentication_certificate":%s}`, origin, certificate)
		}
		lone := d.do(officer, "POST", "/management-requests", body("CENTER"), 202)
		require.Equal(t, "REVOKED", d.do(officer, "DELETE", fmt.Sprintf("/management-requests/%v", lone["id"]), "", 200)["status"])
		require.Contains(t, d.LastAudit(), `"event":"Revoke authentication certificate registration request"`)
		waiting := d.do(services, "POST", "/management-requests", body("SECURITY_SERVER"), 202)
		require.Equal(t, "DECLINED", d.do(officer, "DELETE", fmt.Sprintf("/management-requests/%v", waiting["id"]), "", 200)["status"])
		require.Contains(t, d.LastAudit(), `"event":"Decline registration request"`)
		require.Equal(t, "management_request_invalid_state", code(d.do(officer, "DELETE", fmt.Sprintf("/management-requests/%v", waiting["id"]), "", 400)))
		unknown := d.do(officer, "POST", "/management-requests", `{"type":"CLIENT_REGISTRATION_REQUEST","origin":"CENTER","security_server_id":"EE:GOV:1:ss1","client_id":" "}`, 400)
		require.Equal(t, "validation_failure", code(unknown))
		require.Contains(t, d.LastAudit(), `"event":"Register member as security server client failed"`)
		require.Contains(t, d.LastAudit(), `"reason":"Failed to add new server client request: Missing parameter: 'clientId'"`)
	})
}

func makeKey(t *testing.T, users *auth.Service, role auth.Role) string {
	t.Helper()
	by := &auth.Principal{Name: "root", Roles: []auth.Role{auth.SystemAdministrator}}
	_, key, err := users.CreateKey(t.Context(), by, []string{string(role)})
	require.NoError(t, err)
	return key
}
