//go:build conformance

package proxy_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/securityserver/internal/proxy"
)

// vectors is X-Road's own consumer and producer, with all services that its test messages call.
func vectors(t *testing.T) *world {
	w := newWorld(t, func(w *world) {
		w.consumer.id, w.provider.id = clientID(t, "EE:BUSINESS:consumer"), clientID(t, "EE:BUSINESS:producer")
		w.serve = build
	})
	for _, code := range []string{"testQuery", "getState", "test", "listMethods", "allowedMethods"} {
		w.provider.services[code] = proxy.Service{URL: w.service.URL}
	}
	w.provider.services["invalidServiceAddress"] = proxy.Service{URL: "http://no-such-host.invalid/"}
	return w
}

// build is a service that answers as the built-in services do.
func build(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	contentType := r.Header.Get("Content-Type")
	if multipart, _ := soap.IsMultipart(contentType); multipart {
		parts, err := soap.ReadMultipart(bytes.NewReader(body), contentType, soap.Limits{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		body, contentType = parts[0].Body, parts[0].Get("Content-Type")
	}
	m, err := soap.Parse(body, contentType)
	if err == nil {
		body, err = soap.BuildResponse(m, nil)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	_, _ = w.Write(body)
}

// boundaries that differ from the first line of their file.
var boundaries = map[string]string{"faulty-multipart.query": "jetty771207119h3h10dty"}

func read(t *testing.T, file string) (contentType string, body []byte) {
	body, err := os.ReadFile(testkit.Shared(t, "vectors/soap/"+file))
	require.NoError(t, err)
	if boundary, found := bytes.CutPrefix(body, []byte("--")); found {
		line, _, _ := strings.Cut(string(boundary), "\n")
		if named, ok := boundaries[file]; ok {
			line = named
		}
		return "multipart/related; type=\"text/xml\"; boundary=" + strings.TrimSpace(line), body
	}
	return "text/xml", body
}

// X-Road's queries, sent by an information system, with the verdicts of their index.
func TestConformanceQueries(t *testing.T) {
	w := vectors(t)
	for file, code := range map[string]string{
		"allowedMethods.query": "", "attachm2-utf8bom-inside.query": "", "attachm2.query": "", "attachments.query": "", "cdata.query": "",
		"getstate.query": "", "listMethods.query": "", "mimesoap.query": "", "missing-userId.query": "", "nowhitespace.query": "",
		"request-suffix.query": "", "simple-representedparty.query": "", "simple-rpc.query": "", "simple.query": "", "xmlencoded.query": "",
		"attachm-faulty-soap.query":     "client.missing_header_field",
		"attachm-no-soap.query":         "client.invalid_content_type",
		"fault.query":                   "client.CODE",
		"faulty-header2.query":          "client.duplicate_header_field",
		"malformed-body2.query":         "client.invalid_body",
		"malformed-body3.query":         "client.inconsistent_headers",
		"missing-org.query":             "server.clientproxy.unknown_member",
		"missing-protocolVersion.query": "client.missing_header_field",
		"missingobjecttype.query":       "client.invalid_xml",
		"wrong-protocolVersion.query":   "client.invalid_protocol_version",
		"wrong-version.query":           "client.invalid_protocol_version",
		"invalid-service-address.query": "server.serverproxy.service_failed.unknown_host",
	} {
		t.Run(file, func(t *testing.T) {
			contentType, body := read(t, file)
			_, answer := post(t, w.consumer.clientURL, contentType, body)
			if code != "" {
				requireFault(t, answer, code, "")
				return
			}
			m, err := soap.Parse(answer, "text/xml")
			require.NoError(t, err)
			require.Nil(t, m.Fault, "%s", answer)
			require.True(t, m.IsResponse())
		})
	}
}

// X-Road's answers, given by a service.
func TestConformanceAnswers(t *testing.T) {
	w := vectors(t)
	for file, c := range map[string]struct{ query, code string }{
		"getstate.answer":           {"getstate.query", ""},
		"cdata.answer":              {"cdata.query", ""},
		"getstate-iso88591.answer":  {"getstate.query", ""},
		"nowhitespace.answer":       {"nowhitespace.query", ""},
		"xmlencoded.answer":         {"xmlencoded.query", ""},
		"mimesoap.answer":           {"mimesoap.query", ""},
		"requesthash.answer":        {"getstate.query", ""},
		"faulty-fault.answer":       {"getstate.query", "soap:Server"},
		"fault.query":               {"getstate.query", "CODE"},
		"attachm-faulty-soap.query": {"getstate.query", "server.serverproxy.service_failed.missing_header_field"},
		"attachm-no-soap.query":     {"getstate.query", "server.serverproxy.service_failed.invalid_content_type"},
		"faulty-multipart.query":    {"getstate.query", "server.serverproxy.service_failed.invalid_message"},
		"malformed-body2.query":     {"getstate.query", "server.serverproxy.service_failed.invalid_body"},
	} {
		t.Run(file, func(t *testing.T) {
			answerType, answerBody := read(t, file)
			w.serve = answering(answerType, http.StatusOK, answerBody)
			contentType, body := read(t, c.query)
			gotType, answer := post(t, w.consumer.clientURL, contentType, body)
			if c.code != "" {
				requireFault(t, answer, c.code, "")
				return
			}
			if multipart, _ := soap.IsMultipart(gotType); multipart {
				return
			}
			m, err := soap.Parse(answer, "text/xml")
			require.NoError(t, err)
			require.Nil(t, m.Fault, "%s", answer)
			require.Equal(t, soap.RequestHash(w.consumer.records[len(w.consumer.records)-2].Message), m.Header.RequestHash.Value)
		})
	}
}

// X-Road's messages between two servers that lack a part.
func TestConformanceIncompleteMessages(t *testing.T) {
	w := vectors(t)
	between := func(file string) (string, func([]byte) []byte) {
		contentType, body := read(t, file)
		return strings.Replace(contentType, "related", "mixed", 1), func([]byte) []byte { return body }
	}
	w.requestType, w.request = between("no-soap.query")
	contentType, body := read(t, "simple.query")
	_, answer := post(t, w.consumer.clientURL, contentType, body)
	requireFault(t, answer, "server.serverproxy.service_failed.invalid_soap", "")
	w.requestType, w.request = "", nil
	w.responseType, w.response = between("no-signature.query")
	_, answer = post(t, w.consumer.clientURL, contentType, body)
	requireFault(t, answer, "server.clientproxy.missing_signature", "")
}
