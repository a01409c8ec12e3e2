package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/ristmik/ristmik/centralserver/internal/store/seed"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/testkit"
)

// statement is what a list asked the database.
type statement struct {
	text   string
	values []any
}

// TestListsUseIndexes asks both databases how they answer each list. None may read a big table row by row: PostgreSQL is told to avoid that wherever an
// index will do, and SQLite says when it does not use one. Members and security servers are few, and so are
// the sums of requests. A text that may stand anywhere in a
// client's name or code has no index that finds it: the rows are read, and how long that takes at full size is measured by TestScale.
func TestListsUseIndexes(t *testing.T) {
	size := seed.Size{Members: 500, Subsystems: 8000, Servers: 200, Requests: 12_000}
	testkit.EachDatabase(t, storetest.Migrations, func(t *testing.T, db *database.DB) {
		require.NoError(t, seed.Fill(t.Context(), db, size))
		var asked []statement
		require.NoError(t, listen(t.Context(), db, func(s statement) { asked = append(asked, s) }))
		for _, l := range lists(db, size) {
			asked = nil
			r := rand.New(rand.NewPCG(1, 2))
			for range 4 {
				_, err := l.call(t.Context(), r)
				require.NoError(t, err, l.name)
			}
			require.NotEmpty(t, asked, l.name)
			for _, s := range slices.Clone(asked) {
				require.NoError(t, db.View(t.Context(), func(tx *database.Tx) error {
					plan, full, err := explain(tx, s)
					require.Empty(t, full, "%s reads a whole table:\n%s\n%s", l.name, s.text, plan)
					return err
				}))
			}
		}
	})
}

// listen hears every statement of the database from now on.
func listen(ctx context.Context, db *database.DB, hear func(statement)) error {
	return db.View(ctx, func(tx *database.Tx) error {
		note := func(g *gorm.DB) { hear(statement{g.Statement.SQL.String(), slices.Clone(g.Statement.Vars)}) }
		if err := tx.DB().Callback().Query().After("gorm:query").Register("test:query", note); err != nil {
			return err
		}
		return tx.DB().Callback().Row().After("gorm:row").Register("test:row", note)
	})
}

var (
	// In SQLite's plans tables go by the names that the statements give them.
	wholeInSQLite   = regexp.MustCompile(`^SCAN (i|ci|oi|coi|si|q|r|u|cs|gm|m|c)$`)
	walkOfKey       = regexp.MustCompile(`ORDER BY i\.id( DESC)? LIMIT`) // as far as the page, in the order of the table's key
	wholeInPostgres = regexp.MustCompile(`Seq Scan on (client|identifier|subsystem|server_client|management_request|authentication_certificate|global_group_member)\b`)
)

// explain gives the plan of a statement and the line that reads a big table as a whole, if there is one.
func explain(tx *database.Tx, s statement) (plan, full string, err error) {
	pool := tx.DB().Statement.ConnPool
	if tx.DB().Name() == database.SQLite {
		rows, err := pool.QueryContext(tx.Context(), "EXPLAIN QUERY PLAN "+s.text, s.values...)
		if err != nil {
			return "", "", err
		}
		defer rows.Close()
		small := map[int]string{} // subqueries that are read as tables
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				return "", "", err
			}
			plan += fmt.Sprintln(id, parent, detail)
			if name, ok := strings.CutPrefix(detail, "CO-ROUTINE "); ok {
				small[parent] = name
			}
			walked := detail == "SCAN i" && (walkOfKey.MatchString(s.text) || strings.Contains(s.text, "instr(i."))
			gathered := detail == "SCAN q" && (parent == 0 && strings.Contains(s.text, "FROM gathered q") || strings.Contains(s.text, "FROM request_count q"))
			if wholeInSQLite.MatchString(detail) && !walked && !gathered && detail != "SCAN "+small[parent] {
				full = detail
			}
		}
		return plan, full, rows.Err()
	}
	if _, err := pool.ExecContext(tx.Context(), "SET LOCAL enable_seqscan = off"); err != nil {
		return "", "", err
	}
	rows, err := pool.QueryContext(tx.Context(), "EXPLAIN "+s.text, s.values...)
	if err != nil {
		return "", "", err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", "", err
		}
		plan += line + "\n"
		anywhere := strings.Contains(line, "Seq Scan on client ") && strings.Contains(s.text, "strpos(i.")
		if wholeInPostgres.MatchString(line) && !anywhere {
			full = line
		}
	}
	return plan, full, rows.Err()
}
