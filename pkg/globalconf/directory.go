package globalconf

import (
	"crypto"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/signature"
)

// The content identifiers of X-Road 7. The optional parts concern monitoring and OCSP.
const (
	PrivateParametersID = "PRIVATE-PARAMETERS"
	SharedParametersID  = "SHARED-PARAMETERS"
	MonitoringID        = "MONITORING"
	FetchIntervalID     = "FETCHINTERVAL"
	NextUpdateID        = "NEXTUPDATE"
)

// Directory lists the parts of a configuration: what is signed.
type Directory struct {
	Expire  time.Time // whole seconds when written
	Version int       // 2…6
	Parts   []Part
}

// Part is one file of the configuration.
type Part struct {
	Identifier    string // PRIVATE-PARAMETERS, SHARED-PARAMETERS, or that of an optional part
	Instance      string // the instance the file is about; demanded for private and shared parameters
	Location      string // path or URL, resolved against the URL of the directory
	FileName      string // Content-file-name: how to store a part without a fixed name; usually ""
	HashAlgorithm string // URI
	Hash          []byte
}

const (
	octetStream     = "application/octet-stream"
	base64Encoding  = "base64"
	boundaryLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	boundaryLength  = 20
)

// SignDirectory writes the directory as a central server does — CRLF, header fields in X-Road's order, single-quoted instances — and signs it
// with the key, using PKCS#1 v1.5 or ECDSA and the digest. certificate (DER) is that of the key; its hash with the same digest names it to
// consumers. The two boundaries come from rand.
func SignDirectory(rand io.Reader, d *Directory, key crypto.Signer, certificate []byte, digest signature.Digest) ([]byte, error) {
	outer, err := boundary(rand)
	if err != nil {
		return nil, err
	}
	inner, err := boundary(rand)
	if err != nil {
		return nil, err
	}
	signed, err := appendSigned(nil, d, inner)
	if err != nil {
		return nil, err
	}
	algorithm, err := signature.ForKey(key.Public(), digest)
	if err != nil {
		return nil, err
	}
	value, err := algorithm.Sign(rand, key, signed)
	if err != nil {
		return nil, fmt.Errorf("signing configuration directory: %w", err)
	}
	b := base64.StdEncoding
	dst := line(nil, "Content-Type: multipart/related; charset=UTF-8; boundary=", outer)
	dst = line(dst)
	dst = line(dst, "--", outer)
	dst = line(dst, "Content-Type: multipart/mixed; charset=UTF-8; boundary=", inner)
	dst = line(dst)
	dst = append(dst, signed...)
	dst = line(dst)
	dst = line(dst, "--", outer)
	dst = line(dst, "Content-Type: ", octetStream)
	dst = line(dst, "Content-Transfer-Encoding: ", base64Encoding)
	dst = line(dst, "Signature-Algorithm-Id: ", algorithm.URI)
	dst = line(dst, "Verification-certificate-hash: ", b.EncodeToString(digest.Sum(certificate)), `; hash-algorithm-id="`, digest.URI, `"`)
	dst = line(dst)
	dst = line(dst, b.EncodeToString(value))
	return line(dst, "--", outer, "--"), nil
}

// appendSigned writes what the signature covers: from the first inner delimiter to the line end of the inner terminator.
func appendSigned(dst []byte, d *Directory, inner string) ([]byte, error) {
	if err := checkVersion(d.Version); err != nil {
		return nil, err
	}
	dst = line(dst, "--", inner)
	dst = line(dst, "Expire-date: ", d.Expire.UTC().Format(time.RFC3339))
	dst = line(dst, "Version: ", strconv.Itoa(d.Version))
	dst = line(dst)
	for _, p := range d.Parts {
		if strings.ContainsAny(p.Identifier+p.Instance+p.Location+p.FileName+p.HashAlgorithm, "\r\n") {
			return nil, fmt.Errorf("writing configuration directory: line break in a header field of %q", p.Identifier)
		}
		dst = line(dst, "--", inner)
		dst = line(dst, "Content-type: ", octetStream)
		dst = line(dst, "Content-transfer-encoding: ", base64Encoding)
		dst = line(dst, "Content-identifier: ", p.Identifier, instanceParameter(p.Instance))
		if p.FileName != "" {
			dst = line(dst, "Content-file-name: ", p.FileName)
		}
		dst = line(dst, "Content-location: ", p.Location)
		dst = line(dst, "Hash-algorithm-id: ", p.HashAlgorithm)
		dst = line(dst)
		dst = line(dst, base64.StdEncoding.EncodeToString(p.Hash))
	}
	return line(dst, "--", inner, "--"), nil
}

func instanceParameter(instance string) string {
	switch {
	case instance == "":
		return ""
	case strings.Contains(instance, "'"):
		return `; instance="` + instance + `"`
	}
	return "; instance='" + instance + "'"
}

func line(dst []byte, parts ...string) []byte {
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return append(dst, '\r', '\n')
}

// boundary draws twenty letters and digits, each as likely as the others.
func boundary(rand io.Reader) (string, error) {
	const fair = 256 - 256%len(boundaryLetters)
	b := make([]byte, 0, boundaryLength)
	for one := make([]byte, 1); len(b) < boundaryLength; {
		if _, err := io.ReadFull(rand, one); err != nil {
			return "", fmt.Errorf("drawing a boundary: %w", err)
		}
		if int(one[0]) < fair {
			b = append(b, boundaryLetters[int(one[0])%len(boundaryLetters)])
		}
	}
	return string(b), nil
}
