package management_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/request"
)

// heir is the member that takes ss1 over.
const heir = "EE:GOV:2"

func ownerChange(w *storetest.World, member string) *request.Request {
	return &request.Request{Type: request.OwnerChange, Server: w.Server(ss1), Client: w.Client(member)}
}

// join makes a client of ss1.
func join(t *testing.T, w *storetest.World, id string) {
	t.Helper()
	r := &request.Request{Type: request.ClientReg, Server: w.Server(ss1), Client: w.Client(id)}
	submit(t, w, r, management.SecurityServer)
	_, err := w.Management.Approve(w.Do(), submit(t, w, r, management.Center).ID)
	require.NoError(t, err)
}

// published is the server as the global configuration shows it.
func published(t *testing.T, w *storetest.World) *globalconf.SharedParameters {
	t.Helper()
	var shared *globalconf.SharedParameters
	require.NoError(t, w.Store.Configuration().View(t.Context(), func(tx confgen.Tx) (err error) {
		shared, err = tx.Shared()
		return err
	}))
	shared.InstanceIdentifier = "EE"
	shared.Sources = []globalconf.Source{{Address: "cs", InternalCertificates: [][]byte{{1}}, ExternalCertificates: [][]byte{{1}}}}
	return shared
}

func owners(t *testing.T, w *storetest.World, member string) int {
	t.Helper()
	groups, err := w.Registry.MemberGroups(t.Context(), w.Client(member))
	require.NoError(t, err)
	n := 0
	for _, g := range groups {
		if g.Group == registry.OwnersGroup {
			n++
		}
	}
	return n
}

// TestOwnerChange gives a server to another member: nobody complements the request, and a person approves it alone.
func TestOwnerChange(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		der := register(t, w)
		join(t, w, heir)
		addClient(t, w)
		first := submit(t, w, ownerChange(w, heir), management.SecurityServer)
		require.Equal(t, management.Waiting, first.Status)
		require.Contains(t, w.LastAudit(), `"requestType":"OWNER_CHANGE_REQUEST","securityServerId":"EE:GOV:1:ss1","clientIdentifier":`)
		server, err := w.Registry.Server(t.Context(), w.Server(ss1))
		require.NoError(t, err)
		require.Equal(t, "Member One", server.OwnerName, "nothing has changed yet")

		approved, err := w.Management.Approve(w.Do(), first.ID)
		require.NoError(t, err)
		require.Equal(t, management.Approved, approved.Status)
		require.Contains(t, w.LastAudit(), `"event":"Approve registration request"`)
		require.Equal(t, w.Server(ss1), approved.Server, "the request stays about the old identifier")
		_, err = w.Registry.Server(t.Context(), w.Server(ss1))
		require.Error(t, err)
		renamed := w.Server("EE:GOV:2:ss1")
		server, err = w.Registry.Server(t.Context(), renamed)
		require.NoError(t, err)
		require.Equal(t, "Member Two", server.OwnerName)
		require.Equal(t, "127.0.0.20", server.Address)
		clients, err := w.Registry.ServerClients(t.Context(), renamed)
		require.NoError(t, err)
		require.Len(t, clients, 2)
		require.Equal(t, w.Client("EE:GOV:1"), clients[0].Client.ID, "the old owner has become a client")
		require.True(t, clients[0].Enabled)
		require.Equal(t, w.Client(client), clients[1].Client.ID)
		require.Zero(t, owners(t, w, "EE:GOV:1"))
		require.Equal(t, 1, owners(t, w, heir))

		shown := published(t, w).SecurityServers
		require.Len(t, shown, 1)
		require.Equal(t, renamed, shown[0].ID)
		require.Equal(t, [][]byte{der}, shown[0].AuthCertificates)
		require.ElementsMatch(t, []any{w.Client("EE:GOV:1"), w.Client(client)}, []any{shown[0].Clients[0], shown[0].Clients[1]})

		// And back again: the identifier of before is free, and its row is used again.
		back := &request.Request{Type: request.OwnerChange, Server: renamed, Client: w.Client("EE:GOV:1")}
		_, err = w.Management.Approve(w.Do(), submit(t, w, back, management.SecurityServer).ID)
		require.NoError(t, err)
		_, err = w.Registry.Server(t.Context(), w.Server(ss1))
		require.NoError(t, err)
		require.EqualValues(t, 2, w.Count("SELECT COUNT(*) FROM identifier WHERE object_type = 'SERVER'"))
	})
}

// TestOwnerOfTwoStaysOwner: who gives one of two servers away stays in the owners' group.
func TestOwnerOfTwoStaysOwner(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		join(t, w, heir)
		other := authCertReg(w, "EE:GOV:1:ss2", w.AuthCertificate("EE:GOV:1:ss2"))
		submit(t, w, other, management.SecurityServer)
		_, err := w.Management.Approve(w.Do(), submit(t, w, other, management.Center).ID)
		require.NoError(t, err)
		_, err = w.Management.Approve(w.Do(), submit(t, w, ownerChange(w, heir), management.SecurityServer).ID)
		require.NoError(t, err)
		require.Equal(t, 1, owners(t, w, "EE:GOV:1"))
		require.Equal(t, 1, owners(t, w, heir))
	})
}

