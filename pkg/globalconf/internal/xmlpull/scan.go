package xmlpull

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// declaration reads <?xml …?> if the document starts with one; only UTF-8 and its subset may be named.
func (r *Reader) declaration() error {
	if !bytes.HasPrefix(r.data, []byte("<?xml")) || len(r.data) < 6 || !isSpace(r.data[5]) {
		return nil
	}
	end := bytes.Index(r.data, []byte("?>"))
	if end < 0 {
		return r.fail("XML declaration does not end")
	}
	inst := string(r.data[5:end])
	r.pos = end + 2
	_, rest, found := strings.Cut(inst, "encoding")
	if !found {
		return nil
	}
	value := strings.TrimLeft(rest, " \t\r\n=")
	if len(value) < 2 {
		return r.fail("malformed XML declaration")
	}
	switch name, _, _ := strings.Cut(value[1:], value[:1]); strings.ToLower(name) {
	case "utf-8", "utf8", "us-ascii":
		return nil
	default:
		return r.fail("unsupported encoding %q", name)
	}
}

// misc skips white space, comments and processing instructions around the root.
func (r *Reader) misc() error {
	for {
		r.skipSpace()
		rest := r.data[r.pos:]
		if len(rest) < 2 || rest[0] != '<' || rest[1] != '!' && rest[1] != '?' {
			return nil
		}
		if err := r.skipMarkup(); err != nil {
			return err
		}
	}
}

func (r *Reader) skipMarkup() error {
	rest := r.data[r.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		end := bytes.Index(rest[4:], []byte("--"))
		if end < 0 || !bytes.HasPrefix(rest[4+end:], []byte("-->")) {
			return r.fail("malformed comment")
		}
		r.pos += 4 + end + 3
	case bytes.HasPrefix(rest, []byte("<?")):
		end := bytes.Index(rest[2:], []byte("?>"))
		if end < 0 {
			return r.fail("processing instruction does not end")
		}
		if target := rest[2 : 2+end]; len(target) == 0 || len(target) >= 3 && strings.EqualFold(string(target[:3]), "xml") && (len(target) == 3 || isSpace(target[3])) {
			return r.fail("misplaced XML declaration")
		}
		r.pos += 2 + end + 2
	case bytes.HasPrefix(rest, []byte("<!DOCTYPE")):
		return r.fail("document type declarations are not allowed")
	default:
		return r.fail("unexpected markup")
	}
	return nil
}

// startTag reads a start tag at pos and enters the element.
func (r *Reader) startTag() error {
	if len(r.open) >= MaxDepth {
		return r.fail("more than %d nested elements", MaxDepth)
	}
	r.pos++
	raw := r.name()
	if len(raw) == 0 {
		return r.fail("malformed start tag")
	}
	e := element{raw: raw, bindings: len(r.bindings)}
	r.attributes = r.attributes[:0]
	for {
		spaced := r.skipSpace()
		if r.pos >= len(r.data) {
			return r.fail("start tag of <%s> does not end", raw)
		}
		switch c := r.data[r.pos]; {
		case c == '>':
			r.pos++
			r.selfClosed = false
			return r.enter(e)
		case c == '/':
			if r.pos+1 >= len(r.data) || r.data[r.pos+1] != '>' {
				return r.fail("malformed start tag of <%s>", raw)
			}
			r.pos += 2
			r.selfClosed = true
			return r.enter(e)
		case !spaced:
			return r.fail("malformed start tag of <%s>", raw)
		}
		if err := r.attribute(e.bindings); err != nil {
			return err
		}
	}
}

// attribute reads one attribute or namespace declaration. Prefixes are resolved by enter, when all declarations are known.
func (r *Reader) attribute(outer int) error {
	name := r.name()
	r.skipSpace()
	if len(name) == 0 || r.pos >= len(r.data) || r.data[r.pos] != '=' {
		return r.fail("malformed attribute")
	}
	r.pos++
	r.skipSpace()
	if r.pos >= len(r.data) || r.data[r.pos] != '"' && r.data[r.pos] != '\'' {
		return r.fail("value of attribute %q is not quoted", name)
	}
	quote := r.data[r.pos]
	r.pos++
	end := bytes.IndexByte(r.data[r.pos:], quote)
	if end < 0 {
		return r.fail("value of attribute %q does not end", name)
	}
	raw := r.data[r.pos : r.pos+end]
	if bytes.IndexByte(raw, '<') >= 0 {
		return r.fail("%q in the value of attribute %q", '<', name)
	}
	value, err := r.decode(nil, raw, true)
	if err != nil {
		return err
	}
	r.pos += end + 1
	prefix, local, qualified := bytes.Cut(name, []byte{':'})
	switch {
	case !qualified && string(prefix) == "xmlns":
		return r.declare(outer, "", string(value))
	case qualified && string(prefix) == "xmlns":
		if len(value) == 0 || string(local) == "xml" || string(local) == "xmlns" {
			return r.fail("malformed declaration of prefix %q", local)
		}
		return r.declare(outer, string(local), string(value))
	case !qualified:
		r.attributes = append(r.attributes, Attribute{"", string(prefix), string(value)})
	default:
		if len(prefix) == 0 || len(local) == 0 || bytes.IndexByte(local, ':') >= 0 {
			return r.fail("malformed attribute name %q", name)
		}
		r.attributes = append(r.attributes, Attribute{":" + string(prefix), string(local), string(value)})
	}
	return nil
}

