package keys

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

// Reconcile brings the states of the authentication certificates in line with a global configuration, in one transaction. It runs after the
// clients' reconciliation, which may have changed the owner. An expired configuration changes nothing.
func (k *Keys) Reconcile(ctx context.Context, snapshot *globalconf.Snapshot) error {
	if err := snapshot.Valid(k.config.Now()); err != nil {
		return err
	}
	if differs, err := k.differs(ctx, snapshot); err != nil || !differs {
		return err
	}
	changed := false
	err := k.config.Store.Update(ctx, func(tx Tx) error {
		server, err := tx.ServerID()
		if err != nil || server.IsZero() {
			return err
		}
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		for _, key := range allKeys(tokens) {
			for _, c := range key.Certificates {
				if key.Usage != certificate.Authentication {
					continue
				}
				moved, err := k.observe(tx, c, maps(snapshot, server, c.DER))
				if err != nil {
					return err
				}
				changed = changed || moved
			}
		}
		return nil
	})
	if err == nil && changed {
		k.Kick()
	}
	return err
}

// differs reports whether a configuration may change something here. Most change nothing, and that is found out without writing.
func (k *Keys) differs(ctx context.Context, snapshot *globalconf.Snapshot) (bool, error) {
	v, err := k.load(ctx)
	if err != nil || v.server.IsZero() {
		return false, err
	}
	for _, key := range v.keys() {
		for _, c := range key.Certificates {
			if key.Usage != certificate.Authentication {
				continue
			}
			event := NotListed
			if maps(snapshot, v.server, c.DER) {
				event = Listed
			}
			if next, err := c.Status.Next(event); err != nil || next != c.Status {
				return true, err
			}
		}
	}
	var waiting []submission.Submission
	err = k.config.Store.View(ctx, func(tx Tx) (err error) {
		waiting, err = tx.UnresolvedSubmissions()
		return err
	})
	return slices.ContainsFunc(waiting, func(s submission.Submission) bool { return s.CertificateHash != "" }), err
}

func (k *Keys) observe(tx Tx, c Certificate, listed bool) (bool, error) {
	before, event := c.Status, NotListed
	if listed {
		event = Listed
	}
	last, found, err := tx.LastSubmission(identifier.ClientID{}, c.Hash)
	if err != nil {
		return false, err
	}
	if found && last.Unresolved() {
		taken := last.Kind == request.AuthCertReg && listed
		if last.Kind == request.AuthCertDeletion && !listed && before == Registered {
			if c.Status, err = c.Status.Next(Unregister); err != nil {
				return false, err
			}
			taken = true
		}
		if taken && last.Outcome == submission.Unknown {
			last.Outcome, last.Reason = submission.Sent, "shown by the global configuration"
			if err := tx.FinishSubmission(last); err != nil {
				return false, err
			}
		}
	}
	if c.Status, err = c.Status.Next(event); err != nil || c.Status == before {
		return false, err
	}
	if before == RegistrationInProgress && c.Status == Registered && k.config.ActivateOnSeen {
		c.Active = true // it is used only once its responder has said that it is good
	}
	k.config.Log.Info("an authentication certificate changed its state", zap.String("hash", c.Hash), zap.Stringer("before", before),
		zap.Stringer("now", c.Status))
	return true, tx.SaveCertificate(c)
}
