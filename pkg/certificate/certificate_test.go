package certificate_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

func TestUsage(t *testing.T) {
	present := []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 15}}}
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, c := range []struct {
		name           string
		cert           x509.Certificate
		authentication bool
		signing        bool
		message        string
	}{
		{"digitalSignature", x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature}, true, false, ""},
		{"keyEncipherment", x509.Certificate{KeyUsage: x509.KeyUsageKeyEncipherment}, true, false, ""},
		{"dataEncipherment", x509.Certificate{KeyUsage: x509.KeyUsageDataEncipherment}, true, false, ""},
		{"clientAuth alone", x509.Certificate{ExtKeyUsage: client}, true, false, ""},
		{"serverAuth alone", x509.Certificate{ExtKeyUsage: client[:1]}, false, false, "Certificate does not contain keyUsage extension"},
		{"nonRepudiation", x509.Certificate{KeyUsage: x509.KeyUsageContentCommitment}, false, true, ""},
		{"nonRepudiation and keyCertSign", x509.Certificate{KeyUsage: x509.KeyUsageContentCommitment | x509.KeyUsageCertSign}, false, true, ""},
		{"both", x509.Certificate{KeyUsage: x509.KeyUsageContentCommitment | x509.KeyUsageDigitalSignature}, true, true,
			"Both signing and authentication, only one of them allowed."},
		{"both by clientAuth", x509.Certificate{KeyUsage: x509.KeyUsageContentCommitment, ExtKeyUsage: client}, true, true,
			"Both signing and authentication, only one of them allowed."},
		{"keyAgreement only", x509.Certificate{KeyUsage: x509.KeyUsageKeyAgreement, Extensions: present}, false, false,
			"Certificate is neither for authentication nor for signing"},
		{"no keyUsage", x509.Certificate{}, false, false, "Certificate does not contain keyUsage extension"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.authentication, certificate.IsAuthentication(&c.cert))
			require.Equal(t, c.signing, certificate.IsSigning(&c.cert))
			usage, err := certificate.UsageOf(&c.cert)
			switch {
			case c.message != "":
				refused(t, err, "cert_wrong_usage", c.message)
			case c.signing:
				require.Equal(t, certificate.Signing, usage)
			default:
				require.Equal(t, certificate.Authentication, usage)
			}
		})
	}
}

func TestParseFile(t *testing.T) {
	cert := newCA(t, "Test CA").Certificate()
	text := certificate.EncodePEM(cert)
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})
	for _, good := range [][]byte{cert.Raw, text, append([]byte("subject=CN=Test CA\n"), text...), append(append([]byte{}, text...), '\n', '\n')} {
		read, err := certificate.ParseFile(good)
		require.NoError(t, err)
		require.True(t, read.Equal(cert))
	}
	for name, bad := range map[string][]byte{
		"empty":             {},
		"text":              []byte("no certificate"),
		"key":               key,
		"certificate + key": append(append([]byte{}, text...), key...),
		"two":               append(append([]byte{}, text...), text...),
		"trailing DER":      append(append([]byte{}, cert.Raw...), 0),
		"cut DER":           cert.Raw[:len(cert.Raw)-1],
		"cut PEM":           text[:len(text)-20],
		"one and a cut":     append(append([]byte{}, text...), text[:50]...),
		"too large":         append(append([]byte{}, text...), bytes.Repeat([]byte{'\n'}, certificate.MaxFileSize)...),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := certificate.ParseFile(bad)
			refused(t, err, "invalid_certificate", "Incorrect file format. Only PEM and DER files allowed.")
		})
	}
}

func FuzzParseFile(f *testing.F) {
	cert := newCA(f, "Test CA").Certificate()
	f.Add(cert.Raw)
	f.Add(certificate.EncodePEM(cert))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := certificate.ParseFile(data)
		if err != nil {
			require.Equal(t, "invalid_certificate", fault.CodeOf(err))
			return
		}
		again, err := certificate.ParseFile(c.Raw)
		require.NoError(t, err)
		require.True(t, again.Equal(c))
		certificate.Describe(c)
	})
}

func TestDescribe(t *testing.T) {
	ca := newCA(t, "Test CA")
	for _, useRSA := range []bool{false, true} {
		credential, err := ca.Issue(testca.Spec{
			Usage: certificate.Authentication, RSA: useRSA,
			Fields: []certificate.FieldValue{{ID: "C", Value: "EE"}, {ID: "O", Value: "Member, One"}, {ID: "serialNumber", Value: "1"},
				{ID: "CN", Value: "ss1"}, {ID: "subjectAltName", Value: "ss1.example"}},
		})
		require.NoError(t, err)
		d := certificate.Describe(credential.Certificate)
		require.Equal(t, "Test CA", d.IssuerCommonName)
		require.Equal(t, "ss1", d.SubjectCommonName)
		require.Equal(t, `C=EE,O=Member\, One,serialNumber=1,CN=ss1`, d.SubjectDistinguishedName)
		require.Equal(t, []string{"DIGITAL_SIGNATURE", "KEY_ENCIPHERMENT"}, d.KeyUsages)
		require.Equal(t, "DNS:ss1.example", d.SubjectAlternativeNames)
		require.Equal(t, "SHA256withECDSA", d.SignatureAlgorithm)
		require.Equal(t, 3, d.Version)
		require.Len(t, d.SHA256, 64)
		require.Len(t, d.SHA1, 40)
		if useRSA {
			require.Equal(t, "RSA", d.PublicKeyAlgorithm)
			require.Len(t, d.RSAModulus, 512)
			require.Equal(t, 65537, d.RSAExponent)
			require.Empty(t, d.ECPoint)
		} else {
			require.Equal(t, "EC", d.PublicKeyAlgorithm)
			require.Equal(t, "secp256r1(1.2.840.10045.3.1.7)", d.ECParameters)
			require.Len(t, d.ECPoint, 130)
			require.Empty(t, d.RSAModulus)
		}
	}
}
