// Package xmlpull reads XML without building a tree: a pull parser over bytes for large documents whose shape the caller knows.
//
// It reads the part of XML that data documents use and refuses the rest: no document types, no other encodings than UTF-8, no undeclared
// prefixes, no duplicate attributes, no content outside the one root. Comments and processing instructions are skipped between elements and
// refused inside text, where two readers could understand them differently.
package xmlpull

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// MaxDepth bounds the nesting of elements.
const MaxDepth = 64

const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

// Attribute is an attribute with its namespace resolved; declarations of namespaces are not attributes.
type Attribute struct{ Namespace, Name, Value string }

// Reader walks through one document.
type Reader struct {
	data       []byte
	pos        int
	open       []element
	bindings   []binding
	attributes []Attribute
	selfClosed bool   // the element just opened ends at once
	scratch    []byte // decoded text; overwritten by the next one
}

type element struct {
	raw       []byte // name as written, to match the end tag
	namespace string
	local     []byte
	bindings  int // how many bindings there were outside
}

type binding struct{ prefix, namespace string }

// Open checks the encoding, reads up to the root element's start tag and stands inside it.
func Open(data []byte) (*Reader, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	r := &Reader{data: data, bindings: []binding{{"xml", xmlNamespace}}}
	if !utf8.Valid(data) {
		return nil, r.fail("document is not UTF-8")
	}
	if bytes.Contains(data, []byte("\uFFFE")) || bytes.Contains(data, []byte("\uFFFF")) {
		return nil, r.fail("character that XML does not allow")
	}
	if err := r.declaration(); err != nil {
		return nil, err
	}
	if err := r.misc(); err != nil {
		return nil, err
	}
	if r.pos >= len(data) || data[r.pos] != '<' {
		return nil, r.fail("document has no root element")
	}
	return r, r.startTag()
}

// Close demands that the root was read to its end and that nothing but comments follows.
func (r *Reader) Close() error {
	if len(r.open) > 0 {
		return r.fail("document ends inside <%s>", r.open[len(r.open)-1].raw)
	}
	if err := r.misc(); err != nil {
		return err
	}
	if r.pos < len(r.data) {
		return r.fail("content after the root element")
	}
	return nil
}

// Local is the local name of the element the reader stands in. It is a view into the document.
func (r *Reader) Local() []byte { return r.open[len(r.open)-1].local }

// Namespace is the namespace of the element the reader stands in, "" for none.
func (r *Reader) Namespace() string { return r.open[len(r.open)-1].namespace }

// Attributes are those of the element just entered; the slice is overwritten when the next element is entered.
func (r *Reader) Attributes() []Attribute { return r.attributes }

// Child enters the next child element, or leaves the current element and returns false when there is none. Text other than white space
// is refused.
func (r *Reader) Child() (bool, error) {
	if r.selfClosed {
		r.leave()
		return false, nil
	}
	for {
		r.skipSpace()
		rest := r.data[r.pos:]
		switch {
		case len(rest) < 2:
			return false, r.fail("document ends inside <%s>", r.open[len(r.open)-1].raw)
		case rest[0] != '<':
			return false, r.fail("text in <%s>, which may hold elements only", r.open[len(r.open)-1].raw)
		case rest[1] == '/':
			return false, r.endTag()
		case rest[1] == '!' || rest[1] == '?':
			if err := r.skipMarkup(); err != nil {
				return false, err
			}
		default:
			return true, r.startTag()
		}
	}
}

// Text reads the text of the current element and leaves it. The bytes are valid until the reader is used again. Elements, comments and
// processing instructions inside are refused.
func (r *Reader) Text() ([]byte, error) {
	if r.selfClosed {
		r.leave()
		return nil, nil
	}
	r.scratch = r.scratch[:0]
	decoded := false
	for {
		run := bytes.IndexByte(r.data[r.pos:], '<')
		if run < 0 {
			return nil, r.fail("document ends inside <%s>", r.open[len(r.open)-1].raw)
		}
		raw := r.data[r.pos : r.pos+run]
		rest := r.data[r.pos+run:]
		cdata := bytes.HasPrefix(rest, []byte("<![CDATA["))
		if !decoded && !cdata && plain(raw) {
			r.pos += run
			return raw, r.endTag()
		}
		decoded = true
		var err error
		if r.scratch, err = r.decode(r.scratch, raw, false); err != nil {
			return nil, err
		}
		r.pos += run
		if !cdata {
			return r.scratch, r.endTag()
		}
		end := bytes.Index(rest, []byte("]]>"))
		if end < 0 {
			return nil, r.fail("CDATA section does not end")
		}
		if r.scratch, err = r.newlines(r.scratch, rest[len("<![CDATA["):end]); err != nil {
			return nil, err
		}
		r.pos += end + len("]]>")
	}
}

// Skip reads the rest of the current element, whatever it holds, and leaves it.
func (r *Reader) Skip() error {
	target := len(r.open) - 1
	for len(r.open) > target {
		if r.selfClosed {
			r.leave()
			continue
		}
		run := bytes.IndexByte(r.data[r.pos:], '<')
		if run < 0 {
			return r.fail("document ends inside <%s>", r.open[len(r.open)-1].raw)
		}
		var err error
		if r.scratch, err = r.decode(r.scratch[:0], r.data[r.pos:r.pos+run], false); err != nil {
			return err
		}
		r.pos += run
		switch rest := r.data[r.pos:]; {
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			end := bytes.Index(rest, []byte("]]>"))
			if end < 0 {
				return r.fail("CDATA section does not end")
			}
			r.pos += end + len("]]>")
		case bytes.HasPrefix(rest, []byte("</")):
			err = r.endTag()
		case bytes.HasPrefix(rest, []byte("<!")), bytes.HasPrefix(rest, []byte("<?")):
			err = r.skipMarkup()
		default:
			err = r.startTag()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Error says what is wrong with a document, and where.
type Error struct {
	Line   int
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Fail makes an error at the place where the reader stands.
func (r *Reader) Fail(format string, args ...any) error { return r.fail(format, args...) }

func (r *Reader) fail(format string, args ...any) error {
	return &Error{1 + bytes.Count(r.data[:min(r.pos, len(r.data))], []byte{'\n'}), fmt.Sprintf(format, args...)}
}
