// Package database opens SQLite or PostgreSQL and runs transactions on it.
//
// There are two ways in: View, which is always rolled back, and Update, which commits or leaves nothing. Stores get a Tx and build their
// queries from Tx.DB. Both databases give the same promises: an Update sees one consistent state and behaves as if it ran alone.
package database

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/zap"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// The drivers.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Config says where the data is.
type Config struct {
	Driver string      // sqlite or postgres
	DSN    string      // sqlite: the file's path; postgres: a connection string, URL or key=value
	Log    *zap.Logger // slow queries, without their values; nil for none
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	driver        string
	now           func() time.Time
	writer, views *gorm.DB
	handles       []*sql.DB // writer first
}

// Open connects to the database and answers only when it can be reached. The clock gives Tx.Now.
func Open(ctx context.Context, c Config, now func() time.Time) (*DB, error) {
	if now == nil {
		return nil, fmt.Errorf("opening the database: no clock given")
	}
	db := &DB{driver: c.Driver, now: now}
	var err error
	switch c.Driver {
	case SQLite:
		err = db.openSQLite(ctx, c)
	case Postgres:
		err = db.openPostgres(ctx, c)
	default:
		err = fmt.Errorf("unknown driver %q, known are %s and %s", c.Driver, SQLite, Postgres)
	}
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return db, nil
}

// Driver is sqlite or postgres.
func (db *DB) Driver() string { return db.driver }

// Close ends all connections.
func (db *DB) Close() error {
	var first error
	for _, h := range db.handles {
		if err := h.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	for _, h := range db.handles {
		if err := h.PingContext(ctx); err != nil {
			return fmt.Errorf("pinging the database: %w", err)
		}
	}
	return nil
}

// openSQLite makes two handles: one connection that writes, because SQLite has one writer, and a pool that can only read.
func (db *DB) openSQLite(ctx context.Context, c Config) error {
	if c.DSN == "" || strings.Contains(c.DSN, ":memory:") || strings.HasPrefix(c.DSN, "file:") {
		return fmt.Errorf("sqlite needs the path of a file, not %q", c.DSN)
	}
	pragmas := []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}
	writer, err := sql.Open("sqlite", sqliteDSN(c.DSN, pragmas, "immediate"))
	if err != nil {
		return err
	}
	writer.SetMaxOpenConns(1)
	db.handles = append(db.handles, writer)
	if err := writer.PingContext(ctx); err != nil { // creates the file in WAL mode before a reader opens it
		return err
	}
	reader, err := sql.Open("sqlite", sqliteDSN(c.DSN, append(pragmas[:1:1], "query_only(1)"), ""))
	if err != nil {
		return err
	}
	reader.SetMaxOpenConns(8)
	reader.SetMaxIdleConns(8)
	db.handles = append(db.handles, reader)
	if db.writer, err = gorm.Open(&sqlite.Dialector{Conn: writer}, db.options(c.Log)); err != nil {
		return err
	}
	db.views, err = gorm.Open(&sqlite.Dialector{Conn: reader}, db.options(c.Log))
	return err
}

func sqliteDSN(path string, pragmas []string, lock string) string {
	q := url.Values{"_pragma": pragmas, "_time_format": {"sqlite"}}
	if lock != "" {
		q.Set("_txlock", lock)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func (db *DB) openPostgres(ctx context.Context, c Config) error {
	config, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return fmt.Errorf("reading the connection string: %w", redacted(err))
	}
	handle := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(_ context.Context, conn *pgx.Conn) error {
		// Without this, times come back in the zone of the machine.
		conn.TypeMap().RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
		return nil
	}))
	handle.SetMaxOpenConns(25)
	handle.SetMaxIdleConns(10)
	handle.SetConnMaxIdleTime(5 * time.Minute)
	handle.SetConnMaxLifetime(time.Hour)
	db.handles = append(db.handles, handle)
	if err := handle.PingContext(ctx); err != nil {
		return redacted(err)
	}
	db.writer, err = gorm.Open(postgres.New(postgres.Config{Conn: handle}), db.options(c.Log))
	db.views = db.writer
	return err
}

func (db *DB) options(log *zap.Logger) *gorm.Config {
	return &gorm.Config{
		TranslateError:         true,
		SkipDefaultTransaction: true, // every query already stands in one of ours
		DisableAutomaticPing:   true,
		NowFunc:                db.clock,
		Logger:                 slowQueries{log: log},
	}
}

func (db *DB) clock() time.Time { return db.now().UTC().Truncate(time.Second) }
