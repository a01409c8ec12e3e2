// Package auditdb reads the audit records that transactions wrote, for the log file.
package auditdb

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/database"
)

// writing is the lock that PostgreSQL's trigger on audit_record takes, in shared mode, before it draws a number.
const writing = 7238

// Source is audit.Source on a database with the shared tables.
type Source struct{ db *database.DB }

var _ audit.Source = Source{}

// NewSource makes a Source.
func NewSource(db *database.DB) Source { return Source{db: db} }

type row struct {
	ID            int64
	RecordedAt    time.Time
	CorrelationID string
	Record        string
}

// After gives the records after an id, in order. On PostgreSQL numbers are drawn before transactions commit, so the highest number is asked
// for in a moment in which nobody is writing; if none comes soon, there is nothing to read this time.
func (s Source) After(ctx context.Context, id int64, limit int) ([]audit.Row, error) {
	rows, err := s.read(ctx, id, math.MaxInt64, limit)
	if err != nil || len(rows) == 0 || s.db.Driver() != database.Postgres {
		return rows, err
	}
	last, err := s.settled(ctx)
	if err != nil || last <= id {
		return nil, err
	}
	return s.read(ctx, id, last, limit)
}

func (s Source) read(ctx context.Context, after, last int64, limit int) ([]audit.Row, error) {
	var rows []row
	err := s.db.View(ctx, func(tx *database.Tx) error {
		return tx.DB().Table("audit_record").Where("id > ? AND id <= ?", after, last).Order("id").Limit(limit).Find(&rows).Error
	})
	list := make([]audit.Row, 0, len(rows))
	for _, r := range rows {
		list = append(list, audit.Row{ID: r.ID, RecordedAt: r.RecordedAt, CorrelationID: r.CorrelationID, Record: []byte(r.Record)})
	}
	return list, err
}

// Newest is the highest id that has been committed, 0 without any record.
func (s Source) Newest(ctx context.Context) (id int64, err error) {
	err = s.db.View(ctx, func(tx *database.Tx) error {
		return tx.DB().Raw("SELECT COALESCE(MAX(id), 0) FROM audit_record").Row().Scan(&id)
	})
	return id, err
}

// settled is the highest number drawn so far, when every transaction that drew one has ended; 0 when that cannot be had now. Waiting longer
// would hold up whoever wants to write behind us.
func (s Source) settled(ctx context.Context) (last int64, err error) {
	err = s.db.Update(ctx, func(tx *database.Tx) error {
		if err := tx.DB().Exec("SET LOCAL lock_timeout = '200ms'").Error; err != nil {
			return err
		}
		if err := tx.DB().Exec("SELECT pg_advisory_xact_lock(?)", writing).Error; err != nil {
			return err
		}
		return tx.DB().Raw("SELECT last_value FROM audit_record_id").Scan(&last).Error
	})
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "55P03" {
		return 0, nil
	}
	return last, err
}
