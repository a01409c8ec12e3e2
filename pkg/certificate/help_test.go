package certificate_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
)

// now is the time of every test that does not read files of others.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func newCA(t testing.TB, name string) *testca.CA {
	t.Helper()
	ca, err := testca.New(testca.Config{Name: name, Now: clock})
	require.NoError(t, err)
	return ca
}

func member(t testing.TB, encoded string) identifier.ClientID {
	t.Helper()
	id, err := identifier.ParseClientID(encoded)
	require.NoError(t, err)
	return id
}

var oids = map[string]asn1.ObjectIdentifier{
	"C": {2, 5, 4, 6}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "CN": {2, 5, 4, 3}, "serialNumber": {2, 5, 4, 5}, "L": {2, 5, 4, 7},
	"businessCategory": {2, 5, 4, 15}, "organizationIdentifier": {2, 5, 4, 97},
}

// subject makes a certificate that has nothing but a subject, written in the order of its encoding: "C=EE,O=GOV,CN=1".
func subject(t testing.TB, dn string) *x509.Certificate {
	t.Helper()
	var sequence pkix.RDNSequence
	for part := range strings.SplitSeq(dn, ",") {
		id, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		require.Contains(t, oids, id)
		sequence = append(sequence, pkix.RelativeDistinguishedNameSET{{Type: oids[id], Value: value}})
	}
	der, err := asn1.Marshal(sequence)
	require.NoError(t, err)
	return &x509.Certificate{RawSubject: der}
}

// openssl runs the judge; that it is missing is a failure.
func openssl(t testing.TB, args ...string) string {
	t.Helper()
	output, err := exec.Command("openssl", args...).CombinedOutput()
	require.NoError(t, err, "openssl %s\n%s", strings.Join(args, " "), output)
	return string(output)
}

func file(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func refused(t testing.TB, err error, code, message string) {
	t.Helper()
	require.Error(t, err)
	f := fault.From(err)
	require.Equal(t, code, f.Code, "%v", err)
	require.Equal(t, message, f.Message)
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}
