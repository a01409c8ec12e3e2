package store_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/store"
)

// TestPlans asks both databases how they answer what is asked for every message, every round or every click, among a few hundred clients: by an
// index, never by reading a whole table.
func TestPlans(t *testing.T) {
	migrations := func(driver string) fs.FS { return schema.Migrations("security", driver) }
	testkit.EachDatabase(t, migrations, func(t *testing.T, db *database.DB) {
		s := store.New(db)
		require.NoError(t, s.Clients().Update(t.Context(), func(tx client.Tx) error {
			for n := range 300 {
				if err := tx.AddClient(client.Client{ID: member(t, fmt.Sprint(n)), Status: client.Registered, Connection: client.HTTP}); err != nil {
					return err
				}
			}
			return nil
		}))
		fillSubmissions(t, db)
		for _, q := range []struct{ statement, index string }{
			{"SELECT * FROM client WHERE instance = 'EE' AND member_class = 'GOV' AND member_code = '7' AND subsystem_code = ''", "client"},
			{"SELECT * FROM internal_certificate WHERE client_id = 7 ORDER BY id", "internal_certificate"},
			{"SELECT * FROM request_submission WHERE client = 'EE:GOV:7' AND certificate_hash = '' ORDER BY id DESC LIMIT 1", "request_submission_subject"},
			{"SELECT * FROM request_submission AS s WHERE outcome IN ('', 'unknown') AND kind NOT IN ('clientRename', 'ownerChange') AND NOT EXISTS (SELECT 1 " +
				"FROM request_submission AS newer WHERE newer.client = s.client AND newer.certificate_hash = s.certificate_hash AND " +
				"newer.kind NOT IN ('clientRename', 'ownerChange') AND newer.id > s.id) ORDER BY id", "request_submission_unresolved"},
			{"SELECT * FROM store_generation WHERE id = 1", "store_generation"},
			{"SELECT id, signature FROM message_record WHERE stamped_at IS NULL ORDER BY id LIMIT 100", "message_record_unstamped"},
			{"SELECT * FROM message_record WHERE message_id = 'm'", "message_record_message"},
		} {
			plan := explain(t, db, q.statement)
			require.NotContains(t, plan, "Seq Scan", "%s\n%s", q.statement, plan)
			for line := range strings.Lines(plan) {
				if strings.HasPrefix(strings.TrimSpace(line), "SCAN ") {
					require.Contains(t, line, "INDEX "+q.index, "%s\n%s", q.statement, plan)
				}
			}
			require.Regexp(t, q.index+"|INTEGER PRIMARY KEY", plan, q.statement)
		}
	})
}

// fillSubmissions adds many answered requests and one that is not.
func fillSubmissions(t *testing.T, db *database.DB) {
	t.Helper()
	require.NoError(t, db.Update(t.Context(), func(tx *database.Tx) error {
		for n := range 400 {
			outcome := "sent"
			if n == 17 {
				outcome = "unknown"
			}
			err := tx.DB().Exec("INSERT INTO request_submission (kind, message_id, server, client, created_at, outcome) VALUES (?, ?, ?, ?, ?, ?)", "clientReg",
				fmt.Sprint(n), "EE:GOV:1:ss1", fmt.Sprintf("EE:GOV:%d", n), time.Now().UTC(), outcome).Error
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

func explain(t *testing.T, db *database.DB, statement string) string {
	t.Helper()
	var lines []string
	require.NoError(t, db.Update(t.Context(), func(tx *database.Tx) error {
		if db.Driver() == database.SQLite {
			var steps []struct{ Detail string }
			err := tx.DB().Raw("EXPLAIN QUERY PLAN " + statement).Scan(&steps).Error
			for _, step := range steps {
				lines = append(lines, step.Detail)
			}
			return err
		}
		for _, prepare := range []string{"ANALYZE", "SET LOCAL enable_seqscan = off"} { // the tables are too small for it to choose an index by itself
			if err := tx.DB().Exec(prepare).Error; err != nil {
				return err
			}
		}
		return tx.DB().Raw("EXPLAIN " + statement).Scan(&lines).Error
	}))
	return strings.Join(lines, "\n") + "\n"
}
