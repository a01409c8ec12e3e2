package transport_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/xades"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/transport"
)

const envelope = `<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:id="http://x-road.eu/xsd/identifiers"><s:Header>` +
	`<x:client id:objectType="SUBSYSTEM"><id:xRoadInstance>AA</id:xRoadInstance><id:memberClass>GOV</id:memberClass><id:memberCode>1</id:memberCode><id:subsystemCode>c</id:subsystemCode></x:client>` +
	`<x:service id:objectType="SERVICE"><id:xRoadInstance>AA</id:xRoadInstance><id:memberClass>GOV</id:memberClass><id:memberCode>2</id:memberCode><id:subsystemCode>p</id:subsystemCode><id:serviceCode>echo</id:serviceCode></x:service>` +
	`<x:id>m1</x:id><x:protocolVersion>4.0</x:protocolVersion></s:Header><s:Body><p:echo xmlns:p="urn:p"/></s:Body></s:Envelope>`

// letters makes boundaries of known letters.
type letters struct{}

func (letters) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBytesOnTheWire(t *testing.T) {
	var wire bytes.Buffer
	e, err := transport.NewEncoder(&wire, letters{}, signature.SHA512)
	require.NoError(t, err)
	a := strings.Repeat("a", 30)
	require.Equal(t, "multipart/mixed; charset=UTF-8; boundary=xtop"+a, e.ContentType())
	require.NoError(t, e.OCSP([]byte("DER")))
	require.NoError(t, e.Message("text/xml; charset=UTF-8", soap.Fields{{Name: "Content-Type", Value: "text/xml"}, {Name: "Content-ID", Value: "<1>"}}, []byte("<soap/>")))
	require.NoError(t, e.Attachment(soap.Fields{{Name: "Content-Type", Value: "text/plain"}, {Name: "x-LOWER-case", Value: "v"}}, strings.NewReader("one\r\n")))
	require.NoError(t, e.Attachment(nil, strings.NewReader("")))
	require.NoError(t, e.Sign(xades.Signed{XML: []byte("<sig/>"), HashChain: []byte("<chain/>"), HashChainResult: []byte("<result/>")}))
	require.NoError(t, e.Close())
	want := strings.Join([]string{
		"--xtop" + a, "content-type: application/ocsp-response", "", "DER",
		"--xtop" + a, "content-type: text/xml; charset=UTF-8", "Content-ID: <1>", "", "<soap/>",
		"--xtop" + a, "content-type: multipart/mixed; charset=UTF-8; boundary=xatt" + a, "",
		"--xatt" + a, "Content-Type: text/plain", "x-LOWER-case: v", "", "one\r\n",
		"--xatt" + a, "", "",
		"--xatt" + a + "--", "",
		"--xtop" + a, "content-type: application/hash-chain-result", "", "<result/>",
		"--xtop" + a, "content-type: application/hash-chain", "", "<chain/>",
		"--xtop" + a, "content-type: signature/bdoc-1.0/ts", "", "<sig/>",
		"--xtop" + a + "--", "",
	}, "\r\n")
	require.Equal(t, want, wire.String())
}

func TestPartHeadersCannotForgeParts(t *testing.T) {
	e, err := transport.NewEncoder(io.Discard, rand.Reader, signature.SHA512)
	require.NoError(t, err)
	require.Error(t, e.Message("text/xml\r\n\r\nforged", nil, []byte("x")))
	require.Error(t, e.Attachment(soap.Fields{{Name: "a\r\nb", Value: "v"}}, strings.NewReader("x")))
}

