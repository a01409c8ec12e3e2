package globalconf_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"flag"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/testkit"
)

var update = flag.Bool("update", false, "write the golden files")

var now = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// signer is a configuration signing key with its certificate.
type signer struct {
	key         crypto.Signer
	certificate []byte
}

func newSigner(t testing.TB) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return signer{key, selfSigned(t, key, "internalSigningKey")}
}

func selfSigned(t testing.TB, key crypto.Signer, name string) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: now.AddDate(12, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return der
}

func member(t testing.TB, instance, class, code string) identifier.ClientID {
	t.Helper()
	id, err := identifier.NewMember(instance, class, code)
	require.NoError(t, err)
	return id
}

func subsystem(t testing.TB, m identifier.ClientID, code string) identifier.ClientID {
	t.Helper()
	id, err := m.Subsystem(code)
	require.NoError(t, err)
	return id
}

func server(t testing.TB, owner identifier.ClientID, code string) identifier.SecurityServerID {
	t.Helper()
	id, err := identifier.NewSecurityServer(owner, code)
	require.NoError(t, err)
	return id
}

// sample is an instance that uses everything the versions know.
func sample(t testing.TB, instance string) *globalconf.SharedParameters {
	one, two := member(t, instance, "GOV", "1"), member(t, instance, "COM", `2 & <"two">`)
	a, b := subsystem(t, one, "a"), subsystem(t, one, "b")
	message := "back at noon"
	return &globalconf.SharedParameters{
		InstanceIdentifier: instance,
		Sources: []globalconf.Source{{
			Address: "cs.example.org", InternalCertificates: [][]byte{[]byte("internal")}, ExternalCertificates: [][]byte{[]byte("external")},
		}},
		ApprovedCAs: []globalconf.ApprovedCA{{
			Name: "Certification service", AuthenticationOnly: true,
			TopCA:              globalconf.CA{Certificate: []byte("top"), Responders: []globalconf.Responder{{URL: "http://ocsp/", Certificate: []byte("ocsp"), CostType: "FREE"}}},
			IntermediateCAs:    []globalconf.CA{{Certificate: []byte("intermediate")}},
			CertificateProfile: "ee.ria.xroad.common.certificateprofile.impl.FiVRKCertificateProfileInfoProvider",
			DefaultCSRFormat:   "PEM",
			ACME:               &globalconf.ACMEServer{DirectoryURL: "https://acme/directory", IPAddress: "192.0.2.1", AuthenticationProfileID: "5", SigningProfileID: "6"},
		}},
		ApprovedTSAs: []globalconf.ApprovedTSA{{Name: "Time", URL: "http://tsa/", Certificate: []byte("tsa"), CostType: "PAID"}},
		Members: []globalconf.Member{
			{ID: one, ClassDescription: "Government", Name: "Member One", Subsystems: []globalconf.Subsystem{{ID: a, Name: "Subsystem A"}, {ID: b}}},
			{ID: two, ClassDescription: "Commerce", Name: "Member Two"},
		},
		SecurityServers: []globalconf.SecurityServer{
			{ID: server(t, one, "ss1"), Address: "ss1.example.org", AuthCertificates: [][]byte{[]byte("auth one"), []byte("auth two")}, Clients: []identifier.ClientID{a, two}},
			{ID: server(t, two, "ss2"), Address: "ss2.example.org", AuthCertificates: [][]byte{[]byte("auth three")}, Clients: []identifier.ClientID{a, b, one}, Maintenance: &message},
			{ID: server(t, two, "ss3"), Clients: []identifier.ClientID{b}},
		},
		GlobalGroups: []globalconf.GlobalGroup{{Code: "security-server-owners", Description: "Owners", Members: []identifier.ClientID{one, two, member(t, "OTHER", "GOV", "9")}}},
		GlobalSettings: globalconf.GlobalSettings{
			MemberClasses: []globalconf.MemberClass{{Code: "GOV", Description: "Government"}, {Code: "COM", Description: "Commerce"}}, OCSPFreshness: time.Hour,
		},
	}
}

func samplePrivate(t testing.TB, instance string) *globalconf.PrivateParameters {
	return &globalconf.PrivateParameters{
		InstanceIdentifier: instance,
		Anchors: []globalconf.Anchor{{
			GeneratedAt: now, Instance: "OTHER",
			Sources: []globalconf.AnchorSource{{DownloadURL: "http://other.example.org/externalconf", Certificates: [][]byte{[]byte("certificate")}}},
		}},
		ManagementService: globalconf.ManagementService{
			AuthCertRegAddress: "https://cs.example.org:4001/managementservice/", AuthCertRegCertificate: []byte("tls"),
			Provider: subsystem(t, member(t, instance, "GOV", "1"), "management"),
		},
		TimeStampingInterval: time.Minute,
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

// validate runs xmllint; it fails the test when the program is missing.
func validate(t *testing.T, schema string, document []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "document.xml")
	require.NoError(t, os.WriteFile(file, document, 0o600))
	out, err := exec.CommandContext(t.Context(), "xmllint", "--nonet", "--noout", "--schema", schema, file).CombinedOutput()
	require.NoError(t, err, string(out))
}

func ownSchema(t *testing.T, name string) string {
	return filepath.Join(testkit.Root(t), "schema", "xsd", "globalconf", name)
}

func ecdsaPublic(t testing.TB, key crypto.Signer) *ecdsa.PublicKey {
	t.Helper()
	public, ok := key.Public().(*ecdsa.PublicKey)
	require.True(t, ok)
	return public
}
