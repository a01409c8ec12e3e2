package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
)

// visitor is a program of somebody else that talks to the REST interface: with a session as X-Road's UI and set-up script have it, or
// with an API key.
type visitor struct {
	t      *testing.T
	client *http.Client
	url    string
	header http.Header
}

// browse logs in as a user with the three roles of people.
func (d *door) browse() *visitor {
	d.t.Helper()
	require.NoError(d.t, d.users.SaveUser(d.Do(), "xrd", "correct horse", string(officer), string(security), string(admin)))
	jar, err := cookiejar.New(nil)
	require.NoError(d.t, err)
	client := *d.server.Client()
	client.Jar = jar
	v := &visitor{d.t, &client, d.server.URL, http.Header{}}
	response, err := client.PostForm(d.server.URL+"/login", url.Values{"username": {"xrd"}, "password": {"wrong"}})
	require.NoError(d.t, err)
	require.NoError(d.t, response.Body.Close())
	require.Equal(d.t, 401, response.StatusCode)
	response, err = client.PostForm(d.server.URL+"/login", url.Values{"username": {"xrd"}, "password": {"correct horse"}})
	require.NoError(d.t, err)
	require.NoError(d.t, response.Body.Close())
	require.Equal(d.t, 200, response.StatusCode)
	base, err := url.Parse(d.server.URL)
	require.NoError(d.t, err)
	for _, cookie := range jar.Cookies(base) {
		if cookie.Name == "XSRF-TOKEN" {
			v.header.Set("X-XSRF-TOKEN", cookie.Value)
		}
	}
	require.NotEmpty(d.t, v.header)
	return v
}

// call sends a request and expects a status. A body is JSON, or a form when kind says so.
func (v *visitor) call(method, path, kind, body string, status int) string {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+"/api/v1"+path, strings.NewReader(body))
	require.NoError(v.t, err)
	r.Header = v.header.Clone()
	if body != "" {
		r.Header.Set("Content-Type", kind)
	}
	response, err := v.client.Do(r)
	require.NoError(v.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(v.t, err)
	require.Equal(v.t, status, response.StatusCode, "%s %s: %s", method, path, data)
	return string(data)
}

func (v *visitor) get(path string) string { v.t.Helper(); return v.call("GET", path, "", "", 200) }

func (v *visitor) json(method, path, body string, status int) map[string]any {
	v.t.Helper()
	answered := v.call(method, path, "application/json", body, status)
	var decoded map[string]any
	if strings.HasPrefix(answered, "{") {
		require.NoError(v.t, json.Unmarshal([]byte(answered), &decoded))
	}
	return decoded
}

func (v *visitor) form(path string, file []byte, fields ...string) map[string]any {
	v.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("certificate", "ca.pem")
	require.NoError(v.t, err)
	_, err = part.Write(file)
	require.NoError(v.t, err)
	for i := 0; i < len(fields); i += 2 {
		require.NoError(v.t, form.WriteField(fields[i], fields[i+1]))
	}
	require.NoError(v.t, form.Close())
	var decoded map[string]any
	require.NoError(v.t, json.Unmarshal([]byte(v.call("POST", path, form.FormDataContentType(), body.String(), 201)), &decoded))
	return decoded
}

