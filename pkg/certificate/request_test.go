package certificate_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
)

func TestRequestIsReadByOpenSSL(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	fields := []certificate.FieldValue{
		{ID: "C", Value: "FI"}, {ID: "O", Value: "Jäsen, Yksi"}, {ID: "serialNumber", Value: "DEV/ss1/GOV"}, {ID: "CN", Value: "1"},
		{ID: "subjectAltName", Value: "ss1.example"},
	}
	for _, c := range []struct {
		key    crypto.Signer
		usage  certificate.Usage
		bits   string
		signed string
	}{
		{rsaKey, certificate.Signing, "Non Repudiation, Certificate Sign", "sha256WithRSAEncryption"},
		{p256, certificate.Authentication, "Digital Signature, Key Encipherment, Data Encipherment", "ecdsa-with-SHA256"},
		{p384, certificate.Signing, "Non Repudiation, Certificate Sign", "ecdsa-with-SHA256"},
	} {
		der, err := certificate.CreateRequest(rand.Reader, c.key, c.usage, fields)
		require.NoError(t, err)
		for _, form := range []struct {
			name string
			data []byte
		}{{"DER", der}, {"PEM", certificate.EncodeRequestPEM(der)}} {
			path := file(t, "request", form.data)
			printed := openssl(t, "req", "-in", path, "-inform", form.name, "-verify", "-noout", "-text", "-nameopt", "RFC2253,-esc_msb,utf8")
			require.Contains(t, printed, "self-signature verify OK")
			require.Contains(t, printed, `Subject: C=FI,O=Jäsen\, Yksi,serialNumber=DEV/ss1/GOV,CN=1`)
			require.Contains(t, printed, "X509v3 Key Usage: \n                    "+c.bits+"\n")
			require.Contains(t, printed, "DNS:ss1.example")
			require.Contains(t, printed, "Signature Algorithm: "+c.signed)
			read, err := certificate.ParseRequest(form.data)
			require.NoError(t, err)
			require.Equal(t, []string{"ss1.example"}, read.DNSNames)
			require.Equal(t, der, read.Raw)
		}
	}
}

func TestRequestStringTypes(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := certificate.CreateRequest(rand.Reader, key, certificate.Signing,
		[]certificate.FieldValue{{ID: "C", Value: "EE"}, {ID: "SN", Value: "12345678"}, {ID: "CN", Value: "Õ"}})
	require.NoError(t, err)
	printed := openssl(t, "req", "-in", file(t, "request", der), "-inform", "DER", "-noout", "-subject", "-nameopt", "RFC2253,show_type,-esc_msb,utf8")
	require.Contains(t, printed, "C=PRINTABLESTRING:EE,serialNumber=PRINTABLESTRING:12345678,CN=UTF8STRING:Õ")
}

func TestRequestRefuses(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, err = certificate.CreateRequest(rand.Reader, key, certificate.Signing, []certificate.FieldValue{{ID: "X", Value: "1"}})
	refused(t, err, "invalid_dn_parameter", "Unknown field: X")
	_, err = certificate.CreateRequest(rand.Reader, key, certificate.Signing, []certificate.FieldValue{{ID: "subjectAltName", Value: "ä.example"}})
	refused(t, err, "invalid_dn_parameter", "Field 'Subject Alternative Name (subjectAltName)' is missing value")
	_, err = certificate.CreateRequest(rand.Reader, key, "BOTH", nil)
	refused(t, err, "wrong_key_usage", "Unknown key usage 'BOTH'")
	_, unsupported, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	_, err = certificate.CreateRequest(rand.Reader, unsupported, certificate.Signing, nil)
	require.ErrorContains(t, err, "ed25519")
}

func TestParseRequestChecksTheSignature(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := certificate.CreateRequest(rand.Reader, key, certificate.Signing, []certificate.FieldValue{{ID: "CN", Value: "one"}})
	require.NoError(t, err)
	parsed, err := x509.ParseCertificateRequest(der)
	require.NoError(t, err)
	for i := range parsed.RawSubject { // the subject of another
		if string(parsed.RawSubject[i:i+3]) == "one" {
			copy(parsed.RawSubject[i:], "two")
			break
		}
	}
	_, err = certificate.ParseRequest(parsed.Raw)
	refused(t, err, "invalid_request", "Not a certificate request")
}
