package xmlsafe

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxAttributes bounds the attributes of one element, declarations included: every pair of them is compared.
const maxAttributes = 256

// declaration is the XML declaration of XML 1.0 §2.8. Version 1.1 has other rules and is not met.
var declaration = regexp.MustCompile(`^<\?xml[ \t\n]+version[ \t\n]*=[ \t\n]*(?:"1\.0"|'1\.0')` +
	`(?:[ \t\n]+encoding[ \t\n]*=[ \t\n]*(?:"([A-Za-z][A-Za-z0-9._-]*)"|'([A-Za-z][A-Za-z0-9._-]*)'))?` +
	`(?:[ \t\n]+standalone[ \t\n]*=[ \t\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\n]*\?>`)

// scanner walks once over the bytes of a document and refuses what the grammar of XML 1.0, without document types, and of Namespaces in XML
// does not allow. encoding/xml, which builds the tree, forgives some of that. What names mean is for checkNames.
type scanner struct {
	data  []byte
	at    int
	owned bool // data is a copy and may be written
	depth int
	open  [][]byte // names of the elements around at
	ended bool     // the root element
}

// scan gives the document as it is to be read: without byte order mark and declaration, line ends as XML 1.0 §2.11 and white space in attributes
// as §3.3.3 say. encoding/xml does the former in text only and the latter not at all. The given bytes are not changed.
func scan(data []byte, depth int) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, refuse("document is not UTF-8")
	}
	s := &scanner{depth: depth}
	s.data, s.owned = lineEnds(data)
	if err := s.characters(); err != nil {
		return nil, err
	}
	if err := s.declaration(); err != nil {
		return nil, err
	}
	start := s.at
	for s.at < len(s.data) {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	switch {
	case len(s.open) > 0:
		return nil, s.malformed("element is not closed")
	case !s.ended:
		return nil, refuse("document has no root element")
	}
	return s.data[start:], nil
}

// lineEnds replaces each \r\n and lone \r by \n, in a copy when there is any.
func lineEnds(data []byte) (result []byte, copied bool) {
	if bytes.IndexByte(data, '\r') < 0 {
		return data, false
	}
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	for i, c := range data {
		if c == '\r' {
			data[i] = '\n'
		}
	}
	return data, true
}

// characters refuses what is UTF-8 but no XML character: controls, U+FFFE and U+FFFF.
func (s *scanner) characters() error {
	for i, c := range s.data {
		if c < 0x20 && c != '\t' && c != '\n' || c == 0xef && s.data[i+1] == 0xbf && s.data[i+2] >= 0xbe {
			s.at = i
			return s.malformed("character is not allowed")
		}
	}
	return nil
}

// declaration passes over the XML declaration. An encoding other than UTF-8 is fine as long as the bytes mean the same in both.
func (s *scanner) declaration() error {
	if !bytes.HasPrefix(s.data, []byte("<?xml")) || len(s.data) > 5 && !isSpace(s.data[5]) { // the target of an instruction goes on
		return nil
	}
	found := declaration.FindSubmatch(s.data)
	if found == nil {
		return s.malformed("XML declaration")
	}
	s.at = len(found[0])
	encoding := string(found[1]) + string(found[2])
	switch strings.ToLower(encoding) {
	case "", "utf-8", "utf8":
		return nil
	case "us-ascii", "iso-8859-1":
		if !bytes.ContainsFunc(s.data, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return nil
		}
	}
	return refuse("unsupported encoding %q", encoding)
}

// next takes one piece of text or markup.
func (s *scanner) next() error {
	rest := s.data[s.at:]
	switch {
	case rest[0] != '<':
		return s.text()
	case bytes.HasPrefix(rest, []byte("</")):
		return s.endTag()
	case bytes.HasPrefix(rest, []byte("<!--")):
		return s.comment()
	case bytes.HasPrefix(rest, []byte("<?")):
		return s.instruction()
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		return s.cdata()
	case bytes.HasPrefix(rest, []byte("<!")):
		return refuse("document type declarations are not allowed")
	}
	return s.startTag()
}

func (s *scanner) text() error {
	end := bytes.IndexByte(s.data[s.at:], '<')
	if end < 0 {
		end = len(s.data) - s.at
	}
	text := s.data[s.at : s.at+end]
	if len(s.open) == 0 && len(bytes.Trim(text, " \t\n")) > 0 {
		return refuse("text outside the root element")
	}
	if bytes.Contains(text, []byte("]]>")) {
		return s.malformed("]]> in text")
	}
	if !validReferences(text) {
		return s.malformed("reference")
	}
	s.at += end
	return nil
}

