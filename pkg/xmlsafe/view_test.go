package xmlsafe_test

import (
	"cmp"
	"maps"
	"slices"

	"github.com/beevik/etree"

	"github.com/ristmik/ristmik/pkg/xmlsafe"
)

// view writes a whole document in Canonical XML 1.0 with comments: all that a reader sees of it.
func view(root *etree.Element) string {
	var dst []byte
	ended := false
	for _, token := range root.Parent().Child {
		switch t := token.(type) {
		case *etree.Element:
			dst = appendElement(dst, t, map[string]string{"": "", "xml": "http://www.w3.org/XML/1998/namespace"})
			ended = true
		case *etree.Comment, *etree.ProcInst:
			if ended {
				dst = append(dst, '\n')
			}
			dst = appendOther(dst, t)
			if !ended {
				dst = append(dst, '\n')
			}
		}
	}
	return string(dst)
}

func appendOther(dst []byte, token etree.Token) []byte {
	switch t := token.(type) {
	case *etree.CharData:
		return xmlsafe.AppendText(dst, t.Data)
	case *etree.Comment:
		return append(append(append(dst, "<!--"...), t.Data...), "-->"...)
	case *etree.ProcInst:
		dst = append(append(dst, "<?"...), t.Target...)
		if t.Inst != "" {
			dst = append(append(dst, ' '), t.Inst...)
		}
		return append(dst, "?>"...)
	}
	panic("token that no canonical form has")
}

func appendElement(dst []byte, el *etree.Element, outer map[string]string) []byte {
	scope := maps.Clone(outer)
	var attributes []etree.Attr
	for _, a := range el.Attr {
		switch {
		case a.Space == "xmlns":
			scope[a.Key] = a.Value
		case a.Space == "" && a.Key == "xmlns":
			scope[""] = a.Value
		default:
			attributes = append(attributes, a)
		}
	}
	namespace := func(prefix string) string {
		if prefix == "" {
			return ""
		}
		return scope[prefix]
	}
	slices.SortFunc(attributes, func(a, b etree.Attr) int {
		return cmp.Or(cmp.Compare(namespace(a.Space), namespace(b.Space)), cmp.Compare(a.Key, b.Key))
	})
	dst = append(append(dst, '<'), el.FullTag()...)
	for _, prefix := range slices.Sorted(maps.Keys(scope)) {
		if before, known := outer[prefix]; known && before == scope[prefix] {
			continue
		}
		name := "xmlns"
		if prefix != "" {
			name += ":" + prefix
		}
		dst = appendAttribute(dst, name, scope[prefix])
	}
	for _, a := range attributes {
		dst = appendAttribute(dst, a.FullKey(), a.Value)
	}
	dst = append(dst, '>')
	for _, token := range el.Child {
		if child, ok := token.(*etree.Element); ok {
			dst = appendElement(dst, child, scope)
		} else {
			dst = appendOther(dst, token)
		}
	}
	return append(append(append(dst, "</"...), el.FullTag()...), '>')
}

func appendAttribute(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, ' '), name...), `="`...)
	return append(xmlsafe.AppendAttribute(dst, value), '"')
}
