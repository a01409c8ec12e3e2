package certificate

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Responder is an OCSP responder of a certification service.
type Responder struct {
	URL         string
	Certificate *x509.Certificate // nil when the service's own or an embedded delegated certificate signs
	CostType    string            // FREE, PAID or UNDEFINED
}

// Authority is a certification service that the instance approved, or one of its intermediate CAs.
type Authority struct {
	Name               string
	Certificate        *x509.Certificate
	Top                *Authority // nil for a top CA
	Responders         []Responder
	Profile            Profile // of an intermediate CA nil means its top CA's
	AuthenticationOnly bool    // the service issues no signing certificates; holds for its intermediate CAs too
}

// Root is the top CA: the authority itself or the one above it.
func (a *Authority) Root() *Authority {
	if a.Top != nil {
		return a.Top
	}
	return a
}

// Trust is what an instance's configuration says about certificates. It is immutable after NewTrust (VerifyNextUpdate may be set before the
// first use), safe for concurrent use, and remembers what it verified for as long as that stays true.
type Trust struct {
	Instance         string        // X-Road instance of the certification services; the context instance of their profiles
	Authorities      []*Authority  // top CAs and intermediate CAs
	Freshness        time.Duration // how old thisUpdate may be: ocspFreshnessSeconds of the own instance
	VerifyNextUpdate bool          // also refuse responses whose nextUpdate has passed

	bySubject map[string][]*Authority // raw subject; more than one while a service changes its key
	chains    *cache[path]
	responses *cache[*OCSPResponse]
}

// cacheSize bounds each cache of a Trust: more certificates than a large instance has.
const cacheSize = 4096

// NewTrust makes a Trust that also verifies nextUpdate.
func NewTrust(instance string, authorities []*Authority, freshness time.Duration) *Trust {
	t := &Trust{
		Instance: instance, Authorities: authorities, Freshness: freshness, VerifyNextUpdate: true,
		bySubject: make(map[string][]*Authority, len(authorities)),
		chains:    newCache[path](cacheSize), responses: newCache[*OCSPResponse](cacheSize),
	}
	for _, a := range authorities {
		subject := string(a.Certificate.RawSubject)
		t.bySubject[subject] = append(t.bySubject[subject], a)
	}
	return t
}

// Issuer finds the authority whose subject is, byte for byte, the certificate's issuer; of several with one name the one whose key signed.
// It checks nothing else. The fault is internal_error "Certificate is not issued by approved certification service provider."
func (t *Trust) Issuer(c *x509.Certificate) (*Authority, error) {
	candidates := t.bySubject[string(c.RawIssuer)]
	switch len(candidates) {
	case 0:
		return nil, fault.New(fault.Invalid, "internal_error", "Certificate is not issued by approved certification service provider.")
	case 1:
		return candidates[0], nil
	}
	for _, a := range candidates {
		if c.CheckSignatureFrom(a.Certificate) == nil {
			return a, nil
		}
	}
	return candidates[0], nil
}

// VerifyIssued checks a certificate against its direct issuer alone, as the central server does for management requests: approved issuer
// and the issuer's signature (internal_error), validity (incorrect_certificate).
func (t *Trust) VerifyIssued(c *x509.Certificate, at time.Time) error {
	issuer, err := t.Issuer(c)
	if err != nil {
		return err
	}
	if err := c.CheckSignatureFrom(issuer.Certificate); err != nil {
		return fault.Wrap(err, fault.Invalid, "internal_error", "Certificate is not signed by its issuer")
	}
	switch {
	case at.After(c.NotAfter):
		return fault.New(fault.Invalid, "incorrect_certificate", "Certificate expired on %s", stamp(c.NotAfter))
	case at.Before(c.NotBefore):
		return fault.New(fault.Invalid, "incorrect_certificate", "Certificate is not valid until %s", stamp(c.NotBefore))
	}
	return nil
}

