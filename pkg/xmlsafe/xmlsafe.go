// Package xmlsafe reads XML that a stranger may have written, and writes XML that stays the same.
//
// Reading refuses what a signature could be wrapped with: DTDs, several roots, text outside the root, duplicate attributes, other
// encodings than UTF-8, too many bytes, too many levels. Elements are found by namespace and name only.
package xmlsafe

import (
	"bytes"
	"strings"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Limits bound one document.
type Limits struct {
	Bytes int // of the whole document
	Depth int // of nested elements
}

// Default suits messages and configuration anchors; large documents have streaming decoders of their own.
var Default = Limits{Bytes: 1 << 20, Depth: 64}

// Parse reads one document and returns its root. It reads what a conforming parser with namespaces reads, and that the same way; the limits,
// document types, names that XML knows since its fifth edition only and encodings other than UTF-8 are refused besides. A leading UTF-8 byte
// order mark is allowed. Every refusal is a fault with code invalid_xml. The tree holds no XML declaration, and CDATA sections are text.
func Parse(data []byte, limits Limits) (*etree.Element, error) {
	if len(data) > limits.Bytes {
		return nil, refuse("document has more than %d bytes", limits.Bytes)
	}
	checked, err := scan(data, limits.Depth)
	if err != nil {
		return nil, err
	}
	doc := etree.NewDocument()
	doc.ReadSettings = etree.ReadSettings{PreserveDuplicateAttrs: true, MaxDepth: limits.Depth}
	if _, err := doc.ReadFrom(bytes.NewReader(checked)); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "invalid_xml", "Malformed XML")
	}
	root := doc.Root()
	if err := checkNames(root); err != nil {
		return nil, err
	}
	return root, nil
}

// Is reports whether el has this namespace and local name.
func Is(el *etree.Element, namespace, local string) bool {
	return el.Tag == local && namespaceOf(el.Space, el.NamespaceURI()) == namespace
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
		if a.Key == local && namespaceOf(a.Space, a.NamespaceURI()) == namespace {
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
