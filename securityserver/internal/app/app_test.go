package app_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/config"
	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/securityserver/internal/app"
)

func TestConfig(t *testing.T) {
	good := app.DefaultConfig()
	require.NoError(t, config.Parse([]byte("bind: 127.0.0.30\nglobal_configuration: {interval: 1s}\nocsp: {interval: 10s, retry: 1s}\n"), good))
	require.Equal(t, "127.0.0.30", good.Bind)
	for _, c := range []struct{ file, want string }{
		{"bnd: x", "line 1: unknown key bnd"},
		{"bind: here", `bind: "here" is not an IP address`},
		{"client_port: 70000", "client_port: 70000 is not a port"},
		{"ocsp: {interval: 0s}", "global_configuration.interval, ocsp.interval and ocsp.retry must be positive"},
		{"keys: {algorithm: DSA}", `keys.algorithm: "DSA" is not known`},
	} {
		require.EqualError(t, config.Parse([]byte(c.file), app.DefaultConfig()), c.want)
	}
}

// waits tells when the daemon says that it is ready.
type waits chan string

func (w waits) Write(p []byte) (int, error) { w <- string(p); return len(p), nil }

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestServerStartsUninitializedAndStops(t *testing.T) {
	c := app.DefaultConfig()
	c.DataDirectory, c.Bind, c.Log.Level = t.TempDir(), "127.0.0.1", "error"
	for _, port := range []*int{&c.AdminPort, &c.ServerPort, &c.OCSPPort, &c.ClientPort, &c.ClientTLSPort} {
		*port = freePort(t)
	}
	pin := filepath.Join(c.DataDirectory, "pin")
	require.NoError(t, os.WriteFile(pin, []byte("1234"), 0o600))
	c.Token.PINFile = pin // no token yet: nothing to open
	require.NoError(t, c.Validate())
	h, err := host.Open(t.Context(), app.Program(), c.Config, true)
	require.NoError(t, err)
	defer h.Close()
	a, err := app.New(h, c, "test")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(waits, 1), make(chan error, 1)
	go func() { ended <- a.Run(ctx, daemon.Daemon{Log: zap.NewNop(), Out: ready}) }()
	require.Equal(t, "ready 127.0.0.1\n", <-ready)

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	get := func(url string) string {
		response, err := client.Get(url)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return strings.TrimSpace(string(body))
	}
	require.Equal(t, "OK", get("https://127.0.0.1:"+strconv.Itoa(c.AdminPort)+"/healthz"))
	require.Contains(t, get("http://127.0.0.1:"+strconv.Itoa(c.ClientPort)+"/"), "Must use POST request method instead of GET")
	require.Contains(t, get("https://127.0.0.1:"+strconv.Itoa(c.ClientTLSPort)+"/"), "Must use POST request method instead of GET")
	n, err := app.Export(t.Context(), h, "none", t.TempDir())
	require.NoError(t, err)
	require.Zero(t, n)
	cancel()
	require.NoError(t, <-ended)
}
