package database_test

import (
	"errors"
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm/clause"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/schema"
)

type thing struct {
	ID        int64
	Name      string
	CreatedAt time.Time
}

func (thing) TableName() string { return "thing" }

func things(driver string) fs.FS {
	id, moment := "integer PRIMARY KEY AUTOINCREMENT", "datetime"
	if driver == database.Postgres {
		id, moment = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "timestamptz"
	}
	return fstest.MapFS{"00001_thing.sql": {Data: []byte(`-- +goose Up
CREATE TABLE thing (id ` + id + `, name text NOT NULL UNIQUE, created_at ` + moment + ` NOT NULL);
CREATE TABLE part (thing_id bigint NOT NULL REFERENCES thing (id));
CREATE TABLE counter (n bigint NOT NULL);
INSERT INTO counter VALUES (0);
`)}}
}

func count(t *testing.T, db *database.DB) (n int64) {
	t.Helper()
	require.NoError(t, db.View(t.Context(), func(tx *database.Tx) error { return tx.DB().Model(&thing{}).Count(&n).Error }))
	return n
}

func TestUpdateCommitsOrLeavesNothing(t *testing.T) {
	at := time.Date(2026, 11, 20, 10, 0, 0, 999, time.FixedZone("x", 3600))
	testkit.EachDatabaseAt(t, func() time.Time { return at }, things, func(t *testing.T, db *database.DB) {
		stop := errors.New("stop")
		err := db.Update(t.Context(), func(tx *database.Tx) error {
			require.NoError(t, tx.DB().Create(&thing{Name: "one", CreatedAt: tx.Now}).Error)
			return stop
		})
		require.ErrorIs(t, err, stop)
		require.Zero(t, count(t, db))

		require.PanicsWithValue(t, "boom", func() {
			_ = db.Update(t.Context(), func(tx *database.Tx) error {
				require.NoError(t, tx.DB().Create(&thing{Name: "one", CreatedAt: tx.Now}).Error)
				panic("boom")
			})
		})
		require.Zero(t, count(t, db))

		committed := false
		require.NoError(t, db.Update(t.Context(), func(tx *database.Tx) error {
			tx.OnCommit(func() { committed = true })
			return tx.DB().Create(&thing{Name: "one", CreatedAt: tx.Now}).Error
		}))
		require.True(t, committed)
		var got thing
		require.NoError(t, db.View(t.Context(), func(tx *database.Tx) error { return tx.DB().Take(&got, "name = ?", "one").Error }))
		require.Equal(t, "2026-11-20T09:00:00Z", got.CreatedAt.Format(time.RFC3339Nano))
		require.Equal(t, time.UTC, got.CreatedAt.Location())
	})
}

func TestViewCannotWrite(t *testing.T) {
	testkit.EachDatabase(t, things, func(t *testing.T, db *database.DB) {
		err := db.View(t.Context(), func(tx *database.Tx) error { return tx.DB().Create(&thing{Name: "one", CreatedAt: tx.Now}).Error })
		require.ErrorContains(t, err, map[string]string{
			database.SQLite: "attempt to write a readonly database", database.Postgres: "read-only transaction"}[db.Driver()])
		require.Zero(t, count(t, db))
		require.NoError(t, db.Update(t.Context(), func(tx *database.Tx) error { return tx.DB().Create(&thing{Name: "one", CreatedAt: tx.Now}).Error }))
	})
}

func TestOfTwoThatAddTheSameOneWins(t *testing.T) {
	testkit.EachDatabase(t, things, func(t *testing.T, db *database.DB) {
		for range 20 {
			var group sync.WaitGroup
			results := make([]error, 4)
			for i := range results {
				group.Go(func() {
					results[i] = db.Update(t.Context(), func(tx *database.Tx) error {
						return tx.DB().Create(&thing{Name: "same", CreatedAt: tx.Now}).Error
					})
				})
			}
			group.Wait()
			won := 0
			for _, err := range results {
				if err == nil {
					won++
				} else {
					require.True(t, database.IsDuplicate(err), "%v", err)
				}
			}
			require.Equal(t, 1, won)
			require.NoError(t, db.Update(t.Context(), func(tx *database.Tx) error { return tx.DB().Exec("DELETE FROM thing").Error }))
		}
	})
}

