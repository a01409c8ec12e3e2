package xmlsafe_test

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// verdict is what the judge, or we, say to a document. Documents that both accept must also read the same.
type verdict int

const (
	accepted verdict = iota
	refused
	stricter // refused by us only
)

type judged struct {
	name, document string
	verdict        verdict
	reason         string // why we are stricter, or why the judge's canonical form does not serve
}

const fifthEdition = "encoding/xml and Xerces know the names of the fourth edition only"

var documents = []judged{
	{"plain", `<a/>`, accepted, ""},
	{"white space in tags", "<a  b = '1'\n\tc\r\n=\r\"2\" ></a\n>", accepted, ""},
	{"declared and ancestor's prefix on one element", `<r xmlns:k="urn:k"><x:a xmlns:x="urn:x" xmlns:z="urn:z" z:b="c" k:b="2"/></r>`, accepted, ""},
	{"header with inline namespace and mustUnderstand", `<s:Envelope xmlns:s="urn:s"><s:Header><x:client xmlns:x="urn:x" xmlns:id="urn:id" id:objectType="M" s:mustUnderstand="1"/></s:Header></s:Envelope>`, accepted, ""},

	{"name with two colons", `<a:b:c xmlns:a="urn:a"/>`, refused, ""},
	{"name with an empty prefix", `<:a/>`, refused, ""},
	{"name with an empty local part", `<a: xmlns:a="urn:a"/>`, refused, ""},
	{"colon only", `<:/>`, refused, ""},
	{"local part starts with a digit", `<p:1 xmlns:p="urn:p"/>`, refused, ""},
	{"local part starts with a dash", `<p:-a xmlns:p="urn:p"/>`, refused, ""},
	{"attribute with two colons", `<a xmlns:b="urn:b" b:c:d="1"/>`, refused, ""},
	{"attribute with an empty prefix", `<a :b="1"/>`, refused, ""},
	{"attribute with an empty local part", `<a xmlns:b="urn:b" b:="1"/>`, refused, ""},
	{"declaration of an empty prefix", `<a xmlns:="urn:a"/>`, refused, ""},
	{"declaration with two colons", `<a xmlns:b:c="urn:a"/>`, refused, ""},
	{"name starts with a digit", `<1/>`, refused, ""},
	{"name starts with a dot", `<.a/>`, refused, ""},
	{"name with a multiplication sign", `<a×/>`, refused, ""},
	{"name with an ASCII sign", `<a+b/>`, refused, ""},
	{"name with letters of Estonian", `<x:õppija xmlns:x="urn:x" šifr="ž"/>`, accepted, ""},
	{"name with a combining mark inside", "<ae\u0301/>", accepted, ""},
	{"name starts with a combining mark", "<\u0301a/>", refused, ""},
	{"local part starts with a combining mark", "<p:\u0301a xmlns:p='urn:p'/>", refused, ""},
	{"local part starts with a Devanagari mark", "<p:\u0901 xmlns:p='urn:p'/>", stricter, fifthEdition},
	{"name of the fifth edition", "<\u0220/>", stricter, fifthEdition},
	{"name beyond the basic plane", "<\U00010400/>", stricter, fifthEdition},

	{"undeclared element prefix", `<p:a/>`, refused, ""},
	{"undeclared attribute prefix", `<a p:b="1"/>`, refused, ""},
	{"prefix out of scope", `<a><b xmlns:p="urn:p"/><p:c/></a>`, refused, ""},
	{"prefix hidden and back", `<p:a xmlns:p="urn:1"><p:b xmlns:p="urn:2"><p:c/></p:b><p:d/></p:a>`, accepted, ""},
	{"default namespace taken back", `<a xmlns="urn:1"><b xmlns=""><c/></b><d/></a>`, accepted, ""},
	{"empty namespace for a prefix", `<a xmlns:p=""/>`, refused, ""},
	{"xml bound to its namespace", `<a xmlns:xml="http://www.w3.org/XML/1998/namespace" xml:lang="et"/>`, accepted, ""},
	{"xml bound to another", `<a xmlns:xml="urn:x"/>`, refused, ""},
	{"other prefix bound to xml's", `<a xmlns:p="http://www.w3.org/XML/1998/namespace"/>`, refused, ""},
	{"default bound to xml's", `<a xmlns="http://www.w3.org/XML/1998/namespace"/>`, refused, ""},
	{"xmlns declared", `<a xmlns:xmlns="http://www.w3.org/2000/xmlns/"/>`, refused, ""},
	{"xmlns declared as another", `<a xmlns:xmlns="urn:x"/>`, refused, ""},
	{"prefix bound to xmlns's", `<a xmlns:p="http://www.w3.org/2000/xmlns/"/>`, refused, ""},
	{"default bound to xmlns's", `<a xmlns="http://www.w3.org/2000/xmlns/"/>`, refused, ""},
	{"element with prefix xmlns", `<xmlns:a/>`, refused, ""},
	{"element with prefix xml", `<xml:a/>`, accepted, ""},
	{"xml attributes", `<a xml:lang="et" xml:space="preserve"><b xml:id="x"/></a>`, accepted, ""},
	{"namespace with references", `<p:a xmlns:p="urn:&amp;&#x61;"/>`, accepted, "libxml2 does not escape namespaces"},
	{"namespace that is no URI", `<a xmlns="urn: x"/>`, accepted, "libxml2 asks for URIs in canonical forms"},

	{"duplicate attribute", `<a x="1" x="2"/>`, refused, ""},
	{"duplicate prefixed attribute", `<a xmlns:p="urn:p" p:x="1" p:x="2"/>`, refused, ""},
	{"duplicate by namespace", `<a xmlns:p="urn:n" xmlns:q="urn:n" p:x="1" q:x="2"/>`, refused, ""},
	{"duplicate by namespace of an ancestor", `<a xmlns:p="urn:n"><b xmlns:q="urn:n" p:x="1" q:x="2"/></a>`, refused, ""},
	{"duplicate by a namespace written otherwise", `<a xmlns:p="urn:n" xmlns:q="urn:&#110;" p:x="1" q:x="2"/>`, refused, ""},
	{"duplicate declaration", `<a xmlns:p="urn:1" xmlns:p="urn:2"/>`, refused, ""},
	{"duplicate default declaration", `<a xmlns="urn:1" xmlns="urn:2"/>`, refused, ""},
	{"default namespace is not the attributes'", `<p:a xmlns="urn:n" xmlns:p="urn:n" x="1" p:x="2"/>`, accepted, ""},

	{"document type", `<!DOCTYPE a><a/>`, stricter, "document types are never needed, and entities live there"},
	{"document type with entities", `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, stricter, "as above"},
	{"document type after the root", `<a/><!DOCTYPE a>`, refused, ""},
	{"directive inside", `<a><!ELEMENT b ANY></a>`, refused, ""},
	{"lower case CDATA", `<a><![cdata[x]]></a>`, refused, ""},

	{"declaration", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><a/>`, accepted, ""},
	{"declaration over lines", "<?xml\r\nversion = '1.0'\tencoding\n=\n'utf-8'\r?>\r<a/>", accepted, ""},
	{"declaration after white space", ` <?xml version="1.0"?><a/>`, refused, ""},
	{"declaration twice", `<?xml version="1.0"?><?xml version="1.0"?><a/>`, refused, ""},
	{"declaration inside", `<a><?xml version="1.0"?></a>`, refused, ""},
	{"declaration after the root", `<a/><?xml version="1.0"?>`, refused, ""},
	{"declaration in upper case", `<?XML version="1.0"?><a/>`, refused, ""},
	{"declaration without version", `<?xml encoding="UTF-8"?><a/>`, refused, ""},
	{"declaration without anything", `<?xml?><a/>`, refused, ""},
	{"declaration with an empty encoding", `<?xml version="1.0" encoding=""?><a/>`, refused, ""},
	{"declaration in another order", `<?xml version="1.0" standalone="yes" encoding="UTF-8"?><a/>`, refused, ""},
	{"declaration with a third state", `<?xml version="1.0" standalone="maybe"?><a/>`, refused, ""},
	{"declaration with more", `<?xml version="1.0" x="y"?><a/>`, refused, ""},
	{"declaration without spaces", `<?xml version="1.0"encoding="UTF-8"?><a/>`, refused, ""},
	{"declaration without quotes", `<?xml version=1.0?><a/>`, refused, ""},
	{"version 1.1", `<?xml version="1.1"?><a/>`, stricter, "XML 1.1 has other characters and line ends"},
	{"version 1.5", `<?xml version="1.5"?><a/>`, stricter, "only the fifth edition forgives it; encoding/xml and Xerces do not"},
	{"UTF-16 declared", `<?xml version="1.0" encoding="UTF-16"?><a/>`, refused, ""},
	{"Latin-1 declared, ASCII used", `<?xml version="1.0" encoding="ISO-8859-1"?><a>x</a>`, accepted, ""},
	{"Latin-1 declared, UTF-8 used", `<?xml version="1.0" encoding="ISO-8859-1"?><a>õ</a>`, stricter, "the letter is another one in Latin-1"},
	{"ASCII declared, UTF-8 used", `<?xml version="1.0" encoding="US-ASCII"?><a>õ</a>`, refused, ""},
	{"unknown encoding", `<?xml version="1.0" encoding="x-none"?><a/>`, refused, ""},

	{"instructions", `<?p?><a><?p  x y ?><?xml-model href="x"?></a><?p x?>`, accepted, ""},
	{"instruction named xml with a capital", `<a><?Xml x?></a>`, refused, ""},
	{"instruction with a colon", `<?a:b x?><a/>`, refused, ""},
	{"instruction without a space", `<?a"b"?><a/>`, refused, ""},
	{"instruction without a target", `<? a?><a/>`, refused, ""},
	{"instruction not closed", `<a/><?p x`, refused, ""},
	{"carriage returns in instructions and comments", "<a><?p x\r\ny\rz?><!--x\r\ny\rz--></a>", accepted, ""},

	{"]]> in text", `<a>x]]>y</a>`, refused, ""},
	{"]]> escaped or in an attribute", `<a b="]]>">]]&gt; ]] ></a>`, accepted, ""},
	{"CDATA", `<a>x<![CDATA[<&]]]]><![CDATA[>]]>y<![CDATA[]]></a>`, accepted, ""},
	{"CDATA not closed", `<a><![CDATA[x]]</a>`, refused, ""},
	{"comments", `<!----><a><!-- - --><b/><!--<x>&--></a><!-- x -->`, accepted, ""},
	{"comment with two dashes", `<a><!-- x -- y --></a>`, refused, ""},
	{"comment with three dashes at its end", `<a><!-- x ---></a>`, refused, ""},
	{"comment of a dash less", `<a><!--></a>`, refused, ""},
	{"comment of half a dash", `<a><!---></a>`, refused, ""},

	{"< in an attribute", `<a b="<"/>`, refused, ""},
	{"> and quotes in attributes", `<a b=">'" c='"'/>`, accepted, ""},
	{"attribute without quotes", `<a b=1/>`, refused, ""},
	{"attribute without a value", `<a b/>`, refused, ""},
	{"attributes without a space between", `<a b="1"c="2"/>`, refused, ""},
	{"attribute next to the name", `<a"b"/>`, refused, ""},
	{"attribute in an end tag", `<a></a b="1">`, refused, ""},
	{"space before the name", `< a/>`, refused, ""},
	{"space before the name in an end tag", `<a></ a>`, refused, ""},
	{"space in an empty-element tag", `<a/ >`, refused, ""},
	{"end tag of another", `<a><b></a></b>`, refused, ""},
	{"end tag with another prefix", `<p:a xmlns:p="urn:n" xmlns:q="urn:n"></q:a>`, refused, ""},
	{"end tag too much", `<a/></a>`, refused, ""},
	{"not closed", `<a><b></b>`, refused, ""},
	{"cut off", `<a><b`, refused, ""},

	{"control character", "<a>\x01</a>", refused, ""},
	{"zero byte", "<a>\x00</a>", refused, ""},
	{"control character in a comment", "<a><!--\x0b--></a>", refused, ""},
	{"control character in an instruction", "<a><?p \x1f?></a>", refused, ""},
	{"U+FFFE in a comment", "<a><!--\ufffe--></a>", refused, ""},
	{"U+FFFF in an attribute", "<a b='\uffff'/>", refused, ""},
	{"U+FFFD, U+007F, U+0085 and an emoji", "<a>\ufffd\u007f\u0085😀</a>", accepted, ""},
	{"half a surrogate pair", "<a>\xed\xa0\x80</a>", refused, ""},
	{"overlong UTF-8", "<a>\xc0\xbc</a>", refused, ""},
	{"reference to a control character", `<a>&#1;</a>`, refused, ""},
	{"reference to zero", `<a>&#x0;</a>`, refused, ""},
	{"reference to half a surrogate pair", `<a>&#xD800;</a>`, refused, ""},
	{"reference to U+FFFF", `<a>&#65535;</a>`, refused, ""},
	{"reference beyond Unicode", `<a>&#x110000;</a>`, refused, ""},
	{"reference that overflows", `<a>&#x100000000000000041;</a>`, refused, ""},
	{"reference to nothing", `<a>&#;&#x;</a>`, refused, ""},
	{"reference with a capital X", `<a>&#X41;</a>`, refused, ""},
	{"reference without a semicolon", `<a>&amp</a>`, refused, ""},
	{"bare ampersand", `<a>x & y</a>`, refused, ""},
	{"other entity", `<a>&nbsp;</a>`, refused, ""},
	{"entity in upper case", `<a>&AMP;</a>`, refused, ""},
	{"other entity in an attribute", `<a b="&nbsp;"/>`, refused, ""},
	{"references", `<a b="&lt;&gt;&amp;&apos;&quot;&#9;&#10;&#13;&#x20;">&lt;&gt;&amp;&apos;&quot;&#13;&#00065;&#x10FFFF;&#xe000;</a>`, accepted, ""},

	{"text before the root", `x<a/>`, refused, ""},
	{"text after the root", `<a/>x`, refused, ""},
	{"no-break space after the root", "<a/>\u00a0", refused, ""},
	{"next line after the root", "<a/>\u0085", refused, ""},
	{"form feed after the root", "<a/>\f", refused, ""},
	{"zero byte after the root", "<a/>\x00", stricter, "no XML character; xmllint takes it for the end of the input"},
	{"CDATA after the root", `<a/><![CDATA[ ]]>`, refused, ""},
	{"reference after the root", `<a/>&#32;`, refused, ""},
	{"second root", `<a/><b/>`, refused, ""},
	{"nothing", ``, refused, ""},
	{"comment only", `<!-- -->`, refused, ""},

	{"byte order mark", "\ufeff<?xml version='1.0'?><a>\ufeff</a>", accepted, ""},
	{"byte order mark twice", "\ufeff\ufeff<a/>", refused, ""},
	{"byte order mark after the root", "<a/>\ufeff", refused, ""},
	{"byte order mark before the declaration only", "<?xml version='1.0'?>\ufeff<a/>", refused, ""},

	{"line ends in text", "\r\n<a>\r\nx\ry\n\r\r\n&#13;\n\r</a>\r", accepted, ""},
	{"line ends in CDATA", "<a><![CDATA[\r\nx\ry\r]]>\r</a>", accepted, ""},
	{"white space in attributes", "<a b='\r\nx\ry\tz\n\n' c='&#13;\n&#10;\t' d=' e  '/>", accepted, ""},
	{"white space in a namespace", "<p:a xmlns:p='urn:x\n' xmlns:q='urn:x&#10;' p:x='' q:x=''/>", accepted, "as above"},
	{"same namespace after white space", "<p:a xmlns:p='urn:x\n' xmlns:q='urn:x ' p:x='' q:x=''/>", refused, ""},

	{"many attributes", "<a" + attributes(257) + "/>", stricter, "every pair is compared"},
	{"as many attributes as may be", "<a" + attributes(256) + "/>", accepted, ""},
	{"65 levels", strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65), stricter, "the limit given"},
	{"64 levels", strings.Repeat("<a>", 64) + strings.Repeat("</a>", 64), accepted, ""},
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("b", i) + "=''")
	}
	return b.String()
}