func TestHeaders(t *testing.T) {
	sent := transport.Header{Digest: signature.SHA384, ProxyVersion: "7.8.0", OriginalContentType: "text/xml", OriginalSOAPAction: `"a"`, RequestID: "r"}
	h := http.Header{}
	sent.SetRequest(h)
	require.Contains(t, h, "x-hash-algorithm", "Java reads the lower-case name only")
	got, err := transport.ReadHeader(h)
	require.NoError(t, err)
	require.Equal(t, sent, got)
	canonical := http.Header{}
	for name, values := range h {
		canonical.Set(name, values[0])
	}
	got, err = transport.ReadHeader(canonical)
	require.NoError(t, err)
	require.Equal(t, sent, got)

	_, err = transport.ReadHeader(http.Header{})
	require.EqualError(t, err, "internal_error: Could not get hash algorithm identifier from message")
	for _, weak := range []string{"SHA-1", "SHA-224", "MD5"} {
		_, err = transport.ReadHeader(http.Header{"X-Hash-Algorithm": {weak}})
		require.Equal(t, "unsupported_algorithm", fault.CodeOf(err), weak)
	}
}

// What is written is read: every part byte for byte, every part header in its spelling, the digests equal on both sides.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 0, 3000)
		ocsp := rapid.SliceOfN(body, 0, 3).Draw(t, "ocsp")
		files := rapid.SliceOfN(body, 0, 4).Draw(t, "attachments")
		chained := rapid.Bool().Draw(t, "chained")
		headers := soap.Fields{{Name: "signature-Algorithm-id", Value: "SHA512withRSA"}, {Name: "Content-Type", Value: "application/octet-stream"}}

		var wire bytes.Buffer
		e, err := transport.NewEncoder(&wire, rand.Reader, signature.SHA256)
		require.NoError(t, err)
		for _, der := range ocsp {
			require.NoError(t, e.OCSP(der))
		}
		require.NoError(t, e.Message("text/xml; charset=UTF-8", nil, []byte(envelope)))
		for _, file := range files {
			require.NoError(t, e.Attachment(headers, bytes.NewReader(file)))
		}
		s := xades.Signed{XML: []byte("<signature/>")}
		if chained {
			s.HashChain, s.HashChainResult = []byte("<c/>"), []byte("<r/>")
		}
		require.NoError(t, e.Sign(s))
		require.NoError(t, e.Close())

		limits := transport.DefaultLimits
		limits.Memory, limits.Dir = 2000, dir
		d, err := transport.NewDecoder(&wire, e.ContentType(), signature.SHA256, limits)
		require.NoError(t, err)
		head, err := d.Head()
		require.NoError(t, err)
		require.Len(t, head.OCSP, len(ocsp))
		for i := range ocsp {
			require.True(t, bytes.Equal(ocsp[i], head.OCSP[i]))
		}
		require.Equal(t, envelope, string(head.Message.Raw))
		rest, err := d.Rest()
		require.NoError(t, err)
		defer rest.Close()
		require.Len(t, rest.Attachments, len(files))
		for i, a := range rest.Attachments {
			for range 2 {
				got, err := io.ReadAll(a.Open())
				require.NoError(t, err)
				require.True(t, bytes.Equal(files[i], got))
			}
			require.Equal(t, headers, a.Headers)
		}
		require.Equal(t, s, xades.Signed{XML: rest.Signature, HashChain: rest.HashChain, HashChainResult: rest.HashChainResult})
		require.Equal(t, e.Inputs(), rest.Inputs)
	})
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "files of attachments stay behind")
}

// encode writes a small message.
func encode(t testing.TB, attachments ...string) (body []byte, contentType string) {
	var wire bytes.Buffer
	e, err := transport.NewEncoder(&wire, letters{}, signature.SHA512)
	require.NoError(t, err)
	require.NoError(t, e.OCSP([]byte("DER")))
	require.NoError(t, e.Message("text/xml", nil, []byte(envelope)))
	for _, a := range attachments {
		require.NoError(t, e.Attachment(nil, strings.NewReader(a)))
	}
	require.NoError(t, e.Sign(xades.Signed{XML: []byte("<sig/>")}))
	require.NoError(t, e.Close())
	return wire.Bytes(), e.ContentType()
}

