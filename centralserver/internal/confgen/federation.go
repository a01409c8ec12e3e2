package confgen

import (
	"context"
	"fmt"
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
)

// TrustedAnchor is the external anchor of an instance that this one is federated with. The internal configuration publishes it, and security
// servers that allow the federation follow it.
type TrustedAnchor struct {
	Instance    string
	Data        []byte // the file, as it was uploaded
	Hash        string // SHA-224, upper-case hex with colons
	GeneratedAt time.Time
}

// FileName is the name under which a trusted anchor is downloaded.
func (a TrustedAnchor) FileName() string {
	return fmt.Sprintf("configuration_anchor_%s_external_UTC_%s.xml", a.Instance, a.GeneratedAt.UTC().Format("2006-01-02_15_04_05"))
}

// Federation is the trusted anchors.
type Federation interface {
	TrustedAnchors() ([]TrustedAnchor, error)          // by instance
	TrustedAnchor(hash string) (*TrustedAnchor, error) // nil when there is none
	SaveTrustedAnchor(TrustedAnchor) error             // replaces that of the same instance
	RemoveTrustedAnchor(hash string) error
}

// TrustedAnchors lists the anchors of federated instances (FED_04).
func (s *Service) TrustedAnchors(ctx context.Context) (list []TrustedAnchor, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		list, err = tx.TrustedAnchors()
		return err
	})
	return list, err
}

// TrustedAnchor gives one of them. Fault: trusted_anchor_not_found.
func (s *Service) TrustedAnchor(ctx context.Context, hash string) (found *TrustedAnchor, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		found, err = requireTrusted(tx, hash)
		return err
	})
	return found, err
}

func requireTrusted(tx Tx, hash string) (*TrustedAnchor, error) {
	found, err := tx.TrustedAnchor(hash)
	if err == nil && found == nil {
		err = fault.New(fault.NotFound, "trusted_anchor_not_found", "Trusted anchor '%s' not found", hash).With(hash)
	}
	return found, err
}

// PreviewTrustedAnchor says what an anchor file holds. Fault: malformed_anchor.
func (s *Service) PreviewTrustedAnchor(file []byte) (*TrustedAnchor, error) {
	parsed, err := globalconf.ParseAnchor(file)
	if err != nil {
		return nil, err
	}
	return trusted(parsed, file), nil
}

func trusted(parsed *globalconf.Anchor, file []byte) *TrustedAnchor {
	return &TrustedAnchor{Instance: parsed.Instance, Data: file, Hash: globalconf.AnchorHash(file), GeneratedAt: parsed.GeneratedAt.UTC().Truncate(time.Second)}
}

// AddTrustedAnchor trusts an instance from the next generation on (FED_02). The configuration that the anchor leads to is downloaded and
// verified first; an anchor of the same instance is replaced. Faults: malformed_anchor, trusted_anchor_verification_failed.
func (s *Service) AddTrustedAnchor(ctx context.Context, file []byte) (*TrustedAnchor, error) {
	audit.Put(ctx, "anchorFileHash", globalconf.AnchorHash(file))
	audit.Put(ctx, "anchorFileHashAlgorithm", "SHA-224")
	parsed, err := globalconf.ParseAnchor(file)
	if err != nil {
		return nil, err
	}
	added := trusted(parsed, file)
	audit.Put(ctx, "instanceIdentifier", added.Instance)
	audit.Put(ctx, "generatedAt", added.GeneratedAt.Format(time.RFC3339))
	urls := make([]string, 0, len(parsed.Sources))
	for _, source := range parsed.Sources {
		urls = append(urls, source.DownloadURL)
	}
	audit.Put(ctx, "anchorUrls", urls)
	if err := s.verifyFederated(ctx, parsed); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "trusted_anchor_verification_failed", "Trusted anchor file verification failed")
	}
	return added, s.store.Update(ctx, func(tx Tx) error { return tx.SaveTrustedAnchor(*added) })
}

// verifyFederated refuses the own instance, whose configuration would otherwise meet itself, and what cannot be downloaded.
func (s *Service) verifyFederated(ctx context.Context, anchor *globalconf.Anchor) error {
	var own string
	err := s.store.View(ctx, func(tx Tx) (err error) {
		own, err = registry.Instance(tx)
		return err
	})
	switch {
	case err != nil:
		return err
	case own == anchor.Instance:
		return fmt.Errorf("instance %s is this one", own)
	}
	return globalconf.VerifyExternal(ctx, anchor, nil, s.config.Now)
}

// DeleteTrustedAnchor ends the federation with an instance (FED_05). Fault: trusted_anchor_not_found.
func (s *Service) DeleteTrustedAnchor(ctx context.Context, hash string) error {
	audit.Put(ctx, "anchorFileHash", hash)
	audit.Put(ctx, "anchorFileHashAlgorithm", "SHA-224")
	return s.store.Update(ctx, func(tx Tx) error {
		found, err := requireTrusted(tx, hash)
		if err != nil {
			return err
		}
		audit.Put(ctx, "instanceIdentifier", found.Instance)
		return tx.RemoveTrustedAnchor(hash)
	})
}

// federated gives the trusted anchors as the private parameters publish them.
func federated(tx Tx) ([]globalconf.Anchor, error) {
	list, err := tx.TrustedAnchors()
	if err != nil {
		return nil, err
	}
	var anchors []globalconf.Anchor
	for _, a := range list {
		parsed, err := globalconf.ParseAnchor(a.Data)
		if err != nil {
			return nil, fmt.Errorf("reading the stored anchor of %s: %w", a.Instance, err)
		}
		anchors = append(anchors, *parsed)
	}
	return anchors, nil
}
