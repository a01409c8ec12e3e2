package confgen_test

import (
	"context"
	"crypto/rand"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/intake"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/token"
	"github.com/ristmik/ristmik/schema"
)

const pin = "1234567890"

// bench is a central server's configuration side with a clock that the test moves, and the door that publishes.
type bench struct {
	t        *testing.T
	now      time.Time
	db       *database.DB
	service  *confgen.Service
	registry *registry.Service
	public   string
	door     *httptest.Server
}

func eachBench(t *testing.T, fn func(t *testing.T, b *bench)) {
	testkit.EachDatabase(t, func(driver string) fs.FS { return schema.Migrations("central", driver) }, func(t *testing.T, db *database.DB) {
		b := &bench{t: t, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), db: db, public: t.TempDir()}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		b.door = &httptest.Server{Listener: listener, Config: &http.Server{Handler: intake.Publication(b.public, []byte("<wsdl/>"))}}
		b.door.Start()
		t.Cleanup(b.door.Close)
		b.registry = registry.New(store.New(db).Registry())
		b.restart()
		fn(t, b)
	})
}

// restart makes the service anew, as a process that starts again does.
func (b *bench) restart() {
	b.service = confgen.New(confgen.Config{
		PublicDirectory: b.public, PublicPort: b.door.Listener.Addr().(*net.TCPAddr).Port, Interval: time.Minute, Poll: 10 * time.Millisecond,
		KeyAlgorithm: token.P256, TimeStampingInterval: time.Minute, RegistrationPort: 4001,
		ManagementCertificate: func() []byte { return []byte("certificate") }, Now: func() time.Time { return b.now }, Rand: rand.Reader, Log: zap.NewNop(),
	}, store.New(b.db).Configuration())
}

// do runs an operation as httpapi does: with an audit scope of its own.
func (b *bench) do(event string) context.Context {
	return audit.Begin(b.t.Context(), event, audit.Actor{User: "admin"})
}

func (b *bench) initialize() {
	b.t.Helper()
	require.NoError(b.t, b.service.Initialize(b.do("Initialize central server"), "TEST", "127.0.0.1", pin))
}

func (b *bench) prepare() {
	b.t.Helper()
	b.initialize()
	_, err := b.registry.AddMemberClass(b.do("Add member class"), "GOV", "Governmental")
	require.NoError(b.t, err)
	_, err = b.registry.AddMember(b.do("Add member"), "GOV", "1", "Member One")
	require.NoError(b.t, err)
	_, err = b.registry.AddSubsystem(b.do("Add subsystem"), "GOV", "1", "management", "Management")
	require.NoError(b.t, err)
	_, err = b.registry.SetProvider(b.do("Edit provider of management services"), b.id("TEST:GOV:1:management"))
	require.NoError(b.t, err)
	for _, source := range confgen.SourceTypes {
		_, err := b.service.AddSigningKey(b.do("Generate key"), source, "key")
		require.NoError(b.t, err)
	}
}

func (b *bench) id(encoded string) identifier.ClientID {
	id, err := identifier.ParseClientID(encoded)
	require.NoError(b.t, err)
	return id
}

func (b *bench) download(source confgen.SourceType) (*globalconf.Snapshot, error) {
	stored, err := b.service.Anchor(b.t.Context(), source)
	require.NoError(b.t, err)
	anchor, err := globalconf.ParseAnchor(stored.Data)
	require.NoError(b.t, err)
	client := globalconf.NewClient(globalconf.ClientConfig{Directory: b.t.TempDir(), Now: func() time.Time { return b.now }})
	return client.Update(b.t.Context(), anchor)
}

func (b *bench) parts() []string {
	found, err := filepath.Glob(filepath.Join(b.public, "V*", "[0-9]*", "*.xml"))
	require.NoError(b.t, err)
	return found
}

func (b *bench) events() []string {
	var events []string
	require.NoError(b.t, b.db.View(b.t.Context(), func(tx *database.Tx) error {
		return tx.DB().Raw("SELECT record FROM audit_record ORDER BY id").Scan(&events).Error
	}))
	return events
}

