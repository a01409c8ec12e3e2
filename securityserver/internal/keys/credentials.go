package keys

import (
	"context"
	"crypto/x509"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
)

// Signing gives a usable signing key of a member: registered, active, its token logged in, its responses good. Faults: unknown_member when
// there is no certificate of this member, internal_error when none is usable.
func (k *Keys) Signing(ctx context.Context, member identifier.ClientID) (signature.Credential, error) {
	v, err := k.load(ctx)
	if err != nil {
		return signature.Credential{}, err
	}
	trust, _, err := k.trust()
	if err != nil {
		return signature.Credential{}, err
	}
	member = member.Member()
	last := error(fault.New(fault.Conflict, "unknown_member", "Could not find any certificates for member '%s'", member))
	for _, one := range v.signing[member] {
		credential, err := k.credential(v, trust, one.key, one.certificate)
		if err == nil {
			return credential, nil
		}
		last = fault.Wrap(err, fault.Conflict, "internal_error", "Member '%s' has no suitable certificates", member)
	}
	return signature.Credential{}, last
}

// Authentication gives the usable authentication key of this server: as Signing, and the configuration maps its certificate to this server.
// The fault is key_not_found.
func (k *Keys) Authentication(ctx context.Context) (signature.Credential, error) {
	v, err := k.load(ctx)
	if err != nil {
		return signature.Credential{}, err
	}
	trust, snapshot, err := k.trust()
	if err != nil {
		return signature.Credential{}, err
	}
	var last error
	for _, key := range v.keys() {
		for _, c := range key.Certificates {
			if key.Usage != certificate.Authentication || !maps(snapshot, v.server, c.DER) {
				continue
			}
			credential, err := k.credential(v, trust, key, c)
			if err == nil {
				return credential, nil
			}
			last = err
		}
	}
	return signature.Credential{}, fault.Wrap(last, fault.Conflict, "key_not_found",
		"Could not find active authentication key for security server '%s'", v.server)
}

func maps(snapshot *globalconf.Snapshot, server identifier.SecurityServerID, der []byte) bool {
	holder, ok := snapshot.ServerByAuthCertificate(der)
	return ok && holder == server
}

// credential completes a key with its chain and responses, or says why it cannot be used.
func (k *Keys) credential(v *view, trust *certificate.Trust, key Key, c Certificate) (signature.Credential, error) {
	now, parsed := k.config.Now(), v.parsed[c.Hash]
	switch {
	case c.Status != Registered:
		return signature.Credential{}, fault.New(fault.Conflict, "cert_validation", "The certificate is not registered")
	case !c.Active:
		return signature.Credential{}, fault.New(fault.Conflict, "cert_validation", "The certificate is not active")
	case now.Before(parsed.NotBefore) || now.After(parsed.NotAfter):
		return signature.Credential{}, fault.New(fault.Conflict, "cert_validation", "The certificate is outside its validity")
	}
	path, err := above(trust, parsed)
	if err != nil {
		return signature.Credential{}, err
	}
	ocsp, err := k.responses(v, trust, path)
	if err != nil {
		return signature.Credential{}, err
	}
	signer, err := k.signer(key)
	if err != nil {
		return signature.Credential{}, err
	}
	return signature.Credential{Signer: signer, Certificate: parsed, Chain: path[1:], OCSP: ocsp}, nil
}

func (k *Keys) responses(v *view, trust *certificate.Trust, path []*x509.Certificate) ([][]byte, error) {
	all := make([][]byte, 0, len(path))
	for i, c := range path {
		r, ok := v.responses[certificate.SHA256Hex(c)]
		if !ok {
			if i > 0 { // the configuration itself approves it; its responder may not exist
				continue
			}
			return nil, fault.New(fault.Conflict, "cert_validation", "There is no OCSP response for %s yet", certificate.DistinguishedName(c.RawSubject))
		}
		if err := trust.VerifyOCSP(c, r.DER, k.config.Now()); err != nil {
			return nil, err
		}
		all = append(all, r.DER)
	}
	return all, nil
}

// HasValidSigning reports whether an active signing certificate of the member is here, within its validity and with a good response: whether
// the member's clients can be registered. The token need not be logged in.
func (k *Keys) HasValidSigning(ctx context.Context, member identifier.ClientID) bool {
	v, err := k.load(ctx)
	if err != nil {
		return false
	}
	for _, one := range v.signing[member.Member()] {
		if k.ocspStatus(v, one.certificate) == OCSPGood {
			return true
		}
	}
	return false
}
