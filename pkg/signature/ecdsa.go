package signature

import (
	"crypto/ecdsa"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var errECDSAValue = errors.New("malformed ECDSA signature value")

// ECDSARaw turns an ECDSA value from ASN.1 DER into the form of XML-DSig: r and s, each as long as the curve's order, one after the other.
func ECDSARaw(public *ecdsa.PublicKey, der []byte) ([]byte, error) {
	r, s, err := readECDSA(der)
	if err != nil {
		return nil, err
	}
	size := orderSize(public)
	if len(r.Bytes()) > size || len(s.Bytes()) > size {
		return nil, errECDSAValue
	}
	raw := make([]byte, 2*size)
	r.FillBytes(raw[:size])
	s.FillBytes(raw[size:])
	return raw, nil
}

// ECDSADER turns an ECDSA value of an XML signature into ASN.1 DER. The standard form is r‖s; some tokens leave DER in XML, which comes back
// as it is.
func ECDSADER(public *ecdsa.PublicKey, value []byte) ([]byte, error) {
	size := orderSize(public)
	if len(value) != 2*size {
		_, _, err := readECDSA(value)
		return value, err
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(value[:size]))
		b.AddASN1BigInt(new(big.Int).SetBytes(value[size:]))
	})
	return b.Bytes()
}

func orderSize(public *ecdsa.PublicKey) int { return (public.Params().N.BitLen() + 7) / 8 }

func readECDSA(der []byte) (r, s *big.Int, err error) {
	input, inner := cryptobyte.String(der), cryptobyte.String(nil)
	r, s = new(big.Int), new(big.Int)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !input.Empty() || !inner.ReadASN1Integer(r) || !inner.ReadASN1Integer(s) ||
		!inner.Empty() || r.Sign() < 0 || s.Sign() < 0 {
		return nil, nil, errECDSAValue
	}
	return r, s, nil
}
