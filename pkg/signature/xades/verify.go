package xades

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"slices"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/signature/hashchain"
)

// Certificate is the signer's, from KeyInfo.
func (s *Signature) Certificate() *x509.Certificate { return s.certificate }

// Chain holds the intermediate certificates that travel with the signature; nothing vouches for them.
func (s *Signature) Chain() []*x509.Certificate { return s.chain }

// OCSP holds the DER responses that travel with the signature, in the order of the document.
func (s *Signature) OCSP() [][]byte { return s.ocsp }

// SigningTime is what the signer says; zero if it does not.
func (s *Signature) SigningTime() time.Time { return s.signingTime }

// Value is the signature value's octets, over which a time-stamp is made.
func (s *Signature) Value() []byte { return s.value }

// Digest is the algorithm of the references to the message, and so of the parts' digests that Verify is given.
func (s *Signature) Digest() signature.Digest { return s.direct[0].digest }

// Verify checks the signature itself: that it covers exactly these parts, directly or through the hash chain, that all its digests are right,
// that its certificate is the one it names, and that the certificate's key made the value. A chain that the signature does not reference is
// ignored. Faults: those of hashchain.Verify; malformed_signature when something else than the parts is covered; invalid_signature_value
// "Signature is not valid". Whether the certificate deserves trust is not asked here.
func (s *Signature) Verify(chain, result []byte, parts []hashchain.Input) error {
	if err := s.verifyChain(chain, result, parts); err != nil {
		return err
	}
	return s.verifyCore(result, parts)
}

func (s *Signature) usesChain() bool {
	return slices.ContainsFunc(s.direct, func(r reference) bool { return r.uri == hashchain.ResultName })
}

func (s *Signature) verifyChain(chain, result []byte, parts []hashchain.Input) error {
	if len(parts) == 0 || parts[0].Name != MessageName {
		return malformed("Message is missing")
	}
	if !s.usesChain() {
		return nil
	}
	if len(s.direct) != 1 {
		return malformed("Signature references something beside its hash chain result")
	}
	if len(chain) == 0 || len(result) == 0 {
		return malformed("Hash chain is missing")
	}
	return hashchain.Verify(chain, result, parts)
}

func (s *Signature) verifyCore(result []byte, parts []hashchain.Input) error {
	digests := make(map[string][]byte, len(parts))
	if s.usesChain() {
		digests[hashchain.ResultName] = s.direct[0].digest.Sum(result)
	} else {
		for _, p := range parts {
			digests[p.Name] = p.Digest
		}
		if len(digests) != len(parts) || len(digests) != len(s.direct) {
			return malformed("Signature does not cover exactly the parts of the message")
		}
	}
	for _, r := range s.direct {
		digest, given := digests[r.uri]
		if !given {
			return malformed("Signature references %q, which is no part of the message", r.uri)
		}
		if !bytes.Equal(digest, r.value) {
			return invalidValue()
		}
	}
	if !bytes.Equal(s.claimed.digest.Sum(s.certificate.Raw), s.claimed.value) {
		return malformed("Signing certificate does not match the signed properties")
	}
	properties := canonicalise(s.signedProperties, s.properties.transform == c14nExclusive)
	if !bytes.Equal(s.properties.digest.Sum(properties), s.properties.value) {
		return invalidValue()
	}
	return s.verifyValue(canonicalise(s.signedInfo, s.exclusive))
}

func (s *Signature) verifyValue(signedInfo []byte) error {
	value := s.value
	if public, ok := s.certificate.PublicKey.(*ecdsa.PublicKey); ok {
		var err error
		if value, err = signature.ECDSADER(public, value); err != nil {
			return invalidValue()
		}
	}
	return s.algorithm.Verify(s.certificate.PublicKey, signedInfo, value)
}

// Trust is what a verifier must believe; *certificate.Trust implements it.
type Trust interface {
	// VerifySigner checks that the certificate is a signing certificate of the signer's member, issued under an approved authority, and good at
	// that time according to the OCSP responses.
	VerifySigner(cert *x509.Certificate, chain []*x509.Certificate, ocsp [][]byte, signer identifier.ClientID, at time.Time) error
}

// VerifyMessage verifies everything about a message's signature, in X-Road's order: hash chain, use of the certificate, signature, and then,
// by trust, name, certification path and OCSP responses. X-Road compares the name before the signature value, which matters only to a message
// that has both wrong.
func VerifyMessage(s *Signature, trust Trust, signer identifier.ClientID, chain, result []byte, parts []hashchain.Input, at time.Time) error {
	if err := s.verifyChain(chain, result, parts); err != nil {
		return err
	}
	if s.certificate.KeyUsage&x509.KeyUsageContentCommitment == 0 {
		return malformed("Certificate %s is not a signing certificate", distinguishedName(s.certificate.RawSubject))
	}
	if err := s.verifyCore(result, parts); err != nil {
		return err
	}
	if len(s.ocsp) == 0 {
		return malformed("Could not get any OCSP elements from signature")
	}
	return trust.VerifySigner(s.certificate, s.chain, s.ocsp, signer, at)
}

func invalidValue() error {
	return fault.New(fault.Invalid, "invalid_signature_value", "Signature is not valid")
}
