package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/database/authdb"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/httpapi"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/api"
	"github.com/ristmik/ristmik/securityserver/internal/diagnosis"
	"github.com/ristmik/ristmik/securityserver/internal/internaltls"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// door is the REST interface over TLS, with one API key for each role and one for all.
type door struct {
	t      *testing.T
	w      *worldtest.World
	server *httptest.Server
	auth   *auth.Service
	keys   map[auth.Role]string
}

var all = []auth.Role{api.RegistrationOfficer, api.SecurityOfficer, api.ServiceAdministrator, api.SystemAdministrator, api.Observer}

func open(t *testing.T, w *worldtest.World) *door {
	t.Helper()
	d := &door{t: t, w: w, keys: map[auth.Role]string{}, auth: auth.New(auth.Config{Store: authdb.New(w.DB), Policy: api.Policy(), Now: w.Now})}
	shell, err := httpapi.New(httpapi.Config{Spec: schema.OpenAPI("security"), Auth: d.auth, DB: w.DB, PerSecond: 10000, PerMinute: 100000})
	require.NoError(t, err)
	authority := func(string) (messagelog.Asked, bool) { return messagelog.Asked{}, false }
	examine := diagnosis.New(diagnosis.Config{Conf: w.Conf, Setup: w.Setup, Keys: w.Keys, Services: w.Services, HTTP: http.DefaultClient,
		Download:  func() diagnosis.Download { return diagnosis.Download{LastSuccess: w.Now()} },
		Authority: authority, Registration: unreachable, Dial: (&net.Dialer{}).DialContext, Lookup: net.DefaultResolver.LookupHost,
		ServerPort: 1, OCSPPort: 1, PeerServerPort: 1, Now: w.Now})
	api.Register(api.Config{Diagnosis: examine, Authority: authority, Registration: unreachable,
		Clients: w.Clients, Keys: w.Keys, Services: w.Services, Setup: w.Setup, Self: w.Self, Conf: w.Conf,
		Download: func() api.Download { return api.Download{Last: w.Now(), Next: w.Now()} }, TLS: keyPair(t, w), Version: "1", Now: w.Now})(shell)
	d.server = httptest.NewTLSServer(shell)
	t.Cleanup(d.server.Close)
	admin := &auth.Principal{Name: "test", Roles: []auth.Role{auth.SystemAdministrator}}
	for _, role := range append(all, "") {
		names := []string{string(role)}
		if role == "" {
			names = nil
			for _, r := range all {
				names = append(names, string(r))
			}
		}
		_, d.keys[role], err = d.auth.CreateKey(w.Ctx("API key create"), admin, names)
		require.NoError(t, err)
	}
	return d
}

// keyPair is the internal TLS key of a new server.
func keyPair(t *testing.T, w *worldtest.World) *internaltls.Service {
	t.Helper()
	fresh := func() (*tls.Certificate, error) { return daemon.NewSelfSigned(w.Now(), daemon.P256, "127.0.0.1") }
	first, err := fresh()
	require.NoError(t, err)
	require.NoError(t, w.Store.SaveInternalTLS(t.Context(), first, false))
	return internaltls.New(internaltls.Config{Store: w.Store.TLS(), Make: fresh, Rand: rand.Reader})
}

// unreachable is the way to a central server that is not there.
func unreachable(context.Context) error {
	return fault.New(fault.Conflict, "network_error", "Could not connect to the central server")
}

