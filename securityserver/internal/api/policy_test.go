package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/api"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// Who may do what, by role: X-Road's matrix for a few operations of each group.
func TestRoles(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		for _, c := range []struct {
			method, path string
			body         any
			who          string // first letters: Registration, Security, serVice, sYstem, Observer
		}{
			{"GET", "/clients", nil, "RSVO"},
			{"GET", "/clients/EE:GOV:1", nil, "RVO"},
			{"PUT", "/clients/EE:GOV:1/register", nil, "R"},
			{"DELETE", "/clients/EE:GOV:1", nil, "R"},
			{"PATCH", "/clients/EE:GOV:1", `{}`, "RV"},
			{"GET", "/tokens", nil, "RSYO"},
			{"PUT", "/tokens/0/login", `{"password":"no"}`, "SY"},
			{"PUT", "/tokens/0/pin", `{"old_pin":"a","new_pin":"b"}`, "Y"},
			{"POST", "/tokens/0/keys", `{}`, "RS"},
			{"GET", "/clients/EE:GOV:1/service-descriptions", nil, "VO"},
			{"POST", "/clients/EE:GOV:1/service-descriptions", `{"url":"x","type":"WSDL"}`, "V"},
			{"GET", "/system/anchor/download", nil, "SY"},
			{"POST", "/initialization", `{}`, "Y"},
			{"GET", "/diagnostics/globalconf", nil, "YO"},
			{"GET", "/system/version", nil, "RSVYO"},
		} {
			for letter, role := range map[string]auth.Role{"R": api.RegistrationOfficer, "S": api.SecurityOfficer, "V": api.ServiceAdministrator,
				"Y": api.SystemAdministrator, "O": api.Observer} {
				status, _ := d.call(role, c.method, c.path, c.body)
				require.Equal(t, !strings.Contains(c.who, letter), status == http.StatusForbidden, "%s %s as %s: %d", c.method, c.path, role, status)
			}
		}
		// The permission that goes with a usage is asked for inside.
		w.Login()
		generate := map[string]any{"key_usage_type": "AUTHENTICATION", "ca_name": "Test CA", "csr_format": "PEM", "subject_field_values": map[string]string{}}
		body := map[string]any{"key_label": "", "csr_generate_request": generate}
		status, _ := d.call(api.RegistrationOfficer, "POST", "/tokens/0/keys-with-csrs", body)
		require.Equal(t, 403, status)
		status, _ = d.call(api.SecurityOfficer, "POST", "/tokens/0/keys-with-csrs", body)
		require.Equal(t, 200, status)
		require.NotEmpty(t, w.Records("Generate key and CSR failed"))
	})
}

// Every permission of the file is given to somebody.
func TestEveryPermissionIsGranted(t *testing.T) {
	granted := map[auth.Permission]bool{}
	for _, list := range api.Policy() {
		for _, p := range list {
			granted[p] = true
		}
	}
	for _, line := range strings.Split(string(schema.OpenAPI("security")), "\n") {
		if list, ok := strings.CutPrefix(strings.TrimSpace(line), "x-permissions: ["); ok {
			for _, p := range strings.Split(strings.TrimSuffix(list, "]"), ",") {
				if p = strings.TrimSpace(p); p != "" {
					require.True(t, granted[auth.Permission(p)], p)
				}
			}
		}
	}
}
