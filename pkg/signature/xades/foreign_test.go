package xades_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/xades"
)

// The templates spell namespaces in ways that inclusive and exclusive canonical forms treat differently.
const (
	bare = `<?xml version="1.0" encoding="UTF-8"?>
<Signature xmlns="http://www.w3.org/2000/09/xmldsig#" Id="s" xml:lang="en"><SignedInfo xmlns:unused="urn:unused"><CanonicalizationMethod Algorithm="CANONICALISATION"/>
<SignatureMethod Algorithm="METHOD"/><Reference URI="/message.xml"><DigestMethod Algorithm="DIGEST"/><DigestValue/></Reference>
<Reference Type="http://uri.etsi.org/01903#SignedProperties" URI="#p">TRANSFORMS<DigestMethod Algorithm="DIGEST"/><DigestValue/></Reference></SignedInfo>
<SignatureValue/><KeyInfo><X509Data><X509Certificate>CERTIFICATE</X509Certificate></X509Data></KeyInfo>
<Object><x:QualifyingProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#" xmlns:z="urn:z" xmlns:a="urn:a" Target="#s"><x:SignedProperties Id="p">
<SignedSignatureProperties xmlns="http://uri.etsi.org/01903/v1.3.2#"><SigningTime>2026-11-20T11:07:34Z</SigningTime><SigningCertificateV2><Cert><CertDigest>
<DigestMethod xmlns="http://www.w3.org/2000/09/xmldsig#" Algorithm="DIGEST"></DigestMethod><d:DigestValue xmlns:d="http://www.w3.org/2000/09/xmldsig#">CERTDIGEST</d:DigestValue></CertDigest></Cert></SigningCertificateV2>
</SignedSignatureProperties><x:SignedDataObjectProperties z:b='1 &amp; "2"' b="&lt;&gt;&#x22;" a:c=""><x:Any xmlns=""><y xmlns:x="urn:other" x:q="1"/>a &gt; b<![CDATA[ < c & d]]>&#13;
é</x:Any></x:SignedDataObjectProperties></x:SignedProperties></x:QualifyingProperties></Object></Signature>`
	wrapped = `<?xml version="1.0" encoding="UTF-8"?><r:XAdESSignatures xmlns:r="http://uri.etsi.org/02918/v1.2.1#" xmlns="urn:default" xml:space="preserve" xmlns:e="urn:e">`
)

func TestWhatAnotherProgramSigned(t *testing.T) {
	key := rsaKey(t)
	c := credential(t, key)
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	keyFile, messageFile := filepath.Join(dir, "key.pem"), filepath.Join(dir, "message.xml")
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(messageFile, content(0), 0o600))

	const inclusive, exclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2001/10/xml-exc-c14n#"
	for _, canonicalisation := range []string{inclusive, exclusive} {
		for _, transform := range []string{"", inclusive, exclusive} {
			for _, root := range []string{"", wrapped} {
				transforms := ""
				if transform != "" {
					transforms = `<Transforms><Transform Algorithm="` + transform + `"/></Transforms>`
				}
				template := strings.NewReplacer("CANONICALISATION", canonicalisation, "METHOD", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "TRANSFORMS", transforms,
					"DIGEST", signature.SHA256.URI, "CERTIFICATE", base64.StdEncoding.EncodeToString(c.Certificate.Raw),
					"CERTDIGEST", base64.StdEncoding.EncodeToString(signature.SHA256.Sum(c.Certificate.Raw))).Replace(bare)
				if root != "" {
					template = root + template[strings.Index(template, "<Signature "):] + "</r:XAdESSignatures>"
				}
				templateFile := filepath.Join(dir, "template.xml")
				require.NoError(t, os.WriteFile(templateFile, []byte(template), 0o600))
				var diagnostics bytes.Buffer
				cmd := exec.Command("xmlsec1", "--sign", "--privkey-pem", keyFile, "--url-map:/message.xml", messageFile,
					"--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties", templateFile)
				cmd.Stderr = &diagnostics
				document, err := cmd.Output()
				require.NoError(t, err, diagnostics.String())

				s, err := xades.Parse(document)
				require.NoError(t, err, string(document))
				require.NoError(t, s.Verify(nil, nil, parts(signature.SHA256, 1)), "%s %s %q\n%s", canonicalisation, transform, root, document)
				changed := bytes.Replace(document, []byte("a &gt; b"), []byte("a &gt; c"), 1)
				require.Equal(t, "invalid_signature_value", fault.CodeOf(verify(changed, nil, nil, parts(signature.SHA256, 1))))
			}
		}
	}
}

// We do not sign with PSS, but others may. The canonical SignedInfo is made here from the text of the document.
func TestPSSVerifies(t *testing.T) {
	key := rsaKey(t)
	message := parts(signature.SHA512, 1)
	signed, err := xades.Sign(rand.Reader, now, credential(t, key), signature.SHA512, message)
	require.NoError(t, err)
	for _, name := range []string{"SHA256withRSAandMGF1", "SHA384withRSAandMGF1", "SHA512withRSAandMGF1"} {
		a, err := signature.ByName(name)
		require.NoError(t, err)
		document := strings.Replace(string(signed.XML), "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", a.URI, 1)
		document = resign(t, document, a, key)
		require.NoError(t, verify([]byte(document), nil, nil, message))
	}
}

func resign(t *testing.T, document string, a signature.Algorithm, key crypto.Signer) string {
	info := document[strings.Index(document, "<ds:SignedInfo>") : strings.Index(document, "</ds:SignedInfo>")+len("</ds:SignedInfo>")]
	scope := regexp.MustCompile(`<asic:XAdESSignatures([^>]*)>`).FindStringSubmatch(document)[1]
	info = strings.Replace(info, "<ds:SignedInfo>", "<ds:SignedInfo"+scope+">", 1)
	info = regexp.MustCompile(`<(ds:\w+)([^>]*)/>`).ReplaceAllString(info, "<$1$2></$1>")
	info = strings.ReplaceAll(info, "&#13;", "&#xD;")
	value, err := a.Sign(rand.Reader, key, []byte(info))
	require.NoError(t, err)
	return regexp.MustCompile(`(?s)(<ds:SignatureValue [^>]*>).*(</ds:SignatureValue>)`).ReplaceAllString(document, "${1}"+base64.StdEncoding.EncodeToString(value)+"${2}")
}
