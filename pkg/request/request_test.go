package request_test

import (
	"bytes"
	"crypto/rand"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

var update = flag.Bool("update", false, "write the golden files")

func TestTypes(t *testing.T) {
	require.Len(t, all, 11)
	for _, kind := range all {
		require.Equal(t, kind == request.AuthCertReg, kind.Direct(), kind)
	}
}

func TestBuildSOAPGolden(t *testing.T) {
	w := newWorld(t, false)
	for _, kind := range all {
		r := w.request(t, kind)
		if r.AuthCertificate != nil {
			r.AuthCertificate = []byte("certificate")
		}
		got, err := request.BuildSOAP(r, w.provider)
		require.NoError(t, err)
		golden(t, string(kind)+".xml", got)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestBuildSOAPNeedsWhatTheTypeHolds(t *testing.T) {
	w := newWorld(t, false)
	for name, spoil := range map[string]func(*request.Request){
		"unknown type":       func(r *request.Request) { r.Type = "x" },
		"sender":             func(r *request.Request) { r.Sender = identifier.ClientID{} },
		"server":             func(r *request.Request) { r.Server = identifier.SecurityServerID{} },
		"id":                 func(r *request.Request) { r.ID = "" },
		"client":             func(r *request.Request) { r.Client = identifier.ClientID{} },
		"certificate":        func(r *request.Request) { r.Type = request.AuthCertDeletion },
		"no credential":      func(*request.Request) {},
		"no OCSP":            func(*request.Request) {},
		"no authentication":  func(r *request.Request) { *r = *w.request(t, request.AuthCertReg) },
		"no random boundary": func(*request.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.request(t, request.ClientReg)
			spoil(r)
			signer := w.otherSign
			random := rand.Reader
			auth := &w.auth
			switch name {
			case "no credential":
				signer.Signer = nil
			case "no OCSP":
				signer.OCSP = nil
			case "no authentication":
				auth = nil
			case "no random boundary":
				random = bytes.NewReader(nil)
			}
			_, err := request.Seal(random, r, w.provider, &signer, auth)
			require.Error(t, err)
		})
	}
}

func TestSealedShapes(t *testing.T) {
	w := newWorld(t, true)
	for _, kind := range all {
		sealed := w.seal(t, w.request(t, kind))
		switch kind {
		case request.AuthCertDeletion, request.ClientDeletion:
			require.Equal(t, "text/xml; charset=UTF-8", sealed.ContentType)
			require.Equal(t, sealed.SOAP, sealed.Body)
			continue
		case request.AuthCertReg:
			require.Len(t, parts(t, sealed), 6)
			require.Equal(t, w.auth.Certificate.Raw, parts(t, sealed)[3].Body)
		default:
			require.Len(t, parts(t, sealed), 4)
		}
		require.Regexp(t, `^multipart/related; type="application/octet-stream"; charset=UTF-8; boundary=[a-z0-9]+$`, sealed.ContentType)
		require.Contains(t, string(sealed.Body), "\r\nsignature-algorithm-id: SHA512withRSA\r\n")
		require.Equal(t, sealed.SOAP, parts(t, sealed)[0].Body)
	}
}

func TestRoundTrip(t *testing.T) {
	w := newWorld(t, false)
	text := rapid.StringMatching(`[A-Za-zõ0-9 &<>"'._]{0,10}[a-z0-9]`)
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom(all).Draw(rt, "type")
		r := w.request(t, kind)
		r.ID = text.Draw(rt, "id")
		if r.Client.IsSubsystem() {
			var err error
			r.Client, err = r.Client.Subsystem(text.Draw(rt, "subsystem"))
			require.NoError(rt, err)
		}
		if r.SubsystemName != "" {
			r.SubsystemName = text.Draw(rt, "name")
		}
		if kind == request.MaintenanceModeEnable {
			r.Message = text.Draw(rt, "message")
		}
		r.DryRun = kind == request.AuthCertReg && rapid.Bool().Draw(rt, "dry run")
		sealed := w.seal(t, r)
		opened, err := w.verifier.Open(sealed.Body, sealed.ContentType)
		require.NoError(rt, err)
		require.Equal(rt, *r, opened.Request)

		answer, err := request.Response(opened, 42)
		require.NoError(rt, err)
		id, err := request.ReadResponse(answer, soap.ContentType, sealed.SOAP)
		require.NoError(rt, err)
		require.EqualValues(rt, 42, id)
	})
}

