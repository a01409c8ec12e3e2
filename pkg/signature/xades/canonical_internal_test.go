package xades

import (
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// goxmldsig canonicalises these documents right. Subtrees in the context of their document, which XAdES needs, it does not, nor attributes sorted by the
// namespace xml among others: those xmlsec1 judges.
func TestCanonicalFormAgreesWithGoxmldsig(t *testing.T) {
	for _, document := range []string{
		`<a/>`,
		`<a b="2" a="1">x &amp; y &lt; z &gt; "q"&#xD;</a>`,
		`<p:a xmlns:p="urn:p" xmlns:q="urn:q" xmlns="urn:d" q:z="1" p:y="2" x="3"><b/><q:c><d/></q:c></p:a>`,
		`<a xmlns:unused="urn:u"><b xmlns:q="urn:q"><q:c q:v="&lt;&quot;&amp;"/></b></a>`,
		`<a xml:lang="et"><b z="1" xmlns:y="urn:y" y:a="2"><![CDATA[<c>]]></b></a>`,
		"<a>\n  <b>\tõ\u00a0</b>\n</a>",
	} {
		for exclusive, judge := range map[bool]dsig.Canonicalizer{
			false: dsig.MakeC14N10RecCanonicalizer(), true: dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList(""),
		} {
			root, err := xmlsafe.Parse([]byte(document), xmlsafe.Default)
			require.NoError(t, err, document)
			ours := canonicalise(root, exclusive)
			copied := etree.NewDocumentWithRoot(root.Copy())
			theirs, err := judge.Canonicalize(copied.Root())
			require.NoError(t, err, document)
			require.Equal(t, string(theirs), string(ours), "%s exclusive %v", document, exclusive)
		}
	}
}
