package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/store"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

var (
	refusal     = &soap.Fault{Code: "internal_error", String: "no such server"}
	duplicate   = &soap.Fault{Code: "internal_error", String: "A request for registering 'X' has already been submitted (1, request ID: '7')"}
	unavailable = fault.New(fault.Unavailable, "network_error", "The central server did not answer; the outcome is not known")
)

func add(w *worldtest.World, encoded string) identifier.ClientID {
	w.T.Helper()
	id := worldtest.Client(w.T, encoded)
	_, err := w.Clients.Add(w.Ctx("Add client"), client.Addition{MemberClass: id.MemberClass(), MemberCode: id.MemberCode(),
		SubsystemCode: id.SubsystemCode(), Connection: client.HTTPS})
	require.NoError(w.T, err)
	return id
}

func status(w *worldtest.World, id identifier.ClientID) string {
	w.T.Helper()
	c, err := w.Clients.Get(w.T.Context(), id)
	require.NoError(w.T, err)
	return c.Status.String()
}

// put brings a client into a state without going through the rules.
func put(w *worldtest.World, id identifier.ClientID, s client.Status) {
	w.T.Helper()
	require.NoError(w.T, w.Store.Clients().Update(w.T.Context(), func(tx client.Tx) error {
		c, err := tx.Client(id)
		if err != nil {
			return err
		}
		c.Status = s
		return tx.SaveClient(c)
	}))
}

func TestOwnerIsSavedClientAndBecomesRegisteredByItself(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		owner, err := w.Clients.Get(t.Context(), w.Owner)
		require.NoError(t, err)
		require.Equal(t, client.Client{ID: w.Owner, Status: client.Saved, Connection: client.HTTPS, Owner: true}, owner)
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, nil))))
		require.Equal(t, "registered", status(w, w.Owner))
		found, ok, err := w.Clients.Registered(t.Context(), w.Owner)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, client.HTTPS, found.Connection)

		w.Refused(w.Clients.Register(w.Ctx("Register client"), w.Owner, true), "Register client", "cannot_register_owner",
			"The owner of the security server cannot be registered as its client")
		w.Refused(w.Clients.Unregister(w.Ctx("Unregister client"), w.Owner), "Unregister client", "cannot_unregister_owner",
			"The owner of the security server cannot be unregistered")
		w.Refused(w.Clients.Delete(w.Ctx("Delete client"), w.Owner), "Delete client", "cannot_delete_owner",
			"The owner of the security server cannot be deleted")
		require.Empty(t, w.Sender.Sent)
	})
}

func TestAddRefusals(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		add(w, "EE:GOV:2:sub")
		add(w, "EE:GOV:2")
		for _, c := range []struct {
			a             client.Addition
			code, message string
		}{
			{client.Addition{MemberClass: " ", MemberCode: "2"}, "validation_failure", "Missing parameter: 'member class'"},
			{client.Addition{MemberClass: "GOV", MemberCode: ""}, "validation_failure", "Missing parameter: 'member code'"},
			{client.Addition{MemberClass: "GOV", MemberCode: string(make([]byte, 256)) + "x"}, "validation_failure", "Parameter member code input exceeds 255 characters"},
			{client.Addition{MemberClass: "GOV", MemberCode: "a:b"}, "validation_failure", "Parameter member code contains invalid characters"},
			{client.Addition{MemberClass: "NGO", MemberCode: "2"}, "invalid_member_class", "Invalid member class: NGO"},
			{client.Addition{MemberClass: " GOV ", MemberCode: "2", SubsystemCode: " sub "}, "client_already_exists", "Client already exists"},
			{client.Addition{MemberClass: "GOV", MemberCode: "3"}, "additional_member_already_exists", "This server already has a member besides its owner: EE:GOV:2"},
			{client.Addition{MemberClass: "GOV", MemberCode: "77", SubsystemCode: "s"}, "warnings_detected",
				"The person/organisation 'EE:GOV:77' is not registered as X-Road member"},
		} {
			c.a.Connection = client.HTTP
			_, err := w.Clients.Add(w.Ctx("Add client again"), c.a)
			w.Refused(err, "Add client again", c.code, c.message)
		}
		_, err := w.Clients.Add(w.Ctx("Add client"), client.Addition{MemberClass: "GOV", MemberCode: "77", SubsystemCode: "s", Connection: client.HTTP, IgnoreWarnings: true})
		require.NoError(t, err)
		records := w.Records("Add client")
		require.Len(t, records, 3)
		require.Equal(t, map[string]any{"isAuthentication": "HTTP", "clientStatus": "saved",
			"clientIdentifier": map[string]any{"xRoadInstance": "EE", "memberClass": "GOV", "memberCode": "77", "subsystemCode": "s"}}, records[2]["data"])
		w.Conf.Publish(worldtest.Expired)
		_, err = w.Clients.Add(w.Ctx("x"), client.Addition{MemberClass: "GOV", MemberCode: "3", SubsystemCode: "s", Connection: client.HTTP})
		w.Refused(err, "x", "global_conf_outdated", "Global configuration is expired")
	})
}

