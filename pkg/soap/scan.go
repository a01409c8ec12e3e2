package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ristmik/ristmik/pkg/fault"
)

const maxDepth = 128

// element is where one element stands in the text.
type element struct {
	prefix, local, namespace string
	attributes               []xml.Attr // as they stand, prefix in Name.Space
	start, startEnd          int        // the start tag
	endStart, end            int        // the end tag; endStart == end for an empty-element tag
}

func (e *element) name() string {
	if e.prefix == "" {
		return e.local
	}
	return e.prefix + ":" + e.local
}

func (e *element) is(namespace, local string) bool {
	return e.local == local && e.namespace == namespace
}

// layout is the shape of an envelope: the elements that X-Road's rules speak of, by their place in the text.
type layout struct {
	raw            []byte // as received
	text           []byte // UTF-8, no byte order mark
	declarationEnd int    // 0 without an XML declaration
	envelope       *element
	header         *element
	headerChildren []*element
	body           *element
	bodyChildren   []*element
	fault          *element // the first Fault in the Body
	rpc            bool
}

type scanner struct {
	layout  *layout
	decoder *xml.Decoder
	open    []*element
	scopes  []map[string]string // namespace declarations, one map per open element, nil for none
}

// scan walks over all tokens once. It refuses what is not one well-formed document with namespaces and everything a signature could be
// wrapped with: document types, duplicate attributes, a second Header or Body.
func scan(raw []byte) (*layout, error) {
	text, err := decode(raw)
	if err != nil {
		return nil, err
	}
	s := &scanner{layout: &layout{raw: raw, text: text}, decoder: xml.NewDecoder(bytes.NewReader(text))}
	s.decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // decode has done it
	for {
		start := int(s.decoder.InputOffset())
		token, err := s.decoder.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "invalid_soap", "Malformed XML: %s", err)
		}
		if err := s.token(token, start, int(s.decoder.InputOffset())); err != nil {
			return nil, err
		}
	}
	switch {
	case len(s.open) > 0:
		return nil, malformed("element %q is not closed", s.open[len(s.open)-1].name())
	case s.layout.envelope == nil:
		return nil, malformed("no root element")
	}
	return s.layout, nil
}

func (s *scanner) token(token xml.Token, start, end int) error {
	switch t := token.(type) {
	case xml.StartElement:
		return s.startElement(t, start, end)
	case xml.EndElement:
		return s.endElement(t, start, end)
	case xml.CharData:
		if len(s.open) == 0 && len(bytes.TrimSpace(t)) > 0 {
			return malformed("text outside the root element")
		}
	case xml.Directive:
		return malformed("document type declarations are not allowed")
	case xml.ProcInst:
		if t.Target == "xml" {
			if start != 0 {
				return malformed("misplaced XML declaration")
			}
			s.layout.declarationEnd = end
		}
	}
	return nil
}

func (s *scanner) startElement(t xml.StartElement, start, end int) error {
	if len(s.open) == 0 && s.layout.envelope != nil {
		return malformed("more than one root element")
	}
	if len(s.open) == maxDepth {
		return malformed("elements are nested too deeply")
	}
	if err := s.declare(t.Attr); err != nil {
		return err
	}
	namespace, err := s.resolve(t.Name.Space)
	if err != nil {
		return err
	}
	if err := s.checkAttributes(t.Attr); err != nil {
		return err
	}
	el := &element{prefix: t.Name.Space, local: t.Name.Local, namespace: namespace, attributes: t.Attr, start: start, startEnd: end}
	if el.local == "" || strings.Contains(el.local, ":") {
		return malformed("bad element name")
	}
	if err := s.place(el); err != nil {
		return err
	}
	s.open = append(s.open, el)
	return nil
}

// place notes the element in the layout when its depth and parent give it a meaning.
func (s *scanner) place(el *element) error {
	l := s.layout
	switch len(s.open) {
	case 0:
		if !el.is(EnvelopeNamespace, "Envelope") {
			return refuse("invalid_soap", "Malformed SOAP message: envelope missing")
		}
		l.envelope = el
		for _, a := range el.attributes {
			if a.Name.Local == "encodingStyle" && a.Name.Space != "" && a.Value == EncodingNamespace {
				namespace, _ := s.resolve(a.Name.Space)
				l.rpc = l.rpc || namespace == EnvelopeNamespace
			}
		}
	case 1:
		switch {
		case el.is(EnvelopeNamespace, "Header"):
			if l.header != nil {
				return malformed("more than one Header")
			}
			l.header = el
		case el.is(EnvelopeNamespace, "Body"):
			if l.body != nil {
				return malformed("more than one Body")
			}
			l.body = el
		}
	case 2:
		switch s.open[1] {
		case l.header:
			l.headerChildren = append(l.headerChildren, el)
		case l.body:
			l.bodyChildren = append(l.bodyChildren, el)
			if l.fault == nil && el.is(EnvelopeNamespace, "Fault") {
				l.fault = el
			}
		}
	}
	return nil
}

