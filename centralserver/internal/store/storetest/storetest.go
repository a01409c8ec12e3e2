// Package storetest gives tests a central server's registry on real databases, with members, a certification service, and ways to look at
// what changed.
package storetest

import (
	"context"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
	"github.com/ristmik/ristmik/schema"
)

// World is instance EE with class GOV, members EE:GOV:1 (Member One, subsystem EE:GOV:1:ms) and EE:GOV:2 (Member Two), and an approved CA.
type World struct {
	t          *testing.T
	DB         *database.DB
	Store      *store.Store
	Registry   *registry.Service
	Management *management.Service
	Trust      *trust.Service
	CA         *testca.CA
}

// Start is the time of every transaction in a World.
func Start() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

// Migrations are those of the central server.
func Migrations(driver string) fs.FS { return schema.Migrations("central", driver) }

// Each runs fn in a new World on each database.
func Each(t *testing.T, settings management.Settings, fn func(t *testing.T, w *World)) {
	t.Helper()
	testkit.EachDatabaseAt(t, Start, Migrations, func(t *testing.T, db *database.DB) { fn(t, New(t, db, settings)) })
}

// New fills a migrated database.
func New(t *testing.T, db *database.DB, settings management.Settings) *World {
	t.Helper()
	s := store.New(db)
	w := &World{t: t, DB: db, Store: s, Registry: registry.New(s.Registry()), Management: management.New(s.Management(), settings), Trust: trust.New(s.Trust())}
	var err error
	w.CA, err = testca.New(testca.Config{Now: Start})
	require.NoError(t, err)
	require.NoError(t, s.Registry().Update(w.Do(), func(tx registry.Tx) error {
		return firstError(tx.SetParameter(registry.ParameterInstance, "EE"), tx.SetParameter(registry.ParameterAddress, "127.0.0.10"),
			tx.EnsureGroup(registry.OwnersGroup, registry.OwnersGroupDescription))
	}))
	_, err = w.Registry.AddMemberClass(w.Do(), "GOV", "Government")
	require.NoError(t, err)
	_, err = w.Registry.AddMember(w.Do(), "GOV", "1", "Member One")
	require.NoError(t, err)
	_, err = w.Registry.AddMember(w.Do(), "GOV", "2", "Member Two")
	require.NoError(t, err)
	_, err = w.Registry.AddSubsystem(w.Do(), "GOV", "1", "ms", "Management")
	require.NoError(t, err)
	_, err = w.Trust.AddCertificationService(w.Do(), w.CA.Certificate().Raw, trust.Settings{ProfileClass: "BasicCertificateProfileInfoProvider"})
	require.NoError(t, err)
	return w
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Do is a context with an audit scope, as the doors give it to each operation.
func (w *World) Do() context.Context {
	return audit.Begin(w.t.Context(), "Test event", audit.Actor{User: "tester"})
}

// Client parses an identifier.
func (w *World) Client(encoded string) identifier.ClientID {
	w.t.Helper()
	id, err := identifier.ParseClientID(encoded)
	require.NoError(w.t, err)
	return id
}

// Server parses an identifier.
func (w *World) Server(encoded string) identifier.SecurityServerID {
	w.t.Helper()
	id, err := identifier.ParseSecurityServerID(encoded)
	require.NoError(w.t, err)
	return id
}

// AuthCertificate issues a new authentication certificate for a server, as DER.
func (w *World) AuthCertificate(server string) []byte {
	w.t.Helper()
	id := w.Server(server)
	issued, err := w.CA.Issue(testca.Spec{Usage: certificate.Authentication, Member: id.Owner(), ServerCode: id.ServerCode()})
	require.NoError(w.t, err)
	return issued.Certificate.Raw
}

// tables are what State looks at; the generation is not part of it.
var tables = []string{"identifier", "member_class", "member", "subsystem", "security_server", "server_client", "authentication_certificate", "global_group",
	"global_group_member", "approved_ca", "intermediate_ca", "ocsp_responder", "timestamping_service", "request_processing", "management_request", "system_parameter", "trusted_anchor"}

// State is the registry as text: equal texts are equal registries.
func (w *World) State() string {
	w.t.Helper()
	return testkit.Dump(w.t, w.DB, tables...)
}

// Generation is the number of changes so far.
func (w *World) Generation() int64 { return w.Count("SELECT number FROM configuration_generation") }

// Count runs a query for one number.
func (w *World) Count(query string, values ...any) (n int64) {
	w.t.Helper()
	require.NoError(w.t, w.DB.View(w.t.Context(), func(tx *database.Tx) error { return tx.DB().Raw(query, values...).Row().Scan(&n) }))
	return n
}

// LastAudit is the newest audit record, JSON.
func (w *World) LastAudit() (record string) {
	w.t.Helper()
	require.NoError(w.t, w.DB.View(w.t.Context(), func(tx *database.Tx) error {
		return tx.DB().Raw("SELECT record FROM audit_record ORDER BY id DESC LIMIT 1").Row().Scan(&record)
	}))
	return record
}

// Refused asserts that do fails with this code and exactly this message, that nothing has changed, and what the failure's audit record names.
func (w *World) Refused(t *testing.T, do func(ctx context.Context) error, code, message, event string) {
	t.Helper()
	before, generation, ctx := w.State(), w.Generation(), w.Do()
	err := do(ctx)
	require.Error(t, err)
	f := fault.From(err)
	require.Equal(t, code, f.Code, "%v", err)
	require.Equal(t, message, f.Message)
	require.Equal(t, before, w.State(), "the registry must not have changed")
	require.Equal(t, generation, w.Generation())
	require.False(t, audit.Written(ctx))
	record := string(audit.Failure(ctx, err).JSON())
	require.Contains(t, record, `"event":"`+event+` failed"`)
}
