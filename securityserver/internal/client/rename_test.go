package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// named gives the subsystem GOV/2/sub a name in the configuration.
func named(name string) worldtest.Option {
	return func(_ *globalconf.PrivateParameters, shared *globalconf.SharedParameters, _ *time.Time) {
		shared.Members[1].Subsystems[0].Name = name
	}
}

// pending is what a client's pending name looks like: in whose eyes, and whether it was sent.
func pending(w *worldtest.World, id identifier.ClientID) (string, bool) {
	w.T.Helper()
	c, err := w.Clients.Get(w.T.Context(), id)
	require.NoError(w.T, err)
	return c.PendingName, c.Submitted
}

func TestRenameOfARegisteredSubsystem(t *testing.T) {
	const event = "Rename subsystem"
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		put(w, id, client.Registered)
		listed := worldtest.Listed(w.Owner, []identifier.ClientID{id})
		rename := func(name string) error { return w.Clients.Rename(w.Ctx(event), id, name) }
		reconcile := func(name string) {
			t.Helper()
			require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(listed, named(name))))
			require.Equal(t, "registered", status(w, id))
		}
		require.NoError(t, rename(" Portal "))
		require.Equal(t, []string{"clientRename EE:GOV:2:sub Portal"}, w.Sender.Sent)
		data := w.Records(event)[0]["data"].(map[string]any)
		require.Equal(t, "Portal", data["memberSubsystemName"])
		require.EqualValues(t, 42, data["managementRequestId"])
		w.Unchanged(func() error { return w.Clients.Rename(w.Ctx("again"), id, "Third") }, "again", "client_rename_already_submitted",
			"The name 'Portal' has already been submitted")

		reconcile("Subsystem") // the name of before: nothing is known yet
		restarted := client.New(w.ClientsConfig)
		c, err := restarted.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "Portal", c.PendingName, "a restart keeps it")
		require.True(t, c.Submitted)
		reconcile("Portal")
		name, submitted := pending(w, id)
		require.Empty(t, name)
		require.False(t, submitted)

		require.NoError(t, rename("Second"))
		reconcile("Somebody was quicker")
		name, _ = pending(w, id)
		require.Empty(t, name, "a third name ends the wait too")
	})
}

func TestRenameRefusals(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id, member := add(w, "EE:GOV:2:sub"), add(w, "EE:GOV:2")
		for _, s := range client.Statuses {
			put(w, id, s)
			put(w, member, s)
			for _, c := range []struct {
				id                  identifier.ClientID
				name, code, message string
			}{
				{id, " ", "validation_failure", "Missing parameter: 'subsystem name'"},
				{id, string(make([]byte, 256)) + "x", "validation_failure", "Parameter subsystem name input exceeds 255 characters"},
				{member, "Name", "action_not_possible", "Only subsystems have names of their own"},
				{id, "Subsystem", "invalid_client_name", "The subsystem has the name 'Subsystem' already"},
				{worldtest.Client(t, "EE:GOV:3:none"), "Name", "client_not_found", "Client 'EE:GOV:3:none' not found"},
			} {
				w.Unchanged(func() error { return w.Clients.Rename(w.Ctx("x"), c.id, c.name) }, "x", c.code, c.message)
			}
			if s != client.Saved && s != client.Registered {
				w.Unchanged(func() error { return w.Clients.Rename(w.Ctx("x"), id, "Name") }, "x", "action_not_possible",
					"Cannot rename a client in state '"+s.String()+"'")
			}
		}
		require.Empty(t, w.Sender.Sent)
		put(w, id, client.Registered)
		for _, answer := range []error{refusal, unavailable} {
			w.Sender.Err = answer
			require.Error(t, w.Clients.Rename(w.Ctx("x"), id, "Name"))
			name, _ := pending(w, id)
			require.Empty(t, name, "what was not taken is not pending")
		}
	})
}

// TestNameOfARegistration goes with clientReg and is pending until the client is registered.
func TestNameOfARegistration(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		require.NoError(t, w.Clients.Rename(w.Ctx("Rename subsystem"), id, "Portal"))
		require.Empty(t, w.Sender.Sent, "remembered only")
		_, submitted := pending(w, id)
		require.False(t, submitted)
		require.NoError(t, w.Clients.Register(w.Ctx("Register client"), id, true))
		require.Equal(t, []string{"clientReg EE:GOV:2:sub Portal"}, w.Sender.Sent)
		_, submitted = pending(w, id)
		require.True(t, submitted)
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, []identifier.ClientID{id}))))
		name, _ := pending(w, id)
		require.Empty(t, name, "registered, with whatever name the central server gave it")
	})
}

