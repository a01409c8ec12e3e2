package keys_test

import (
	"context"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// walk is the state machine of authentication certificates: "-" is no change, "E" a refusal.
const walk = `
event             | saved                    | registration in progress | registered           | deletion in progress | global error
register          | registration in progress | E                        | E                    | E                    | E
unregister        | E                        | deletion in progress     | deletion in progress | E                    | E
mark for deletion | E                        | deletion in progress     | deletion in progress | E                    | E
delete            | deleted                  | E                        | E                    | deleted              | deleted
listed            | registered               | registered               | -                    | -                    | registered
not listed        | -                        | -                        | global error         | -                    | -`

func cells(line string) []string {
	parts := strings.Split(line, "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func TestEveryStateMeetsEveryEvent(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(walk), "\n")
	states := cells(lines[0])[1:]
	require.Len(t, lines[1:], len(keys.Events))
	for n, event := range keys.Events {
		row := cells(lines[n+1])
		require.Equal(t, event.String(), row[0])
		for column, state := range keys.Statuses {
			require.Equal(t, states[column], state.String())
			next, err := state.Next(event)
			switch want := row[column+1]; want {
			case "E":
				require.Equal(t, "action_not_possible", fault.CodeOf(err), "%s in %s", event, state)
				require.Equal(t, state, next)
			case "-":
				require.NoError(t, err)
				require.Equal(t, state, next)
			default:
				require.NoError(t, err)
				require.Equal(t, want, next.String(), "%s in %s", event, state)
			}
		}
	}
}

func TestDatabasesKnowTheSameStates(t *testing.T) {
	for _, driver := range []string{"sqlite", "postgres"} {
		sql, err := fs.ReadFile(worldtest.Migrations(driver), "00002_security.sql")
		require.NoError(t, err)
		table := string(sql)[strings.Index(string(sql), "CREATE TABLE token_certificate ("):]
		list := regexp.MustCompile(`(?s)status IN \((.*?)\)`).FindStringSubmatch(table)
		require.Len(t, list, 2)
		var found []string
		for _, m := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(list[1], -1) {
			s, err := keys.ParseStatus(m[1])
			require.NoError(t, err)
			found = append(found, s.String())
		}
		require.Len(t, found, len(keys.Statuses))
	}
}

func certificateOf(w *worldtest.World, hash string) keys.Certificate {
	w.T.Helper()
	_, c, err := w.Keys.Certificate(w.T.Context(), hash)
	require.NoError(w.T, err)
	return c
}

func addClient(w *worldtest.World, encoded string) identifier.ClientID {
	w.T.Helper()
	id := worldtest.Client(w.T, encoded)
	_, err := w.Clients.Add(w.Ctx("Add client"), client.Addition{MemberClass: id.MemberClass(), MemberCode: id.MemberCode(),
		SubsystemCode: id.SubsystemCode(), Connection: client.HTTP})
	require.NoError(w.T, err)
	return id
}

func TestTokenNeedsItsPIN(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Refused(w.Keys.Login(w.Ctx("Log in to token"), "7", worldtest.PIN), "Log in to token", "token_not_found", "Token '7' not found")
		err := w.Keys.Login(w.Ctx("Log in to token"), keys.SoftToken, "wrong")
		require.Equal(t, "pin_incorrect", fault.CodeOf(err))
		require.Equal(t, fault.Invalid, fault.From(err).Kind)
		require.Empty(t, w.Records("Log in to token"))
		require.False(t, w.Keys.LoggedIn(keys.SoftToken))
		_, err = w.Keys.GenerateKey(w.Ctx("Generate key"), keys.SoftToken, "k")
		w.Refused(err, "Generate key", "action_not_possible", "The token is not logged in")
		w.Refused(w.Keys.Logout(w.Ctx("Log out from token"), keys.SoftToken), "Log out from token", "action_not_possible", "The token is not logged in")

		w.Login()
		require.Len(t, w.Records("Log in to token"), 1)
		w.Refused(w.Keys.Login(w.Ctx("x"), keys.SoftToken, worldtest.PIN), "x", "action_not_possible", "The token is logged in already")
		err = w.Keys.ChangePIN(w.Ctx("Change token pin"), keys.SoftToken, "wrong", "another-pin")
		require.Equal(t, "pin_incorrect", fault.CodeOf(err))
		require.NoError(t, w.Keys.ChangePIN(w.Ctx("Change token pin"), keys.SoftToken, worldtest.PIN, "another-pin"))
		_, err = w.Keys.GenerateKey(w.Ctx("Generate key"), keys.SoftToken, "k")
		require.NoError(t, err, "the session lives on")
		require.NoError(t, w.Keys.Logout(w.Ctx("Log out from token"), keys.SoftToken))
		require.Equal(t, "pin_incorrect", fault.CodeOf(w.Keys.Login(w.Ctx("x"), keys.SoftToken, worldtest.PIN)))
		require.NoError(t, w.Keys.Login(w.Ctx("x"), keys.SoftToken, "another-pin"))
	})
}

