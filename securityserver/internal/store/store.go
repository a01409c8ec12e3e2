// Package store keeps the rows of the security server. Every rules package declares the transaction it needs; Tx is all of them. Rows are
// private, and a row that cannot be read is an error, never a zero value.
package store

import (
	"context"
	"errors"
	"sync/atomic"

	"gorm.io/gorm"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
	"github.com/ristmik/ristmik/securityserver/internal/ownserver"
	"github.com/ristmik/ristmik/securityserver/internal/service"
	"github.com/ristmik/ristmik/securityserver/internal/setup"
)

// Store is the database of this server.
type Store struct {
	db         *database.DB
	node       string
	generation atomic.Uint64
}

// New makes a store over an open, migrated database for a server that has it for itself.
func New(db *database.DB) *Store { return &Store{db: db} }

// NewNode makes a store for one of the servers that share a database; node tells them apart.
func NewNode(db *database.DB, node string) *Store { return &Store{db: db, node: node} }

// Tx is one transaction.
type Tx struct{ *database.Tx }

func (s *Store) view(ctx context.Context, fn func(Tx) error) error {
	return s.db.View(ctx, func(tx *database.Tx) error { return fn(Tx{tx}) })
}

func (s *Store) update(ctx context.Context, fn func(Tx) error) error {
	ctx = context.WithValue(ctx, nodeKey{}, s.node)
	return s.db.Update(ctx, func(inner *database.Tx) error {
		tx := Tx{inner}
		if err := tx.current(); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		generation, err := tx.raise()
		tx.OnCommit(func() { s.reached(generation) })
		return err
	})
}

type nodeKey struct{}

// node is the server that this transaction writes for.
func (tx Tx) node() string {
	node, _ := tx.Context().Value(nodeKey{}).(string)
	return node
}

// Clients is the store as the client rules see it.
func (s *Store) Clients() client.Store { return clients{s} }

type clients struct{ *Store }

func (s clients) View(ctx context.Context, fn func(client.Tx) error) error {
	return s.view(ctx, func(tx Tx) error { return fn(tx) })
}

func (s clients) Update(ctx context.Context, fn func(client.Tx) error) error {
	return s.update(ctx, func(tx Tx) error { return fn(tx) })
}

// Keys is the store as the keys see it.
func (s *Store) Keys() keys.Store { return keyring{s} }

type keyring struct{ *Store }

func (s keyring) View(ctx context.Context, fn func(keys.Tx) error) error {
	return s.view(ctx, func(tx Tx) error { return fn(tx) })
}

func (s keyring) Update(ctx context.Context, fn func(keys.Tx) error) error {
	return s.update(ctx, func(tx Tx) error { return fn(tx) })
}

// Services is the store as the service rules see it.
func (s *Store) Services() service.Store { return services{s} }

type services struct{ *Store }

func (s services) View(ctx context.Context, fn func(service.Tx) error) error {
	return s.view(ctx, func(tx Tx) error { return fn(tx) })
}

func (s services) Update(ctx context.Context, fn func(service.Tx) error) error {
	return s.update(ctx, func(tx Tx) error { return fn(tx) })
}

// Server is the store as the server's own changes see it.
func (s *Store) Server() ownserver.Store { return itself{s} }

type itself struct{ *Store }

func (s itself) View(ctx context.Context, fn func(ownserver.Tx) error) error {
	return s.view(ctx, func(tx Tx) error { return fn(tx) })
}

func (s itself) Update(ctx context.Context, fn func(ownserver.Tx) error) error {
	return s.update(ctx, func(tx Tx) error { return fn(tx) })
}

// Setup is the store as initialization sees it.
func (s *Store) Setup() setup.Store { return settings{s} }

type settings struct{ *Store }

func (s settings) View(ctx context.Context, fn func(setup.Tx) error) error {
	return s.view(ctx, func(tx Tx) error { return fn(tx) })
}

func (s settings) Update(ctx context.Context, fn func(setup.Tx) error) error {
	return s.update(ctx, func(tx Tx) error { return fn(tx) })
}

var errNoRow = errors.New("store: the row to change is not there")

// one asks that exactly one row was changed: a guarded update that matches nothing is no error to gorm.
func one(result *gorm.DB) error {
	if result.Error == nil && result.RowsAffected != 1 {
		return errNoRow
	}
	return result.Error
}

// duplicate turns a violation of a unique index into a Conflict.
func duplicate(err error, code, format string, args ...any) error {
	if database.IsDuplicate(err) {
		return fault.Wrap(err, fault.Conflict, code, format, args...)
	}
	return err
}
