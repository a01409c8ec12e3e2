package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"
	"io"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Scheme is how a digest becomes a signature.
type Scheme int

// The schemes. There is no zero scheme, so that a zero Algorithm does nothing.
const (
	PKCS1v15 Scheme = iota + 1 // RSASSA-PKCS1-v1_5
	PSS                        // RSASSA-PSS, MGF1 with the same digest
	ECDSA                      // on a NIST curve
)

// minimumRSABits is what a key must have to sign here.
const minimumRSABits = 2048

// Algorithm is a signature algorithm: a digest and a scheme.
type Algorithm struct {
	Name   string // JCA name with X-Road's ending for PSS: "SHA512withRSA", "SHA512withRSAandMGF1", "SHA512withECDSA"
	URI    string // XML-DSig name
	Hash   crypto.Hash
	Scheme Scheme
}

const (
	more2001 = "http://www.w3.org/2001/04/xmldsig-more#"
	more2007 = "http://www.w3.org/2007/05/xmldsig-more#"
)

var algorithms = [...]Algorithm{
	{"SHA512withRSA", more2001 + "rsa-sha512", crypto.SHA512, PKCS1v15},
	{"SHA384withRSA", more2001 + "rsa-sha384", crypto.SHA384, PKCS1v15},
	{"SHA256withRSA", more2001 + "rsa-sha256", crypto.SHA256, PKCS1v15},
	{"SHA512withRSAandMGF1", more2007 + "sha512-rsa-MGF1", crypto.SHA512, PSS},
	{"SHA384withRSAandMGF1", more2007 + "sha384-rsa-MGF1", crypto.SHA384, PSS},
	{"SHA256withRSAandMGF1", more2007 + "sha256-rsa-MGF1", crypto.SHA256, PSS},
	{"SHA512withECDSA", more2001 + "ecdsa-sha512", crypto.SHA512, ECDSA},
	{"SHA384withECDSA", more2001 + "ecdsa-sha384", crypto.SHA384, ECDSA},
	{"SHA256withECDSA", more2001 + "ecdsa-sha256", crypto.SHA256, ECDSA},
}

// ByName finds an algorithm by its JCA name, in any case. SHA-1, SHA-224 and everything unknown: fault unsupported_algorithm.
func ByName(name string) (Algorithm, error) {
	for _, a := range algorithms {
		if strings.EqualFold(a.Name, name) {
			return a, nil
		}
	}
	return Algorithm{}, unsupported(name)
}

// ByURI finds an algorithm by its XML-DSig URI. SHA-1, SHA-224 and everything unknown: fault unsupported_algorithm.
func ByURI(uri string) (Algorithm, error) {
	for _, a := range algorithms {
		if a.URI == uri {
			return a, nil
		}
	}
	return Algorithm{}, unsupported(uri)
}

// ForKey is the algorithm that this key signs with over the digest: PKCS#1 v1.5 for RSA, as X-Road's software tokens do, and ECDSA for
// elliptic curves. Other keys and weak digests: fault unsupported_algorithm.
func ForKey(public crypto.PublicKey, d Digest) (Algorithm, error) {
	var scheme Scheme
	switch public.(type) {
	case *rsa.PublicKey:
		scheme = PKCS1v15
	case *ecdsa.PublicKey:
		scheme = ECDSA
	}
	for _, a := range algorithms {
		if a.Scheme == scheme && a.Hash == d.Hash {
			return a, nil
		}
	}
	return Algorithm{}, unsupported(fmt.Sprintf("%s with %T", d.Name, public))
}

// Sign makes the raw signature of data. ECDSA values are ASN.1 DER, PSS salts are as long as the digest. A key of another kind, and an
// RSA key under 2048 bits, is refused.
func (a Algorithm) Sign(rand io.Reader, key crypto.Signer, data []byte) ([]byte, error) {
	if err := a.canSign(key.Public()); err != nil {
		return nil, err
	}
	var options crypto.SignerOpts = a.Hash
	if a.Scheme == PSS {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.Hash}
	}
	value, err := key.Sign(rand, a.digest(data), options)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", a.Name, err)
	}
	return value, nil
}

func (a Algorithm) canSign(public crypto.PublicKey) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minimumRSABits {
			return fault.New(fault.Invalid, "unsupported_algorithm", "RSA key of %d bits is too short to sign with", k.N.BitLen())
		}
		if a.Scheme == PKCS1v15 || a.Scheme == PSS {
			return nil
		}
	case *ecdsa.PublicKey:
		if a.Scheme == ECDSA {
			return nil
		}
	}
	return unsupported(fmt.Sprintf("%s with %T", a.Name, public))
}

// Verify checks a raw signature of data; ECDSA values are ASN.1 DER, PSS salts may have any length. Whatever is wrong, the fault is
// invalid_signature_value "Signature is not valid".
func (a Algorithm) Verify(public crypto.PublicKey, data, value []byte) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return a.verifyRSA(k, data, value)
	case *ecdsa.PublicKey:
		if a.Scheme == ECDSA && ecdsa.VerifyASN1(k, a.digest(data), value) {
			return nil
		}
	}
	return invalidValue(nil)
}

func (a Algorithm) verifyRSA(k *rsa.PublicKey, data, value []byte) error {
	var err error
	switch a.Scheme {
	case PKCS1v15:
		err = rsa.VerifyPKCS1v15(k, a.Hash, a.digest(data), value)
	case PSS:
		err = rsa.VerifyPSS(k, a.Hash, a.digest(data), value, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto})
	default:
		return invalidValue(nil)
	}
	if err != nil {
		return invalidValue(err)
	}
	return nil
}

func (a Algorithm) digest(data []byte) []byte {
	h := a.Hash.New()
	h.Write(data)
	return h.Sum(nil)
}

func invalidValue(cause error) error {
	return fault.Wrap(cause, fault.Invalid, "invalid_signature_value", "Signature is not valid")
}