func (r *Reader) declare(outer int, prefix, namespace string) error {
	for _, b := range r.bindings[outer:] {
		if b.prefix == prefix {
			return r.fail("prefix %q is declared twice", prefix)
		}
	}
	r.bindings = append(r.bindings, binding{prefix, namespace})
	return nil
}

// enter resolves the prefixes of an element and its attributes and pushes it.
func (r *Reader) enter(e element) error {
	prefix, local, qualified := bytes.Cut(e.raw, []byte{':'})
	if !qualified {
		prefix, local = nil, e.raw
	} else if len(prefix) == 0 || len(local) == 0 || bytes.IndexByte(local, ':') >= 0 {
		return r.fail("malformed name <%s>", e.raw)
	}
	var known bool
	if e.namespace, known = r.lookup(prefix); !known && qualified {
		return r.fail("prefix %q is not declared", prefix)
	}
	e.local = local
	for i := range r.attributes {
		a := &r.attributes[i]
		if p, ok := strings.CutPrefix(a.Namespace, ":"); ok {
			if a.Namespace, known = r.lookup([]byte(p)); !known {
				return r.fail("prefix %q is not declared", p)
			}
		}
		if slices.ContainsFunc(r.attributes[:i], func(b Attribute) bool { return b.Namespace == a.Namespace && b.Name == a.Name }) {
			return r.fail("attribute %q occurs twice", a.Name)
		}
	}
	r.open = append(r.open, e)
	return nil
}

func (r *Reader) lookup(prefix []byte) (string, bool) {
	for i := len(r.bindings) - 1; i >= 0; i-- {
		if b := &r.bindings[i]; b.prefix == string(prefix) {
			return b.namespace, true
		}
	}
	return "", false
}

// endTag reads the end tag of the current element at pos and leaves it.
func (r *Reader) endTag() error {
	raw := r.open[len(r.open)-1].raw
	rest := r.data[r.pos:]
	if len(rest) < len(raw)+3 || rest[1] != '/' || !bytes.Equal(rest[2:2+len(raw)], raw) {
		return r.fail("<%s> is not ended by its own end tag", raw)
	}
	r.pos += 2 + len(raw)
	r.skipSpace()
	if r.pos >= len(r.data) || r.data[r.pos] != '>' {
		return r.fail("<%s> is not ended by its own end tag", raw)
	}
	r.pos++
	r.leave()
	return nil
}

func (r *Reader) leave() {
	last := len(r.open) - 1
	r.bindings = r.bindings[:r.open[last].bindings]
	r.open = r.open[:last]
	r.selfClosed = false
}

func (r *Reader) name() []byte {
	start := r.pos
	for r.pos < len(r.data) && isName(r.data[r.pos], r.pos == start) {
		r.pos++
	}
	return r.data[start:r.pos]
}

func (r *Reader) skipSpace() bool {
	start := r.pos
	for r.pos < len(r.data) && isSpace(r.data[r.pos]) {
		r.pos++
	}
	return r.pos > start
}

// decode appends raw with references resolved and line ends normalised; in attributes white space becomes spaces.
func (r *Reader) decode(dst, raw []byte, attribute bool) ([]byte, error) {
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '&':
			end := bytes.IndexByte(raw[i:], ';')
			if end < 0 {
				return nil, r.fail("malformed reference")
			}
			var ok bool
			if dst, ok = reference(dst, string(raw[i+1:i+end])); !ok {
				return nil, r.fail("unknown reference %q", raw[i:i+end+1])
			}
			i += end + 1
		case c == '\r':
			if i+1 >= len(raw) || raw[i+1] != '\n' {
				dst = append(dst, "\n "[b2i(attribute)])
			}
			i++
		case attribute && (c == '\n' || c == '\t'):
			dst = append(dst, ' ')
			i++
		case c < 0x20 && c != '\n' && c != '\t':
			return nil, r.fail("control character %#x", c)
		case c == ']' && !attribute && bytes.HasPrefix(raw[i:], []byte("]]>")):
			return nil, r.fail("%q in text", "]]>")
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst, nil
}

// newlines appends the inside of a CDATA section.
func (r *Reader) newlines(dst, raw []byte) ([]byte, error) {
	for i, c := range raw {
		switch {
		case c == '\r' && i+1 < len(raw) && raw[i+1] == '\n':
		case c == '\r':
			dst = append(dst, '\n')
		case c < 0x20 && c != '\n' && c != '\t':
			return nil, r.fail("control character %#x", c)
		default:
			dst = append(dst, c)
		}
	}
	return dst, nil
}

func reference(dst []byte, name string) ([]byte, bool) {
	switch name {
	case "amp":
		return append(dst, '&'), true
	case "lt":
		return append(dst, '<'), true
	case "gt":
		return append(dst, '>'), true
	case "quot":
		return append(dst, '"'), true
	case "apos":
		return append(dst, '\''), true
	}
	digits, numeric := strings.CutPrefix(name, "#")
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if !numeric || err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) || n < 0x20 && n != '\t' && n != '\n' && n != '\r' || n == 0xfffe || n == 0xffff {
		return dst, false
	}
	return utf8.AppendRune(dst, rune(n)), true
}

// plain reports that text stands for itself.
func plain(raw []byte) bool {
	for _, c := range raw {
		if c < 0x20 && c != '\n' && c != '\t' || c == '&' || c == ']' {
			return false
		}
	}
	return true
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// isName takes every byte outside ASCII: the names that matter are ASCII, and others only have to match their end tags.
func isName(c byte, first bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == ':', c >= 0x80:
		return true
	case c >= '0' && c <= '9', c == '-', c == '.':
		return !first
	}
	return false
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
