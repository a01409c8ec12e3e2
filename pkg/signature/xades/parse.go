package xades

import (
	"crypto/x509"
	"time"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// maxReferences bounds what a signature may reference: a message and many attachments.
const maxReferences = 1000

// Signature is a parsed signature. Its parts say what the signer claims; nothing is verified by parsing.
type Signature struct {
	signedInfo       *etree.Element
	signedProperties *etree.Element
	exclusive        bool // SignedInfo is canonicalised exclusively
	algorithm        signature.Algorithm
	direct           []reference // what is signed
	properties       reference   // the reference to signedProperties
	value            []byte
	certificate      *x509.Certificate
	claimed          digestValue // the digest of the signing certificate in SignedProperties
	signingTime      time.Time
	chain            []*x509.Certificate
	ocsp             [][]byte
	timestamp        []byte
}

type digestValue struct {
	digest signature.Digest
	value  []byte
}

type reference struct {
	digestValue
	uri, kind, transform string
}

// Timestamp is the RFC 3161 token (DER) over the signature value, nil when there is none. It is not verified here.
func (s *Signature) Timestamp() []byte { return s.timestamp }

// Parse reads a signature. XML that cannot be read is fault invalid_xml; anything else that is not a signature as X-Road knows it, malformed_signature.
func Parse(xml []byte) (*Signature, error) {
	root, err := xmlsafe.Parse(xml, xmlsafe.Default)
	if err != nil {
		return nil, err
	}
	if err := checkTree(root, nil, map[string]bool{}); err != nil {
		return nil, err
	}
	el, err := findSignature(root)
	if err != nil {
		return nil, err
	}
	s := &Signature{}
	if err := s.parse(el); err != nil {
		return nil, err
	}
	return s, nil
}

// findSignature gives the root itself, or the first and only child node of an ASiC root.
func findSignature(root *etree.Element) (*etree.Element, error) {
	if xmlsafe.Is(root, nsDS, "Signature") {
		return root, nil
	}
	if !xmlsafe.Is(root, nsASiC, "XAdESSignatures") && !xmlsafe.Is(root, nsASiCOld, "XAdESSignatures") {
		return nil, malformed("Root element %q is not a signature", root.Tag)
	}
	c := childrenOf(root)
	el := c.next(nsDS, "Signature")
	if err := c.end(); err != nil {
		return nil, err
	}
	if root.Child[0] != etree.Token(el) {
		return nil, malformed("Signature is not the first child of %q", root.Tag)
	}
	return el, nil
}

func (s *Signature) parse(el *etree.Element) error {
	c := childrenOf(el)
	s.signedInfo = c.next(nsDS, "SignedInfo")
	value := c.next(nsDS, "SignatureValue")
	keyInfo := c.next(nsDS, "KeyInfo")
	object := c.next(nsDS, "Object")
	if err := c.end(); err != nil {
		return err
	}
	var err error
	if err = s.parseSignedInfo(); err != nil {
		return err
	}
	if s.value, err = binary(value); err != nil {
		return err
	}
	if err = s.parseKeyInfo(keyInfo); err != nil {
		return err
	}
	c = childrenOf(object)
	properties := c.next(nsXAdES, "QualifyingProperties")
	if err := c.end(); err != nil {
		return err
	}
	if target, _ := xmlsafe.Attribute(properties, "", "Target"); id(el) == "" || target != "#"+id(el) {
		return malformed("Qualifying properties belong to %q", target)
	}
	return s.parseProperties(properties)
}

func (s *Signature) parseSignedInfo() error {
	c := childrenOf(s.signedInfo)
	canonicalisation, err := algorithmOf(c.next(nsDS, "CanonicalizationMethod"))
	if err != nil {
		return err
	}
	method, err := algorithmOf(c.next(nsDS, "SignatureMethod"))
	if err != nil {
		return err
	}
	var references []reference
	for el := c.next(nsDS, "Reference"); el != nil; el = c.maybe(nsDS, "Reference") {
		if c.err != nil {
			break
		}
		r, err := parseReference(el)
		if err != nil {
			return err
		}
		if references = append(references, r); len(references) > maxReferences {
			return malformed("Signature has more than %d references", maxReferences)
		}
	}
	if err := c.end(); err != nil {
		return err
	}
	if canonicalisation != c14nInclusive && canonicalisation != c14nExclusive {
		return malformed("Canonicalization method %q is not allowed", canonicalisation)
	}
	s.exclusive = canonicalisation == c14nExclusive
	if s.algorithm, err = signature.ByURI(method); err != nil {
		return fault.Wrap(err, fault.Invalid, "malformed_signature", "Signature method %q is not allowed", method)
	}
	return s.sortReferences(references)
}

// sortReferences tells the one reference to the signed properties from those to the message.
func (s *Signature) sortReferences(references []reference) error {
	seen := make(map[string]bool, len(references))
	for _, r := range references {
		switch {
		case seen[r.uri]:
			return malformed("%s is referenced twice", r.uri)
		case r.kind == typeSignedProperties && s.properties.uri == "":
			s.properties = r
		case r.kind != "" || r.transform != "" || r.uri == "" || r.uri[0] != '/':
			return malformed("Reference to %q is not allowed", r.uri)
		case len(s.direct) > 0 && s.direct[0].digest != r.digest:
			return malformed("References have several digest methods")
		default:
			s.direct = append(s.direct, r)
		}
		seen[r.uri] = true
	}
	if s.properties.uri == "" || len(s.direct) == 0 {
		return malformed("Signature does not reference its properties and a message")
	}
	return nil
}

func parseReference(el *etree.Element) (r reference, err error) {
	r.uri, _ = xmlsafe.Attribute(el, "", "URI")
	r.kind, _ = xmlsafe.Attribute(el, "", "Type")
	c := childrenOf(el)
	if transforms := c.maybe(nsDS, "Transforms"); transforms != nil {
		t := childrenOf(transforms)
		if r.transform, err = algorithmOf(t.next(nsDS, "Transform")); err != nil {
			return r, err
		}
		if err = t.end(); err != nil {
			return r, err
		}
		if r.transform != c14nInclusive && r.transform != c14nExclusive {
			return r, malformed("Transform %q is not allowed", r.transform)
		}
	}
	r.digestValue, err = parseDigest(c)
	return r, err
}

// parseDigest reads DigestMethod and DigestValue, which end c.
func parseDigest(c *cursor) (v digestValue, err error) {
	method, value := c.next(nsDS, "DigestMethod"), c.next(nsDS, "DigestValue")
	if err = c.end(); err != nil {
		return v, err
	}
	uri, err := algorithmOf(method)
	if err != nil {
		return v, err
	}
	if v.digest, err = signature.DigestByURI(uri); err != nil || !v.digest.IsStrong() {
		return v, malformed("Digest method %q is not allowed", uri)
	}
	if v.value, err = binary(value); err == nil && len(v.value) != v.digest.Hash.Size() {
		err = malformed("Digest value has %d bytes", len(v.value))
	}
	return v, err
}

func (s *Signature) parseKeyInfo(keyInfo *etree.Element) error {
	c := childrenOf(keyInfo)
	data := childrenOf(c.next(nsDS, "X509Data"))
	if err := c.end(); err != nil {
		return noCertificate()
	}
	el := data.next(nsDS, "X509Certificate")
	if data.err != nil {
		return noCertificate()
	}
	if err := data.end(); err != nil {
		return err
	}
	var err error
	s.certificate, err = parseCertificate(el)
	return err
}

func noCertificate() error { return malformed("Signature does not contain signing certificate") }

func parseCertificate(el *etree.Element) (*x509.Certificate, error) {
	der, err := binary(el)
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "malformed_signature", "Signature contains a malformed certificate")
	}
	return c, nil
}
