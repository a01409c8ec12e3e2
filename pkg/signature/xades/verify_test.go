package xades_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
	"github.com/ristmik/ristmik/pkg/signature/xades"
)

func verify(xml, chain, result []byte, message []hashchain.Input) error {
	s, err := xades.Parse(xml)
	if err != nil {
		return err
	}
	return s.Verify(chain, result, message)
}

// Every byte matters but those of the XML declarations and of the unsigned properties, which the signature does not cover.
func TestAnyChangedByteIsRefused(t *testing.T) {
	message := parts(signature.SHA256, 2)
	signed, err := xades.Sign(rand.Reader, now, credential(t, ecKey(t)), signature.SHA256, message)
	require.NoError(t, err)
	require.NoError(t, verify(signed.XML, signed.HashChain, signed.HashChainResult, message))

	flip := func(data []byte, from, to int, try func() error) {
		for i := from; i < to; i++ {
			data[i] ^= 1
			if try() == nil {
				t.Fatalf("change at %d accepted: …%s…", i, data[max(0, i-20):min(len(data), i+20)])
			}
			data[i] ^= 1
		}
	}
	all := func() error { return verify(signed.XML, signed.HashChain, signed.HashChainResult, message) }
	unsigned, end := bytes.Index(signed.XML, []byte("<xades:UnsignedProperties>")), bytes.Index(signed.XML, []byte("</xades:QualifyingProperties>"))
	name := bytes.Index(signed.XML, []byte(`Id="signature-value"`)) // nobody refers to it
	flip(signed.XML, bytes.Index(signed.XML, []byte("?>"))+2, name, all)
	flip(signed.XML, name+len(`Id="signature-value"`), unsigned, all)
	flip(signed.XML, end, len(signed.XML), all)
	parsed, err := xades.Parse(signed.XML)
	require.NoError(t, err)
	parts := func() error { return parsed.Verify(signed.HashChain, signed.HashChainResult, message) }
	for _, p := range message {
		flip(p.Digest, 0, len(p.Digest), parts)
	}
	flip(signed.HashChainResult, 0, len(signed.HashChainResult), parts)
	flip(signed.HashChain, bytes.Index(signed.HashChain, []byte("?>"))+2, len(signed.HashChain)-1, parts)
	require.NoError(t, all())
}

func TestCoverage(t *testing.T) {
	c := credential(t, ecKey(t))
	message := parts(signature.SHA512, 2)
	single, err := xades.Sign(rand.Reader, now, c, signature.SHA512, message[:1])
	require.NoError(t, err)
	chained, err := xades.Sign(rand.Reader, now, c, signature.SHA512, message)
	require.NoError(t, err)

	// A chain beside a direct signature is ignored, as X-Road does, and covers nothing.
	require.NoError(t, verify(single.XML, chained.HashChain, chained.HashChainResult, message[:1]))
	for name, err := range map[string]error{
		"attachment not covered":       verify(single.XML, nil, nil, message),
		"attachment in foreign chain":  verify(single.XML, chained.HashChain, chained.HashChainResult, message),
		"nothing":                      verify(single.XML, nil, nil, nil),
		"attachment only":              verify(single.XML, nil, nil, message[1:]),
		"message twice":                verify(single.XML, nil, nil, []hashchain.Input{message[0], message[0]}),
		"chain missing":                verify(chained.XML, nil, chained.HashChainResult, message),
		"result missing":               verify(chained.XML, chained.HashChain, nil, message),
		"message under another name":   verify(single.XML, nil, nil, []hashchain.Input{{Name: "/message2.xml", Digest: message[0].Digest}}),
		"attachment missing of signed": verify(chained.XML, chained.HashChain, chained.HashChainResult, message[:1]),
	} {
		require.True(t, strings.HasPrefix(fault.CodeOf(err), "malformed_signature"), "%s: %v", name, err)
	}
}

