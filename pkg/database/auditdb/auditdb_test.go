package auditdb_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/database/auditdb"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/schema"
)

func shared(driver string) fs.FS { return schema.Migrations("security", driver) }

func write(t testing.TB, db *database.DB, event string) {
	err := db.Update(t.Context(), func(tx *database.Tx) error {
		return tx.Record(audit.Record{Event: event, User: "u", CorrelationID: "c-" + event})
	})
	if err != nil {
		t.Error(err)
	}
}

func line(event string) string {
	return "2026-11-20T10:00:00.000000+00:00 host correlation-id:[c-" + event + "] INFO  [X-Road Central Server Admin Service] " +
		`2026-11-20T10:00:00.000Z - {"event":"` + event + `","user":"u","data":{}}` + "\n"
}

func TestLogCopiesEachRecordOnce(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC) }
	testkit.EachDatabaseAt(t, now, shared, func(t *testing.T, db *database.DB) {
		file := filepath.Join(t.TempDir(), "audit.log")
		restarted := func() *audit.Log { return audit.NewLog(file, "host", audit.CentralServer, auditdb.NewSource(db)) }
		content := func() string {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			return string(data)
		}
		require.NoError(t, restarted().Copy(t.Context()))
		require.NoFileExists(t, file)
		write(t, db, "one")
		write(t, db, "two")
		require.NoError(t, restarted().Copy(t.Context()))
		require.Equal(t, line("one")+line("two"), content())
		require.NoError(t, restarted().Copy(t.Context()))
		require.Equal(t, line("one")+line("two"), content())

		// Killed after every possible byte of the next copy, before the position was written.
		position, err := os.ReadFile(file + ".position")
		require.NoError(t, err)
		write(t, db, "three")
		write(t, db, "four")
		before, whole := content(), line("one")+line("two")+line("three")+line("four")
		for n := len(before); n <= len(whole); n++ {
			require.NoError(t, os.WriteFile(file, []byte(whole[:n]), 0o600))
			require.NoError(t, os.WriteFile(file+".position", position, 0o600))
			require.NoError(t, restarted().Copy(t.Context()))
			require.Equal(t, whole, content(), n)
		}

		// Restored from a copy that is older than the file.
		require.NoError(t, os.WriteFile(file+".position", []byte(`{"id":1000,"offset":`+strconv.Itoa(len(whole))+`}`), 0o600))
		require.NoError(t, restarted().Copy(t.Context()))
		require.Equal(t, whole, content())

		require.NoError(t, os.Rename(file, file+".1"))
		write(t, db, "five")
		require.NoError(t, restarted().Copy(t.Context()))
		require.Equal(t, line("five"), content())
	})
}

func TestNoRecordIsLeftOutWhileOthersWrite(t *testing.T) {
	testkit.EachDatabase(t, shared, func(t *testing.T, db *database.DB) {
		file := filepath.Join(t.TempDir(), "audit.log")
		log := audit.NewLog(file, "host", audit.CentralServer, auditdb.NewSource(db))
		const writers, each = 4, 25
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for n := range each {
					write(t, db, fmt.Sprintf("w%d-%d", w, n))
				}
			})
		}
		done := make(chan struct{})
		go func() { group.Wait(); close(done) }()
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			require.NoError(t, log.Copy(t.Context()))
		}
		require.NoError(t, log.Copy(t.Context()))
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, writers*each, strings.Count(string(data), "\n"))
		for w := range writers {
			for n := range each {
				require.Equal(t, 1, strings.Count(string(data), fmt.Sprintf("[c-w%d-%d]", w, n)))
			}
		}
	})
}