func TestReadThenWriteBehavesAsIfAlone(t *testing.T) {
	testkit.EachDatabase(t, things, func(t *testing.T, db *database.DB) {
		for _, locking := range []bool{false, true} {
			require.NoError(t, db.Update(t.Context(), func(tx *database.Tx) error { return tx.DB().Exec("UPDATE counter SET n = 0").Error }))
			var group sync.WaitGroup
			for range 16 {
				group.Go(func() {
					for range 5 {
						err := db.Update(t.Context(), func(tx *database.Tx) error {
							var n int64
							q := tx.DB().Table("counter").Select("n")
							if locking {
								q = q.Clauses(clause.Locking{Strength: "UPDATE"})
							}
							if err := q.Take(&n).Error; err != nil {
								return err
							}
							return tx.DB().Exec("UPDATE counter SET n = ?", n+1).Error
						})
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			var n int64
			require.NoError(t, db.View(t.Context(), func(tx *database.Tx) error { return tx.DB().Table("counter").Select("n").Take(&n).Error }))
			require.EqualValues(t, 80, n)
		}
	})
}

func TestErrorsAreTold(t *testing.T) {
	testkit.EachDatabase(t, things, func(t *testing.T, db *database.DB) {
		err := db.Update(t.Context(), func(tx *database.Tx) error { return tx.DB().Exec("INSERT INTO part VALUES (77)").Error })
		require.True(t, database.IsForeignKey(err), "%v", err)
		require.False(t, database.IsDuplicate(err))
		err = db.View(t.Context(), func(tx *database.Tx) error { return tx.DB().Take(&thing{}, "name = ?", "none").Error })
		require.True(t, database.IsNotFound(err), "%v", err)
	})
}

func TestNestedTransactionIsRefused(t *testing.T) {
	testkit.EachDatabase(t, things, func(t *testing.T, db *database.DB) {
		require.False(t, database.InTransaction(t.Context()))
		err := db.Update(t.Context(), func(tx *database.Tx) error {
			require.True(t, database.InTransaction(tx.Context()))
			return db.View(tx.Context(), func(*database.Tx) error { return nil })
		})
		require.ErrorIs(t, err, database.ErrNested)
	})
}

func TestReadersAreNotDisturbedByTheWriter(t *testing.T) {
	testkit.EachDatabase(t, things, func(t *testing.T, db *database.DB) {
		require.NoError(t, db.Update(t.Context(), func(tx *database.Tx) error {
			require.NoError(t, tx.DB().Create(&thing{Name: "one", CreatedAt: tx.Now}).Error)
			require.Zero(t, count(t, db))
			return nil
		}))
		require.EqualValues(t, 1, count(t, db))
	})
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	testkit.EachDatabase(t, things, func(t *testing.T, db *database.DB) {
		newer := things(db.Driver()).(fstest.MapFS)
		newer["00002_more.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE more (n bigint);\n")}
		require.ErrorContains(t, db.CheckMigrated(t.Context(), newer), "run migrate first")
		require.NoError(t, db.Migrate(t.Context(), newer))
		require.NoError(t, db.CheckMigrated(t.Context(), newer))
		const refused = "the database has version 2 and this program knows only up to 1: use a newer program"
		require.EqualError(t, db.Migrate(t.Context(), things(db.Driver())), refused)
		require.EqualError(t, db.CheckMigrated(t.Context(), things(db.Driver())), refused)
	})
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	for _, c := range []struct {
		config database.Config
		want   string
	}{
		{database.Config{Driver: "oracle"}, `unknown driver "oracle"`},
		{database.Config{Driver: database.SQLite, DSN: ":memory:"}, "needs the path of a file"},
		{database.Config{Driver: database.Postgres, DSN: "postgres://u:secret@127.0.0.1:1/x?sslmode=disable"}, "cannot connect to 127.0.0.1"},
		{database.Config{Driver: database.Postgres, DSN: "postgres://u:secret@[/x"}, "cannot be read"},
	} {
		_, err := database.Open(t.Context(), c.config, time.Now)
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "secret")
	}
}

func shared(driver string) fs.FS { return schema.Migrations("central", driver) }

func TestAuditRecordCommitsWithTheChange(t *testing.T) {
	testkit.EachDatabase(t, shared, func(t *testing.T, db *database.DB) {
		records := func() (list []string) {
			require.NoError(t, db.View(t.Context(), func(tx *database.Tx) error {
				return tx.DB().Table("audit_record").Order("id").Pluck("record", &list).Error
			}))
			return list
		}
		require.ErrorIs(t, db.Update(t.Context(), func(tx *database.Tx) error { return tx.Audit(t.Context()) }), audit.ErrNoScope)

		ctx := audit.Begin(t.Context(), "Add member", audit.Actor{})
		audit.Put(ctx, "memberCode", "1")
		stop := errors.New("stop")
		require.ErrorIs(t, db.Update(ctx, func(tx *database.Tx) error {
			require.NoError(t, tx.Audit(ctx))
			return stop
		}), stop)
		require.Empty(t, records())
		require.False(t, audit.Written(ctx))

		require.NoError(t, db.Update(ctx, func(tx *database.Tx) error { return tx.Audit(tx.Context()) }))
		require.True(t, audit.Written(ctx))
		require.Equal(t, []string{`{"event":"Add member","user":"system","data":{"memberCode":"1"}}`}, records())
		require.ErrorIs(t, db.Update(ctx, func(tx *database.Tx) error { return tx.Audit(ctx) }), audit.ErrWritten)

		for _, statement := range []string{"UPDATE audit_record SET record = ''", "DELETE FROM audit_record"} {
			err := db.Update(t.Context(), func(tx *database.Tx) error { return tx.DB().Exec(statement).Error })
			require.ErrorContains(t, err, "audit_record is append-only")
		}
		require.Len(t, records(), 1)
	})
}