func TestMalformedSignatures(t *testing.T) {
	signed, err := xades.Sign(rand.Reader, now, credential(t, ecKey(t)), signature.SHA512, parts(signature.SHA512, 1))
	require.NoError(t, err)
	good := string(signed.XML)
	replace := func(old, new string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, new, 1)
	}
	reference := regexp.MustCompile(`(?s)<ds:Reference Id="signature-reference-0".*?</ds:Reference>`).FindString(good)
	second := strings.Replace(reference, "signature-reference-0", "signature-reference-2", 1)
	properties := regexp.MustCompile(`(?s)<ds:Reference Id="signature-reference-1".*?</ds:Reference>`).FindString(good)
	certificate := regexp.MustCompile(`(?s)<ds:X509Certificate>.*?</ds:X509Certificate>`).FindString(good)
	object := good[strings.Index(good, "<ds:Object>") : strings.Index(good, "</ds:Object>")+12]
	const exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"

	for name, document := range map[string]string{
		"other root":                       strings.ReplaceAll(good, "XAdESSignatures", "Signatures"),
		"white space before the signature": replace("<ds:Signature ", " <ds:Signature "),
		"two signatures":                   replace("</asic:XAdESSignatures>", `<ds:Signature Id="other"/></asic:XAdESSignatures>`),
		"two objects":                      replace(object, object+`<ds:Object/>`),
		"something before":                 replace("<ds:SignedInfo>", "<ds:Object/><ds:SignedInfo>"),
		"comment":                          replace("<ds:SignedInfo>", "<!-- --><ds:SignedInfo>"),
		"processing instruction":           replace("<ds:SignedInfo>", "<?x?><ds:SignedInfo>"),
		"one id twice":                     replace("<ds:KeyInfo>", `<ds:KeyInfo Id="signed-properties">`),
		"line break in attribute":          replace(`Id="signature-value"`, `Id="signature&#10;-value"`),
		"text between":                     replace("<ds:KeyInfo>", "text<ds:KeyInfo>"),
		"unknown canonicalisation":         replace("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"),
		"SHA-1 signature":                  strings.Replace(good, "xmldsig-more#ecdsa-sha512", "xmldsig-more#ecdsa-sha1", 1),
		"HMAC":                             strings.Replace(good, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", "http://www.w3.org/2000/09/xmldsig#hmac-sha1", 1),
		"SHA-1 digest":                     strings.Replace(good, signature.SHA512.URI, "http://www.w3.org/2000/09/xmldsig#sha1", 1),
		"digest of another length":         strings.Replace(good, signature.SHA512.URI, signature.SHA256.URI, 1),
		"same reference twice":             replace(reference, reference+second),
		"other document":                   replace(`URI="/message.xml"`, `URI="http://127.0.0.1/message.xml"`),
		"whole document":                   replace(`URI="/message.xml"`, `URI=""`),
		"other element":                    replace(reference, reference+strings.Replace(second, "/message.xml", "#signature-value", 1)),
		"no message":                       replace(reference+"\n", ""),
		"no signed properties":             replace(properties+"\n", ""),
		"properties under another type":    replace(`Type="http://uri.etsi.org/01903#SignedProperties" `, ""),
		"properties of another id":         replace(`URI="#signed-properties"`, `URI="#signature-value"`),
		"target of another id":             replace(`Target="#signature"`, `Target="#signature-value"`),
		"transform of a message":           replace(`URI="/message.xml">`, `URI="/message.xml"><ds:Transforms><ds:Transform Algorithm="`+exclusive+`"/></ds:Transforms>`),
		"unknown transform":                replace(`URI="#signed-properties">`, `URI="#signed-properties"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/></ds:Transforms>`),
		"prefix list":                      replace(`URI="#signed-properties">`, `URI="#signed-properties"><ds:Transforms><ds:Transform Algorithm="`+exclusive+`"><ds:X/></ds:Transform></ds:Transforms>`),
		"no certificate":                   replace(certificate, ""),
		"two certificates":                 replace(certificate, certificate+certificate),
		"certificate is not base64":        replace(certificate, "<ds:X509Certificate>-</ds:X509Certificate>"),
		"certificate is not DER":           replace(certificate, "<ds:X509Certificate>AAAA</ds:X509Certificate>"),
		"no signing certificate":           strings.ReplaceAll(good, "xades:SigningCertificate>", "xades:SignerRole>"),
		"signing time":                     replace("<xades:SigningTime>", "<xades:SigningTime>x"),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := xades.Parse([]byte(document))
			require.Equal(t, "malformed_signature", fault.CodeOf(err), "%v", err)
			require.Equal(t, fault.Invalid, fault.From(err).Kind)
			require.Nil(t, s)
		})
	}
	for _, document := range []string{
		"<!DOCTYPE x>" + good,
		replace("<ds:KeyInfo>", `<ds:KeyInfo a:b="c">`),
		replace("<ds:KeyInfo>", `<ds:KeyInfo xmlns:xml="urn:x">`),
	} {
		_, err = xades.Parse([]byte(document))
		require.Equal(t, "invalid_xml", fault.CodeOf(err))
	}
	_, err = xades.Parse([]byte(replace(reference, strings.Repeat(second, 1001))))
	require.Equal(t, "malformed_signature", fault.CodeOf(err))
}

