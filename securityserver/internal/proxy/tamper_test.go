package proxy_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/soap"
)

// flip changes one byte after the place where needle ends.
func flip(t *testing.T, body []byte, needle string, offset int) []byte {
	at := bytes.Index(body, []byte(needle))
	changed := bytes.Clone(body)
	if at < 0 {
		t.Errorf("%q is not in the message", needle) // not require: this runs in the server's goroutine
		return changed
	}
	changed[at+len(needle)+offset] ^= 1
	return changed
}

// One byte of any part, in either direction, and the message is refused with the code of that part.
func TestTamperedParts(t *testing.T) {
	for _, c := range []struct{ name, needle, code string }{
		{"OCSP response", "content-type: application/ocsp-response\r\n\r\n", "ssl_authentication_failed"},
		{"message", "xmlns:p=\"urn:p\">", "signature_verification"},
		{"attachment", "\r\n\r\nattached ", "signature_verification"},
		{"hash chain result", "hash-chain-result\r\n\r\n<", "signature_verification"},
		{"hash chain digest", "DigestValue>", "signature_verification"},
		{"signature value", "SignatureValue Id=\"signature-value\">", "signature_verification"},
		{"signed properties", "<xades:SigningTime>202", "signature_verification"},
		{"certificate of the signer", "<ds:X509Certificate>\nMII", "signature_verification"},
	} {
		directions := []string{"request", "response"}
		if c.name == "OCSP response" {
			directions = directions[:1] // responses carry none
		}
		for _, direction := range directions {
			t.Run(direction+"/"+c.name, func(t *testing.T) {
				w := newWorld(t, nil)
				prefix := "server.serverproxy."
				change := func(body []byte) []byte { return flip(t, body, c.needle, 0) }
				if direction == "request" {
					w.request = change
				} else {
					w.response, prefix = change, "server.clientproxy."
				}
				contentType, body := multipart(t, w.message(), []byte("attached file"))
				_, answer := post(t, w.consumer.clientURL, contentType, body)
				m, err := soap.Parse(answer, "text/xml")
				require.NoError(t, err, "%s", answer)
				require.NotNil(t, m.Fault)
				require.Contains(t, m.Fault.Code, prefix)
				require.Contains(t, m.Fault.Code, c.code)
				if direction == "request" {
					require.Empty(t, w.provider.records, "nothing reached the service")
				} else {
					require.Len(t, w.consumer.records, 1, "the response was not accepted")
				}
			})
		}
	}
}

// Parts that are dropped, doubled or moved are refused too.
func TestRearrangedParts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(body []byte) []byte
		code   string
	}{
		"attachment dropped": {func(b []byte) []byte {
			return bytes.Replace(b, []byte("multipart/mixed; charset=UTF-8; boundary=xatt"), []byte("multipart/mixed; charset=UTF-8; boundary=yatt"), 1)
		},
			"server.serverproxy.signature_verification.malformed_signature"},
		"signature dropped": {func(b []byte) []byte {
			i := bytes.LastIndex(b[:bytes.Index(b, []byte("content-type: signature"))], []byte("\r\n--"))
			return append(bytes.Clone(b[:i]), b[bytes.LastIndex(b, []byte("\r\n--xtop")):]...)
		},
			"server.serverproxy.missing_signature"},
		"cut off": {func(b []byte) []byte { return b[:len(b)/2] }, "server.serverproxy."},
		"empty":   {func([]byte) []byte { return nil }, "server.serverproxy."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.request = c.change
			contentType, body := multipart(t, w.message(), []byte("attached file"))
			_, answer := post(t, w.consumer.clientURL, contentType, body)
			m, err := soap.Parse(answer, "text/xml")
			require.NoError(t, err, "%s", answer)
			require.NotNil(t, m.Fault)
			require.Contains(t, m.Fault.Code, c.code)
			require.Empty(t, w.provider.records)
		})
	}
}
