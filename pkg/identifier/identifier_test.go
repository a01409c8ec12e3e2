package identifier_test

import (
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

func TestPrintedForms(t *testing.T) {
	member, err := identifier.NewMember("EE", "GOV", "123")
	require.NoError(t, err)
	subsystem, err := member.Subsystem("sub")
	require.NoError(t, err)
	server, err := identifier.NewSecurityServer(subsystem, "ss1")
	require.NoError(t, err)
	service, err := identifier.NewService(subsystem, "getX", "v1")
	require.NoError(t, err)
	plain, err := identifier.NewService(member, "getX", "")
	require.NoError(t, err)
	group, err := identifier.NewGlobalGroup("EE", "security-server-owners")
	require.NoError(t, err)

	for _, c := range []struct{ got, want string }{
		{member.String(), "MEMBER:EE/GOV/123"},
		{subsystem.String(), "SUBSYSTEM:EE/GOV/123/sub"},
		{subsystem.Encoded(), "EE:GOV:123:sub"},
		{subsystem.Member().Encoded(), "EE:GOV:123"},
		{server.String(), "SERVER:EE/GOV/123/ss1"},
		{server.Encoded(), "EE:GOV:123:ss1"},
		{server.Owner().String(), "MEMBER:EE/GOV/123"},
		{service.String(), "SERVICE:EE/GOV/123/sub/getX/v1"},
		{service.Encoded(), "EE:GOV:123:sub:getX.v1"},
		{plain.String(), "SERVICE:EE/GOV/123/getX"},
		{group.String(), "GLOBALGROUP:EE/security-server-owners"},
		{group.Encoded(), "EE:security-server-owners"},
	} {
		require.Equal(t, c.want, c.got)
	}
}

func TestEncodedFormRefuses(t *testing.T) {
	for _, encoded := range []string{"", "EE", "EE:GOV", "EE:GOV:1:s:x", "EE::1", "EE: :1", "EE:GOV:a/b", "EE:GOV:a%b", `EE:GOV:a\b`,
		"EE:GOV:a;b", "EE:GOV:a\x00", "EE:GOV:a\u200b", "EE:GOV:" + strings.Repeat("x", 256)} {
		_, err := identifier.ParseClientID(encoded)
		require.Equal(t, "invalid_encoded_id", fault.CodeOf(err), "%q", encoded)
	}
	_, err := identifier.ParseSecurityServerID("EE:GOV:1")
	require.Equal(t, "invalid_encoded_id", fault.CodeOf(err))
	_, err = identifier.ParseGlobalGroupID("EE:a:b")
	require.Equal(t, "invalid_encoded_id", fault.CodeOf(err))
}

func TestWireTakesWhatAdministratorsMayNotEnter(t *testing.T) {
	id, err := identifier.NewMember("EE", "GOV", "a%b")
	require.NoError(t, err)
	require.False(t, id.Valid())
	_, err = identifier.NewMember("EE", " ", "1")
	require.EqualError(t, err, "internal_error: 'memberClass' must not be blank")
}

func part(t *rapid.T, name string) string {
	return rapid.StringMatching(`[A-Za-zõäöü0-9'()+,\-.=?_ &<>"]{0,12}[A-Za-z0-9]`).Draw(t, name)
}

func TestEncodedAndXMLRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id, err := identifier.NewSubsystem(part(t, "instance"), part(t, "class"), part(t, "code"), part(t, "subsystem"))
		require.NoError(t, err)
		for _, client := range []identifier.ClientID{id, id.Member()} {
			back, err := identifier.ParseClientID(client.Encoded())
			require.NoError(t, err)
			require.Equal(t, client, back)
			fromXML, err := identifier.ClientFromXML(root(t, client.AppendXML(nil, "client")))
			require.NoError(t, err)
			require.Equal(t, client, fromXML)
		}
		server, err := identifier.NewSecurityServer(id, part(t, "server"))
		require.NoError(t, err)
		serverBack, err := identifier.SecurityServerFromXML(root(t, server.AppendXML(nil, "server")))
		require.NoError(t, err)
		require.Equal(t, server, serverBack)
		service, err := identifier.NewService(id, part(t, "service"), rapid.SampledFrom([]string{"", "v1"}).Draw(t, "version"))
		require.NoError(t, err)
		serviceBack, err := identifier.ServiceFromXML(root(t, service.AppendXML(nil, "service")))
		require.NoError(t, err)
		require.Equal(t, service, serviceBack)
	})
}

type tester interface {
	require.TestingT
	Helper()
}

func root(t tester, fragment []byte) *etree.Element {
	t.Helper()
	doc := `<r xmlns:id="` + identifier.Namespace + `">` + string(fragment) + `</r>`
	r, err := xmlsafe.Parse([]byte(doc), xmlsafe.Default)
	require.NoError(t, err)
	return r.ChildElements()[0]
}

func TestXMLRefuses(t *testing.T) {
	const parts = `<id:xRoadInstance>EE</id:xRoadInstance><id:memberClass>GOV</id:memberClass><id:memberCode>1</id:memberCode>`
	for _, c := range []struct{ xml, code, text string }{
		{`<c id:objectType="MEMBER">` + parts + `<id:subsystemCode>s</id:subsystemCode></c>`, "invalid_client_identifier", "Redundant subsystem code"},
		{`<c id:objectType="SUBSYSTEM">` + parts + `</c>`, "invalid_client_identifier", "Missing required subsystem code"},
		{`<c>` + parts + `</c>`, "invalid_xml", "Missing objectType attribute"},
		{`<c objectType="MEMBER">` + parts + `</c>`, "invalid_xml", "Missing objectType attribute"},
		{`<c id:objectType="CENTRALSERVICE">` + parts + `</c>`, "invalid_xml", "Unknown objectType: CENTRALSERVICE"},
		{`<c id:objectType="SERVER">` + parts + `<id:serverCode>s</id:serverCode></c>`, "invalid_xml", "Unexpected objectType: SERVER"},
		{`<c id:objectType="MEMBER">` + parts + `<id:memberCode>2</id:memberCode></c>`, "duplicate_header_field",
			"SOAP header contains duplicate field '{http://x-road.eu/xsd/identifiers}memberCode'"},
		{`<c id:objectType="MEMBER"><id:xRoadInstance>EE</id:xRoadInstance></c>`, "internal_error", "'memberClass' must not be blank"},
		{`<c id:objectType="MEMBER"><id:xRoadInstance>E<!-- -->E</id:xRoadInstance></c>`, "invalid_xml", `element "xRoadInstance" may hold text only`},
	} {
		_, err := identifier.ClientFromXML(root(t, []byte(c.xml)))
		require.Equal(t, c.code, fault.CodeOf(err), c.xml)
		require.Equal(t, c.text, fault.From(err).Message)
	}
}

func FuzzParseClientID(f *testing.F) {
	f.Add("EE:GOV:1:s")
	f.Add("EE:GOV:1")
	f.Fuzz(func(t *testing.T, encoded string) {
		id, err := identifier.ParseClientID(encoded)
		if err == nil && id.Encoded() != encoded {
			t.Fatalf("%q became %q", encoded, id.Encoded())
		}
	})
}
