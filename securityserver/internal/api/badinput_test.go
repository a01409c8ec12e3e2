package api_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// unchanged calls an operation that must be refused with this status and code, leave the state as it was, and write one audit record whose
// reason is the sentence.
func (d *door) unchanged(status int, code, event, sentence, method, path string, body any) errorInfo {
	d.t.Helper()
	before, records := d.w.State(), len(d.w.Records(event+" failed"))
	info := d.refused(status, code, method, path, body)
	require.Equal(d.t, before, d.w.State(), "the state must not have changed")
	failures := d.w.Records(event + " failed")
	require.Len(d.t, failures, records+1)
	require.Equal(d.t, sentence, failures[records]["reason"])
	return info
}

// run is a subtest whose failures are its own.
func (d *door) run(name string, fn func()) {
	whole := d.t
	whole.Run(name, func(t *testing.T) {
		d.t = t
		defer func() { d.t = whole }()
		fn()
	})
}

func TestWrongPIN(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		d.unchanged(400, "pin_incorrect", "Log in to token", "Incorrect PIN", "PUT", "/tokens/0/login", map[string]string{"password": "wrong"})
		require.False(t, w.Keys.LoggedIn(keys.SoftToken))
		w.Login()
		d.unchanged(400, "pin_incorrect", "Change token pin", "Incorrect PIN", "PUT", "/tokens/0/pin",
			map[string]string{"old_pin": "wrong", "new_pin": "another-pin"})
		require.True(t, w.Keys.LoggedIn(keys.SoftToken), "the session lives on")
		d.want(204, "PUT", "/tokens/0/pin", map[string]string{"old_pin": worldtest.PIN, "new_pin": "another-pin"}, nil)
	})
}

// request makes a key with a certificate signing request and gives the request.
func signingRequest(w *worldtest.World, usage certificate.Usage) []byte {
	_, r, err := w.Keys.GenerateKeyAndRequest(w.Ctx("Generate key and CSR"), keys.SoftToken, "",
		keys.RequestSpec{Usage: usage, Authority: "Test CA", Member: w.Owner})
	require.NoError(w.T, err)
	return r.DER
}

// TestImportOfBadCertificates has a key for each of them, so that the certificate alone is wrong.
func TestImportOfBadCertificates(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		w.Login()
		stranger, err := testca.New(testca.Config{Name: "Stranger", Now: w.Now})
		require.NoError(t, err)
		folder := t.TempDir()
		require.NoError(t, w.CA.Save(folder))
		past, err := testca.Load(folder, testca.Config{Now: func() time.Time { return w.Now().AddDate(-3, 0, 0) }})
		require.NoError(t, err)
		const (
			notApproved = "Certificate is not issued by approved certification service provider."
			notValid    = "Certificate import failed: Unable to find valid certification path: certificate has expired or is not yet valid"
		)
		for name, c := range map[string]struct {
			ca             *testca.CA
			key, usage     certificate.Usage
			status         int
			code, sentence string
		}{
			"expired, signing":           {past, certificate.Signing, certificate.Signing, 500, "cert_import_failed", notValid},
			"expired, authentication":    {past, certificate.Authentication, certificate.Authentication, 500, "cert_import_failed", notValid},
			"stranger's, signing":        {stranger, certificate.Signing, certificate.Signing, 400, "invalid_certificate", "The certificate names no member: " + notApproved},
			"stranger's, authentication": {stranger, certificate.Authentication, certificate.Authentication, 500, "cert_import_failed", "Certificate import failed: " + notApproved},
			"signing for authentication": {w.CA, certificate.Authentication, certificate.Signing, 400, "invalid_certificate",
				"The certificate names no member: Certificate subject name does not contain organization"},
			"authentication for signing": {w.CA, certificate.Signing, certificate.Authentication, 400, "cert_wrong_usage",
				"The certificate is for AUTHENTICATION and its key for SIGNING"},
		} {
			d.run(name, func() {
				issued, err := c.ca.Sign(signingRequest(w, c.key), c.usage)
				require.NoError(t, err)
				d.unchanged(c.status, c.code, "Import certificate from file", c.sentence, "POST", "/token-certificates", issued.Raw)
			})
		}
		d.run("another member's", func() {
			issued, err := w.CA.Issue(testca.Spec{Member: worldtest.Client(t, "EE:GOV:3")})
			require.NoError(t, err)
			d.unchanged(400, "client_not_found", "Import certificate from file", "Client 'EE:GOV:3' not found", "POST", "/token-certificates", issued.Certificate.Raw)
		})
		d.run("the owner's, signing for authentication", func() {
			issued := resigned(t, folder, signingRequest(w, certificate.Authentication))
			d.unchanged(400, "cert_wrong_usage", "Import certificate from file", "The certificate is for SIGNING and its key for AUTHENTICATION", "POST",
				"/token-certificates", issued)
		})
		sign := w.Import(certificate.Signing, w.Owner)
		d.run("already imported", func() {
			d.unchanged(409, "certificate_already_exists", "Import certificate from file", "Certificate already exists", "POST", "/token-certificates", sign.DER)
		})
		d.run("registration of a signing certificate", func() {
			d.unchanged(400, "sign_cert_not_supported", "Register authentication certificate", "Signing certificates are not registered", "PUT",
				"/token-certificates/"+sign.Hash+"/register", map[string]string{"address": "ss1.example"})
		})
		d.run("no certificate", func() {
			d.unchanged(400, "invalid_certificate", "Import certificate from file", "Incorrect file format. Only PEM and DER files allowed.", "POST",
				"/token-certificates", []byte("nonsense"))
		})
	})
}

