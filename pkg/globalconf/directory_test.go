package globalconf_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/signature"
)

func sampleDirectory() *globalconf.Directory {
	return &globalconf.Directory{Expire: now.Add(10 * time.Minute), Version: 6, Parts: []globalconf.Part{
		{Identifier: "PRIVATE-PARAMETERS", Instance: "TEST", Location: "/V6/20260504030201000000000/private-params.xml", HashAlgorithm: signature.SHA512.URI, Hash: []byte("private")},
		{Identifier: "SHARED-PARAMETERS", Instance: "O'Test", Location: "/V6/20260504030201000000000/shared-params.xml", HashAlgorithm: signature.SHA256.URI, Hash: []byte("shared")},
		{Identifier: "MONITORING", FileName: "m.xml", Location: "/m", HashAlgorithm: signature.SHA512.URI, Hash: []byte("monitoring")},
	}}
}

func signed(t testing.TB, s signer) []byte {
	t.Helper()
	data, err := globalconf.SignDirectory(rand.Reader, sampleDirectory(), s.key, s.certificate, signature.SHA512)
	require.NoError(t, err)
	return data
}

// counter is randomness that is the same every time.
type counter byte

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(*c)
		*c++
	}
	return len(p), nil
}

func TestDirectoryFormat(t *testing.T) {
	s := newSigner(t)
	data, err := globalconf.SignDirectory(new(counter), sampleDirectory(), s.key, s.certificate, signature.SHA512)
	require.NoError(t, err)
	require.Equal(t, bytes.Count(data, []byte("\n")), bytes.Count(data, []byte("\r\n")))
	shown := strings.ReplaceAll(string(data), base64.StdEncoding.EncodeToString(signature.SHA512.Sum(s.certificate)), "HASH")
	shown = regexp.MustCompile(`(?m)^MEU?[^-\r\n]+`).ReplaceAllString(shown, "SIGNATURE")
	golden(t, "directory.txt", []byte(shown))
}

func TestDirectoryRoundTrip(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, s := range map[string]signer{"EC": newSigner(t), "RSA": {key, selfSigned(t, key, "rsa")}} {
		t.Run(name, func(t *testing.T) {
			other := newSigner(t)
			d, err := globalconf.OpenDirectory(signed(t, s), [][]byte{other.certificate, s.certificate}, now)
			require.NoError(t, err)
			require.Equal(t, sampleDirectory(), d)
		})
	}
}

// TestSignatureByOpenSSL cuts the signed bytes out by the format's description and has another program verify them.
func TestSignatureByOpenSSL(t *testing.T) {
	s := newSigner(t)
	data := signed(t, s)
	m := regexp.MustCompile(`(?s)^Content-Type: [^\r]+boundary=(\w{20})\r\n\r\n--\w+\r\nContent-Type: [^\r]+\r\n\r\n(.*)\r\n--\w+\r\nContent-Type.*\r\n\r\n([^\r]+)\r\n--`).FindSubmatch(data)
	require.NotNil(t, m)
	require.True(t, bytes.HasSuffix(m[2], []byte("--\r\n")))
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, data, 0o600))
		return file
	}
	value, err := base64.StdEncoding.DecodeString(string(m[3]))
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(s.key.Public())
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), "openssl", "dgst", "-sha512", "-verify", write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"-signature", write("value", value), write("data", m[2])).CombinedOutput()
	require.NoError(t, err, string(out))
}

// TestNoByteCanBeChanged flips every byte: the result is an error or exactly what was signed.
func TestNoByteCanBeChanged(t *testing.T) {
	s := newSigner(t)
	data := signed(t, s)
	start, end := bytes.Index(data, []byte("Expire-date")), bytes.LastIndex(data, []byte("Content-Type"))
	for _, flip := range []byte{0x01, 0x20, 0x80} {
		for i := range data {
			changed := bytes.Clone(data)
			changed[i] ^= flip
			d, err := globalconf.OpenDirectory(changed, [][]byte{s.certificate}, now)
			if err != nil {
				require.Nil(t, d)
				continue
			}
			require.Equal(t, sampleDirectory(), d, "byte %d", i)
			require.False(t, i >= start && i < end-30, "signed byte %d was changed", i)
		}
	}
	for length := range data[:end] {
		_, err := globalconf.OpenDirectory(data[:length], [][]byte{s.certificate}, now)
		require.Error(t, err, "cut to %d bytes", length)
	}
}

