package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/securityserver/internal/api"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// caller is a program that was written for X-Road: what it sends is written out, header by header.
type caller struct {
	t       *testing.T
	d       *door
	headers http.Header
	cookies []*http.Cookie
}

// send gives the status and the body; a []byte is a file.
func (c *caller) send(method, path string, body any) (int, []byte) {
	c.t.Helper()
	var reader io.Reader
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.d.server.URL+path, nil)
	require.NoError(c.t, err)
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
		r.Header.Set("Content-Type", "application/octet-stream")
	case url.Values:
		reader = strings.NewReader(b.Encode())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case string:
		reader = strings.NewReader(b)
		r.Header.Set("Content-Type", "application/json")
	default:
		require.Fail(c.t, "not a body", "%T", b)
	}
	if reader != nil {
		r.Body = io.NopCloser(reader)
		if sized, ok := reader.(interface{ Len() int }); ok {
			r.ContentLength = int64(sized.Len())
		}
	}
	for name, values := range c.headers {
		r.Header[name] = values // as it is spelt
	}
	for _, one := range c.cookies {
		r.AddCookie(one)
	}
	response, err := c.d.server.Client().Do(r)
	require.NoError(c.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	if path == "/login" {
		c.cookies = response.Cookies()
		for _, one := range c.cookies {
			if one.Name == "XSRF-TOKEN" {
				c.headers.Set("X-XSRF-TOKEN", one.Value)
			}
		}
	}
	return response.StatusCode, data
}

// want sends to the API, asks for a status and reads the answer into out.
func (c *caller) want(status int, method, path string, body, out any) {
	c.t.Helper()
	got, data := c.send(method, "/api/v1"+path, body)
	require.Equal(c.t, status, got, "%s %s: %s", method, path, data)
	if out != nil {
		require.NoError(c.t, json.Unmarshal(data, out), string(data))
	}
}

// login opens a session as a browser does.
func login(t *testing.T, d *door) *caller {
	t.Helper()
	roles := make([]string, 0, len(all))
	for _, r := range all {
		roles = append(roles, string(r))
	}
	require.NoError(t, d.auth.SaveUser(d.w.Ctx("Add user"), "xrd", "a long secret", roles...))
	c := &caller{t: t, d: d, headers: http.Header{}}
	status, _ := c.send("POST", "/login", url.Values{"username": {"xrd"}, "password": {"wrong"}})
	require.Equal(t, 401, status)
	status, _ = c.send("POST", "/login", url.Values{"username": {"xrd"}, "password": {"a long secret"}})
	require.Equal(t, 200, status)
	return c
}

// What X-Road's own user interface asks at its start and on its pages, in its order, with and without a slash at the end.
func TestThirdPartyUserInterface(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		stranger := &caller{t: t, d: d, headers: http.Header{}}
		var session map[string]bool
		stranger.want(200, "GET", "/notifications/session-status", nil, &session)
		require.False(t, session["valid"])
		stranger.want(401, "GET", "/user", nil, nil)

		c := login(t, d)
		var user struct {
			Username           string
			Roles, Permissions []string
		}
		c.want(200, "GET", "/user", nil, &user)
		require.Equal(t, "xrd", user.Username)
		require.Contains(t, user.Roles, "ROLE_XROAD_REGISTRATION_OFFICER")
		require.Contains(t, user.Permissions, "ADD_CLIENT")
		var status map[string]any
		c.want(200, "GET", "/initialization/status", nil, &status)
		require.Equal(t, "INITIALIZED", status["software_token_init_status"])
		var version map[string]any
		c.want(200, "GET", "/system/version", nil, &version)
		for _, demanded := range []string{"info", "java_version", "min_java_version", "max_java_version", "using_supported_java_version", "java_vendor",
			"java_runtime_version", "global_configuration_version"} {
			require.Contains(t, version, demanded)
		}
		var servers []map[string]any
		c.want(200, "GET", "/security-servers?current_server=true", nil, &servers)
		require.Len(t, servers, 1)
		require.Equal(t, "EE:GOV:1:ss1", servers[0]["id"])
		var node map[string]any
		c.want(200, "GET", "/system/node-type", nil, &node)
		require.Equal(t, "STANDALONE", node["node_type"])
		var alerts map[string]any
		c.want(200, "GET", "/notifications/alerts", nil, &alerts)
		require.Equal(t, true, alerts["global_conf_valid"])
		require.Equal(t, false, alerts["soft_token_pin_entered"])
		require.Contains(t, alerts, "current_time")
		require.Contains(t, alerts, "certificate_renewal_job_success")
		c.want(200, "GET", "/notifications/session-status", nil, &session)
		require.True(t, session["valid"])
		for _, page := range []string{"/clients", "/clients?internal_search=false&show_members=false&exclude_local=true", "/clients/EE:GOV:1",
			"/clients/EE%3AGOV%3A1/sign-certificates", "/clients/EE:GOV:1/tls-certificates", "/clients/EE:GOV:1/local-groups",
			"/clients/EE:GOV:1/service-clients", "/clients/EE:GOV:1/service-descriptions", "/clients/EE:GOV:1/service-client-candidates",
			"/tokens", "/tokens/0", "/certificate-authorities?include_intermediate_cas=true", "/certificate-authorities/ocsp-prioritization-strategy",
			"/api-keys", "/member-classes?current_instance=true", "/xroad-instances", "/system/certificate", "/system/anchor", "/system/server-address",
			"/system/timestamping-services", "/system/timestamping-services/prioritization-strategy", "/timestamping-services", "/system/maintenance-mode",
			"/diagnostics/addon-status", "/diagnostics/message-log-encryption-status", "/diagnostics/globalconf", "/diagnostics/timestamping-services",
			"/diagnostics/ocsp-responders", "/diagnostics/backup-encryption-status", "/diagnostics/proxy-memory-usage-status",
			"/diagnostics/auth-cert-req-status", "/diagnostics/global-conf-status", "/mail/mail-notification-status"} {
			c.want(200, "GET", page, nil, nil)
			path, query, asks := strings.Cut(page, "?")
			if asks {
				query = "?" + query
			}
			c.want(200, "GET", path+"/"+query, nil, nil)
		}
		// A browser's session without the token of the page is not enough.
		token := c.headers.Get("X-XSRF-TOKEN")
		c.headers.Del("X-XSRF-TOKEN")
		c.want(403, "GET", "/clients", nil, nil)
		c.headers.Set("X-XSRF-TOKEN", token)
		code, _ := c.send("POST", "/logout", nil)
		require.Equal(t, 200, code)
		c.want(401, "GET", "/user", nil, nil)
		c.want(200, "GET", "/notifications/session-status", nil, &session)
		require.False(t, session["valid"])
	})
}