// TestXRoadUIStartsUp makes the calls of X-Road's central server UI in its order: those after the log-in with what it reads of the answers,
// then those of its screens.
func TestXRoadUIStartsUp(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		v := d.browse()
		var user struct {
			Username           string
			Roles, Permissions []string
		}
		require.NoError(t, json.Unmarshal([]byte(v.get("/user")), &user))
		require.Equal(t, "xrd", user.Username)
		require.ElementsMatch(t, []string{"ROLE_XROAD_REGISTRATION_OFFICER", "ROLE_XROAD_SECURITY_OFFICER", "ROLE_XROAD_SYSTEM_ADMINISTRATOR"}, user.Roles)
		require.Subset(t, user.Permissions, []string{"ADD_NEW_MEMBER", "VIEW_MEMBERS", "VIEW_TRUSTED_ANCHORS", "VIEW_TLS_CERTIFICATES", "INIT_CONFIG"})
		require.JSONEq(t, `{"info":"test"}`, v.get("/system/version"))
		require.JSONEq(t, `{"initialization_status":{"instance_identifier":"EE","central_server_address":"127.0.0.10","software_token_init_status":"NOT_INITIALIZED"},
			"high_availability_status":{"is_ha_configured":false,"node_name":"node_0"}}`, v.get("/system/status"))
		require.JSONEq(t, `{"valid":true}`, v.get("/notifications/session-status"))
		require.JSONEq(t, `[]`, v.get("/notifications/alerts"))
		require.Contains(t, v.get("/clients/?limit=10&offset=0&desc=false&client_type=MEMBER&q="), `"paging_metadata"`)

		for _, path := range []string{"/initialization/status", "/system/high-availability-cluster/status", "/security-servers/?limit=10&offset=0&desc=false&q=",
			"/management-requests/?limit=10&offset=0&sort=id&desc=true&query=&status=WAITING", "/certification-services", "/timestamping-services", "/tokens",
			"/configuration-sources/INTERNAL/anchor", "/configuration-sources/INTERNAL/download-url", "/configuration-sources/INTERNAL/configuration-parts",
			"/configuration-sources/EXTERNAL/anchor", "/configuration-sources/EXTERNAL/download-url", "/configuration-sources/EXTERNAL/configuration-parts",
			"/trusted-anchors", "/management-services-configuration", "/management-services-configuration/certificate", "/member-classes",
			"/global-groups", "/global-groups/security-server-owners", "/global-groups/security-server-owners/members/filter-model", "/api-keys"} {
			v.get(path)
		}
		require.Contains(t, v.call("POST", "/global-groups/security-server-owners/members", "application/json",
			`{"query":null,"member_class":null,"instance":null,"codes":null,"subsystems":null,"types":null,"paging_sorting":{"limit":10,"offset":0,"sort":"name","desc":false}}`, 200), `"items":[]`)
		v.call("GET", "/backups", "", "", 404) // refused: docs/compatibility-central.md

		token := v.header.Get("X-XSRF-TOKEN")
		v.header.Del("X-XSRF-TOKEN")
		v.call("GET", "/user", "", "", 403)
		v.header.Set("X-XSRF-TOKEN", token)
		response, err := v.client.Post(v.url+"/logout", "", nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode)
		v.call("GET", "/user", "", "", 401)
		require.JSONEq(t, `{"valid":false}`, v.get("/notifications/session-status"))
	})
}

// TestXRoadSetUpScript is the central server's part of X-Road's development set-up: its requests in their order, with the bodies and the
// status codes that it waits for.
func TestXRoadSetUpScript(t *testing.T) {
	eachDoorWith(t, management.Settings{Pairing: management.PairingOptional}, func(t *testing.T, d *door) {
		v := d.browse()
		require.Empty(t, v.call("POST", "/initialization", "application/json",
			`{"software_token_pin":"Secret1234","instance_identifier":"EE","central_server_address":"127.0.0.10"}`, 200))
		for _, class := range []string{"COM", "ORG"} {
			v.json("POST", "/member-classes", fmt.Sprintf(`{"code":%q,"description":%q}`, class, class), 201)
		}
		require.Equal(t, true, v.json("PUT", "/tokens/0/login", `{"password":"Secret1234"}`, 200)["logged_in"])
		for _, source := range []string{"INTERNAL", "EXTERNAL"} {
			key := v.json("POST", "/configuration-sources/"+source+"/signing-keys", `{"key_label":"key","token_id":0}`, 200)
			require.Equal(t, map[string]any{"label": "key"}, key["label"])
			require.Equal(t, true, key["active"])
		}
		v.json("POST", "/members", `{"member_name":"Member Three","member_id":{"member_class":"COM","member_code":"1234"}}`, 201)
		v.json("POST", "/subsystems", `{"subsystem_id":{"member_class":"COM","member_code":"1234","subsystem_code":"MANAGEMENT"}}`, 201)
		require.Equal(t, "SUBSYSTEM:EE:COM:1234:MANAGEMENT", v.json("PATCH", "/management-services-configuration", `{"service_provider_id":"EE:COM:1234:MANAGEMENT"}`, 200)["service_provider_id"])
		other, err := d.CA.Intermediate("Test CA")
		require.NoError(t, err)
		ca := v.form("/certification-services", other.Certificate().Raw, "certificate_profile_info",
			"ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider", "tls_auth", "false", "default_csr_format", "DER")
		v.form(fmt.Sprintf("/certification-services/%v/ocsp-responders", ca["id"]), other.OCSPCertificate().Raw, "url", "http://127.0.0.1:8888", "cost_type", "FREE")
		v.form("/timestamping-services", other.TSACertificate().Raw, "url", "http://127.0.0.1:8899", "cost_type", "FREE")
		require.Contains(t, v.get("/configuration-sources/INTERNAL/anchor/download"), "configurationAnchor")

		certificate, err := json.Marshal(d.AuthCertificate("EE:COM:1234:SS0"))
		require.NoError(t, err)
		d.do(services, "POST", "/management-requests", fmt.Sprintf(`{"type":"AUTH_CERT_REGISTRATION_REQUEST","origin":"SECURITY_SERVER","security_server_id":"EE:COM:1234:SS0",
			"server_address":"127.0.0.20","authentication_certificate":%s}`, certificate), 202)
		approveFirst := func() {
			t.Helper()
			first := v.json("GET", "/management-requests?sort=id&desc=true&status=WAITING", "", 200)["items"].([]any)[0].(map[string]any)
			require.Equal(t, "APPROVED", v.json("POST", fmt.Sprintf("/management-requests/%v/approval", first["id"]), "", 200)["status"])
		}
		approveFirst()
		require.Equal(t, "SERVER:EE:COM:1234:SS0", v.json("POST", "/management-services-configuration/register-provider", `{"security_server_id":"EE:COM:1234:SS0"}`, 200)["security_server_id"])
		v.json("POST", "/subsystems", `{"subsystem_id":{"member_class":"COM","member_code":"1234","subsystem_code":"TestService"}}`, 201)
		d.do(services, "POST", "/management-requests", `{"type":"CLIENT_REGISTRATION_REQUEST","origin":"SECURITY_SERVER","security_server_id":"EE:COM:1234:SS0","client_id":"EE:COM:1234:TestService"}`, 202)
		approveFirst()
		require.NoError(t, d.configuration.Generate(t.Context()))
		require.True(t, d.configuration.Snapshot().Lists(d.Server("EE:COM:1234:SS0"), d.Client("EE:COM:1234:TestService")))
	})
}

