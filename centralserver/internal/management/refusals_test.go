package management_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

// TestRefusals tries every refusal of UC MEMBER_12, 15, 23, 28, 30 and 31 word for word, and that nothing but the audit log knows of it.
func TestRefusals(t *testing.T) {
	const (
		addServer = "Add security server"
		addCert   = "Add authentication certificate for security server"
		addClient = "Register member as security server client"
		door      = "Test event"
	)
	each(t, func(t *testing.T, w *storetest.World) {
		registered := register(t, w)
		id := w.Count("SELECT MIN(id) FROM management_request")
		submit := func(r *request.Request, origin management.Origin) func(context.Context) error {
			return func(ctx context.Context) error { _, err := w.Management.Submit(ctx, r, origin); return err }
		}
		newServer := func(r *request.Request) func(context.Context) error {
			return func(ctx context.Context) error { _, err := w.Management.AddOwnedServer(ctx, r); return err }
		}
		format := func(sentence string, id int64) string { return strings.ReplaceAll(sentence, "N", itoa(id)) }

		// UC MEMBER_28 9a, 12 8a, 23 5a: the certificate is registered
		w.Refused(t, submit(authCertReg(w, ss1, registered), management.SecurityServer), "management_request_security_server_exists",
			format("Certificate is already registered, request id 'N'", id), door)
		w.Refused(t, submit(authCertReg(w, ss1, registered), management.Center), "management_request_security_server_exists",
			format("Failed to add authentication certificate adding request: Certificate is already submitted for registration with request 'N'", id), addCert)
		w.Refused(t, submit(authCertReg(w, "EE:GOV:1:new", registered), management.Center), "management_request_security_server_exists",
			format("Failed to add new owned server request: Certificate is already submitted for registration with request 'N'", id), addServer)

		// UC MEMBER_28 10a, 12 8a, 23 5a: the certificate is in another request
		other := w.AuthCertificate(ss1)
		fromServer := mustSubmit(t, w, authCertReg(w, ss1, other), management.SecurityServer)
		w.Refused(t, submit(authCertReg(w, ss1, other), management.SecurityServer), "management_request_exists",
			format("Certificate is already submitted for registration with request 'N'", fromServer), door)
		w.Refused(t, submit(authCertReg(w, "EE:GOV:2:elsewhere", other), management.Center), "management_request_exists",
			format("Failed to add new owned server request: Certificate is already submitted for registration with request 'N'", fromServer), addServer)
		own := mustSubmit(t, w, authCertReg(w, ss1, other), management.Center)
		w.Refused(t, submit(authCertReg(w, ss1, other), management.Center), "management_request_exists",
			format("Failed to add authentication certificate adding request: Certificate is already submitted for registration with request 'N'", own), addCert)

		// UC MEMBER_12 9a
		w.Refused(t, newServer(authCertReg(w, ss1, w.AuthCertificate(ss1))), "security_server_exists",
			"Failed to add new owned server request: Server with owner class 'GOV', owner code '1' and server code 'ss1' already exists.", addServer)
		// UC MEMBER_12 6a, 6b
		const imported = "Failed to import authentication certificate: "
		w.Refused(t, newServer(authCertReg(w, "EE:GOV:1:new", []byte("nonsense"))), "management_request_invalid_auth_certificate",
			imported+"Incorrect file format. Only PEM and DER files allowed.", addServer)
		signing, err := w.CA.Issue(testca.Spec{Member: w.Client("EE:GOV:1")})
		require.NoError(t, err)
		w.Refused(t, newServer(authCertReg(w, "EE:GOV:1:new", signing.Certificate.Raw)), "management_request_invalid_auth_certificate",
			imported+"This certificate cannot be used for authentication.", addServer)
		stranger, err := testca.New(testca.Config{Name: "Stranger", Now: storetest.Start})
		require.NoError(t, err)
		strange := *w
		strange.CA = stranger
		w.Refused(t, newServer(authCertReg(w, "EE:GOV:1:new", strange.AuthCertificate("EE:GOV:1:new"))), "management_request_invalid_auth_certificate",
			imported+"Certificate is not issued by approved certification service provider.", addServer)
		w.Refused(t, newServer(authCertReg(w, "EE:GOV:9:new", w.AuthCertificate("EE:GOV:9:new"))), "management_request_server_owner_not_found",
			"Failed to add new owned server request: Member 'MEMBER:EE/GOV/9' not found", addServer)

		// UC MEMBER_15 6a and 30 5a: submitted already
		waiting := mustSubmit(t, w, clientRequest(w, request.ClientReg), management.SecurityServer)
		sentence := "Failed to add new server client request: A request for registering 'SUBSYSTEM:EE/GOV/2/sub', as a client to security server " +
			"'SERVER:EE/GOV/1/ss1' has already been submitted (2026-11-20 12:00:00 UTC, request ID: 'N')'"
		w.Refused(t, submit(clientRequest(w, request.ClientReg), management.SecurityServer), "management_request_exists", format(sentence, waiting), door)
		pair := mustSubmit(t, w, clientRequest(w, request.ClientReg), management.Center)
		w.Refused(t, submit(clientRequest(w, request.ClientReg), management.Center), "management_request_exists", format(sentence, pair), addClient)
		// UC MEMBER_15 5a and 30 4a: registered already
		_, err = w.Management.Approve(w.Do(), pair)
		require.NoError(t, err)
		w.Refused(t, submit(clientRequest(w, request.ClientReg), management.SecurityServer), "management_request_client_already_registered",
			"'SUBSYSTEM:EE/GOV/2/sub' has already been registered as a client to security server 'SERVER:EE/GOV/1/ss1'", door)
		w.Refused(t, submit(clientRequest(w, request.ClientReg), management.Center), "management_request_client_already_registered",
			"Failed to add new server client request: 'SUBSYSTEM:EE/GOV/2/sub' has already been registered as a client to security server 'SERVER:EE/GOV/1/ss1'", addClient)

		// X-Road's own rules
		for _, c := range []struct {
			server, client string
			kind           request.Type
			origin         management.Origin
			code, message  string
			event          string
		}{
			{ss1, "EE:GOV:1", request.ClientReg, management.SecurityServer, "management_request_cannot_register_owner", "Cannot register owner as a client", door},
			{"EE:GOV:1:none", client, request.ClientReg, management.Center, "management_request_server_not_found",
				"Failed to add new server client request: Server not found: SERVER:EE/GOV/1/none", addClient},
			{ss1, "EE:GOV:9:sub", request.ClientReg, management.Center, "management_request_member_not_found",
				"Failed to add new server client request: Member 'MEMBER:EE/GOV/9' not found", addClient},
			{"EE:GOV:1:none", client, request.ClientDeletion, management.SecurityServer, "management_request_server_not_found",
				"Server not found: SERVER:EE/GOV/1/none", door}, // UC MEMBER_31 4a
			{ss1, "EE:GOV:2:none", request.ClientDeletion, management.Center, "management_request_client_registration_not_found",
				"'SUBSYSTEM:EE/GOV/2/none' is not registered as a client to security server 'SERVER:EE/GOV/1/ss1'", "Unregister member as security server client"},
			{ss1, "EE:GOV:2:none", request.ClientDisable, management.SecurityServer, "management_request_server_client_not_found",
				"'SUBSYSTEM:EE/GOV/2/none' is not registered as a client to security server 'SERVER:EE/GOV/1/ss1'", door},
			{"FI:GOV:1:ss1", client, request.ClientReg, management.SecurityServer, "invalid_request",
				"Invalid management service address. Contact central server administrator", door}, // UC MEMBER_30 2a
			{ss1, "FI:GOV:2:sub", request.ClientReg, management.SecurityServer, "invalid_request",
				"Invalid management service address. Contact central server administrator", door},
		} {
			r := &request.Request{Type: c.kind, Server: w.Server(c.server), Client: w.Client(c.client)}
			w.Refused(t, submit(r, c.origin), c.code, c.message, c.event)
		}

		w.Refused(t, submit(&request.Request{Type: "none"}, management.SecurityServer), "invalid_request", "Unknown service code 'none'", door)

		// decisions
		decide := func(do func(context.Context, int64) (*management.Record, error), id int64) func(context.Context) error {
			return func(ctx context.Context) error { _, err := do(ctx, id); return err }
		}
		w.Refused(t, decide(w.Management.Approve, 999), "management_request_not_found", "Management request '999' not found", "Approve registration request")
		w.Refused(t, decide(w.Management.Withdraw, pair), "management_request_invalid_state",
			format("Request with id 'N' cannot be declined: its status is APPROVED", pair), "Decline registration request")
		deletion := mustSubmit(t, w, clientRequest(w, request.ClientDeletion), management.SecurityServer)
		w.Refused(t, decide(w.Management.Approve, deletion), "management_request_not_supported",
			format("Request with id 'N' has no status that could change", deletion), "Approve registration request")
	})
}

