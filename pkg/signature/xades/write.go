package xades

import (
	"crypto/x509"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

const (
	nsASiC    = "http://uri.etsi.org/02918/v1.2.1#"
	nsASiCOld = "http://uri.etsi.org/02918/v1.1.1#" // messages of X-Road 6
	nsDS      = "http://www.w3.org/2000/09/xmldsig#"
	nsXAdES   = "http://uri.etsi.org/01903/v1.3.2#"

	c14nInclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	c14nExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"

	typeSignedProperties = "http://uri.etsi.org/01903#SignedProperties"
	signingTimeLayout    = "2006-01-02T15:04:05.000Z"

	mimeMessage     = "text/xml"
	mimeChainResult = "application/hash-chain-result"

	inScope = ` xmlns:asic="` + nsASiC + `" xmlns:ds="` + nsDS + `" xmlns:xades="` + nsXAdES + `" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`

	// The policy that every X-Road signature names: its digest is that of the published PDF.
	policyID = `<xades:SignaturePolicyIdentifier><xades:SignaturePolicyId><xades:SigPolicyId>` +
		`<xades:Identifier Qualifier="OIDAsURN">urn:oid:1.3.6.1.4.1.3516.16.2</xades:Identifier>` +
		`<xades:Description>Profile for High Performance Digital Signatures (version 1.2)</xades:Description></xades:SigPolicyId><xades:SigPolicyHash>`
	policyDigest     = "BuO0EDNfkxSVlUbxCzmQPzX1AUF1/xx9ytWHk3/6SAOePxQiniEfDYk+90QeYb3lWpV3Izhuz9fKaYyE+lTcXw=="
	policyQualifiers = `</xades:SigPolicyHash><xades:SigPolicyQualifiers><xades:SigPolicyQualifier><xades:SPURI>https://repo.cyber.ee/dsig-profile-1.2.pdf</xades:SPURI>` +
		`</xades:SigPolicyQualifier></xades:SigPolicyQualifiers></xades:SignaturePolicyId></xades:SignaturePolicyIdentifier>`
)

// form is how a part of the document is spelled.
type form bool

const (
	document  form = false // as sent
	canonical form = true  // inclusive C14N of the part in its place in the document
)

// apex is what the first element of a canonical part carries: the namespaces that the root declares.
func (f form) apex() string {
	if f == canonical {
		return inScope
	}
	return ""
}

// empty appends <name Algorithm="uri"/> in this form.
func (f form) appendAlgorithm(dst []byte, name, uri string) []byte {
	dst = append(dst, "<"+name+` Algorithm="`+uri...)
	if f == canonical {
		return append(dst, `"></`+name+">"...)
	}
	return append(dst, `"/>`...)
}

// lineBreak ends a full line of base64: X-Road's writers leave a carriage return there, which XML spells as a reference.
func (f form) lineBreak() string {
	if f == canonical {
		return "&#xD;\n"
	}
	return "&#13;\n"
}

// writer holds what one signature says.
type writer struct {
	credential signature.Credential
	digest     signature.Digest
	algorithm  signature.Algorithm
	now        time.Time
	uri, mime  string
	reference  []byte // digest of what uri names
	properties []byte // digest of the canonical SignedProperties
}

func (w *writer) appendDocument(dst, value []byte) []byte {
	dst = append(dst, `<?xml version="1.0" encoding="UTF-8" standalone="no"?><asic:XAdESSignatures`+inScope+`><ds:Signature Id="signature">`+"\n"...)
	dst = w.appendSignedInfo(dst, document)
	dst = append(dst, "\n"+`<ds:SignatureValue Id="signature-value">`+"\n"...)
	dst = appendWrapped(dst, value, document)
	dst = append(dst, "\n</ds:SignatureValue>\n<ds:KeyInfo>\n<ds:X509Data>\n<ds:X509Certificate>\n"...)
	dst = appendWrapped(dst, w.credential.Certificate.Raw, document)
	dst = append(dst, "\n</ds:X509Certificate>\n</ds:X509Data>\n</ds:KeyInfo>\n"+`<ds:Object><xades:QualifyingProperties Target="#signature">`...)
	dst = w.appendSignedProperties(dst, document)
	dst = w.appendUnsignedProperties(dst)
	return append(dst, "</xades:QualifyingProperties></ds:Object>\n</ds:Signature></asic:XAdESSignatures>"...)
}

func (w *writer) appendSignedInfo(dst []byte, f form) []byte {
	dst = append(dst, "<ds:SignedInfo"+f.apex()+">\n"...)
	dst = f.appendAlgorithm(dst, "ds:CanonicalizationMethod", c14nInclusive)
	dst = f.appendAlgorithm(append(dst, '\n'), "ds:SignatureMethod", w.algorithm.URI)
	dst = append(dst, "\n"+`<ds:Reference Id="signature-reference-0" URI="`+w.uri+`">`+"\n"...)
	dst = w.appendReference(dst, w.reference, f)
	dst = append(dst, "\n"+`<ds:Reference Id="signature-reference-1" Type="`+typeSignedProperties+`" URI="#signed-properties">`+"\n"...)
	dst = w.appendReference(dst, w.properties, f)
	return append(dst, "\n</ds:SignedInfo>"...)
}

func (w *writer) appendReference(dst, digest []byte, f form) []byte {
	dst = f.appendAlgorithm(dst, "ds:DigestMethod", w.digest.URI)
	dst = append(dst, "\n<ds:DigestValue>"...)
	dst = appendWrapped(dst, digest, f)
	return append(dst, "</ds:DigestValue>\n</ds:Reference>"...)
}

func (w *writer) appendSignedProperties(dst []byte, f form) []byte {
	dst = append(dst, "<xades:SignedProperties"+f.apex()+` Id="signed-properties"><xades:SignedSignatureProperties><xades:SigningTime>`...)
	dst = w.now.UTC().AppendFormat(dst, signingTimeLayout)
	dst = append(dst, "</xades:SigningTime><xades:SigningCertificate><xades:Cert>"...)
	dst = w.appendCertificateID(dst, w.credential.Certificate, f)
	dst = append(dst, "</xades:Cert></xades:SigningCertificate>"+policyID...)
	dst = f.appendAlgorithm(dst, "ds:DigestMethod", signature.SHA512.URI)
	dst = append(dst, "<ds:DigestValue>"+policyDigest+"</ds:DigestValue>"+policyQualifiers+"</xades:SignedSignatureProperties>"+
		`<xades:SignedDataObjectProperties><xades:DataObjectFormat ObjectReference="#signature-reference-0"><xades:MimeType>`+w.mime+
		"</xades:MimeType></xades:DataObjectFormat></xades:SignedDataObjectProperties></xades:SignedProperties>"...)
	return dst
}

func (w *writer) appendCertificateID(dst []byte, c *x509.Certificate, f form) []byte {
	dst = append(dst, "<xades:CertDigest>"...)
	dst = f.appendAlgorithm(dst, "ds:DigestMethod", w.digest.URI)
	dst = append(dst, "<ds:DigestValue>"...)
	dst = base64.StdEncoding.AppendEncode(dst, w.digest.Sum(c.Raw))
	dst = append(dst, "</ds:DigestValue></xades:CertDigest><xades:IssuerSerial><ds:X509IssuerName>"...)
	dst = xmlsafe.AppendText(dst, distinguishedName(c.RawIssuer))
	dst = append(dst, "</ds:X509IssuerName><ds:X509SerialNumber>"...)
	dst = c.SerialNumber.Append(dst, 10)
	return append(dst, "</ds:X509SerialNumber></xades:IssuerSerial>"...)
}

func (w *writer) appendUnsignedProperties(dst []byte) []byte {
	dst = append(dst, "<xades:UnsignedProperties><xades:UnsignedSignatureProperties>"...)
	if chain := w.credential.Chain; len(chain) > 0 {
		dst = append(dst, `<xades:CompleteCertificateRefs Id="complete-certificate-refs"><xades:CertRefs>`...)
		for i, c := range chain {
			dst = append(dst, `<xades:Cert URI="#encapsulated-cert-`+strconv.Itoa(i+1)+`">`...)
			dst = w.appendCertificateID(dst, c, document)
			dst = append(dst, "</xades:Cert>"...)
		}
		dst = append(dst, "</xades:CertRefs></xades:CompleteCertificateRefs><xades:CertificateValues>"...)
		for i, c := range chain {
			dst = append(dst, `<xades:EncapsulatedX509Certificate Id="encapsulated-cert-`+strconv.Itoa(i+1)+`">`...)
			dst = base64.StdEncoding.AppendEncode(dst, c.Raw)
			dst = append(dst, "</xades:EncapsulatedX509Certificate>"...)
		}
		dst = append(dst, "</xades:CertificateValues>"...)
	}
	dst = append(dst, "<xades:RevocationValues><xades:OCSPValues>"...)
	for i, response := range w.credential.OCSP {
		dst = append(dst, `<xades:EncapsulatedOCSPValue Id="ocsp-response-`+strconv.Itoa(i+1)+`">`...)
		dst = base64.StdEncoding.AppendEncode(dst, response)
		dst = append(dst, "</xades:EncapsulatedOCSPValue>"...)
	}
	return append(dst, "</xades:OCSPValues></xades:RevocationValues></xades:UnsignedSignatureProperties></xades:UnsignedProperties>"...)
}

// appendWrapped appends base64 in lines of 76 characters.
func appendWrapped(dst, data []byte, f form) []byte {
	const perLine = 57
	for len(data) > perLine {
		dst = base64.StdEncoding.AppendEncode(dst, data[:perLine])
		dst = append(dst, f.lineBreak()...)
		data = data[perLine:]
	}
	return base64.StdEncoding.AppendEncode(dst, data)
}
