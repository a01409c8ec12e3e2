package xades

import (
	"maps"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

const nsXML = "http://www.w3.org/XML/1998/namespace"

// canonicalise gives the canonical form of an element in its document, without comments: inclusive C14N 1.0, or exclusive C14N when exclusive is
// set. The document must have passed checkTree: no processing instructions, no undeclared prefixes, no white space but the space
// in attributes.
func canonicalise(el *etree.Element, exclusive bool) []byte {
	c := canonicaliser{exclusive: exclusive}
	scope := map[string]string{}
	var inherited []etree.Attr
	for _, a := range ancestors(el) {
		declare(scope, a)
		if !exclusive {
			inherited = inheritXML(inherited, a)
		}
	}
	inherited = slices.DeleteFunc(inherited, func(a etree.Attr) bool { return el.SelectAttr(a.FullKey()) != nil })
	c.element(el, scope, map[string]string{}, inherited)
	return c.out
}

// ancestors lists the elements above el, the root first.
func ancestors(el *etree.Element) []*etree.Element {
	var list []*etree.Element
	for p := el.Parent(); p != nil && p.Tag != ""; p = p.Parent() {
		list = append(list, p)
	}
	slices.Reverse(list)
	return list
}

// inheritXML adds the xml: attributes of an ancestor; nearer ones win.
func inheritXML(inherited []etree.Attr, el *etree.Element) []etree.Attr {
	for _, a := range el.Attr {
		if a.Space == "xml" {
			inherited = slices.DeleteFunc(inherited, func(b etree.Attr) bool { return b.Key == a.Key })
			inherited = append(inherited, etree.Attr{Space: a.Space, Key: a.Key, Value: a.Value})
		}
	}
	return inherited
}

type canonicaliser struct {
	exclusive bool
	out       []byte
}

// element appends el. scope holds the namespaces in force around it, rendered those that the output has declared around it.
func (c *canonicaliser) element(el *etree.Element, scope, rendered map[string]string, inherited []etree.Attr) {
	if declares(el) {
		scope = maps.Clone(scope)
		declare(scope, el)
	}
	c.out = append(c.out, '<')
	c.out = append(c.out, el.FullTag()...)
	rendered = c.namespaces(el, scope, rendered)
	c.attributes(el, scope, inherited)
	c.out = append(c.out, '>')
	for _, token := range el.Child {
		switch t := token.(type) {
		case *etree.CharData:
			c.out = xmlsafe.AppendText(c.out, t.Data)
		case *etree.Element:
			c.element(t, scope, rendered, nil)
		}
	}
	c.out = append(c.out, '<', '/')
	c.out = append(c.out, el.FullTag()...)
	c.out = append(c.out, '>')
}

// namespaces appends the declarations that el needs and gives what is declared from here on.
func (c *canonicaliser) namespaces(el *etree.Element, scope, rendered map[string]string) map[string]string {
	var needed []string
	for prefix, uri := range scope {
		if rendered[prefix] != uri && (!c.exclusive || uses(el, prefix)) {
			needed = append(needed, prefix)
		}
	}
	if len(needed) == 0 {
		return rendered
	}
	slices.Sort(needed)
	rendered = maps.Clone(rendered)
	for _, prefix := range needed {
		c.out = append(c.out, " xmlns"...)
		if prefix != "" {
			c.out = append(append(c.out, ':'), prefix...)
		}
		c.out = append(c.out, `="`...)
		c.out = xmlsafe.AppendAttribute(c.out, scope[prefix])
		c.out = append(c.out, '"')
		rendered[prefix] = scope[prefix]
	}
	return rendered
}

func (c *canonicaliser) attributes(el *etree.Element, scope map[string]string, inherited []etree.Attr) {
	attributes := slices.Clone(inherited)
	for _, a := range el.Attr {
		if !isDeclaration(a) {
			attributes = append(attributes, a)
		}
	}
	namespace := func(a etree.Attr) string {
		switch a.Space {
		case "":
			return ""
		case "xml":
			return nsXML
		}
		return scope[a.Space]
	}
	slices.SortFunc(attributes, func(a, b etree.Attr) int {
		if order := strings.Compare(namespace(a), namespace(b)); order != 0 {
			return order
		}
		return strings.Compare(a.Key, b.Key)
	})
	for _, a := range attributes {
		c.out = append(append(c.out, ' '), a.FullKey()...)
		c.out = append(c.out, `="`...)
		c.out = xmlsafe.AppendAttribute(c.out, a.Value)
		c.out = append(c.out, '"')
	}
}

// uses reports whether el's own name or the name of one of its attributes carries the prefix.
func uses(el *etree.Element, prefix string) bool {
	return el.Space == prefix || prefix != "" && slices.ContainsFunc(el.Attr, func(a etree.Attr) bool { return a.Space == prefix && !isDeclaration(a) })
}

func isDeclaration(a etree.Attr) bool { return a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns" }

func declares(el *etree.Element) bool { return slices.ContainsFunc(el.Attr, isDeclaration) }

// declare puts el's declarations into scope; the default namespace has the prefix "", and the xml prefix needs no declaration.
func declare(scope map[string]string, el *etree.Element) {
	for _, a := range el.Attr {
		switch {
		case a.Space == "xmlns" && a.Key != "xml":
			scope[a.Key] = a.Value
		case a.Space == "" && a.Key == "xmlns":
			scope[""] = a.Value
		}
	}
}
