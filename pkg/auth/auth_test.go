package auth_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/database/authdb"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/schema"
)

const officer = "XROAD_REGISTRATION_OFFICER"

var policy = auth.Policy{officer: {"ADD_NEW_MEMBER"}, auth.SystemAdministrator: {"CREATE_API_KEY"}, auth.ManagementService: nil}

func shared(driver string) fs.FS { return schema.Migrations("central", driver) }

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time          { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) forward(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

func each(t *testing.T, fn func(t *testing.T, s *auth.Service, store *authdb.Store, c *clock)) {
	c := &clock{now: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}
	testkit.EachDatabaseAt(t, c.Now, shared, func(t *testing.T, db *database.DB) {
		store := authdb.New(db)
		fn(t, auth.New(auth.Config{Store: store, Policy: policy, Now: c.Now}), store, c)
	})
}

func refused(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	var f *fault.Error
	require.True(t, errors.As(err, &f), "%v", err)
	require.Equal(t, kind, f.Kind)
}

func TestUsersAndSessions(t *testing.T) {
	each(t, func(t *testing.T, s *auth.Service, store *authdb.Store, c *clock) {
		ctx := t.Context()
		require.Equal(t, "invalid_role", fault.CodeOf(s.SaveUser(ctx, "u", "long enough", "KING")))
		require.Equal(t, "invalid_role", fault.CodeOf(s.SaveUser(ctx, "u", "long enough")))
		require.Equal(t, "weak_password", fault.CodeOf(s.SaveUser(ctx, "u", "short", officer)))
		require.Equal(t, "invalid_user_name", fault.CodeOf(s.SaveUser(ctx, "", "long enough", officer)))
		require.NoError(t, s.SaveUser(ctx, "u", "long enough", officer, string(auth.SystemAdministrator), officer))

		_, err := s.Login(ctx, "nobody", "long enough", "a")
		refused(t, err, fault.Unauthorized)
		_, err = s.Login(ctx, "u", "wrong", "a")
		refused(t, err, fault.Unauthorized)
		in, err := s.Login(ctx, "u", "long enough", "a")
		require.NoError(t, err)
		require.Equal(t, []auth.Role{officer, auth.SystemAdministrator}, in.Principal.Roles)
		require.True(t, in.Principal.May("X", "ADD_NEW_MEMBER"))
		require.False(t, in.Principal.May("X"))
		require.True(t, in.Principal.May())

		active, err := s.Session(ctx, in.Token, true)
		require.NoError(t, err)
		require.True(t, active.CSRF(in.CSRF))
		require.False(t, active.CSRF(""))
		require.False(t, active.CSRF(in.Token))
		_, err = s.Session(ctx, in.CSRF, true)
		refused(t, err, fault.Unauthorized)

		stored, err := store.Users(ctx)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(stored[0].PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$"))

		c.forward(auth.Idle - time.Second)
		_, err = s.Session(ctx, in.Token, true)
		require.NoError(t, err)
		c.forward(auth.Idle)
		_, err = s.Session(ctx, in.Token, true)
		refused(t, err, fault.Unauthorized)

		in, err = s.Login(ctx, "u", "long enough", "a")
		require.NoError(t, err)
		require.NoError(t, s.SaveUser(ctx, "u", "another one", officer)) // a new password ends the sessions
		_, err = s.Session(ctx, in.Token, true)
		refused(t, err, fault.Unauthorized)
		_, err = s.Login(ctx, "u", "long enough", "a")
		refused(t, err, fault.Unauthorized)

		in, err = s.Login(ctx, "u", "another one", "a")
		require.NoError(t, err)
		require.NoError(t, s.RemoveUser(ctx, "u"))
		require.Equal(t, "user_not_found", fault.CodeOf(s.RemoveUser(ctx, "u")))
		_, err = s.Session(ctx, in.Token, true)
		refused(t, err, fault.Unauthorized)
		require.NoError(t, s.Logout(ctx, in.Token))
	})
}

func TestAttemptsAreCountedByUserAndByAddress(t *testing.T) {
	each(t, func(t *testing.T, s *auth.Service, _ *authdb.Store, c *clock) {
		ctx := t.Context()
		require.NoError(t, s.SaveUser(ctx, "u", "long enough", officer))
		for range 10 { // right ones cost nothing
			_, err := s.Login(ctx, "u", "long enough", "good")
			require.NoError(t, err)
		}
		for n := range 20 {
			_, err := s.Basic(ctx, "stranger-"+string(rune('a'+n)), "x", "bad")
			refused(t, err, fault.Unauthorized)
		}
		_, err := s.Basic(ctx, "u", "long enough", "bad")
		refused(t, err, fault.TooMany)
		_, err = s.Basic(ctx, "u", "long enough", "good")
		require.NoError(t, err)
		for range 5 {
			_, err = s.Basic(ctx, "u", "wrong", "good")
			refused(t, err, fault.Unauthorized)
		}
		_, err = s.Basic(ctx, "u", "long enough", "good")
		refused(t, err, fault.TooMany)
		c.forward(10 * time.Second)
		_, err = s.Basic(ctx, "u", "long enough", "good")
		require.NoError(t, err)
	})
}

func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, s *auth.Service, store *authdb.Store, c *clock) {
		ctx := t.Context()
		admin := &auth.Principal{Roles: []auth.Role{auth.SystemAdministrator}}
		_, _, err := s.CreateKey(ctx, &auth.Principal{Roles: []auth.Role{officer}}, []string{string(auth.ManagementService)})
		refused(t, err, fault.Forbidden)
		key, value, err := s.CreateKey(ctx, admin, []string{officer, officer})
		require.NoError(t, err)
		require.Equal(t, []auth.Role{officer}, key.Roles)
		require.NotContains(t, key.Hash, value)

		p, err := s.Key(ctx, strings.ToUpper(value))
		require.NoError(t, err)
		require.Equal(t, "api-key-1", p.Name)
		require.Equal(t, auth.ByKey, p.Method)
		_, err = s.Key(ctx, "00000000-0000-0000-0000-000000000000")
		refused(t, err, fault.Unauthorized)

		require.NoError(t, store.RemoveKey(context.WithoutCancel(ctx), key.ID)) // by another server of the same database
		_, err = s.Key(ctx, value)
		require.NoError(t, err)
		c.forward(time.Minute)
		_, err = s.Key(ctx, value)
		refused(t, err, fault.Unauthorized)

		key, value, err = s.CreateKey(ctx, admin, []string{officer})
		require.NoError(t, err)
		require.EqualValues(t, 2, key.ID)
		_, err = s.Key(ctx, value)
		require.NoError(t, err)
		require.NoError(t, s.RevokeKey(ctx, key.ID))
		_, err = s.Key(ctx, value)
		refused(t, err, fault.Unauthorized)
		require.Equal(t, "api_key_not_found", fault.CodeOf(s.RevokeKey(ctx, key.ID)))
		_, err = s.SetKeyRoles(ctx, admin, 99, []string{officer})
		require.Equal(t, "api_key_not_found", fault.CodeOf(err))
		_, err = s.KeyByID(ctx, 99)
		require.Equal(t, "api_key_not_found", fault.CodeOf(err))
	})
}

func TestRequireAsksThePrincipalOfTheContext(t *testing.T) {
	refused(t, auth.Require(t.Context(), "A"), fault.Forbidden)
	refused(t, auth.Require(t.Context()), fault.Forbidden)
	ctx := auth.WithPrincipal(t.Context(), &auth.Principal{Permissions: map[auth.Permission]bool{"A": true}})
	require.NoError(t, auth.Require(ctx, "A", "B"))
	refused(t, auth.Require(ctx, "B"), fault.Forbidden)
}
