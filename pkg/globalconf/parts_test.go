package globalconf_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
)

func TestSharedParametersOfEveryVersion(t *testing.T) {
	for version := globalconf.MinVersion; version <= globalconf.MaxVersion; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			data, err := globalconf.EncodeShared(version, sample(t, "TEST"))
			require.NoError(t, err)
			golden(t, fmt.Sprintf("shared-params-v%d.xml", version), data)
			validate(t, ownSchema(t, fmt.Sprintf("shared-parameters-v%d.xsd", version)), data)
			read, err := globalconf.DecodeShared(version, data)
			require.NoError(t, err)
			require.Equal(t, asRead(version, sample(t, "TEST")), read)
		})
	}
}

func TestPrivateParametersOfEveryVersion(t *testing.T) {
	for version := globalconf.MinVersion; version <= globalconf.MaxVersion; version++ {
		data, err := globalconf.EncodePrivate(version, samplePrivate(t, "TEST"))
		require.NoError(t, err)
		golden(t, "private-params.xml", data)
		validate(t, ownSchema(t, fmt.Sprintf("private-parameters-v%d.xsd", min(version, 3))), data)
		read, err := globalconf.DecodePrivate(version, data)
		require.NoError(t, err)
		require.Equal(t, samplePrivate(t, "TEST"), read)
	}
}

// asRead is what a reader of one version finds of what a writer gave.
func asRead(version int, p *globalconf.SharedParameters) *globalconf.SharedParameters {
	if version < 3 {
		p.Sources = nil
	}
	for i := range p.ApprovedCAs {
		a := &p.ApprovedCAs[i]
		if version < 6 {
			a.DefaultCSRFormat = ""
			for j := range a.TopCA.Responders {
				a.TopCA.Responders[j].CostType = ""
			}
		}
		switch {
		case version < 3:
			a.ACME = nil
		case version < 4 && a.ACME != nil:
			a.ACME.AuthenticationProfileID, a.ACME.SigningProfileID = "", ""
		}
	}
	for i := range p.ApprovedTSAs {
		if version < 6 {
			p.ApprovedTSAs[i].CostType = ""
		}
	}
	for i := range p.Members {
		for j := range p.Members[i].Subsystems {
			if version < 5 {
				p.Members[i].Subsystems[j].Name = ""
			}
		}
	}
	for i := range p.SecurityServers {
		s := &p.SecurityServers[i]
		for _, der := range s.AuthCertificates {
			if version == 2 {
				sum := sha1.Sum(der)
				s.AuthCertHashes = append(s.AuthCertHashes, sum[:])
			} else {
				sum := sha256.Sum256(der)
				s.AuthCertHashes = append(s.AuthCertHashes, sum[:])
			}
		}
		s.AuthCertificates = nil
		if s.Maintenance == nil || version >= 5 {
			continue
		}
		s.Maintenance = nil
		var members []identifier.ClientID
		for _, c := range s.Clients {
			if !c.IsSubsystem() {
				members = append(members, c)
			}
		}
		s.Clients = members
	}
	return p
}

func text(t *rapid.T, name string) string {
	return rapid.StringMatching(`[A-Za-zõ0-9&<>"'\]./\t\n -]{0,10}[A-Za-z0-9]`).Draw(t, name)
}