// handMade signs any text, in the spelling of the test.
func handMade(t testing.TB, s signer, top, inner, signatureHeaders string, lineEnd string) []byte {
	t.Helper()
	hash := base64.StdEncoding.EncodeToString(signature.SHA512.Sum(s.certificate))
	inner = strings.ReplaceAll(inner, "\n", lineEnd)
	algorithm, err := signature.ForKey(s.key.Public(), signature.SHA512)
	require.NoError(t, err)
	value, err := algorithm.Sign(rand.Reader, s.key, []byte(inner))
	require.NoError(t, err)
	outside := top + "\n\n--outer\nContent-Type: multipart/mixed; charset=UTF-8; boundary=inner\n\n\x00\n--outer\n" +
		strings.NewReplacer("HASH", hash, "URI", algorithm.URI).Replace(signatureHeaders) + "\n\n" + base64.StdEncoding.EncodeToString(value) + "\n--outer--\n"
	return []byte(strings.Replace(strings.ReplaceAll(outside, "\n", lineEnd), "\x00", inner, 1))
}

const (
	goodTop        = "Content-Type: multipart/related; charset=UTF-8; boundary=outer"
	goodSignature  = "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\nSignature-Algorithm-Id: URI\nVerification-certificate-hash: HASH; hash-algorithm-id=\"http://www.w3.org/2001/04/xmlenc#sha512\""
	goodPart       = "--inner\nContent-type: application/octet-stream\nContent-transfer-encoding: base64\nContent-identifier: SHARED-PARAMETERS; instance='TEST'\nContent-location: /s\nHash-algorithm-id: http://www.w3.org/2001/04/xmlenc#sha512\n\nc2hhcmVk\n"
	goodHeader     = "--inner\nExpire-date: 2026-05-04T03:12:01Z\nVersion: 6\n\n"
	goodTerminator = "--inner--\n"
)

func TestDirectoryVariationsThatAreAccepted(t *testing.T) {
	s := newSigner(t)
	for name, c := range map[string]struct{ top, inner, signature string }{
		"plain":                     {goodTop, goodHeader + goodPart + goodTerminator, goodSignature},
		"no inner terminator":       {goodTop, goodHeader + strings.TrimSuffix(goodPart, "\n"), goodSignature},
		"lower-case header names":   {"content-type: multipart/related; type=\"multipart/mixed\"; charset=UTF-8; boundary=outer", goodHeader + strings.ToLower(goodPart[:60]) + goodPart[60:] + goodTerminator, strings.ReplaceAll(goodSignature, "Content-T", "content-t")},
		"quoted boundary":           {"Content-Type: multipart/related; boundary=\"outer\"; charset=UTF-8", goodHeader + goodPart + goodTerminator, goodSignature},
		"double-quoted instance":    {goodTop, goodHeader + strings.ReplaceAll(goodPart, "'", `"`) + goodTerminator, goodSignature},
		"unquoted instance":         {goodTop, goodHeader + strings.ReplaceAll(goodPart, "'", "") + goodTerminator, goodSignature},
		"unquoted digest URI":       {goodTop, goodHeader + goodPart + goodTerminator, strings.ReplaceAll(goodSignature, `"`, "")},
		"milliseconds in the date":  {goodTop, strings.Replace(goodHeader, "01Z", "01.000Z", 1) + goodPart + goodTerminator, goodSignature},
		"offset in the date":        {goodTop, strings.Replace(goodHeader, "03:12:01Z", "05:12:01+02:00", 1) + goodPart + goodTerminator, goodSignature},
		"unknown header":            {goodTop, goodHeader + strings.Replace(goodPart, "\n", "\nX-New: 1\n", 1) + goodTerminator, goodSignature},
		"two empty lines in header": {goodTop, goodHeader + "\n" + goodPart + goodTerminator, goodSignature},
	} {
		for ending, lineEnd := range map[string]string{"CRLF": "\r\n", "LF": "\n"} {
			t.Run(name+" "+ending, func(t *testing.T) {
				d, err := globalconf.OpenDirectory(handMade(t, s, c.top, c.inner, c.signature, lineEnd), [][]byte{s.certificate}, now)
				require.NoError(t, err)
				require.Equal(t, now.Add(10*time.Minute), d.Expire)
				require.Equal(t, []globalconf.Part{{Identifier: "SHARED-PARAMETERS", Instance: "TEST", Location: "/s", HashAlgorithm: signature.SHA512.URI, Hash: []byte("shared")}}, d.Parts)
			})
		}
	}
}

