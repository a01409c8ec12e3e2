package certificate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
)

func TestTLSRequestHasTheSubjectThatAPersonWrote(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := certificate.CreateTLSRequest(rand.Reader, key, `c=FI, O=Member One\, Ltd,CN = cs.example.org`)
	require.NoError(t, err)
	request, err := x509.ParseCertificateRequest(der)
	require.NoError(t, err)
	require.NoError(t, request.CheckSignature())
	file := filepath.Join(t.TempDir(), "request.der")
	require.NoError(t, os.WriteFile(file, der, 0o600))
	out, err := exec.CommandContext(t.Context(), "openssl", "req", "-inform", "DER", "-in", file, "-noout", "-subject", "-nameopt", "RFC2253").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "subject=CN=cs.example.org,O=Member One\\, Ltd,C=FI\n", string(out))
	for _, wrong := range []string{"", "CN", "CN=", "=x", "CN=a,", "Q=1"} {
		_, err := certificate.CreateTLSRequest(rand.Reader, key, wrong)
		require.Equal(t, "invalid_distinguished_name", fault.CodeOf(err), "%q", wrong)
	}
}
