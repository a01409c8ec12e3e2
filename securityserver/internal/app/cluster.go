package app

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/securityserver/internal/confclient"
	"github.com/ristmik/ristmik/securityserver/internal/store"
)

const (
	// followInterval is how often the database is asked for changes of other servers: they show within a second, reading included.
	followInterval = 250 * time.Millisecond
	// giveUpInterval is how often requests of servers that died are looked for.
	giveUpInterval = 30 * time.Second
	// stampLease is how long a server that died keeps others from time-stamping. It is asked for again with every batch.
	stampLease = time.Minute
)

// followed is what this server has seen of the others' changes.
type followed struct {
	noToken atomic.Bool // the PIN file was there before the token
	anchor  string      // hash
	gaveUp  time.Time
	failing bool
}

// node names this server among those that share its database, by a file in the data directory that is made at the first start.
func (a *App) node() (string, error) {
	file, err := a.config.Path("node")
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(file)
	if err == nil && len(strings.TrimSpace(string(data))) > 0 {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the server's name: %w", err)
	}
	made := make([]byte, 8)
	if _, err := io.ReadFull(a.host.Rand, made); err != nil {
		return "", fmt.Errorf("naming the server: %w", err)
	}
	name := hex.EncodeToString(made)
	if err := os.WriteFile(file, []byte(name+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("naming the server: %w", err)
	}
	return name, nil
}

// internalTLS is the key pair for information systems, which all servers on a database share. Files in the folder tls are taken into the
// database first: an administrator's, or those of an older program.
func (a *App) internalTLS(ctx context.Context) (*tls.Certificate, error) {
	file, err := a.config.Path("tls", "internal")
	if err != nil {
		return nil, err
	}
	keyFile, certificateFile := file+".key", file+".crt"
	pair, err := tls.LoadX509KeyPair(certificateFile, keyFile)
	switch {
	case err == nil:
		if err := a.store.SaveInternalTLS(ctx, &pair, true); err != nil {
			return nil, err
		}
		if err := errors.Join(os.Remove(keyFile), os.Remove(certificateFile)); err != nil {
			return nil, fmt.Errorf("removing the stored key pair from %s: %w", filepath.Dir(file), err)
		}
	case !errors.Is(err, fs.ErrNotExist) || exists(keyFile) || exists(certificateFile):
		return nil, fmt.Errorf("reading the TLS key pair %s: %w", keyFile, err)
	}
	stored, err := a.store.InternalTLS(ctx)
	if err != nil || stored != nil {
		return stored, err
	}
	made, err := a.newTLS()
	if err != nil {
		return nil, err
	}
	if err := a.store.SaveInternalTLS(ctx, made, false); err != nil {
		return nil, err
	}
	return a.store.InternalTLS(ctx) // another server may have been faster
}

// newTLS makes a key pair for information systems.
func (a *App) newTLS() (*tls.Certificate, error) {
	return daemon.NewSelfSigned(a.host.Now(), daemon.P256, a.config.Bind)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// stampTurn lets one server at a time time-stamp the messages of all.
func (a *App) stampTurn(ctx context.Context) (bool, error) {
	if a.host.DB.Driver() != database.Postgres {
		return true, nil
	}
	return a.store.Lease(ctx, "time-stamping", stampLease)
}

// hook runs after each download and changes states, unless another server has done so with a newer configuration.
func (a *App) hook(name string, run func(context.Context, *globalconf.Snapshot) error) confclient.Hook {
	return confclient.Hook{Name: name, Run: func(ctx context.Context, s *globalconf.Snapshot) error {
		ctx, err := a.store.Compare(ctx, s.Expires())
		if err == nil {
			err = run(ctx, s)
		}
		if errors.Is(err, store.ErrOvertaken) {
			a.host.Log.Info("another server has a newer global configuration", zap.String("hook", name))
			return nil
		}
		return err
	}}
}

// follow looks for what other servers on the same database have changed, until ctx ends.
func (a *App) follow(ctx context.Context) error {
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	for {
		err := a.look(ctx)
		if err != nil && !a.known.failing && ctx.Err() == nil {
			a.host.Log.Warn("changes of other servers cannot be seen", zap.Error(err))
		}
		a.known.failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *App) look(ctx context.Context) error {
	changed, err := a.store.Poll(ctx)
	if err != nil {
		return err
	}
	if now := a.host.Now(); now.Sub(a.known.gaveUp) >= giveUpInterval {
		a.known.gaveUp = now
		n, err := a.store.GiveUp(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			a.host.Log.Warn("requests to the central server have an unknown outcome", zap.Int("count", n))
		}
	}
	if !changed {
		return nil
	}
	if a.known.noToken.CompareAndSwap(true, false) { // the server may have been initialized through another one
		if err := a.login(ctx); err != nil {
			return err
		}
	}
	anchor, err := a.setup.Anchor(ctx)
	if err != nil && fault.CodeOf(err) != "anchor_not_found" {
		return err
	}
	if err == nil && anchor.Hash != a.known.anchor {
		a.known.anchor = anchor.Hash
		a.loop.Refresh()
	}
	return nil
}
