package management_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/request"
)

// about is a request of security server ss1 about itself.
func about(w *storetest.World, t request.Type) *request.Request {
	return &request.Request{Type: t, Server: w.Server(ss1)}
}

func TestAddressChange(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		r := about(w, request.AddressChange)
		r.Address = "ss1.example.org"
		done := submit(t, w, r, management.SecurityServer)
		require.Equal(t, management.None, done.Status)
		require.Contains(t, w.LastAudit(), `"requestType":"ADDRESS_CHANGE_REQUEST","securityServerId":"EE:GOV:1:ss1","address":"ss1.example.org"`)
		saved, err := w.Management.Request(t.Context(), done.ID)
		require.NoError(t, err)
		require.Equal(t, "ss1.example.org", saved.Address)
		require.Equal(t, "Changing from '127.0.0.20'.", saved.Comments)
		require.Equal(t, "ss1.example.org", published(t, w).SecurityServers[0].Address)
	})
}

func TestClientRename(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		addClient(t, w)
		rename := func(name string) *management.Record {
			r := clientRequest(w, request.ClientRename)
			r.SubsystemName = name
			saved, err := w.Management.Request(t.Context(), submit(t, w, r, management.SecurityServer).ID)
			require.NoError(t, err)
			return saved
		}
		require.Equal(t, "Changing subsystem name from '' to 'Portal'.", rename(" Portal ").Comments)
		saved := rename("Post & Telegraph")
		require.Equal(t, "Changing subsystem name from 'Portal' to 'Post & Telegraph'.", saved.Comments)
		require.Equal(t, "Post & Telegraph", saved.SubsystemName)
		require.Empty(t, rename("Post & Telegraph").Comments, "the same name again changes nothing")
		shared := published(t, w)
		require.Equal(t, "Post & Telegraph", shared.Members[1].Subsystems[0].Name)
		for version, shows := range map[int]bool{4: false, 5: true, 6: true} {
			part, err := globalconf.EncodeShared(version, shared)
			require.NoError(t, err)
			require.Equal(t, shows, strings.Contains(string(part), "Post &amp; Telegraph"), "version %d", version)
		}
	})
}

func TestMaintenanceMode(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		addClient(t, w)
		on := about(w, request.MaintenanceModeEnable)
		on.Message = "Back at noon"
		done := submit(t, w, on, management.SecurityServer)
		require.Equal(t, management.None, done.Status)
		require.Contains(t, w.LastAudit(), `"message":"Back at noon"`)
		saved, err := w.Management.Request(t.Context(), done.ID)
		require.NoError(t, err)
		require.Equal(t, "Back at noon", saved.Comments)
		server, err := w.Registry.Server(t.Context(), w.Server(ss1))
		require.NoError(t, err)
		require.True(t, server.InMaintenance)
		require.Equal(t, "Back at noon", server.MaintenanceMessage)
		shared := published(t, w)
		require.Equal(t, "Back at noon", *shared.SecurityServers[0].Maintenance)
		for version, shows := range map[int]bool{4: false, 5: true, 6: true} {
			part, err := globalconf.EncodeShared(version, shared)
			require.NoError(t, err)
			require.Equal(t, shows, strings.Contains(string(part), "inMaintenanceMode"), "version %d", version)
		}

		const door = "Test event"
		w.Refused(t, by(w, on), "management_request_server_already_in_maintenance_mode", "Security server 'SERVER:EE/GOV/1/ss1' is already in maintenance mode", door)
		off := about(w, request.MaintenanceModeDisable)
		submit(t, w, off, management.SecurityServer)
		server, err = w.Registry.Server(t.Context(), w.Server(ss1))
		require.NoError(t, err)
		require.False(t, server.InMaintenance)
		require.Empty(t, server.MaintenanceMessage)
		require.Nil(t, published(t, w).SecurityServers[0].Maintenance)
		w.Refused(t, by(w, off), "management_request_server_not_in_maintenance_mode", "Security server 'SERVER:EE/GOV/1/ss1' is not in maintenance mode", door)
		on.Message = ""
		submit(t, w, on, management.SecurityServer)
		require.Empty(t, *published(t, w).SecurityServers[0].Maintenance, "in maintenance without a message")
	})
}

// by submits a request of a security server.
func by(w *storetest.World, r *request.Request) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := w.Management.Submit(ctx, r, management.SecurityServer)
		return err
	}
}

func TestRefusalsOfChanges(t *testing.T) {
	const (
		door    = "Test event"
		unknown = "EE:GOV:1:none"
		missing = "Server not found: SERVER:EE/GOV/1/none"
	)
	long := strings.Repeat("ä", 256)
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		addClient(t, w)
		_, err := w.Registry.SetProvider(w.Do(), w.Client("EE:GOV:1:ms"))
		require.NoError(t, err)
		for _, c := range []struct {
			kind          request.Type
			server        string
			set           func(r *request.Request)
			code, message string
		}{
			{request.AddressChange, ss1, func(*request.Request) {}, "management_request_invalid_server_address", "Invalid server address"},
			{request.AddressChange, ss1, func(r *request.Request) { r.Address = "https://a" }, "management_request_invalid_server_address", "Invalid server address"},
			{request.AddressChange, unknown, func(r *request.Request) { r.Address = "a" }, "management_request_server_not_found", missing},
			{request.ClientRename, ss1, func(r *request.Request) { r.Client, r.SubsystemName = w.Client("EE:GOV:2"), "N" },
				"management_request_only_subsystem_rename_allowed", "Only name of subsystem can be changed"},
			{request.ClientRename, ss1, func(r *request.Request) { r.Client, r.SubsystemName = w.Client(client), " " },
				"management_request_invalid_subsystem_name", "Invalid subsystem name"},
			{request.ClientRename, ss1, func(r *request.Request) { r.Client, r.SubsystemName = w.Client(client), long },
				"management_request_invalid_subsystem_name", "Invalid subsystem name"},
			{request.ClientRename, ss1, func(r *request.Request) { r.Client, r.SubsystemName = w.Client(client), "a\x07b" },
				"management_request_invalid_subsystem_name", "Invalid subsystem name"},
			{request.ClientRename, ss1, func(r *request.Request) { r.Client, r.SubsystemName = w.Client("EE:GOV:1:ms"), "N" },
				"management_request_server_client_not_found", "'SUBSYSTEM:EE/GOV/1/ms' is not registered as a client to security server 'SERVER:EE/GOV/1/ss1'"},
			{request.MaintenanceModeEnable, ss1, func(r *request.Request) { r.Message = long }, "validation_failure", "Invalid maintenance mode message"},
			{request.MaintenanceModeEnable, unknown, func(*request.Request) {}, "management_request_server_not_found", missing},
			{request.MaintenanceModeDisable, unknown, func(*request.Request) {}, "management_request_server_not_found", missing},
			{request.MaintenanceModeEnable, "FI:GOV:1:ss1", func(*request.Request) {}, "invalid_request",
				"Invalid management service address. Contact central server administrator"},
		} {
			r := &request.Request{Type: c.kind, Server: w.Server(c.server)}
			c.set(r)
			w.Refused(t, by(w, r), c.code, c.message, door)
		}
		require.NoError(t, w.Management.RegisterProvider(w.Do(), w.Server(ss1)))
		w.Refused(t, by(w, about(w, request.MaintenanceModeEnable)), "mr_forbidden_enable_maintenance_mode_for_management_service",
			"The security server of the management services cannot be put into maintenance mode", door)
	})
}