func TestProducedMessagesFitTheSchema(t *testing.T) {
	w := newWorld(t, false)
	for _, kind := range all {
		r := w.request(t, kind)
		r.DryRun = kind == request.AuthCertReg
		sealed := w.seal(t, r)
		validate(t, filepath.Join(testkit.Root(t), "schema/xsd/request.xsd"), bodyOf(t, sealed.SOAP))
		opened, err := w.verifier.Open(sealed.Body, sealed.ContentType)
		require.NoError(t, err)
		response, err := request.Response(opened, 7)
		require.NoError(t, err)
		validate(t, filepath.Join(testkit.Root(t), "schema/xsd/request.xsd"), bodyOf(t, response))
		for _, field := range headerOf(t, sealed.SOAP) {
			validate(t, filepath.Join(testkit.Root(t), "schema/xsd/xroad.xsd"), field)
		}
	}
}

// validate runs xmllint, which must be installed.
func validate(t *testing.T, schema string, document []byte) {
	t.Helper()
	cmd := exec.Command("xmllint", "--nonet", "--noout", "--schema", schema, "-")
	cmd.Stdin = bytes.NewReader(document)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", document, out)
}

func bodyOf(t *testing.T, message []byte) []byte {
	t.Helper()
	m, err := soap.Parse(message, soap.ContentType)
	require.NoError(t, err)
	return standalone(t, m.Body())
}

func headerOf(t *testing.T, message []byte) [][]byte {
	t.Helper()
	root, err := xmlsafe.Parse(message, xmlsafe.Default)
	require.NoError(t, err)
	header, err := xmlsafe.One(root, soap.EnvelopeNamespace, "Header")
	require.NoError(t, err)
	var fields [][]byte
	for _, el := range header.ChildElements() {
		fields = append(fields, standalone(t, el))
	}
	return fields
}

// standalone is the element with the namespaces of our own messages declared on it.
func standalone(t *testing.T, el *etree.Element) []byte {
	t.Helper()
	el = el.Copy()
	el.CreateAttr("xmlns:xroad", soap.Namespace)
	el.CreateAttr("xmlns:id", identifier.Namespace)
	doc := etree.NewDocument()
	doc.SetRoot(el)
	b, err := doc.WriteToBytes()
	require.NoError(t, err)
	return b
}

func TestReadResponse(t *testing.T) {
	w := newWorld(t, false)
	sealed := w.seal(t, w.request(t, request.ClientDeletion))
	opened, err := w.verifier.Open(sealed.Body, sealed.ContentType)
	require.NoError(t, err)
	good, err := request.Response(opened, 42)
	require.NoError(t, err)
	golden(t, "clientDeletionResponse.xml", good)

	refused := (&soap.Fault{Code: "invalid_request", String: "No"}).Encode()
	for name, c := range map[string]struct{ body, contentType, want string }{
		"content type":    {string(good), "application/xop+xml", "http_error: Unexpected or no content type (application/xop+xml) in response"},
		"no content type": {string(good), "", "http_error: Unexpected or no content type () in response"},
		"fault":           {string(refused), soap.ContentType, "invalid_request: No"},
		"request":         {string(sealed.SOAP), soap.ContentType, "internal_error: Expected response message"},
		"of another":      {strings.Replace(string(good), "0b6b", "1b6b", 1), soap.ContentType, "inconsistent_response: Field 'id' does not match in request and response"},
		"not SOAP":        {"<a/>", soap.ContentType, "invalid_soap: Malformed SOAP message: envelope missing"},
	} {
		_, err := request.ReadResponse([]byte(c.body), c.contentType, sealed.SOAP)
		require.EqualError(t, err, c.want, name)
	}
	_, err = request.ReadResponse(refused, soap.ContentType, sealed.SOAP)
	var f *soap.Fault
	require.ErrorAs(t, err, &f)
	require.Equal(t, refused, f.Raw)

	for _, odd := range []string{"<xroad:requestId>x</xroad:requestId>", "", "<requestId>42</requestId>"} {
		id, err := request.ReadResponse([]byte(strings.Replace(string(good), "<xroad:requestId>42</xroad:requestId>", odd, 1)), "text/xml", sealed.SOAP)
		require.NoError(t, err)
		require.Zero(t, id)
	}
}