// TestCSAPI is the program cs-api: members and subsystems through an API key, whose header it spells its own way; 201, or 409 when they exist.
func TestCSAPI(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		for n, spelling := range []string{"X-Road-apikey", "X-Road-ApiKey", "x-road-apikey"} {
			v := &visitor{t, d.server.Client(), d.server.URL, http.Header{"Authorization": {spelling + " token=" + d.keys[officer]}}}
			member := fmt.Sprintf(`{"member_name":"Member","member_id":{"member_class":"GOV","member_code":"a%d"}}`, n)
			v.json("POST", "/members", member, 201)
			v.json("POST", "/members", member, 409)
			subsystem := fmt.Sprintf(`{"subsystem_id":{"member_class":"GOV","member_code":"a%d","subsystem_code":"sub"}}`, n)
			v.json("POST", "/subsystems", subsystem, 201)
			v.json("POST", "/subsystems", subsystem, 409)
			refused := v.json("POST", "/members/", `{"member_name":"Member","member_id":{"member_class":"NO","member_code":"3"}}`, 404)
			require.Equal(t, "member_class_not_found", code(refused))
		}
		v := &visitor{t, d.server.Client(), d.server.URL, http.Header{"Authorization": {"X-Road-apikey token=wrong"}}}
		require.JSONEq(t, `{"status":401}`, v.call("POST", "/members", "application/json", `{}`, 401))
	})
}

// TestStatusesThatXRoadsFileHasOtherwise are those that X-Road's server answers, whatever its file says.
func TestStatusesThatXRoadsFileHasOtherwise(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		certificate, err := json.Marshal(d.AuthCertificate("EE:GOV:1:ss1"))
		require.NoError(t, err)
		waiting := d.do(services, "POST", "/management-requests", fmt.Sprintf(`{"type":"AUTH_CERT_REGISTRATION_REQUEST","origin":"SECURITY_SERVER","security_server_id":"EE:GOV:1:ss1",
			"server_address":"127.0.0.20","authentication_certificate":%s}`, certificate), 202)
		require.Len(t, d.do(officer, "GET", "/management-requests?serverId=EE:GOV:1:ss1", "", 200)["items"], 1)
		require.Empty(t, d.do(officer, "GET", "/management-requests?serverId=EE:GOV:1:ss2", "", 200)["items"])
		d.do(officer, "DELETE", fmt.Sprintf("/management-requests/%v/", waiting["id"]), "", 200)
		d.do(security, "PATCH", "/management-services-configuration/", `{"service_provider_id":"EE:GOV:1:ms"}`, 200)
		require.Equal(t, "", d.do(security, "GET", "/management-services-configuration", "", 200)["security_server_id"], "no server yet")
		for _, list := range []string{"owned-servers", "used-servers"} { // where X-Road's server answers an empty list: docs/divergences.md
			require.Equal(t, "member_not_found", code(d.do(officer, "GET", "/members/EE:GOV:9/"+list, "", 404)))
		}
		require.Equal(t, 404, d.send(officer, "DELETE", "/members/EE:GOV:9", "", nil).status)
		require.Equal(t, 404, d.send(officer, "DELETE", "/subsystems/EE:GOV:1:none", "", nil).status)
	})
}
