package certificate

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"net"
	"strings"
	"time"
)

// Details is what the REST APIs show of a certificate (CertificateDetails of both servers).
type Details struct {
	SHA256, SHA1                        string // of the DER, lower-case hex
	IssuerCommonName, SubjectCommonName string
	IssuerDistinguishedName             string
	SubjectDistinguishedName            string
	Serial                              string // decimal
	Version                             int
	NotBefore, NotAfter                 time.Time // UTC
	KeyUsages                           []string  // DIGITAL_SIGNATURE, NON_REPUDIATION, …
	PublicKeyAlgorithm                  string    // RSA or EC
	RSAModulus                          string    // lower-case hex
	RSAExponent                         int
	ECParameters                        string // secp256r1(1.2.840.10045.3.1.7)
	ECPoint                             string // uncompressed, lower-case hex
	Signature                           string // lower-case hex
	SignatureAlgorithm                  string // JCA name, SHA256withRSA
	SubjectAlternativeNames             string // DNS:a.example, IP Address:127.0.0.1; "" when there are none
}

// keyUsageNames are the REST names of the bits of RFC 5280, in order.
var keyUsageNames = [...]string{
	"DIGITAL_SIGNATURE", "NON_REPUDIATION", "KEY_ENCIPHERMENT", "DATA_ENCIPHERMENT", "KEY_AGREEMENT", "KEY_CERT_SIGN", "CRL_SIGN",
	"ENCIPHER_ONLY", "DECIPHER_ONLY",
}

// signatureNames are the JCA names of the algorithms that Go knows by constants.
var signatureNames = map[x509.SignatureAlgorithm]string{
	x509.SHA1WithRSA: "SHA1withRSA", x509.SHA256WithRSA: "SHA256withRSA", x509.SHA384WithRSA: "SHA384withRSA", x509.SHA512WithRSA: "SHA512withRSA",
	x509.SHA256WithRSAPSS: "SHA256withRSAandMGF1", x509.SHA384WithRSAPSS: "SHA384withRSAandMGF1", x509.SHA512WithRSAPSS: "SHA512withRSAandMGF1",
	x509.ECDSAWithSHA1: "SHA1withECDSA", x509.ECDSAWithSHA256: "SHA256withECDSA", x509.ECDSAWithSHA384: "SHA384withECDSA",
	x509.ECDSAWithSHA512: "SHA512withECDSA", x509.PureEd25519: "Ed25519", x509.MD5WithRSA: "MD5withRSA",
}

// curves are the names Java prints for the curves of keys.
var curves = map[string]string{
	"P-224": "secp224r1(1.3.132.0.33)", "P-256": "secp256r1(1.2.840.10045.3.1.7)",
	"P-384": "secp384r1(1.3.132.0.34)", "P-521": "secp521r1(1.3.132.0.35)",
}

// Describe prints a certificate for people.
func Describe(c *x509.Certificate) Details {
	d := Details{
		SHA256: SHA256Hex(c), SHA1: SHA1Hex(c),
		IssuerCommonName: commonName(c.RawIssuer), SubjectCommonName: commonName(c.RawSubject),
		IssuerDistinguishedName: DistinguishedName(c.RawIssuer), SubjectDistinguishedName: DistinguishedName(c.RawSubject),
		Serial: c.SerialNumber.String(), Version: c.Version, NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		KeyUsages: []string{}, Signature: hex.EncodeToString(c.Signature), SignatureAlgorithm: signatureNames[c.SignatureAlgorithm],
		SubjectAlternativeNames: alternativeNames(c),
	}
	if d.SignatureAlgorithm == "" {
		d.SignatureAlgorithm = c.SignatureAlgorithm.String()
	}
	for i, name := range keyUsageNames {
		if c.KeyUsage&(1<<i) != 0 {
			d.KeyUsages = append(d.KeyUsages, name)
		}
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		d.PublicKeyAlgorithm, d.RSAModulus, d.RSAExponent = "RSA", key.N.Text(16), key.E
	case *ecdsa.PublicKey:
		d.PublicKeyAlgorithm, d.ECParameters = "EC", curves[key.Curve.Params().Name]
		if point, err := key.Bytes(); err == nil {
			d.ECPoint = hex.EncodeToString(point)
		}
	default:
		d.PublicKeyAlgorithm = c.PublicKeyAlgorithm.String()
	}
	return d
}

func commonName(der []byte) string {
	n, err := parseName(der)
	if err != nil {
		return ""
	}
	value, _ := n.first("CN")
	return value
}

// alternativeNames prints the subject's alternative names in the certificate's order; forms nobody can read are named only.
func alternativeNames(c *x509.Certificate) string {
	var printed []string
	for _, e := range c.Extensions {
		var names []asn1.RawValue
		if !e.Id.Equal(oidSubjectAltName) || strict(e.Value, &names) != nil {
			continue
		}
		for _, n := range names {
			printed = append(printed, alternativeName(n))
		}
	}
	return strings.Join(printed, ", ")
}

func alternativeName(n asn1.RawValue) string {
	switch n.Tag {
	case 1:
		return "email:" + string(n.Bytes)
	case 2:
		return "DNS:" + string(n.Bytes)
	case 4:
		return "DirName:" + DistinguishedName(n.Bytes)
	case 6:
		return "URI:" + string(n.Bytes)
	case 7:
		return "IP Address:" + net.IP(n.Bytes).String()
	case 8:
		var id asn1.ObjectIdentifier
		if _, err := asn1.UnmarshalWithParams(n.FullBytes, &id, "tag:8"); err == nil {
			return "Registered ID:" + id.String()
		}
	}
	return "othername:<unsupported>"
}