func TestClientThatIsListedAlreadyIsRegisteredAtOnce(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := worldtest.Client(t, "EE:GOV:2:sub")
		w.Conf.Publish(worldtest.Listed(w.Owner, []identifier.ClientID{id}))
		add(w, "EE:GOV:2:sub")
		require.Equal(t, "registered", status(w, id))
	})
}

func TestRegistrationFromSavedToGone(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:new")
		err := w.Clients.Register(w.Ctx("Register client"), id, false)
		w.Refused(err, "Register client", "warnings_detected", "New subsystem 'new' will be submitted for registration for member 'EE:GOV:2'.")
		require.Equal(t, []fault.Warning{{Code: "new_subsystem", Metadata: []string{"new", "EE:GOV:2"}}}, fault.From(err).Warnings)
		require.Empty(t, w.Sender.Sent)

		require.NoError(t, w.Clients.Rename(w.Ctx("Rename subsystem"), id, "Fresh"))
		require.NoError(t, w.Clients.Register(w.Ctx("Register client"), id, true))
		require.Equal(t, []string{"clientReg EE:GOV:2:new Fresh"}, w.Sender.Sent)
		require.Equal(t, "registration in progress", status(w, id))
		data := w.Records("Register client")[0]["data"].(map[string]any)
		require.Equal(t, "registration in progress", data["clientStatus"])
		require.EqualValues(t, 42, data["managementRequestId"])
		_, ok, err := w.Clients.Registered(t.Context(), id)
		require.NoError(t, err)
		require.False(t, ok, "only a registered client exchanges messages")

		list := []identifier.ClientID{id}
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, list))))
		require.Equal(t, "registered", status(w, id))
		_, ok, err = w.Clients.Registered(t.Context(), id)
		require.NoError(t, err)
		require.True(t, ok)

		require.NoError(t, w.Clients.Disable(w.Ctx("Disable client"), id))
		require.Equal(t, "registered", w.Records("Disable client")[0]["data"].(map[string]any)["clientStatus"], "the old state, as X-Road logs it")
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Current()))
		require.Equal(t, "disabling in progress", status(w, id))
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, nil))))
		require.Equal(t, "disabled", status(w, id))
		require.NoError(t, w.Clients.Enable(w.Ctx("Enable client"), id))
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, list))))
		require.Equal(t, "registered", status(w, id))

		require.NoError(t, w.Clients.Unregister(w.Ctx("Unregister client"), id))
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Current()))
		require.Equal(t, "deletion in progress", status(w, id), "listed still, but it left")
		require.NoError(t, w.Clients.Delete(w.Ctx("Delete client"), id))
		_, err = w.Clients.Get(t.Context(), id)
		require.Equal(t, "client_not_found", fault.CodeOf(err))
	})
}

func TestRefusedRequestsLeaveTheState(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		broken := errors.New("reading /etc/secret: permission denied")
		for _, c := range []struct {
			event string
			from  client.Status
			do    func(context.Context, identifier.ClientID) error
			what  string
		}{
			{"Register client", client.Saved, func(ctx context.Context, id identifier.ClientID) error { return w.Clients.Register(ctx, id, true) }, "registration"},
			{"Unregister client", client.Registered, w.Clients.Unregister, "deletion"},
			{"Disable client", client.Registered, w.Clients.Disable, "disabling"},
			{"Enable client", client.Disabled, w.Clients.Enable, "enabling"},
			{"Rename subsystem", client.Registered, func(ctx context.Context, id identifier.ClientID) error { return w.Clients.Rename(ctx, id, "Another") }, "rename"},
		} {
			put(w, id, c.from)
			for _, answer := range []struct {
				err           error
				code, message string
			}{
				{refusal, "core.internal_error", "no such server"},
				{unavailable, "management_request_sending_failed", unavailable.Message},
				{fault.New(fault.Conflict, "unknown_member", "no key"), "management_request_sending_failed", "no key"},
				{broken, "management_request_sending_failed", "Internal error"},
			} {
				w.Sender.Err = answer.err
				err := c.do(w.Ctx(c.event), id)
				w.Refused(err, c.event, answer.code, "Failed to send "+c.what+" request: "+answer.message)
				require.Equal(t, fault.Internal, fault.From(err).Kind)
				require.Equal(t, []string{answer.message}, fault.From(err).Metadata)
				require.Equal(t, c.from.String(), status(w, id))
			}
			w.Sender.Err = nil
			w.Conf.Publish(worldtest.Expired)
			w.Refused(c.do(w.Ctx(c.event), id), c.event, "global_conf_outdated", "Global configuration is expired")
			w.Conf.Publish()
		}
		put(w, id, client.Registered)
		w.Conf.Publish(worldtest.ProviderIs(id))
		w.Refused(w.Clients.Disable(w.Ctx("Disable client"), id), "Disable client", "forbidden_disable_management_service_client",
			"The management services' provider cannot be disabled")
		w.Refused(w.Clients.Register(w.Ctx("Register client"), worldtest.Client(t, "EE:GOV:3:none"), true), "Register client", "client_not_found",
			"Client 'EE:GOV:3:none' not found")
	})
}

