// Package signature knows the digest and signature algorithms of X-Road, by their names and by their URIs, and makes and checks raw
// signatures with them.
//
// The tables are allow-lists: an algorithm that is not in them does not exist. SHA-1 and SHA-224 are known as digests only, because old
// configuration parts and certificate hashes use them; nothing is signed or verified with them.
package signature

import (
	"crypto"
	_ "crypto/sha1" // registers SHA-1 for old configuration hashes
	_ "crypto/sha256"
	_ "crypto/sha512"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Digest is a digest algorithm. The zero value is none.
type Digest struct {
	Name string      // JCA name as in X-Road's configuration: "SHA-512"
	URI  string      // XML-DSig name
	Hash crypto.Hash // always available
}

// SHA512 is X-Road's default for messages, management requests and the global configuration.
var SHA512 = Digest{"SHA-512", "http://www.w3.org/2001/04/xmlenc#sha512", crypto.SHA512}

// SHA384 is allowed everywhere and the default nowhere.
var SHA384 = Digest{"SHA-384", "http://www.w3.org/2001/04/xmldsig-more#sha384", crypto.SHA384}

// SHA256 is used for certificate hashes and certificate requests.
var SHA256 = Digest{"SHA-256", "http://www.w3.org/2001/04/xmlenc#sha256", crypto.SHA256}

var digests = [...]Digest{
	SHA512, SHA384, SHA256,
	{"SHA-224", "http://www.w3.org/2001/04/xmldsig-more#sha224", crypto.SHA224},
	{"SHA-1", "http://www.w3.org/2000/09/xmldsig#sha1", crypto.SHA1},
}

// DigestByURI finds a digest by its XML-DSig URI. Unknown: fault unsupported_algorithm.
func DigestByURI(uri string) (Digest, error) {
	for _, d := range digests {
		if d.URI == uri {
			return d, nil
		}
	}
	return Digest{}, unsupported(uri)
}

// DigestByName finds a digest by its JCA name, in any case: "SHA-512". Unknown: fault unsupported_algorithm.
func DigestByName(name string) (Digest, error) {
	for _, d := range digests {
		if strings.EqualFold(d.Name, name) {
			return d, nil
		}
	}
	return Digest{}, unsupported(name)
}

// IsStrong reports whether signatures may rest on the digest: SHA-256, SHA-384 and SHA-512 only.
func (d Digest) IsStrong() bool { return d == SHA512 || d == SHA384 || d == SHA256 }

// Sum digests the data.
func (d Digest) Sum(data []byte) []byte {
	h := d.Hash.New()
	h.Write(data)
	return h.Sum(nil)
}

func unsupported(algorithm string) error {
	return fault.New(fault.Invalid, "unsupported_algorithm", "Unsupported algorithm: %s", algorithm)
}