func TestOwnerChangeRefusals(t *testing.T) {
	const door, decision = "Test event", "Approve registration request"
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		change := func(server, member string) func(context.Context) error {
			return func(ctx context.Context) error {
				r := ownerChange(w, member)
				r.Server = w.Server(server)
				_, err := w.Management.Submit(ctx, r, management.SecurityServer)
				return err
			}
		}
		for _, c := range []struct{ server, member, code, message string }{
			{ss1, client, "management_request_owner_must_be_member", "The owner of a security server must be a member, not 'SUBSYSTEM:EE/GOV/2/sub'"},
			{"EE:GOV:1:none", heir, "management_request_server_not_found", "Server not found: SERVER:EE/GOV/1/none"},
			{ss1, heir, "management_request_owner_must_be_client", "'MEMBER:EE/GOV/2' is not registered as a client to security server 'SERVER:EE/GOV/1/ss1'"},
			{ss1, "EE:GOV:1", "management_request_client_already_owner", "'MEMBER:EE/GOV/1' is already the owner of security server 'SERVER:EE/GOV/1/ss1'"},
			{ss1, "FI:GOV:2", "invalid_request", "Invalid management service address. Contact central server administrator"},
		} {
			w.Refused(t, change(c.server, c.member), c.code, c.message, door)
		}
		join(t, w, heir)
		waiting := submit(t, w, ownerChange(w, heir), management.SecurityServer).ID
		for _, member := range []string{heir, "EE:GOV:1", client} { // whoever it names: one at a time
			w.Refused(t, change(ss1, member), "management_request_exists", "A request for changing the owner of security server 'SERVER:EE/GOV/1/ss1' has "+
				"already been submitted (2026-11-20 12:00:00 UTC, request ID: '"+itoa(waiting)+"')", door)
		}

		// Between the request and its approval the member left, and came back.
		approve := func(id int64) func(context.Context) error {
			return func(ctx context.Context) error { _, err := w.Management.Approve(ctx, id); return err }
		}
		require.NoError(t, w.Management.Unregister(w.Do(), w.Server(ss1), w.Client(heir)))
		w.Refused(t, approve(waiting), "management_request_owner_must_be_client",
			"'MEMBER:EE/GOV/2' is not registered as a client to security server 'SERVER:EE/GOV/1/ss1'", decision)
		join(t, w, heir)

		// The new identifier is another server's.
		other := authCertReg(w, "EE:GOV:2:ss1", w.AuthCertificate("EE:GOV:2:ss1"))
		submit(t, w, other, management.SecurityServer)
		_, err := w.Management.Approve(w.Do(), submit(t, w, other, management.Center).ID)
		require.NoError(t, err)
		const taken = "Security server 'SERVER:EE/GOV/2/ss1' already exists"
		w.Refused(t, approve(waiting), "management_request_server_code_exists", taken, decision)
		declined, err := w.Management.Withdraw(w.Do(), waiting)
		require.NoError(t, err)
		require.Equal(t, management.Declined, declined.Status)
		require.Contains(t, w.LastAudit(), `"event":"Decline registration request"`)
		w.Refused(t, change(ss1, heir), "management_request_server_code_exists", taken, door)
		w.Refused(t, approve(waiting), "management_request_invalid_state_for_approval",
			"Request with id '"+itoa(waiting)+"' cannot be approved: its status is DECLINED", decision)

		// The server went.
		require.NoError(t, w.Management.DeleteServer(w.Do(), w.Server("EE:GOV:2:ss1")))
		again := submit(t, w, ownerChange(w, heir), management.SecurityServer).ID
		require.NoError(t, w.Management.DeleteServer(w.Do(), w.Server(ss1)))
		w.Refused(t, approve(again), "management_request_server_not_found", "Server not found: SERVER:EE/GOV/1/ss1", decision)
	})
}

// TestOwnerChangeOfTheCentre: what the centre says alone is never approved, and it takes its word back without another request.
func TestOwnerChangeOfTheCentre(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		join(t, w, heir)
		id := submit(t, w, ownerChange(w, heir), management.Center).ID
		w.Refused(t, func(ctx context.Context) error { _, err := w.Management.Approve(ctx, id); return err },
			"management_request_invalid_state_for_approval", fmt.Sprintf("Request with id '%d' cannot be approved: its status is WAITING", id), "Approve registration request")
		revoked, err := w.Management.Withdraw(w.Do(), id)
		require.NoError(t, err)
		require.Equal(t, management.Revoked, revoked.Status)
		require.Zero(t, revoked.ChangedBy)
		require.Contains(t, w.LastAudit(), `"event":"Revoke owner change request"`)
	})
}

func TestOwnerChangeApprovedAutomatically(t *testing.T) {
	storetest.Each(t, management.Settings{AutoApprove: management.AutoApprove{OwnerChange: true}}, func(t *testing.T, w *storetest.World) {
		register(t, w)
		join(t, w, heir)
		require.Equal(t, management.Approved, submit(t, w, ownerChange(w, heir), management.SecurityServer).Status)
		_, err := w.Registry.Server(t.Context(), w.Server("EE:GOV:2:ss1"))
		require.NoError(t, err)
	})
}

// TestOwnerChangesAtOnce: the database lets one of four through.
func TestOwnerChangesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		join(t, w, heir)
		errs := make(chan error, 4)
		for range cap(errs) {
			go func() {
				_, err := w.Management.Submit(w.Do(), ownerChange(w, heir), management.SecurityServer)
				errs <- err
			}()
		}
		accepted := 0
		for range cap(errs) {
			if err := <-errs; err == nil {
				accepted++
			} else {
				require.ErrorContains(t, err, "has already been submitted")
			}
		}
		require.Equal(t, 1, accepted)
		require.EqualValues(t, 1, w.Count("SELECT COUNT(*) FROM request_processing WHERE type = 'OWNER_CHANGE_REQUEST'"))
	})
}