// The certificate may not be exchanged for another of the same key.
func TestSigningCertificateIsBound(t *testing.T) {
	key := ecKey(t)
	c, other := credential(t, key), credential(t, key)
	other.Certificate = authentication(t, key)
	message := parts(signature.SHA512, 1)
	a, err := xades.Sign(rand.Reader, now, c, signature.SHA512, message)
	require.NoError(t, err)
	b, err := xades.Sign(rand.Reader, now, other, signature.SHA512, message)
	require.NoError(t, err)
	pattern := regexp.MustCompile(`(?s)<ds:X509Certificate>.*?</ds:X509Certificate>`)
	swapped := strings.Replace(string(a.XML), pattern.FindString(string(a.XML)), pattern.FindString(string(b.XML)), 1)
	err = verify([]byte(swapped), nil, nil, message)
	require.Equal(t, "Signing certificate does not match the signed properties", fault.From(err).Message)
}

// Some tokens leave ASN.1 in the XML where the standard wants r and s.
func TestECDSAValueInDERIsTolerated(t *testing.T) {
	key := ecKey(t)
	message := parts(signature.SHA512, 1)
	signed, err := xades.Sign(rand.Reader, now, credential(t, key), signature.SHA512, message)
	require.NoError(t, err)
	s, err := xades.Parse(signed.XML)
	require.NoError(t, err)
	require.Len(t, s.Value(), 64)
	der, err := signature.ECDSADER(key.Public().(*ecdsa.PublicKey), s.Value())
	require.NoError(t, err)
	value := regexp.MustCompile(`(?s)(<ds:SignatureValue [^>]*>).*(</ds:SignatureValue>)`)
	require.NoError(t, verify(value.ReplaceAll(signed.XML, []byte("${1}"+base64.StdEncoding.EncodeToString(der)+"${2}")), nil, nil, message))
	require.Equal(t, "invalid_signature_value", fault.CodeOf(verify(value.ReplaceAll(signed.XML, []byte("${1}AAAA${2}")), nil, nil, message)))
}

func FuzzParse(f *testing.F) {
	message := parts(signature.SHA256, 1)
	c := credential(f, ecKey(f))
	c.Chain = append(c.Chain, c.Certificate)
	signed, err := xades.Sign(rand.Reader, now, c, signature.SHA256, message)
	require.NoError(f, err)
	f.Add(signed.XML)
	f.Add([]byte(`<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="a"/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := xades.Parse(data)
		if (s == nil) == (err == nil) {
			t.Fatalf("signature %v, error %v", s, err)
		}
		if code := fault.CodeOf(err); err != nil && code != "malformed_signature" && code != "invalid_xml" {
			t.Fatalf("code %q", code)
		}
		if err == nil {
			_ = s.Verify(nil, nil, message)
		}
	})
}
