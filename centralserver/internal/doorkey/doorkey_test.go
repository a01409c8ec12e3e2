package doorkey_test

import (
	"crypto/rand"
	"crypto/tls"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/centralserver/internal/doorkey"
	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/store/storetest"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/daemon"
)

func open(t *testing.T, w *storetest.World, file string) *doorkey.Keys {
	t.Helper()
	self := func() (*tls.Certificate, error) {
		return daemon.SelfSigned(storetest.Start(), t.TempDir(), "door", daemon.P256, "127.0.0.1")
	}
	first, err := self()
	require.NoError(t, err)
	keys, err := doorkey.Open(doorkey.Config{File: file, First: first, Make: self, Store: w.Store.DoorKey(), Rand: rand.Reader})
	require.NoError(t, err)
	return keys
}

// TestOpenDoorShowsTheNewCertificate replaces the key while the door is open: who connects next sees the new certificate.
func TestOpenDoorShowsTheNewCertificate(t *testing.T) {
	storetest.Each(t, management.Settings{}, func(t *testing.T, w *storetest.World) {
		keys := open(t, w, filepath.Join(t.TempDir(), "door.pem"))
		listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: keys.Get})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, listener.Close()) })
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				go func(c net.Conn) {
					_ = c.(*tls.Conn).Handshake()
					_ = c.Close()
				}(c)
			}
		}()
		shown := func() []byte {
			t.Helper()
			c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", listener.Addr().String())
			require.NoError(t, err)
			defer func() { require.NoError(t, c.Close()) }()
			return c.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
		}
		first := shown()
		require.Equal(t, keys.Certificate(), first)
		require.NoError(t, keys.Generate(w.Do()))
		require.NotEqual(t, first, shown())
		require.Equal(t, keys.Certificate(), shown())
	})
}

// TestKeyThatCannotBeKeptIsNotUsed: without the file a restart would bring the old key back, so the new one is not shown and not recorded.
func TestKeyThatCannotBeKeptIsNotUsed(t *testing.T) {
	storetest.Each(t, management.Settings{}, func(t *testing.T, w *storetest.World) {
		keys := open(t, w, filepath.Join(t.TempDir(), "absent", "door.pem"))
		before, generation, ctx := keys.Certificate(), w.Generation(), w.Do()
		require.ErrorContains(t, keys.Generate(ctx), "writing the TLS key")
		require.Equal(t, before, keys.Certificate())
		require.Equal(t, generation, w.Generation())
		require.False(t, audit.Written(ctx))
	})
}