func mustSubmit(t *testing.T, w *storetest.World, r *request.Request, origin management.Origin) int64 {
	t.Helper()
	return submit(t, w, r, origin).ID
}

// TestDeleteServer is UC MEMBER_25: requests with a comment for each client and certificate, and the owner leaves the group.
func TestDeleteServer(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		der := register(t, w)
		addClient(t, w)
		require.NoError(t, w.Management.DeleteServer(w.Do(), w.Server(ss1)))
		require.Contains(t, w.LastAudit(), `"data":{"serverCode":"ss1","ownerCode":"1","ownerClass":"GOV"}`)
		page, err := w.Management.Requests(t.Context(), management.Filter{Types: []request.Type{request.ClientDeletion, request.AuthCertDeletion},
			Paging: registry.Paging{Limit: 9, Sort: "id"}})
		require.NoError(t, err)
		require.Len(t, page.Items, 2)
		for _, r := range page.Items {
			require.Equal(t, "'SERVER:EE/GOV/1/ss1' deletion", r.Comments)
			require.Equal(t, management.Center, r.Origin)
		}
		require.Equal(t, w.Client(client), page.Items[0].Client)
		require.Equal(t, der, page.Items[1].Certificate)
		groups, err := w.Registry.MemberGroups(t.Context(), w.Client("EE:GOV:1"))
		require.NoError(t, err)
		require.Empty(t, groups)
		w.Refused(t, func(ctx context.Context) error { return w.Management.DeleteServer(ctx, w.Server(ss1)) },
			"security_server_not_found", "Security server 'SERVER:EE/GOV/1/ss1' not found", "Test event")
	})
}

