package xmlsafe

import (
	"github.com/beevik/etree"
)

// Names of the two prefixes that Namespaces in XML §3 reserves.
const (
	nsXML   = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS = "http://www.w3.org/2000/xmlns/"
)

// namespaces follows the declarations in force while it walks over a tree.
type namespaces struct {
	bound map[string]string // by prefix; no entry, or an empty one, for what is not declared
	outer []binding         // what the declarations of the elements around have hidden
}

type binding struct{ prefix, uri string }

// checkNames refuses undeclared prefixes, bad declarations, and attributes that are the same, by prefix or by namespace.
func checkNames(root *etree.Element) error {
	n := &namespaces{bound: map[string]string{"xml": nsXML}}
	return n.element(root)
}

func (n *namespaces) element(el *etree.Element) error {
	mark := len(n.outer)
	if err := n.declare(el); err != nil {
		return err
	}
	if el.Space != "" && n.bound[el.Space] == "" {
		return refuse("prefix %q is not declared", el.Space)
	}
	if err := n.attributes(el); err != nil {
		return err
	}
	for _, token := range el.Child {
		if child, ok := token.(*etree.Element); ok {
			if err := n.element(child); err != nil {
				return err
			}
		}
	}
	for len(n.outer) > mark {
		last := n.outer[len(n.outer)-1]
		n.bound[last.prefix], n.outer = last.uri, n.outer[:len(n.outer)-1]
	}
	return nil
}

func (n *namespaces) declare(el *etree.Element) error {
	for i := range el.Attr {
		a := &el.Attr[i]
		prefix := ""
		switch {
		case a.Space == "xmlns":
			prefix = a.Key
		case a.Space != "" || a.Key != "xmlns":
			continue
		}
		if prefix != "" && a.Value == "" || prefix == "xmlns" || a.Value == nsXMLNS || (prefix == "xml") != (a.Value == nsXML) {
			return refuse("prefix %q may not be declared as %q", prefix, a.Value)
		}
		n.outer = append(n.outer, binding{prefix, n.bound[prefix]})
		n.bound[prefix] = a.Value
	}
	return nil
}

func (n *namespaces) attributes(el *etree.Element) error {
	for i := range el.Attr {
		a := &el.Attr[i]
		qualified := a.Space != "" && a.Space != "xmlns"
		uri := ""
		if qualified {
			if uri = n.bound[a.Space]; uri == "" {
				return refuse("prefix %q is not declared", a.Space)
			}
		}
		for j := range i {
			b := &el.Attr[j]
			if a.Key == b.Key && (a.Space == b.Space || qualified && b.Space != "" && uri == n.bound[b.Space]) {
				return refuse("duplicate attribute %q", a.FullKey())
			}
		}
	}
	return nil
}

// namespaceOf tells what etree does not know: the namespaces of the reserved prefixes.
func namespaceOf(prefix, found string) string {
	switch prefix {
	case "xml":
		return nsXML
	case "xmlns":
		return nsXMLNS
	}
	return found
}