// call sends a request with the key of a role; a []byte body is a file.
func (d *door) call(role auth.Role, method, path string, body any) (int, []byte) {
	d.t.Helper()
	var reader io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		reader, kind = bytes.NewReader(b), "application/octet-stream"
	case string:
		reader = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		require.NoError(d.t, err)
		reader = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.server.URL+"/api/v1"+path, reader)
	require.NoError(d.t, err)
	if reader != nil {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Authorization", "X-Road-apikey token="+d.keys[role])
	response, err := d.server.Client().Do(r)
	require.NoError(d.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(d.t, err)
	return response.StatusCode, data
}

// want calls with all roles, asks for a status and reads the answer into out.
func (d *door) want(status int, method, path string, body, out any) {
	d.t.Helper()
	got, data := d.call("", method, path, body)
	require.Equal(d.t, status, got, "%s %s: %s", method, path, data)
	if out != nil {
		require.NoError(d.t, json.Unmarshal(data, out), string(data))
	}
}

type errorInfo struct {
	Status int
	Error  struct {
		Code       string
		Metadata   []string
		Validation map[string][]string `json:"validation_errors"`
	}
	Warnings []struct {
		Code     string
		Metadata []string
	}
}

func (d *door) refused(status int, code, method, path string, body any) errorInfo {
	d.t.Helper()
	var info errorInfo
	d.want(status, method, path, body, &info)
	require.Equal(d.t, status, info.Status)
	require.Equal(d.t, code, info.Error.Code)
	return info
}

type clientView struct {
	ID, Status      string
	MemberName      string `json:"member_name"`
	SubsystemName   string `json:"subsystem_name"`
	Connection      string `json:"connection_type"`
	Owner           bool
	HasValidSigning bool   `json:"has_valid_local_sign_cert"`
	RenameStatus    string `json:"rename_status"`
}

func TestServerFromTokenToRegisteredCertificate(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		var status map[string]any
		d.want(200, "GET", "/initialization/status", nil, &status)
		require.Equal(t, "INITIALIZED", status["software_token_init_status"])
		d.refused(409, "server_already_fully_initialized", "POST", "/initialization", map[string]any{"software_token_pin": "1234"})
		d.refused(409, "anchor_already_exists", "POST", "/system/anchor", []byte("<a/>"))

		require.Nil(t, d.refused(400, "pin_incorrect", "PUT", "/tokens/0/login", map[string]string{"password": "no"}).Error.Metadata)
		require.Equal(t, true, w.Records("Log in to token failed")[0]["reason"] != nil)
		var token struct {
			LoggedIn bool     `json:"logged_in"`
			Actions  []string `json:"possible_actions"`
		}
		d.want(200, "PUT", "/tokens/0/login", map[string]string{"password": worldtest.PIN}, &token)
		require.True(t, token.LoggedIn)
		require.Equal(t, []string{"LOGOUT", "GENERATE_KEY", "TOKEN_CHANGE_PIN", "EDIT_FRIENDLY_NAME"}, token.Actions)

		var services []struct{ Name string }
		d.want(200, "GET", "/certificate-authorities?key_usage_type=SIGNING", nil, &services)
		require.Len(t, services, 1)
		var fields []map[string]any
		d.want(200, "GET", "/certificate-authorities/Test%20CA/csr-subject-fields?key_usage_type=SIGNING&member_id=EE:GOV:1", nil, &fields)
		require.Len(t, fields, 3)

		hash := map[string]string{}
		for _, usage := range []certificate.Usage{certificate.Signing, certificate.Authentication} {
			generate := map[string]any{"key_usage_type": usage, "ca_name": "Test CA", "csr_format": "DER", "member_id": "EE:GOV:1",
				"subject_field_values": map[string]string{}}
			var made struct {
				Key struct{ ID, Usage, Label string }
				CSR string `json:"csr_id"`
			}
			d.want(200, "POST", "/tokens/0/keys-with-csrs", map[string]any{"key_label": "first", "csr_generate_request": generate}, &made)
			require.Equal(t, string(usage), made.Key.Usage)
			code, csr := d.call("", "GET", "/keys/"+made.Key.ID+"/csrs/"+made.CSR+"?csr_format=DER", nil)
			require.Equal(t, 200, code)
			issued, err := w.CA.Sign(csr, usage)
			require.NoError(t, err)
			var imported struct {
				Details struct{ Hash string } `json:"certificate_details"`
				Status  string
				OCSP    string `json:"ocsp_status"`
				Active  bool
				Actions []string `json:"possible_actions"`
			}
			d.want(201, "POST", "/token-certificates", certificate.EncodePEM(issued), &imported)
			hash[string(usage)] = imported.Details.Hash
			if usage == certificate.Signing {
				require.Equal(t, "OCSP_RESPONSE_GOOD", imported.OCSP)
				require.Equal(t, []string{"DELETE", "DISABLE"}, imported.Actions)
			} else {
				require.Equal(t, "DISABLED", imported.OCSP)
				require.Equal(t, []string{"REGISTER", "DELETE", "ACTIVATE"}, imported.Actions)
			}
			d.refused(409, "certificate_already_exists", "POST", "/token-certificates", issued.Raw)
		}
		d.refused(400, "invalid_certificate", "POST", "/token-certificates", []byte("nonsense"))
		path := "/token-certificates/" + hash["AUTHENTICATION"]
		d.refused(400, "sign_cert_not_supported", "PUT", "/token-certificates/"+hash["SIGNING"]+"/register", map[string]string{"address": "ss1.example"})
		info := d.refused(400, "validation_failure", "PUT", path+"/register", map[string]string{"address": "no address"})
		require.Equal(t, map[string][]string{"securityServerAddressDto.address": {"ValidHostAddress"}}, info.Error.Validation)
		d.want(204, "PUT", path+"/register", map[string]string{"address": "ss1.example"}, nil)
		d.want(204, "PUT", path+"/activate", nil, nil)
		_, c, err := w.Keys.Certificate(t.Context(), hash["AUTHENTICATION"])
		require.NoError(t, err)
		require.NoError(t, w.Keys.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, nil, c.DER))))
		var shown map[string]any
		d.want(200, "GET", path, nil, &shown)
		require.Equal(t, "REGISTERED", shown["status"])
		require.Equal(t, "OCSP_RESPONSE_GOOD", shown["ocsp_status"])

		var self []map[string]string
		d.want(200, "GET", "/security-servers?current_server=true", nil, &self)
		require.Equal(t, "ss1.example", self[0]["server_address"])
		var alerts map[string]any
		d.want(200, "GET", "/notifications/alerts", nil, &alerts)
		require.Equal(t, true, alerts["soft_token_pin_entered"])
	})
}

