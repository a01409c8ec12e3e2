package certificate

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/ristmik/ristmik/pkg/fault"
)

// MaxFileSize is the largest certificate file that is read, in bytes; real ones are 1–4 kB.
const MaxFileSize = 64 << 10

// ParseFile reads the certificate that an administrator or a peer sent: DER, or PEM with exactly one CERTIFICATE block. Anything else — an
// empty or oversized file, a key, two certificates, bytes after the certificate — is the fault invalid_certificate "Incorrect file format.
// Only PEM and DER files allowed." with the reason as its cause.
func ParseFile(data []byte) (*x509.Certificate, error) {
	der, err := singleBlock(data, "CERTIFICATE")
	if err != nil {
		return nil, badFile(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, badFile(err)
	}
	return c, nil
}

// EncodePEM writes a certificate as one PEM block.
func EncodePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func badFile(cause error) error {
	return fault.Wrap(cause, fault.Invalid, "invalid_certificate", "Incorrect file format. Only PEM and DER files allowed.")
}

// singleBlock gives the DER of a file that is DER itself or PEM with one block of an accepted type.
func singleBlock(data []byte, types ...string) ([]byte, error) {
	switch {
	case len(data) == 0:
		return nil, errors.New("file is empty")
	case len(data) > MaxFileSize:
		return nil, fmt.Errorf("file has %d bytes, more than %d", len(data), MaxFileSize)
	case !bytes.Contains(data, []byte("-----BEGIN ")):
		return data, nil
	}
	var der []byte
	rest := data
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = after
		accepted := false
		for _, t := range types {
			accepted = accepted || block.Type == t
		}
		switch {
		case !accepted:
			return nil, fmt.Errorf("PEM block %q", block.Type)
		case der != nil:
			return nil, errors.New("more than one PEM block")
		}
		der = block.Bytes
	}
	switch {
	case der == nil:
		return nil, errors.New("no PEM block")
	case bytes.Contains(rest, []byte("-----")):
		return nil, errors.New("broken PEM after the certificate")
	}
	return der, nil
}
