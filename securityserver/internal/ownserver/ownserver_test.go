package ownserver_test

import (
	"context"
	"crypto/rand"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/securityserver/internal/ownserver"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

var unavailable = fault.New(fault.Unavailable, "network_error", "The central server did not answer; the outcome is not known")

// shows is a configuration in which the server has this address, and is in maintenance when message is given.
func shows(address string, message *string) worldtest.Option {
	return func(_ *globalconf.PrivateParameters, shared *globalconf.SharedParameters, _ *time.Time) {
		s := &shared.SecurityServers[len(shared.SecurityServers)-1]
		s.Address, s.Maintenance = address, message
	}
}

// world publishes the server and gives the way to publish it changed.
func world(t *testing.T, fn func(t *testing.T, w *worldtest.World, publish func(address string, message *string))) {
	t.Helper()
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		publish := func(address string, message *string) {
			t.Helper()
			require.NoError(t, w.Self.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, nil), shows(address, message))))
		}
		publish("ss1.example", nil)
		fn(t, w, publish)
	})
}

func address(w *worldtest.World) ownserver.AddressStatus {
	w.T.Helper()
	status, err := w.Self.Address(w.T.Context())
	require.NoError(w.T, err)
	return status
}

func mode(w *worldtest.World) ownserver.MaintenanceStatus {
	w.T.Helper()
	status, err := w.Self.Maintenance(w.T.Context())
	require.NoError(w.T, err)
	return status
}

func TestAddressChange(t *testing.T) {
	const event = "Edit security server address"
	world(t, func(t *testing.T, w *worldtest.World, publish func(string, *string)) {
		change := func(event, to string) func() error {
			return func() error { return w.Self.ChangeAddress(w.Ctx(event), to) }
		}
		w.Unchanged(change(event, " "), event, "validation_failure", "Invalid server address")
		w.Unchanged(change(event, "http://a"), event, "validation_failure", "Invalid server address")
		w.Unchanged(change(event, "ss1.example"), event, "same_address_change_request", "The security server has the address 'ss1.example' already")
		require.Empty(t, w.Sender.Sent)

		require.NoError(t, change(event, " ss2.example ")())
		require.Equal(t, []string{"addressChange ss2.example"}, w.Sender.Sent)
		require.Equal(t, map[string]any{"address": "ss2.example", "managementRequestId": 42.0}, w.Records(event)[0]["data"])
		require.Equal(t, ownserver.AddressStatus{Current: "ss1.example", Requested: "ss2.example"}, address(w))
		w.Unchanged(change("again", "ss3.example"), "again", "address_change_request_already_submitted", "A change to 'ss2.example' has already been submitted")
		publish("ss1.example", nil)
		require.Equal(t, "ss2.example", address(w).Requested, "not shown yet")
		publish("ss2.example", nil)
		require.Equal(t, ownserver.AddressStatus{Current: "ss2.example"}, address(w))

		require.NoError(t, change(event, "ss3.example")())
		publish("ss4.example", nil)
		require.Equal(t, ownserver.AddressStatus{Current: "ss4.example"}, address(w), "a third address ends the wait too")

		require.NoError(t, change(event, "ss5.example")())
		w.Advance(time.Hour + time.Minute)
		publish("ss4.example", nil)
		require.Equal(t, ownserver.AddressStatus{Current: "ss4.example"}, address(w), "nobody believes in it any more")
	})
}

func TestRefusedRequestsLeaveNothingPending(t *testing.T) {
	refused := &soap.Fault{Code: "internal_error", String: "no"}
	world(t, func(t *testing.T, w *worldtest.World, publish func(string, *string)) {
		message := ""
		for _, c := range []struct {
			what  string
			setup func()
			do    func(ctx context.Context) error
		}{
			{"address change", func() {}, func(ctx context.Context) error { return w.Self.ChangeAddress(ctx, "ss2.example") }},
			{"maintenance mode", func() {}, func(ctx context.Context) error { return w.Self.EnableMaintenance(ctx, "") }},
			{"maintenance mode", func() { publish("ss1.example", &message) }, w.Self.DisableMaintenance},
		} {
			c.setup()
			for _, answer := range []struct {
				err           error
				code, message string
			}{
				{refused, "core.internal_error", "no"},
				{unavailable, "management_request_sending_failed", unavailable.Message},
				{fault.New(fault.Conflict, "unknown_member", "no key"), "management_request_sending_failed", "no key"},
			} {
				w.Sender.Err = answer.err
				w.Unchanged(func() error { return c.do(w.Ctx("x")) }, "x", answer.code, "Failed to send "+c.what+" request: "+answer.message)
			}
			w.Sender.Err = nil
			w.Conf.Publish(worldtest.Expired)
			w.Unchanged(func() error { return c.do(w.Ctx("x")) }, "x", "global_conf_outdated", "Global configuration is expired")
			require.Error(t, w.Self.Reconcile(t.Context(), w.Conf.Current()))
			publish("ss1.example", nil)
		}
	})
}

