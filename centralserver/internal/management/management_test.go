package management_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/request"
)

const (
	ss1    = "EE:GOV:1:ss1"
	client = "EE:GOV:2:sub"
)

func each(t *testing.T, fn func(t *testing.T, w *storetest.World)) {
	t.Helper()
	storetest.Each(t, management.Settings{}, fn)
}

func authCertReg(w *storetest.World, server string, der []byte) *request.Request {
	return &request.Request{Type: request.AuthCertReg, Server: w.Server(server), AuthCertificate: der}
}

func clientRequest(w *storetest.World, t request.Type) *request.Request {
	return &request.Request{Type: t, Server: w.Server(ss1), Client: w.Client(client)}
}

func submit(t *testing.T, w *storetest.World, r *request.Request, origin management.Origin) management.Submitted {
	t.Helper()
	done, err := w.Management.Submit(w.Do(), r, origin)
	require.NoError(t, err)
	return done
}

// register brings server EE:GOV:1:ss1 into the registry and gives its certificate.
func register(t *testing.T, w *storetest.World) []byte {
	t.Helper()
	der := w.AuthCertificate(ss1)
	r := authCertReg(w, ss1, der)
	r.Address = "127.0.0.20"
	submit(t, w, r, management.SecurityServer)
	pair := submit(t, w, authCertReg(w, ss1, der), management.Center)
	_, err := w.Management.Approve(w.Do(), pair.ID)
	require.NoError(t, err)
	return der
}

func TestServerRegistrationPairApproved(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		der := w.AuthCertificate(ss1)
		sent := authCertReg(w, ss1, der)
		sent.Address = "127.0.0.20"
		first := submit(t, w, sent, management.SecurityServer)
		require.Equal(t, management.Waiting, first.Status)
		require.Contains(t, w.LastAudit(), `"event":"Test event"`)
		require.Contains(t, w.LastAudit(), fmt.Sprintf(`"requestId":%d,"requestType":"AUTH_CERT_REGISTRATION_REQUEST","securityServerId":"EE:GOV:1:ss1"`, first.ID))

		second := submit(t, w, authCertReg(w, ss1, der), management.Center)
		require.Equal(t, management.SubmittedForApproval, second.Status)
		require.Contains(t, w.LastAudit(), `"event":"Add security server"`)
		for id, by := range map[int64]int64{first.ID: second.ID, second.ID: first.ID} {
			r, err := w.Management.Request(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, management.SubmittedForApproval, r.Status)
			require.Equal(t, by, r.ChangedBy)
			require.Equal(t, "Member One", r.ServerOwnerName)
		}
		_, err := w.Registry.Server(t.Context(), w.Server(ss1))
		require.Equal(t, "security_server_not_found", fault.CodeOf(err))

		generation := w.Generation()
		approved, err := w.Management.Approve(w.Do(), second.ID)
		require.NoError(t, err)
		require.Equal(t, management.Approved, approved.Status)
		require.Equal(t, generation+1, w.Generation())
		require.Contains(t, w.LastAudit(), `"event":"Approve registration request"`)
		server, err := w.Registry.Server(t.Context(), w.Server(ss1))
		require.NoError(t, err)
		require.Equal(t, "127.0.0.20", server.Address, "the form in the central server has no address: the security server's counts")
		certificates, err := w.Registry.ServerCertificates(t.Context(), w.Server(ss1))
		require.NoError(t, err)
		require.Len(t, certificates, 1)
		require.Equal(t, der, certificates[0].DER)
		require.Equal(t, first.ID, certificates[0].RequestID)
		groups, err := w.Registry.MemberGroups(t.Context(), w.Client("EE:GOV:1"))
		require.NoError(t, err)
		require.Len(t, groups, 1)
		require.Equal(t, registry.OwnersGroup, groups[0].Group)
	})
}

// TestEveryStatusAndEvent walks the table: whatever stands in it happens, and nothing else.
func TestEveryStatusAndEvent(t *testing.T) {
	want := map[management.Status]map[management.Event]management.Status{
		management.Waiting: {management.Complemented: management.SubmittedForApproval, management.ApprovedBy: management.Approved,
			management.DeclinedBy: management.Declined, management.RevokedBy: management.Revoked},
		management.SubmittedForApproval: {management.ApprovedBy: management.Approved, management.DeclinedBy: management.Declined},
	}
	for _, status := range append(management.Statuses[:], management.None) {
		for _, event := range management.Events {
			next, ok := status.Next(event)
			require.Equal(t, want[status][event], next, "%s × %s", status, event)
			require.Equal(t, want[status][event] != "", ok)
		}
	}
}