func TestClientsFromAddToDelete(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		add := func(code, subsystem string, ignore bool) map[string]any {
			return map[string]any{"ignore_warnings": ignore, "client": map[string]any{"member_class": "GOV", "member_code": code, "subsystem_code": subsystem,
				"connection_type": "HTTP", "subsystem_name": "Fresh"}}
		}
		info := d.refused(400, "warnings_detected", "POST", "/clients", add("77", "s", false))
		require.Equal(t, "unregistered_member", info.Warnings[0].Code)
		require.Equal(t, []string{"EE/GOV/77"}, info.Warnings[0].Metadata)
		require.Equal(t, true, w.Records("Add client failed")[0]["warning"])
		d.refused(400, "validation_failure", "POST", "/clients", add("a:b", "s", false))
		d.refused(400, "validation_failure", "POST", "/clients", `{"client":{"member_class":"GOV","member_code":"2","connection_type":"FTP"}}`)

		var c clientView
		d.want(201, "POST", "/clients", add("2", "new", false), &c)
		require.Equal(t, clientView{ID: "EE:GOV:2:new", Status: "SAVED", MemberName: "Member 2", SubsystemName: "Fresh", Connection: "HTTP", RenameStatus: "NAME_SET"}, c)
		d.refused(409, "client_already_exists", "POST", "/clients", add("2", "new", false))
		path := "/clients/" + url.PathEscape(c.ID)
		encoded := strings.ReplaceAll(path, ":", "%3A")
		d.want(200, "GET", encoded, nil, &c)
		d.refused(400, "connection_type_required", "PATCH", path, `{}`)
		d.want(200, "PATCH", path, `{"connection_type":"HTTPS_NO_AUTH"}`, &c)
		require.Equal(t, "HTTPS_NO_AUTH", c.Connection)

		var tls struct{ Hash string }
		d.want(201, "POST", path+"/tls-certificates", w.CA.Certificate().Raw, &tls)
		d.refused(409, "certificate_already_exists", "POST", path+"/tls-certificates", w.CA.Certificate().Raw)
		d.refused(400, "invalid_certificate", "POST", path+"/tls-certificates", []byte("x"))
		d.want(200, "GET", path+"/tls-certificates/"+tls.Hash, nil, nil)
		d.want(204, "DELETE", path+"/tls-certificates/"+tls.Hash, nil, nil)
		d.refused(404, "certificate_not_found", "DELETE", path+"/tls-certificates/"+tls.Hash, nil)

		info = d.refused(400, "warnings_detected", "PUT", path+"/register?ignore_warnings=false", nil)
		require.Equal(t, "new_subsystem", info.Warnings[0].Code)
		require.Equal(t, []string{"new", "EE:GOV:2"}, info.Warnings[0].Metadata)
		w.Sender.Err = &soap.Fault{Code: "internal_error", String: "no"}
		info = d.refused(500, "core.internal_error", "PUT", path+"/register", nil)
		require.Equal(t, []string{"no"}, info.Error.Metadata)
		failures := w.Records("Register client failed")
		require.Equal(t, "Failed to send registration request: no", failures[len(failures)-1]["reason"])
		w.Sender.Err = nil
		d.want(204, "PUT", path+"/register", nil, nil)
		d.refused(409, "action_not_possible", "DELETE", path, nil)
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, []identifier.ClientID{worldtest.Client(t, c.ID)}))))
		d.want(200, "GET", path, nil, &c)
		require.Equal(t, "REGISTERED", c.Status)
		d.want(204, "PUT", path+"/disable", nil, nil)
		d.refused(409, "action_not_possible", "PUT", path+"/enable", nil)
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, nil))))
		d.want(204, "PUT", path+"/enable", nil, nil)
		d.refused(409, "action_not_possible", "PUT", path+"/unregister", nil)
		d.refused(400, "cannot_register_owner", "PUT", "/clients/EE:GOV:1/register", nil)
		d.refused(400, "invalid_encoded_id", "GET", "/clients/nonsense", nil)
		d.refused(404, "client_not_found", "GET", "/clients/EE:GOV:5", nil)

		var found []clientView
		d.want(200, "GET", "/clients", nil, &found)
		require.Len(t, found, 2)
		require.True(t, found[0].Owner)
		d.want(200, "GET", "/clients/?internal_search=false&exclude_local=true&subsystem_code=SUB&show_members=false", nil, &found)
		require.Len(t, found, 4)
		d.want(200, "GET", "/clients?name=fresh", nil, &found)
		require.Len(t, found, 1)
	})
}

