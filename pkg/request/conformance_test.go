//go:build conformance

package request_test

import (
	"bytes"
	"encoding/xml"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/testkit"
)

const made = "vectors/made-by-xroad-7.2.2/"

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(testkit.Shared(t, path))
	require.NoError(t, err)
	return data
}

// sent is one of X-Road's requests.
func sent(t *testing.T, name string) (body []byte, contentType string) {
	t.Helper()
	return read(t, made+name+".body"), strings.TrimSpace(string(read(t, made+name+".content-type")))
}

// theirs is the central server that X-Road's requests were made for. Their CA signed their OCSP responses itself and is embedded there; the
// ca.crt beside them is of the same name and another key, and belongs to the other files of that folder.
func theirs(t *testing.T) request.Verifier {
	t.Helper()
	body, contentType := sent(t, "clientReg")
	parts, err := soap.ReadMultipart(bytes.NewReader(body), contentType, soap.Limits{})
	require.NoError(t, err)
	response, err := ocsp.ParseResponse(parts[3].Body, nil)
	require.NoError(t, err)
	ca := response.Certificate
	require.Equal(t, "CN=Test CA", ca.Subject.String())
	profile, err := certificate.ProfileByClass("EjbcaCertificateProfileInfoProvider")
	require.NoError(t, err)
	trust := certificate.NewTrust("DEV", []*certificate.Authority{{Name: "Test CA", Certificate: ca, Profile: profile}}, time.Hour)
	return request.Verifier{
		Trust:    func() (*certificate.Trust, error) { return trust, nil },
		Instance: "DEV", Provider: client(t, "DEV:GOV:00000000:subsystem-0"),
		Now: func() time.Time { return time.Date(2026, 11, 20, 11, 10, 0, 0, time.UTC) },
	}
}

func TestConformanceRequestsMadeByXRoad(t *testing.T) {
	verifier := theirs(t)
	for _, name := range []string{"clientReg", "authCertReg"} {
		t.Run(name, func(t *testing.T) {
			body, contentType := sent(t, name)
			opened, err := verifier.Open(body, contentType)
			require.NoError(t, err)
			require.Equal(t, name, string(opened.Type))
			require.Equal(t, "DEV:GOV:00000000:SS1", opened.Server.Encoded())
			require.Equal(t, "DEV:GOV:00000000", opened.Sender.Encoded())
			switch opened.Type {
			case request.ClientReg:
				require.Equal(t, "DEV:GOV:00000000:subsystem-1", opened.Client.Encoded())
			default:
				require.Equal(t, "ss1.example.org", opened.Address)
			}

			ours, err := request.BuildSOAP(&opened.Request, verifier.Provider)
			require.NoError(t, err)
			require.Equal(t, string(opened.Message.Raw), string(ours), "the same bytes from the same values")

			parts, err := soap.ReadMultipart(bytes.NewReader(body), contentType, soap.Limits{})
			require.NoError(t, err)
			var again bytes.Buffer
			w := soap.NewMultipartWriter(&again, contentType[strings.Index(contentType, "boundary=")+len("boundary="):])
			for _, p := range parts {
				require.NoError(t, w.WritePart(p.Headers, p.Body))
			}
			require.NoError(t, w.Close())
			require.Equal(t, body, again.Bytes(), "the same multipart from the same parts")

			response, err := request.Response(opened, 5)
			require.NoError(t, err)
			id, err := request.ReadResponse(response, soap.ContentType, opened.Message.Raw)
			require.NoError(t, err)
			require.EqualValues(t, 5, id)
		})
	}
}

func TestConformanceTamperedRequestIsRefused(t *testing.T) {
	verifier := theirs(t)
	_, err := verifier.Open(sent(t, "clientReg-tampered"))
	require.Equal(t, "invalid_signature_value", fault.CodeOf(err))
	require.Equal(t, "Client signature verification failed", fault.From(err).Message)
}

func TestConformanceProducedMessagesFitTheirSchema(t *testing.T) {
	w := newWorld(t, false)
	schema := testkit.Shared(t, "schemas/message/request.xsd")
	for _, kind := range all {
		message := w.seal(t, w.request(t, kind)).SOAP
		validate(t, schema, bodyOf(t, message))
	}
}

