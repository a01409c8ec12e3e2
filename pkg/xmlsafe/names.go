package xmlsafe

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// qualifiedName passes over a QName of Namespaces in XML: one simple name, or two with a colon between.
func (s *scanner) qualifiedName() bool {
	return s.simpleName() && (!s.take(':') || s.simpleName())
}

// simpleName passes over an NCName.
func (s *scanner) simpleName() bool {
	start := s.at
	for s.at < len(s.data) {
		c, size := rune(s.data[s.at]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRune(s.data[s.at:])
		}
		if !startsName(c) && (s.at == start || !continuesName(c)) {
			break
		}
		s.at += size
	}
	return s.at > start
}

// startsName follows XML 1.0, fifth edition, but for the characters that could not start a name up to the fourth: marks, digits and
// modifier letters. encoding/xml and Xerces still go by the fourth, and encoding/xml does not look at what follows a colon.
func startsName(c rune) bool {
	switch {
	case c < utf8.RuneSelf:
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
	case unicode.In(c, unicode.M, unicode.Nd, unicode.Lm), c == 0x387, c == 0x6dd, c == 0x6de, c == 0xb83, c >= 0xf88 && c <= 0xf8b:
		return false // the single ones were marks once
	}
	return unicode.Is(nameStart, c)
}

// continuesName knows what may stand in a name besides what starts one.
func continuesName(c rune) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '.' || c >= utf8.RuneSelf && (unicode.Is(nameStart, c) || unicode.Is(nameInside, c))
}

// nameStart is NameStartChar of XML 1.0 §2.3 without ASCII, nameInside what NameChar adds to it.
var (
	nameStart = &unicode.RangeTable{
		R16: []unicode.Range16{
			{Lo: 0xc0, Hi: 0xd6, Stride: 1},
			{Lo: 0xd8, Hi: 0xf6, Stride: 1},
			{Lo: 0xf8, Hi: 0x2ff, Stride: 1},
			{Lo: 0x370, Hi: 0x37d, Stride: 1},
			{Lo: 0x37f, Hi: 0x1fff, Stride: 1},
			{Lo: 0x200c, Hi: 0x200d, Stride: 1},
			{Lo: 0x2070, Hi: 0x218f, Stride: 1},
			{Lo: 0x2c00, Hi: 0x2fef, Stride: 1},
			{Lo: 0x3001, Hi: 0xd7ff, Stride: 1},
			{Lo: 0xf900, Hi: 0xfdcf, Stride: 1},
			{Lo: 0xfdf0, Hi: 0xfffd, Stride: 1},
		},
		R32:         []unicode.Range32{{Lo: 0x10000, Hi: 0xeffff, Stride: 1}},
		LatinOffset: 2,
	}
	nameInside = &unicode.RangeTable{
		R16: []unicode.Range16{
			{Lo: 0xb7, Hi: 0xb7, Stride: 1},
			{Lo: 0x300, Hi: 0x36f, Stride: 1},
			{Lo: 0x203f, Hi: 0x2040, Stride: 1},
		},
		LatinOffset: 1,
	}
)

// validReferences reports whether every & in text starts one of the five entities of XML or a reference to an XML character.
// encoding/xml reads a reference to half a surrogate pair as U+FFFD.
func validReferences(text []byte) bool {
	for {
		at := bytes.IndexByte(text, '&')
		if at < 0 {
			return true
		}
		name, rest, found := bytes.Cut(text[at+1:], []byte(";"))
		if !found {
			return false
		}
		switch string(name) {
		case "lt", "gt", "amp", "apos", "quot":
		default:
			if !validCharacterReference(name) {
				return false
			}
		}
		text = rest
	}
}

// validCharacterReference takes what stands between & and the semicolon.
func validCharacterReference(name []byte) bool {
	digits, numeric := bytes.CutPrefix(name, []byte("#"))
	digits, hexadecimal := bytes.CutPrefix(digits, []byte("x"))
	if !numeric || len(digits) == 0 {
		return false
	}
	var c rune
	for _, d := range digits {
		switch {
		case d >= '0' && d <= '9':
			d -= '0'
		case hexadecimal && d >= 'a' && d <= 'f':
			d -= 'a' - 10
		case hexadecimal && d >= 'A' && d <= 'F':
			d -= 'A' - 10
		default:
			return false
		}
		base := rune(10)
		if hexadecimal {
			base = 16
		}
		if c = c*base + rune(d); c > unicode.MaxRune {
			return false
		}
	}
	return c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c < 0xfffe && utf8.ValidRune(c) || c > 0xffff
}