func (s *scanner) endElement(t xml.EndElement, start, end int) error {
	if len(s.open) == 0 {
		return malformed("end tag without a start tag")
	}
	el := s.open[len(s.open)-1]
	if el.prefix != t.Name.Space || el.local != t.Name.Local {
		return malformed("element %q is closed as %q", el.name(), t.Name.Local)
	}
	el.endStart, el.end = start, end
	s.open, s.scopes = s.open[:len(s.open)-1], s.scopes[:len(s.scopes)-1]
	return nil
}

func (s *scanner) declare(attributes []xml.Attr) error {
	var scope map[string]string
	for _, a := range attributes {
		var prefix string
		switch {
		case a.Name.Space == "xmlns":
			prefix = a.Name.Local
			if a.Value == "" || prefix == "xml" || prefix == "xmlns" {
				return malformed("bad namespace declaration %q", prefix)
			}
		case a.Name.Space != "" || a.Name.Local != "xmlns":
			continue
		}
		if scope == nil {
			scope = make(map[string]string)
		}
		scope[prefix] = a.Value
	}
	s.scopes = append(s.scopes, scope)
	return nil
}

func (s *scanner) resolve(prefix string) (string, error) {
	if prefix == "xml" {
		return "http://www.w3.org/XML/1998/namespace", nil
	}
	for i := len(s.scopes) - 1; i >= 0; i-- {
		if uri, ok := s.scopes[i][prefix]; ok {
			return uri, nil
		}
	}
	if prefix != "" {
		return "", malformed("prefix %q is not declared", prefix)
	}
	return "", nil
}

func (s *scanner) checkAttributes(attributes []xml.Attr) error {
	for i, a := range attributes {
		if a.Name.Local == "" || strings.Contains(a.Name.Local, ":") {
			return malformed("bad attribute name")
		}
		var namespace string
		if a.Name.Space != "" && a.Name.Space != "xmlns" {
			var err error
			if namespace, err = s.resolve(a.Name.Space); err != nil {
				return err
			}
		}
		for _, b := range attributes[:i] {
			if a.Name.Local != b.Name.Local {
				continue
			}
			other := ""
			if b.Name.Space != "" && b.Name.Space != "xmlns" {
				other, _ = s.resolve(b.Name.Space)
			}
			if a.Name.Space == b.Name.Space || namespace != "" && namespace == other {
				return malformed("duplicate attribute %q", a.Name.Local)
			}
		}
	}
	return nil
}

// decode strips a byte order mark and turns ISO-8859-1, when the XML declaration names it, into UTF-8. Like its peers it goes by the
// declaration and not by the charset of the content type. Other encodings are refused.
func decode(raw []byte) ([]byte, error) {
	text, marked := bytes.CutPrefix(raw, []byte("\xef\xbb\xbf"))
	switch name := declaredEncoding(text); name {
	case "", "utf-8", "utf8", "us-ascii":
	case "iso-8859-1":
		if !marked {
			return fromLatin1(text), nil
		}
	default:
		return nil, malformed("unsupported encoding %q", name)
	}
	if !utf8.Valid(text) {
		return nil, malformed("message is not UTF-8")
	}
	return text, nil
}

func declaredEncoding(text []byte) string {
	if !bytes.HasPrefix(text, []byte("<?xml")) {
		return ""
	}
	declaration, _, _ := bytes.Cut(text, []byte("?>"))
	_, rest, found := bytes.Cut(declaration, []byte("encoding"))
	rest = bytes.TrimLeft(rest, " \t\r\n=")
	if !found || len(rest) < 2 {
		return ""
	}
	name, _, _ := bytes.Cut(rest[1:], rest[:1])
	return strings.ToLower(string(name))
}

func fromLatin1(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	for _, b := range text {
		out = utf8.AppendRune(out, rune(b))
	}
	return out
}

func malformed(format string, args ...any) error {
	return refuse("invalid_soap", "Malformed XML: "+format, args...)
}
