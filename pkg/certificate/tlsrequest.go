package certificate

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

// CreateTLSRequest makes a PKCS#10 request (DER) for a TLS key. The subject is a distinguished name as a person writes it, such as
// "C=FI, O=Organisation, CN=name.example.org": commas between the parts, a backslash before a comma or backslash that belongs to a value.
// Types are those of certificate profiles, in any case. The parts are encoded in the order given. Fault: invalid_distinguished_name.
func CreateTLSRequest(rand io.Reader, key crypto.Signer, subject string) ([]byte, error) {
	fields, err := parseDistinguishedName(subject)
	if err != nil {
		return nil, err
	}
	slices.Reverse(fields) // encodeName takes the order in which names are printed
	raw, err := encodeName(fields)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "invalid_distinguished_name", "Invalid distinguished name")
	}
	der, err := x509.CreateCertificateRequest(rand, &x509.CertificateRequest{RawSubject: raw}, key)
	if err != nil {
		return nil, fmt.Errorf("creating a TLS certificate request: %w", err)
	}
	return der, nil
}

func parseDistinguishedName(s string) ([]FieldValue, error) {
	var fields []FieldValue
	for _, part := range splitUnescaped(s) {
		id, value, found := strings.Cut(part, "=")
		id, value = attributeID(strings.TrimSpace(id)), strings.TrimSpace(value)
		if !found || id == "" || value == "" {
			return nil, fault.New(fault.Invalid, "invalid_distinguished_name", "Invalid distinguished name")
		}
		fields = append(fields, FieldValue{ID: id, Value: value})
	}
	return fields, nil
}

// splitUnescaped cuts at commas and takes the backslashes out.
func splitUnescaped(s string) []string {
	parts, escaped := []string{""}, false
	for _, r := range s {
		last := len(parts) - 1
		switch {
		case escaped:
			parts[last] += string(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == ',':
			parts = append(parts, "")
		default:
			parts[last] += string(r)
		}
	}
	return parts
}

// attributeID gives a type's own spelling, "" for an unknown type.
func attributeID(typed string) string {
	for _, a := range attributes {
		if strings.EqualFold(a.id, typed) {
			return a.id
		}
	}
	return ""
}
