package keys

import (
	"context"
	"crypto/x509"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Import saves a certificate for the key it belongs to (UC SS_30). An authentication certificate becomes saved and inactive; a signing
// certificate becomes registered, and active when its responder says that it is good.
//
// Refusals in this order: global_conf_outdated, invalid_certificate (no certificate; or a signing certificate that names no member),
// client_not_found, key_not_found, certificate_already_exists, cert_wrong_usage, cert_import_failed (no path to an approved service).
func (k *Keys) Import(ctx context.Context, file []byte) (Certificate, error) {
	trust, _, err := k.trust()
	if err != nil {
		return Certificate{}, err
	}
	parsed, err := certificate.ParseFile(file)
	if err != nil {
		return Certificate{}, err
	}
	saved := Certificate{Hash: certificate.SHA256Hex(parsed), DER: parsed.Raw, Status: Saved}
	putHash(ctx, saved.Hash)
	if !certificate.IsAuthentication(parsed) {
		if saved.Member, err = trust.Member(parsed); err != nil {
			return Certificate{}, fault.Wrap(err, fault.Invalid, "invalid_certificate", "The certificate names no member: %s", fault.From(err).Message)
		}
		saved.Status = Registered
		audit.Put(ctx, "clientIdentifier", saved.Member)
	}
	if err := k.config.Store.View(ctx, func(tx Tx) error {
		_, _, err := k.importable(tx, trust, parsed, saved)
		return err
	}); err != nil {
		return Certificate{}, err
	}
	if saved.Status == Registered {
		if err := k.fetch(ctx, trust, parsed); err != nil {
			saved.OCSPError = fault.From(err).Message
			k.config.Log.Warn("a signing certificate is imported inactive", zap.String("hash", saved.Hash), zap.Error(err))
		} else {
			saved.Active = true
		}
	}
	return saved, k.config.Store.Update(ctx, func(tx Tx) error {
		t, key, err := k.importable(tx, trust, parsed, saved)
		if err != nil {
			return err
		}
		if key.Usage == "" {
			if key.Usage, err = certificate.UsageOf(parsed); err != nil {
				return err
			}
			if err := tx.SaveKey(key); err != nil {
				return err
			}
		}
		saved.KeyID = key.ID
		if err := tx.AddCertificate(saved); err != nil {
			return err
		}
		for _, r := range key.Requests {
			if r.Member == saved.Member {
				if err := tx.DeleteRequest(r.ID); err != nil {
					return err
				}
			}
		}
		putKey(ctx, t, key)
		return tx.Audit(ctx)
	})
}

// importable makes the checks that need the database, in order, and gives the key.
func (k *Keys) importable(tx Tx, trust *certificate.Trust, parsed *x509.Certificate, c Certificate) (Token, Key, error) {
	if c.Member != (identifier.ClientID{}) {
		if err := localMember(tx, c.Member); err != nil {
			return Token{}, Key{}, err
		}
	}
	tokens, err := tx.Tokens()
	if err != nil {
		return Token{}, Key{}, err
	}
	t, key, ok := findPublic(tokens, parsed.RawSubjectPublicKeyInfo)
	if !ok {
		return t, key, fault.New(fault.Invalid, "key_not_found", "Could not find a key that corresponds to the certificate")
	}
	if _, _, _, err := findCertificate(tokens, c.Hash); err == nil {
		return t, key, fault.New(fault.Conflict, "certificate_already_exists", "Certificate already exists")
	}
	usage, err := certificate.UsageOf(parsed)
	if err != nil {
		return t, key, err
	}
	if key.Usage != "" && key.Usage != usage {
		return t, key, fault.New(fault.Invalid, "cert_wrong_usage", "The certificate is for %s and its key for %s", usage, key.Usage)
	}
	if err := trust.VerifyChain(parsed, nil, k.config.Now()); err != nil {
		return t, key, fault.Wrap(err, fault.Internal, "cert_import_failed", "Certificate import failed: %s", fault.From(err).Message)
	}
	return t, key, nil
}