func addClient(t *testing.T, w *storetest.World) {
	t.Helper()
	mustSubmit(t, w, clientRequest(w, request.ClientReg), management.SecurityServer)
	_, err := w.Management.Approve(w.Do(), mustSubmit(t, w, clientRequest(w, request.ClientReg), management.Center))
	require.NoError(t, err)
}

// TestDeleteMember is UC MEMBER_26 for an owner and for a client.
func TestDeleteMember(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		addClient(t, w)
		_, err := w.Registry.SetProvider(w.Do(), w.Client("EE:GOV:1:ms"))
		require.NoError(t, err)
		require.NoError(t, w.Management.DeleteMember(w.Do(), w.Client("EE:GOV:2")))
		require.Contains(t, w.LastAudit(), `"data":{"memberClass":"GOV","memberCode":"2"}`)
		page, err := w.Management.Requests(t.Context(), management.Filter{Types: []request.Type{request.ClientDeletion}, Paging: registry.Paging{Limit: 9}})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		require.Equal(t, "'MEMBER:EE/GOV/2' deletion", page.Items[0].Comments)
		require.Empty(t, page.Items[0].ClientOwnerName, "the request stays, its member is gone")

		require.NoError(t, w.Management.DeleteMember(w.Do(), w.Client("EE:GOV:1")))
		require.EqualValues(t, 0, w.Count("SELECT COUNT(*) FROM member"))
		require.EqualValues(t, 0, w.Count("SELECT COUNT(*) FROM subsystem"))
		require.EqualValues(t, 0, w.Count("SELECT COUNT(*) FROM security_server"))
		require.EqualValues(t, 0, w.Count("SELECT COUNT(*) FROM authentication_certificate"))
		require.EqualValues(t, 0, w.Count("SELECT COUNT(*) FROM global_group_member"))
		services, err := w.Registry.ManagementServices(t.Context())
		require.NoError(t, err)
		require.True(t, services.Provider.IsZero(), "the provider went with its member")
		w.Refused(t, func(ctx context.Context) error { return w.Management.DeleteMember(ctx, w.Client("EE:GOV:1")) },
			"member_not_found", "Member 'MEMBER:EE/GOV/1' not found", "Test event")
	})
}