// TestEveryStatusThroughTheService brings a client registration into each status and tries each action on it.
func TestEveryStatusThroughTheService(t *testing.T) {
	reach := map[management.Status]func(t *testing.T, w *storetest.World) int64{
		management.Waiting: func(t *testing.T, w *storetest.World) int64 {
			return submit(t, w, clientRequest(w, request.ClientReg), management.SecurityServer).ID
		},
		management.SubmittedForApproval: func(t *testing.T, w *storetest.World) int64 {
			submit(t, w, clientRequest(w, request.ClientReg), management.SecurityServer)
			return submit(t, w, clientRequest(w, request.ClientReg), management.Center).ID
		},
	}
	reach[management.Approved] = func(t *testing.T, w *storetest.World) int64 {
		id := reach[management.SubmittedForApproval](t, w)
		_, err := w.Management.Approve(w.Do(), id)
		require.NoError(t, err)
		return id
	}
	reach[management.Declined] = func(t *testing.T, w *storetest.World) int64 {
		id := reach[management.SubmittedForApproval](t, w)
		_, err := w.Management.Withdraw(w.Do(), id)
		require.NoError(t, err)
		return id
	}
	reach[management.Revoked] = func(t *testing.T, w *storetest.World) int64 {
		id := submit(t, w, clientRequest(w, request.ClientReg), management.Center).ID
		_, err := w.Management.Withdraw(w.Do(), id)
		require.NoError(t, err)
		return id
	}
	type outcome struct {
		status management.Status
		code   string
	}
	actions := map[string]func(w *storetest.World, id int64) error{
		"approve":  func(w *storetest.World, id int64) error { _, err := w.Management.Approve(w.Do(), id); return err },
		"withdraw": func(w *storetest.World, id int64) error { _, err := w.Management.Withdraw(w.Do(), id); return err },
		"again": func(w *storetest.World, _ int64) error {
			_, err := w.Management.Submit(w.Do(), clientRequest(w, request.ClientReg), management.SecurityServer)
			return err
		},
		"delete": func(w *storetest.World, _ int64) error {
			_, err := w.Management.Submit(w.Do(), clientRequest(w, request.ClientDeletion), management.SecurityServer)
			return err
		},
	}
	want := map[management.Status]map[string]outcome{
		management.Waiting: {"approve": {management.Waiting, "management_request_invalid_state_for_approval"}, "withdraw": {management.Declined, ""},
			"again": {management.Waiting, "management_request_exists"}, "delete": {management.Revoked, ""}},
		management.SubmittedForApproval: {"approve": {management.Approved, ""}, "withdraw": {management.Declined, ""},
			"again": {management.SubmittedForApproval, "management_request_exists"}, "delete": {management.SubmittedForApproval, ""}},
		management.Approved: {"approve": {management.Approved, "management_request_invalid_state_for_approval"}, "withdraw": {management.Approved, "management_request_invalid_state"},
			"again": {management.Approved, "management_request_client_already_registered"}, "delete": {management.Approved, ""}},
		management.Declined: {"approve": {management.Declined, "management_request_invalid_state_for_approval"}, "withdraw": {management.Declined, "management_request_invalid_state"},
			"again": {management.Declined, ""}, "delete": {management.Declined, ""}},
		management.Revoked: {"approve": {management.Revoked, "management_request_invalid_state_for_approval"}, "withdraw": {management.Revoked, "management_request_invalid_state"},
			"again": {management.Revoked, ""}, "delete": {management.Revoked, ""}},
	}
	for _, status := range management.Statuses {
		for action, do := range actions {
			t.Run(fmt.Sprintf("%s/%s", status, action), func(t *testing.T) {
				each(t, func(t *testing.T, w *storetest.World) {
					register(t, w)
					id := reach[status](t, w)
					err := do(w, id)
					require.Equal(t, want[status][action].code, fault.CodeOf(err), "%v", err)
					r, err := w.Management.Request(t.Context(), id)
					require.NoError(t, err)
					require.Equal(t, want[status][action].status, r.Status)
				})
			})
		}
	}
}

