// Package xmlsafe reads XML that a stranger may have written, and writes XML that stays the same.
//
// Reading refuses what a signature could be wrapped with: DTDs, several roots, text outside the root, duplicate attributes, other
// encodings than UTF-8, too many bytes, too many levels. Elements are found by namespace and name only.
package xmlsafe

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
	xrv "github.com/mattermost/xml-roundtrip-validator"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Limits bound one document.
type Limits struct {
	Bytes int // of the whole document
	Depth int // of nested elements
}

// Default suits messages and configuration anchors; large documents have streaming decoders of their own.
var Default = Limits{Bytes: 1 << 20, Depth: 64}

// Parse reads one document and returns its root. A leading UTF-8 byte order mark is allowed. Every refusal is a fault with code invalid_xml.
func Parse(data []byte, limits Limits) (*etree.Element, error) {
	if len(data) > limits.Bytes {
		return nil, refuse("document has more than %d bytes", limits.Bytes)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, refuse("document is not UTF-8")
	}
	if err := xrv.Validate(bytes.NewReader(data)); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "invalid_xml", "Malformed XML")
	}
	doc := etree.NewDocument()
	doc.ReadSettings = etree.ReadSettings{PreserveDuplicateAttrs: true, PreserveCData: true, MaxDepth: limits.Depth}
	if _, err := doc.ReadFrom(bytes.NewReader(data)); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "invalid_xml", "Malformed XML")
	}
	return checkDocument(doc)
}

func checkDocument(doc *etree.Document) (*etree.Element, error) {
	var root *etree.Element
	for _, token := range doc.Child {
		switch t := token.(type) {
		case *etree.Element:
			if root != nil {
				return nil, refuse("document has more than one root element")
			}
			root = t
		case *etree.Directive:
			return nil, refuse("document type declarations are not allowed")
		case *etree.CharData:
			if strings.TrimSpace(t.Data) != "" {
				return nil, refuse("text outside the root element")
			}
		case *etree.ProcInst:
			if t.Target == "xml" {
				if err := checkDeclaration(t.Inst); err != nil {
					return nil, err
				}
			}
		}
	}
	if root == nil {
		return nil, refuse("document has no root element")
	}
	return root, checkElement(root)
}

func checkDeclaration(inst string) error {
	_, rest, found := strings.Cut(inst, "encoding")
	if !found {
		return nil
	}
	value := strings.TrimLeft(rest, " \t\r\n=")
	if len(value) < 2 {
		return refuse("malformed XML declaration")
	}
	name, _, _ := strings.Cut(value[1:], value[:1])
	// The bytes are UTF-8 already; a document that names ASCII or Latin-1 yet holds valid UTF-8 is read as what it is, as X-Road does.
	switch strings.ToLower(name) {
	case "utf-8", "utf8", "us-ascii", "iso-8859-1":
		return nil
	}
	return refuse("unsupported encoding %q", name)
}

func checkElement(el *etree.Element) error {
	for i, a := range el.Attr {
		for _, b := range el.Attr[:i] {
			if a.Key == b.Key && (a.Space == b.Space || a.NamespaceURI() != "" && a.NamespaceURI() == b.NamespaceURI()) {
				return refuse("duplicate attribute %q", a.FullKey())
			}
		}
	}
	for _, token := range el.Child {
		switch t := token.(type) {
		case *etree.Directive:
			return refuse("document type declarations are not allowed")
		case *etree.Element:
			if err := checkElement(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// Is reports whether el has this namespace and local name.
func Is(el *etree.Element, namespace, local string) bool {
	return el.Tag == local && el.NamespaceURI() == namespace
}

// All gives the direct children with this namespace and local name, in document order.
func All(parent *etree.Element, namespace, local string) []*etree.Element {
	var found []*etree.Element
	for _, el := range parent.ChildElements() {
		if Is(el, namespace, local) {
			found = append(found, el)
		}
	}
	return found
}

// One gives the only direct child with this name; none or several is a fault with code invalid_xml.
func One(parent *etree.Element, namespace, local string) (*etree.Element, error) {
	el, err := Optional(parent, namespace, local)
	if err == nil && el == nil {
		return nil, refuse("element %q is missing in %q", local, parent.Tag)
	}
	return el, err
}

// Optional gives the only direct child with this name or nil; several is a fault with code invalid_xml.
func Optional(parent *etree.Element, namespace, local string) (*etree.Element, error) {
	switch found := All(parent, namespace, local); len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	default:
		return nil, refuse("element %q occurs %d times in %q", local, len(found), parent.Tag)
	}
}

// Attribute gives the value of the attribute with this namespace ("" for an unqualified one) and local name.
func Attribute(el *etree.Element, namespace, local string) (string, bool) {
	for _, a := range el.Attr {
		if a.Key == local && a.NamespaceURI() == namespace && (a.Space != "" || namespace == "") {
			return a.Value, true
		}
	}
	return "", false
}

// Text is the whole character data of an element without element children. Comments, processing instructions and elements inside
// are refused: two readers could understand them differently.
func Text(el *etree.Element) (string, error) {
	var b strings.Builder
	for _, token := range el.Child {
		t, ok := token.(*etree.CharData)
		if !ok {
			return "", refuse("element %q may hold text only", el.Tag)
		}
		b.WriteString(t.Data)
	}
	return b.String(), nil
}

// AppendText appends s escaped as character data: & < > and carriage return.
func AppendText(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '\r':
			dst = append(dst, "&#xD;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendAttribute appends s escaped for a double-quoted attribute value, in the canonical form of C14N.
func AppendAttribute(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		case '\t':
			dst = append(dst, "&#x9;"...)
		case '\n':
			dst = append(dst, "&#xA;"...)
		case '\r':
			dst = append(dst, "&#xD;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendElement appends <name>text</name> with the text escaped; name may carry a prefix.
func AppendElement(dst []byte, name, text string) []byte {
	dst = append(dst, '<')
	dst = append(dst, name...)
	dst = append(dst, '>')
	dst = AppendText(dst, text)
	dst = append(dst, '<', '/')
	dst = append(dst, name...)
	return append(dst, '>')
}

func refuse(format string, args ...any) error {
	return fault.New(fault.Invalid, "invalid_xml", format, args...)
}
