package testca_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

func member(t *testing.T) identifier.ClientID {
	t.Helper()
	id, err := identifier.ParseClientID("EE:GOV:1")
	require.NoError(t, err)
	return id
}

func openssl(t *testing.T, args ...string) string {
	t.Helper()
	output, err := exec.Command("openssl", args...).CombinedOutput()
	require.NoError(t, err, "openssl %s\n%s", strings.Join(args, " "), output)
	return string(output)
}

func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func TestOpenSSLAcceptsEverything(t *testing.T) {
	for _, useRSA := range []bool{false, true} {
		ca, err := testca.New(testca.Config{RSA: useRSA})
		require.NoError(t, err)
		root := file(t, "ca.pem", certificate.EncodePEM(ca.Certificate()))
		middle, err := ca.Intermediate("Middle CA")
		require.NoError(t, err)
		middlePath := file(t, "middle.pem", certificate.EncodePEM(middle.Certificate()))
		for _, usage := range []certificate.Usage{certificate.Authentication, certificate.Signing} {
			c, err := ca.Issue(testca.Spec{Usage: usage, Member: member(t), RSA: useRSA})
			require.NoError(t, err)
			path := file(t, "cert.pem", certificate.EncodePEM(c.Certificate))
			openssl(t, "verify", "-x509_strict", "-CAfile", root, path)
			printed := openssl(t, "ocsp", "-respin", file(t, "ocsp", c.OCSP[0]), "-issuer", root, "-cert", path, "-CAfile", root)
			require.Contains(t, printed, "Response verify OK")
			require.Contains(t, printed, ": good")

			low, err := middle.Issue(testca.Spec{Usage: usage, Member: member(t)})
			require.NoError(t, err)
			require.Len(t, low.Chain, 1)
			require.Len(t, low.OCSP, 2)
			path = file(t, "low.pem", certificate.EncodePEM(low.Certificate))
			openssl(t, "verify", "-x509_strict", "-CAfile", root, "-untrusted", middlePath, path)
		}
	}
}

func TestUsages(t *testing.T) {
	ca, err := testca.New(testca.Config{})
	require.NoError(t, err)
	for _, c := range []struct {
		spec           testca.Spec
		authentication bool
		signing        bool
		bits           x509.KeyUsage
	}{
		{testca.Spec{Usage: certificate.Authentication}, true, false, x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment},
		{testca.Spec{}, false, true, x509.KeyUsageContentCommitment},
		{testca.Spec{Both: true}, true, true, x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageContentCommitment},
	} {
		c.spec.Member = member(t)
		issued, err := ca.Issue(c.spec)
		require.NoError(t, err)
		require.Equal(t, c.authentication, certificate.IsAuthentication(issued.Certificate))
		require.Equal(t, c.signing, certificate.IsSigning(issued.Certificate))
		require.Equal(t, c.bits, issued.Certificate.KeyUsage)
		require.Equal(t, issued.Signer.Public(), issued.Certificate.PublicKey)
	}
	_, err = ca.Issue(testca.Spec{})
	require.ErrorContains(t, err, "no member")
}

func TestIssueForEveryProfile(t *testing.T) {
	for _, class := range certificate.ProfileClasses() {
		profile, err := certificate.ProfileByClass(class)
		require.NoError(t, err)
		if len(profile.SigningFields(certificate.Subject{})) == 0 {
			continue
		}
		ca, err := testca.New(testca.Config{Profile: profile})
		require.NoError(t, err)
		id, err := identifier.ParseClientID("EE:COM:12345678")
		require.NoError(t, err)
		c, err := ca.Issue(testca.Spec{Member: id, MemberName: "Member One"})
		require.NoError(t, err, class)
		require.NoError(t, ca.Trust("EE").VerifySigner(c.Certificate, c.Chain, c.OCSP, id, time.Now()), class)
		a, err := ca.Issue(testca.Spec{Usage: certificate.Authentication, Member: id, MemberName: "Member One"})
		require.NoError(t, err, class)
		require.NoError(t, ca.Trust("EE").VerifyAuthentication(a.Certificate, a.Chain, a.OCSP, time.Now()), class)
	}
}

