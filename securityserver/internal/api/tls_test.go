package api_test

import (
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

func TestInternalTLS(t *testing.T) {
	worldtest.Each(t, func(t *testing.T, w *worldtest.World) {
		d := open(t, w)
		shown := func() string {
			t.Helper()
			var details struct{ Hash string }
			d.want(200, "GET", "/system/certificate", nil, &details)
			return details.Hash
		}
		first := shown()
		d.want(204, "POST", "/system/certificate", nil, nil)
		second := shown()
		require.NotEqual(t, first, second)
		data := w.Records("Generate new internal TLS key and certificate")[0]["data"].(map[string]any)
		require.Equal(t, "SHA-256", data["certHashAlgorithm"])

		d.refused(400, "invalid_distinguished_name", "POST", "/system/certificate/csr", `{"name":"nonsense"}`)
		d.refused(400, "invalid_distinguished_name", "POST", "/system/certificate/csr", `{}`)
		status, file := d.call("", "POST", "/system/certificate/csr", `{"name":"C=EE, CN=ss1.example"}`)
		require.Equal(t, 201, status)
		block, _ := pem.Decode(file)
		require.Equal(t, "CERTIFICATE REQUEST", block.Type)
		request, err := x509.ParseCertificateRequest(block.Bytes)
		require.NoError(t, err)
		require.NoError(t, request.CheckSignature())
		require.Equal(t, "ss1.example", request.Subject.CommonName)
		require.Len(t, w.Records("Generate certificate request for TLS"), 1)

		issued, err := w.CA.Sign(block.Bytes, certificate.Authentication)
		require.NoError(t, err)
		d.refused(400, "invalid_certificate", "POST", "/system/certificate/import", []byte("x"))
		d.refused(400, "key_not_found", "POST", "/system/certificate/import", w.CA.Certificate().Raw)
		require.Equal(t, second, shown())
		chain := append(certificate.EncodePEM(issued), certificate.EncodePEM(w.CA.Certificate())...)
		var details struct{ Hash string }
		d.want(200, "POST", "/system/certificate/import", chain, &details)
		require.Equal(t, details.Hash, shown())
		d.refused(409, "certificate_already_exists", "POST", "/system/certificate/import", chain)
		pair, err := w.Store.InternalTLS(t.Context())
		require.NoError(t, err)
		require.Len(t, pair.Certificate, 2, "the chain is shown too")
		require.Len(t, w.Records("Import TLS certificate from file"), 1)
	})
}
