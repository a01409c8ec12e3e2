package certificate

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
)

const badResponse = "incorrect_validation_info"

// VerifyOCSP verifies a response for a certificate of an approved service, in X-Road's order (UC MESS_13): CertID, responder, signature,
// authorisation, freshness, nextUpdate, status. Codes: internal_error for an unknown issuer, cert_validation for a status other than good,
// incorrect_validation_info for the rest. A response that passed up to authorisation is remembered; the rest depends on the time.
func (t *Trust) VerifyOCSP(c *x509.Certificate, response []byte, at time.Time) error {
	issuer, err := t.Issuer(c)
	if err != nil {
		return err
	}
	r, err := ParseOCSP(response)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, badResponse, "OCSP response cannot be read")
	}
	return t.verifyResponse(c, link{issuer.Certificate, issuer}, r, at)
}

func (t *Trust) verifyResponse(c *x509.Certificate, issuer link, r *OCSPResponse, at time.Time) error {
	key := responseKey(c, issuer.certificate, r)
	verified, ok := t.responses.get(key)
	if !ok {
		if err := verifyResponder(c, issuer, r); err != nil {
			return err
		}
		verified = &OCSPResponse{Status: r.Status, ThisUpdate: r.ThisUpdate, NextUpdate: r.NextUpdate, RevokedAt: r.RevokedAt}
		t.responses.put(key, verified)
	}
	err := t.verifyTime(verified, at)
	if err != nil {
		t.responses.remove(key)
		return err
	}
	return verified.good()
}

// verifyResponder is everything about a response that does not depend on the time.
func verifyResponder(c *x509.Certificate, issuer link, r *OCSPResponse) error {
	if !r.appliesTo(c, issuer.certificate) {
		return fault.New(fault.Invalid, badResponse, "OCSP response does not apply to certificate (sn = %s)", c.SerialNumber)
	}
	candidates := r.responders(issuer)
	if len(candidates) == 0 {
		return fault.New(fault.Invalid, badResponse, "Could not find OCSP certificate for responder ID")
	}
	// A responder that renewed its certificate under the same name has two candidates: the key that signed decides.
	signer := slices.IndexFunc(candidates, func(candidate *x509.Certificate) bool {
		return r.algorithm != x509.UnknownSignatureAlgorithm && candidate.CheckSignature(r.algorithm, r.signed, r.signature) == nil
	})
	if signer < 0 {
		return fault.New(fault.Invalid, badResponse, "Signature on OCSP response is not valid")
	}
	if !authorised(candidates[signer], issuer) {
		return fault.New(fault.Invalid, badResponse, "OCSP responder is not authorized for given CA")
	}
	return nil
}

// responders are the certificates that the responder id names: listed ones, the CA, embedded ones, in this order.
func (r *OCSPResponse) responders(issuer link) []*x509.Certificate {
	all := append(listed(issuer), issuer.certificate)
	for _, raw := range r.embedded {
		if c, err := x509.ParseCertificate(raw.FullBytes); err == nil {
			all = append(all, c)
		}
	}
	return slices.DeleteFunc(all, func(c *x509.Certificate) bool { return !r.responder.matches(c) })
}

func listed(issuer link) []*x509.Certificate {
	var certificates []*x509.Certificate
	if issuer.authority != nil {
		for _, responder := range issuer.authority.Responders {
			if responder.Certificate != nil {
				certificates = append(certificates, responder.Certificate)
			}
		}
	}
	return certificates
}

// authorised: listed for this CA, or the CA itself, or issued by the CA for OCSP signing. The responder certificate's validity is not looked
// at, as in X-Road.
func authorised(responder *x509.Certificate, issuer link) bool {
	if responder.Equal(issuer.certificate) || slices.ContainsFunc(listed(issuer), responder.Equal) {
		return true
	}
	return slices.Contains(responder.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) && responder.CheckSignatureFrom(issuer.certificate) == nil
}

func (t *Trust) verifyTime(r *OCSPResponse, at time.Time) error {
	if r.ThisUpdate.Before(at.Add(-t.Freshness)) {
		return fault.New(fault.Invalid, badResponse, "OCSP response is too old (thisUpdate: %s)", stamp(r.ThisUpdate))
	}
	if t.VerifyNextUpdate && !r.NextUpdate.IsZero() && r.NextUpdate.Before(at) {
		return fault.New(fault.Invalid, badResponse, "OCSP nextUpdate is too old, atDate: %s nextUpdate: %s", stamp(at), stamp(r.NextUpdate))
	}
	return nil
}

// good is nil for a good certificate.
func (r *OCSPResponse) good() error {
	const text = "OCSP response indicates certificate status is "
	switch r.Status {
	case Good:
		return nil
	case Revoked, Suspended:
		return fault.New(fault.Invalid, "cert_validation", text+"REVOKED (date: %s)", r.RevokedAt.UTC().Format(time.DateTime))
	case Unknown:
		return fault.New(fault.Invalid, "cert_validation", text+"UNKNOWN")
	}
	return fault.New(fault.Invalid, "cert_validation", text+"INVALID")
}

func responseKey(c, issuer *x509.Certificate, r *OCSPResponse) [32]byte {
	h := sha256.New()
	for _, part := range [][]byte{r.Raw, c.Raw, issuer.Raw} {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	return [32]byte(h.Sum(nil))
}