func (s *scanner) cdata() error {
	if len(s.open) == 0 {
		return refuse("text outside the root element")
	}
	end := bytes.Index(s.data[s.at:], []byte("]]>"))
	if end < 0 {
		return s.malformed("CDATA section is not closed")
	}
	s.at += end + len("]]>")
	return nil
}

func (s *scanner) comment() error {
	s.at += len("<!--")
	end := bytes.Index(s.data[s.at:], []byte("--"))
	if end < 0 {
		return s.malformed("comment is not closed")
	}
	s.at += end + len("--")
	if !s.take('>') {
		return s.malformed("-- in a comment")
	}
	return nil
}

func (s *scanner) instruction() error {
	s.at += len("<?")
	start := s.at
	if !s.simpleName() || strings.EqualFold(string(s.data[start:s.at]), "xml") {
		return s.malformed("target of a processing instruction")
	}
	end := bytes.Index(s.data[s.at:], []byte("?>"))
	if end < 0 {
		return s.malformed("processing instruction is not closed")
	}
	if end > 0 && !isSpace(s.data[s.at]) {
		return s.malformed("target of a processing instruction")
	}
	s.at += end + len("?>")
	return nil
}

func (s *scanner) startTag() error {
	if s.ended {
		return refuse("document has more than one root element")
	}
	if len(s.open) == s.depth {
		return refuse("document has more than %d levels", s.depth)
	}
	s.at++
	start := s.at
	if !s.qualifiedName() {
		return s.malformed("element name")
	}
	name := s.data[start:s.at]
	for n := 0; ; n++ {
		spaced := s.space()
		switch {
		case s.take('>'):
			s.open = append(s.open, name)
			return nil
		case s.take('/'):
			if !s.take('>') {
				return s.malformed("start tag")
			}
			s.ended = len(s.open) == 0
			return nil
		case !spaced:
			return s.malformed("start tag")
		case n == maxAttributes:
			return refuse("element has more than %d attributes", maxAttributes)
		}
		if err := s.attribute(); err != nil {
			return err
		}
	}
}

func (s *scanner) attribute() error {
	if !s.qualifiedName() {
		return s.malformed("attribute name")
	}
	s.space()
	if !s.take('=') {
		return s.malformed("attribute without a value")
	}
	s.space()
	quote := byte('"')
	if !s.take(quote) {
		if quote = '\''; !s.take(quote) {
			return s.malformed("attribute value without quotes")
		}
	}
	end := bytes.IndexByte(s.data[s.at:], quote)
	if end < 0 {
		return s.malformed("attribute value is not closed")
	}
	value := s.data[s.at : s.at+end]
	if bytes.IndexByte(value, '<') >= 0 {
		return s.malformed("< in an attribute value")
	}
	if !validReferences(value) {
		return s.malformed("reference")
	}
	if bytes.ContainsAny(value, "\t\n") {
		s.blank(s.at, s.at+end)
	}
	s.at += end + 1
	return nil
}

// blank makes each white space character between two places a space.
func (s *scanner) blank(from, to int) {
	if !s.owned {
		s.data, s.owned = bytes.Clone(s.data), true
	}
	for i := from; i < to; i++ {
		if isSpace(s.data[i]) {
			s.data[i] = ' '
		}
	}
}

func (s *scanner) endTag() error {
	s.at += len("</")
	start := s.at
	if !s.qualifiedName() || len(s.open) == 0 || !bytes.Equal(s.data[start:s.at], s.open[len(s.open)-1]) {
		return s.malformed("end tag closes another element")
	}
	s.space()
	if !s.take('>') {
		return s.malformed("end tag")
	}
	s.open = s.open[:len(s.open)-1]
	s.ended = len(s.open) == 0
	return nil
}

func (s *scanner) take(c byte) bool {
	if s.at == len(s.data) || s.data[s.at] != c {
		return false
	}
	s.at++
	return true
}

// space passes over white space and reports whether there was any.
func (s *scanner) space() bool {
	start := s.at
	for s.at < len(s.data) && isSpace(s.data[s.at]) {
		s.at++
	}
	return s.at > start
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' }

func (s *scanner) malformed(what string) error {
	return refuse("Malformed XML: %s, near byte %d", what, s.at)
}
