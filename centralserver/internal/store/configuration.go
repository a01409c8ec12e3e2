package store

import (
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
)

// Configuration is the port of package confgen.
func (s *Store) Configuration() confgen.Store {
	return configurationPort{port[confgen.Tx]{s, func(t *Tx) confgen.Tx { return t }}}
}

// Token gives the sealed software token, nil before initialization.
func (t *Tx) Token() ([]byte, error) {
	row, err := first[struct{ Sealed []byte }](t.tx.DB().Raw("SELECT sealed FROM software_token WHERE id = 1"))
	if err != nil || row == nil {
		return nil, err
	}
	return row.Sealed, nil
}

// SaveToken stores the sealed software token, once.
func (t *Tx) SaveToken(sealed []byte) error {
	return one(t.tx.DB().Exec("INSERT INTO software_token (id, sealed, created_at) VALUES (1, ?, ?)", sealed, t.Now()))
}

type signingKeyRow struct {
	ID, SourceType, Label, Algorithm string
	Sealed, Certificate              []byte
	Active                           bool
	CreatedAt                        time.Time
}

func toSigningKey(r signingKeyRow) (confgen.SigningKey, error) {
	return confgen.SigningKey{ID: r.ID, Source: confgen.SourceType(r.SourceType), Label: r.Label, Algorithm: r.Algorithm, Sealed: r.Sealed,
		Certificate: r.Certificate, Active: r.Active, CreatedAt: r.CreatedAt.UTC()}, nil
}

// SigningKeys lists this node's configuration signing keys of both sources, oldest first.
func (t *Tx) SigningKeys() ([]confgen.SigningKey, error) {
	return all(t.tx.DB().Raw(`SELECT id, source_type, label, algorithm, sealed, certificate, active, created_at FROM configuration_signing_key
		WHERE node = ? ORDER BY created_at, id`, t.node), toSigningKey)
}

// NodeNames lists the central servers that have an address.
func (t *Tx) NodeNames() ([]string, error) {
	return all(t.tx.DB().Raw("SELECT node AS name FROM system_parameter WHERE key = ? ORDER BY node", registry.ParameterAddress),
		func(r struct{ Name string }) (string, error) { return r.Name, nil })
}

// Nodes lists the central servers that have an address and a signing key, by name, with their certificates of a source.
func (t *Tx) Nodes(source confgen.SourceType) ([]confgen.Node, error) {
	type row struct {
		Address, Node string
		Certificate   []byte
	}
	rows, err := all(t.tx.DB().Raw(`SELECT p.node, p.value AS address, k.certificate FROM system_parameter p JOIN configuration_signing_key k ON k.node = p.node
		WHERE p.key = ? AND k.source_type = ? ORDER BY p.node, k.created_at, k.id`, registry.ParameterAddress, string(source)),
		func(r row) (row, error) { return r, nil })
	var nodes []confgen.Node
	for n, r := range rows {
		if n == 0 || r.Node != rows[n-1].Node {
			nodes = append(nodes, confgen.Node{Name: r.Node, Address: r.Address})
		}
		last := &nodes[len(nodes)-1]
		last.Certificates = append(last.Certificates, r.Certificate)
	}
	return nodes, err
}

// AddSigningKey stores a new key.
func (t *Tx) AddSigningKey(k confgen.SigningKey) error {
	return one(t.tx.DB().Exec(`INSERT INTO configuration_signing_key (id, node, source_type, label, algorithm, sealed, certificate, active, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, k.ID, t.node, string(k.Source), k.Label, k.Algorithm, k.Sealed, k.Certificate, k.Active, k.CreatedAt))
}

// ActivateSigningKey makes this key the one of its source that signs.
func (t *Tx) ActivateSigningKey(k confgen.SigningKey) error {
	err := t.tx.DB().Exec("UPDATE configuration_signing_key SET active = FALSE WHERE node = ? AND source_type = ? AND active", t.node, string(k.Source)).Error
	if err != nil {
		return err
	}
	return one(t.tx.DB().Exec("UPDATE configuration_signing_key SET active = TRUE WHERE id = ?", k.ID))
}

// RemoveSigningKey deletes a key.
func (t *Tx) RemoveSigningKey(id string) error {
	return one(t.tx.DB().Exec("DELETE FROM configuration_signing_key WHERE id = ?", id))
}

// Anchor gives the anchor of a source, nil when none was made.
func (t *Tx) Anchor(source confgen.SourceType) (*confgen.StoredAnchor, error) {
	row, err := first[struct {
		Anchor      []byte
		Hash        string
		GeneratedAt time.Time
	}](t.tx.DB().Raw("SELECT anchor, hash, generated_at FROM configuration_anchor WHERE source_type = ?", string(source)))
	if err != nil || row == nil {
		return nil, err
	}
	return &confgen.StoredAnchor{Source: source, Data: row.Anchor, Hash: row.Hash, GeneratedAt: row.GeneratedAt.UTC()}, nil
}

// SaveAnchor replaces the anchor of a source.
func (t *Tx) SaveAnchor(a confgen.StoredAnchor) error {
	return t.tx.DB().Exec(`INSERT INTO configuration_anchor (source_type, anchor, hash, generated_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (source_type) DO UPDATE SET anchor = excluded.anchor, hash = excluded.hash, generated_at = excluded.generated_at`,
		string(a.Source), a.Data, a.Hash, a.GeneratedAt).Error
}
