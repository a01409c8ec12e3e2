package xmlsafe_test

import (
	"strings"
	"testing"

	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// signatureSized is shaped like a signature on a message with two attachments: the certificate, one OCSP response, 14 kB in all.
func signatureSized() []byte {
	reference := `<ds:Reference URI="/attachment1"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha512"></ds:DigestMethod><ds:DigestValue>` +
		strings.Repeat("qM6fJw3e", 11) + `</ds:DigestValue></ds:Reference>`
	digest := `<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha512"></ds:DigestMethod><ds:DigestValue>` + strings.Repeat("qM6fJw3e", 11) + `</ds:DigestValue>`
	return []byte(`<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<asic:XAdESSignatures xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:xades="http://uri.etsi.org/01903/v1.3.2#">` +
		`<ds:Signature Id="signature"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>` +
		`<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"></ds:SignatureMethod>` + strings.Repeat(reference, 4) +
		`</ds:SignedInfo><ds:SignatureValue Id="signature-value">` + strings.Repeat("qM6fJw3eKb+/", 29) + `</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` +
		strings.Repeat("qM6fJw3eKb+/\n", 140) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object><xades:QualifyingProperties Target="#signature">` +
		`<xades:SignedProperties Id="xades-signed-props"><xades:SignedSignatureProperties><xades:SigningTime>2026-11-20T12:00:00Z</xades:SigningTime><xades:SigningCertificate><xades:Cert>` +
		`<xades:CertDigest>` + digest + `</xades:CertDigest><xades:IssuerSerial><ds:X509IssuerName>CN=Test CA, O=Test, C=EE</ds:X509IssuerName><ds:X509SerialNumber>12345</ds:X509SerialNumber>` +
		`</xades:IssuerSerial></xades:Cert></xades:SigningCertificate></xades:SignedSignatureProperties></xades:SignedProperties><xades:UnsignedProperties><xades:UnsignedSignatureProperties>` +
		`<xades:CertificateValues><xades:EncapsulatedX509Certificate>` + strings.Repeat("qM6fJw3eKb+/", 150) + `</xades:EncapsulatedX509Certificate></xades:CertificateValues>` +
		`<xades:RevocationValues><xades:OCSPValues><xades:EncapsulatedOCSPValue>` + strings.Repeat("qM6fJw3eKb+/", 350) + `</xades:EncapsulatedOCSPValue></xades:OCSPValues></xades:RevocationValues>` +
		`</xades:UnsignedSignatureProperties></xades:UnsignedProperties></xades:QualifyingProperties></ds:Object></ds:Signature></asic:XAdESSignatures>`)
}

func BenchmarkParse(b *testing.B) {
	document := signatureSized()
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := xmlsafe.Parse(document, xmlsafe.Default); err != nil {
			b.Fatal(err)
		}
	}
}
