package soap_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

const (
	clientXML = `<x:client i:objectType="SUBSYSTEM"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass>` +
		`<i:memberCode>1</i:memberCode><i:subsystemCode>s</i:subsystemCode></x:client>`
	serviceXML = `<x:service i:objectType="SERVICE"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass>` +
		`<i:memberCode>2</i:memberCode><i:serviceCode>getState</i:serviceCode></x:service>`
	idXML      = `<x:id>abc</x:id>`
	versionXML = `<x:protocolVersion>4.0</x:protocolVersion>`
	fieldsXML  = clientXML + serviceXML + idXML + versionXML
	openXML    = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd"` +
		` xmlns:i="http://x-road.eu/xsd/identifiers" xmlns:r="http://x-road.eu/xsd/representation.xsd">`
	closeXML = `</e:Envelope>`
)

func envelope(fields, body string) string {
	return openXML + `<e:Header>` + fields + `</e:Header><e:Body>` + body + `</e:Body>` + closeXML
}

func parse(t require.TestingT, message string) *soap.Message {
	m, err := soap.Parse([]byte(message), "text/xml")
	require.NoError(t, err)
	return m
}

func TestParse(t *testing.T) {
	raw := "\xef\xbb\xbf<?xml version=\"1.0\"?>\n" + envelope(fieldsXML+
		`<x:userId> EE1 </x:userId><x:issue/><r:representedParty><r:partyCode>p</r:partyCode></r:representedParty>`+
		`<x:securityServer i:objectType="SERVER"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass>`+
		`<i:memberCode>2</i:memberCode><i:serverCode>ss</i:serverCode></x:securityServer><other xmlns="urn:o"/><other xmlns="urn:o"/>`,
		"\n<q:getStateNow xmlns:q='urn:q'>1</q:getStateNow>\n")
	m := parse(t, raw)

	require.Equal(t, raw, string(m.Raw))
	require.Equal(t, "SUBSYSTEM:EE/GOV/1/s", m.Header.Client.String())
	require.Equal(t, "SERVICE:EE/GOV/2/getState", m.Header.Service.String())
	require.Equal(t, "SERVER:EE/GOV/2/ss", m.Header.SecurityServer.String())
	require.Equal(t, " EE1 ", m.Header.UserID)
	require.True(t, m.Header.HasIssue)
	require.Empty(t, m.Header.Issue)
	require.Equal(t, &soap.Party{Code: "p"}, m.Header.RepresentedParty)
	require.Equal(t, "abc", m.Header.ID)
	require.Equal(t, "4.0", m.Header.ProtocolVersion)
	require.Equal(t, []string{"getStateNow", "urn:q", "q"}, []string{m.BodyName, m.BodyNamespace, m.BodyPrefix})
	require.False(t, m.IsResponse())
	require.False(t, m.RPC)
	require.Equal(t, "1", m.Body().Text())
}

