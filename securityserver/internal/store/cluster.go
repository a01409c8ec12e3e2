package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/ristmik/ristmik/pkg/database"
)

// Generation is the number of the newest change that this process knows of: its own ones at once, those of other servers on the same database
// after the next Poll. What was read at a generation may be kept until it rises.
func (s *Store) Generation() uint64 { return s.generation.Load() }

// reached never lowers the generation: a Poll may have read before a commit of our own.
func (s *Store) reached(generation uint64) (rose bool) {
	for {
		known := s.generation.Load()
		if known >= generation {
			return false
		}
		if s.generation.CompareAndSwap(known, generation) {
			return true
		}
	}
}

type generationRow struct{ Generation int64 }

func (generationRow) TableName() string { return "store_generation" }

// Poll looks for changes of other servers on the same database and tells whether there were any.
func (s *Store) Poll(ctx context.Context) (bool, error) {
	var row generationRow
	err := s.db.View(ctx, func(tx *database.Tx) error { return tx.DB().Where("id = 1").Take(&row).Error })
	if err != nil {
		return false, fmt.Errorf("reading the generation: %w", err)
	}
	return s.reached(uint64(row.Generation)), nil //nolint:gosec // it starts at 0 and rises
}

// raise is the last statement of every Update: two servers that write at once wait for each other here for the shortest time.
func (tx Tx) raise() (uint64, error) {
	var generation int64
	err := tx.DB().Raw("UPDATE store_generation SET generation = generation + 1 WHERE id = 1 RETURNING generation").Row().Scan(&generation)
	if err != nil {
		return 0, fmt.Errorf("raising the generation: %w", err)
	}
	return uint64(generation), nil //nolint:gosec // it starts at 0 and rises
}

type configurationRow struct {
	ID      int64
	Expires time.Time
	SeenAt  time.Time
}

func (configurationRow) TableName() string { return "configuration_seen" }

const (
	// seenFor is how long the newest configuration stays the measure. Where validity was shortened, newer configurations expire before older
	// ones until this time is over; it is longer than a server sleeps between two downloads.
	seenFor = 3 * time.Minute
	// seenAgain is how often the mark of an unchanged configuration is renewed.
	seenAgain = 30 * time.Second
)

// ErrOvertaken says that states were to be changed by a configuration older than one that another server has compared them with.
var ErrOvertaken = errors.New("store: another server has compared the states with a newer global configuration")

type configurationKey struct{}

// Compare marks a global configuration, by its expiry (zero for never), as one that states are compared with, and gives a context for doing so:
// Updates in it fail with ErrOvertaken once a newer one was marked. So servers that download at different moments do not undo each other's work.
func (s *Store) Compare(ctx context.Context, expires time.Time) (context.Context, error) {
	if expires.IsZero() {
		return ctx, nil
	}
	expires = expires.UTC().Truncate(time.Second)
	ctx = context.WithValue(ctx, configurationKey{}, expires)
	stale := false
	look := func(tx *database.Tx) error {
		row, ok, err := Tx{tx}.newest()
		stale = !ok || row.Expires.Before(expires) || tx.Now.Sub(row.SeenAt) >= seenAgain
		if err == nil && ok && row.overtakes(expires, tx.Now) {
			return ErrOvertaken
		}
		return err
	}
	if err := s.db.View(ctx, look); err != nil || !stale {
		return ctx, err
	}
	return ctx, s.db.Update(ctx, func(tx *database.Tx) error {
		if err := look(tx); err != nil {
			return err
		}
		return tx.DB().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, UpdateAll: true}).
			Create(&configurationRow{ID: 1, Expires: expires, SeenAt: tx.Now}).Error
	})
}

func (tx Tx) newest() (row configurationRow, ok bool, err error) {
	err = tx.DB().Where("id = 1").Take(&row).Error
	if database.IsNotFound(err) {
		return row, false, nil
	}
	return row, err == nil, err
}

func (r configurationRow) overtakes(expires, now time.Time) bool {
	return expires.Before(r.Expires) && now.Sub(r.SeenAt) < seenFor
}

// current refuses a transaction whose context comes from Compare and was overtaken.
func (tx Tx) current() error {
	expires, ok := tx.Context().Value(configurationKey{}).(time.Time)
	if !ok {
		return nil
	}
	row, ok, err := tx.newest()
	if err == nil && ok && row.overtakes(expires, tx.Now) {
		return ErrOvertaken
	}
	return err
}

// Lease asks for work that one server does for all, until now plus the duration; whoever has it can have it again. False means that another
// server does it.
func (s *Store) Lease(ctx context.Context, name string, duration time.Duration) (bool, error) {
	held := false
	err := s.db.Update(ctx, func(tx *database.Tx) error {
		result := tx.DB().Exec(`INSERT INTO cluster_lease (name, node, until) VALUES (?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET node = excluded.node, until = excluded.until
			WHERE cluster_lease.node = excluded.node OR cluster_lease.until < ?`, name, s.node, tx.Now.Add(duration), tx.Now)
		held = result.RowsAffected == 1
		return result.Error
	})
	return held && err == nil, err
}