func TestDirectoryWithoutVersionIsOfVersionTwo(t *testing.T) {
	s := newSigner(t)
	d, err := globalconf.OpenDirectory(handMade(t, s, goodTop, strings.Replace(goodHeader, "Version: 6\n", "", 1)+goodPart, goodSignature, "\r\n"), [][]byte{s.certificate}, now)
	require.NoError(t, err)
	require.Equal(t, 2, d.Version)
}

func TestDirectoryRefusals(t *testing.T) {
	s := newSigner(t)
	good := goodHeader + goodPart + goodTerminator
	without := func(text, line string) string {
		return regexp.MustCompile(`(?m)^`+line+`.*\n?`).ReplaceAllString(text, "")
	}
	for name, c := range map[string]struct{ top, inner, signature, code, message string }{
		"no content type":                {"X: y", good, goodSignature, "global_conf_header_field_missing", "Missing header field Content-Type"},
		"not multipart":                  {"Content-Type: text/plain; boundary=outer", good, goodSignature, "global_conf_header_field_wrong_value", "Header field Content-Type has wrong value"},
		"no boundary":                    {"Content-Type: multipart/related", good, goodSignature, "global_conf_header_field_missing_parameter", "Header field Content-Type is missing parameter boundary"},
		"other boundary":                 {"Content-Type: multipart/related; boundary=other", good, goodSignature, "global_conf_missing_signed_data", "Missing signed data"},
		"nothing signed":                 {goodTop, "", goodSignature, "global_conf_missing_signed_data", "Missing signed data"},
		"no inner part":                  {goodTop, "text\n", goodSignature, "global_conf_missing_signed_data_expiration_date", "Missing signed data expiration date"},
		"no expiry":                      {goodTop, without(good, "Expire-date"), goodSignature, "global_conf_header_field_missing", "Missing header field Expire-date"},
		"bad expiry":                     {goodTop, strings.Replace(good, "2026-05-04T", "soon", 1), goodSignature, "global_conf_header_field_wrong_value", "Header field Expire-date has wrong value"},
		"bad version":                    {goodTop, strings.Replace(good, "Version: 6", "Version: six", 1), goodSignature, "global_conf_header_field_wrong_value", "Header field Version has wrong value"},
		"expired":                        {goodTop, strings.Replace(good, "03:12:01", "03:02:00", 1), goodSignature, "global_conf_outdated", "Configuration instance TEST expired on 2026-05-04T03:02:00Z"},
		"no instance":                    {goodTop, strings.Replace(good, "; instance='TEST'", "", 1), goodSignature, "global_conf_header_field_missing_parameter", "Header field Content-identifier is missing parameter instance"},
		"no location":                    {goodTop, without(good, "Content-location"), goodSignature, "global_conf_header_field_missing", "Missing header field Content-location"},
		"no hash algorithm":              {goodTop, without(good, "Hash-algorithm-id"), goodSignature, "global_conf_header_field_missing", "Missing header field Hash-algorithm-id"},
		"part of other type":             {goodTop, strings.Replace(good, "octet-stream", "xml", 1), goodSignature, "global_conf_header_field_wrong_value", "Header field Content-Type has wrong value"},
		"type in other case":             {goodTop, strings.Replace(good, "octet-stream", "Octet-Stream", 1), goodSignature, "global_conf_header_field_wrong_value", "Header field Content-Type has wrong value"},
		"part in other encoding":         {goodTop, strings.Replace(good, "base64", "7bit", 1), goodSignature, "global_conf_header_field_wrong_value", "Header field Content-Transfer-Encoding has wrong value"},
		"field twice":                    {goodTop, strings.Replace(good, "Version: 6", "Version: 6\nversion: 5", 1), goodSignature, "global_conf_header_field_wrong_value", "Header field version has wrong value"},
		"hash is not base64":             {goodTop, strings.Replace(good, "c2hhcmVk", "%%", 1), goodSignature, "global_conf_parsing_downloaded_conf_directory_failure", "Hash of SHARED-PARAMETERS is not base64"},
		"no algorithm":                   {goodTop, good, without(goodSignature, "Signature-Algorithm-Id"), "global_conf_header_field_missing", "Missing header field Signature-Algorithm-Id"},
		"no certificate hash":            {goodTop, good, strings.Split(goodSignature, "\nVerification")[0], "global_conf_header_field_missing", "Missing header field Verification-certificate-hash"},
		"no certificate hash algorithm":  {goodTop, good, strings.Split(goodSignature, "; hash-")[0], "global_conf_header_field_missing_parameter", "Header field Verification-certificate-hash is missing parameter hash-algorithm-id"},
		"other certificate":              {goodTop, good, strings.Replace(goodSignature, "HASH", "YWJj", 1), "global_conf_missing_verification_cert", "Cannot verify signature of configuration: could not find verification certificate"},
		"unknown signature algorithm":    {goodTop, good, strings.Replace(goodSignature, "URI", "http://www.w3.org/2000/09/xmldsig#rsa-sha1", 1), "global_conf_signature_verification_failure", "Failed to verify signature"},
		"algorithm of another kind":      {goodTop, good, strings.Replace(goodSignature, "URI", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", 1), "global_conf_signature_verification_failure", "Failed to verify signature"},
		"second signature does not hold": {goodTop, good, strings.Replace(goodSignature, "Content-Type", goodSignatureOf(t, s)+"\n--outer\nContent-Type", 1), "global_conf_signature_verification_failure", "Failed to verify signature"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := globalconf.OpenDirectory(handMade(t, s, c.top, c.inner, c.signature, "\r\n"), [][]byte{s.certificate}, now)
			require.Nil(t, d)
			require.Equal(t, c.code, fault.CodeOf(err), "%v", err)
			require.Equal(t, c.message, fault.From(err).Message)
		})
	}
}

// goodSignatureOf is a signature part whose value is over something else.
func goodSignatureOf(t testing.TB, s signer) string {
	hash := base64.StdEncoding.EncodeToString(signature.SHA512.Sum(s.certificate))
	algorithm, err := signature.ForKey(s.key.Public(), signature.SHA512)
	require.NoError(t, err)
	value, err := algorithm.Sign(rand.Reader, s.key, []byte("something else"))
	require.NoError(t, err)
	return strings.NewReplacer("HASH", hash, "URI", algorithm.URI).Replace(goodSignature) + "\n\n" + base64.StdEncoding.EncodeToString(value)
}

func TestNothingIsReadBeforeTheSignatureHolds(t *testing.T) {
	s := newSigner(t)
	// Unsigned content that would fail in its own way: the signature is what is complained about.
	data := bytes.Replace(handMade(t, s, goodTop, goodHeader+goodPart, goodSignature, "\r\n"), []byte("Expire-date"), []byte("Expire-data"), 1)
	_, err := globalconf.OpenDirectory(data, [][]byte{s.certificate}, now)
	require.Equal(t, "global_conf_signature_verification_failure", fault.CodeOf(err))
}

func TestRawECDSAValuesOfProxiesAreAccepted(t *testing.T) {
	s := newSigner(t)
	data := string(handMade(t, s, goodTop, goodHeader+goodPart+goodTerminator, goodSignature, "\r\n"))
	m := regexp.MustCompile(`(?s)\r\n\r\n([A-Za-z0-9+/=]+)\r\n--outer--`).FindStringSubmatch(data)
	der, err := base64.StdEncoding.DecodeString(m[1])
	require.NoError(t, err)
	raw, err := signature.ECDSARaw(ecdsaPublic(t, s.key), der)
	require.NoError(t, err)
	_, err = globalconf.OpenDirectory([]byte(strings.Replace(data, m[1], base64.StdEncoding.EncodeToString(raw), 1)), [][]byte{s.certificate}, now)
	require.NoError(t, err)
}

func TestSignDirectoryRefuses(t *testing.T) {
	s := newSigner(t)
	d := sampleDirectory()
	d.Parts[0].Location = "/a\r\nContent-identifier: X"
	_, err := globalconf.SignDirectory(rand.Reader, d, s.key, s.certificate, signature.SHA512)
	require.ErrorContains(t, err, "line break")
	d = sampleDirectory()
	d.Version = 7
	_, err = globalconf.SignDirectory(rand.Reader, d, s.key, s.certificate, signature.SHA512)
	require.ErrorContains(t, err, "version 7 is not supported")
}