// Member decodes the member of a signing certificate with its issuer's profile. A certificate of a service that is approved for
// authentication only has no member: X-Road 7 accepts it, this does not (docs/divergences.md). Faults: internal_error for an unknown
// issuer, incorrect_certificate otherwise.
func (t *Trust) Member(c *x509.Certificate) (identifier.ClientID, error) {
	issuer, err := t.Issuer(c)
	if err != nil {
		return identifier.ClientID{}, err
	}
	if issuer.AuthenticationOnly || issuer.Root().AuthenticationOnly {
		return identifier.ClientID{}, fault.New(fault.Invalid, "incorrect_certificate",
			"Certification service %s issues authentication certificates only", issuer.Root().Name)
	}
	profile := issuer.Profile
	if profile == nil {
		profile = issuer.Root().Profile
	}
	if profile == nil {
		return identifier.ClientID{}, fault.New(fault.Internal, "internal_error", "Certification service %s has no certificate profile", issuer.Name)
	}
	return profile.Member(c, t.Instance)
}

// VerifySigner decides whether a signature by this certificate speaks for signer (UC MESS_11, 12, 13): nonRepudiation, name, chain, and a
// good OCSP response for every certificate that the configuration does not approve itself. chain and ocsp are what came with the signature,
// in any order. Codes: malformed_signature, incorrect_certificate, cannot_create_cert_path.…, invalid_cert_path.….
func (t *Trust) VerifySigner(
	cert *x509.Certificate, chain []*x509.Certificate, ocsp [][]byte, signer identifier.ClientID, at time.Time,
) error {
	if !IsSigning(cert) {
		return fault.New(fault.Invalid, "malformed_signature", "Certificate %s is not a signing certificate", DistinguishedName(cert.RawSubject))
	}
	member, err := t.Member(cert)
	if err != nil {
		return err
	}
	if member != signer.Member() {
		return fault.New(fault.Invalid, "incorrect_certificate", "Name in certificate (%s) does not match name in message (%s)", member, signer)
	}
	return t.verifyWithOCSP(cert, chain, ocsp, at)
}

// VerifyAuthentication decides whether a peer that holds this certificate's key is a server of an approved certification service. Which
// server it is, only the configuration says. Codes: ssl_authentication_failed, alone or in front of the cause.
func (t *Trust) VerifyAuthentication(c *x509.Certificate, chain []*x509.Certificate, ocsp [][]byte, at time.Time) error {
	if !IsAuthentication(c) {
		return fault.New(fault.Invalid, "ssl_authentication_failed", "Peer certificate is not an authentication certificate")
	}
	if err := t.verifyWithOCSP(c, chain, ocsp, at); err != nil {
		return fault.Prefixed(err, "ssl_authentication_failed.")
	}
	return nil
}

func (t *Trust) verifyWithOCSP(c *x509.Certificate, chain []*x509.Certificate, ocsp [][]byte, at time.Time) error {
	p, err := t.path(c, chain, at)
	if err != nil {
		return err
	}
	if err := t.verifyResponses(p, ocsp, at); err != nil {
		return fault.Prefixed(err, "invalid_cert_path.")
	}
	return nil
}

// verifyResponses finds and verifies the response for every certificate of the path. An approved intermediate CA is trusted because the
// configuration lists it, so a response is not demanded for it, but one that came must be good.
func (t *Trust) verifyResponses(p path, ocsp [][]byte, at time.Time) error {
	parsed := make([]*OCSPResponse, 0, len(ocsp))
	for _, raw := range ocsp {
		if r, err := ParseOCSP(raw); err == nil {
			parsed = append(parsed, r)
		}
	}
	for i := range len(p) - 1 {
		subject, issuer := p[i], p[i+1]
		found := slices.IndexFunc(parsed, func(r *OCSPResponse) bool { return r.appliesTo(subject.certificate, issuer.certificate) })
		switch {
		case found >= 0:
			if err := t.verifyResponse(subject.certificate, issuer, parsed[found], at); err != nil {
				return err
			}
		case subject.authority == nil:
			return fault.New(fault.Invalid, "cert_validation", "Unable to find OCSP response for certificate %s",
				DistinguishedName(subject.certificate.RawSubject))
		}
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