// made is the answer to keys-with-csrs.
type made struct {
	Key struct{ ID string }
	CSR string `json:"csr_id"`
}

// certify goes from a new key to an imported certificate, as scripts do, and gives its hash.
func certify(c *caller, usage certificate.Usage, member string) string {
	c.t.Helper()
	var key made
	c.want(200, "POST", "/tokens/0/keys-with-csrs", `{"key_label":"`+string(usage)+`","csr_generate_request":{"key_usage_type":"`+string(usage)+
		`","ca_name":"Test CA","csr_format":"PEM","member_id":"`+member+`","subject_field_values":{}}}`, &key)
	status, csr := c.send("GET", "/api/v1/keys/"+key.Key.ID+"/csrs/"+key.CSR+"?csr_format=PEM", nil)
	require.Equal(c.t, 200, status)
	issued, err := c.d.w.CA.Sign(csr, usage)
	require.NoError(c.t, err)
	var imported struct {
		Details struct{ Hash string } `json:"certificate_details"`
	}
	c.want(201, "POST", "/token-certificates", certificate.EncodePEM(issued), &imported)
	return imported.Details.Hash
}

// The security server's part of X-Road's set-up script and toolkit, from an empty database to a client that offers services.
func TestThirdPartySetUp(t *testing.T) {
	testkit.EachDatabase(t, worldtest.Migrations, func(t *testing.T, db *database.DB) {
		w := worldtest.Bare(t, db)
		d := open(t, w)
		c := login(t, d)
		var status map[string]any
		c.want(200, "GET", "/initialization/status", nil, &status)
		require.Equal(t, false, status["is_anchor_imported"])
		c.want(201, "POST", "/system/anchor/previews?validate_instance=false", w.Anchor(), nil)
		c.want(201, "POST", "/system/anchor", w.Anchor(), nil)
		c.want(409, "POST", "/system/anchor", w.Anchor(), nil)
		c.want(201, "POST", "/initialization", `{"owner_member_class":"GOV","owner_member_code":"1","security_server_code":"ss1","software_token_pin":"`+
			worldtest.PIN+`","ignore_warnings":true}`, nil)
		w.Login() // these servers find the PIN in a file

		var approved []map[string]string
		c.want(200, "GET", "/timestamping-services", nil, &approved)
		service, err := json.Marshal(approved[0])
		require.NoError(t, err)
		c.want(201, "POST", "/system/timestamping-services", string(service), nil)
		c.want(409, "POST", "/system/timestamping-services", string(service), nil)

		auth := certify(c, certificate.Authentication, "EE:GOV:1")
		certify(c, certificate.Signing, "EE:GOV:1")
		c.want(204, "PUT", "/token-certificates/"+auth+"/register", `{"address":"ss1"}`, nil)
		_, saved, err := w.Keys.Certificate(t.Context(), auth)
		require.NoError(t, err)
		publish := func(clients ...identifier.ClientID) *globalconf.Snapshot {
			return w.Conf.Publish(worldtest.Listed(w.Owner, clients, saved.DER))
		}
		require.NoError(t, w.Keys.Reconcile(t.Context(), publish()))
		require.NoError(t, w.Clients.Reconcile(t.Context(), publish()))
		c.want(204, "PUT", "/token-certificates/"+auth+"/activate", nil, nil)

		var client map[string]any
		c.want(201, "POST", "/clients", `{"ignore_warnings":true,"client":{"member_class":"GOV","member_code":"1","subsystem_code":"management","connection_type":"HTTP"}}`, &client)
		id := client["id"].(string)
		c.want(409, "POST", "/clients", `{"ignore_warnings":true,"client":{"member_class":"GOV","member_code":"1","subsystem_code":"management","connection_type":"HTTP"}}`, nil)
		c.want(204, "PUT", "/clients/"+id+"/register", nil, nil)
		require.NoError(t, w.Clients.Reconcile(t.Context(), publish(worldtest.Client(t, id))))
		c.want(200, "GET", "/clients/"+id, nil, &client)
		require.Equal(t, "REGISTERED", client["status"])

		var description struct {
			ID       string
			Services []struct {
				ID   string
				Code string `json:"full_service_code"`
			}
		}
		c.want(201, "POST", "/clients/"+id+"/service-descriptions", `{"url":"`+offer(t)+`","type":"WSDL"}`, &description)
		require.Len(t, description.Services, 10)
		c.want(200, "PATCH", "/services/"+description.Services[0].ID,
			`{"url":"https://cs:4002/managementservice/manage/","timeout":60,"ssl_auth":false,"url_all":true,"timeout_all":true,"ssl_auth_all":true}`, nil)
		for _, one := range description.Services {
			c.want(201, "POST", "/services/"+one.ID+"/service-clients", `{"items":[{"id":"EE:owners","service_client_type":"GLOBALGROUP"}]}`, nil)
		}
		c.want(204, "PUT", "/service-descriptions/"+description.ID+"/enable", nil, nil)
		c.want(200, "PUT", "/service-descriptions/"+description.ID+"/refresh", `{"ignore_warnings":false}`, nil)
		var tokens []map[string]any
		c.want(200, "GET", "/tokens", nil, &tokens)
		require.Equal(t, keys.SoftToken, tokens[0]["id"])
		require.Equal(t, true, tokens[0]["logged_in"])
	})
}

