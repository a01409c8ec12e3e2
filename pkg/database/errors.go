package database

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// SQLite's extended result codes that gorm's translation may miss.
const (
	sqliteForeignKey = 787
	sqlitePrimaryKey = 1555
	sqliteUnique     = 2067
)

// IsDuplicate reports whether err is a violation of a unique index or primary key.
func IsDuplicate(err error) bool {
	return errors.Is(err, gorm.ErrDuplicatedKey) || postgresCode(err) == "23505" || sqliteCode(err) == sqliteUnique ||
		sqliteCode(err) == sqlitePrimaryKey
}

// IsForeignKey reports whether err is a reference to a row that is not there, or the removal of a row that is referred to.
func IsForeignKey(err error) bool {
	return errors.Is(err, gorm.ErrForeignKeyViolated) || postgresCode(err) == "23503" || sqliteCode(err) == sqliteForeignKey
}

// IsNotFound reports whether a query for one row found none.
func IsNotFound(err error) bool { return errors.Is(err, gorm.ErrRecordNotFound) }

// lost reports whether the transaction failed only because another one ran at the same time.
func lost(err error) bool {
	code := postgresCode(err)
	return code == "40001" || code == "40P01"
}

func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func sqliteCode(err error) int {
	var e interface{ Code() int }
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// redacted keeps a connection string, which may hold a password, out of the error's text.
func redacted(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return errors.New("cannot connect to " + e.Config.Host + ": " + rootCause(e).Error())
	}
	if _, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		return errors.New("the connection string cannot be read")
	}
	return err
}

func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// slowQueries is gorm's logger: silent but for what takes long. Values are never logged.
type slowQueries struct{ log *zap.Logger }

const slow = 500 * time.Millisecond

func (l slowQueries) LogMode(logger.LogLevel) logger.Interface { return l }
func (slowQueries) Info(context.Context, string, ...any)       {}
func (slowQueries) Warn(context.Context, string, ...any)       {}
func (slowQueries) Error(context.Context, string, ...any)      {}

// ParamsFilter drops the values before the statement is rendered.
func (slowQueries) ParamsFilter(_ context.Context, statement string, _ ...any) (string, []any) {
	return statement, nil
}

// Trace is called by gorm after each statement.
func (l slowQueries) Trace(_ context.Context, begin time.Time, statement func() (string, int64), _ error) {
	took := time.Since(begin)
	if l.log == nil || took < slow {
		return
	}
	text, rows := statement()
	l.log.Warn("slow query", zap.String("statement", text), zap.Int64("rows", rows), zap.Duration("took", took))
}
