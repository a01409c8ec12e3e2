package asic_test

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/asic"
)

var at = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func write(t testing.TB, c asic.Container) []byte {
	var b bytes.Buffer
	require.NoError(t, c.Write(&b, at))
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for name, c := range map[string]asic.Container{
		"message":       {Message: []byte("m"), Signature: []byte("s")},
		"attachments":   {Message: []byte("m"), Signature: []byte("s"), HashChain: []byte("c"), HashChainResult: []byte("r"), Attachments: [][]byte{[]byte("a"), {}, []byte("b")}},
		"batch stamped": {Message: []byte("m"), Signature: []byte("s"), Timestamp: []byte("t"), StampChain: []byte("tc"), StampChainResult: []byte("tr")},
	} {
		t.Run(name, func(t *testing.T) {
			data := write(t, c)
			back, err := asic.Open(data)
			require.NoError(t, err)
			require.Equal(t, &c, back)
			require.Len(t, back.Parts(signature.SHA512), 1+len(c.Attachments))
			// The magic number of the container: its type stands in plain bytes at the start.
			require.Equal(t, "mimetype"+asic.MimeType, string(data[30:30+8+len(asic.MimeType)]))

			file := filepath.Join(t.TempDir(), "container.asice")
			require.NoError(t, os.WriteFile(file, data, 0o600))
			output, err := exec.Command("unzip", "-t", file).CombinedOutput()
			require.NoError(t, err, string(output))
		})
	}
}

func TestManifest(t *testing.T) {
	data := write(t, asic.Container{Message: []byte("m"), Signature: []byte("s"), Attachments: [][]byte{[]byte("a")}})
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	manifest, err := archive.Open("META-INF/manifest.xml")
	require.NoError(t, err)
	var b bytes.Buffer
	_, err = b.ReadFrom(manifest)
	require.NoError(t, err)
	require.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">
    <manifest:file-entry manifest:media-type="application/vnd.etsi.asic-e+zip" manifest:full-path="/"/>
    <manifest:file-entry manifest:media-type="text/xml" manifest:full-path="message.xml"/>
    <manifest:file-entry manifest:media-type="application/octet-stream" manifest:full-path="attachment1"/>
</manifest:manifest>
`, b.String())
}

func TestIncomplete(t *testing.T) {
	for code, c := range map[string]asic.Container{
		"asic_message_not_found":           {Signature: []byte("s")},
		"asic_signature_not_found":         {Message: []byte("m")},
		"asic_hash_chain_not_found":        {Message: []byte("m"), Signature: []byte("s"), HashChainResult: []byte("r")},
		"asic_hash_chain_result_not_found": {Message: []byte("m"), Signature: []byte("s"), HashChain: []byte("c")},
		"asic_timestamp_not_found":         {Message: []byte("m"), Signature: []byte("s"), StampChain: []byte("c")},
	} {
		require.Equal(t, code, fault.CodeOf(c.Write(&bytes.Buffer{}, at)))
	}
}

func TestOpenRefuses(t *testing.T) {
	files := func(pairs ...string) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for i := 0; i < len(pairs); i += 2 {
			f, err := w.Create(pairs[i])
			require.NoError(t, err)
			_, err = f.Write([]byte(pairs[i+1]))
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		return b.Bytes()
	}
	broken := files("mimetype", asic.MimeType, "message.xml", strings.Repeat("m", 1000))
	broken[len("PK")+150] ^= 0xff
	for name, c := range map[string]struct {
		data []byte
		code string
	}{
		"not an archive": {[]byte("text"), "asic_mime_type_not_found"},
		"no type":        {files("message.xml", "m"), "asic_mime_type_not_found"},
		"other type":     {files("mimetype", "text/plain"), "asic_invalid_mime_type"},
		"entry twice":    {files("mimetype", asic.MimeType, "message.xml", "m", "message.xml", "n"), "asic_invalid_container"},
		"no manifest": {files("mimetype", asic.MimeType, "message.xml", "m", "META-INF/signatures.xml", "s", "META-INF/timestamp.tst", "t",
			"ts-hashchain.xml", "c", "ts-hashchainresult.xml", "r"), "asic_manifest_not_found"},
		"broken": {broken, "asic_invalid_container"},
	} {
		t.Run(name, func(t *testing.T) {
			opened, err := asic.Open(c.data)
			require.Equal(t, c.code, fault.CodeOf(err), "%v", err)
			require.Nil(t, opened)
		})
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(write(f, asic.Container{Message: []byte("m"), Signature: []byte("s"), Attachments: [][]byte{[]byte("a")}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := asic.Open(data)
		if (c == nil) == (err == nil) {
			t.Fatalf("container %v, error %v", c, err)
		}
	})
}