func TestAgainstXmllint(t *testing.T) {
	for _, d := range documents {
		t.Run(d.name, func(t *testing.T) {
			root, err := xmlsafe.Parse([]byte(d.document), xmlsafe.Default)
			judge := lint(t, d.document)
			t.Logf("ours: %v; xmllint: %q", err, judge)
			switch d.verdict {
			case accepted:
				require.NoError(t, err)
				require.Empty(t, judge)
				if d.reason == "" {
					require.Equal(t, canonical(t, d.document), view(root))
				}
			case refused:
				require.Error(t, err)
				require.NotEmpty(t, judge)
			case stricter:
				require.Error(t, err)
				require.Empty(t, judge)
				require.NotEmpty(t, d.reason)
			}
		})
	}
}

// lint gives xmllint's complaint, empty when it accepts the document. Errors with namespaces do not change its exit status. That a namespace is
// no URI is one of them too, though Namespaces in XML does not ask for that.
func lint(t *testing.T, document string) string {
	cmd := exec.CommandContext(t.Context(), "xmllint", "--noout", "--nonet", "-")
	cmd.Stdin = strings.NewReader(document)
	output, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(output) + exit.Error()
	}
	require.NoError(t, err, "xmllint must be installed")
	for _, complaint := range strings.Split(string(output), "namespace error :")[1:] {
		if !strings.Contains(complaint, "is not a valid URI") {
			return complaint
		}
	}
	return ""
}

// canonical is xmllint's canonical form, comments included.
func canonical(t *testing.T, document string) string {
	cmd := exec.CommandContext(t.Context(), "xmllint", "--c14n", "--nonet", "-")
	cmd.Stdin = strings.NewReader(document)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	output, err := cmd.Output()
	require.NoError(t, err, complaints.String())
	return string(output)
}
