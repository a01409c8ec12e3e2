package xades

import (
	"encoding/base64"
	"strings"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// checkTree refuses what a signature document never holds and two readers might see differently: comments and processing instructions,
// undeclared prefixes, line breaks in attributes, and one Id on two elements.
func checkTree(el *etree.Element, scope map[string]string, ids map[string]bool) error {
	if declares(el) {
		inner := make(map[string]string, len(scope)+len(el.Attr))
		for prefix, uri := range scope {
			inner[prefix] = uri
		}
		declare(inner, el)
		scope = inner
	}
	if _, declared := scope[el.Space]; el.Space != "" && !declared {
		return malformed("Prefix %q is not declared", el.Space)
	}
	for _, a := range el.Attr {
		_, declared := scope[a.Space]
		switch {
		case a.Space != "" && a.Space != "xml" && !isDeclaration(a) && !declared:
			return malformed("Prefix %q is not declared", a.Space)
		case a.Space == "xmlns" && (a.Value == "" || a.Key == "xml" || a.Key == "xmlns"):
			return malformed("Prefix %q is declared badly", a.Key)
		case strings.ContainsAny(a.Value, "\t\r\n"):
			return malformed("Attribute %q has white space", a.FullKey())
		case strings.EqualFold(a.Key, "id") && ids[a.Value]:
			return malformed("Id %q is not unique", a.Value)
		case strings.EqualFold(a.Key, "id"):
			ids[a.Value] = true
		}
	}
	for _, token := range el.Child {
		switch t := token.(type) {
		case *etree.CharData:
		case *etree.Element:
			if err := checkTree(t, scope, ids); err != nil {
				return err
			}
		default:
			return malformed("Element %q holds something else than elements and text", el.Tag)
		}
	}
	return nil
}

// cursor walks the children of an element whose content is a sequence.
type cursor struct {
	parent *etree.Element
	rest   []*etree.Element
	err    error // the first mistake; later calls do nothing
}

func childrenOf(el *etree.Element) *cursor {
	c := &cursor{parent: el, rest: el.ChildElements()}
	for _, token := range el.Child {
		if text, ok := token.(*etree.CharData); ok && strings.TrimSpace(text.Data) != "" {
			c.err = malformed("Element %q holds text", el.Tag)
		}
	}
	return c
}

// next takes the next child, which must have this name; afterwards c.err tells whether it had. The result is never nil.
func (c *cursor) next(namespace, local string) *etree.Element {
	if el := c.maybe(namespace, local); el != nil {
		return el
	}
	if c.err == nil {
		c.err = malformed("Element %q is missing in %q", local, c.parent.Tag)
	}
	return etree.NewElement(local)
}

// maybe takes the next child if it has this name, and gives nil if it has not.
func (c *cursor) maybe(namespace, local string) *etree.Element {
	if c.err != nil || len(c.rest) == 0 || !xmlsafe.Is(c.rest[0], namespace, local) {
		return nil
	}
	el := c.rest[0]
	c.rest = c.rest[1:]
	return el
}

// end gives the first mistake; a child that nobody took is one.
func (c *cursor) end() error {
	if c.err == nil && len(c.rest) > 0 {
		c.err = malformed("Unexpected element %q in %q", c.rest[0].Tag, c.parent.Tag)
	}
	return c.err
}

// algorithmOf reads the Algorithm of an element that has nothing inside.
func algorithmOf(el *etree.Element) (string, error) {
	uri, _ := xmlsafe.Attribute(el, "", "Algorithm")
	return uri, childrenOf(el).end()
}

// binary decodes the base64 text of an element, in which white space and carriage returns may stand anywhere.
func binary(el *etree.Element) ([]byte, error) {
	text, err := xmlsafe.Text(el)
	if err != nil {
		return nil, malformed("Element %q holds elements", el.Tag)
	}
	data, err := base64.StdEncoding.Strict().DecodeString(strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n':
			return -1
		}
		return r
	}, text))
	if err != nil || len(data) == 0 {
		return nil, malformed("Element %q is not base64", el.Tag)
	}
	return data, nil
}

func id(el *etree.Element) string {
	value, _ := xmlsafe.Attribute(el, "", "Id")
	return value
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Invalid, "malformed_signature", format, args...)
}
