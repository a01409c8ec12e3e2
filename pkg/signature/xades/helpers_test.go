package xades_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
)

var now = time.Date(2026, 11, 20, 11, 7, 34, 194e6, time.UTC)

func rsaKey(t testing.TB) crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

func ecKey(t testing.TB) crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// credential makes a signing certificate that certifies itself.
func credential(t testing.TB, key crypto.Signer) signature.Credential {
	name := pkix.Name{CommonName: "Member One", Organization: []string{`A & B, "C"`}, Country: []string{"EE"}}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1795172743179453758), Subject: name, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageContentCommitment, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return signature.Credential{Signer: key, Certificate: certificate, OCSP: [][]byte{[]byte("response of a responder")}}
}

// authentication makes a certificate that may not sign, with a name that needs escapes.
func authentication(t testing.TB, key crypto.Signer) *x509.Certificate {
	name := pkix.Name{CommonName: "Server #1, A+B", ExtraNames: []pkix.AttributeTypeAndValue{{Type: []int{1, 2, 3}, Value: asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte("x")}}}}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: name, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return certificate
}

func content(i int) []byte { return fmt.Appendf(nil, "part %d", i) }

// parts digests a message of n parts.
func parts(d signature.Digest, n int) []hashchain.Input {
	inputs := []hashchain.Input{{Name: xades.MessageName, Digest: d.Sum(content(0))}}
	for i := 1; i < n; i++ {
		inputs = append(inputs, hashchain.Input{Name: xades.AttachmentName(i), Digest: d.Sum(content(i))})
	}
	return inputs
}

// knows believes one certificate of one member.
type knows struct {
	certificate *x509.Certificate
	member      identifier.ClientID
}

func (k knows) VerifySigner(c *x509.Certificate, _ []*x509.Certificate, ocsp [][]byte, signer identifier.ClientID, _ time.Time) error {
	if signer.Member() != k.member {
		return fault.New(fault.Invalid, "incorrect_certificate", "Name in certificate (%s) does not match name in message (%s)", k.member, signer.Member())
	}
	if !bytes.Equal(c.Raw, k.certificate.Raw) || len(ocsp) == 0 {
		return fault.New(fault.Invalid, "cert_validation", "unknown certificate")
	}
	return nil
}

// xmlsec has xmlsec1 judge a signature over the files, which are named as the signature references them.
func xmlsec(t testing.TB, s xades.Signed, certificate *x509.Certificate, files map[string][]byte) error {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, filepath.Base(name))
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	arguments := []string{"--verify", "--trusted-pem", write("trusted.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})),
		"--verification-gmt-time", now.Format("2006-01-02 15:04:05"), "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"}
	for name, data := range files {
		arguments = append(arguments, "--url-map:"+name, write(name, data))
	}
	output, err := exec.Command("xmlsec1", append(arguments, write("signatures.xml", s.XML))...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	return nil
}