func TestEveryActionInEveryStateOnRows(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		for _, s := range client.Statuses {
			for event, do := range map[client.Event]func(context.Context, identifier.ClientID) error{
				client.Register:   func(ctx context.Context, id identifier.ClientID) error { return w.Clients.Register(ctx, id, true) },
				client.Unregister: w.Clients.Unregister, client.Disable: w.Clients.Disable, client.Enable: w.Clients.Enable,
				client.Rename: func(ctx context.Context, id identifier.ClientID) error { return w.Clients.Rename(ctx, id, "Another") },
			} {
				put(w, id, s)
				sent := len(w.Sender.Sent)
				want, refused := s.Next(event)
				err := do(w.Ctx("x"), id)
				if refused != nil {
					require.Equal(t, "action_not_possible", fault.CodeOf(err), "%s in %s", event, s)
					require.Len(t, w.Sender.Sent, sent, "nothing is sent")
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, want.String(), status(w, id))
			}
			put(w, id, s)
			for _, listed := range []bool{true, false} {
				put(w, id, s)
				list, event := []identifier.ClientID{id}, client.Listed
				if !listed {
					list, event = nil, client.NotListed
				}
				want, _ := s.Next(event)
				require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, list))))
				require.Equal(t, want.String(), status(w, id), "%s in %s", event, s)
			}
			w.Conf.Publish()
		}
	})
}

func TestExpiredConfigurationChangesNothing(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		put(w, id, client.Registered)
		err := w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Expired))
		require.Equal(t, "global_conf_outdated", fault.CodeOf(err))
		require.Equal(t, "registered", status(w, id))
	})
}

func TestOwnerChangeWithoutABlip(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		auth := w.Import(certificate.Authentication, w.Owner)
		heir := add(w, "EE:GOV:2")
		sub := add(w, "EE:GOV:3:sub")
		put(w, heir, client.Registered)
		require.NoError(t, w.Keys.Activate(w.Ctx("Enable certificate"), auth.Hash))
		everybody := []identifier.ClientID{w.Owner, sub}
		require.NoError(t, w.Clients.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, []identifier.ClientID{heir, sub}, auth.DER))))
		snapshot := w.Conf.Publish(worldtest.Listed(heir, everybody, auth.DER))
		require.NoError(t, w.Clients.Reconcile(t.Context(), snapshot))
		for _, id := range []identifier.ClientID{w.Owner, heir, sub} {
			require.Equal(t, "registered", status(w, id))
		}
		c, err := w.Clients.Get(t.Context(), heir)
		require.NoError(t, err)
		require.True(t, c.Owner)
		self, err := w.Setup.Identity(t.Context())
		require.NoError(t, err)
		require.Equal(t, "EE:GOV:2:ss1", self.Encoded())
	})
}

func TestInternalCertificatesAndConnection(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		id := add(w, "EE:GOV:2:sub")
		_, err := w.Clients.AddCertificate(w.Ctx("Add internal TLS certificate"), id, []byte("no certificate"))
		w.Refused(err, "Add internal TLS certificate", "invalid_certificate", "Incorrect file format. Only PEM and DER files allowed.")
		added, err := w.Clients.AddCertificate(w.Ctx("Add internal TLS certificate"), id, certificate.EncodePEM(w.CA.Certificate()))
		require.NoError(t, err)
		_, err = w.Clients.AddCertificate(w.Ctx("again"), id, w.CA.Certificate().Raw)
		w.Refused(err, "again", "certificate_already_exists", "Certificate already exists")
		list, err := w.Clients.Certificates(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []client.Certificate{added}, list)
		w.Refused(w.Clients.DeleteCertificate(w.Ctx("x"), id, "ABCD"), "x", "certificate_not_found", "Certificate not found")
		require.NoError(t, w.Clients.DeleteCertificate(w.Ctx("Delete internal TLS certificate"), id, added.Hash))

		for _, s := range client.Statuses {
			put(w, id, s)
			c, err := w.Clients.SetConnection(w.Ctx("Set connection type"), id, client.HTTPSNoAuth)
			require.NoError(t, err)
			require.Equal(t, client.HTTPSNoAuth, c.Connection)
			require.Equal(t, s, c.Status)
		}
		require.Equal(t, "HTTPS NO AUTH", w.Records("Set connection type")[0]["data"].(map[string]any)["isAuthentication"])
	})
}

var _ client.Store = store.New(nil).Clients()
