// Package certificate knows X-Road's rules for X.509: which certificate is for authentication and which for signing, how a certification
// service's profile turns a subject into a member, how certificate signing requests look, and when a certificate is to be believed — chain
// to an approved certification service, validity, and an OCSP response that is good, fresh and signed by an authorised responder.
//
// Nothing here reads a clock or a file; FetchOCSP is the only function that uses the network.
package certificate

import (
	"crypto/sha1" //nolint:gosec // X-Road names certificates and OCSP issuers by SHA-1
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"slices"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Usage is what a key and its certificate are for; it is fixed by the key's first request or certificate.
type Usage string

// The two usages, as the REST APIs spell them.
const (
	Authentication Usage = "AUTHENTICATION"
	Signing        Usage = "SIGNING"
)

const (
	authenticationBits = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment
	signingBits        = x509.KeyUsageContentCommitment
)

// IsAuthentication reports whether the certificate may authenticate a server: the extended usage clientAuth, or one of the key usages
// digitalSignature, keyEncipherment and dataEncipherment.
func IsAuthentication(c *x509.Certificate) bool {
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || c.KeyUsage&authenticationBits != 0
}

// IsSigning reports whether the certificate may sign messages: the key usage nonRepudiation, whatever else it has.
func IsSigning(c *x509.Certificate) bool { return c.KeyUsage&signingBits != 0 }

// UsageOf gives the one usage of a certificate that is to be imported. The fault cert_wrong_usage refuses a certificate that is for both,
// for neither, or that says nothing (no keyUsage extension and no clientAuth).
func UsageOf(c *x509.Certificate) (Usage, error) {
	authentication, signing := IsAuthentication(c), IsSigning(c)
	switch {
	case authentication && signing:
		return "", fault.New(fault.Invalid, "cert_wrong_usage", "Both signing and authentication, only one of them allowed.")
	case authentication:
		return Authentication, nil
	case signing:
		return Signing, nil
	case !hasKeyUsage(c):
		return "", fault.New(fault.Invalid, "cert_wrong_usage", "Certificate does not contain keyUsage extension")
	}
	return "", fault.New(fault.Invalid, "cert_wrong_usage", "Certificate is neither for authentication nor for signing")
}

// HashSHA1 is the SHA-1 hash of the DER: the name of a certificate on the OCSP port between servers and in version 2 of the configuration.
func HashSHA1(c *x509.Certificate) []byte {
	sum := sha1.Sum(c.Raw) //nolint:gosec // a name, not a signature
	return sum[:]
}

// HashSHA256 is the SHA-256 hash of the DER: authCertHash of the configuration from version 3 on.
func HashSHA256(c *x509.Certificate) []byte {
	sum := sha256.Sum256(c.Raw)
	return sum[:]
}

// SHA256Hex is HashSHA256 in lower-case hex: how people and the REST APIs name a certificate.
func SHA256Hex(c *x509.Certificate) string { return hex.EncodeToString(HashSHA256(c)) }

// SHA1Hex is HashSHA1 in lower-case hex: the parameter "cert" of the OCSP port.
func SHA1Hex(c *x509.Certificate) string { return hex.EncodeToString(HashSHA1(c)) }

var oidKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}

func hasKeyUsage(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidKeyUsage) {
			return true
		}
	}
	return false
}
