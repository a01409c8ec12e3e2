package database

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the database to the newest of the files, each in its own transaction. A database that is newer than the files is
// refused: an older program would not know what its rows mean.
func (db *DB) Migrate(ctx context.Context, files fs.FS) error {
	p, err := db.provider(files)
	if err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	if _, err := db.pending(ctx, p); err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	return nil
}

// CheckMigrated refuses a database that is older or newer than the files and changes nothing but goose's own empty table.
func (db *DB) CheckMigrated(ctx context.Context, files fs.FS) error {
	p, err := db.provider(files)
	if err != nil {
		return fmt.Errorf("checking the database: %w", err)
	}
	pending, err := db.pending(ctx, p)
	if err != nil {
		return err
	}
	if pending {
		return fmt.Errorf("the database is older than this program: run migrate first")
	}
	return nil
}

func (db *DB) provider(files fs.FS) (*goose.Provider, error) {
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if db.driver == Postgres {
		// Two servers on one database may start at the same time.
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, db.handles[0], files, options...)
}

func (db *DB) pending(ctx context.Context, p *goose.Provider) (bool, error) {
	have, newest, err := p.GetVersions(ctx)
	if err != nil {
		return false, fmt.Errorf("reading the database's version: %w", err)
	}
	if have > newest {
		return false, fmt.Errorf("the database has version %d and this program knows only up to %d: use a newer program", have, newest)
	}
	return p.HasPending(ctx)
}