func TestPublishedConfigurationIsWhatASecurityServerReads(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		require.NoError(t, b.service.Generate(t.Context()))

		snapshot, err := b.download(confgen.Internal)
		require.NoError(t, err)
		require.Equal(t, "TEST", snapshot.Instance())
		require.Equal(t, globalconf.MaxVersion, snapshot.Version())
		require.Equal(t, b.now.Add(10*time.Minute), snapshot.Expires().UTC())
		name, ok := snapshot.MemberName(b.id("TEST:GOV:1"))
		require.True(t, ok)
		require.Equal(t, "Member One", name)
		services := snapshot.Private().ManagementService
		require.Equal(t, b.id("TEST:GOV:1:management"), services.Provider)
		require.Equal(t, "https://127.0.0.1:4001/managementservice/", services.AuthCertRegAddress)
		require.Equal(t, []byte("certificate"), services.AuthCertRegCertificate)
		require.Equal(t, "TEST", b.service.Snapshot().Instance())
	})
}

func TestUnchangedRegistryCostsNoNewParts(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		require.NoError(t, b.service.Generate(t.Context()))
		first := b.parts()
		require.Len(t, first, 10) // two parts in each of five versions

		b.now = b.now.Add(time.Minute)
		require.NoError(t, b.service.Generate(t.Context()))
		require.Equal(t, first, b.parts())
		snapshot, err := b.download(confgen.Internal)
		require.NoError(t, err)
		require.Equal(t, b.now.Add(10*time.Minute), snapshot.Expires().UTC(), "the directory is signed anew")

		_, err = b.registry.AddMember(b.do("Add member"), "GOV", "2", "Member Two")
		require.NoError(t, err)
		require.NoError(t, b.service.Generate(t.Context()))
		require.Len(t, b.parts(), 15, "the shared parameters of each version are new, the private ones stay")
	})
}

// A restarted server believes what it published, until that expires, and goes on from it.
func TestResume(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		require.Error(t, b.service.Resume(t.Context()), "nothing has been published")
		require.NoError(t, b.service.Generate(t.Context()))
		first := b.parts()

		b.restart()
		require.Nil(t, b.service.Snapshot())
		require.NoError(t, b.service.Resume(t.Context()))
		require.Equal(t, b.id("TEST:GOV:1:management"), b.service.Snapshot().Private().ManagementService.Provider)
		require.NoError(t, b.service.Login(b.do("Log in to token"), pin))
		b.now = b.now.Add(time.Minute)
		require.NoError(t, b.service.Generate(t.Context()))
		require.Equal(t, first, b.parts(), "unchanged parts keep their places")

		b.now = b.now.Add(time.Hour)
		b.restart()
		require.Equal(t, "global_conf_outdated", fault.CodeOf(b.service.Resume(t.Context())))
		b.now = b.now.Add(-time.Hour)
		require.NoError(t, os.WriteFile(first[0], []byte("something else"), 0o600))
		require.ErrorContains(t, b.service.Resume(t.Context()), "is not what was published")
		require.Nil(t, b.service.Snapshot())
	})
}

func TestOldPartsGoAfterAWhile(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		require.NoError(t, b.service.Generate(t.Context()))
		_, err := b.registry.AddMember(b.do("Add member"), "GOV", "2", "Member Two")
		require.NoError(t, err)
		b.now = b.now.Add(time.Minute)
		require.NoError(t, b.service.Generate(t.Context()))
		_, err = b.registry.AddMember(b.do("Add member"), "GOV", "3", "Member Three")
		require.NoError(t, err)
		b.now = b.now.Add(9 * time.Minute)
		require.NoError(t, b.service.Generate(t.Context()))
		require.Len(t, b.parts(), 20, "a client may be downloading what was named nine minutes ago")

		b.now = b.now.Add(11 * time.Minute)
		require.NoError(t, b.service.Generate(t.Context()))
		require.Len(t, b.parts(), 15, "the first private part is still named, the second shared one is gone")
	})
}

func TestNothingIsPublishedUnlessEverythingIsThere(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(b *bench)
		text  string
	}{
		{"token logged out", func(b *bench) {
			b.prepare()
			require.NoError(b.t, b.service.Logout(b.do("Log out from token")))
		}, "Token is not logged in"},
		{"no provider", func(b *bench) { b.initialize() }, "Management services provider is not configured"},
		{"not initialized", func(*bench) {}, "Central server address is not configured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachBench(t, func(t *testing.T, b *bench) {
				c.spoil(b)
				err := b.service.Generate(t.Context())
				require.Error(t, err)
				require.Equal(t, c.text, fault.From(err).Message)
				require.Equal(t, b.now, b.service.Status().FailingSince)
				entries, err := os.ReadDir(b.public)
				require.NoError(t, err)
				require.Empty(t, entries)
			})
		})
	}
}