func TestPrivateKeysAreStoredSealed(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		key, err := w.Keys.GenerateKey(w.Ctx("Generate key"), keys.SoftToken, "")
		require.NoError(t, err)
		require.Equal(t, key.ID, key.Label, "a key without a label is called by its identifier")
		other, err := w.Keys.GenerateKey(w.Ctx("Generate key"), keys.SoftToken, "")
		require.NoError(t, err)
		require.NotEqual(t, key.Public, other.Public)
		require.NotContains(t, string(key.Sealed), string(key.Public[len(key.Public)-32:]), "neither half of the pair stands in the clear")
	})
}

func TestRequestRefusals(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		key, err := w.Keys.GenerateKey(w.Ctx("Generate key"), keys.SoftToken, "k")
		require.NoError(t, err)
		sign := keys.RequestSpec{Usage: certificate.Signing, Authority: "Test CA", Member: w.Owner, Format: keys.DER}
		for _, c := range []struct {
			change        func(s *keys.RequestSpec)
			code, message string
		}{
			{func(s *keys.RequestSpec) { s.Usage = "BOTH" }, "wrong_key_usage", "Unknown key usage 'BOTH'"},
			{func(s *keys.RequestSpec) { s.Member = identifier.ClientID{} }, "missing_member_id", "A signing certificate needs a member"},
			{func(s *keys.RequestSpec) { s.Member = worldtest.Client(t, "EE:GOV:3") }, "client_not_found", "Client 'EE:GOV:3' not found"},
			{func(s *keys.RequestSpec) { s.Authority = "No CA" }, "certificate_authority_not_found", "Certification service 'No CA' not found"},
			{func(s *keys.RequestSpec) { s.Fields = map[string]string{"XY": "1"} }, "invalid_dn_parameter", "Unknown field: XY"},
		} {
			spec := sign
			c.change(&spec)
			_, err := w.Keys.GenerateRequest(w.Ctx("Generate CSR"), key.ID, spec)
			w.Refused(err, "Generate CSR", c.code, c.message)
		}
		sign.Fields = map[string]string{"C": "a read-only field keeps its value"}
		r, err := w.Keys.GenerateRequest(w.Ctx("Generate CSR"), key.ID, sign)
		require.NoError(t, err)
		parsed, err := certificate.ParseRequest(r.Encode(keys.PEM))
		require.NoError(t, err)
		require.Equal(t, "CN=1,O=GOV,C=EE", parsed.Subject.String())
		require.Equal(t, "C=EE, O=GOV, CN=1", w.Records("Generate CSR")[0]["data"].(map[string]any)["subjectName"])
		_, err = w.Keys.GenerateRequest(w.Ctx("x"), key.ID, keys.RequestSpec{Usage: certificate.Authentication, Authority: "Test CA"})
		w.Refused(err, "x", "wrong_key_usage", "The key is for SIGNING")
		require.NoError(t, w.Keys.DeleteRequest(w.Ctx("Delete CSR"), key.ID, r.ID))
		w.Refused(w.Keys.DeleteRequest(w.Ctx("x"), key.ID, r.ID), "x", "csr_not_found", "Certificate signing request '"+r.ID+"' not found")
	})
}

func TestImportRefusals(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		refused := func(file []byte, code, message string) {
			t.Helper()
			_, err := w.Keys.Import(w.Ctx("Import certificate from file"), file)
			w.Refused(err, "Import certificate from file", code, message)
		}
		stranger, err := testca.New(testca.Config{Name: "Stranger"})
		require.NoError(t, err)
		issue := func(ca *testca.CA, usage certificate.Usage, member string) []byte {
			c, err := ca.Issue(testca.Spec{Usage: usage, Member: worldtest.Client(t, member)})
			require.NoError(t, err)
			return c.Certificate.Raw
		}
		refused([]byte("nonsense"), "invalid_certificate", "Incorrect file format. Only PEM and DER files allowed.")
		refused(issue(stranger, certificate.Signing, "EE:GOV:1"), "invalid_certificate",
			"The certificate names no member: Certificate is not issued by approved certification service provider.")
		refused(issue(w.CA, certificate.Signing, "EE:GOV:3"), "client_not_found", "Client 'EE:GOV:3' not found")
		refused(issue(w.CA, certificate.Signing, "EE:GOV:1"), "key_not_found", "Could not find a key that corresponds to the certificate")

		// A key that was meant for signing gets a certificate for authentication.
		_, r, err := w.Keys.GenerateKeyAndRequest(w.Ctx("x"), keys.SoftToken, "", keys.RequestSpec{Usage: certificate.Signing, Authority: "Test CA", Member: w.Owner})
		require.NoError(t, err)
		wrong, err := w.CA.Sign(r.DER, certificate.Authentication)
		require.NoError(t, err)
		refused(wrong.Raw, "cert_wrong_usage", "The certificate is for AUTHENTICATION and its key for SIGNING")

		// An authentication certificate of a service that is not approved.
		_, r, err = w.Keys.GenerateKeyAndRequest(w.Ctx("x"), keys.SoftToken, "", keys.RequestSpec{Usage: certificate.Authentication, Authority: "Test CA"})
		require.NoError(t, err)
		foreign, err := stranger.Sign(r.DER, certificate.Authentication)
		require.NoError(t, err)
		_, err = w.Keys.Import(w.Ctx("Import certificate from file"), foreign.Raw)
		require.Equal(t, "cert_import_failed", fault.CodeOf(err))
		require.Equal(t, fault.Internal, fault.From(err).Kind)

		file := w.Certify(certificate.Authentication, w.Owner)
		w.Conf.Publish(worldtest.Expired)
		refused(file, "global_conf_outdated", "Global configuration is expired")
		w.Conf.Publish()
		_, err = w.Keys.Import(w.Ctx("good"), file)
		require.NoError(t, err)
		refused(file, "certificate_already_exists", "Certificate already exists")
	})
}

