package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// keyUsages are the bits a request asks for. That a signing key asks for keyCertSign is X-Road's habit, and certification services expect it.
var keyUsages = map[Usage]x509.KeyUsage{
	Authentication: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment,
	Signing:        x509.KeyUsageContentCommitment | x509.KeyUsageCertSign,
}

// CreateRequest makes a PKCS#10 request in DER, signed with SHA-256 by the key. Fields come in profile order (see ResolveFields); the field
// subjectAltName becomes a dNSName. The fault invalid_dn_parameter names an unknown or unusable field.
func CreateRequest(rand io.Reader, key crypto.Signer, usage Usage, fields []FieldValue) ([]byte, error) {
	bits, ok := keyUsages[usage]
	if !ok {
		return nil, fault.New(fault.Invalid, "wrong_key_usage", "Unknown key usage '%s'", usage)
	}
	subject := make([]FieldValue, 0, len(fields))
	extensions := []pkix.Extension{{Id: oidKeyUsage, Value: keyUsageExtension(bits)}}
	for _, f := range fields {
		if f.ID != SubjectAltName {
			subject = append(subject, f)
			continue
		}
		san, err := dnsExtension(f.Value)
		if err != nil {
			return nil, err
		}
		extensions = append(extensions, san)
	}
	raw, err := encodeName(subject)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{RawSubject: raw, ExtraExtensions: extensions}
	switch key.Public().(type) {
	case *rsa.PublicKey:
		template.SignatureAlgorithm = x509.SHA256WithRSA
	case *ecdsa.PublicKey:
		template.SignatureAlgorithm = x509.ECDSAWithSHA256
	default:
		return nil, fmt.Errorf("creating certificate request: key type %T", key.Public())
	}
	der, err := x509.CreateCertificateRequest(rand, template, key)
	if err != nil {
		return nil, fmt.Errorf("creating certificate request: %w", err)
	}
	return der, nil
}

// EncodeRequestPEM writes a request as one PEM block.
func EncodeRequestPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// ParseRequest reads a PKCS#10 request, PEM or DER, and checks its own signature. The fault has code invalid_request.
func ParseRequest(data []byte) (*x509.CertificateRequest, error) {
	der, err := singleBlock(data, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "invalid_request", "Not a certificate request")
	}
	r, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = r.CheckSignature()
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "invalid_request", "Not a certificate request")
	}
	return r, nil
}

// keyUsageExtension encodes the named bit list of RFC 5280: bit 0 is the first bit, trailing zero bits are left out.
func keyUsageExtension(bits x509.KeyUsage) []byte {
	var s asn1.BitString
	s.Bytes = make([]byte, 2)
	for i := range 9 {
		if bits&(1<<i) != 0 {
			s.Bytes[i/8] |= 0x80 >> (i % 8)
			s.BitLength = i + 1
		}
	}
	s.Bytes = s.Bytes[:(s.BitLength+7)/8]
	der, _ := asn1.Marshal(s) // a bit string always encodes
	return der
}

func dnsExtension(value string) (pkix.Extension, error) {
	if blank(value) || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return pkix.Extension{}, badField("Field '%s (%s)' is missing value", labels["SUBJECT_ALT_NAME"], SubjectAltName)
	}
	der, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte(value)}})
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encoding subjectAltName: %w", err)
	}
	return pkix.Extension{Id: oidSubjectAltName, Value: der}, nil
}
