package store

import (
	"context"
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/database"
)

// configurationPort is the port of package confgen: transactions, and reports that change nothing of the configuration.
type configurationPort struct{ port[confgen.Tx] }

// Report stores how this node's generation is doing, without an audit record and without a new generation.
func (p configurationPort) Report(ctx context.Context, r confgen.Publication) error {
	return p.db.Update(ctx, func(tx *database.Tx) error {
		return tx.DB().Exec(`INSERT INTO configuration_publication (node, generated_at, failing_since) VALUES (?, ?, ?)
			ON CONFLICT (node) DO UPDATE SET generated_at = excluded.generated_at, failing_since = excluded.failing_since`,
			p.node, orNever(r.GeneratedAt), orNever(r.FailingSince)).Error
	})
}

func orNever(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}

// Publications lists the nodes that have an address with how their generation is doing, by name.
func (t *Tx) Publications() ([]confgen.Publication, error) {
	type row struct {
		Node, Address             string
		GeneratedAt, FailingSince *time.Time
	}
	return all(t.tx.DB().Raw(`SELECT p.node, p.value AS address, c.generated_at, c.failing_since FROM system_parameter p
		LEFT JOIN configuration_publication c ON c.node = p.node WHERE p.key = ? ORDER BY p.node`, registry.ParameterAddress),
		func(r row) (confgen.Publication, error) {
			return confgen.Publication{Node: r.Node, Address: r.Address, GeneratedAt: value(r.GeneratedAt).UTC(), FailingSince: value(r.FailingSince).UTC()}, nil
		})
}

// OptionalParts lists the uploaded parts of the configuration by identifier.
func (t *Tx) OptionalParts() ([]confgen.OptionalPart, error) {
	type row struct {
		ContentIdentifier string
		Data              []byte
		UpdatedAt         time.Time
	}
	return all(t.tx.DB().Raw("SELECT content_identifier, data, updated_at FROM configuration_part ORDER BY content_identifier"),
		func(r row) (confgen.OptionalPart, error) {
			return confgen.OptionalPart{Identifier: r.ContentIdentifier, Data: r.Data, UpdatedAt: r.UpdatedAt.UTC()}, nil
		})
}

// SaveOptionalPart stores an uploaded part in place of the one before.
func (t *Tx) SaveOptionalPart(identifier string, data []byte) error {
	return one(t.tx.DB().Exec(`INSERT INTO configuration_part (content_identifier, data, updated_at) VALUES (?, ?, ?)
		ON CONFLICT (content_identifier) DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at`, identifier, data, t.Now()))
}
