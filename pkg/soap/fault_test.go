package soap_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/soap"
)

func TestFaultIsWrittenInOneShape(t *testing.T) {
	f := &soap.Fault{Code: "server.clientproxy.unknown_member", String: `a<b>&"c"`, Detail: "d1"}
	const start = `<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/">` +
		`<SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>server.clientproxy.unknown_member</faultcode>` +
		`<faultstring>a&lt;b&gt;&amp;"c"</faultstring><faultactor></faultactor>`
	const end = `</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>`
	require.Equal(t, start+`<detail><faultDetail xmlns="">d1</faultDetail></detail>`+end, string(f.Encode()))
	f.Detail = ""
	require.Equal(t, start+end, string(f.Encode()))

	f.Actor, f.Detail = "someone", "d2"
	back := parse(t, string(f.Encode()))
	require.Equal(t, f.Encode(), back.Fault.Encode(), "passed on byte for byte")
	back.Fault.Raw = nil
	require.Equal(t, f, back.Fault)
}

func TestFaultIsReadByLocalNames(t *testing.T) {
	const fields = `<q:faultcode xmlns:q="urn:q">soap:Server</q:faultcode><faultstring>s</faultstring><faultactor>a</faultactor>`
	for name, c := range map[string]struct{ message, detail string }{
		"detail of any namespace": {envelope("", `<e:Fault>`+fields+`<detail> <x:faultDetail>d</x:faultDetail></detail></e:Fault>`), "d"},
		"text of detail":          {openXML + `<e:Body><e:Fault>` + fields + `<detail>d</detail></e:Fault></e:Body>` + closeXML, "d"},
		"no header needed":        {openXML + `<e:Body><e:Fault>` + fields + `</e:Fault></e:Body>` + closeXML, ""},
		"first in the body wins":  {openXML + `<e:Body><a/><e:Fault>` + fields + `</e:Fault><e:Fault/></e:Body>` + closeXML, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := parse(t, c.message)
			require.Equal(t, &soap.Fault{Code: "soap:Server", String: "s", Actor: "a", Detail: c.detail, Raw: []byte(c.message)}, m.Fault)
			require.Nil(t, m.Body())
			require.EqualError(t, m.Fault, "soap:Server: s")
		})
	}
}

func TestFaultFrom(t *testing.T) {
	received := &soap.Fault{Code: "c", String: "s", Raw: []byte("<raw/>")}
	require.Same(t, received, soap.FaultFrom(fmt.Errorf("sending: %w", received), "d"))
	require.Equal(t, &soap.Fault{Code: "invalid_request", String: "No", Detail: "d"},
		soap.FaultFrom(fault.Wrap(errors.New("secret"), fault.Invalid, "invalid_request", "No"), "d"))
	require.Equal(t, &soap.Fault{Code: "internal_error", String: "Internal error"}, soap.FaultFrom(errors.New("/etc/secret"), ""))
	// A text that quotes a stranger stays XML.
	quoting := soap.FaultFrom(fault.New(fault.Invalid, "invalid_request", "Unknown service code '%s'", "a\x00\x1bb"), "")
	require.Equal(t, "Unknown service code 'ab'", parse(t, string(quoting.Encode())).Fault.String)
}
