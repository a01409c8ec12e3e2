// Package worldtest is a security server's surroundings for tests: both databases, a certification service with a responder, a global
// configuration that tests publish, and a central server that answers as it is told.
package worldtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/pkg/testkit/testca"
	"github.com/ristmik/ristmik/pkg/token"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
	"github.com/ristmik/ristmik/securityserver/internal/ownserver"
	"github.com/ristmik/ristmik/securityserver/internal/service"
	"github.com/ristmik/ristmik/securityserver/internal/setup"
	"github.com/ristmik/ristmik/securityserver/internal/store"
)

// PIN opens the software token of the world.
const PIN = "1234-abcd"

// Start is when the world's clock starts.
var Start = time.Now().UTC().Truncate(time.Second)

// World is an initialized security server EE/GOV/1/ss1 with nothing registered.
type World struct {
	T         *testing.T
	DB        *database.DB
	Store     *store.Store
	CA        *testca.CA
	Responder *httptest.Server
	Conf      *Conf
	Sender    *Sender
	Owner     identifier.ClientID
	Server    identifier.SecurityServerID

	ClientsConfig client.Config
	Clients       *client.Service
	Keys          *keys.Keys
	Services      *service.Services
	Setup         *setup.Setup
	Self          *ownserver.Service

	mu    sync.Mutex
	ahead time.Duration
}

// Migrations are those of the security server.
func Migrations(driver string) fs.FS { return schema.Migrations("security", driver) }

// Each runs fn in a fresh world on each database.
func Each(t *testing.T, fn func(t *testing.T, w *World)) {
	t.Helper()
	testkit.EachDatabase(t, Migrations, func(t *testing.T, db *database.DB) { fn(t, New(t, db)) })
}

// New makes a world over a migrated database.
func New(t *testing.T, db *database.DB) *World {
	t.Helper()
	w := Bare(t, db)
	require.NoError(t, w.Setup.Upload(w.Ctx("Initialize anchor"), w.Anchor()))
	require.NoError(t, w.Setup.Initialize(w.Ctx("Initialize server configuration"), setup.Initial{OwnerClass: "GOV", OwnerCode: "1", ServerCode: "ss1", PIN: PIN}))
	return w
}

// Bare is New before the anchor and the initialization.
func Bare(t *testing.T, db *database.DB) *World {
	t.Helper()
	w := &World{T: t, DB: db, Store: store.New(db), Conf: &Conf{}, Sender: &Sender{}, Owner: Client(t, "EE:GOV:1")}
	var err error
	w.Server, err = identifier.NewSecurityServer(w.Owner, "ss1")
	require.NoError(t, err)
	w.CA, err = testca.New(testca.Config{Now: w.Now})
	require.NoError(t, err)
	w.Responder = httptest.NewServer(w.CA.OCSPHandler())
	t.Cleanup(w.Responder.Close)
	w.Conf.w, w.Sender.w = w, w

	w.Setup = setup.New(setup.Config{Store: w.Store.Setup(), Conf: w.Conf, Now: w.Now, Rand: rand.Reader,
		Download: func(context.Context, *globalconf.Anchor) (*globalconf.Snapshot, error) { return w.Conf.Current(), nil }})
	w.Keys = keys.New(keys.Config{Store: w.Store.Keys(), Conf: w.Conf, Sender: w.Sender, HTTP: http.DefaultClient, Algorithm: token.P256, Now: w.Now,
		Rand: rand.Reader, Log: zap.NewNop()})
	t.Cleanup(w.Keys.Close)
	w.ClientsConfig = client.Config{Store: w.Store.Clients(), Conf: w.Conf, Sender: w.Sender, Now: w.Now, Rand: rand.Reader, Log: zap.NewNop()}
	w.Clients = client.New(w.ClientsConfig)
	w.Self = ownserver.New(ownserver.Config{Store: w.Store.Server(), Conf: w.Conf, Sender: w.Sender, Now: w.Now, Rand: rand.Reader, Log: zap.NewNop()})
	w.Services = service.New(service.Config{Store: w.Store.Services(), Conf: w.Conf, HTTP: http.DefaultClient, Now: w.Now})
	w.Conf.Publish()
	return w
}

// Anchor is the anchor file of the world's instance.
func (w *World) Anchor() []byte {
	anchor := globalconf.Anchor{GeneratedAt: Start, Instance: "EE", Sources: []globalconf.AnchorSource{{DownloadURL: "http://cs/internalconf",
		Certificates: [][]byte{w.CA.Certificate().Raw}}}}
	return anchor.Encode()
}

// Now is the world's clock: the machine's, moved by Advance.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// Advance moves the clock.
func (w *World) Advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

// Ctx is a context with an audit scope, as the REST shell makes one for each operation.
func (w *World) Ctx(event string) context.Context {
	return audit.Begin(w.T.Context(), event, audit.Actor{User: "tester"})
}

