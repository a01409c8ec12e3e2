package store

import (
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
)

type trustedAnchorRow struct {
	Instance    string
	Anchor      []byte
	Hash        string
	GeneratedAt *time.Time
}

func toTrustedAnchor(r trustedAnchorRow) (confgen.TrustedAnchor, error) {
	return confgen.TrustedAnchor{Instance: r.Instance, Data: r.Anchor, Hash: r.Hash, GeneratedAt: value(r.GeneratedAt).UTC()}, nil
}

const trustedAnchors = "SELECT instance, anchor, hash, generated_at FROM trusted_anchor"

// TrustedAnchors lists the anchors of federated instances by instance.
func (t *Tx) TrustedAnchors() ([]confgen.TrustedAnchor, error) {
	return all(t.tx.DB().Raw(trustedAnchors+" ORDER BY instance"), toTrustedAnchor)
}

// TrustedAnchor gives one by its hash, nil when there is none.
func (t *Tx) TrustedAnchor(hash string) (*confgen.TrustedAnchor, error) {
	list, err := all(t.tx.DB().Raw(trustedAnchors+" WHERE hash = ?", hash), toTrustedAnchor)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// SaveTrustedAnchor stores an anchor in place of that of the same instance.
func (t *Tx) SaveTrustedAnchor(a confgen.TrustedAnchor) error {
	var generated *time.Time
	if !a.GeneratedAt.IsZero() {
		generated = &a.GeneratedAt
	}
	return one(t.tx.DB().Exec(`INSERT INTO trusted_anchor (instance, anchor, hash, generated_at, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (instance) DO UPDATE SET anchor = excluded.anchor, hash = excluded.hash, generated_at = excluded.generated_at,
		created_at = excluded.created_at`, a.Instance, a.Data, a.Hash, generated, t.Now()))
}

// RemoveTrustedAnchor deletes an anchor.
func (t *Tx) RemoveTrustedAnchor(hash string) error {
	return one(t.tx.DB().Exec("DELETE FROM trusted_anchor WHERE hash = ?", hash))
}
