package globalconf

import (
	"fmt"
	"time"

	"github.com/ristmik/ristmik/pkg/certificate"
)

// trustOf makes the trust of an instance, or takes that of the previous snapshot when it rests on the same part and settings, so that what
// it remembers of verified responses is kept. Freshness is that of the own instance, whoever approved the authority.
func trustOf(previous *Snapshot, x *index, freshness time.Duration, verifyNextUpdate bool) (*certificate.Trust, []string) {
	if previous != nil {
		old, ok := previous.instances[x.shared.InstanceIdentifier]
		if ok && old.index == x && old.trust.Freshness == freshness && old.trust.VerifyNextUpdate == verifyNextUpdate {
			return old.trust, old.problems
		}
	}
	var authorities []*certificate.Authority
	var problems []string
	for i := range x.shared.ApprovedCAs {
		found, problem := authoritiesOf(&x.shared.ApprovedCAs[i])
		authorities = append(authorities, found...)
		for _, p := range problem {
			problems = append(problems, fmt.Sprintf("%s: certification service %q: %v", x.shared.InstanceIdentifier, x.shared.ApprovedCAs[i].Name, p))
		}
	}
	t := certificate.NewTrust(x.shared.InstanceIdentifier, authorities, freshness)
	t.VerifyNextUpdate = verifyNextUpdate
	return t, problems
}

// authoritiesOf turns a certification service into its top CA and intermediate CAs. What cannot be used is left out and said, because one
// bad entry must not take down an instance: a service with an unknown profile authenticates servers but names no members.
func authoritiesOf(a *ApprovedCA) ([]*certificate.Authority, []error) {
	var problems []error
	profile, err := certificate.ProfileByClass(a.CertificateProfile)
	if err != nil {
		problems = append(problems, err)
		profile = nil
	}
	authority := func(c *CA, above *certificate.Authority) *certificate.Authority {
		parsed, err := certificate.ParseFile(c.Certificate) // X-Road publishes what was uploaded, which may be PEM
		if err != nil {
			problems = append(problems, err)
			return nil
		}
		responders, err := respondersOf(c)
		if err != nil {
			problems = append(problems, err)
		}
		return &certificate.Authority{
			Name: a.Name, Certificate: parsed, Top: above, Responders: responders, Profile: profile, AuthenticationOnly: a.AuthenticationOnly,
		}
	}
	top := authority(&a.TopCA, nil)
	if top == nil {
		return nil, problems
	}
	found := []*certificate.Authority{top}
	for i := range a.IntermediateCAs {
		if intermediate := authority(&a.IntermediateCAs[i], top); intermediate != nil {
			found = append(found, intermediate)
		}
	}
	return found, problems
}

// respondersOf keeps the URL of a responder whose certificate cannot be read: a delegated certificate may still come with its responses.
func respondersOf(c *CA) ([]certificate.Responder, error) {
	var responders []certificate.Responder
	var problem error
	for _, r := range c.Responders {
		responder := certificate.Responder{URL: r.URL, CostType: r.CostType}
		if len(r.Certificate) > 0 {
			parsed, err := certificate.ParseFile(r.Certificate)
			if err != nil {
				problem = fmt.Errorf("OCSP responder %s: %w", r.URL, err)
			}
			responder.Certificate = parsed
		}
		responders = append(responders, responder)
	}
	return responders, problem
}