func TestInitializationHappensOnce(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		err := b.service.Initialize(b.do("Initialize central server"), "TE:ST", "not an address", pin)
		require.Equal(t, map[string][]string{
			"initialServerConfDto.instanceIdentifier": {"IdentifierChars"}, "initialServerConfDto.centralServerAddress": {"ValidHostAddress"},
		}, fault.From(err).Fields)
		require.Empty(t, b.events())

		b.initialize()
		err = b.service.Initialize(b.do("Initialize central server"), "OTHER", "127.0.0.1", pin)
		require.Equal(t, "init_already_initialized", fault.CodeOf(err))
		status, err := b.service.InitializationStatus(t.Context())
		require.NoError(t, err)
		require.Equal(t, confgen.InitializationStatus{Instance: "TEST", Address: "127.0.0.1", TokenInitialized: true}, status)
		require.Len(t, b.events(), 1)
	})
}

func TestWrongPINLeavesTheTokenClosed(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		require.NoError(t, b.service.Logout(b.do("Log out from token")))
		err := b.service.Login(b.do("Log in to token"), "wrong-pin")
		require.Equal(t, "pin_incorrect", fault.CodeOf(err))
		_, err = b.service.AddSigningKey(b.do("Generate key"), confgen.Internal, "second")
		require.Equal(t, "token_not_active", fault.CodeOf(err))

		require.NoError(t, b.service.Login(b.do("Log in to token"), pin))
		require.NoError(t, b.service.Generate(t.Context()))
	})
}

// Rotation as GCONF describes it: the anchor and the shared parameters carry both certificates before the new key signs.
func TestSigningKeyRotation(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		state, err := b.service.Token(t.Context())
		require.NoError(t, err)
		require.Len(t, state.Keys, 2)
		old := state.Keys[slices.IndexFunc(state.Keys, func(k confgen.SigningKey) bool { return k.Source == confgen.Internal })]
		second, err := b.service.AddSigningKey(b.do("Generate key"), old.Source, "second")
		require.NoError(t, err)
		require.False(t, second.Active)
		_, err = b.service.AddSigningKey(b.do("Generate key"), old.Source, "third")
		require.Equal(t, "signing_key_limit_reached", fault.CodeOf(err))
		require.Equal(t, "signing_key_action_not_possible", fault.CodeOf(b.service.DeleteSigningKey(b.do("Delete signing key"), old.ID)))

		require.NoError(t, b.service.ActivateSigningKey(b.do("Activate signing key"), second.ID))
		require.NoError(t, b.service.DeleteSigningKey(b.do("Delete signing key"), old.ID))
		require.NoError(t, b.service.Generate(t.Context()))
		_, err = b.download(old.Source)
		require.NoError(t, err)
		require.Contains(t, b.events()[len(b.events())-1], `"event":"Delete `)
		require.Equal(t, "signing_key_not_found", fault.CodeOf(b.service.DeleteSigningKey(b.do("Delete signing key"), old.ID)))
	})
}

func TestAddressChangeRecreatesAnchors(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		before, err := b.service.Anchor(t.Context(), confgen.External)
		require.NoError(t, err)
		err = b.service.SetAddress(b.do("Edit central server address"), "a b")
		require.Equal(t, "Central server address must be DNS name or IP address", fault.From(err).Message)
		require.NoError(t, b.service.SetAddress(b.do("Edit central server address"), "central.example.org"))
		after, err := b.service.Anchor(t.Context(), confgen.External)
		require.NoError(t, err)
		require.NotEqual(t, before.Hash, after.Hash)
		require.Contains(t, string(after.Data), "http://central.example.org:")
	})
}

func TestRunGeneratesOnChange(t *testing.T) {
	eachBench(t, func(t *testing.T, b *bench) {
		b.prepare()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.service.Run(ctx) }()
		require.Eventually(t, func() bool { return b.service.Snapshot() != nil }, 10*time.Second, 10*time.Millisecond)
		_, err := b.registry.AddMember(b.do("Add member"), "GOV", "2", "Member Two")
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			_, known := b.service.Snapshot().MemberName(b.id("TEST:GOV:2"))
			return known
		}, 10*time.Second, 10*time.Millisecond)
		cancel()
		require.NoError(t, <-done)
	})
}