// decode reads a whole message.
func decode(body []byte, contentType string, limits transport.Limits) (*transport.Head, *transport.Rest, error) {
	d, err := transport.NewDecoder(bytes.NewReader(body), contentType, signature.SHA512, limits)
	if err != nil {
		return nil, nil, err
	}
	head, err := d.Head()
	if err != nil {
		return head, nil, err
	}
	rest, err := d.Rest()
	if err == nil {
		defer rest.Close()
	}
	return head, rest, err
}

func TestLimits(t *testing.T) {
	body, contentType := encode(t, "12345", "67890")
	for name, change := range map[string]func(*transport.Limits){
		"message":     func(l *transport.Limits) { l.Message = 100 },
		"signature":   func(l *transport.Limits) { l.Signature = 3 },
		"ocsp":        func(l *transport.Limits) { l.OCSP = 0 },
		"attachments": func(l *transport.Limits) { l.Attachments = 1 },
		"bytes":       func(l *transport.Limits) { l.Bytes = 9 },
	} {
		limits := transport.DefaultLimits
		change(&limits)
		_, _, err := decode(body, contentType, limits)
		require.Equal(t, "invalid_message", fault.CodeOf(err), name)
		require.Equal(t, fault.TooLarge, fault.From(err).Kind, name)
	}
	_, rest, err := decode(body, contentType, transport.DefaultLimits)
	require.NoError(t, err)
	require.Len(t, rest.Inputs, 3)
}

func TestRefusals(t *testing.T) {
	body, contentType := encode(t)
	_, _, err := decode(body, "multipart/mixed; charset=UTF-8", transport.DefaultLimits)
	require.EqualError(t, err, "invalid_content_type: Multipart content type is missing required boundary")
	_, _, err = decode(body, "text/plain", transport.DefaultLimits)
	require.EqualError(t, err, "invalid_content_type: Invalid content type: text/plain")
	_, _, err = decode([]byte("--x--\r\n"), "multipart/mixed; boundary=x", transport.DefaultLimits)
	require.Equal(t, "missing_soap", fault.CodeOf(err))
	cut := body[:bytes.Index(body, []byte("--xtop"+strings.Repeat("a", 30)+"\r\ncontent-type: signature"))]
	_, rest, err := decode(append(cut[:len(cut):len(cut)], "--xtop"+strings.Repeat("a", 30)+"--\r\n"...), contentType, transport.DefaultLimits)
	require.NoError(t, err)
	require.Nil(t, rest.Signature)
}

// A server that fails after it began to answer ends the message with a fault where the signature would stand.
func TestFaultInsteadOfSignature(t *testing.T) {
	var wire bytes.Buffer
	e, err := transport.NewEncoder(&wire, rand.Reader, signature.SHA512)
	require.NoError(t, err)
	require.NoError(t, e.Message("text/xml", nil, []byte(envelope)))
	require.NoError(t, e.Attachment(nil, strings.NewReader("half")))
	sent := soap.FaultFrom(fault.New(fault.Internal, "server.serverproxy.logging_failed", "no"), "d")
	require.NoError(t, e.Fault(sent.Encode()))
	require.NoError(t, e.Close())
	_, rest, err := decode(wire.Bytes(), e.ContentType(), transport.DefaultLimits)
	require.NoError(t, err)
	require.Equal(t, sent.Code, rest.Fault.Code)
	require.Nil(t, rest.Signature)
}

func FuzzDecode(f *testing.F) {
	body, contentType := encode(f, "one", "two")
	f.Add(body, contentType)
	f.Add(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), contentType)
	f.Add([]byte("--x\n\n\n--x--"), "multipart/mixed; boundary=x")
	limits := transport.DefaultLimits
	limits.Message, limits.Memory, limits.Bytes = 1<<16, 1<<20, 1<<20
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		_, rest, err := decode(body, contentType, limits)
		if err == nil && len(rest.Inputs) != 1+len(rest.Attachments) {
			t.Fatalf("%d digests for %d attachments", len(rest.Inputs), len(rest.Attachments))
		}
	})
}
