package keys

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
)

// askTimeout bounds one question to one responder.
const askTimeout = 20 * time.Second

// Kick asks for an OCSP round soon: after a log-in, an import, or a new configuration. It never waits.
func (k *Keys) Kick() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// Run keeps the OCSP responses fresh until ctx ends. After a round in which a certificate got none it tries again sooner.
func (k *Keys) Run(ctx context.Context) error {
	for {
		wait := k.config.Interval
		if err := k.Refresh(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			k.config.Log.Warn("OCSP responses were not refreshed", zap.Error(err))
			wait = min(wait, k.config.Retry)
		}
		k.mu.Lock()
		k.next = k.config.Now().Add(wait)
		k.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-k.kick:
			timer.Stop()
		}
	}
}

// Refresh asks the responders about every active registered certificate and the intermediate authorities above it. It goes on after a
// failure and gives all of them.
func (k *Keys) Refresh(ctx context.Context) error {
	v, err := k.load(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, key := range v.keys() {
		for _, c := range key.Certificates {
			if !c.Active || c.Status != Registered {
				continue
			}
			trust, _, err := k.trust()
			if err != nil {
				return err
			}
			if err := k.fetch(ctx, trust, v.parsed[c.Hash]); err != nil {
				failures = append(failures, err)
			}
		}
	}
	return errors.Join(failures...)
}

// fetch gets, verifies and keeps the responses for a certificate and the intermediate authorities above it. The error is that of the first
// that is not good; a response that says revoked is kept all the same, because it is the truth.
func (k *Keys) fetch(ctx context.Context, trust *certificate.Trust, c *x509.Certificate) error {
	path, err := above(trust, c)
	if err != nil {
		return err
	}
	var first error
	for i, subject := range path {
		issuer, err := trust.Issuer(subject)
		if err != nil {
			return err
		}
		if err := k.fetchOne(ctx, trust, subject, issuer); err != nil && first == nil {
			first = err
			if i == 0 {
				break
			}
		}
	}
	return first
}

// above is the certificate followed by the intermediate authorities up to, and without, the top one.
func above(trust *certificate.Trust, c *x509.Certificate) ([]*x509.Certificate, error) {
	path := []*x509.Certificate{c}
	for range 8 { // no real path is longer, and names may form a ring
		issuer, err := trust.Issuer(path[len(path)-1])
		if err != nil {
			return nil, err
		}
		if issuer.Top == nil {
			return path, nil
		}
		path = append(path, issuer.Certificate)
	}
	return nil, fault.New(fault.Internal, "cannot_create_cert_path", "The path to a top certification authority is too long")
}

func (k *Keys) fetchOne(ctx context.Context, trust *certificate.Trust, c *x509.Certificate, issuer *certificate.Authority) error {
	query, err := certificate.CreateOCSPRequest(c, issuer.Certificate)
	if err != nil {
		return err
	}
	urls := make([]string, 0, len(issuer.Responders)+len(c.OCSPServer))
	for _, r := range issuer.Responders {
		urls = append(urls, r.URL)
	}
	urls = append(urls, c.OCSPServer...)
	last := error(fault.New(fault.Internal, "cert_validation", "There is no OCSP responder for %s", certificate.DistinguishedName(c.RawSubject)))
	for _, url := range urls {
		answer, err := k.ask(ctx, url, query)
		k.remember(url, err)
		if err != nil {
			k.config.Log.Info("an OCSP responder did not answer", zap.String("url", url), zap.Error(err))
			last = fault.Wrap(err, fault.Internal, "cert_validation", "OCSP responder %s did not answer", url)
			continue
		}
		err = trust.VerifyOCSP(c, answer, k.config.Now())
		if err == nil || strings.HasSuffix(fault.CodeOf(err), "cert_validation") {
			if saveErr := k.keep(ctx, c, answer); saveErr != nil {
				return saveErr
			}
			return err
		}
		last = err
	}
	return last
}

// Asked tells how the last question to a responder went: Err is nil when it answered, whatever the answer said of the certificate.
type Asked struct {
	At  time.Time
	Err error
}

func (k *Keys) remember(url string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked[url] = Asked{At: k.config.Now(), Err: err}
}

// Responder tells how the last question to a responder went; false means that it was not asked since the server started.
func (k *Keys) Responder(url string) (Asked, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	a, ok := k.asked[url]
	return a, ok
}

// NextRound is when all responders will be asked again; zero before the first round.
func (k *Keys) NextRound() time.Time {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.next
}

func (k *Keys) ask(ctx context.Context, url string, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return certificate.FetchOCSP(ctx, k.config.HTTP, url, query)
}

func (k *Keys) keep(ctx context.Context, c *x509.Certificate, answer []byte) error {
	return k.config.Store.Update(ctx, func(tx Tx) error {
		return tx.SaveResponse(Response{Hash: certificate.SHA256Hex(c), SHA1: certificate.SHA1Hex(c), DER: answer, FetchedAt: k.config.Now()})
	})
}

// OCSPBySHA1 gives the response for a certificate of ours, or of an authority above one, by the SHA-1 of it in hex: what other servers ask
// for on port 5577. Only a response that is good now is given.
func (k *Keys) OCSPBySHA1(hash string) ([]byte, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	v, err := k.load(ctx)
	if err != nil {
		return nil, false
	}
	r, ok := v.bySHA1[strings.ToLower(hash)]
	if !ok {
		return nil, false
	}
	trust, _, err := k.trust()
	if err != nil {
		return nil, false
	}
	c := v.parsed[r.Hash]
	for _, a := range trust.Authorities {
		if c == nil && certificate.SHA256Hex(a.Certificate) == r.Hash {
			c = a.Certificate
		}
	}
	if c == nil || trust.VerifyOCSP(c, r.DER, k.config.Now()) != nil {
		return nil, false
	}
	return r.DER, true
}

// OCSPStatus is what people see of a certificate's validity: "" for nothing to say.
type OCSPStatus string

// The statuses of the REST interface.
const (
	OCSPDisabled  OCSPStatus = "DISABLED"
	OCSPExpired   OCSPStatus = "EXPIRED"
	OCSPUnknown   OCSPStatus = "OCSP_RESPONSE_UNKNOWN"
	OCSPGood      OCSPStatus = "OCSP_RESPONSE_GOOD"
	OCSPSuspended OCSPStatus = "OCSP_RESPONSE_SUSPENDED"
	OCSPRevoked   OCSPStatus = "OCSP_RESPONSE_REVOKED"
)

// OCSP tells the status of a certificate from the response that is kept.
func (k *Keys) OCSP(ctx context.Context, c Certificate) OCSPStatus {
	v, err := k.load(ctx)
	if err != nil {
		return OCSPUnknown
	}
	return k.ocspStatus(v, c)
}

func (k *Keys) ocspStatus(v *view, c Certificate) OCSPStatus {
	parsed := v.parsed[c.Hash]
	switch {
	case !c.Active:
		return OCSPDisabled
	case parsed == nil || k.config.Now().After(parsed.NotAfter):
		return OCSPExpired
	case c.Status != Registered:
		return ""
	}
	trust, _, err := k.trust()
	r, ok := v.responses[c.Hash]
	if err != nil || !ok {
		return OCSPUnknown
	}
	if trust.VerifyOCSP(parsed, r.DER, k.config.Now()) == nil {
		return OCSPGood
	}
	if answer, err := certificate.ParseOCSP(r.DER); err == nil {
		switch answer.Status {
		case certificate.Revoked:
			return OCSPRevoked
		case certificate.Suspended:
			return OCSPSuspended
		default:
		}
	}
	return OCSPUnknown
}