func TestMakeOwner(t *testing.T) {
	const event = "Change owner"
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		heir, sub := add(w, "EE:GOV:2"), add(w, "EE:GOV:2:sub")
		give := func(id identifier.ClientID) func() error {
			return func() error { return w.Clients.MakeOwner(w.Ctx(event), id) }
		}
		put(w, w.Owner, client.Registered)
		w.Unchanged(give(sub), event, "action_not_possible", "Only a member can own a security server")
		w.Unchanged(give(worldtest.Client(t, "EE:GOV:3")), event, "client_not_found", "Client 'EE:GOV:3' not found")
		w.Unchanged(give(w.Owner), event, "member_already_owner", "The member owns this security server already")
		for _, s := range client.Statuses {
			put(w, heir, s)
			if s != client.Registered {
				w.Unchanged(give(heir), event, "action_not_possible", "Cannot make owner a client in state '"+s.String()+"'")
			}
		}
		require.Empty(t, w.Sender.Sent)

		put(w, heir, client.Registered)
		for _, answer := range []struct {
			err           error
			code, message string
		}{
			{refusal, "core.internal_error", "no such server"},
			{unavailable, "management_request_sending_failed", unavailable.Message},
		} {
			w.Sender.Err = answer.err
			w.Unchanged(give(heir), event, answer.code, "Failed to send owner change request: "+answer.message)
		}
		w.Sender.Err = duplicate
		require.NoError(t, give(heir)(), "after an unknown outcome a duplicate says that the first one arrived")
		w.Sender.Err = nil
		before := w.State()
		require.NoError(t, give(heir)())
		require.Equal(t, before, w.State(), "the owner changes when the configuration shows it")
		data := w.Records(event)[1]["data"].(map[string]any)
		require.Equal(t, "registered", data["clientStatus"])
		require.EqualValues(t, 42, data["managementRequestId"])

		w.Conf.Publish(worldtest.Expired)
		require.Equal(t, "global_conf_outdated", fault.CodeOf(w.Clients.MakeOwner(w.Ctx("x"), heir)))
	})
}

// TestNewNameHidesNoUnknownOutcome: a client whose disabling may have arrived is disabled when it vanishes, whatever was asked for since.
func TestNewNameHidesNoUnknownOutcome(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		put(w, id, client.Registered)
		w.Sender.Err = unavailable
		require.Error(t, w.Clients.Disable(w.Ctx("x"), id))
		w.Sender.Err = nil
		require.NoError(t, w.Clients.Rename(w.Ctx("Rename subsystem"), id, "Portal"))
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, nil))))
		require.Equal(t, "disabled", status(w, id))
	})
}

// TestOwnerChangeReachesCertificates: the authentication certificate is compared under the new identifier in the same round.
func TestOwnerChangeReachesCertificates(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		auth := w.Import(certificate.Authentication, w.Owner)
		require.NoError(t, w.Keys.Activate(w.Ctx("Enable certificate"), auth.Hash))
		heir := add(w, "EE:GOV:2")
		round := func(s *globalconf.Snapshot) {
			for _, reconcile := range []func(context.Context, *globalconf.Snapshot) error{w.Clients.Reconcile, w.Keys.Reconcile, w.Self.Reconcile} {
				require.NoError(t, reconcile(t.Context(), s))
			}
		}
		registered := func() {
			t.Helper()
			tokens, err := w.Keys.Tokens(t.Context())
			require.NoError(t, err)
			require.Equal(t, "registered", tokens[0].Keys[0].Certificates[0].Status.String())
			require.Equal(t, "registered", status(w, w.Owner))
			require.Equal(t, "registered", status(w, heir))
		}
		round(w.Conf.Publish(worldtest.Listed(w.Owner, []identifier.ClientID{heir}, auth.DER)))
		registered()
		require.NoError(t, w.Clients.MakeOwner(w.Ctx("Change owner"), heir))
		round(w.Conf.Publish(worldtest.Listed(heir, []identifier.ClientID{w.Owner}, auth.DER)))
		registered()
		c, err := w.Clients.Get(t.Context(), w.Owner)
		require.NoError(t, err)
		require.False(t, c.Owner, "the old owner is a client like others")
	})
}
