package api_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/doorkey"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
)

// TestTLSCertificateOfTheManagementServices replaces the key, asks for a certificate, uses it, and finds it again after a restart.
func TestTLSCertificateOfTheManagementServices(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		const path = "/management-services-configuration"
		shown := func() any { t.Helper(); return d.do(security, "GET", path+"/certificate", "", 200)["hash"] }
		first, generation := shown(), d.Generation()
		a := d.send(security, "POST", path+"/certificate", "", nil)
		require.Equal(t, answer{201, ""}, a)
		require.NotEqual(t, first, shown())
		require.Contains(t, d.LastAudit(), `"event":"Generate management service TLS key and self-sign certificate"`)
		require.Contains(t, d.LastAudit(), `"certHashAlgorithm":"SHA-256"`)
		require.Equal(t, generation+1, d.Generation(), "the configuration publishes the certificate")

		a = d.send(security, "GET", path+"/download-certificate", "", nil)
		require.Equal(t, 200, a.status)
		unzipped, err := gzip.NewReader(bytes.NewReader([]byte(a.body)))
		require.NoError(t, err)
		archive := tar.NewReader(unzipped)
		for _, name := range []string{"./management-service.pem", "./management-service.cer"} {
			header, err := archive.Next()
			require.NoError(t, err)
			require.Equal(t, name, header.Name)
			data, err := io.ReadAll(archive)
			require.NoError(t, err)
			if block, _ := pem.Decode(data); block != nil {
				data = block.Bytes
			}
			require.Equal(t, d.keysOfDoors.Certificate(), data)
		}

		a = d.send(security, "POST", path+"/generate-csr", "application/json", []byte(`{"name":"C=FI, O=Member One, CN=cs.example.org"}`))
		require.Equal(t, 201, a.status, a.body)
		require.Contains(t, d.LastAudit(), `"data":{"subjectName":"C=FI, O=Member One, CN=cs.example.org"}`)
		block, _ := pem.Decode([]byte(a.body))
		require.NotNil(t, block)
		request, err := x509.ParseCertificateRequest(block.Bytes)
		require.NoError(t, err)
		require.NoError(t, request.CheckSignature())
		require.Equal(t, "invalid_distinguished_name", code(d.do(security, "POST", path+"/generate-csr", `{"name":"x"}`, 400)))

		issuer, err := d.configOfDoors.Make()
		require.NoError(t, err)
		sign := func(public any) []byte {
			parent, err := x509.ParseCertificate(issuer.Certificate[0])
			require.NoError(t, err)
			template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "cs.example.org"}, NotBefore: storetest.Start(), NotAfter: storetest.Start().AddDate(1, 0, 0)}
			der, err := x509.CreateCertificate(rand.Reader, template, parent, public, issuer.PrivateKey)
			require.NoError(t, err)
			return der
		}
		before := shown()
		for name, refused := range map[string]struct {
			file []byte
			code string
		}{
			"not a certificate": {[]byte("x"), "cannot_convert_bytes_to_certificate"},
			"a key":             {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), "cannot_convert_bytes_to_certificate"},
			"another's":         {issuer.Certificate[0], "key_not_found"},
			"the same":          {d.keysOfDoors.Certificate(), "certificate_already_exists"},
		} {
			a := d.upload(security, "POST", path+"/upload-certificate", "certificate", refused.file)
			require.Equal(t, 400, a.status, name)
			require.Contains(t, a.body, `"code":"`+refused.code+`"`, name)
			require.Contains(t, d.LastAudit(), `"event":"Upload management service TLS certificate failed"`, name)
		}
		require.Equal(t, before, shown())
		chain := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sign(request.PublicKey)}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Certificate[0]})...)
		a = d.upload(security, "POST", path+"/upload-certificate", "certificate", chain)
		require.Equal(t, 200, a.status, a.body)
		require.Contains(t, a.body, `"subject_common_name":"cs.example.org"`)
		require.Contains(t, d.LastAudit(), `"data":{"certFileName":"name.der","certHash":"`)

		pair, err := d.keysOfDoors.Get(&tls.ClientHelloInfo{})
		require.NoError(t, err)
		require.Len(t, pair.Certificate, 2)
		again, err := doorkey.Open(d.configOfDoors)
		require.NoError(t, err)
		require.Equal(t, d.keysOfDoors.Certificate(), again.Certificate())
		require.NoError(t, os.WriteFile(d.configOfDoors.File, []byte("half"), 0o600))
		_, err = doorkey.Open(d.configOfDoors)
		require.ErrorContains(t, err, "reading the TLS key of the management services")
	})
}