func TestServicesOfAClient(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		wsdl, err := schema.WSDL.ReadFile("wsdl/managementservices.wsdl")
		require.NoError(t, err)
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wsdl) }))
		t.Cleanup(site.Close)
		path := "/clients/EE:GOV:1/service-descriptions"
		var description struct {
			ID       string
			Disabled bool
			Services []struct {
				ID      string
				Timeout int
				URL     string
			}
		}
		d.want(201, "POST", path, map[string]any{"url": site.URL, "type": "WSDL"}, &description)
		require.True(t, description.Disabled)
		require.Len(t, description.Services, 10)
		d.refused(409, "url_already_exists", "POST", path, map[string]any{"url": site.URL, "type": "WSDL"})
		d.refused(400, "malformed_url", "POST", path, map[string]any{"url": "x", "type": "WSDL"})
		service := "/services/EE:GOV:1:clientReg"
		var one map[string]any
		d.want(200, "PATCH", service, map[string]any{"url": "http://a.example/", "timeout": 7, "ssl_auth": false, "url_all": true}, &one)
		require.EqualValues(t, 7, one["timeout"])
		d.refused(400, "validation_failure", "PATCH", service, map[string]any{"url": "http://a.example/", "timeout": 1001, "ssl_auth": false})
		d.refused(404, "service_not_found", "GET", "/services/EE:GOV:1:none", nil)
		items := map[string]any{"items": []map[string]string{{"id": "EE:owners", "service_client_type": "GLOBALGROUP"}, {"id": "EE:GOV:2:sub", "service_client_type": "SUBSYSTEM"}}}
		var rights []map[string]any
		d.want(201, "POST", service+"/service-clients", items, &rights)
		require.Len(t, rights, 2)
		d.refused(409, "duplicate_accessright", "POST", service+"/service-clients", items)
		d.want(200, "GET", service+"/service-clients", nil, &rights)
		require.Equal(t, "Owners", rights[0]["name"])
		d.want(204, "POST", service+"/service-clients/delete", items, nil)
		d.refused(404, "accessright_not_found", "POST", service+"/service-clients/delete", items)
		d.want(204, "PUT", "/service-descriptions/"+description.ID+"/enable", nil, nil)
		d.want(204, "PUT", "/service-descriptions/"+description.ID+"/disable", `{"disabled_notice":"soon"}`, nil)
		var candidates []map[string]any
		d.want(200, "GET", "/clients/EE:GOV:1/service-client-candidates", nil, &candidates)
		require.Len(t, candidates, 5)
		d.want(204, "DELETE", "/service-descriptions/"+description.ID, nil, nil)
		d.refused(404, "service_description_not_found", "GET", "/service-descriptions/"+description.ID, nil)
	})
}

func TestCertificateExport(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		status, data := d.call("", "GET", "/system/certificate/export", nil)
		require.Equal(t, 200, status)
		require.Equal(t, []byte{0x1f, 0x8b}, data[:2])
		status, data = d.call("", "GET", "/system/anchor/download", nil)
		require.Equal(t, 200, status)
		anchor, err := w.Setup.Anchor(t.Context())
		require.NoError(t, err)
		require.Equal(t, anchor.File, data)
		var diagnostics map[string]any
		d.want(200, "GET", "/diagnostics/globalconf", nil, &diagnostics)
		require.Equal(t, "OK", diagnostics["status_class"])
	})
}