// Client parses a client identifier.
func Client(t testing.TB, encoded string) identifier.ClientID {
	t.Helper()
	id, err := identifier.ParseClientID(encoded)
	require.NoError(t, err)
	return id
}

// Records are the audit records of an event, oldest first.
func (w *World) Records(event string) []map[string]any {
	w.T.Helper()
	var raw []string
	require.NoError(w.T, w.DB.View(w.T.Context(), func(tx *database.Tx) error {
		return tx.DB().Raw("SELECT record FROM audit_record ORDER BY id").Scan(&raw).Error
	}))
	var found []map[string]any
	for _, r := range raw {
		var record map[string]any
		require.NoError(w.T, json.Unmarshal([]byte(r), &record))
		if record["event"] == event {
			found = append(found, record)
		}
	}
	return found
}

// Refused asks that err is a fault with this code and message, and that the event left no record of success.
func (w *World) Refused(err error, event, code, message string) {
	w.T.Helper()
	require.Error(w.T, err)
	f := fault.From(err)
	require.Equal(w.T, code, f.Code, err.Error())
	require.Equal(w.T, message, f.Message)
	require.Empty(w.T, w.Records(event))
}

// Login opens the software token.
func (w *World) Login() {
	w.T.Helper()
	require.NoError(w.T, w.Keys.Login(w.Ctx("Log in to token"), keys.SoftToken, PIN))
}

// Certify makes a key with a request, has the certification service sign it, and gives the certificate's DER without importing it.
func (w *World) Certify(usage certificate.Usage, member identifier.ClientID) []byte {
	w.T.Helper()
	spec := keys.RequestSpec{Usage: usage, Authority: "Test CA", Member: member, Format: keys.PEM}
	_, r, err := w.Keys.GenerateKeyAndRequest(w.Ctx("Generate key and CSR"), keys.SoftToken, "", spec)
	require.NoError(w.T, err)
	c, err := w.CA.Sign(r.DER, usage)
	require.NoError(w.T, err)
	return c.Raw
}

// Import certifies and imports.
func (w *World) Import(usage certificate.Usage, member identifier.ClientID) keys.Certificate {
	w.T.Helper()
	c, err := w.Keys.Import(w.Ctx("Import certificate from file"), w.Certify(usage, member))
	require.NoError(w.T, err)
	return c
}

// Conf is the global configuration that the test published.
type Conf struct {
	w        *World
	mu       sync.Mutex
	snapshot *globalconf.Snapshot
}

// Current gives it.
func (c *Conf) Current() *globalconf.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot
}

// Option changes what is published.
type Option func(private *globalconf.PrivateParameters, shared *globalconf.SharedParameters, expire *time.Time)

// Listed makes a server of this owner that lists these clients and authentication certificates (DER).
func Listed(owner identifier.ClientID, clients []identifier.ClientID, certificates ...[]byte) Option {
	return func(_ *globalconf.PrivateParameters, shared *globalconf.SharedParameters, _ *time.Time) {
		id, _ := identifier.NewSecurityServer(owner, "ss1")
		shared.SecurityServers = append(shared.SecurityServers, globalconf.SecurityServer{ID: id, Address: "ss1.example", Clients: clients,
			AuthCertificates: certificates, AuthCertHashes: hashes(certificates)})
	}
}

// Expired makes it expired.
func Expired(_ *globalconf.PrivateParameters, _ *globalconf.SharedParameters, expire *time.Time) {
	*expire = Start.Add(-time.Hour)
}

// ProviderIs names the provider of the management services.
func ProviderIs(id identifier.ClientID) Option {
	return func(private *globalconf.PrivateParameters, _ *globalconf.SharedParameters, _ *time.Time) {
		private.ManagementService.Provider = id
	}
}