// resigned is a signing certificate of EE:GOV:1 for the key of an authentication request, which no request of ours can ask for.
func resigned(t *testing.T, folder string, request []byte) []byte {
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "ca.pem"), filepath.Join(folder, "ca.key"))
	require.NoError(t, err)
	r, err := certificate.ParseRequest(request)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1 << 40), Subject: pkix.Name{Country: []string{"EE"}, Organization: []string{"GOV"}, CommonName: "1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageContentCommitment,
	}, pair.Leaf, r.PublicKey, pair.PrivateKey)
	require.NoError(t, err)
	return der
}

func addition(class, code, subsystem string) map[string]any {
	return map[string]any{"client": map[string]any{"member_class": class, "member_code": code, "subsystem_code": subsystem, "connection_type": "HTTP"}}
}

// TestUnknownMemberAndDuplicateClient is UC MEMBER_47 2a and 3a.
func TestUnknownMemberAndDuplicateClient(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		info := d.unchanged(400, "warnings_detected", "Add client", "The person/organisation 'EE:GOV:77' is not registered as X-Road member", "POST", "/clients",
			addition("GOV", "77", "s"))
		require.Equal(t, "unregistered_member", info.Warnings[0].Code)
		d.want(201, "POST", "/clients", addition("GOV", "2", "sub"), nil)
		d.unchanged(409, "client_already_exists", "Add client", "Client already exists", "POST", "/clients", addition("GOV", "2", "sub"))
	})
}

// errand is an operation that asks something of the central server.
type errand struct {
	event, what, path string
	from              string // the client's state before, as stored; "" for the authentication certificate
	body              any
}

// errands gives a client and a certificate and what can be asked for them.
func errands(t *testing.T, d *door, w *worldtest.World) (identifier.ClientID, []errand) {
	w.Login()
	w.Import(certificate.Signing, w.Owner)
	c := w.Import(certificate.Authentication, w.Owner)
	d.want(201, "POST", "/clients", addition("GOV", "2", "sub"), nil)
	id := worldtest.Client(t, "EE:GOV:2:sub")
	path := "/clients/" + url.PathEscape(id.Encoded())
	return id, []errand{
		{"Register client", "registration", path + "/register", "saved", nil},
		{"Unregister client", "deletion", path + "/unregister", "registered", nil},
		{"Unregister client", "deletion", path + "/unregister", "registration in progress", nil},
		{"Disable client", "disabling", path + "/disable", "registered", nil},
		{"Enable client", "enabling", path + "/enable", "disabled", nil},
		{"Register authentication certificate", "registration", "/token-certificates/" + c.Hash + "/register", "", map[string]string{"address": "ss1.example"}},
	}
}