func TestClientLife(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		first := submit(t, w, clientRequest(w, request.ClientReg), management.Center)
		require.Contains(t, w.LastAudit(), `"event":"Register member as security server client"`)
		subsystems, err := w.Registry.Subsystems(t.Context(), w.Client("EE:GOV:2"))
		require.NoError(t, err)
		require.Len(t, subsystems, 1, "UC MEMBER_15 8: the subsystem is saved with the request")
		sent := clientRequest(w, request.ClientReg)
		sent.SubsystemName = "Second"
		second := submit(t, w, sent, management.SecurityServer)
		require.Equal(t, management.SubmittedForApproval, second.Status)
		r, err := w.Management.Request(t.Context(), second.ID)
		require.NoError(t, err)
		require.Equal(t, "Changing subsystem name from '' to 'Second'.", r.Comments)
		_, err = w.Management.Approve(w.Do(), first.ID)
		require.NoError(t, err)
		clients, err := w.Registry.ServerClients(t.Context(), w.Server(ss1))
		require.NoError(t, err)
		require.Len(t, clients, 1)
		require.True(t, clients[0].Enabled)
		require.Equal(t, registry.Client{ID: w.Client(client), MemberName: "Member Two", SubsystemName: "Second"}, clients[0].Client)

		for _, step := range []struct {
			kind    request.Type
			enabled bool
		}{{request.ClientDisable, false}, {request.ClientDisable, false}, {request.ClientEnable, true}} {
			done := submit(t, w, clientRequest(w, step.kind), management.SecurityServer)
			require.Equal(t, management.None, done.Status)
			clients, err = w.Registry.ServerClients(t.Context(), w.Server(ss1))
			require.NoError(t, err)
			require.Equal(t, step.enabled, clients[0].Enabled)
		}
		submit(t, w, clientRequest(w, request.ClientDeletion), management.SecurityServer)
		clients, err = w.Registry.ServerClients(t.Context(), w.Server(ss1))
		require.NoError(t, err)
		require.Empty(t, clients)
		subsystems, err = w.Registry.Subsystems(t.Context(), w.Client("EE:GOV:2"))
		require.NoError(t, err)
		require.Len(t, subsystems, 1, "the subsystem itself stays")
		require.Equal(t, management.Waiting, submit(t, w, clientRequest(w, request.ClientReg), management.SecurityServer).Status, "it may come back")
	})
}

func TestAuthCertificateDeletion(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		der := register(t, w)
		other := w.AuthCertificate(ss1)
		waiting := submit(t, w, authCertReg(w, ss1, other), management.SecurityServer)
		deletion := func(der []byte) *request.Request {
			return &request.Request{Type: request.AuthCertDeletion, Server: w.Server(ss1), AuthCertificate: der}
		}
		done := submit(t, w, deletion(other), management.SecurityServer)
		r, err := w.Management.Request(t.Context(), waiting.ID)
		require.NoError(t, err)
		require.Equal(t, management.Revoked, r.Status)
		require.Equal(t, done.ID, r.ChangedBy)
		submit(t, w, deletion(der), management.SecurityServer)
		submit(t, w, deletion(der), management.SecurityServer) // UC MEMBER_29 7a: saved, nothing to do
		certificates, err := w.Registry.ServerCertificates(t.Context(), w.Server(ss1))
		require.NoError(t, err)
		require.Empty(t, certificates)
		w.Refused(t, func(ctx context.Context) error {
			_, err := w.Management.Submit(ctx, deletion(der), management.Center)
			return err
		}, "management_request_invalid_auth_certificate", "Authentication certificate is not registered for security server 'SERVER:EE/GOV/1/ss1'",
			"Delete authentication certificate of security server")
	})
}

// TestFourAtOnce sends the same registration from four sides at one instant: one of each origin wins, and they are a pair.
func TestFourAtOnce(t *testing.T) {
	for _, kind := range []request.Type{request.AuthCertReg, request.ClientReg} {
		t.Run(string(kind), func(t *testing.T) {
			each(t, func(t *testing.T, w *storetest.World) {
				register(t, w)
				r := clientRequest(w, request.ClientReg)
				if kind == request.AuthCertReg {
					r = authCertReg(w, ss1, w.AuthCertificate(ss1))
				}
				errs := make([]error, 4)
				var start, done sync.WaitGroup
				start.Add(1)
				for i := range errs {
					done.Go(func() {
						start.Wait()
						_, errs[i] = w.Management.Submit(w.Do(), r, management.Origins[i%2])
					})
				}
				start.Done()
				done.Wait()
				var refused int
				for _, err := range errs {
					if err != nil {
						refused++
						require.Equal(t, "management_request_exists", fault.CodeOf(err), "%v", err)
					}
				}
				require.Equal(t, 2, refused, "%v", errors.Join(errs...))
				require.EqualValues(t, 1, w.Count("SELECT COUNT(*) FROM request_processing WHERE status = 'SUBMITTED FOR APPROVAL'"))
				require.EqualValues(t, 0, w.Count("SELECT COUNT(*) FROM request_processing WHERE status = 'WAITING'"))
			})
		})
	}
}

func TestRevokeWritesTheDeletionRequest(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		for _, r := range []*request.Request{clientRequest(w, request.ClientReg), authCertReg(w, ss1, w.AuthCertificate(ss1))} {
			done := submit(t, w, r, management.Center)
			revoked, err := w.Management.Withdraw(w.Do(), done.ID)
			require.NoError(t, err)
			require.Equal(t, management.Revoked, revoked.Status)
			event, deletion := "Revoke client registration request", request.ClientDeletion
			if r.Type == request.AuthCertReg {
				event, deletion = "Revoke authentication certificate registration request", request.AuthCertDeletion
			}
			require.Contains(t, w.LastAudit(), `"event":"`+event+`"`)
			by, err := w.Management.Request(t.Context(), revoked.ChangedBy)
			require.NoError(t, err)
			require.Equal(t, deletion, by.Type)
			require.Equal(t, management.Center, by.Origin)
			require.Equal(t, management.None, by.Status)
		}
	})
}