// Publish makes a configuration of instance EE: members GOV/1 to GOV/3 and COM/9, each with a subsystem "sub", group "owners" with GOV/1.
func (c *Conf) Publish(options ...Option) *globalconf.Snapshot {
	t := c.w.T
	t.Helper()
	shared := &globalconf.SharedParameters{InstanceIdentifier: "EE",
		ApprovedCAs: []globalconf.ApprovedCA{{Name: "Test CA", CertificateProfile: "EjbcaCertificateProfileInfoProvider",
			TopCA: globalconf.CA{Certificate: c.w.CA.Certificate().Raw,
				Responders: []globalconf.Responder{{URL: c.w.Responder.URL, Certificate: c.w.CA.OCSPCertificate().Raw}}}}},
		ApprovedTSAs: []globalconf.ApprovedTSA{{Name: "Test TSA", URL: "http://tsa.example", Certificate: c.w.CA.TSACertificate().Raw}},
		GlobalSettings: globalconf.GlobalSettings{OCSPFreshness: time.Hour,
			MemberClasses: []globalconf.MemberClass{{Code: "GOV", Description: "Government"}, {Code: "COM", Description: "Commerce"}}},
		GlobalGroups: []globalconf.GlobalGroup{{Code: "owners", Description: "Owners", Members: []identifier.ClientID{c.w.Owner}}},
	}
	for _, encoded := range []string{"EE:GOV:1", "EE:GOV:2", "EE:GOV:3", "EE:COM:9"} {
		member := Client(t, encoded)
		subsystem, err := member.Subsystem("sub")
		require.NoError(t, err)
		shared.Members = append(shared.Members, globalconf.Member{ID: member, Name: "Member " + member.MemberCode(),
			Subsystems: []globalconf.Subsystem{{ID: subsystem, Name: "Subsystem"}}})
	}
	private := &globalconf.PrivateParameters{InstanceIdentifier: "EE", TimeStampingInterval: time.Minute}
	expire := Start.Add(240 * time.Hour)
	for _, o := range options {
		o(private, shared, &expire)
	}
	snapshot, err := globalconf.NewSnapshot(private, []*globalconf.SharedParameters{shared}, 5, expire)
	require.NoError(t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot = snapshot
	return snapshot
}

func hashes(certificates [][]byte) [][]byte {
	var list [][]byte
	for _, der := range certificates {
		if c, err := certificate.ParseFile(der); err == nil {
			list = append(list, certificate.HashSHA256(c))
		}
	}
	return list
}

// Sender is the way to a central server that answers what the test says.
type Sender struct {
	w      *World
	Err    error                     // the answer; nil is request 42
	During func(ctx context.Context) // runs while the request is on its way
	Sent   []string                  // kind and subject
}

func (s *Sender) send(ctx context.Context, parts ...string) (int64, error) {
	require.False(s.w.T, database.InTransaction(ctx), "a request was sent inside a transaction")
	s.Sent = append(s.Sent, strings.Join(parts, " "))
	if s.During != nil {
		s.During(ctx)
	}
	if s.Err != nil {
		return 0, s.Err
	}
	return 42, nil
}

// RegisterClient sends clientReg.
func (s *Sender) RegisterClient(ctx context.Context, _ identifier.SecurityServerID, c identifier.ClientID, name string) (int64, error) {
	return s.send(ctx, strings.TrimSpace("clientReg "+c.Encoded()+" "+name))
}

// DeleteClient sends clientDeletion.
func (s *Sender) DeleteClient(ctx context.Context, _ identifier.SecurityServerID, c identifier.ClientID) (int64, error) {
	return s.send(ctx, "clientDeletion", c.Encoded())
}

// DisableClient sends clientDisable.
func (s *Sender) DisableClient(ctx context.Context, _ identifier.SecurityServerID, c identifier.ClientID) (int64, error) {
	return s.send(ctx, "clientDisable", c.Encoded())
}

// EnableClient sends clientEnable.
func (s *Sender) EnableClient(ctx context.Context, _ identifier.SecurityServerID, c identifier.ClientID) (int64, error) {
	return s.send(ctx, "clientEnable", c.Encoded())
}

// RenameClient sends clientRename.
func (s *Sender) RenameClient(ctx context.Context, _ identifier.SecurityServerID, c identifier.ClientID, name string) (int64, error) {
	return s.send(ctx, "clientRename", c.Encoded(), name)
}

// ChangeOwner sends ownerChange.
func (s *Sender) ChangeOwner(ctx context.Context, _ identifier.SecurityServerID, owner identifier.ClientID) (int64, error) {
	return s.send(ctx, "ownerChange", owner.Encoded())
}

// ChangeAddress sends addressChange.
func (s *Sender) ChangeAddress(ctx context.Context, _ identifier.SecurityServerID, address string) (int64, error) {
	return s.send(ctx, "addressChange", address)
}

// EnableMaintenance sends maintenanceModeEnable.
func (s *Sender) EnableMaintenance(ctx context.Context, _ identifier.SecurityServerID, message string) (int64, error) {
	return s.send(ctx, strings.TrimSpace("maintenanceModeEnable "+message))
}

// DisableMaintenance sends maintenanceModeDisable.
func (s *Sender) DisableMaintenance(ctx context.Context, _ identifier.SecurityServerID) (int64, error) {
	return s.send(ctx, "maintenanceModeDisable")
}

// RegisterAuthCertificate sends authCertReg; the key must be there.
func (s *Sender) RegisterAuthCertificate(ctx context.Context, _ identifier.SecurityServerID, address string, auth signature.Credential) (int64, error) {
	require.NotNil(s.w.T, auth.Signer)
	return s.send(ctx, "authCertReg", address)
}

// DeleteAuthCertificate sends authCertDeletion.
func (s *Sender) DeleteAuthCertificate(ctx context.Context, _ identifier.SecurityServerID, _ []byte) (int64, error) {
	return s.send(ctx, "authCertDeletion")
}
