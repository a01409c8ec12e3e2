package xades

import (
	"bytes"
	"crypto/x509"
	"time"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

func (s *Signature) parseProperties(el *etree.Element) error {
	c := childrenOf(el)
	s.signedProperties = c.next(nsXAdES, "SignedProperties")
	unsigned := c.maybe(nsXAdES, "UnsignedProperties")
	if err := c.end(); err != nil {
		return err
	}
	if id(s.signedProperties) == "" || s.properties.uri != "#"+id(s.signedProperties) {
		return malformed("Signed properties are not referenced")
	}
	c = childrenOf(s.signedProperties)
	if err := s.parseSignedSignatureProperties(c.next(nsXAdES, "SignedSignatureProperties")); err != nil {
		return err
	}
	c.maybe(nsXAdES, "SignedDataObjectProperties")
	if err := c.end(); err != nil || unsigned == nil {
		return err
	}
	c = childrenOf(unsigned)
	properties := c.maybe(nsXAdES, "UnsignedSignatureProperties")
	if err := c.end(); err != nil || properties == nil {
		return err
	}
	return s.parseUnsigned(properties)
}

func (s *Signature) parseSignedSignatureProperties(el *etree.Element) error {
	c := childrenOf(el)
	if signed := c.maybe(nsXAdES, "SigningTime"); signed != nil {
		text, err := xmlsafe.Text(signed)
		if err != nil {
			return malformed("Malformed signing time")
		}
		if s.signingTime, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return malformed("Malformed signing time")
		}
	}
	holder := c.maybe(nsXAdES, "SigningCertificate")
	if holder == nil {
		holder = c.next(nsXAdES, "SigningCertificateV2")
	}
	for _, optional := range []string{"SignaturePolicyIdentifier", "SignatureProductionPlace", "SignatureProductionPlaceV2", "SignerRole", "SignerRoleV2"} {
		c.maybe(nsXAdES, optional)
	}
	if err := c.end(); err != nil {
		return err
	}
	h := childrenOf(holder)
	certificate := h.next(nsXAdES, "Cert") // the first is the signer's; others name its issuers
	if h.err != nil {
		return h.err
	}
	var err error
	s.claimed, err = certificateDigest(certificate)
	return err
}

// certificateDigest reads the CertDigest of a Cert. Issuer and serial number add nothing to it.
func certificateDigest(certificate *etree.Element) (digestValue, error) {
	c := childrenOf(certificate)
	digest := c.next(nsXAdES, "CertDigest")
	if c.err != nil {
		return digestValue{}, c.err
	}
	return parseDigest(childrenOf(digest))
}

// parseUnsigned reads time-stamp, certificates and OCSP responses. Other unsigned properties are left alone.
func (s *Signature) parseUnsigned(el *etree.Element) error {
	for _, stamp := range xmlsafe.All(el, nsXAdES, "SignatureTimeStamp") {
		for _, encapsulated := range xmlsafe.All(stamp, nsXAdES, "EncapsulatedTimeStamp") {
			token, err := binary(encapsulated)
			if err != nil {
				return err
			}
			s.timestamp = token
		}
	}
	byID := map[string]*x509.Certificate{}
	for _, values := range xmlsafe.All(el, nsXAdES, "CertificateValues") {
		for _, encapsulated := range xmlsafe.All(values, nsXAdES, "EncapsulatedX509Certificate") {
			c, err := parseCertificate(encapsulated)
			if err != nil {
				return err
			}
			s.chain = append(s.chain, c)
			byID[id(encapsulated)] = c
		}
	}
	for _, values := range xmlsafe.All(el, nsXAdES, "RevocationValues") {
		for _, responses := range xmlsafe.All(values, nsXAdES, "OCSPValues") {
			for _, encapsulated := range xmlsafe.All(responses, nsXAdES, "EncapsulatedOCSPValue") {
				response, err := binary(encapsulated)
				if err != nil {
					return err
				}
				s.ocsp = append(s.ocsp, response)
			}
		}
	}
	for _, complete := range xmlsafe.All(el, nsXAdES, "CompleteCertificateRefs") {
		for _, references := range xmlsafe.All(complete, nsXAdES, "CertRefs") {
			for _, reference := range xmlsafe.All(references, nsXAdES, "Cert") {
				if err := checkCertificateReference(reference, byID); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func checkCertificateReference(el *etree.Element, byID map[string]*x509.Certificate) error {
	uri, _ := xmlsafe.Attribute(el, "", "URI")
	if len(uri) < 2 || uri[0] != '#' || byID[uri[1:]] == nil {
		return malformed("Certificate %q is not in the signature", uri)
	}
	v, err := certificateDigest(el)
	if err != nil {
		return err
	}
	if !bytes.Equal(v.digest.Sum(byID[uri[1:]].Raw), v.value) {
		return malformed("Certificate %q does not match its digest", uri)
	}
	return nil
}
