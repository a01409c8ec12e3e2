package intake_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

// letter is a management request on its way to a door.
type letter struct {
	kind        request.Type
	contentType string
	body        []byte
}

// refused posts a letter and demands this fault, an unchanged registry, and a failure's audit record exactly when the rules were asked.
func (d *doors) refused(t *testing.T, l letter, code, text string, audited bool) {
	t.Helper()
	const records = "SELECT COUNT(*) FROM audit_record"
	before, generation, written := d.State(), d.Generation(), d.Count(records)
	door, path := d.management, managementPath
	if l.kind == request.AuthCertReg {
		door, path = d.registration, registrationPath
	}
	refusal(t, post(t, door, path, l.contentType, l.body), code, text)
	require.Equal(t, before, d.State(), "the registry must not have changed")
	require.Equal(t, generation, d.Generation())
	if audited {
		written++
		require.Contains(t, d.LastAudit(), `"event":"Add management request failed"`)
	}
	require.Equal(t, written, d.Count(records))
}

// letter seals a request that bend may have changed, with these keys.
func (d *doors) letter(t *testing.T, kind request.Type, signer, auth signature.Credential, bend func(*request.Request)) letter {
	t.Helper()
	r := &request.Request{Type: kind, Sender: d.Client("EE:GOV:1"), ID: "message-1", Server: d.Server(ss1)}
	switch kind {
	case request.AuthCertReg:
		r.Address, r.AuthCertificate = "127.0.0.20", auth.Certificate.Raw
	case request.AuthCertDeletion:
		r.AuthCertificate = auth.Certificate.Raw
	case request.AddressChange:
		r.Address = "ss1.example.org"
	case request.MaintenanceModeEnable, request.MaintenanceModeDisable:
	case request.OwnerChange:
		r.Client = d.Client("EE:GOV:1")
	default:
		r.Client, r.SubsystemName = d.Client("EE:GOV:1:sub"), "Portal"
	}
	if bend != nil {
		bend(r)
	}
	sealed, err := request.Seal(rand.Reader, r, d.Client("EE:GOV:1:ms"), &signer, &auth)
	require.NoError(t, err)
	return letter{kind, sealed.ContentType, sealed.Body}
}

func (d *doors) good(t *testing.T, kind request.Type) letter {
	return d.letter(t, kind, d.owner, d.auth, nil)
}

func (d *doors) issue(t *testing.T, ca *testca.CA, spec testca.Spec) signature.Credential {
	t.Helper()
	if spec.Member.IsZero() {
		spec.Member = d.Client("EE:GOV:1")
	}
	c, err := ca.Issue(spec)
	require.NoError(t, err)
	return c
}

const (
	ownerInvalid  = "Owner certificate is invalid: "                      // UC MEMBER_28 5a
	authInvalid   = "Authentication certificate is invalid: "             // UC MEMBER_28 6a
	memberInvalid = "Member (owner/client) sign certificate is invalid: " // where the model is silent
	expired       = "Certificate expired on 2026-11-20T11:59:59Z"         // one second ago
	notApproved   = "Certificate is not issued by approved certification service provider."
	notSigned     = "Certificate is not signed by its issuer"
)