// definitions is what a WSDL says of its operations and messages.
type definitions struct {
	Namespace string `xml:"targetNamespace,attr"`
	Operation []struct {
		Name  string `xml:"name,attr"`
		Input struct {
			Message string `xml:"message,attr"`
		} `xml:"input"`
		Output struct {
			Message string `xml:"message,attr"`
		} `xml:"output"`
	} `xml:"portType>operation"`
	Binding []struct {
		Name   string `xml:"name,attr"`
		Action struct {
			Value string `xml:"soapAction,attr"`
		} `xml:"http://schemas.xmlsoap.org/wsdl/soap/ operation"`
	} `xml:"binding>operation"`
	Message []struct {
		Name string `xml:"name,attr"`
		Part []struct {
			Name    string `xml:"name,attr"`
			Element string `xml:"element,attr"`
		} `xml:"part"`
	} `xml:"message"`
}

func TestConformanceWSDLSaysTheSame(t *testing.T) {
	var ours, their definitions
	require.NoError(t, xml.Unmarshal(read(t, "schemas/management/managementservices.wsdl"), &their))
	file, err := os.ReadFile(testkit.Root(t) + "/schema/wsdl/managementservices.wsdl")
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(file, &ours))
	for _, d := range []*definitions{&ours, &their} {
		slices.SortFunc(d.Message, func(a, b struct {
			Name string `xml:"name,attr"`
			Part []struct {
				Name    string `xml:"name,attr"`
				Element string `xml:"element,attr"`
			} `xml:"part"`
		}) int {
			return strings.Compare(a.Name, b.Name)
		})
	}
	require.Len(t, ours.Operation, 10)
	require.Equal(t, their, ours)
}

// TestConformanceSchemasAgree judges documents by their schema and by ours: the verdicts must be the same.
func TestConformanceSchemasAgree(t *testing.T) {
	const head = ` xmlns="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers">`
	const parts = `<i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>1</i:memberCode>`
	const server = `<server i:objectType="SERVER">` + parts + `<i:serverCode>s</i:serverCode></server>`
	const member = `<client i:objectType="MEMBER">` + parts + `</client>`
	bodies := []string{
		"", server, server + server, member, server + member, member + server, server + member + "<requestId>1</requestId>", server + member + "<requestId>x</requestId>",
		server + "<address>a</address>", server + "<address>a</address><authCert>AAAA</authCert>", server + "<authCert>AAAA</authCert>",
		server + "<authCert>*</authCert>", server + "<authCert>AAAA</authCert><dryRun>true</dryRun>", server + "<authCert>AAAA</authCert><dryRun>x</dryRun>",
		server + "<authCert>AAAA</authCert><dryRun>1</dryRun><requestId>2</requestId>", server + member + "<subsystemName>n</subsystemName>",
		server + "<message>m</message>", server + "<other/>", strings.Replace(server, "SERVER", "MEMBER", 1), strings.Replace(server, "i:objectType", "objectType", 1),
		strings.Replace(server, "<i:memberClass>GOV</i:memberClass>", "", 1) + member, server + strings.Replace(member, "MEMBER", "X", 1),
	}
	valid := 0
	for _, name := range []string{"authCertReg", "authCertDeletion", "clientReg", "clientDeletion", "clientDisable", "clientEnable", "clientRename",
		"ownerChange", "addressChange", "maintenanceModeEnable", "maintenanceModeDisable"} {
		for _, body := range bodies {
			document := "<" + name + head + body + "</" + name + ">"
			their := lint(t, testkit.Shared(t, "schemas/message/request.xsd"), document)
			require.Equal(t, their, lint(t, testkit.Root(t)+"/schema/xsd/request.xsd", document), document)
			if their {
				valid++
			}
		}
	}
	require.Greater(t, valid, 20)
}

func lint(t *testing.T, schema, document string) bool {
	t.Helper()
	cmd := exec.Command("xmllint", "--nonet", "--noout", "--schema", schema, "-")
	cmd.Stdin = strings.NewReader(document)
	err := cmd.Run()
	if err != nil {
		require.IsType(t, &exec.ExitError{}, err)
		require.Contains(t, []int{3, 4}, cmd.ProcessState.ExitCode(), "the document is judged, not the schema")
	}
	return err == nil
}