func TestAuthenticationCertificateFromSavedToGone(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		c := w.Import(certificate.Authentication, w.Owner)
		require.Equal(t, keys.Saved, c.Status)
		require.False(t, c.Active)
		for _, address := range []string{"", "not an address", "http://x"} {
			w.Refused(w.Keys.Register(w.Ctx("Register authentication certificate"), c.Hash, address), "Register authentication certificate",
				"validation_failure", "Invalid server address")
		}
		require.NoError(t, w.Keys.Register(w.Ctx("Register authentication certificate"), c.Hash, "ss1.example"))
		require.Equal(t, []string{"authCertReg ss1.example"}, w.Sender.Sent)
		data := w.Records("Register authentication certificate")[0]["data"].(map[string]any)
		require.Equal(t, "registration in progress", data["certStatus"])
		require.EqualValues(t, 42, data["managementRequestId"])
		require.Equal(t, "ss1.example", data["address"])
		w.Refused(w.Keys.Register(w.Ctx("x"), c.Hash, "ss1.example"), "x", "action_not_possible",
			"Cannot register a certificate in state 'registration in progress'")
		w.Refused(w.Keys.Delete(w.Ctx("Delete certificate"), c.Hash), "Delete certificate from configuration", "action_not_possible",
			"Cannot delete a certificate in state 'registration in progress'")

		require.NoError(t, w.Keys.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, nil, c.DER))))
		require.Equal(t, keys.Registered, certificateOf(w, c.Hash).Status)
		_, err := w.Keys.Authentication(t.Context())
		w.Refused(err, "x", "key_not_found", "Could not find active authentication key for security server 'SERVER:EE/GOV/1/ss1'")
		require.NoError(t, w.Keys.Activate(w.Ctx("Enable certificate"), c.Hash))
		credential, err := w.Keys.Authentication(t.Context())
		require.NoError(t, err)
		require.Equal(t, c.DER, credential.Certificate.Raw)

		require.NoError(t, w.Keys.Reconcile(t.Context(), w.Conf.Publish()))
		require.Equal(t, keys.GlobalError, certificateOf(w, c.Hash).Status)
		_, err = w.Keys.Authentication(t.Context())
		require.Error(t, err)
		require.NoError(t, w.Keys.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, nil, c.DER))))
		require.Equal(t, keys.Registered, certificateOf(w, c.Hash).Status)

		err = w.Keys.DeleteKey(w.Ctx("Delete key"), c.KeyID, false)
		require.Equal(t, "warnings_detected", fault.CodeOf(err))
		require.Equal(t, "auth_key_with_registered_cert_warning", fault.From(err).Warnings[0].Code)
		require.NoError(t, w.Keys.Unregister(w.Ctx("Unregister authentication certificate"), c.Hash))
		require.NoError(t, w.Keys.Reconcile(t.Context(), w.Conf.Current()))
		require.Equal(t, keys.DeletionInProgress, certificateOf(w, c.Hash).Status)
		require.NoError(t, w.Keys.DeleteKey(w.Ctx("Delete key"), c.KeyID, false))
		_, _, err = w.Keys.Certificate(t.Context(), c.Hash)
		require.Equal(t, "certificate_not_found", fault.CodeOf(err))
		require.Len(t, w.Records("Delete key from token and configuration"), 1)
	})
}

