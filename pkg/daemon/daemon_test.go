package daemon_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/daemon"
)

func waits(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestOneThatFailsStopsAll(t *testing.T) {
	stop := errors.New("port taken")
	stopped := false
	err := daemon.Daemon{Log: zap.NewNop()}.Run(t.Context(),
		daemon.Part{Name: "loop", Run: func(ctx context.Context) error { defer func() { stopped = true }(); return waits(ctx) }},
		daemon.Part{Name: "listener", Run: func(context.Context) error { return stop }})
	require.ErrorIs(t, err, stop)
	require.EqualError(t, err, "listener: port taken")
	require.True(t, stopped)

	err = daemon.Daemon{Log: zap.NewNop()}.Run(t.Context(), daemon.Part{Name: "a", Run: func(context.Context) error { return nil }})
	require.EqualError(t, err, "a: ended by itself")
	err = daemon.Daemon{Log: zap.NewNop()}.Run(t.Context(), daemon.Part{Name: "a", Run: func(context.Context) error { panic("x") }})
	require.EqualError(t, err, "a: panic: x")
}

// signalled is a place for the ready line that sends a signal when it comes.
type signalled struct {
	bytes.Buffer
	signal syscall.Signal
}

func (s *signalled) Write(p []byte) (int, error) {
	defer func() { _ = syscall.Kill(os.Getpid(), s.signal) }()
	return s.Buffer.Write(p)
}

func TestSignalStopsAndReadyIsSaid(t *testing.T) {
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "n"), Net: "unixgram"})
	require.NoError(t, err)
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", manager.LocalAddr().String())

	out := &signalled{signal: syscall.SIGTERM}
	require.NoError(t, daemon.Daemon{Log: zap.NewNop(), Out: out, Ready: "127.0.0.1:1"}.Run(t.Context(), daemon.Part{Name: "a", Run: waits}))
	require.Equal(t, "ready 127.0.0.1:1\n", out.String())
	said := make([]byte, 100)
	n, err := manager.Read(said)
	require.NoError(t, err)
	require.Equal(t, "READY=1", string(said[:n]))
	n, err = manager.Read(said)
	require.NoError(t, err)
	require.Equal(t, "STOPPING=1", string(said[:n]))
}

func TestPartThatDoesNotStopIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		cancel()
		begin := time.Now()
		err := daemon.Daemon{Log: zap.NewNop()}.Run(ctx, daemon.Part{Name: "deaf", Run: func(context.Context) error { <-release; return nil }})
		require.EqualError(t, err, "not all parts stopped within 10s")
		require.Equal(t, daemon.Grace, time.Since(begin))
		close(release)
	})
}

func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		ran := 0
		part := daemon.Loop("l", zap.NewNop(), time.Minute, func(context.Context) error { ran++; return errors.New("goes on") })
		require.NoError(t, part.Run(ctx))
		require.Equal(t, 3, ran)
	})
}

func TestHTTPFinishesWhatRuns(t *testing.T) {
	for _, kind := range []daemon.KeyType{daemon.P256, daemon.RSA} {
		pair, err := daemon.SelfSigned(time.Now(), t.TempDir(), "tls", kind, "localhost", "127.0.0.1")
		require.NoError(t, err)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		inside := make(chan struct{})
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(inside)
			cancel()
			if r.Context().Err() == nil {
				_, _ = io.WriteString(w, "finished")
			}
		})
		ended := make(chan error, 1)
		go func() { ended <- daemon.HTTP("admin", zap.NewNop(), l, h, daemon.TLS(pair)).Run(ctx) }()

		roots := x509.NewCertPool()
		roots.AddCert(pair.Leaf)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
		response, err := client.Get("https://" + l.Addr().String())
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		_ = response.Body.Close()
		<-inside
		require.Equal(t, "finished", string(body))
		client.CloseIdleConnections()
		require.NoError(t, <-ended)
	}
}

func TestSelfSignedIsMadeOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "ssl")
	first, err := daemon.SelfSigned(time.Now(), folder, "admin", daemon.P256, "cs.example", "127.0.0.10")
	require.NoError(t, err)
	require.Equal(t, []string{"cs.example"}, first.Leaf.DNSNames)
	require.Equal(t, "127.0.0.10", first.Leaf.IPAddresses[0].String())
	info, err := os.Stat(filepath.Join(folder, "admin.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	again, err := daemon.SelfSigned(time.Now(), folder, "admin", daemon.RSA, "other")
	require.NoError(t, err)
	require.Equal(t, first.Certificate, again.Certificate)

	require.NoError(t, os.Remove(filepath.Join(folder, "admin.crt")))
	_, err = daemon.SelfSigned(time.Now(), folder, "admin", daemon.P256, "cs.example")
	require.ErrorContains(t, err, "reading the TLS key pair")
}
