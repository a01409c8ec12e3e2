//go:build conformance

package certificate_test

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/testkit"
)

// vector reads a certificate of X-Road's tests: PEM with text around it, DER, or bare base64.
func vector(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	data := read(t, testkit.Shared(t, "vectors/"+path))
	if c, err := certificate.ParseFile(data); err == nil {
		return c
	}
	var compact strings.Builder
	for line := range strings.Lines(string(data)) {
		compact.WriteString(strings.TrimSpace(line))
	}
	der, err := base64.StdEncoding.DecodeString(compact.String())
	require.NoError(t, err)
	var one asn1.RawValue
	_, err = asn1.Unmarshal(der, &one) // the Estonian file has zeros behind the certificate
	require.NoError(t, err)
	c, err := x509.ParseCertificate(one.FullBytes)
	require.NoError(t, err)
	return c
}

// fromPKCS12 reads the certificate of an old container, which only openssl's legacy provider opens.
func fromPKCS12(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	output, err := exec.Command("openssl", "pkcs12", "-legacy", "-in", testkit.Shared(t, "vectors/"+path), "-nokeys", "-clcerts", "-passin", "pass:test").Output()
	require.NoError(t, err)
	c, err := certificate.ParseFile(output)
	require.NoError(t, err)
	return c
}

func TestConformanceXRoadUsages(t *testing.T) {
	for path, want := range map[string]struct{ authentication, signing bool }{
		"certs/consumer.pem":               {true, true}, // digitalSignature and nonRepudiation
		"certs/producer.pem":               {true, true},
		"certs/consumer-2.pem":             {true, false},
		"certs/client.pem":                 {true, false},
		"certs/internal.pem":               {true, false},
		"made-by-xroad-7.2.2/auth.crt":     {true, false},
		"made-by-xroad-7.2.2/sign.crt":     {false, true},
		"certs/test_chain/ca_4_no_ext.pem": {false, false},
	} {
		c := vector(t, path)
		require.Equal(t, want.authentication, certificate.IsAuthentication(c), path)
		require.Equal(t, want.signing, certificate.IsSigning(c), path)
	}
}

func TestConformanceXRoadSubjects(t *testing.T) {
	for _, c := range []struct{ path, class, want string }{
		{"certs/NTREE.pem", "SkKlass3CertificateProfileInfoProvider", "EE:COM:"},
		{"certs/test-esteid.txt", "SkEsteIdCertificateProfileInfoProvider", "EE:PERSON:"},
		{"made-by-xroad-7.2.2/sign.crt", "EjbcaCertificateProfileInfoProvider", "DEV:GOV:00000000"},
	} {
		id, err := profileOf(t, c.class).Member(vector(t, c.path), "EE")
		require.NoError(t, err, c.path)
		require.True(t, strings.HasPrefix(id.Encoded(), c.want), id.Encoded())
	}
}

func TestConformanceXRoadsCertificateAndResponse(t *testing.T) {
	ca, signing := vector(t, "made-by-xroad-7.2.2/ca.crt"), vector(t, "made-by-xroad-7.2.2/sign.crt")
	authentication := vector(t, "made-by-xroad-7.2.2/auth.crt")
	response := read(t, testkit.Shared(t, "vectors/made-by-xroad-7.2.2/sign.ocsp"))
	at := time.Date(2026, 11, 20, 11, 10, 0, 0, time.UTC)
	trust := certificate.NewTrust("DEV", []*certificate.Authority{
		{Name: "Test CA", Certificate: ca, Profile: profileOf(t, "EjbcaCertificateProfileInfoProvider")},
	}, time.Hour)
	require.NoError(t, trust.VerifyOCSP(signing, response, at))
	require.NoError(t, trust.VerifySigner(signing, nil, [][]byte{response}, member(t, "DEV:GOV:00000000"), at))
	require.NoError(t, trust.VerifyIssued(authentication, at))
	require.NoError(t, trust.VerifyChain(authentication, nil, at))
	refused(t, trust.VerifyOCSP(authentication, response, at), unfit,
		"OCSP response does not apply to certificate (sn = "+authentication.SerialNumber.String()+")")
	refused(t, trust.VerifyOCSP(signing, response, at.Add(time.Hour)), unfit, "OCSP response is too old (thisUpdate: 2026-11-20T11:04:43Z)")
	trust.Freshness = 24 * time.Hour
	refused(t, trust.VerifyOCSP(signing, response, at.Add(time.Hour)), unfit,
		"OCSP nextUpdate is too old, atDate: 2026-11-20T12:10:00Z nextUpdate: 2026-11-20T12:05:43Z")
}

// TestConformanceXRoadsChain walks X-Road's test chain. Its certificates are signed with SHA-1: what X-Road calls valid is refused here for that reason
// alone, what X-Road refuses is refused before the signature matters.
func TestConformanceXRoadsChain(t *testing.T) {
	pem := func(name string) *x509.Certificate { // openssl, because the root is a "TRUSTED CERTIFICATE"
		output, err := exec.Command("openssl", "x509", "-in", testkit.Shared(t, "vectors/certs/test_chain/"+name+".pem"), "-outform", "DER").Output()
		require.NoError(t, err)
		c, err := certificate.ParseFile(output)
		require.NoError(t, err)
		return c
	}
	trust := certificate.NewTrust("EE", []*certificate.Authority{{Name: "Root CA", Certificate: pem("root_ca")}}, time.Hour)
	at := pem("user_3").NotBefore.Add(24 * time.Hour)
	const weak = "Unable to find valid certification path: a certificate of the path is signed with an insecure algorithm"
	for _, c := range []struct {
		name          string
		cert          *x509.Certificate
		chain         []*x509.Certificate
		code, message string
	}{
		{"user_0", pem("user_0"), nil, "cannot_create_cert_path", weak},
		{"user_3 without ca_2", pem("user_3"), []*x509.Certificate{pem("ca_1"), pem("ca_3")}, "cannot_create_cert_path.internal_error", notApproved},
		{"user_4 of a CA without extensions", pem("user_4"), []*x509.Certificate{pem("ca_1"), pem("ca_2"), pem("ca_3"), pem("ca_4_no_ext")},
			"cannot_create_cert_path.internal_error", notApproved},
		{"user_invalid_sig", fromPKCS12(t, "certs/test_chain/user_invalid_sig.p12"), []*x509.Certificate{pem("ca_1"), pem("ca_2"), pem("ca_3")},
			"cannot_create_cert_path.internal_error", notApproved},
		{"MD5", fromPKCS12(t, "certs/test_chain/user_3_md5.p12"), []*x509.Certificate{pem("ca_1"), pem("ca_2"), pem("ca_3")},
			"cannot_create_cert_path.internal_error", notApproved},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, trust.VerifyChain(c.cert, c.chain, at), c.code, c.message) })
	}
	approved := []*certificate.Authority{{Name: "Root CA", Certificate: pem("root_ca")}}
	for _, name := range []string{"ca_1", "ca_2", "ca_3"} {
		approved = append(approved, &certificate.Authority{Name: name, Certificate: pem(name), Top: approved[0]})
	}
	trust = certificate.NewTrust("EE", approved, time.Hour)
	refused(t, trust.VerifyChain(pem("user_3"), nil, at), "cannot_create_cert_path", weak)
}

func TestConformanceXRoadsOldResponseParses(t *testing.T) {
	r, err := certificate.ParseOCSP(read(t, testkit.Shared(t, "vectors/signatures/proxy/test.ocsp")))
	require.NoError(t, err)
	require.Equal(t, certificate.Good, r.Status)
}