func TestPairingOptionalAndAutoApprove(t *testing.T) {
	storetest.Each(t, management.Settings{Pairing: management.PairingOptional}, func(t *testing.T, w *storetest.World) {
		r := authCertReg(w, "EE:GOV:9:ss9", w.AuthCertificate("EE:GOV:9:ss9"))
		r.Address = "ss9.example.org"
		done := submit(t, w, r, management.SecurityServer)
		_, err := w.Management.Approve(w.Do(), done.ID)
		require.NoError(t, err)
		require.Contains(t, w.LastAudit(), `"memberName":"9","memberClass":"GOV","memberCode":"9"`)
		member, err := w.Registry.Member(t.Context(), w.Client("EE:GOV:9"))
		require.NoError(t, err)
		require.Equal(t, "9", member.MemberName, "a member that only a server spoke of is named by its code")

		lone := submit(t, w, authCertReg(w, ss1, w.AuthCertificate(ss1)), management.Center)
		_, err = w.Management.Approve(w.Do(), lone.ID)
		require.Equal(t, "management_request_invalid_state_for_approval", fault.CodeOf(err), "what the centre says alone is never approved")

		none := submit(t, w, authCertReg(w, "EE:COM:1:ss1", w.AuthCertificate("EE:COM:1:ss1")), management.SecurityServer)
		w.Refused(t, func(ctx context.Context) error { _, err := w.Management.Approve(ctx, none.ID); return err },
			"member_class_not_found", "Member class 'COM' not found", "Approve registration request")
	})
	storetest.Each(t, management.Settings{AutoApprove: management.AutoApprove{AuthCertReg: true, ClientReg: true}}, func(t *testing.T, w *storetest.World) {
		require.Equal(t, management.Approved, submit(t, w, authCertReg(w, ss1, w.AuthCertificate(ss1)), management.SecurityServer).Status)
		require.Equal(t, management.Approved, submit(t, w, clientRequest(w, request.ClientReg), management.SecurityServer).Status)
		require.Equal(t, management.Waiting, submit(t, w, authCertReg(w, ss1, w.AuthCertificate(ss1)), management.Center).Status)
		unknown := authCertReg(w, "EE:GOV:9:ss9", w.AuthCertificate("EE:GOV:9:ss9"))
		require.Equal(t, management.Waiting, submit(t, w, unknown, management.SecurityServer).Status)
	})
}

func TestDryRunLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		r := authCertReg(w, ss1, w.AuthCertificate(ss1))
		r.DryRun = true
		before := w.State()
		require.Zero(t, submit(t, w, r, management.SecurityServer))
		require.Equal(t, before, w.State())
	})
}

func TestRegisterProvider(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		const event = "Test event"
		register(t, w)
		do := func(ctx context.Context) error { return w.Management.RegisterProvider(ctx, w.Server(ss1)) }
		w.Refused(t, do, "management_service_provider_not_set", "Management service provider is not set", event)
		_, err := w.Registry.SetProvider(w.Do(), w.Client("EE:GOV:1:ms"))
		require.NoError(t, err)
		require.NoError(t, do(w.Do()))
		require.Contains(t, w.LastAudit(), `"data":{"serverCode":"ss1","ownerCode":"1","ownerClass":"GOV","clientIdentifier":"EE:GOV:1:ms"`)
		services, err := w.Registry.ManagementServices(t.Context())
		require.NoError(t, err)
		require.Equal(t, "Member One", services.ProviderName)
		require.Len(t, services.Servers, 1)
		page, err := w.Management.Requests(t.Context(), management.Filter{Types: []request.Type{request.ClientReg}, Paging: registry.Paging{Limit: 5}})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		require.Equal(t, management.Approved, page.Items[0].Status)
		w.Refused(t, do, "subsystem_already_registered_to_security_server",
			"Management service provider 'SUBSYSTEM:EE/GOV/1/ms' is already registered as a security server client", event)
		disable := clientRequest(w, request.ClientDisable)
		disable.Client = w.Client("EE:GOV:1:ms")
		w.Refused(t, func(ctx context.Context) error {
			_, err := w.Management.Submit(ctx, disable, management.SecurityServer)
			return err
		}, "mr_forbidden_disable_management_service_client", "The management services' provider cannot be disabled", event)
	})
}

func itoa(id int64) string { return fmt.Sprint(id) }
