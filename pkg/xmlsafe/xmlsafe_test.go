package xmlsafe_test

import (
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

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<a xmlns:p="urn:n" p:x="1"><b>t</b></a>`))
	f.Add([]byte(`<!DOCTYPE a><a/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := xmlsafe.Parse(data, xmlsafe.Default)
		if (root == nil) == (err == nil) {
			t.Fatalf("root %v, error %v", root, err)
		}
	})
}
