package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"

	"github.com/ristmik/ristmik/pkg/audit"
)

// attempts is how often Update runs a closure whose transaction lost against another one.
const attempts = 20

// ErrNested refuses a transaction inside a transaction: on SQLite it would wait for itself for ever.
var ErrNested = errors.New("database: a transaction is already open in this context")

// Tx is one transaction, valid until the closure returns.
type Tx struct {
	Now time.Time // the transaction's one time: UTC, whole seconds

	g         *gorm.DB
	ctx       context.Context
	committed []func()
}

type txKey struct{}

// InTransaction reports whether the context belongs to an open transaction. What talks over the network refuses such a context.
func InTransaction(ctx context.Context) bool { return ctx.Value(txKey{}) != nil }

// Context is the transaction's context: the caller's, marked as being in a transaction.
func (tx *Tx) Context() context.Context { return tx.ctx }

// DB starts a fresh query in this transaction. Start each query with its own call; a kept one piles up conditions.
func (tx *Tx) DB() *gorm.DB { return tx.g.Session(&gorm.Session{NewDB: true, Context: tx.ctx}) }

// OnCommit runs fn after the transaction is committed, and not at all when it is not. Caches are emptied here.
func (tx *Tx) OnCommit(fn func()) { tx.committed = append(tx.committed, fn) }

// View runs fn in a transaction that only reads and is always rolled back. A write in it fails.
func (db *DB) View(ctx context.Context, fn func(tx *Tx) error) error {
	if InTransaction(ctx) {
		return ErrNested
	}
	var options []*sql.TxOptions
	if db.driver == Postgres {
		options = append(options, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	}
	tx, err := db.begin(ctx, db.views, options)
	if err != nil {
		return err
	}
	defer tx.g.Rollback()
	return fn(tx)
}

// Update runs fn in a transaction and commits it when fn returns nil; otherwise nothing of it remains. On PostgreSQL the transaction is
// SERIALIZABLE and on SQLite it is the only writer, so fn may read, decide and write. A transaction that lost against another one is run
// again, so fn must have no effect outside the transaction that a second run would spoil; it must return or wrap the error that a query
// gave it. A unique violation satisfies IsDuplicate.
func (db *DB) Update(ctx context.Context, fn func(tx *Tx) error) error {
	if InTransaction(ctx) {
		return ErrNested
	}
	for n := 1; ; n++ {
		err := db.update(ctx, fn)
		if err == nil || n == attempts || !lost(err) {
			return err
		}
		wait := time.NewTimer(time.Duration(rand.Int64N(int64(n * 10 * int(time.Millisecond)))))
		select {
		case <-ctx.Done():
			wait.Stop()
			return err
		case <-wait.C:
		}
	}
}

func (db *DB) update(ctx context.Context, fn func(tx *Tx) error) error {
	var options []*sql.TxOptions
	if db.driver == Postgres {
		options = append(options, &sql.TxOptions{Isolation: sql.LevelSerializable})
	}
	tx, err := db.begin(ctx, db.writer, options)
	if err != nil {
		return err
	}
	open := true
	defer func() {
		if open { // an error, or a panic on its way up
			tx.g.Rollback()
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	open = false
	if err := tx.g.Commit().Error; err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	for _, done := range tx.committed {
		done()
	}
	return nil
}

func (db *DB) begin(ctx context.Context, g *gorm.DB, options []*sql.TxOptions) (*Tx, error) {
	tx := &Tx{Now: db.clock(), ctx: context.WithValue(ctx, txKey{}, true)}
	tx.g = g.WithContext(tx.ctx).Begin(options...)
	if tx.g.Error != nil {
		return nil, fmt.Errorf("beginning a transaction: %w", tx.g.Error)
	}
	return tx, nil
}

// Audit writes the success record of ctx's audit scope in this transaction. Call it last, once per operation: when the transaction is
// rolled back, so is the record. Errors: audit.ErrNoScope, audit.ErrWritten.
func (tx *Tx) Audit(ctx context.Context) error {
	if !audit.Active(ctx) {
		return audit.ErrNoScope
	}
	if audit.Written(ctx) {
		return audit.ErrWritten
	}
	if err := tx.Record(audit.Success(ctx)); err != nil {
		return err
	}
	tx.OnCommit(func() { audit.MarkWritten(ctx) })
	return nil
}

// Record writes an audit record as it is. Doors use it for failures, in a transaction of its own.
func (tx *Tx) Record(r audit.Record) error {
	err := tx.DB().Exec("INSERT INTO audit_record (recorded_at, correlation_id, record) VALUES (?, ?, ?)",
		tx.Now, r.CorrelationID, string(r.JSON())).Error
	if err != nil {
		return fmt.Errorf("writing the audit record: %w", err)
	}
	return nil
}