func TestSigningHandler(t *testing.T) {
	ca, err := testca.New(testca.Config{})
	require.NoError(t, err)
	server := httptest.NewServer(ca.SigningHandler())
	defer server.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	fields := []certificate.FieldValue{{ID: "C", Value: "EE"}, {ID: "O", Value: "GOV"}, {ID: "CN", Value: "1"}}
	der, err := certificate.CreateRequest(rand.Reader, key, certificate.Signing, fields)
	require.NoError(t, err)
	for _, c := range []struct {
		kind    string
		request []byte
		status  int
		answer  string
	}{
		{"sign", der, 200, "-----BEGIN CERTIFICATE-----"},
		{"auth", certificate.EncodeRequestPEM(der), 200, "-----BEGIN CERTIFICATE-----"},
		{"both", der, 400, "type must be auth or sign"},
		{"sign", []byte("no"), 400, "Not a certificate request"},
		{"sign", nil, 400, "certreq must be a file"},
	} {
		status, body := post(t, server.URL+"/testca/sign", c.kind, c.request)
		require.Equal(t, c.status, status, "%s", body)
		require.Contains(t, string(body), c.answer)
		if status != 200 {
			continue
		}
		cert, err := certificate.ParseFile(body)
		require.NoError(t, err)
		require.Equal(t, "C=EE,O=GOV,CN=1", certificate.DistinguishedName(cert.RawSubject))
		require.Equal(t, c.kind == "sign", certificate.IsSigning(cert))
		require.True(t, key.PublicKey.Equal(cert.PublicKey))
		require.NoError(t, cert.CheckSignatureFrom(ca.Certificate()))
	}
}

func post(t *testing.T, address, kind string, request []byte) (int, []byte) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(t, form.WriteField("type", kind))
	if request != nil {
		part, err := form.CreateFormFile("certreq", "request.pem")
		require.NoError(t, err)
		_, err = part.Write(request)
		require.NoError(t, err)
	}
	require.NoError(t, form.Close())
	response, err := http.Post(address, form.FormDataContentType(), &body)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, answer
}

func TestOCSPHandlerByGetAndPost(t *testing.T) {
	ca, err := testca.New(testca.Config{})
	require.NoError(t, err)
	other, err := testca.New(testca.Config{Name: "Other CA"})
	require.NoError(t, err)
	server := httptest.NewServer(ca.OCSPHandler())
	defer server.Close()
	root := file(t, "ca.pem", certificate.EncodePEM(ca.Certificate()))
	issued, err := ca.Issue(testca.Spec{Member: member(t)})
	require.NoError(t, err)
	path := file(t, "cert.pem", certificate.EncodePEM(issued.Certificate))
	ask := func() string {
		return openssl(t, "ocsp", "-issuer", root, "-cert", path, "-CAfile", root, "-url", server.URL, "-no_nonce")
	}
	require.Contains(t, ask(), ": good")

	request, err := certificate.CreateOCSPRequest(issued.Certificate, ca.Certificate())
	require.NoError(t, err)
	for _, prefix := range []string{"/", "/testca/ocsp/"} {
		response, err := http.Get(server.URL + prefix + url.PathEscape(base64.StdEncoding.EncodeToString(request)))
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.NoError(t, ca.Trust("EE").VerifyOCSP(issued.Certificate, body, time.Now()))
	}

	require.NoError(t, ca.Suspend(issued.Certificate))
	require.Contains(t, ask(), "certificateHold")
	require.NoError(t, ca.Revoke(issued.Certificate))
	require.Contains(t, ask(), "keyCompromise")

	stranger, err := other.Issue(testca.Spec{Member: member(t)})
	require.NoError(t, err)
	request, err = certificate.CreateOCSPRequest(stranger.Certificate, other.Certificate())
	require.NoError(t, err)
	_, err = certificate.FetchOCSP(t.Context(), server.Client(), server.URL, request)
	require.ErrorContains(t, err, "unauthorized")
	_, err = certificate.FetchOCSP(t.Context(), server.Client(), server.URL, []byte("no"))
	require.ErrorContains(t, err, "malformed")
	unissued := *issued.Certificate
	unissued.SerialNumber = stranger.Certificate.SerialNumber
	unissued.SerialNumber.SetInt64(1 << 40)
	der, err := ca.OCSP(&unissued)
	require.NoError(t, err)
	parsed, err := certificate.ParseOCSP(der)
	require.NoError(t, err)
	require.Equal(t, certificate.Unknown, parsed.Status)
}