func drawShared(t *rapid.T) *globalconf.SharedParameters {
	p := &globalconf.SharedParameters{InstanceIdentifier: "I", Sources: []globalconf.Source{{Address: text(t, "address")}}}
	for m := range rapid.IntRange(0, 4).Draw(t, "members") {
		id, err := identifier.NewMember("I", text(t, "class"), fmt.Sprint(m, text(t, "code")))
		require.NoError(t, err)
		one := globalconf.Member{ID: id, ClassDescription: text(t, "description"), Name: text(t, "name")}
		for s := range rapid.IntRange(0, 3).Draw(t, "subsystems") {
			sub, err := id.Subsystem(fmt.Sprint(s, text(t, "subsystem")))
			require.NoError(t, err)
			one.Subsystems = append(one.Subsystems, globalconf.Subsystem{ID: sub, Name: rapid.SampledFrom([]string{"", "name", " <name>"}).Draw(t, "subsystem name")})
		}
		p.Members = append(p.Members, one)
	}
	var clients []identifier.ClientID
	for _, m := range p.Members {
		clients = append(clients, m.ID)
		for _, s := range m.Subsystems {
			clients = append(clients, s.ID)
		}
	}
	for i, m := range p.Members {
		id, err := identifier.NewSecurityServer(m.ID, fmt.Sprint("ss", i))
		require.NoError(t, err)
		s := globalconf.SecurityServer{ID: id, Address: rapid.SampledFrom([]string{"", "a.example.org"}).Draw(t, "server address")}
		for _, c := range clients {
			if rapid.Bool().Draw(t, "client") {
				s.Clients = append(s.Clients, c)
			}
		}
		if rapid.Bool().Draw(t, "maintenance") {
			message := rapid.SampledFrom([]string{"", "message"}).Draw(t, "message")
			s.Maintenance = &message
		}
		s.AuthCertificates = [][]byte{rapid.SliceOfN(rapid.Byte(), 1, 5).Draw(t, "certificate")}
		p.SecurityServers = append(p.SecurityServers, s)
	}
	p.GlobalGroups = []globalconf.GlobalGroup{{Code: text(t, "group"), Description: text(t, "group description"), Members: clients}}
	p.GlobalSettings.OCSPFreshness = time.Duration(rapid.IntRange(0, 1<<20).Draw(t, "freshness")) * time.Second
	return p
}

func TestSharedParametersRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawShared(t)
		version := rapid.IntRange(globalconf.MinVersion, globalconf.MaxVersion).Draw(t, "version")
		data, err := globalconf.EncodeShared(version, p)
		require.NoError(t, err)
		read, err := globalconf.DecodeShared(version, data)
		require.NoError(t, err)
		require.Equal(t, asRead(version, p), read)
		again, err := globalconf.EncodeShared(version, read)
		if version > 2 {
			require.NoError(t, err)
			require.Equal(t, string(data), string(again))
		}
	})
}

func TestEncodeRefusesContradictions(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *globalconf.SharedParameters)
		text   string
	}{
		"no source":           {func(p *globalconf.SharedParameters) { p.Sources = nil }, "no configuration source"},
		"unknown client":      {func(p *globalconf.SharedParameters) { p.Members[0].Subsystems = nil }, "client SUBSYSTEM:TEST/GOV/1/a is not among the members"},
		"member twice":        {func(p *globalconf.SharedParameters) { p.Members = append(p.Members, p.Members[1]) }, "occurs twice"},
		"foreign subsystem":   {func(p *globalconf.SharedParameters) { p.Members[1].Subsystems = p.Members[0].Subsystems }, "is not a subsystem of"},
		"other instance":      {func(p *globalconf.SharedParameters) { p.InstanceIdentifier = "OTHER" }, "is not of instance OTHER"},
		"control character":   {func(p *globalconf.SharedParameters) { p.Members[0].Name = "a\x01b" }, "character that XML does not allow"},
		"not UTF-8":           {func(p *globalconf.SharedParameters) { p.Members[0].Name = "a\xff" }, "character that XML does not allow"},
		"unknown cost type":   {func(p *globalconf.SharedParameters) { p.ApprovedTSAs[0].CostType = "CHEAP" }, "is not a value of costType"},
		"unknown CSR format":  {func(p *globalconf.SharedParameters) { p.ApprovedCAs[0].DefaultCSRFormat = "TXT" }, "is not a value of defaultCsrFormat"},
		"group of no members": {func(p *globalconf.SharedParameters) { p.GlobalGroups[0].Members[0] = identifier.ClientID{} }, "names nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "TEST")
			c.change(p)
			data, err := globalconf.EncodeShared(6, p)
			require.ErrorContains(t, err, c.text)
			require.Nil(t, data)
		})
	}
	_, err := globalconf.EncodeShared(7, sample(t, "TEST"))
	require.ErrorContains(t, err, "version 7 is not supported")
	_, err = globalconf.EncodePrivate(6, &globalconf.PrivateParameters{InstanceIdentifier: "TEST"})
	require.ErrorContains(t, err, "names nothing")
}

