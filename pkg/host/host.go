package host

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/database/auditdb"
	"github.com/ristmik/ristmik/pkg/database/authdb"
	"github.com/ristmik/ristmik/pkg/httpapi"
	"github.com/ristmik/ristmik/pkg/observe"
)

// Program is what tells the daemons apart here.
type Program struct {
	Name        string // centralserver or securityserver
	Application string // its name in audit lines: audit.CentralServer or audit.SecurityServer
	Migrations  func(driver string) fs.FS
	Policy      auth.Policy
	Spec        []byte // OpenAPI file
}

// Host is an opened data directory with everything both daemons need.
type Host struct {
	Program Program
	Config  Config
	Log     *zap.Logger
	DB      *database.DB
	Auth    *auth.Service
	Metrics *prometheus.Registry
	Now     func() time.Time
	Rand    io.Reader
}

// Open opens the database and, when migrate is set or the database is SQLite, brings it up to date; another database must be up to date.
func Open(ctx context.Context, p Program, c Config, migrate bool) (*Host, error) {
	log, err := observe.Logger(os.Stderr, c.Log.Level)
	if err != nil {
		return nil, err
	}
	h := &Host{Program: p, Config: c, Log: log, Metrics: observe.Registry(), Now: time.Now, Rand: rand.Reader}
	where, err := c.databaseConfig()
	if err != nil {
		return nil, err
	}
	where.Log = log
	if h.DB, err = database.Open(ctx, where, h.Now); err != nil {
		return nil, err
	}
	files := p.Migrations(where.Driver)
	if migrate || where.Driver == database.SQLite {
		err = h.DB.Migrate(ctx, files)
	} else {
		err = h.DB.CheckMigrated(ctx, files)
	}
	if err != nil {
		return nil, errors.Join(err, h.DB.Close())
	}
	h.Auth = auth.New(auth.Config{Store: authdb.New(h.DB), Policy: p.Policy, Now: h.Now, Rand: h.Rand})
	return h, nil
}

// Close ends the database connections.
func (h *Host) Close() error { return h.DB.Close() }

// Admin makes the part that serves the administrators: register adds the API's handlers.
func (h *Host) Admin(register func(*httpapi.Server)) (daemon.Part, error) {
	server, err := httpapi.New(httpapi.Config{Spec: h.Program.Spec, Auth: h.Auth, DB: h.DB, Log: h.Log, Now: h.Now, Rand: h.Rand, Registry: h.Metrics,
		PerSecond: h.Config.RequestsPerSecond, PerMinute: h.Config.RequestsPerMinute})
	if err != nil {
		return daemon.Part{}, err
	}
	register(server)
	pair, err := h.TLS("admin")
	if err != nil {
		return daemon.Part{}, err
	}
	listener, err := h.Listen(h.Config.AdminPort)
	if err != nil {
		return daemon.Part{}, err
	}
	return daemon.HTTP("admin", h.Log, listener, server, daemon.TLS(pair)), nil
}

// TLS gives the key pair of a door, made on first use in the folder tls of the data directory.
func (h *Host) TLS(door string) (*tls.Certificate, error) {
	file, err := h.Config.Path("tls", door)
	if err != nil {
		return nil, err
	}
	return daemon.SelfSigned(h.Now(), filepath.Dir(file), door, daemon.P256, h.Config.Bind)
}

// Listen opens a door on the bind address.
func (h *Host) Listen(port int) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(h.Config.Bind, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("opening port %d: %w", port, err)
	}
	return listener, nil
}

// auditInterval is how often new audit records are copied to the file.
const auditInterval = time.Second

// audit is the part that copies audit records to audit.log.
func (h *Host) audit() (daemon.Part, error) {
	file, err := h.Config.Path("audit.log")
	if err != nil {
		return daemon.Part{}, err
	}
	name, err := os.Hostname()
	if err != nil {
		return daemon.Part{}, fmt.Errorf("reading the host name: %w", err)
	}
	log := audit.NewLog(file, name, h.Program.Application, auditdb.NewSource(h.DB))
	return daemon.Part{Name: "audit log", Run: func(ctx context.Context) error { return log.Run(ctx, h.Log, auditInterval) }}, nil
}

// Common is the parts that both daemons run beside their own: the audit log, and metrics and health when a port is configured. ready are the checks behind
// /readyz; the database is always one.
func (h *Host) Common(ready ...observe.Check) ([]daemon.Part, error) {
	log, err := h.audit()
	if err != nil || h.Config.MetricsPort == 0 {
		return []daemon.Part{log}, err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(h.Config.MetricsPort)))
	if err != nil {
		return nil, fmt.Errorf("opening port %d: %w", h.Config.MetricsPort, err)
	}
	checks := append(ready, observe.Check{Name: "database", Run: h.DB.Ping})
	return []daemon.Part{log, daemon.HTTP("metrics", h.Log, listener, observe.Handler(h.Metrics, h.Log, checks...), nil)}, nil
}
