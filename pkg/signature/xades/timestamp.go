package xades

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

const timestamped = "UnsignedSignatureProperties"

// AddTimestamp puts an RFC 3161 token (DER) over the signature value into the signature, as the first of its unsigned properties. All other bytes
// stay as they are, so the signature does too. The document must be a signature with unsigned properties and without a time-stamp.
func AddTimestamp(signatureXML, token []byte) ([]byte, error) {
	if _, err := Parse(signatureXML); err != nil {
		return nil, err
	}
	at, prefix, err := findUnsigned(signatureXML)
	if err != nil {
		return nil, err
	}
	if prefix != "" {
		prefix += ":"
	}
	out := make([]byte, 0, len(signatureXML)+2*len(token)+200)
	out = append(out, signatureXML[:at]...)
	out = append(out, "<"+prefix+"SignatureTimeStamp><"+prefix+"EncapsulatedTimeStamp>"...)
	out = base64.StdEncoding.AppendEncode(out, token)
	out = append(out, "</"+prefix+"EncapsulatedTimeStamp></"+prefix+"SignatureTimeStamp>"...)
	return append(out, signatureXML[at:]...), nil
}

// findUnsigned gives the offset just after the start tag of the unsigned signature properties, and its prefix. The tree says that there is one such
// element; the tokens say where.
func findUnsigned(document []byte) (offset int64, prefix string, err error) {
	root, err := xmlsafe.Parse(document, xmlsafe.Default)
	if err != nil {
		return 0, "", err
	}
	var found []*etree.Element
	collect(root, &found)
	if len(found) != 1 || found[0].NamespaceURI() != nsXAdES {
		return 0, "", fmt.Errorf("adding a time-stamp: %d elements %s", len(found), timestamped)
	}
	if len(xmlsafe.All(found[0], nsXAdES, "SignatureTimeStamp")) > 0 {
		return 0, "", fmt.Errorf("adding a time-stamp: the signature has one")
	}
	d := xml.NewDecoder(bytes.NewReader(document))
	for {
		token, err := d.RawToken()
		if err != nil {
			return 0, "", fmt.Errorf("adding a time-stamp: %w", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != timestamped {
			continue
		}
		offset = d.InputOffset()
		if bytes.HasSuffix(document[:offset], []byte("/>")) {
			return 0, "", fmt.Errorf("adding a time-stamp: %s is empty", timestamped)
		}
		return offset, start.Name.Space, nil
	}
}

// collect finds all elements with the local name, whatever their namespace.
func collect(el *etree.Element, found *[]*etree.Element) {
	if el.Tag == timestamped {
		*found = append(*found, el)
	}
	for _, child := range el.ChildElements() {
		collect(child, found)
	}
}