const minimal = `<c:conf xmlns:c="http://x-road.eu/xsd/xroad.xsd" xmlns:id="http://x-road.eu/xsd/identifiers"><instanceIdentifier>I</instanceIdentifier>` +
	`<source><address>a</address></source>%s<globalSettings><ocspFreshnessSeconds>%s</ocspFreshnessSeconds></globalSettings>%s</c:conf>`

func TestDecodeAccepts(t *testing.T) {
	for name, doc := range map[string]string{
		"minimal":                   fmt.Sprintf(minimal, "", "1", ""),
		"tail":                      fmt.Sprintf(minimal, "", "1", `<x xmlns="urn:y"><!-- c --><z a="1">text<![CDATA[<]]></z></x><conf/>`),
		"white space and comments":  fmt.Sprintf(minimal, " <!-- c -->\r\n\t<?p i?>", " +7\n", " "),
		"byte order mark":           "\xef\xbb\xbf" + fmt.Sprintf(minimal, "", "1", ""),
		"declaration":               `<?xml version="1.0" encoding="utf-8" standalone="yes"?>` + fmt.Sprintf(minimal, "", "1", ""),
		"central service":           fmt.Sprintf(minimal, "<centralService><serviceCode>s</serviceCode></centralService>", "1", ""),
		"ids without references":    fmt.Sprintf(minimal, `<member id="m"><memberClass><code>C</code><description/></memberClass><memberCode>1</memberCode><name>n</name></member>`, "1", ""),
		"base64 with white space":   fmt.Sprintf(minimal, "<approvedTSA><name/><url/><cert> YWJj\nZA== </cert></approvedTSA>", "1", ""),
		"CDATA and references":      fmt.Sprintf(minimal, "<approvedTSA><name><![CDATA[a<b]]>&#x26;&amp;</name><url/><cert/></approvedTSA>", "1", ""),
		"schema instance attribute": strings.Replace(fmt.Sprintf(minimal, "", "1", ""), "<c:conf", `<c:conf xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := globalconf.DecodeShared(6, []byte(doc))
			require.NoError(t, err)
			require.Equal(t, "I", p.InstanceIdentifier)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	const someMember = `<member id="m"><memberClass><code>C</code><description/></memberClass><memberCode>1</memberCode><name>n</name>%s</member>`
	const someServer = `<securityServer><owner>%s</owner><serverCode>s</serverCode>%s</securityServer>`
	const group = `<globalGroup><groupCode>g</groupCode><description/><groupMember id:objectType="%s">%s</groupMember></globalGroup>`
	const parts = `<id:xRoadInstance>I</id:xRoadInstance><id:memberClass>C</id:memberClass><id:memberCode>1</id:memberCode>`
	doc := func(body string) string { return fmt.Sprintf(minimal, body, "1", "") }
	for name, c := range map[string]struct{ doc, text string }{
		"document type":           {`<!DOCTYPE conf [<!ENTITY x "y">]>` + doc(""), "document type declarations are not allowed"},
		"two roots":               {doc("") + "<a/>", "content after the root element"},
		"text after the root":     {doc("") + "x", "content after the root element"},
		"unclosed":                {strings.TrimSuffix(doc(""), "</c:conf>"), "document ends inside"},
		"crossed":                 {doc("<approvedTSA><name></approvedTSA></name>"), "not ended by its own end tag"},
		"other root":              {`<conf/>`, "root element is"},
		"empty":                   {``, "no root element"},
		"not UTF-8":               {doc("<approvedTSA><name>\xff</name></approvedTSA>"), "not UTF-8"},
		"other encoding":          {`<?xml version="1.0" encoding="UTF-16"?>` + doc(""), "unsupported encoding"},
		"undeclared prefix":       {doc("<x:y/>"), "is not declared"},
		"undefined entity":        {doc("<approvedTSA><name>&nbsp;</name></approvedTSA>"), "unknown reference"},
		"control character":       {doc("<approvedTSA><name>&#1;</name></approvedTSA>"), "unknown reference"},
		"duplicate attribute":     {doc(`<member id="a" id="b"/>`), "occurs twice"},
		"unknown attribute":       {doc(`<approvedTSA x="1"/>`), "is not expected"},
		"text among elements":     {doc("text"), "may hold elements only"},
		"comment in text":         {doc("<approvedTSA><name>a<!-- -->b</name></approvedTSA>"), "not ended by its own end tag"},
		"element in text":         {doc("<approvedTSA><name>a<b/></name></approvedTSA>"), "not ended by its own end tag"},
		"too deep":                {fmt.Sprintf(minimal, "", "1", strings.Repeat("<a>", 65)), "nested elements"},
		"missing settings":        {strings.Split(doc(""), "<globalSettings>")[0] + "</c:conf>", `"globalSettings" is missing`},
		"missing source":          {strings.Replace(doc(""), "<source><address>a</address></source>", "", 1), `"source" is missing`},
		"blank instance":          {strings.Replace(doc(""), ">I<", "> <", 1), "instance identifier is blank"},
		"wrong order":             {doc(fmt.Sprintf(someServer, "m", "") + fmt.Sprintf(someMember, "")), "reference to unknown id"},
		"source after members":    {doc(fmt.Sprintf(someMember, "") + "<source><address>b</address></source>"), "is not expected here"},
		"qualified local element": {doc(`<c:approvedTSA/>`), "is not expected here"},
		"unknown element":         {doc(`<surprise/>`), "is not expected here"},
		"duplicate id":            {doc(fmt.Sprintf(someMember, `<subsystem id="m"><subsystemCode>s</subsystemCode></subsystem>`)), `id "m" occurs twice`},
		"dangling owner":          {doc(fmt.Sprintf(someMember, "") + fmt.Sprintf(someServer, "n", "")), `reference to unknown id "n"`},
		"dangling client":         {doc(fmt.Sprintf(someMember, "") + fmt.Sprintf(someServer, "m", "<client>x</client>")), `reference to unknown id "x"`},
		"subsystem owns":          {doc(fmt.Sprintf(someMember, `<subsystem id="s"><subsystemCode>s</subsystemCode></subsystem>`) + fmt.Sprintf(someServer, "s", "")), "is a subsystem"},
		"blank member code":       {strings.Replace(doc(fmt.Sprintf(someMember, "")), "<memberCode>1<", "<memberCode> <", 1), "'memberCode' must not be blank"},
		"bad hash":                {doc(fmt.Sprintf(someMember, "") + fmt.Sprintf(someServer, "m", "<authCertHash>%%</authCertHash>")), "base64"},
		"bad freshness":           {fmt.Sprintf(minimal, "", "soon", ""), "not a number of seconds"},
		"negative freshness":      {fmt.Sprintf(minimal, "", "-1", ""), "not a number of seconds"},
		"bad cost":                {doc("<approvedTSA><name/><url/><cert/><costType>CHEAP</costType></approvedTSA>"), "is not a value of"},
		"other object type":       {doc(fmt.Sprintf(group, "SERVICE", parts)), "does not fit the parts"},
		"blank subsystem code":    {doc(fmt.Sprintf(group, "SUBSYSTEM", parts+"<id:subsystemCode/>")), "'subsystemCode' must not be blank"},
		"subsystem without code":  {doc(fmt.Sprintf(group, "SUBSYSTEM", parts)), "does not fit the parts"},
		"unqualified parts":       {doc(fmt.Sprintf(group, "MEMBER", strings.ReplaceAll(parts, "id:", ""))), `"xRoadInstance" is missing`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := globalconf.DecodeShared(6, []byte(c.doc))
			require.Nil(t, p)
			require.Equal(t, "malformed_global_conf", fault.CodeOf(err))
			require.Equal(t, "Malformed shared parameters", fault.From(err).Message)
			require.ErrorContains(t, errors.Unwrap(err), c.text)
		})
	}
}

func TestElementsBelongToTheirVersions(t *testing.T) {
	p := sample(t, "TEST")
	for written := globalconf.MinVersion; written <= globalconf.MaxVersion; written++ {
		data, err := globalconf.EncodeShared(written, p)
		require.NoError(t, err)
		for read := globalconf.MinVersion; read <= globalconf.MaxVersion; read++ {
			_, err := globalconf.DecodeShared(read, data)
			// From 3 on a newer reader takes an older document, but nobody takes a newer one or one without sources.
			if read == written || written > 2 && read > written {
				require.NoError(t, err, "written %d, read %d", written, read)
			} else {
				require.Error(t, err, "written %d, read %d", written, read)
			}
		}
	}
}