// TestMaintenanceModeWalk takes the four modes through every event; nothing is kept in memory.
func TestMaintenanceModeWalk(t *testing.T) {
	const on, off = "Enable maintenance mode of the security server", "Disable maintenance mode of the security server"
	noon := "Back at noon"
	world(t, func(t *testing.T, w *worldtest.World, publish func(string, *string)) {
		enable := func(event string) func() error {
			return func() error { return w.Self.EnableMaintenance(w.Ctx(event), " "+noon+" ") }
		}
		disable := func(event string) func() error {
			return func() error { return w.Self.DisableMaintenance(w.Ctx(event)) }
		}
		const already, submitted = "already_enabled_maintenance_mode", "maintenance_mode_change_request_already_submitted"
		require.Equal(t, ownserver.MaintenanceStatus{Mode: ownserver.ModeDisabled}, mode(w))
		w.Unchanged(disable("x"), "x", "already_disabled_maintenance_mode", "Maintenance mode is already disabled")
		w.Unchanged(func() error { return w.Self.EnableMaintenance(w.Ctx("x"), strings.Repeat("ä", 256)) }, "x", "validation_failure",
			"Invalid maintenance mode message")
		w.Unchanged(func() error { return w.Self.EnableMaintenance(w.Ctx("x"), "a\x07") }, "x", "validation_failure", "Invalid maintenance mode message")

		require.NoError(t, enable(on)())
		require.Equal(t, map[string]any{"message": noon, "managementRequestId": 42.0}, w.Records(on)[0]["data"])
		require.Equal(t, ownserver.ModePendingEnable, mode(w).Mode)
		w.Unchanged(enable("x"), "x", submitted, "A change to 'enabled' has already been submitted")
		w.Unchanged(disable("x"), "x", "already_disabled_maintenance_mode", "Maintenance mode is already disabled")
		publish("ss1.example", nil)
		restarted := ownserver.New(ownserver.Config{Store: w.Store.Server(), Conf: w.Conf, Sender: w.Sender, Now: w.Now, Rand: rand.Reader, Log: zap.NewNop()})
		status, err := restarted.Maintenance(t.Context())
		require.NoError(t, err)
		require.Equal(t, ownserver.ModePendingEnable, status.Mode, "a restart keeps it")

		publish("ss1.example", &noon)
		require.Equal(t, ownserver.MaintenanceStatus{Mode: ownserver.ModeEnabled, Message: noon}, mode(w))
		w.Unchanged(enable("x"), "x", already, "Maintenance mode is already enabled")
		require.NoError(t, disable(off)())
		require.Equal(t, ownserver.ModePendingDisable, mode(w).Mode)
		w.Unchanged(disable("x"), "x", submitted, "A change to 'disabled' has already been submitted")
		w.Unchanged(enable("x"), "x", already, "Maintenance mode is already enabled")
		publish("ss1.example", nil)
		require.Equal(t, ownserver.ModeDisabled, mode(w).Mode)
		require.Equal(t, []string{"maintenanceModeEnable " + noon, "maintenanceModeDisable"}, w.Sender.Sent)
	})
}

// TestManagementServicesStayInService: nobody could ask for anything any more.
func TestManagementServicesStayInService(t *testing.T) {
	world(t, func(t *testing.T, w *worldtest.World, _ func(string, *string)) {
		provider := worldtest.Client(t, "EE:GOV:1:sub")
		w.Conf.Publish(worldtest.Listed(w.Owner, []identifier.ClientID{provider}), worldtest.ProviderIs(provider))
		require.True(t, mode(w).Provider)
		w.Unchanged(func() error { return w.Self.EnableMaintenance(w.Ctx("x"), "") }, "x", "forbidden_enable_maintenance_mode_for_management_service",
			"The security server of the management services cannot be put into maintenance mode")
		require.Empty(t, w.Sender.Sent)
	})
}

// TestSecondTryAfterAnUnknownOutcome: the central server's "already" says that the first request arrived.
func TestSecondTryAfterAnUnknownOutcome(t *testing.T) {
	world(t, func(t *testing.T, w *worldtest.World, _ func(string, *string)) {
		there := &soap.Fault{Code: "x", String: "Security server 'SERVER:EE/GOV/1/ss1' is already in maintenance mode"}
		w.Sender.Err = there
		require.Error(t, w.Self.EnableMaintenance(w.Ctx("x"), ""), "nobody has asked before")
		w.Sender.Err = unavailable
		require.Error(t, w.Self.EnableMaintenance(w.Ctx("x"), ""))
		w.Sender.Err = there
		require.NoError(t, w.Self.EnableMaintenance(w.Ctx("x"), ""))
		require.Equal(t, ownserver.ModePendingEnable, mode(w).Mode)
	})
}

// TestServerThatDiedSending: the intent is open, its outcome unknown; nothing is pending, and it may be asked again.
func TestServerThatDiedSending(t *testing.T) {
	world(t, func(t *testing.T, w *worldtest.World, _ func(string, *string)) {
		w.Sender.During = func(context.Context) { panic("killed") }
		require.Panics(t, func() { _ = w.Self.ChangeAddress(w.Ctx("x"), "ss2.example") })
		w.Sender.During = nil
		w.Unchanged(func() error { return w.Self.ChangeAddress(w.Ctx("x"), "ss2.example") }, "x", "action_not_possible",
			"The same request is being sent at this moment")
		require.NoError(t, w.Clients.Recover(t.Context()))
		require.NoError(t, w.Self.ChangeAddress(w.Ctx("x"), "ss2.example"))
		require.Equal(t, "ss2.example", address(w).Requested)
	})
}

// The databases accept exactly the subjects of the code.
func TestDatabasesKnowTheSameSubjects(t *testing.T) {
	for _, driver := range []string{"sqlite", "postgres"} {
		sql, err := fs.ReadFile(worldtest.Migrations(driver), "00003_pending_changes.sql")
		require.NoError(t, err)
		require.Contains(t, string(sql), "CHECK (subject IN ('"+string(ownserver.Subjects[0])+"', '"+string(ownserver.Subjects[1])+"'))")
	}
}
