package soap_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/soap"
)

// echo -n request | openssl dgst -sha512 -binary | base64 -w0
const hashOfRequest = "QCscS4PK6PVhvNKjGe0WHKSrDAH6G20cTwUdC8dcNSGnB/8qW2i4h4fH8E68l9jUu7Rl3W8knp0CiioOLnKiRQ=="

func TestRequestHashIsPlacedAfterTheID(t *testing.T) {
	const hash = `<x:requestHash a="1" x:b="&lt;" algorithmId="http://www.w3.org/2001/04/xmlenc#sha512">HASH</x:requestHash>`
	head := clientXML + serviceXML + "\n\t<!-- c -->\n  "
	id := `<x:id a="1" x:b='<'>abc</x:id>`
	id = strings.Replace(id, "<'", "&lt;'", 1)
	tail := "\n  " + versionXML
	body := `<getStateResponse><![CDATA[<&]]>&#228;&amp;<a  b = 'c' ></a></getStateResponse>`
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + envelope(head+id+"\n  "+hash+tail, body) + "\n"
	want = strings.Replace(want, "HASH", soap.RequestHash([]byte("request")), 1)

	for name, response := range map[string]string{
		"declaration replaced":    "<?xml version='1.0' encoding='utf-8'?>\r\n" + envelope(head+id+tail, body) + "\n\n",
		"no declaration":          envelope(head+id+tail, body),
		"byte order mark":         "\xef\xbb\xbf" + envelope(head+id+tail, body),
		"other hash after the id": envelope(head+id+`<x:requestHash algorithmId="x">foo</x:requestHash>`+tail, body),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := soap.InsertRequestHash([]byte(response), []byte("request"))
			require.NoError(t, err)
			require.Equal(t, want, string(got))
			require.NoError(t, soap.CheckRequestHash(&parse(t, string(got)).Header, []byte("request")))
			again, err := soap.InsertRequestHash(got, []byte("request"))
			require.NoError(t, err)
			require.Equal(t, want, string(again))
		})
	}
}

func TestOtherHashBeforeTheIDIsDropped(t *testing.T) {
	got, err := soap.InsertRequestHash([]byte(envelope(`<x:requestHash>foo</x:requestHash>`+fieldsXML, `<getStateResponse/>`)), nil)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(got), "requestHash "))
	require.NotContains(t, string(got), "foo")
}

func TestRequestHashWithDefaultNamespace(t *testing.T) {
	fields := clientXML + serviceXML + `<id xmlns="http://x-road.eu/xsd/xroad.xsd" algorithmId="mine">abc</id>` + versionXML
	got, err := soap.InsertRequestHash([]byte(envelope(fields, `<getStateResponse/>`)), []byte("request"))
	require.NoError(t, err)
	require.NoError(t, soap.CheckRequestHash(&parse(t, string(got)).Header, []byte("request")))
}

func TestRequestHash(t *testing.T) {
	require.Equal(t, hashOfRequest, soap.RequestHash([]byte("request")))
	require.EqualError(t, soap.CheckRequestHash(&soap.Header{}, nil),
		"inconsistent_response: Response from server proxy is missing request message hash")
	require.EqualError(t, soap.CheckRequestHash(&soap.Header{RequestHash: &soap.Hash{Value: hashOfRequest}}, []byte("requesT")),
		"inconsistent_response: Request message hash does not match request message")
	require.NoError(t, soap.CheckRequestHash(&soap.Header{RequestHash: &soap.Hash{Algorithm: "any", Value: hashOfRequest}}, []byte("request")))

	_, err := soap.InsertRequestHash([]byte("<a/>"), nil)
	require.Equal(t, "invalid_soap", fault.CodeOf(err))
	_, err = soap.InsertRequestHash((&soap.Fault{Code: "c"}).Encode(), nil)
	require.ErrorContains(t, err, "c: ")
}

func TestBuildResponse(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"prefix":        {`<p:getState xmlns:p="urn:p" a="1"><b/></p:getState>`, `<p:getStateResponse xmlns:p="urn:p" a="1"><b/><extra/></p:getStateResponse>`},
		"empty element": {`<x:getState a="1" />`, `<x:getStateResponse a="1" ><extra/></x:getStateResponse>`},
		"suffix":        {` <getStateRequest> <a/></getStateRequest> `, ` <getStateResponse> <a/><extra/></getStateResponse> `},
		"namespace":     {`<getState xmlns="urn:d"/>`, `<getStateResponse xmlns="urn:d"><extra/></getStateResponse>`},
	} {
		t.Run(name, func(t *testing.T) {
			request := parse(t, "<?xml version='1.0'?>\n"+envelope(fieldsXML+"<!-- c -->", c.body))
			got, err := soap.BuildResponse(request, []byte("<extra/>"))
			require.NoError(t, err)
			require.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>`+envelope(fieldsXML+"<!-- c -->", c.want), string(got))
			response := parse(t, string(got))
			require.True(t, response.IsResponse())
			require.NoError(t, soap.Consistent(&request.Header, &response.Header))
		})
	}
	_, err := soap.BuildResponse(parse(t, string((&soap.Fault{Code: "c"}).Encode())), nil)
	require.Error(t, err)
}
