package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/testkit/cluster"
)

// EachDatabase runs fn on a fresh SQLite file and on a fresh PostgreSQL database, both with the migrations applied (nil: empty). The clock
// is the machine's. A PostgreSQL that cannot be had fails the test. The server is that of RISTMIK_TEST_POSTGRES, or a private one that is
// started once and lives as long as the test binary.
func EachDatabase(t *testing.T, migrations func(driver string) fs.FS, fn func(t *testing.T, db *database.DB)) {
	t.Helper()
	EachDatabaseAt(t, time.Now, migrations, fn)
}

// EachDatabaseAt is EachDatabase with a clock.
func EachDatabaseAt(t *testing.T, now func() time.Time, migrations func(driver string) fs.FS, fn func(t *testing.T, db *database.DB)) {
	t.Helper()
	t.Run(database.SQLite, func(t *testing.T) { fn(t, SQLite(t, now, migrations)) })
	t.Run(database.Postgres, func(t *testing.T) {
		fn(t, open(t, database.Config{Driver: database.Postgres, DSN: copyTemplate(t, migrations)}, now))
	})
}

// SQLite is one migrated SQLite database, for tests that are not about rows.
func SQLite(t testing.TB, now func() time.Time, migrations func(driver string) fs.FS) *database.DB {
	t.Helper()
	db := open(t, database.Config{Driver: database.SQLite, DSN: filepath.Join(t.TempDir(), "test.db")}, now)
	if migrations != nil {
		require.NoError(t, db.Migrate(t.Context(), migrations(database.SQLite)))
	}
	return db
}

// Postgres is the connection string of a new, empty PostgreSQL database that is dropped when the test ends.
func Postgres(t testing.TB) string {
	t.Helper()
	return copyTemplate(t, nil)
}

func open(t testing.TB, c database.Config, now func() time.Time) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), c, now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// private is the server of this test binary, started once. It is kept here, because a pipe that nobody refers to is closed by the garbage
// collector and the end of the pipe stops the server. It is never stopped otherwise: its supervisor does that when this process ends,
// however it ends.
var private = sync.OnceValues(cluster.Start)

func server(t testing.TB) string {
	t.Helper()
	if dsn := os.Getenv("RISTMIK_TEST_POSTGRES"); dsn != "" {
		return dsn
	}
	c, err := private()
	require.NoError(t, err)
	return c.DSN()
}

// copyTemplate makes a database from a template that was migrated once.
func copyTemplate(t testing.TB, migrations func(driver string) fs.FS) string {
	t.Helper()
	dsn := server(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	admin, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	defer admin.Close(ctx)

	template := "template0"
	if migrations != nil {
		template = migrated(ctx, t, admin, dsn, migrations(database.Postgres))
	}
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	_, err = admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		admin, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Errorf("dropping %s: %v", name, err)
			return
		}
		defer admin.Close(ctx)
		if _, err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("dropping %s: %v", name, err)
		}
	})
	return onDatabase(t, dsn, name)
}

// migrated gives the name of a template with the files applied. Test binaries of several packages may want the same one at once.
func migrated(ctx context.Context, t testing.TB, admin *pgx.Conn, dsn string, files fs.FS) string {
	t.Helper()
	const making = 723801
	name := "template_" + fingerprint(t, files)
	_, err := admin.Exec(ctx, "SELECT pg_advisory_lock($1)", making)
	require.NoError(t, err)
	defer func() {
		_, err := admin.Exec(ctx, "SELECT pg_advisory_unlock($1)", making)
		require.NoError(t, err)
	}()
	var there bool
	require.NoError(t, admin.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&there))
	if there {
		return name
	}
	draft := name + "_draft" // a test that dies while migrating leaves no half template behind
	_, err = admin.Exec(ctx, "DROP DATABASE IF EXISTS "+draft+" WITH (FORCE)")
	require.NoError(t, err)
	_, err = admin.Exec(ctx, "CREATE DATABASE "+draft+" TEMPLATE template0")
	require.NoError(t, err)
	db, err := database.Open(ctx, database.Config{Driver: database.Postgres, DSN: onDatabase(t, dsn, draft)}, time.Now)
	require.NoError(t, err)
	err = db.Migrate(ctx, files)
	_ = db.Close()
	require.NoError(t, err)
	_, err = admin.Exec(ctx, "ALTER DATABASE "+draft+" RENAME TO "+name)
	require.NoError(t, err)
	return name
}

func fingerprint(t testing.TB, files fs.FS) string {
	t.Helper()
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(data), data)
		return err
	})
	require.NoError(t, err)
	return hex.EncodeToString(sum.Sum(nil)[:12])
}

func onDatabase(t testing.TB, dsn, name string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err, "RISTMIK_TEST_POSTGRES must be a URL")
	u.Path = "/" + name
	return u.String()
}