// TestBadCertificates is UC MEMBER_28 5a and 6a at the doors: expired, of a stranger, of another member, for the wrong usage, with a stale OCSP
// response; and the same for the client's certificate of clientReg.
func TestBadCertificates(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		stranger, err := testca.New(testca.Config{Name: "Stranger", Now: func() time.Time { return d.now }})
		require.NoError(t, err)
		old := testca.Spec{NotBefore: d.now.Add(-time.Hour), NotAfter: d.now.Add(-time.Second)}
		oldAuth := old
		oldAuth.Usage = certificate.Authentication
		other := d.issue(t, d.ca, testca.Spec{Member: d.Client("EE:GOV:2")})
		stale := d.owner
		response, err := d.ca.OCSPWith(stale.Certificate, testca.OCSPOptions{ThisUpdate: d.now.Add(-time.Hour - time.Second)})
		require.NoError(t, err)
		stale.OCSP = [][]byte{response}
		const tooOld = "OCSP response is too old (thisUpdate: 2026-11-20T10:59:59Z)"

		for name, c := range map[string]struct {
			signer, auth signature.Credential
			code         string
			registration string // the text of authCertReg
			client       string // the text of clientReg; "" when its signer is good
		}{
			"expired signer":       {d.issue(t, d.ca, old), d.auth, "incorrect_certificate", ownerInvalid + expired, memberInvalid + expired},
			"signer of a stranger": {d.issue(t, stranger, testca.Spec{}), d.auth, "internal_error", ownerInvalid + notApproved, memberInvalid + notApproved},
			"signer of another member": {other, d.auth, "invalid_request",
				"Subject identifier (MEMBER:EE/GOV/2) in certificate does not match security server owner identifier (MEMBER:EE/GOV/1) in request",
				"Subject identifier (MEMBER:EE/GOV/2) in certificate does not match client's member identifier (MEMBER:EE/GOV/1) in request"},
			"auth certificate signs": {d.auth, d.auth, "cert_validation", ownerInvalid + "Certificate is not a signing certificate",
				memberInvalid + "Certificate is not a signing certificate"},
			"stale OCSP response": {stale, d.auth, "incorrect_validation_info", ownerInvalid + tooOld, memberInvalid + tooOld},
			"expired auth":        {d.owner, d.issue(t, d.ca, oldAuth), "incorrect_certificate", authInvalid + expired, ""},
			"auth of a stranger": {d.owner, d.issue(t, stranger, testca.Spec{Usage: certificate.Authentication}), "internal_error",
				authInvalid + notApproved, ""},
			"signing certificate as auth": {d.owner, d.owner, "cert_validation", authInvalid + "Certificate is not an authentication certificate", ""},
		} {
			t.Run(name, func(t *testing.T) {
				d.refused(t, d.letter(t, request.AuthCertReg, c.signer, c.auth, nil), c.code, c.registration, false)
				if c.client != "" {
					d.refused(t, d.letter(t, request.ClientReg, c.signer, c.auth, nil), c.code, c.client, false)
				}
			})
		}
	})
}

// TestTamperedParts flips one byte of every part of the multipart requests; of the OCSP response a digit of its time, which its signature covers
// (the responder's certificate behind it says nothing that the configuration does not).
func TestTamperedParts(t *testing.T) {
	const ocspForged = "Signature on OCSP response is not valid"
	each(t, func(t *testing.T, d *doors) {
		for _, c := range []struct {
			kind       request.Type
			name       string
			part       int
			needle     string // the byte after it is flipped; "" is the last byte of the part
			code, text string
		}{
			{request.AuthCertReg, "message", 0, "<xroad:address>", "invalid_signature_value", "Auth signature verification failed"}, // UC MEMBER_28 3a
			{request.AuthCertReg, "auth signature", 1, "", "invalid_signature_value", "Auth signature verification failed"},
			{request.AuthCertReg, "owner signature", 2, "", "invalid_signature_value", "Owner signature verification failed"}, // UC MEMBER_28 4a
			{request.AuthCertReg, "auth certificate", 3, "", "internal_error", authInvalid + notSigned},
			{request.AuthCertReg, "owner certificate", 4, "", "internal_error", ownerInvalid + notSigned},
			{request.AuthCertReg, "OCSP response", 5, "20261120", "incorrect_validation_info", ownerInvalid + ocspForged},
			{request.ClientReg, "message", 0, "<id:subsystemCode>", "invalid_signature_value", "Client signature verification failed"},
			{request.ClientReg, "signature", 1, "", "invalid_signature_value", "Client signature verification failed"},
			{request.ClientReg, "certificate", 2, "", "internal_error", memberInvalid + notSigned},
			{request.ClientReg, "OCSP response", 3, "20261120", "incorrect_validation_info", memberInvalid + ocspForged},
		} {
			t.Run(string(c.kind)+" "+c.name, func(t *testing.T) {
				l := d.good(t, c.kind)
				parts, err := soap.ReadMultipart(bytes.NewReader(l.body), l.contentType, soap.Limits{})
				require.NoError(t, err)
				body := slices.Clone(parts[c.part].Body)
				at := len(body) - 1
				if c.needle != "" {
					at = bytes.Index(body, []byte(c.needle)) + len(c.needle)
				}
				body[at] ^= 1
				parts[c.part].Body = body
				l.contentType, l.body = joined(t, parts)
				d.refused(t, l, c.code, c.text, false)
			})
		}
	})
}

func joined(t *testing.T, parts []soap.Part) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := soap.NewMultipartWriter(&b, "again")
	for _, p := range parts {
		require.NoError(t, w.WritePart(p.Headers, p.Body))
	}
	require.NoError(t, w.Close())
	return "multipart/related; boundary=again", b.Bytes()
}

