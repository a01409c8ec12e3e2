package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// TestChangesOfTheServer asks for another address, name, owner, and for maintenance.
func TestChangesOfTheServer(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		heir, sub := worldtest.Client(t, "EE:GOV:2"), worldtest.Client(t, "EE:GOV:2:sub")
		w.Conf.Publish(worldtest.Listed(w.Owner, []identifier.ClientID{heir, sub}))
		for _, subsystem := range []string{"", "sub"} {
			d.want(201, "POST", "/clients", map[string]any{"client": map[string]any{"member_class": "GOV", "member_code": "2", "subsystem_code": subsystem}}, nil)
		}

		var address struct {
			Current   struct{ Address string }  `json:"current_address"`
			Requested *struct{ Address string } `json:"requested_change"`
		}
		d.refused(400, "validation_failure", "PUT", "/system/server-address", `{"address":"a b"}`)
		d.refused(409, "same_address_change_request", "PUT", "/system/server-address", `{"address":"ss1.example"}`)
		d.want(202, "PUT", "/system/server-address", `{"address":"ss2.example"}`, nil)
		d.want(200, "GET", "/system/server-address", nil, &address)
		require.Equal(t, "ss1.example", address.Current.Address)
		require.Equal(t, "ss2.example", address.Requested.Address)
		d.refused(409, "address_change_request_already_submitted", "PUT", "/system/server-address", `{"address":"ss3.example"}`)

		var mode struct {
			Status   string
			Provider *bool `json:"is_management_services_provider"`
		}
		d.refused(409, "already_disabled_maintenance_mode", "PUT", "/system/maintenance-mode/disable", nil)
		d.want(204, "PUT", "/system/maintenance-mode/enable", `{"message":"Back at noon"}`, nil)
		d.want(200, "GET", "/system/maintenance-mode", nil, &mode)
		require.Equal(t, "PENDING_ENABLE_MAINTENANCE_MODE", mode.Status)
		require.False(t, *mode.Provider)
		d.refused(409, "maintenance_mode_change_request_already_submitted", "PUT", "/system/maintenance-mode/enable", nil)

		var c clientView
		d.refused(409, "invalid_client_name", "PUT", "/clients/EE:GOV:2:sub/rename", `{"client_name":"Subsystem"}`)
		d.want(204, "PUT", "/clients/EE:GOV:2:sub/rename", `{"client_name":"Portal"}`, nil)
		d.want(200, "GET", "/clients/EE:GOV:2:sub", nil, &c)
		require.Equal(t, "Portal", c.SubsystemName)
		require.Equal(t, "NAME_SUBMITTED", c.RenameStatus)
		d.refused(409, "client_rename_already_submitted", "PUT", "/clients/EE:GOV:2:sub/rename", `{"client_name":"Other"}`)

		d.refused(409, "action_not_possible", "PUT", "/clients/EE:GOV:2:sub/make-owner", nil)
		d.refused(400, "member_already_owner", "PUT", "/clients/EE:GOV:1/make-owner", nil)
		d.want(204, "PUT", "/clients/EE:GOV:2/make-owner", nil, nil)
		require.Equal(t, []string{"addressChange ss2.example", "maintenanceModeEnable Back at noon", "clientRename EE:GOV:2:sub Portal", "ownerChange EE:GOV:2"},
			w.Sender.Sent)
		for _, event := range []string{"Edit security server address", "Enable maintenance mode of the security server", "Rename subsystem", "Change owner"} {
			require.Len(t, w.Records(event), 1, event)
		}
	})
}
