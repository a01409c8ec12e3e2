// Package store keeps the central server's registry in rows: one file a subject, explicit columns, the same statements on both databases.
//
// Rows are not the domain: each is turned into the value that the rules speak of, and a row that cannot be turned is an error.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/database"
)

// Store opens transactions for the rules packages.
type Store struct {
	db   *database.DB
	node string
}

// New makes the store on a migrated database.
func New(db *database.DB) *Store { return &Store{db, FirstNode} }

// FirstNode is the name of a central server that is alone, or the first of several.
const FirstNode = "node_0"

// ForNode is the same store as the central server of this name sees it: addresses and signing keys are a node's own.
func (s *Store) ForNode(name string) *Store { return &Store{s.db, name} }

// Tx is one transaction; it is what the rules packages' ports ask for.
type Tx struct {
	tx   *database.Tx
	node string
}

// Now is the transaction's one time.
func (t *Tx) Now() time.Time { return t.tx.Now }

// Changed raises the generation number, so that the global configuration is generated anew.
func (t *Tx) Changed() error {
	return one(t.tx.DB().Exec("UPDATE configuration_generation SET number = number + 1 WHERE id = 1"))
}

// Generation is the number of changes so far.
func (t *Tx) Generation() (int64, error) {
	var n int64
	return n, t.tx.DB().Raw("SELECT number FROM configuration_generation WHERE id = 1").Row().Scan(&n)
}

// port gives a rules package transactions in its own words.
type port[T any] struct {
	*Store
	as func(*Tx) T
}

// View runs fn in a transaction that never writes.
func (p port[T]) View(ctx context.Context, fn func(T) error) error {
	return p.db.View(ctx, func(tx *database.Tx) error { return fn(p.as(&Tx{tx, p.node})) })
}

// duplicates is how often Update looks again after another transaction added the same thing first.
const duplicates = 4

// Update runs fn, raises the generation number and writes the audit record, all or nothing. When another transaction added the same thing
// first, fn runs again and finds it.
func (p port[T]) Update(ctx context.Context, fn func(T) error) error {
	for n := 1; ; n++ {
		err := p.db.Update(ctx, func(tx *database.Tx) error {
			t := &Tx{tx, p.node}
			if err := fn(p.as(t)); err != nil {
				return err
			}
			if err := t.Changed(); err != nil {
				return err
			}
			return tx.Audit(ctx)
		})
		if n == duplicates || !database.IsDuplicate(err) {
			return err
		}
	}
}

// Registry is the port of package registry.
func (s *Store) Registry() registry.Store {
	return port[registry.Tx]{s, func(t *Tx) registry.Tx { return t }}
}

// Management is the port of package management.
func (s *Store) Management() management.Store {
	return port[management.Tx]{s, func(t *Tx) management.Tx { return t }}
}

// Trust is the port of package trust.
func (s *Store) Trust() trust.Store {
	return port[trust.Tx]{s, func(t *Tx) trust.Tx { return t }}
}

// errMissing says that a row the rules had just seen is not there: a mistake here, never of a caller.
var errMissing = errors.New("store: the row is not there")

// one passes a statement that changed exactly one row.
func one(g *gorm.DB) error {
	switch {
	case g.Error != nil:
		return g.Error
	case g.RowsAffected != 1:
		return fmt.Errorf("%w: %d rows changed", errMissing, g.RowsAffected)
	}
	return nil
}

// first reads at most one row; absent is nil without an error.
func first[T any](g *gorm.DB) (*T, error) {
	var rows []T
	if err := g.Scan(&rows).Error; err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// all reads all rows and turns them into values.
func all[R, V any](g *gorm.DB, turn func(R) (V, error)) ([]V, error) {
	var rows []R
	if err := g.Scan(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]V, 0, len(rows))
	for _, r := range rows {
		v, err := turn(r)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// insert runs an INSERT … RETURNING id.
func (t *Tx) insert(statement string, values ...any) (int64, error) {
	var id int64
	return id, t.tx.DB().Raw(statement+" RETURNING id", values...).Row().Scan(&id)
}
