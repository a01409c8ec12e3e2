package diagnosis

import (
	"context"
	"fmt"
	"strings"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
)

// certificates gives those of a usage.
func (f *facts) certificates(usage certificate.Usage) (list []keys.Certificate) {
	for _, t := range f.tokens {
		for _, key := range t.Keys {
			if key.Usage == usage {
				list = append(list, key.Certificates...)
			}
		}
	}
	return list
}

func signing(_ *Service, _ context.Context, f *facts) (State, string, string) {
	if f.self.IsZero() {
		return Waiting, "The server has no owner yet.", ""
	}
	owner := f.self.Owner()
	inactive := false
	for _, c := range f.certificates(certificate.Signing) {
		if c.Member != owner {
			continue
		}
		if !c.Active {
			inactive = true
			continue
		}
		state, words := expiry(f, c)
		next := ""
		if state != OK {
			next = "Order a new signing certificate of " + owner.Encoded() + " and import it."
		}
		return state, "The signing certificate of " + owner.Encoded() + " " + words + ".", next
	}
	if inactive {
		return Fail, "The signing certificate of " + owner.Encoded() + " is disabled.", "Activate it."
	}
	return Fail, "There is no signing certificate of " + owner.Encoded() + ".", "Generate a key and a request, have it signed, import the certificate."
}

// steps says what follows for an authentication certificate in each status.
var steps = map[keys.Status]struct {
	state      State
	what, next string
}{
	keys.Saved:                  {Fail, "is not registered", "Register it with the address of this server."},
	keys.RegistrationInProgress: {Waiting, "waits for its registration", "Ask the operator of the central server to approve the request."},
	keys.DeletionInProgress:     {Fail, "is being deleted", "Register another one."},
	keys.GlobalError:            {Fail, "is no longer in the global configuration", "Register another one, or ask the operator of the central server why."},
}

func authentication(_ *Service, _ context.Context, f *facts) (State, string, string) {
	all := f.certificates(certificate.Authentication)
	if len(all) == 0 {
		return Fail, "There is none.", "Generate a key and a request, have it signed, import and register the certificate."
	}
	disabled := false
	for _, c := range all {
		if c.Status != keys.Registered {
			continue
		}
		if !c.Active {
			disabled = true
			continue
		}
		state, words := expiry(f, c)
		next := ""
		if state != OK {
			next = "Order a new authentication certificate, import and register it."
		}
		return state, "It is registered and " + words + ".", next
	}
	if disabled {
		return Fail, "It is registered and disabled.", "Activate it."
	}
	best := all[0]
	for _, c := range all {
		if c.Status == keys.RegistrationInProgress {
			best = c
		}
	}
	step := steps[best.Status]
	return step.state, "It " + step.what + ".", step.next
}

func ocsp(s *Service, ctx context.Context, f *facts) (State, string, string) {
	var bad []string
	good := 0
	for _, usage := range []certificate.Usage{certificate.Signing, certificate.Authentication} {
		for _, c := range f.certificates(usage) {
			if !c.Active || c.Status != keys.Registered {
				continue
			}
			if status := s.config.Keys.OCSP(ctx, c); status != keys.OCSPGood {
				bad = append(bad, fmt.Sprintf("%s… is %s", c.Hash[:8], strings.TrimPrefix(string(status), "OCSP_RESPONSE_")))
			} else {
				good++
			}
		}
	}
	switch {
	case len(bad) > 0:
		return Fail, strings.Join(bad, ", ") + ".", "See whether the OCSP responders of the certification service can be reached, and what they say."
	case good == 0:
		return Waiting, "No certificate is in use yet.", ""
	}
	return OK, fmt.Sprintf("%d in use, all good.", good), ""
}
