package xmlsafe_test

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

func TestParseRefuses(t *testing.T) {
	for name, doc := range map[string]string{
		"document type":                  `<!DOCTYPE a [<!ENTITY x "y">]><a/>`,
		"external entity":                `<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`,
		"two roots":                      `<a/><b/>`,
		"text after the root":            `<a/>text`,
		"text before the root":           `text<a/>`,
		"no root":                        `<?xml version="1.0"?>`,
		"empty":                          ``,
		"duplicate attribute":            `<a x="1" x="2"/>`,
		"same attribute by two prefixes": `<a xmlns:p="urn:n" xmlns:q="urn:n" p:x="1" q:x="2"/>`,
		"other encoding":                 `<?xml version="1.0" encoding="UTF-16"?><a/>`,
		"not UTF-8":                      "<a>\xff</a>",
		"unclosed":                       `<a><b></a>`,
		"undefined entity":               `<a>&nbsp;</a>`,
		"too deep":                       strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65),
		"too large":                      "<a>" + strings.Repeat("x", 1<<20) + "</a>",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := xmlsafe.Parse([]byte(doc), xmlsafe.Default)
			require.Equal(t, "invalid_xml", fault.CodeOf(err))
			require.Equal(t, fault.Invalid, fault.From(err).Kind)
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for name, doc := range map[string]string{
		"plain":               `<a/>`,
		"declaration":         `<?xml version="1.0" encoding="utf-8" ?><a/>`,
		"byte order mark":     "\xef\xbb\xbf<a/>",
		"comments around":     "<!-- x --><a/><!-- y -->\n",
		"declared as Latin-1": `<?xml version="1.0" encoding="ISO-8859-1"?><a>x</a>`,
	} {
		t.Run(name, func(t *testing.T) {
			root, err := xmlsafe.Parse([]byte(doc), xmlsafe.Default)
			require.NoError(t, err)
			require.Equal(t, "a", root.Tag)
		})
	}
}

func TestLookUpIsByNamespaceAndName(t *testing.T) {
	root, err := xmlsafe.Parse([]byte(`<a xmlns="urn:1" xmlns:o="urn:2"><o:code>other</o:code><code>ours</code><twice/><twice/></a>`), xmlsafe.Default)
	require.NoError(t, err)

	el, err := xmlsafe.One(root, "urn:1", "code")
	require.NoError(t, err)
	text, err := xmlsafe.Text(el)
	require.NoError(t, err)
	require.Equal(t, "ours", text)

	_, err = xmlsafe.One(root, "urn:1", "twice")
	require.Error(t, err)
	_, err = xmlsafe.One(root, "urn:3", "code")
	require.Error(t, err)
	none, err := xmlsafe.Optional(root, "urn:3", "code")
	require.NoError(t, err)
	require.Nil(t, none)
}

func TestTextRefusesWhatSplitsIt(t *testing.T) {
	for _, doc := range []string{`<a>ad<!-- -->min</a>`, `<a>ad<?x?>min</a>`, `<a>ad<b/>min</a>`} {
		root, err := xmlsafe.Parse([]byte(doc), xmlsafe.Default)
		require.NoError(t, err)
		_, err = xmlsafe.Text(root)
		require.Error(t, err, doc)
	}
}

func TestAppendRoundTrip(t *testing.T) {
	const nasty = "a&b<c>\"d'\r\n\té"
	doc := xmlsafe.AppendElement(nil, "t", nasty)
	root, err := xmlsafe.Parse(doc, xmlsafe.Default)
	require.NoError(t, err)
	text, err := xmlsafe.Text(root)
	require.NoError(t, err)
	require.Equal(t, nasty, text)
}

// TestAttributeKnowsReservedPrefixes: etree knows no namespace for xml and xmlns, and what has none must not pass for unqualified.
func TestAttributeKnowsReservedPrefixes(t *testing.T) {
	const xmlNamespace = "http://www.w3.org/XML/1998/namespace"
	root, err := xmlsafe.Parse([]byte(`<xml:a xmlns:Id="urn:1" xml:Id="2"><b xmlns:Id="urn:3" xml:Id="4" Id="5"/></xml:a>`), xmlsafe.Default)
	require.NoError(t, err)
	require.False(t, xmlsafe.Is(root, "", "a"))
	require.True(t, xmlsafe.Is(root, xmlNamespace, "a"))
	_, found := xmlsafe.Attribute(root, "", "Id")
	require.False(t, found)
	value, found := xmlsafe.Attribute(root, xmlNamespace, "Id")
	require.True(t, found)
	require.Equal(t, "2", value)

	b, err := xmlsafe.One(root, "", "b")
	require.NoError(t, err)
	value, found = xmlsafe.Attribute(b, "", "Id")
	require.True(t, found)
	require.Equal(t, "5", value)
}

func TestParseLeavesTheBytesAlone(t *testing.T) {
	const document = "<a b='\t\n\r'>\r\n\r</a>"
	data := []byte(document)
	_, err := xmlsafe.Parse(data, xmlsafe.Default)
	require.NoError(t, err)
	require.Equal(t, document, string(data))
}

// TestNamesAreOfBothEditions: whatever may start or continue a name here may do so in encoding/xml, which goes by the fourth edition, too;
// it does not look at what follows a colon.
func TestNamesAreOfBothEditions(t *testing.T) {
	for c := rune(0x80); c <= 0xffff; c++ {
		if c >= 0xd800 && c <= 0xdfff {
			continue
		}
		for _, prefix := range []string{"", "a"} {
			_, err := xmlsafe.Parse([]byte("<p:"+prefix+string(c)+" xmlns:p='urn:p'/>"), xmlsafe.Default)
			if err == nil {
				_, err := xml.NewDecoder(strings.NewReader("<" + prefix + string(c) + "/>")).RawToken()
				require.NoError(t, err, "%U after %q", c, prefix)
			}
		}
	}
}

// FuzzParse: what is accepted has one canonical form, which reads the same. TestAgainstXmllint compares the seeds with another reader.
func FuzzParse(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d.document))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		root, err := xmlsafe.Parse(data, xmlsafe.Default)
		if !bytes.Equal(before, data) {
			t.Fatal("the document was changed")
		}
		if (root == nil) == (err == nil) {
			t.Fatalf("root %v, error %v", root, err)
		}
		if err != nil {
			return
		}
		form := view(root)
		again, err := xmlsafe.Parse([]byte(form), xmlsafe.Limits{Bytes: 1 << 24, Depth: xmlsafe.Default.Depth})
		if err != nil {
			t.Fatalf("%q is refused in canonical form %q: %v", data, form, err)
		}
		if got := view(again); got != form {
			t.Fatalf("%q reads as %q, and that as %q", data, form, got)
		}
	})
}
