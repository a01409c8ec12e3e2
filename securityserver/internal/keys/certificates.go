package keys

import (
	"context"
	"crypto/x509"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

// edit finds a certificate in an Update, changes it and writes the audit record.
func (k *Keys) edit(ctx context.Context, hash string, change func(tx Tx, key Key, c *Certificate) error) error {
	return k.config.Store.Update(ctx, func(tx Tx) error {
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		t, key, c, err := findCertificate(tokens, hash)
		if err != nil {
			return err
		}
		putCertificate(ctx, t, key, c)
		if err := change(tx, key, &c); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

// Activate lets a certificate be used. Its responder must say that it is good: cert_validation or incorrect_validation_info otherwise.
func (k *Keys) Activate(ctx context.Context, hash string) error {
	_, c, err := k.Certificate(ctx, hash)
	if err != nil {
		return err
	}
	trust, _, err := k.trust()
	if err != nil {
		return err
	}
	parsed, err := c.Parsed()
	if err != nil {
		return err
	}
	if err := k.fetch(ctx, trust, parsed); err != nil {
		cause := fault.From(err)
		return fault.Wrap(err, fault.Internal, cause.Code, "Failed to activate the certificate: %s", cause.Message)
	}
	return k.edit(ctx, hash, func(tx Tx, _ Key, c *Certificate) error {
		if c.Active {
			return fault.New(fault.Conflict, "action_not_possible", "The certificate is active already")
		}
		c.Active, c.OCSPError = true, ""
		return tx.SaveCertificate(*c)
	})
}

// Disable stops a certificate from being used.
func (k *Keys) Disable(ctx context.Context, hash string) error {
	return k.edit(ctx, hash, func(tx Tx, _ Key, c *Certificate) error {
		if !c.Active {
			return fault.New(fault.Conflict, "action_not_possible", "The certificate is not active")
		}
		c.Active = false
		return tx.SaveCertificate(*c)
	})
}

// Delete removes a certificate (UC SS_35). An authentication certificate that the central server may know must be unregistered first:
// Conflict action_not_possible.
func (k *Keys) Delete(ctx context.Context, hash string) error {
	audit.SetEvent(ctx, "Delete certificate from configuration")
	return k.edit(ctx, hash, func(tx Tx, key Key, c *Certificate) error {
		if key.Usage == certificate.Authentication {
			if _, err := c.Status.Next(Delete); err != nil {
				return err
			}
		}
		return tx.DeleteCertificate(c.Hash)
	})
}

// MarkForDeletion goes on without the central server when that cannot be reached.
func (k *Keys) MarkForDeletion(ctx context.Context, hash string) error {
	audit.SetEvent(ctx, "Skip unregistration of authentication certificate")
	return k.edit(ctx, hash, func(tx Tx, key Key, c *Certificate) (err error) {
		if err := isAuthentication(key); err != nil {
			return err
		}
		if c.Status, err = c.Status.Next(MarkForDeletion); err != nil {
			return err
		}
		audit.Put(ctx, "certStatus", c.Status.String())
		return tx.SaveCertificate(*c)
	})
}

func isAuthentication(key Key) error {
	if key.Usage != certificate.Authentication {
		return fault.New(fault.Invalid, "sign_cert_not_supported", "Signing certificates are not registered")
	}
	return nil
}

// Register sends the registration request of a saved authentication certificate to the central server (UC SS_34). Refusals:
// certificate_not_found, sign_cert_not_supported, action_not_possible, global_conf_outdated, a bad address, and "Failed to send registration
// request: X", after which the state is unchanged.
func (k *Keys) Register(ctx context.Context, hash, address string) error {
	audit.Put(ctx, "address", address)
	if !identifier.ValidAddress(address) {
		invalid := fault.New(fault.Invalid, "validation_failure", "Invalid server address")
		invalid.Fields = map[string][]string{"securityServerAddressDto.address": {"ValidHostAddress"}}
		return invalid
	}
	return k.send(ctx, hash, request.AuthCertReg, Register, "registration",
		func(ctx context.Context, intent submission.Submission, auth signature.Credential) (int64, error) {
			return k.config.Sender.RegisterAuthCertificate(ctx, intent.Server, address, auth)
		})
}

// Unregister sends the deletion request of an authentication certificate (UC SS_38).
func (k *Keys) Unregister(ctx context.Context, hash string) error {
	return k.send(ctx, hash, request.AuthCertDeletion, Unregister, "deletion",
		func(ctx context.Context, intent submission.Submission, auth signature.Credential) (int64, error) {
			return k.config.Sender.DeleteAuthCertificate(ctx, intent.Server, auth.Certificate.Raw)
		})
}

// send is the life of a request about a certificate: intent, sending, outcome.
func (k *Keys) send(ctx context.Context, hash string, kind request.Type, event Event, what string,
	do func(context.Context, submission.Submission, signature.Credential) (int64, error)) error {
	var key Key
	var c Certificate
	var intent submission.Submission
	var afterUnknown bool
	err := k.config.Store.Update(ctx, func(tx Tx) error {
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		var t Token
		if t, key, c, err = findCertificate(tokens, hash); err != nil {
			return err
		}
		putCertificate(ctx, t, key, c)
		if err := isAuthentication(key); err != nil {
			return err
		}
		if _, err := c.Status.Next(event); err != nil {
			return err
		}
		if _, err := k.snapshot(); err != nil {
			return err
		}
		server, err := tx.ServerID()
		if err != nil {
			return err
		}
		last, found, err := tx.LastSubmission(identifier.ClientID{}, c.Hash)
		if err != nil {
			return err
		}
		afterUnknown = found && last.Kind == kind && last.Outcome == submission.Unknown
		if intent, err = submission.New(k.config.Rand, kind, server); err != nil {
			return err
		}
		intent.CertificateHash = c.Hash
		intent.ID, err = tx.AddSubmission(intent)
		return err
	})
	if err != nil {
		return err
	}
	requestID, sendErr := k.deliver(submission.WithMessageID(ctx, intent.MessageID), event, key, c, intent, do)
	intent.Resolve(requestID, sendErr, afterUnknown, k.config.Now())
	if err := k.settle(ctx, event, c, intent); err != nil {
		return err
	}
	if intent.Outcome != submission.Sent {
		k.config.Log.Warn("management request was not taken", zap.Stringer("submission", intent), zap.Error(sendErr))
		return submission.Refusal(what, sendErr)
	}
	return nil
}

func (k *Keys) deliver(ctx context.Context, event Event, key Key, c Certificate, intent submission.Submission,
	do func(context.Context, submission.Submission, signature.Credential) (int64, error)) (int64, error) {
	parsed, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return 0, err
	}
	auth := signature.Credential{Certificate: parsed}
	if event == Register {
		if auth.Signer, err = k.signer(key); err != nil {
			return 0, err
		}
	}
	return do(ctx, intent, auth)
}

// settle keeps the outcome and moves the state, unless a new configuration has moved it in the meantime.
func (k *Keys) settle(ctx context.Context, event Event, before Certificate, intent submission.Submission) error {
	return k.config.Store.Update(context.WithoutCancel(ctx), func(tx Tx) error {
		if err := tx.FinishSubmission(intent); err != nil {
			return err
		}
		if intent.Outcome != submission.Sent {
			return nil
		}
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		_, _, c, err := findCertificate(tokens, before.Hash)
		if err != nil {
			return err
		}
		if next, err := c.Status.Next(event); err == nil && c.Status == before.Status {
			c.Status = next
			if err := tx.SaveCertificate(c); err != nil {
				return err
			}
		}
		if intent.RequestID != 0 {
			audit.Put(ctx, "managementRequestId", intent.RequestID)
		}
		audit.Put(ctx, "certStatus", c.Status.String())
		return tx.Audit(ctx)
	})
}

// DeleteKey removes a key with everything on it (UC SS_36). Certificates that the central server may know are unregistered first, once
// the warning auth_key_with_registered_cert_warning is answered. Faults: key_not_found, action_not_possible (token logged out).
func (k *Keys) DeleteKey(ctx context.Context, id string, ignoreWarnings bool) error {
	audit.SetEvent(ctx, "Delete key from token and configuration")
	v, err := k.load(ctx)
	if err != nil {
		return err
	}
	t, key, err := findKey(v.tokens, id)
	if err != nil {
		return err
	}
	putKey(ctx, t, key)
	if !k.LoggedIn(t.ID) {
		return notLoggedIn()
	}
	for _, c := range key.Certificates {
		if key.Usage != certificate.Authentication || c.Status != RegistrationInProgress && c.Status != Registered {
			continue
		}
		if !ignoreWarnings {
			warning := fault.New(fault.Invalid, "warnings_detected", "The key has a registered authentication certificate")
			warning.Warnings = []fault.Warning{{Code: "auth_key_with_registered_cert_warning", Metadata: []string{key.ID}}}
			return warning
		}
		if err := k.Unregister(audit.Begin(ctx, "Unregister authentication certificate", audit.Actor{}), c.Hash); err != nil {
			return err
		}
	}
	err = k.config.Store.Update(ctx, func(tx Tx) error {
		tokens, err := tx.Tokens()
		if err != nil {
			return err
		}
		if _, key, err = findKey(tokens, id); err != nil {
			return err
		}
		for _, c := range key.Certificates {
			if err := tx.DeleteCertificate(c.Hash); err != nil {
				return err
			}
		}
		if err := tx.DeleteKey(id); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
	if err == nil {
		k.mu.Lock()
		delete(k.signers, id)
		k.mu.Unlock()
	}
	return err
}