func TestTSAHandler(t *testing.T) {
	for _, useRSA := range []bool{false, true} {
		ca, err := testca.New(testca.Config{RSA: useRSA})
		require.NoError(t, err)
		server := httptest.NewServer(ca.TSAHandler())
		defer server.Close()
		root := file(t, "ca.pem", certificate.EncodePEM(ca.Certificate()))
		data := file(t, "data", []byte("signature value"))
		for _, digest := range []string{"sha256", "sha512"} {
			query := filepath.Join(t.TempDir(), "query")
			openssl(t, "ts", "-query", "-data", data, "-"+digest, "-cert", "-out", query)
			request, err := os.ReadFile(query)
			require.NoError(t, err)
			response, err := http.Post(server.URL, "application/timestamp-query", bytes.NewReader(request))
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, "application/timestamp-reply", response.Header.Get("Content-Type"))
			require.Contains(t, openssl(t, "ts", "-verify", "-in", file(t, "reply", body), "-queryfile", query, "-CAfile", root), "Verification: OK")
			token, err := timestamp.ParseResponse(body)
			require.NoError(t, err)
			require.True(t, token.Certificates[0].Equal(ca.TSACertificate()))
		}
	}
}

func TestTSARefuses(t *testing.T) {
	ca, err := testca.New(testca.Config{})
	require.NoError(t, err)
	sum := sha256.Sum256(nil)
	short, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:31]}).Marshal()
	require.NoError(t, err)
	weak, err := (&timestamp.Request{HashAlgorithm: crypto.SHA1, HashedMessage: sum[:20]}).Marshal()
	require.NoError(t, err)
	for want, request := range map[string][]byte{
		"the data submitted has the wrong format": []byte("no"), "wrong format": short, "unsupported Algorithm": weak,
	} {
		response, err := ca.Timestamp(request)
		require.NoError(t, err)
		_, err = timestamp.ParseResponse(response)
		require.ErrorContains(t, err, want)
	}
}

func TestARestartedCAKeepsKeysSerialsAndRevocations(t *testing.T) {
	for _, useRSA := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "ca")
		_, err := testca.Load(dir, testca.Config{})
		require.ErrorIs(t, err, fs.ErrNotExist)
		profile, err := certificate.ProfileByClass("BasicCertificateProfileInfoProvider")
		require.NoError(t, err)
		before, err := testca.New(testca.Config{Name: "Kept CA", RSA: useRSA, Profile: profile})
		require.NoError(t, err)
		early, err := before.Issue(testca.Spec{Member: member(t)})
		require.NoError(t, err)
		require.NoError(t, before.Save(dir))
		issued, err := before.Issue(testca.Spec{Member: member(t)})
		require.NoError(t, err)
		require.NoError(t, before.Revoke(early.Certificate))

		after, err := testca.Load(dir, testca.Config{})
		require.NoError(t, err)
		require.True(t, after.Certificate().Equal(before.Certificate()))
		require.True(t, after.OCSPCertificate().Equal(before.OCSPCertificate()))
		require.True(t, after.TSACertificate().Equal(before.TSACertificate()))
		next, err := after.Issue(testca.Spec{Member: member(t)})
		require.NoError(t, err)
		require.Equal(t, issued.Certificate.SerialNumber.Int64()+1, next.Certificate.SerialNumber.Int64())
		require.NoError(t, before.Trust("EE").VerifySigner(next.Certificate, nil, next.OCSP, member(t), time.Now()))
		response, err := after.OCSP(early.Certificate)
		require.NoError(t, err)
		parsed, err := certificate.ParseOCSP(response)
		require.NoError(t, err)
		require.Equal(t, certificate.Revoked, parsed.Status)
		require.Equal(t, useRSA, isRSA(after.Certificate()))

		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			info, err := e.Info()
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), e.Name())
		}
	}
}

func isRSA(c *x509.Certificate) bool {
	_, ok := c.PublicKey.(*rsa.PublicKey)
	return ok
}

func TestTheClockIsInjected(t *testing.T) {
	now := time.Date(2014, 10, 30, 0, 0, 0, 0, time.UTC)
	ca, err := testca.New(testca.Config{Now: func() time.Time { return now }})
	require.NoError(t, err)
	c, err := ca.Issue(testca.Spec{Member: member(t), NotAfter: now.Add(time.Minute)})
	require.NoError(t, err)
	require.NoError(t, ca.Trust("EE").VerifySigner(c.Certificate, nil, c.OCSP, member(t), now))
	require.Error(t, ca.Trust("EE").VerifySigner(c.Certificate, nil, c.OCSP, member(t), now.Add(2*time.Minute)))
}
