package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
)

// link is a certificate of a path; authority is set when the configuration approves it.
type link struct {
	certificate *x509.Certificate
	authority   *Authority
}

// path runs from a certificate to the top CA.
type path []link

// maxSupplied bounds the certificates that come with a message or a handshake and are looked at.
const maxSupplied = 8

// VerifyChain builds the path from a certificate to a top CA of the instance and verifies signatures, CA rights and validity at the time.
// chain holds further CA certificates that came with it; they are used where the configuration does not list the issuer. Codes:
// cannot_create_cert_path.internal_error when no approved issuer is found, cannot_create_cert_path when the path does not verify.
func (t *Trust) VerifyChain(c *x509.Certificate, chain []*x509.Certificate, at time.Time) error {
	_, err := t.path(c, chain, at)
	return err
}

func (t *Trust) path(c *x509.Certificate, chain []*x509.Certificate, at time.Time) (path, error) {
	if len(chain) > maxSupplied {
		chain = chain[:maxSupplied]
	}
	key := chainKey(c, chain)
	if p, ok := t.chains.get(key); ok {
		if p.valid(at) {
			return p, nil
		}
		t.chains.remove(key)
	}
	anchor, supplied, err := t.anchor(c, chain)
	if err != nil {
		return nil, fault.Prefixed(err, "cannot_create_cert_path.")
	}
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	root := anchor.Root()
	options.Roots.AddCert(root.Certificate)
	for _, a := range t.Authorities {
		if a.Top != nil && a.Top.Certificate.Equal(root.Certificate) {
			options.Intermediates.AddCert(a.Certificate)
		}
	}
	for _, s := range supplied {
		options.Intermediates.AddCert(s)
	}
	if bytes.Equal(c.Raw, root.Certificate.Raw) {
		return nil, fault.New(fault.Invalid, "cannot_create_cert_path", "Certificate is the certification service itself")
	}
	chains, err := c.Verify(options)
	if err != nil {
		problem := pathProblem(err)
		if weak(c) || slices.ContainsFunc(supplied, weak) {
			problem = "a certificate of the path is signed with an insecure algorithm"
		}
		return nil, fault.Wrap(err, fault.Invalid, "cannot_create_cert_path", "Unable to find valid certification path: %s", problem)
	}
	p := t.link(chains[0])
	t.chains.put(key, p)
	return p, nil
}

// anchor walks from the certificate over supplied certificates to the first one whose issuer the configuration lists.
func (t *Trust) anchor(c *x509.Certificate, chain []*x509.Certificate) (*Authority, []*x509.Certificate, error) {
	a, first := t.Issuer(c)
	if first == nil {
		return a, nil, nil
	}
	var supplied []*x509.Certificate
	for current := c; len(supplied) < len(chain); {
		var next *x509.Certificate
		for _, candidate := range chain {
			if bytes.Equal(candidate.RawSubject, current.RawIssuer) && current.CheckSignatureFrom(candidate) == nil {
				next = candidate
				break
			}
		}
		if next == nil {
			return nil, nil, first
		}
		supplied = append(supplied, next)
		if a, err := t.Issuer(next); err == nil {
			return a, supplied, nil
		}
		current = next
	}
	return nil, nil, first
}

func (t *Trust) link(chain []*x509.Certificate) path {
	p := make(path, 0, len(chain))
	for i, c := range chain {
		l := link{certificate: c}
		if i > 0 {
			for _, a := range t.bySubject[string(c.RawSubject)] {
				if a.Certificate.Equal(c) {
					l.authority = a
				}
			}
		}
		p = append(p, l)
	}
	return p
}

// valid reports that every certificate of a verified path is within its validity.
func (p path) valid(at time.Time) bool {
	for _, l := range p {
		if at.Before(l.certificate.NotBefore) || at.After(l.certificate.NotAfter) {
			return false
		}
	}
	return true
}

// pathProblem says what a caller may know: the reason, without names of files or hosts.
func pathProblem(err error) string {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if text, known := invalidReasons[invalid.Reason]; known {
			return text
		}
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "a signature or an issuer of the path is wrong"
	}
	return "certificate is not acceptable"
}

var invalidReasons = map[x509.InvalidReason]string{
	x509.Expired:              "certificate has expired or is not yet valid",
	x509.NotAuthorizedToSign:  "a certificate of the path may not issue certificates",
	x509.TooManyIntermediates: "a certificate of the path may not issue certificates",
}

// weak tells signatures that are never believed: X-Road 7 still takes SHA-1 (docs/divergences.md).
func weak(c *x509.Certificate) bool { return slices.Contains(weakAlgorithms, c.SignatureAlgorithm) }

var weakAlgorithms = []x509.SignatureAlgorithm{
	x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA,
}

func chainKey(c *x509.Certificate, chain []*x509.Certificate) [32]byte {
	h := sha256.New()
	for _, each := range append([]*x509.Certificate{c}, chain...) {
		sum := sha256.Sum256(each.Raw)
		h.Write(sum[:])
	}
	return [32]byte(h.Sum(nil))
}
