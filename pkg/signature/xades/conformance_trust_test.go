//go:build conformance

package xades_test

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
)

var _ xades.Trust = (*certificate.Trust)(nil)

func profile(t *testing.T, class string) certificate.Profile {
	p, err := certificate.ProfileByClass(class)
	require.NoError(t, err)
	return p
}

func TestConformanceWithFullTrust(t *testing.T) {
	ca, err := x509.ParseCertificate(shared(t, "made-by-xroad-7.2.2/ca.crt"))
	require.NoError(t, err)
	trust := certificate.NewTrust("DEV", []*certificate.Authority{
		{Name: "Test CA", Certificate: ca, Profile: profile(t, "EjbcaCertificateProfileInfoProvider")},
	}, time.Hour)
	at := time.Date(2026, 11, 20, 11, 10, 0, 0, time.UTC)
	signer, err := identifier.NewSubsystem("DEV", "GOV", "00000000", "sub")
	require.NoError(t, err)
	someone, err := identifier.NewMember("DEV", "GOV", "1")
	require.NoError(t, err)
	message := sha512(shared(t, "made-by-xroad-7.2.2/message.xml"))
	for _, name := range []string{"single", "batch"} {
		s, err := xades.Parse(shared(t, "made-by-xroad-7.2.2/signature-"+name+".xml"))
		require.NoError(t, err)
		var chain, result []byte
		if name == "batch" {
			chain, result = shared(t, "made-by-xroad-7.2.2/signature-batch.hashchain.xml"), shared(t, "made-by-xroad-7.2.2/signature-batch.hashchainresult.xml")
		}
		check := func(id identifier.ClientID, parts []hashchain.Input, at time.Time) error {
			return xades.VerifyMessage(s, trust, id, chain, result, parts, at)
		}
		require.NoError(t, check(signer, message, at))
		require.Equal(t, "incorrect_certificate", fault.CodeOf(check(someone, message, at)))
		require.Equal(t, "Name in certificate (MEMBER:DEV/GOV/00000000) does not match name in message (MEMBER:DEV/GOV/1)", fault.From(check(someone, message, at)).Message)
		require.Equal(t, "invalid_cert_path.incorrect_validation_info", fault.CodeOf(check(signer, message, at.Add(2*time.Hour))))
		require.Error(t, check(signer, sha512([]byte("other")), at))
	}
}

// X-Road calls sign-0 valid. Its certificate is signed with SHA-1, which is refused here for that reason alone.
func TestConformanceOldCertificates(t *testing.T) {
	block, _ := pem.Decode(shared(t, "certs/root-ca.pem"))
	ca, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	trust := certificate.NewTrust("EE", []*certificate.Authority{{Name: "Cyber", Certificate: ca, Profile: consumers{profile(t, "EjbcaCertificateProfileInfoProvider")}}}, time.Hour)
	signer, err := identifier.NewMember("EE", "BUSINESS", "consumer")
	require.NoError(t, err)
	other, err := identifier.NewMember("EE", "BUSINESS", "producer")
	require.NoError(t, err)
	s, err := xades.Parse(shared(t, "signatures/sign-0.xml"))
	require.NoError(t, err)
	at, message := time.Date(2014, 10, 30, 0, 0, 0, 0, time.UTC), sha512(shared(t, "signatures/message-0.xml"))
	f := fault.From(xades.VerifyMessage(s, trust, signer, nil, nil, message, at))
	require.Equal(t, "cannot_create_cert_path", f.Code)
	require.Contains(t, f.Message, "insecure algorithm")
	require.Equal(t, "incorrect_certificate", fault.CodeOf(xades.VerifyMessage(s, trust, other, nil, nil, message, at)))
}

// consumers decodes members as X-Road's test profile does: every certificate is BUSINESS, its common name the code.
type consumers struct{ certificate.Profile }

func (consumers) Member(c *x509.Certificate, instance string) (identifier.ClientID, error) {
	return identifier.NewMember(instance, "BUSINESS", c.Subject.CommonName)
}

// Signatures of X-Road 7.6 and of another maker, under the configuration that X-Road's tests use for them.
func TestConformanceWithPublishedTrust(t *testing.T) {
	parameters, err := globalconf.DecodeShared(3, shared(t, "globalconf-parts/globalconf_good2_v3/DEV/shared-params.xml"))
	require.NoError(t, err)
	snapshot, err := globalconf.NewSnapshot(&globalconf.PrivateParameters{InstanceIdentifier: "DEV"}, []*globalconf.SharedParameters{parameters}, 3, time.Now().Add(time.Hour))
	require.NoError(t, err)
	trust, err := snapshot.Trust("DEV")
	require.NoError(t, err)
	signer, err := identifier.NewSubsystem("DEV", "COM", "4321", "TestClient")
	require.NoError(t, err)
	other, err := identifier.NewMember("DEV", "COM", "1234")
	require.NoError(t, err)

	s, err := xades.Parse(shared(t, "signatures/non-batch-sig/signatures.xml"))
	require.NoError(t, err)
	parts := sha512(shared(t, "signatures/non-batch-sig/message.xml"), shared(t, "signatures/non-batch-sig/attachment1"))
	at := time.Date(2024, 7, 9, 7, 40, 0, 0, time.UTC)
	require.NoError(t, xades.VerifyMessage(s, trust, signer, nil, nil, parts, at))
	require.Equal(t, "incorrect_certificate", fault.CodeOf(xades.VerifyMessage(s, trust, other, nil, nil, parts, at)))
	parts[1].Digest = signature.SHA512.Sum([]byte("other"))
	require.Equal(t, "invalid_signature_value", fault.CodeOf(xades.VerifyMessage(s, trust, signer, nil, nil, parts, at)))
}