func TestParseReadsAsPeersDo(t *testing.T) {
	for name, c := range map[string]struct {
		message string
		check   func(*soap.Message) bool
	}{
		"response":           {envelope(fieldsXML, `<getStateResponse/>`), func(m *soap.Message) bool { return m.IsResponse() }},
		"empty id":           {envelope(clientXML+serviceXML+`<x:id/>`+versionXML, `<getState/>`), func(m *soap.Message) bool { return m.Header.ID == "" }},
		"version 4.7":        {envelope(clientXML+serviceXML+idXML+`<x:protocolVersion>4.7</x:protocolVersion>`, `<getState/>`), nil},
		"odd characters":     {envelope(strings.Replace(fieldsXML, ">1<", ">a%b:c/d;e<", 1), `<getState/>`), nil},
		"declared as Latin1": {"<?xml version='1.0' encoding='ISO-8859-1'?>" + envelope(strings.Replace(fieldsXML, ">1<", ">\xe4<", 1), `<getState/>`), func(m *soap.Message) bool { return m.Header.Client.MemberCode() == "ä" }},
		"RPC": {strings.Replace(envelope(fieldsXML, `<getState/>`), `<e:Envelope`, `<e:Envelope e:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"`, 1),
			func(m *soap.Message) bool { return m.RPC }},
		"encodingStyle of no namespace": {strings.Replace(envelope(fieldsXML, `<getState/>`), `<e:Envelope`, `<e:Envelope encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"`, 1),
			func(m *soap.Message) bool { return !m.RPC }},
		"request hash": {envelope(fieldsXML+`<x:requestHash algorithmId="a">h</x:requestHash>`, `<getStateResponse/>`),
			func(m *soap.Message) bool { return *m.Header.RequestHash == soap.Hash{Algorithm: "a", Value: "h"} }},
	} {
		t.Run(name, func(t *testing.T) {
			m := parse(t, c.message)
			require.True(t, c.check == nil || c.check(m))
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const missing, malformed = "missing_header_field", "Malformed SOAP message: "
	good := envelope(fieldsXML, `<getState/>`)
	for name, c := range map[string]struct{ message, code, text string }{
		"no envelope":           {`<a/>`, "invalid_soap", malformed + "envelope missing"},
		"SOAP 1.2":              {strings.Replace(good, "schemas.xmlsoap.org/soap", "www.w3.org/2003/05/soap", 1), "invalid_soap", malformed + "envelope missing"},
		"no header":             {openXML + `<e:Body><getState/></e:Body>` + closeXML, "missing_header", malformed + "header missing"},
		"header elsewhere":      {openXML + `<Header/><e:Body><getState/></e:Body>` + closeXML, "missing_header", malformed + "header missing"},
		"no version first":      {envelope("", `<getState/>`), missing, "Required field 'protocolVersion' is missing"},
		"no client":             {envelope(versionXML, `<getState/>`), missing, "Required field 'client' is missing"},
		"no id":                 {envelope(versionXML+clientXML, `<getState/>`), missing, "Required field 'id' is missing"},
		"no service":            {envelope(versionXML+clientXML+idXML, `<getState/>`), missing, "Message header must contain service id"},
		"two clients":           {envelope(clientXML+fieldsXML, `<getState/>`), "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/xroad.xsd}client'"},
		"two services":          {envelope(serviceXML+fieldsXML, `<getState/>`), "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/xroad.xsd}service'"},
		"two ids":               {envelope(`<x:id/>`+fieldsXML, `<getState/>`), "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/xroad.xsd}id'"},
		"two hashes":            {envelope(fieldsXML+`<x:requestHash/><x:requestHash/>`, `<getState/>`), "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/xroad.xsd}requestHash'"},
		"two parties":           {envelope(fieldsXML+`<r:representedParty/><r:representedParty/>`, `<getState/>`), "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/representation.xsd}representedParty'"},
		"two party codes":       {envelope(fieldsXML+`<r:representedParty><r:partyCode/><r:partyCode/></r:representedParty>`, `<getState/>`), "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/representation.xsd}partyCode'"},
		"no body":               {openXML + `<e:Header>` + fieldsXML + `</e:Header>` + closeXML, "missing_body", malformed + "body missing"},
		"empty body":            {envelope(fieldsXML, ` `), "invalid_body", malformed + "body must have exactly one child element"},
		"two children":          {envelope(fieldsXML, `<getState/><getState/>`), "invalid_body", malformed + "body must have exactly one child element"},
		"other service":         {envelope(fieldsXML, `<GetState/>`), "inconsistent_headers", malformed + "service code does not match in header and body"},
		"version 3":             {envelope(clientXML+serviceXML+idXML+`<x:protocolVersion>3.5</x:protocolVersion>`, `<getState/>`), "invalid_protocol_version", "Invalid protocol version (supported: 4.x, provided: 3.5)"},
		"no object type":        {strings.Replace(good, ` i:objectType="SUBSYSTEM"`, "", 1), "invalid_xml", "Missing objectType attribute"},
		"other object type":     {strings.Replace(good, `"SUBSYSTEM"`, `"X"`, 1), "invalid_xml", "Unknown objectType: X"},
		"server as client":      {strings.Replace(good, `"SUBSYSTEM"`, `"SERVER"`, 1), "invalid_xml", "Unexpected objectType: SERVER"},
		"member with subsystem": {strings.Replace(good, `"SUBSYSTEM"`, `"MEMBER"`, 1), "invalid_client_identifier", "Redundant subsystem code"},
		"blank part":            {strings.Replace(good, ">GOV<", "> <", 1), "internal_error", "'memberClass' must not be blank"},
		"part twice":            {strings.Replace(good, "<i:memberCode>1</i:memberCode>", "<i:memberCode>1</i:memberCode><i:memberCode>2</i:memberCode>", 1), "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/identifiers}memberCode'"},
		"comment in an id":      {strings.Replace(good, ">abc<", ">a<!-- -->bc<", 1), "invalid_xml", `element "id" may hold text only`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := soap.Parse([]byte(c.message), "text/xml; charset=utf-8")
			require.Equal(t, c.code, fault.CodeOf(err))
			require.Equal(t, c.text, fault.From(err).Message)
			require.Equal(t, fault.Invalid, fault.From(err).Kind)
		})
	}
}

func TestParseRefusesWhatIsNotOneDocument(t *testing.T) {
	good := envelope(fieldsXML, `<getState/>`)
	for name, message := range map[string]string{
		"empty":               ``,
		"document type":       `<!DOCTYPE a>` + good,
		"entity":              strings.Replace(good, ">abc<", ">&x;<", 1),
		"cut off":             good[:len(good)-5],
		"two roots":           good + good,
		"text behind":         good + "x",
		"text before":         "x" + good,
		"wrong end tag":       strings.Replace(good, "</x:client>", "</x:klient>", 1),
		"end tag alone":       good + "</a>",
		"prefix of nobody":    strings.Replace(good, "<getState/>", "<z:getState/>", 1),
		"attribute of nobody": strings.Replace(good, "<getState/>", "<getState z:a='1'/>", 1),
		"attribute twice":     strings.Replace(good, "<getState/>", "<getState a='1' a='2'/>", 1),
		"attribute by prefix": strings.Replace(good, "<getState/>", "<getState xmlns:p='u' xmlns:q='u' p:a='1' q:a='2'/>", 1),
		"prefix unbound":      strings.Replace(good, "<getState/>", "<getState xmlns:p=''/>", 1),
		"two headers":         strings.Replace(good, "<e:Body>", "<e:Header/><e:Body>", 1),
		"two bodies":          strings.Replace(good, "<e:Body>", "<e:Body/><e:Body>", 1),
		"too deep":            strings.Replace(good, "<getState/>", "<getState>"+strings.Repeat("<a>", 126)+strings.Repeat("</a>", 126)+"</getState>", 1),
		"late declaration":    " <?xml version='1.0'?>" + good,
		"UTF-16":              "<?xml version='1.0' encoding='UTF-16'?>" + good,
		"not UTF-8":           strings.Replace(good, ">abc<", ">\xe4<", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := soap.Parse([]byte(message), "text/xml")
			require.Equal(t, "invalid_soap", fault.CodeOf(err))
		})
	}
}

func TestContentTypes(t *testing.T) {
	good := []byte(envelope(fieldsXML, `<getState/>`))
	for _, c := range []struct{ contentType, code, text string }{
		{"text/xml", "", ""},
		{"TEXT/XML ; charset=UTF-8", "", ""},
		{`application/xop+xml; type="text/xml"`, "", ""},
		{"", "invalid_content_type", "Could not get content type for part"},
		{"text/plain; charset=UTF-8", "invalid_content_type", "Invalid content type: text/plain"},
		{"multipart/related; boundary=b", "invalid_content_type", "Invalid content type: multipart/related"},
	} {
		_, err := soap.Parse(good, c.contentType)
		require.Equal(t, c.code, fault.CodeOf(err), c.contentType)
		if err != nil {
			require.Equal(t, c.text, fault.From(err).Message)
		}
	}

	multipart, err := soap.IsMultipart("multipart/related; boundary=b")
	require.NoError(t, err)
	require.True(t, multipart)
	multipart, err = soap.IsMultipart("text/xml")
	require.NoError(t, err)
	require.False(t, multipart)
	_, err = soap.IsMultipart("")
	require.EqualError(t, err, "invalid_request: Could not get content type from request")
	_, err = soap.IsMultipart("text/html")
	require.EqualError(t, err, "invalid_content_type: Invalid content type: text/html")
}

func TestSOAPAction(t *testing.T) {
	for _, good := range []string{"", `""`, `"urn:x"`, `"http://a/b?c"`} {
		require.NoError(t, soap.CheckSOAPAction(good), good)
	}
	for _, bad := range []string{"urn:x", `"`, `"a b"`, `"a"b"`, `"%zz"`} {
		require.EqualError(t, soap.CheckSOAPAction(bad), "invalid_soap_action: Malformed SOAPAction header", bad)
	}
}

func TestConsistent(t *testing.T) {
	const party = `<r:representedParty><r:partyClass>COM</r:partyClass><r:partyCode>p</r:partyCode></r:representedParty>`
	header := func(fields string) *soap.Header { return &parse(t, envelope(fields, `<getState/>`)).Header }
	request := header(fieldsXML + party + `<x:userId>u</x:userId><x:issue>i</x:issue>`)
	require.NoError(t, soap.Consistent(request, request))
	for name, fields := range map[string]string{
		"client":           strings.Replace(fieldsXML, ">s<", ">t<", 1) + party + `<x:userId>u</x:userId><x:issue>i</x:issue>`,
		"service":          strings.Replace(fieldsXML, ">2<", ">3<", 1) + party + `<x:userId>u</x:userId><x:issue>i</x:issue>`,
		"userId":           fieldsXML + party + `<x:userId>v</x:userId><x:issue>i</x:issue>`,
		"representedParty": fieldsXML + `<x:userId>u</x:userId><x:issue>i</x:issue>`,
		"issue":            fieldsXML + party + `<x:userId>u</x:userId>`,
		"id":               strings.Replace(fieldsXML, "abc", "abd", 1) + party + `<x:userId>u</x:userId><x:issue>i</x:issue>`,
	} {
		err := soap.Consistent(request, header(fields))
		require.EqualError(t, err, "inconsistent_response: Field '"+name+"' does not match in request and response")
	}
	require.NoError(t, soap.Consistent(request, header(fieldsXML+party+`<x:userId>u</x:userId><x:issue>i</x:issue>`+
		`<x:securityServer i:objectType="SERVER"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass>`+
		`<i:memberCode>2</i:memberCode><i:serverCode>ss</i:serverCode></x:securityServer>`)), "the security server does not count")
}

func TestRoundTrip(t *testing.T) {
	part := rapid.StringMatching(`[A-Za-zõ0-9 &<>"'.]{0,8}[a-z0-9]`)
	rapid.Check(t, func(t *rapid.T) {
		client, err := identifier.NewSubsystem(part.Draw(t, "instance"), part.Draw(t, "class"), part.Draw(t, "code"), part.Draw(t, "subsystem"))
		require.NoError(t, err)
		service, err := identifier.NewService(client.Member(), "getX", part.Draw(t, "version"))
		require.NoError(t, err)
		text := part.Draw(t, "text")
		b := []byte(strings.NewReplacer("i:", "id:", ":i=", ":id=").Replace(openXML) + `<e:Header>`)
		b = service.AppendXML(b, "x:service")
		b = xmlsafe.AppendElement(b, "x:protocolVersion", "4.0")
		b = xmlsafe.AppendElement(b, "x:id", text)
		b = client.AppendXML(b, "x:client")
		b = append(b, `</e:Header><e:Body><x:getX/></e:Body>`+closeXML...)
		m, err := soap.Parse(b, "text/xml")
		require.NoError(t, err)
		require.Equal(t, client, m.Header.Client)
		require.Equal(t, service, m.Header.Service)
		require.Equal(t, text, m.Header.ID)
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(envelope(fieldsXML, `<getState/>`)))
	f.Add([]byte(envelope(fieldsXML, `<e:Fault><faultcode>a</faultcode></e:Fault>`)))
	f.Add([]byte("<?xml version='1.0' encoding='ISO-8859-1'?>" + envelope(fieldsXML, "<getState>\xe4</getState>")))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := soap.Parse(data, "text/xml")
		if (m == nil) == (err == nil) {
			t.Fatalf("message %v, error %v", m, err)
		}
		if err != nil || m.Fault != nil {
			return
		}
		if body := m.Body(); body != nil && (body.Tag != m.BodyName || body.NamespaceURI() != m.BodyNamespace) {
			t.Fatalf("two readers: {%s}%s and {%s}%s", m.BodyNamespace, m.BodyName, body.NamespaceURI(), body.Tag)
		}
		hashed, err := soap.InsertRequestHash(data, data)
		if err != nil {
			t.Fatalf("hash: %v", err)
		}
		again, err := soap.Parse(hashed, "text/xml")
		if err != nil || again.Header.RequestHash == nil || soap.Consistent(&m.Header, &again.Header) != nil {
			t.Fatalf("with a hash: %v", err)
		}
		response, err := soap.BuildResponse(m, nil)
		if err != nil {
			t.Fatalf("response: %v", err)
		}
		answer, err := soap.Parse(response, "text/xml")
		if err != nil || !answer.IsResponse() || soap.Consistent(&m.Header, &answer.Header) != nil {
			t.Fatalf("response: %v", err)
		}
	})
}