// TestUnregisterAndDeleteCertificate is UC MEMBER_16 and 24.
func TestUnregisterAndDeleteCertificate(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		addClient(t, w)
		unregister := func(id string) func(ctx context.Context) error {
			return func(ctx context.Context) error { return w.Management.Unregister(ctx, w.Server(ss1), w.Client(id)) }
		}
		require.NoError(t, unregister(client)(w.Do()))
		w.Refused(t, unregister(client), "subsystem_not_registered_to_security_server",
			"'SUBSYSTEM:EE/GOV/2/sub' is not registered as a client to security server 'SERVER:EE/GOV/1/ss1'", "Test event")
		w.Refused(t, unregister("EE:GOV:2"), "member_not_registered_to_security_server",
			"'MEMBER:EE/GOV/2' is not registered as a client to security server 'SERVER:EE/GOV/1/ss1'", "Test event")
		certificates, err := w.Registry.ServerCertificates(t.Context(), w.Server(ss1))
		require.NoError(t, err)
		remove := func(ctx context.Context) error {
			return w.Management.DeleteCertificate(ctx, w.Server(ss1), certificates[0].ID)
		}
		require.NoError(t, remove(w.Do()))
		require.Contains(t, w.LastAudit(), `"certHashAlgorithm":"SHA-256"`)
		w.Refused(t, remove, "ss_auth_certificate_not_found", "Authentication certificate '"+itoa(certificates[0].ID)+"' not found", "Test event")
		require.EqualValues(t, 1, w.Count("SELECT COUNT(*) FROM management_request WHERE type = 'AUTH_CERT_DELETION_REQUEST' AND origin = 'CENTER'"))
	})
}

// TestList pages, sorts and filters the list of requests.
func TestList(t *testing.T) {
	each(t, func(t *testing.T, w *storetest.World) {
		register(t, w)
		addClient(t, w)
		list := func(f management.Filter) ([]int64, int) {
			t.Helper()
			if f.Paging.Limit == 0 {
				f.Paging.Limit = 50
			}
			page, err := w.Management.Requests(t.Context(), f)
			require.NoError(t, err)
			var ids []int64
			for _, r := range page.Items {
				ids = append(ids, r.ID)
			}
			return ids, page.Total
		}
		all, total := list(management.Filter{})
		require.Equal(t, 4, total)
		for _, key := range management.SortKeys {
			ids, _ := list(management.Filter{Paging: registry.Paging{Limit: 50, Sort: key, Descending: true}})
			require.ElementsMatch(t, all, ids, key)
		}
		ids, total := list(management.Filter{Paging: registry.Paging{Limit: 3, Number: 1, Sort: "id"}})
		require.Equal(t, all[3:], ids)
		require.Equal(t, 4, total)
		for _, c := range []struct {
			filter management.Filter
			want   []int64
		}{
			{management.Filter{Origin: management.SecurityServer}, []int64{all[0], all[2]}},
			{management.Filter{Types: []request.Type{request.ClientReg}}, all[2:]},
			{management.Filter{Status: management.Approved}, all},
			{management.Filter{Status: management.Waiting}, nil},
			{management.Filter{Server: w.Server(ss1)}, all},
			{management.Filter{Server: w.Server("EE:GOV:1:other")}, nil},
			{management.Filter{Member: w.Client("EE:GOV:1")}, all},
			{management.Filter{Member: w.Client("EE:GOV:2")}, all[2:]},
			{management.Filter{Text: "member one"}, all},
			{management.Filter{Text: "SS1"}, all},
			{management.Filter{Text: "2026-11-20"}, all},
			{management.Filter{Text: "%"}, nil},
			{management.Filter{Text: "nothing"}, nil},
		} {
			ids, total := list(c.filter)
			require.Equal(t, c.want, ids, "%+v", c.filter)
			require.Equal(t, len(c.want), total)
		}
		for _, p := range []registry.Paging{{Limit: 0}, {Limit: 1, Number: -1}, {Limit: 1, Sort: "name; DROP"}} {
			_, err := w.Management.Requests(t.Context(), management.Filter{Paging: p})
			require.Error(t, err)
		}
	})
}
