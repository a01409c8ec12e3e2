package app_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/securityserver/internal/app"
	"github.com/ristmik/ristmik/securityserver/internal/store"
)

// An administrator's key pair in the folder is taken into the database at the start, once; half of one stops the start and changes nothing.
func TestInternalTLSFilesAreTakenIn(t *testing.T) {
	c := app.DefaultConfig()
	c.DataDirectory, c.Bind, c.Log.Level = t.TempDir(), "127.0.0.1", "error"
	h, err := host.Open(t.Context(), app.Program(), c.Config, true)
	require.NoError(t, err)
	defer h.Close()
	_, err = app.New(h, c, "test")
	require.NoError(t, err)
	rows := store.New(h.DB)
	made, err := rows.InternalTLS(t.Context())
	require.NoError(t, err)
	require.NotNil(t, made)

	folder := filepath.Join(c.DataDirectory, "tls")
	own, err := daemon.SelfSigned(time.Now(), folder, "internal", daemon.RSA, "ss.example.org")
	require.NoError(t, err)
	_, err = app.New(h, c, "test")
	require.NoError(t, err)
	stored, err := rows.InternalTLS(t.Context())
	require.NoError(t, err)
	require.Equal(t, own.Certificate, stored.Certificate)
	for _, name := range []string{"internal.key", "internal.crt"} {
		require.NoFileExists(t, filepath.Join(folder, name))
	}
	_, err = app.New(h, c, "test")
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(filepath.Join(folder, "internal.key"), []byte("half"), 0o600))
	_, err = app.New(h, c, "test")
	require.ErrorContains(t, err, "reading the TLS key pair")
	again, err := rows.InternalTLS(t.Context())
	require.NoError(t, err)
	require.Equal(t, stored.Certificate, again.Certificate)
}