// TestRefusedErrandsChangeNothing is UC MEMBER_48 3-5a and 52 4-6a, for every request: the central server refuses, a proxy refuses, nobody
// answers, and the answer cannot be read.
func TestRefusedErrandsChangeNothing(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		id, list := errands(t, d, w)
		for _, e := range list {
			if e.from != "" {
				w.Put(id, e.from)
			}
			for _, answer := range []struct {
				err        error
				code, text string
			}{
				{&soap.Fault{Code: "invalid_request", String: "Server not found: SERVER:EE/GOV/1/ss1"}, "core.invalid_request", "Server not found: SERVER:EE/GOV/1/ss1"},
				{&soap.Fault{Code: "server.serverproxy.access_denied", String: "Request is not allowed: SERVICE:EE/GOV/0/ms/clientReg"},
					"core.server.serverproxy.access_denied", "Request is not allowed: SERVICE:EE/GOV/0/ms/clientReg"},
				{fault.New(fault.Conflict, "server.clientproxy.network_error", "Could not connect to 127.0.0.20:5500"), "core.server.clientproxy.network_error",
					"Could not connect to 127.0.0.20:5500"},
				{fault.New(fault.Unavailable, "network_error", "The central server did not answer; the outcome is not known"), "management_request_sending_failed",
					"The central server did not answer; the outcome is not known"},
				{fault.New(fault.Unavailable, "invalid_soap", "Malformed SOAP message: envelope missing"), "management_request_sending_failed",
					"Malformed SOAP message: envelope missing"},
			} {
				w.Sender.Err = answer.err
				info := d.unchanged(500, answer.code, e.event, "Failed to send "+e.what+" request: "+answer.text, "PUT", e.path, e.body)
				require.Equal(t, []string{answer.text}, info.Error.Metadata)
			}
			w.Sender.Err = nil
		}
	})
}

// TestExpiredConfiguration: nothing that needs the global configuration is done with an expired one, and nothing is sent.
func TestExpiredConfiguration(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		id, list := errands(t, d, w)
		file := w.Certify(certificate.Signing, w.Owner)
		w.Conf.Publish(worldtest.Expired)
		const text = "Global configuration is expired"
		for _, e := range list {
			if e.from != "" {
				w.Put(id, e.from)
			}
			d.unchanged(409, "global_conf_outdated", e.event, text, "PUT", e.path, e.body)
		}
		d.unchanged(409, "global_conf_outdated", "Add client", text, "POST", "/clients", addition("GOV", "3", "sub"))
		d.unchanged(409, "global_conf_outdated", "Import certificate from file", text, "POST", "/token-certificates", file)
		require.Empty(t, w.Sender.Sent)

		// A configuration that would change both the client and the certificate, if it were valid.
		w.Put(id, "registered")
		hash := strings.Split(list[len(list)-1].path, "/")[2]
		_, c, err := w.Keys.Certificate(t.Context(), hash)
		require.NoError(t, err)
		listed := worldtest.Listed(w.Owner, nil, c.DER)
		before, snapshot := w.State(), w.Conf.Publish(listed, worldtest.Expired)
		for _, refused := range []error{w.Clients.Reconcile(t.Context(), snapshot), w.Keys.Reconcile(t.Context(), snapshot)} {
			require.Equal(t, "global_conf_outdated", fault.CodeOf(refused))
			require.Equal(t, text, fault.From(refused).Message)
		}
		require.Equal(t, before, w.State())
		snapshot = w.Conf.Publish(listed)
		require.NoError(t, w.Clients.Reconcile(t.Context(), snapshot))
		between := w.State()
		require.NotEqual(t, before, between)
		require.NoError(t, w.Keys.Reconcile(t.Context(), snapshot))
		require.NotEqual(t, between, w.State())
	})
}