// model are the requests of UC MEMBER_28, 29, 30 and 31, and what X-Road 7 adds to them.
var model = []request.Type{request.AuthCertReg, request.AuthCertDeletion, request.ClientReg, request.ClientDeletion, request.ClientDisable, request.ClientEnable,
	request.ClientRename, request.OwnerChange, request.AddressChange, request.MaintenanceModeEnable, request.MaintenanceModeDisable}

// TestWrongSender is UC MEMBER_28 8a, 29 3a, 30 3a and 31 3a.
func TestWrongSender(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		for _, kind := range model {
			for sender, shown := range map[string]string{"EE:GOV:2": "MEMBER:EE/GOV/2", "EE:GOV:1:ms": "SUBSYSTEM:EE/GOV/1/ms"} {
				l := d.letter(t, kind, d.owner, d.auth, func(r *request.Request) { r.Sender = d.Client(sender) })
				d.refused(t, l, "invalid_request", "The security server owner identifier in the request (MEMBER:EE/GOV/1) and the service client identifier ("+
					shown+") in the SOAP header do not match", false)
			}
		}
	})
}

// TestOtherInstance is UC MEMBER_28 7a, 29 2a, 30 2a and 31 2a.
func TestOtherInstance(t *testing.T) {
	const text = "Invalid management service address. Contact central server administrator"
	each(t, func(t *testing.T, d *doors) {
		for _, kind := range model {
			l := d.letter(t, kind, d.owner, d.auth, func(r *request.Request) { r.Server, r.Sender = d.Server("FI:GOV:1:ss1"), d.Client("FI:GOV:1") })
			d.refused(t, l, "invalid_request", text, false)
			switch kind { // by what the request names
			case request.AuthCertReg, request.AuthCertDeletion, request.AddressChange, request.MaintenanceModeEnable, request.MaintenanceModeDisable:
				continue
			case request.ClientReg, request.ClientDeletion, request.OwnerChange, request.ClientDisable, request.ClientEnable, request.ClientRename:
			}
			l = d.letter(t, kind, d.owner, d.auth, func(r *request.Request) { r.Client = d.Client("FI:GOV:1:sub") })
			d.refused(t, l, "invalid_request", text, false)
		}
	})
}

// accept posts a letter that must be taken and gives the request's identifier.
func (d *doors) accept(t *testing.T, l letter) int64 {
	t.Helper()
	door, path := d.management, managementPath
	if l.kind == request.AuthCertReg {
		door, path = d.registration, registrationPath
	}
	require.Equal(t, 200, post(t, door, path, l.contentType, l.body).StatusCode)
	return d.Count("SELECT MAX(id) FROM management_request")
}

// approve adds the complement of a request and approves the pair.
func (d *doors) approve(t *testing.T, r *request.Request) {
	t.Helper()
	done, err := d.Management.Submit(d.Do(), r, management.Center)
	require.NoError(t, err)
	_, err = d.Management.Approve(d.Do(), done.ID)
	require.NoError(t, err)
}

// TestDuplicates is UC MEMBER_28 9a and 10a, and 30 4a and 5a: each request twice before it is approved, and once more after.
func TestDuplicates(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		registration, client := d.good(t, request.AuthCertReg), d.good(t, request.ClientReg)
		first := strconv.FormatInt(d.accept(t, registration), 10)
		d.refused(t, registration, "management_request_exists", "Certificate is already submitted for registration with request '"+first+"'", true)
		d.approve(t, d.authCertReg())
		d.refused(t, registration, "management_request_security_server_exists", "Certificate is already registered, request id '"+first+"'", true)

		second := strconv.FormatInt(d.accept(t, client), 10)
		d.refused(t, client, "management_request_exists", "Failed to add new server client request: A request for registering 'SUBSYSTEM:EE/GOV/1/sub', as a "+
			"client to security server 'SERVER:EE/GOV/1/ss1' has already been submitted (2026-11-20 12:00:00 UTC, request ID: '"+second+"')'", true)
		d.approve(t, &request.Request{Type: request.ClientReg, Server: d.Server(ss1), Client: d.Client("EE:GOV:1:sub")})
		d.refused(t, client, "management_request_client_already_registered",
			"'SUBSYSTEM:EE/GOV/1/sub' has already been registered as a client to security server 'SERVER:EE/GOV/1/ss1'", true)
	})
}

