package certificate

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"crypto/x509/pkix"
)

// attributes are the parts of a distinguished name that profiles and people use, with the words of X-Road's faults.
var attributes = []struct {
	id      string
	oid     asn1.ObjectIdentifier
	missing string
}{
	{"C", asn1.ObjectIdentifier{2, 5, 4, 6}, "country code"},
	{"O", asn1.ObjectIdentifier{2, 5, 4, 10}, "organization"},
	{"OU", asn1.ObjectIdentifier{2, 5, 4, 11}, "organization unit"},
	{"CN", asn1.ObjectIdentifier{2, 5, 4, 3}, "common name"},
	{"serialNumber", asn1.ObjectIdentifier{2, 5, 4, 5}, "serial number"},
	{"SN", asn1.ObjectIdentifier{2, 5, 4, 5}, "serial number"},
	{"businessCategory", asn1.ObjectIdentifier{2, 5, 4, 15}, "business category"},
	{"organizationIdentifier", asn1.ObjectIdentifier{2, 5, 4, 97}, "organization identifier"},
	{"L", asn1.ObjectIdentifier{2, 5, 4, 7}, "locality"},
	{"ST", asn1.ObjectIdentifier{2, 5, 4, 8}, "state"},
	{"STREET", asn1.ObjectIdentifier{2, 5, 4, 9}, "street"},
	{"DC", asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, "domain component"},
	{"UID", asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, "user id"},
	{"emailAddress", asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, "e-mail address"},
}

// attribute is one type and value of a relative distinguished name.
type attribute struct {
	oid   asn1.ObjectIdentifier
	value string // "" with raw when the string type is not known
	raw   []byte
}

// name is a distinguished name in the order of RFC 2253 strings, which is the reverse of the encoding: X-Road decodes subjects from that
// string, so "first" means the last in the certificate.
type name [][]attribute

// parseName reads a DER distinguished name.
func parseName(der []byte) (name, error) {
	var sequence []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &sequence); err != nil || len(rest) != 0 {
		return nil, errors.New("distinguished name is not DER")
	}
	n := make(name, 0, len(sequence))
	for i := len(sequence) - 1; i >= 0; i-- {
		var set []struct {
			Type  asn1.ObjectIdentifier
			Value asn1.RawValue
		}
		if rest, err := asn1.UnmarshalWithParams(sequence[i].FullBytes, &set, "set"); err != nil || len(rest) != 0 {
			return nil, errors.New("relative distinguished name is not DER")
		}
		rdn := make([]attribute, 0, len(set))
		for _, a := range set {
			rdn = append(rdn, attribute{a.Type, stringValue(a.Value), a.Value.FullBytes})
		}
		n = append(n, rdn)
	}
	return n, nil
}

// stringValue decodes the string types of directory names; anything else is "".
func stringValue(v asn1.RawValue) string {
	switch v.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString:
		return strings.ToValidUTF8(string(v.Bytes), "\ufffd")
	case asn1.TagT61String:
		r := make([]rune, 0, len(v.Bytes))
		for _, b := range v.Bytes {
			r = append(r, rune(b))
		}
		return string(r)
	case asn1.TagBMPString:
		u := make([]uint16, 0, len(v.Bytes)/2)
		for i := 0; i+1 < len(v.Bytes); i += 2 {
			u = append(u, uint16(v.Bytes[i])<<8|uint16(v.Bytes[i+1]))
		}
		return string(utf16.Decode(u))
	}
	return ""
}

// first is the first value of an attribute and whether the name has one.
func (n name) first(id string) (string, bool) {
	oid, _, _ := attributeByID(id)
	for _, rdn := range n {
		for _, a := range rdn {
			if a.oid.Equal(oid) {
				return a.value, true
			}
		}
	}
	return "", false
}

// require gives the first value of each attribute; the fault names the first that is absent or blank.
func (n name) require(ids ...string) ([]string, error) {
	values := make([]string, 0, len(ids))
	for _, id := range ids {
		value, _ := n.first(id)
		if blank(value) {
			_, word, _ := attributeByID(id)
			return nil, badSubject("Certificate subject name does not contain " + word)
		}
		values = append(values, value)
	}
	return values, nil
}

// country checks that the country is the one the profile is for.
func (n name) country(want string) error {
	if c, _ := n.first("C"); c != want {
		return badSubject("Certificate subject name does not contain valid country code")
	}
	return nil
}

func attributeByID(id string) (oid asn1.ObjectIdentifier, missing string, known bool) {
	for _, a := range attributes {
		if a.id == id {
			return a.oid, a.missing, true
		}
	}
	return nil, "", false
}

// String prints the name as RFC 2253 does, with words for the attributes above and #hex for what is not a string.
func (n name) String() string {
	var b strings.Builder
	for i, rdn := range n {
		for j, a := range rdn {
			switch {
			case j > 0:
				b.WriteByte('+')
			case i > 0:
				b.WriteByte(',')
			}
			b.WriteString(a.word())
			b.WriteByte('=')
			if a.value == "" && len(a.raw) > 2 {
				b.WriteString("#" + hex.EncodeToString(a.raw))
			} else {
				b.WriteString(escape(a.value))
			}
		}
	}
	return b.String()
}

func (a attribute) word() string {
	for _, known := range attributes {
		if known.oid.Equal(a.oid) {
			return known.id
		}
	}
	return a.oid.String()
}

func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		edge := i == 0 && (r == ' ' || r == '#') || i == len(s)-1 && r == ' '
		switch {
		case edge || strings.ContainsRune(`,+"\<>;`, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\%02X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// DistinguishedName prints a DER distinguished name (RawSubject, RawIssuer) as RFC 2253 does: CN=…,O=…,C=….
func DistinguishedName(der []byte) string {
	n, err := parseName(der)
	if err != nil {
		return ""
	}
	return n.String()
}

// encodeName makes the DER subject of a request. Fields written as "C=…, CN=…" are an RFC 2253 string to X-Road, so the first field is
// the last in the encoding. Values are PrintableString where the alphabet allows, otherwise UTF8String.
func encodeName(fields []FieldValue) ([]byte, error) {
	sequence := make(pkix.RDNSequence, 0, len(fields))
	for i := len(fields) - 1; i >= 0; i-- {
		oid, _, known := attributeByID(fields[i].ID)
		if !known {
			return nil, badField("Unknown field: %s", fields[i].ID)
		}
		sequence = append(sequence, pkix.RelativeDistinguishedNameSET{{Type: oid, Value: fields[i].Value}})
	}
	return asn1.Marshal(sequence)
}
