package store_test

import (
	"context"
	"crypto/rand"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/store"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

// clock is set by the test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// two runs fn with two servers on each kind of database.
func two(t *testing.T, fn func(t *testing.T, a, b *store.Store, c *clock)) {
	c := &clock{at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	migrations := func(driver string) fs.FS { return schema.Migrations("security", driver) }
	testkit.EachDatabaseAt(t, c.now, migrations, func(t *testing.T, db *database.DB) {
		fn(t, store.NewNode(db, "a"), store.NewNode(db, "b"), c)
	})
}

func member(t *testing.T, code string) identifier.ClientID {
	t.Helper()
	id, err := identifier.NewMember("EE", "GOV", code)
	require.NoError(t, err)
	return id
}

func add(ctx context.Context, s *store.Store, id identifier.ClientID) error {
	return s.Clients().Update(ctx, func(tx client.Tx) error {
		return tx.AddClient(client.Client{ID: id, Status: client.Saved, Connection: client.HTTP})
	})
}

func TestChangesOfOthersAreSeen(t *testing.T) {
	two(t, func(t *testing.T, a, b *store.Store, _ *clock) {
		require.NoError(t, add(t.Context(), a, member(t, "1")))
		require.EqualValues(t, 1, a.Generation(), "its own change counts at once")
		require.Zero(t, b.Generation())
		changed, err := b.Poll(t.Context())
		require.NoError(t, err)
		require.True(t, changed)
		require.EqualValues(t, 1, b.Generation())
		changed, err = b.Poll(t.Context())
		require.NoError(t, err)
		require.False(t, changed)
		changed, err = a.Poll(t.Context())
		require.NoError(t, err)
		require.False(t, changed, "its own change is no news")

		require.Error(t, add(t.Context(), a, member(t, "1")))
		require.EqualValues(t, 1, a.Generation(), "what was not committed changes nothing")

		var group sync.WaitGroup
		errs := make(chan error, 20)
		for i, s := range []*store.Store{a, b} {
			group.Go(func() {
				for n := range 10 {
					errs <- add(t.Context(), s, member(t, string(rune('a'+i))+string(rune('a'+n))))
				}
			})
		}
		group.Wait()
		for range 20 {
			require.NoError(t, <-errs)
		}
		_, err = a.Poll(t.Context())
		require.NoError(t, err)
		_, err = b.Poll(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 21, a.Generation())
		require.EqualValues(t, 21, b.Generation())
	})
}

func TestOlderConfigurationChangesNothing(t *testing.T) {
	two(t, func(t *testing.T, a, b *store.Store, c *clock) {
		older, newer := c.now().Add(9*time.Minute), c.now().Add(10*time.Minute)
		slow, err := b.Compare(t.Context(), older)
		require.NoError(t, err)
		ctx, err := a.Compare(t.Context(), newer)
		require.NoError(t, err)
		require.NoError(t, add(ctx, a, member(t, "1")))
		require.ErrorIs(t, add(slow, b, member(t, "2")), store.ErrOvertaken, "it began before, and is too late")
		_, err = b.Compare(t.Context(), older)
		require.ErrorIs(t, err, store.ErrOvertaken)
		never, err := b.Compare(t.Context(), time.Time{})
		require.NoError(t, err)
		require.NoError(t, add(never, b, member(t, "3")))

		// The newest stays the measure while somebody has it, and no longer.
		for range 4 {
			c.advance(time.Minute)
			_, err = a.Compare(t.Context(), newer)
			require.NoError(t, err)
			_, err = b.Compare(t.Context(), older)
			require.ErrorIs(t, err, store.ErrOvertaken)
		}
		c.advance(3 * time.Minute)
		ctx, err = b.Compare(t.Context(), older)
		require.NoError(t, err)
		require.NoError(t, add(ctx, b, member(t, "2")))
	})
}

func TestRequestOfALivingServerIsNotGivenUp(t *testing.T) {
	two(t, func(t *testing.T, a, b *store.Store, c *clock) {
		server, err := identifier.NewSecurityServer(member(t, "1"), "ss1")
		require.NoError(t, err)
		var intent submission.Submission
		open := func(s *store.Store) error {
			return s.Clients().Update(t.Context(), func(tx client.Tx) (err error) {
				if intent, err = submission.New(rand.Reader, request.ClientReg, server); err != nil {
					return err
				}
				intent.Client = member(t, "2")
				intent.ID, err = tx.AddSubmission(intent)
				return err
			})
		}
		start := func(s *store.Store) (n int) {
			require.NoError(t, s.Clients().Update(t.Context(), func(tx client.Tx) (err error) {
				n, err = tx.AbandonOpenSubmissions("the server stopped before the answer came")
				return err
			}))
			return n
		}
		require.NoError(t, open(a))
		require.Zero(t, start(b), "the other server starts")
		n, err := b.GiveUp(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
		require.Error(t, open(b), "one question of a kind at a time, whoever asks")
		require.Equal(t, 1, start(a), "the server itself comes back")

		require.NoError(t, open(a))
		c.advance(submission.Longest + time.Second)
		n, err = b.GiveUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, n, "the server never came back")
		require.NoError(t, open(b))
	})
}

func TestOneDoesTheWorkOfAll(t *testing.T) {
	two(t, func(t *testing.T, a, b *store.Store, c *clock) {
		lease := func(s *store.Store) bool {
			held, err := s.Lease(t.Context(), "work", time.Minute)
			require.NoError(t, err)
			return held
		}
		require.True(t, lease(a))
		require.False(t, lease(b))
		c.advance(40 * time.Second)
		require.True(t, lease(a), "who has it can have it again")
		c.advance(40 * time.Second)
		require.False(t, lease(b))
		c.advance(21 * time.Second)
		require.True(t, lease(b), "the other one died")
		require.False(t, lease(a))
	})
}

func TestInternalTLSKeyPairIsShared(t *testing.T) {
	two(t, func(t *testing.T, a, b *store.Store, c *clock) {
		none, err := a.InternalTLS(t.Context())
		require.NoError(t, err)
		require.Nil(t, none)
		first, err := daemon.NewSelfSigned(c.now(), daemon.P256, "127.0.0.1")
		require.NoError(t, err)
		second, err := daemon.NewSelfSigned(c.now(), daemon.RSA, "127.0.0.2")
		require.NoError(t, err)
		require.NoError(t, a.SaveInternalTLS(t.Context(), first, false))
		require.NoError(t, b.SaveInternalTLS(t.Context(), second, false))
		have, err := b.InternalTLS(t.Context())
		require.NoError(t, err)
		require.Equal(t, first, have, "the first one stays")
		require.NoError(t, b.SaveInternalTLS(t.Context(), second, true))
		have, err = a.InternalTLS(t.Context())
		require.NoError(t, err)
		require.Equal(t, second.Certificate, have.Certificate)
	})
}
