package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/pkg/request"
)

// TestChangesOfServers adds the requests that are neither registrations nor deletions, as the management services do.
func TestChangesOfServers(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		pair := func(r *request.Request) {
			_, err := d.Management.Submit(d.Do(), r, management.SecurityServer)
			require.NoError(t, err)
			done, err := d.Management.Submit(d.Do(), r, management.Center)
			require.NoError(t, err)
			_, err = d.Management.Approve(d.Do(), done.ID)
			require.NoError(t, err)
		}
		server := d.Server("EE:GOV:1:ss1")
		pair(&request.Request{Type: request.AuthCertReg, Server: server, AuthCertificate: d.AuthCertificate("EE:GOV:1:ss1"), Address: "a"})
		pair(&request.Request{Type: request.ClientReg, Server: server, Client: d.Client("EE:GOV:2")})
		pair(&request.Request{Type: request.ClientReg, Server: server, Client: d.Client("EE:GOV:2:sub")})
		add := func(kind, rest string, status int) map[string]any {
			t.Helper()
			return d.do(services, "POST", "/management-requests", fmt.Sprintf(
				`{"type":"%s_REQUEST","origin":"SECURITY_SERVER","security_server_id":"EE:GOV:1:ss1"%s}`, kind, rest), status)
		}

		require.Equal(t, "ss1.example.org", add("ADDRESS_CHANGE", `,"server_address":" ss1.example.org "`, 202)["server_address"])
		require.Equal(t, "validation_failure", code(add("ADDRESS_CHANGE", `,"server_address":"a b"`, 400)))
		renamed := add("CLIENT_RENAME", `,"client_id":"EE:GOV:2:sub","subsystem_name":"Portal"`, 202)
		require.Equal(t, "Portal", renamed["subsystem_name"])
		require.NotContains(t, renamed, "status", "it is carried out at once")
		require.Equal(t, "management_request_only_subsystem_rename_allowed", code(add("CLIENT_RENAME", `,"client_id":"EE:GOV:2","subsystem_name":"P"`, 400)))
		require.Equal(t, "management_request_invalid_subsystem_name", code(add("CLIENT_RENAME", `,"client_id":"EE:GOV:2:sub","subsystem_name":" "`, 400)))
		require.Equal(t, "Back at noon", add("MAINTENANCE_MODE_ENABLE", `,"message":"Back at noon"`, 202)["message"])
		require.Equal(t, "management_request_server_already_in_maintenance_mode", code(add("MAINTENANCE_MODE_ENABLE", "", 409)))
		shown := d.do(officer, "GET", "/security-servers/EE:GOV:1:ss1", "", 200)
		require.Equal(t, "ss1.example.org", shown["server_address"])
		require.Equal(t, true, shown["in_maintenance_mode"])
		require.Equal(t, "Back at noon", shown["maintenance_mode_message"])
		add("MAINTENANCE_MODE_DISABLE", "", 202)
		require.Equal(t, "management_request_server_not_in_maintenance_mode", code(add("MAINTENANCE_MODE_DISABLE", "", 409)))

		d.do(officer, "POST", "/management-requests",
			`{"type":"OWNER_CHANGE_REQUEST","origin":"CENTER","security_server_id":"EE:GOV:1:ss1","client_id":"EE:GOV:2"}`, 403)
		change := add("OWNER_CHANGE", `,"client_id":"EE:GOV:2"`, 202)
		require.Equal(t, "WAITING", change["status"])
		require.Equal(t, "management_request_exists", code(add("OWNER_CHANGE", `,"client_id":"EE:GOV:2"`, 409)))
		d.do(services, "POST", fmt.Sprintf("/management-requests/%v/approval", change["id"]), "", 403)
		require.Equal(t, "APPROVED", d.do(officer, "POST", fmt.Sprintf("/management-requests/%v/approval", change["id"]), "", 200)["status"])
		require.Equal(t, "Member Two", d.do(officer, "GET", "/security-servers/EE:GOV:2:ss1", "", 200)["owner_name"])
		require.Equal(t, "security_server_not_found", code(d.do(officer, "GET", "/security-servers/EE:GOV:1:ss1", "", 404)))
	})
}
