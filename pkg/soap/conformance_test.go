//go:build conformance

package soap_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit"
)

// verdicts holds the code of every vector that its index does not call accepted; prefixes that the proxies add are left out.
var verdicts = map[string]string{
	"attachm-faulty-soap.query":     "missing_header_field",
	"attachm-no-soap.query":         "invalid_content_type",
	"faulty-header2.query":          "duplicate_header_field",
	"faulty-multipart.query":        noParts,
	"malformed-body2.query":         "invalid_body",
	"malformed-body3.query":         "inconsistent_headers",
	"missing-protocolVersion.query": "missing_header_field",
	"missingobjecttype.query":       "invalid_xml",
	"no-soap.query":                 "invalid_soap",
	"wrong-protocolVersion.query":   "invalid_protocol_version",
	"wrong-version.query":           "invalid_protocol_version",
	"attach-error-withsoap.query":   "inconsistent_headers", // no verdict in the index: the body is "test", the service "testQuery"
	"no-signature.query":            "",                     // its multipart is sound; the signature is the proxies' business
	"missing-org.query":             "",                     // so is the member
	"invalid-service-address.query": "",
	"signing-error-request.query":   "",
	"signing-error-response.query":  "",
	"customfault.answer":            "fault foo:FOOCODE",
	"customsoapenv.answer":          "fault soapenv:Server.CODE",
	"fault.query":                   "fault CODE",
	"faulty-fault.answer":           "fault soap:Server",
	"soapfault-mtom.answer":         "fault soap:Server",
	"soapfaulterror.query":          "fault SOAP-ENV:Clientrwerete",
}

const noParts = "no parts"

func TestConformanceVectors(t *testing.T) {
	files, err := filepath.Glob(testkit.Shared(t, "vectors/soap") + "/*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, verdicts[filepath.Base(file)], verdict(t, raw))
		})
	}
}

// verdict is "", a code, or "fault" with the fault's code. A message that is accepted must also carry a hash and be answered.
func verdict(t *testing.T, raw []byte) string {
	contentType := "text/xml"
	if strings.HasPrefix(string(raw), "--") {
		boundary := "jetty771207119h3h10dty"
		if strings.HasPrefix(string(raw), "--jetty42534330h7vzfqv2") {
			boundary = "jetty42534330h7vzfqv2"
		}
		parts, err := soap.ReadMultipart(strings.NewReader(string(raw)), "multipart/related; boundary="+boundary, soap.Limits{})
		require.NoError(t, err)
		if len(parts) == 0 {
			return noParts
		}
		raw, contentType = parts[0].Body, parts[0].Get("content-type")
	}
	m, err := soap.Parse(raw, contentType)
	switch {
	case err != nil:
		return fault.CodeOf(err)
	case m.Fault != nil:
		return "fault " + m.Fault.Code
	}
	hashed, err := soap.InsertRequestHash(raw, []byte("request"))
	require.NoError(t, err)
	again, err := soap.Parse(hashed, contentType)
	require.NoError(t, err)
	require.NoError(t, soap.CheckRequestHash(&again.Header, []byte("request")))
	require.NoError(t, soap.Consistent(&m.Header, &again.Header))
	response, err := soap.BuildResponse(m, nil)
	require.NoError(t, err)
	answer, err := soap.Parse(response, contentType)
	require.NoError(t, err)
	require.Equal(t, m.Header.Service.Code()+"Response", answer.BodyName)
	return ""
}
