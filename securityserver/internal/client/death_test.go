package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// failing is the real store that refuses the n-th Update from now.
type failing struct {
	client.Store
	left int
}

var errPowerCut = errors.New("power cut")

func (f *failing) Update(ctx context.Context, fn func(client.Tx) error) error {
	if f.left--; f.left == 0 {
		return errPowerCut
	}
	return f.Store.Update(ctx, fn)
}

// A server that dies at any step of a registration starts with an unknown outcome, and the configuration heals it.
func TestDeathBetweenTheSteps(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		list := []identifier.ClientID{id}
		for _, c := range []struct {
			name    string
			from    client.Status
			act     func(*client.Service) error
			arrives []identifier.ClientID
			want    string
		}{
			{"registration", client.Saved, func(s *client.Service) error { return s.Register(w.Ctx("Register client"), id, true) }, list, "registered"},
			{"deletion", client.Registered, func(s *client.Service) error { return s.Unregister(w.Ctx("Unregister client"), id) }, nil, "deletion in progress"},
			{"disabling", client.Registered, func(s *client.Service) error { return s.Disable(w.Ctx("Disable client"), id) }, nil, "disabled"},
			{"enabling", client.Disabled, func(s *client.Service) error { return s.Enable(w.Ctx("Enable client"), id) }, list, "registered"},
		} {
			put(w, id, c.from)
			dying := w.ClientsConfig
			dying.Store = &failing{Store: w.Store.Clients(), left: 2} // the intent is stored, the outcome is not
			require.ErrorIs(t, c.act(client.New(dying)), errPowerCut, c.name)
			require.Equal(t, c.from.String(), status(w, id))
			require.Equal(t, "action_not_possible", fault.CodeOf(c.act(w.Clients)), "the same request is open")
			require.NoError(t, w.Clients.Recover(t.Context()))
			require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, c.arrives))))
			require.Equal(t, c.want, status(w, id), c.name)
			require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Current()))
			require.Equal(t, c.want, status(w, id), "it stays: "+c.name)
		}
	})
}

func TestNothingIsSentWhenTheIntentIsNotStored(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		dying := w.ClientsConfig
		dying.Store = &failing{Store: w.Store.Clients(), left: 1}
		require.ErrorIs(t, client.New(dying).Register(w.Ctx("Register client"), id, true), errPowerCut)
		require.Empty(t, w.Sender.Sent)
		require.NoError(t, w.Clients.Register(w.Ctx("Register client"), id, true))
	})
}

func TestSecondTryAfterAnUnknownOutcome(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		w.Sender.Err = duplicate
		w.Refused(w.Clients.Register(w.Ctx("Register client"), id, true), "Register client", "core.internal_error",
			"Failed to send registration request: "+duplicate.String) // nothing of ours can be there
		w.Sender.Err = unavailable
		require.Error(t, w.Clients.Register(w.Ctx("Register client"), id, true))
		w.Sender.Err = duplicate
		require.NoError(t, w.Clients.Register(w.Ctx("Register client"), id, true), "the first one arrived")
		require.Equal(t, "registration in progress", status(w, id))
		require.Len(t, w.Records("Register client"), 1)
	})
}

func TestCallerWhoLeavesLosesNothing(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		ctx, cancel := context.WithCancel(w.Ctx("Register client"))
		w.Sender.During = func(context.Context) { cancel() }
		require.NoError(t, w.Clients.Register(ctx, id, true))
		require.Equal(t, "registration in progress", status(w, id))
	})
}

func TestConfigurationThatIsFasterThanTheAnswer(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		w.Sender.During = func(context.Context) {
			require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, []identifier.ClientID{id}))))
		}
		require.NoError(t, w.Clients.Register(w.Ctx("Register client"), id, true))
		require.Equal(t, "registered", status(w, id))
	})
}
