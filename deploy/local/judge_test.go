package local_test

import (
	"archive/zip"
	"encoding/pem"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/testkit"
)

// judge has independent programs look at what the instance produced: xmllint at the published configuration, xmlsec1 at the signatures of the exchanged message,
// openssl at the OCSP response and the time-stamp in them.
func judge(t *testing.T, i *told) {
	t.Helper()
	xsd := filepath.Join(testkit.Root(t), "schema", "xsd", "globalconf")
	for version, schema := range map[string][2]string{
		"V2": {"private-parameters-v2.xsd", "shared-parameters-v2.xsd"}, "V3": {"private-parameters-v3.xsd", "shared-parameters-v3.xsd"},
		"V4": {"private-parameters-v3.xsd", "shared-parameters-v4.xsd"}, "V5": {"private-parameters-v3.xsd", "shared-parameters-v5.xsd"},
		"V6": {"private-parameters-v3.xsd", "shared-parameters-v6.xsd"},
	} {
		for part, file := range map[string]string{"private-params.xml": schema[0], "shared-params.xml": schema[1]} {
			found, err := filepath.Glob(filepath.Join(i.Folder, "central", "public", version, "*", part))
			require.NoError(t, err)
			require.NotEmpty(t, found, "%s %s", version, part)
			run(t, "xmllint", append([]string{"--noout", "--nonet", "--schema", filepath.Join(xsd, file)}, found...)...)
		}
	}
	for _, server := range []string{"member", "management"} {
		for _, kind := range []string{"request", "response"} {
			folder := unzip(t, filepath.Join(i.Folder, server, "exported", kind+".asice"))
			verifyWithXMLSec(t, i, folder)
			verifyWithOpenSSL(t, i, folder)
		}
	}
}

// verifyWithXMLSec has xmlsec1 check the signature: the signed message stands at /message.xml for it.
func verifyWithXMLSec(t *testing.T, i *told, folder string) {
	t.Helper()
	ca := filepath.Join(i.Folder, "testca", "ca.pem")
	signatures := filepath.Join(folder, "META-INF", "signatures.xml")
	run(t, "xmlsec1", "--verify", "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties", "--url-map:/message.xml", filepath.Join(folder, "message.xml"),
		"--trusted-pem", ca, signatures)
}

// verifyWithOpenSSL has openssl check the OCSP response and the time-stamp that the signature carries.
func verifyWithOpenSSL(t *testing.T, i *told, folder string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "META-INF", "signatures.xml"))
	require.NoError(t, err)
	signature, err := xades.Parse(data)
	require.NoError(t, err)
	ca, tsa := filepath.Join(i.Folder, "testca", "ca.pem"), filepath.Join(i.Folder, "testca", "tsa.pem")
	write := func(name string, data []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	signer := write("signer.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signature.Certificate().Raw}))
	require.Len(t, signature.OCSP(), 1)
	status := run(t, "openssl", "ocsp", "-respin", write("response.der", signature.OCSP()[0]), "-CAfile", ca, "-issuer", ca, "-cert", signer)
	require.Contains(t, status, "Response verify OK")
	require.Contains(t, status, signer+": good")
	stamp := run(t, "openssl", "ts", "-verify", "-data", write("value.bin", signature.Value()), "-in", write("token.der", signature.Timestamp()), "-token_in",
		"-CAfile", ca, "-untrusted", tsa)
	require.Contains(t, stamp, "Verification: OK")
}

func run(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, arguments...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", program, strings.Join(arguments, " "), out)
	return string(out)
}

func unzip(t *testing.T, path string) string {
	t.Helper()
	archive, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer archive.Close()
	folder := t.TempDir()
	for _, f := range archive.File {
		require.True(t, filepath.IsLocal(f.Name))
		target := filepath.Join(folder, f.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o700))
		content, err := f.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(content)
		require.NoError(t, err)
		require.NoError(t, content.Close())
		require.NoError(t, os.WriteFile(target, data, 0o600))
	}
	return folder
}
