package xades

import (
	"encoding/asn1"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// rfc2253Types are the attribute types that have a keyword; all others are written as object identifiers with hexadecimal values, as Java does.
var rfc2253Types = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// relativeNameSET has its name because encoding/asn1 reads a slice type of such a name as a SET.
type relativeNameSET []attribute

// distinguishedName is the RFC 2253 form of a DER name, "" when the DER is broken. Verifiers do not compare it; the digest beside it binds
// the certificate.
func distinguishedName(der []byte) string {
	var name []relativeNameSET
	if rest, err := asn1.Unmarshal(der, &name); err != nil || len(rest) > 0 {
		return ""
	}
	parts := make([]string, 0, len(name))
	for i := len(name) - 1; i >= 0; i-- {
		values := make([]string, len(name[i]))
		for j, a := range name[i] {
			values[j] = a.String()
		}
		parts = append(parts, strings.Join(values, "+"))
	}
	return strings.Join(parts, ",")
}

// String is type=value.
func (a attribute) String() string {
	keyword, known := rfc2253Types[a.Type.String()]
	switch a.Value.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagT61String, asn1.TagGeneralString:
	default:
		known = false
	}
	if !known || a.Value.Class != asn1.ClassUniversal || !utf8.Valid(a.Value.Bytes) {
		if keyword == "" {
			keyword = a.Type.String()
		}
		return keyword + "=#" + hex.EncodeToString(a.Value.FullBytes)
	}
	return keyword + "=" + escapeName(string(a.Value.Bytes))
}

func escapeName(s string) string {
	var b strings.Builder
	head := len(s) - len(strings.TrimLeft(s, " "))
	tail := len(strings.TrimRight(s, " "))
	for i, r := range s {
		switch {
		case r == 0:
			b.WriteString(`\00`)
			continue
		case strings.ContainsRune(`,=+<>#;"\`, r), r == ' ' && (i < head || i >= tail):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