// The toolkit makes its API key with a password from the machine itself, and spells the header in its own way.
func TestThirdPartyToolkit(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		require.NoError(t, d.auth.SaveUser(w.Ctx("Add user"), "xrd", "a long secret", string(api.SystemAdministrator), string(api.SecurityOfficer)))
		c := &caller{t: t, d: d, headers: http.Header{}}
		basic := func(password string) {
			r := http.Request{Header: http.Header{}}
			r.SetBasicAuth("xrd", password)
			c.headers = http.Header{"Authorization": r.Header["Authorization"]}
		}
		basic("wrong")
		c.want(401, "POST", "/api-keys", `["XROAD_SYSTEM_ADMINISTRATOR"]`, nil)
		basic("a long secret")
		var key struct {
			ID    int64
			Key   string
			Roles []string
		}
		c.want(200, "POST", "/api-keys/", `["XROAD_SYSTEM_ADMINISTRATOR","XROAD_SECURITY_OFFICER"]`, &key)
		require.NotEmpty(t, key.Key)
		require.ElementsMatch(t, []string{"XROAD_SYSTEM_ADMINISTRATOR", "XROAD_SECURITY_OFFICER"}, key.Roles)
		c.want(401, "GET", "/tokens", nil, nil) // a password opens this door alone
		c.want(200, "GET", "/api-keys", nil, nil)

		for _, spelling := range []string{"X-Road-apikey token=", "X-Road-ApiKey token=", "x-road-apikey TOKEN="} {
			c.headers = http.Header{"Authorization": {spelling + key.Key}}
			c.want(200, "GET", "/tokens", nil, nil)
			c.want(200, "GET", "/tokens/", nil, nil)
		}
		c.want(403, "POST", "/clients", `{"client":{"member_class":"GOV","member_code":"2"}}`, nil) // not a registration officer
		c.want(200, "PUT", "/tokens/0/login", `{"password":"`+worldtest.PIN+`"}`, nil)
		c.want(409, "PUT", "/tokens/0/login", `{"password":"`+worldtest.PIN+`"}`, nil)
		auth := certify(c, certificate.Authentication, "EE:GOV:1")
		c.want(204, "PUT", "/token-certificates/"+auth+"/register", `{"address":"ss1.example"}`, nil)
		c.want(204, "PUT", "/token-certificates/"+auth+"/activate", nil, nil)
		c.want(204, "PUT", "/token-certificates/"+auth+"/unregister", nil, nil)
		c.want(204, "DELETE", "/token-certificates/"+auth, nil, nil)
		c.want(200, "DELETE", "/api-keys/"+strconv.FormatInt(key.ID, 10), nil, nil)
		c.want(401, "GET", "/tokens", nil, nil)
	})
}
