package api

import (
	"crypto/x509"
	"fmt"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/pkg/certificate"
)

// certificateDetails prints a stored certificate (UC MEMBER_55).
func certificateDetails(der []byte) (gen.CertificateDetails, error) {
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return gen.CertificateDetails{}, fmt.Errorf("reading a stored certificate: %w", err)
	}
	d := certificate.Describe(parsed)
	return gen.CertificateDetails{
		Hash: d.SHA256, Sha1Hash: &d.SHA1, IssuerCommonName: d.IssuerCommonName, IssuerDistinguishedName: d.IssuerDistinguishedName,
		SubjectCommonName: d.SubjectCommonName, SubjectDistinguishedName: d.SubjectDistinguishedName, SubjectAlternativeNames: d.SubjectAlternativeNames,
		Serial: d.Serial, Version: int32(d.Version), NotBefore: d.NotBefore, NotAfter: d.NotAfter,
		KeyUsages:          each(d.KeyUsages, func(u string) gen.KeyUsage { return gen.KeyUsage(u) }),
		PublicKeyAlgorithm: d.PublicKeyAlgorithm, RsaPublicKeyModulus: optional(d.RSAModulus), RsaPublicKeyExponent: optional(int32(d.RSAExponent)),
		EcPublicParameters: optional(d.ECParameters), EcPublicKeyPoint: optional(d.ECPoint), Signature: d.Signature, SignatureAlgorithm: d.SignatureAlgorithm,
	}, nil
}
