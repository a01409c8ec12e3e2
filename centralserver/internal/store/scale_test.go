//go:build scale

package store_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/store/seed"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/testkit"
)

// limit is what a list may take, at the 95th percentile, in a registry ten times the largest one known.
const limit = 50 * time.Millisecond

// TestScale fills a registry of the full size and times every list of the REST API over many different calls.
func TestScale(t *testing.T) {
	t.Run(database.SQLite, func(t *testing.T) {
		measure(t, database.Config{Driver: database.SQLite, DSN: filepath.Join(t.TempDir(), "scale.db")})
	})
	t.Run(database.Postgres, func(t *testing.T) {
		measure(t, database.Config{Driver: database.Postgres, DSN: testkit.Postgres(t)})
	})
}

func measure(t *testing.T, c database.Config) {
	t.Helper()
	db, err := database.Open(t.Context(), c, time.Now)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Migrate(t.Context(), storetest.Migrations(c.Driver)))
	start := time.Now()
	require.NoError(t, seed.Fill(t.Context(), db, seed.Full()))
	if c.Driver == database.Postgres {
		vacuum(t, c.DSN)
	}
	fmt.Printf("%-52s %9s %9s %9s   (filled in %s)\n", c.Driver, "p50", "p95", "max", time.Since(start).Round(time.Second))
	for _, l := range lists(db, seed.Full()) {
		took := l.time(t, 40)
		mark := ""
		if took[len(took)*95/100] > limit {
			mark = "over"
		}
		fmt.Printf("%-52s %9s %9s %9s %s\n", l.name, ms(took[len(took)/2]), ms(took[len(took)*95/100]), ms(took[len(took)-1]), mark)
	}
}

// vacuum does what PostgreSQL does by itself a minute after many rows have come.
func vacuum(t *testing.T, dsn string) {
	t.Helper()
	connection, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, connection.Close()) }()
	_, err = connection.ExecContext(t.Context(), "VACUUM ANALYZE")
	require.NoError(t, err)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// time calls the list often, each time another one, and sorts what the calls took. The first few warm the caches.
func (l list) time(t *testing.T, calls int) []time.Duration {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var took []time.Duration
	for n := range calls + 5 {
		start := time.Now()
		_, err := l.call(t.Context(), r)
		require.NoError(t, err, l.name)
		if n >= 5 {
			took = append(took, time.Since(start))
		}
	}
	slices.Sort(took)
	return took
}
