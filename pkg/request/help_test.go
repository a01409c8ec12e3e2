package request_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

// world is an instance with one certification service, an owner of security server ss1, and another member.
type world struct {
	ca                    *testca.CA
	now                   time.Time
	owner, other          identifier.ClientID
	provider              identifier.ClientID
	server                identifier.SecurityServerID
	sign, otherSign, auth signature.Credential
	verifier              request.Verifier
}

func newWorld(t testing.TB, rsa bool) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	now := func() time.Time { return w.now }
	var err error
	w.ca, err = testca.New(testca.Config{Now: now, RSA: rsa})
	require.NoError(t, err)
	w.owner, w.other = client(t, "EE:GOV:1"), client(t, "EE:GOV:2")
	w.provider = client(t, "EE:GOV:0:management")
	w.server, err = identifier.NewSecurityServer(w.owner, "ss1")
	require.NoError(t, err)
	w.sign = w.issue(t, testca.Spec{Member: w.owner, RSA: rsa})
	w.otherSign = w.issue(t, testca.Spec{Member: w.other, RSA: rsa})
	w.auth = w.issue(t, testca.Spec{Member: w.owner, Usage: certificate.Authentication, RSA: rsa})
	trust := w.ca.Trust("EE")
	w.verifier = request.Verifier{
		Trust:    func() (*certificate.Trust, error) { return trust, nil },
		Instance: "EE", Provider: w.provider, Now: now,
	}
	return w
}

func (w *world) issue(t testing.TB, spec testca.Spec) signature.Credential {
	t.Helper()
	c, err := w.ca.Issue(spec)
	require.NoError(t, err)
	return c
}

func client(t testing.TB, encoded string) identifier.ClientID {
	t.Helper()
	id, err := identifier.ParseClientID(encoded)
	require.NoError(t, err)
	return id
}

// request gives a good request of the type.
func (w *world) request(t testing.TB, kind request.Type) *request.Request {
	t.Helper()
	r := &request.Request{Type: kind, Sender: w.owner, ID: "0b6bd0d5-3a5b-4c52-9f9e-0f1a8b0b8d4f", Server: w.server}
	switch kind {
	case request.AuthCertReg:
		r.Address, r.AuthCertificate = "ss1.example.org", w.auth.Certificate.Raw
	case request.AuthCertDeletion:
		r.AuthCertificate = w.auth.Certificate.Raw
	case request.ClientReg, request.ClientRename:
		r.Client, r.SubsystemName = client(t, "EE:GOV:2:sub"), "Name & more"
	case request.OwnerChange:
		r.Client = w.other
	case request.AddressChange:
		r.Address = "ss2.example.org"
	case request.MaintenanceModeEnable:
		r.Message = "Back at <noon>"
	case request.MaintenanceModeDisable:
	default:
		r.Client = client(t, "EE:GOV:2:sub")
	}
	return r
}

// signer is the credential that must sign a request of the type.
func (w *world) signer(kind request.Type) *signature.Credential {
	switch kind {
	case request.AuthCertReg, request.AddressChange, request.MaintenanceModeEnable, request.MaintenanceModeDisable:
		return &w.sign
	default:
		return &w.otherSign
	}
}

func (w *world) seal(t testing.TB, r *request.Request) request.Sealed {
	t.Helper()
	sealed, err := request.Seal(rand.Reader, r, w.provider, w.signer(r.Type), &w.auth)
	require.NoError(t, err)
	return sealed
}

// parts takes a sealed request apart.
func parts(t testing.TB, sealed request.Sealed) []soap.Part {
	t.Helper()
	p, err := soap.ReadMultipart(bytes.NewReader(sealed.Body), sealed.ContentType, soap.Limits{})
	require.NoError(t, err)
	return p
}

const testContentType = "multipart/related; boundary=bb"

// join puts parts together again.
func join(t testing.TB, p []soap.Part) []byte {
	t.Helper()
	var b bytes.Buffer
	w := soap.NewMultipartWriter(&b, "bb")
	for _, part := range p {
		require.NoError(t, w.WritePart(part.Headers, part.Body))
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// all are the types of PR-MSERV.
var all = []request.Type{request.AuthCertReg, request.AuthCertDeletion, request.ClientReg, request.ClientDeletion, request.OwnerChange,
	request.AddressChange, request.ClientDisable, request.ClientEnable, request.ClientRename, request.MaintenanceModeEnable, request.MaintenanceModeDisable}
