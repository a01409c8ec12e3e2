package host_test

import (
	"context"
	"crypto/tls"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/config"
	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/pkg/httpapi"
	"github.com/ristmik/ristmik/pkg/observe"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/schema"
)

const spec = `openapi: 3.0.3
info: {title: test, version: "1"}
paths: {}
`

func program() host.Program {
	return host.Program{
		Name: "test", Application: audit.CentralServer, Spec: []byte(spec), Policy: auth.Policy{"OFFICER": {"VIEW"}},
		Migrations: func(driver string) fs.FS { return schema.Migrations("central", driver) },
	}
}

type settings struct {
	host.Config `yaml:",inline"`
}

func (s *settings) Shared() *host.Config { return &s.Config }

func defaults(folder string) *settings {
	s := &settings{host.Defaults(folder)}
	s.Bind = "127.0.0.1"
	return s
}

func TestConfigurationIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		"data_directory: ''":                                  "data_directory is missing",
		"bind: here":                                          `bind: "here" is not an IP address`,
		"admin_port: 0":                                       "admin_port: 0 is not a port",
		"metrics_port: 70000":                                 "metrics_port: 70000 is not a port",
		"requests_per_minute: 0":                              "requests_per_second and requests_per_minute must be positive",
		"database: {driver: oracle}":                          `database.driver: "oracle" is neither sqlite nor postgres`,
		"database: {driver: postgres}":                        "database.dsn_file is missing",
		"database: {dsn_file: x}":                             "database.dsn_file belongs to the driver postgres",
		"admin_prot: 1":                                       "line 1: unknown key admin_prot",
		"bind: 127.0.0.1\ndatabase: {driver: sqlite}":         "",
		"database: {driver: postgres, dsn_file: secrets/dsn}": "",
	} {
		err := config.Parse([]byte(text), defaults("/var/lib/test"))
		if want == "" {
			require.NoError(t, err, text)
		} else {
			require.EqualError(t, err, want, text)
		}
	}
}

// The commands of the first day: migrate, add a user, look at the configuration.
func TestCommands(t *testing.T) {
	folder := t.TempDir()
	file, password := filepath.Join(folder, "config.yaml"), filepath.Join(folder, "password")
	require.NoError(t, os.WriteFile(file, []byte("bind: 127.0.0.1\n"), 0o600))
	require.NoError(t, os.WriteFile(password, []byte("long enough\n"), 0o600))
	at := host.File{Config: file}
	require.NoError(t, (&host.ConfigCheck{File: at}).Run(defaults(folder)))
	require.NoError(t, (&host.ConfigPrint{File: at}).Run(defaults(folder)))
	require.NoError(t, (&host.MigrateCommand{File: at}).Run(t.Context(), program(), defaults(folder)))

	add := &host.UserAdd{Name: "anna", File: at, PasswordFile: password, Role: []string{"EMPEROR"}}
	require.ErrorContains(t, add.Run(t.Context(), program(), defaults(folder)), "invalid_role")
	add.Role = []string{"OFFICER"}
	require.NoError(t, add.Run(t.Context(), program(), defaults(folder)))
	require.NoError(t, (&host.UserList{File: at}).Run(t.Context(), program(), defaults(folder)))

	h, err := host.Open(t.Context(), program(), defaults(folder).Config, false)
	require.NoError(t, err)
	_, err = h.Auth.Login(t.Context(), "anna", "long enough", "127.0.0.1")
	require.NoError(t, err)
	require.NoError(t, h.Close())

	remove := &host.UserRemove{Name: "anna", File: at}
	require.NoError(t, remove.Run(t.Context(), program(), defaults(folder)))
	require.ErrorContains(t, remove.Run(t.Context(), program(), defaults(folder)), "user_not_found")
}

// A PostgreSQL database is never migrated by starting a server: two programs of different versions may share it.
func TestPostgresIsMigratedOnPurposeOnly(t *testing.T) {
	folder := t.TempDir()
	c := defaults(folder).Config
	c.Database = host.Database{Driver: "postgres", DSNFile: filepath.Join(folder, "dsn")}
	require.NoError(t, os.WriteFile(c.Database.DSNFile, []byte(testkit.Postgres(t)), 0o600))
	_, err := host.Open(t.Context(), program(), c, false)
	require.ErrorContains(t, err, "run migrate first")
	h, err := host.Open(t.Context(), program(), c, true)
	require.NoError(t, err)
	require.NoError(t, h.Close())
	h, err = host.Open(t.Context(), program(), c, false)
	require.NoError(t, err)
	require.NoError(t, h.Close())
}

func TestDoorsMetricsAndHealth(t *testing.T) {
	c := defaults(t.TempDir()).Config
	c.AdminPort, c.MetricsPort = freePort(t), freePort(t)
	h, err := host.Open(t.Context(), program(), c, false)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	var broken error
	admin, err := h.Admin(func(*httpapi.Server) {})
	require.NoError(t, err)
	common, err := h.Common(observe.Check{Name: "thing", Run: func(context.Context) error { return broken }})
	require.NoError(t, err)
	require.Len(t, common, 2)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- daemon.Daemon{Log: h.Log}.Run(ctx, append(common, admin)...) }()

	require.Equal(t, http.StatusOK, status(t, "https", c.AdminPort, "/api/v1/openapi.yaml"))
	require.Equal(t, http.StatusOK, status(t, "http", c.MetricsPort, "/metrics"))
	require.Equal(t, http.StatusOK, status(t, "http", c.MetricsPort, "/readyz"))
	broken = io.ErrUnexpectedEOF
	require.Equal(t, http.StatusServiceUnavailable, status(t, "http", c.MetricsPort, "/readyz"))
	stop()
	require.NoError(t, <-done)

	pair, err := h.TLS("admin")
	require.NoError(t, err)
	again, err := h.TLS("admin")
	require.NoError(t, err)
	require.Equal(t, pair.Certificate, again.Certificate, "the key pair is made once")
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func status(t *testing.T, scheme string, port int, path string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: 10 * time.Second} //nolint:gosec // the server's own self-signed certificate
	response, err := client.Get(scheme + "://127.0.0.1:" + strconv.Itoa(port) + path)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode
}