func TestRefusedRegistrationLeavesTheState(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		sign := w.Import(certificate.Signing, w.Owner)
		c := w.Import(certificate.Authentication, w.Owner)
		event := "Register authentication certificate"
		w.Refused(w.Keys.Register(w.Ctx(event), sign.Hash, "ss1.example"), event, "sign_cert_not_supported", "Signing certificates are not registered")
		w.Refused(w.Keys.Register(w.Ctx(event), "abcd", "ss1.example"), event, "certificate_not_found", "Certificate not found")
		w.Sender.Err = &soap.Fault{Code: "invalid_request", String: "Sender does not match server owner."}
		w.Refused(w.Keys.Register(w.Ctx(event), c.Hash, "ss1.example"), event, "core.invalid_request",
			"Failed to send registration request: Sender does not match server owner.")
		w.Sender.Err = fault.New(fault.Unavailable, "network_error", "no answer")
		w.Refused(w.Keys.Register(w.Ctx(event), c.Hash, "ss1.example"), event, "management_request_sending_failed",
			"Failed to send registration request: no answer")
		require.Equal(t, keys.Saved, certificateOf(w, c.Hash).Status)

		// The second try learns that the first had arrived.
		w.Sender.Err = &soap.Fault{Code: "internal_error", String: "Certificate is already submitted for registration with request '7'"}
		require.NoError(t, w.Keys.Register(w.Ctx(event), c.Hash, "ss1.example"))
		require.Equal(t, keys.RegistrationInProgress, certificateOf(w, c.Hash).Status)
		w.Sender.Err = fault.New(fault.Unavailable, "network_error", "no answer")
		require.Error(t, w.Keys.Unregister(w.Ctx("x"), c.Hash))
		require.Equal(t, keys.RegistrationInProgress, certificateOf(w, c.Hash).Status)
		require.NoError(t, w.Keys.MarkForDeletion(w.Ctx("x"), c.Hash))
		require.Equal(t, keys.DeletionInProgress, certificateOf(w, c.Hash).Status)
	})
}

func TestMemberWithoutClientsLeavesOrphans(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		id := addClient(w, "EE:GOV:2:sub")
		second := addClient(w, "EE:GOV:2:other")
		own := w.Import(certificate.Signing, w.Owner)
		c := w.Import(certificate.Signing, id)
		_ = w.Certify(certificate.Signing, id)
		require.Equal(t, "orphans_not_found", fault.CodeOf(w.Keys.Orphans(t.Context(), id)), "still a client")
		require.NoError(t, w.Clients.Delete(w.Ctx("Delete client"), id))
		require.Equal(t, "orphans_not_found", fault.CodeOf(w.Keys.Orphans(t.Context(), id)), "a sibling uses them")
		require.NoError(t, w.Clients.Delete(w.Ctx("Delete client"), second))
		require.NoError(t, w.Keys.Orphans(t.Context(), id))
		require.NoError(t, w.Keys.DeleteOrphans(w.Ctx("Delete orphaned client keys, certs and certificates"), id))
		_, _, err := w.Keys.Certificate(t.Context(), c.Hash)
		require.Equal(t, "certificate_not_found", fault.CodeOf(err))
		require.Equal(t, "orphans_not_found", fault.CodeOf(w.Keys.Orphans(t.Context(), id)))
		tokens, err := w.Keys.Tokens(t.Context())
		require.NoError(t, err)
		require.Len(t, tokens[0].Keys, 1)
		require.Equal(t, own.Hash, tokens[0].Keys[0].Certificates[0].Hash)
	})
}

func TestDeathBetweenTheStepsOfARegistration(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		w.Login()
		c := w.Import(certificate.Authentication, w.Owner)
		w.Sender.During = func(context.Context) { panic("kill -9") }
		func() {
			defer func() { require.Equal(t, "kill -9", recover()) }()
			_ = w.Keys.Register(w.Ctx("Register authentication certificate"), c.Hash, "ss1.example")
		}()
		w.Sender.During = nil
		require.Equal(t, keys.Saved, certificateOf(w, c.Hash).Status)
		require.Equal(t, "action_not_possible", fault.CodeOf(w.Keys.Register(w.Ctx("x"), c.Hash, "ss1.example")))
		require.NoError(t, w.Clients.Recover(t.Context()))
		require.NoError(t, w.Keys.Reconcile(t.Context(), w.Conf.Publish(worldtest.Listed(w.Owner, nil, c.DER))))
		require.Equal(t, keys.Registered, certificateOf(w, c.Hash).Status)

		// The same for the deletion: what the configuration no longer shows was deleted, not lost.
		w.Sender.Err = fault.New(fault.Unavailable, "network_error", "no answer")
		require.Error(t, w.Keys.Unregister(w.Ctx("x"), c.Hash))
		require.NoError(t, w.Keys.Reconcile(t.Context(), w.Conf.Publish()))
		require.Equal(t, keys.DeletionInProgress, certificateOf(w, c.Hash).Status)
	})
}