// TestUnknownServerAndClient is UC MEMBER_31 4a, and the switches of a client that is none.
func TestUnknownServerAndClient(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		elsewhere := func(r *request.Request) {
			var err error
			r.Server, err = identifier.NewSecurityServer(d.Client("EE:GOV:1"), "none")
			require.NoError(t, err)
		}
		d.refused(t, d.letter(t, request.ClientDeletion, d.owner, d.auth, elsewhere), "management_request_server_not_found",
			"Server not found: SERVER:EE/GOV/1/none", true)
		for _, kind := range []request.Type{request.ClientDisable, request.ClientEnable} {
			d.refused(t, d.good(t, kind), "management_request_server_client_not_found",
				"'SUBSYSTEM:EE/GOV/1/sub' is not registered as a client to security server 'SERVER:EE/GOV/1/ss1'", true)
		}
	})
}

// TestChangesOfAServer takes the requests of a server about itself through the door, and refuses those that another member has signed: stricter
// than X-Road, where any member's signature does.
func TestChangesOfAServer(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		kinds := []request.Type{request.AddressChange, request.MaintenanceModeEnable, request.MaintenanceModeDisable}
		other := d.issue(t, d.ca, testca.Spec{Member: d.Client("EE:GOV:2")})
		for _, kind := range kinds {
			d.refused(t, d.letter(t, kind, other, d.auth, nil), "invalid_request",
				"Subject identifier (MEMBER:EE/GOV/2) in certificate does not match security server owner identifier (MEMBER:EE/GOV/1) in request", false)
			d.refused(t, d.good(t, kind), "management_request_server_not_found", "Server not found: SERVER:EE/GOV/1/ss1", true)
		}
		d.accept(t, d.good(t, request.AuthCertReg))
		d.approve(t, d.authCertReg())
		for _, kind := range kinds {
			d.accept(t, d.good(t, kind))
		}
		server, err := d.Registry.Server(t.Context(), d.Server(ss1))
		require.NoError(t, err)
		require.Equal(t, "ss1.example.org", server.Address)
		require.False(t, server.InMaintenance, "on and off again")
	})
}

// TestOwnerChange is signed by the new owner and sent by the old one.
func TestOwnerChange(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		d.accept(t, d.good(t, request.AuthCertReg))
		d.approve(t, d.authCertReg())
		heir := d.Client("EE:GOV:2")
		join := &request.Request{Type: request.ClientReg, Server: d.Server(ss1), Client: heir}
		_, err := d.Management.Submit(d.Do(), join, management.SecurityServer)
		require.NoError(t, err)
		d.approve(t, join)
		to := func(r *request.Request) { r.Client = heir }
		d.refused(t, d.letter(t, request.OwnerChange, d.owner, d.auth, to), "invalid_request",
			"Subject identifier (MEMBER:EE/GOV/1) in certificate does not match client's member identifier (MEMBER:EE/GOV/2) in request", false)
		id := d.accept(t, d.letter(t, request.OwnerChange, d.issue(t, d.ca, testca.Spec{Member: heir}), d.auth, to))
		_, err = d.Management.Approve(d.Do(), id)
		require.NoError(t, err)
		_, err = d.Registry.Server(t.Context(), d.Server("EE:GOV:2:ss1"))
		require.NoError(t, err)
	})
}

// TestExpiredConfiguration: when the configuration this server published has expired, or there is none yet, it believes nobody.
func TestExpiredConfiguration(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		letters := make([]letter, 0, len(model))
		for _, kind := range model {
			letters = append(letters, d.good(t, kind))
		}
		for _, change := range []func(){func() { d.now = d.now.Add(10*time.Minute + time.Second) }, func() { d.snapshot = nil }} {
			change()
			for _, l := range letters {
				d.refused(t, l, "global_conf_outdated", "Global configuration is not valid", false)
			}
		}
	})
}

// TestMissingParts is UC MEMBER_28 1b to 1i.
func TestMissingParts(t *testing.T) {
	each(t, func(t *testing.T, d *doors) {
		texts := strings.Split("Request contains no SOAP message,Auth signature is missing,Owner signature is missing,Auth certificate is missing,"+
			"Owner certificate is missing,Owner certificate OCSP is missing", ",")
		l := d.good(t, request.AuthCertReg)
		whole, err := soap.ReadMultipart(bytes.NewReader(l.body), l.contentType, soap.Limits{})
		require.NoError(t, err)
		for i, text := range texts {
			parts := slices.Clone(whole)
			parts[i].Body = nil
			l.contentType, l.body = joined(t, parts)
			d.refused(t, l, "invalid_request", text, false)
		}
		for i, text := range map[int]string{1: "Auth signature algorithm id is missing", 2: "Owner signature algorithm id is missing"} {
			parts := slices.Clone(whole)
			parts[i].Headers = nil
			l.contentType, l.body = joined(t, parts)
			d.refused(t, l, "invalid_request", text, false)
		}
	})
}
