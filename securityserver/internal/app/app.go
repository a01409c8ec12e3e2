// Package app wires the security server: it is the only place where rules, rows, proxies and doors meet.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/pkg/observe"
	"github.com/ristmik/ristmik/schema"
	"github.com/ristmik/ristmik/securityserver/internal/api"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/confclient"
	"github.com/ristmik/ristmik/securityserver/internal/internaltls"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
	"github.com/ristmik/ristmik/securityserver/internal/management"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/ownserver"
	"github.com/ristmik/ristmik/securityserver/internal/proxy"
	"github.com/ristmik/ristmik/securityserver/internal/service"
	"github.com/ristmik/ristmik/securityserver/internal/setup"
	"github.com/ristmik/ristmik/securityserver/internal/store"
	"go.uber.org/zap"
)

// fetchTimeout bounds one download of a description or one answer of an OCSP responder or time-stamping authority.
const fetchTimeout = 30 * time.Second

// Program is the security server for the commands of both daemons.
func Program() host.Program {
	return host.Program{Name: "securityserver", Application: audit.SecurityServer, Policy: api.Policy(), Spec: schema.OpenAPI("security"),
		Migrations: func(driver string) fs.FS { return schema.Migrations("security", driver) }}
}

// App is a wired security server.
type App struct {
	host     *host.Host
	config   *Config
	version  string
	store    *store.Store
	loop     *confclient.Loop
	setup    *setup.Setup
	clients  *client.Service
	changes  *ownserver.Service
	keys     *keys.Keys
	services *service.Services
	log      *messagelog.Log
	sender   *management.Sender
	internal *internaltls.Service
	doors    proxy.Config
	client   *proxy.ClientProxy
	known    followed
}

// New wires a server over an opened host.
func New(h *host.Host, config *Config, version string) (*App, error) {
	a := &App{host: h, config: config, version: version}
	node, err := a.node()
	if err != nil {
		return nil, err
	}
	a.store = store.NewNode(h.DB, node)
	if _, err := a.internalTLS(context.Background()); err != nil {
		return nil, err
	}
	a.internal = internaltls.New(internaltls.Config{Store: a.store.TLS(), Make: a.newTLS, Rand: h.Rand})
	if err := a.configuration(); err != nil {
		return nil, err
	}
	fetcher := &http.Client{Timeout: fetchTimeout}
	a.keys = keys.New(keys.Config{Store: a.store.Keys(), Conf: a.loop, Sender: late{a}, HTTP: fetcher, Interval: config.OCSP.Interval,
		Retry: config.OCSP.Retry, Algorithm: config.Keys.Algorithm, ActivateOnSeen: config.Keys.ActivateAuthentication, Now: h.Now, Rand: h.Rand, Log: h.Log})
	a.clients = client.New(client.Config{Store: a.store.Clients(), Conf: a.loop, Sender: late{a}, Now: h.Now, Rand: h.Rand, Log: h.Log})
	a.changes = ownserver.New(ownserver.Config{Store: a.store.Server(), Conf: a.loop, Sender: late{a}, Now: h.Now, Rand: h.Rand, Log: h.Log})
	a.services = service.New(service.Config{Store: a.store.Services(), Conf: a.loop, HTTP: fetcher, Now: h.Now})
	a.log = messagelog.New(messagelog.Config{Store: store.NewMessageLog(h.DB), Authorities: authorities(a.setup, a.loop.Current),
		Interval: a.stampInterval, Turn: a.stampTurn, HTTP: fetcher, Now: h.Now, Rand: h.Rand, Log: h.Log})
	self := &identity{setup: a.setup, generation: a.store.Generation}
	a.doors = proxy.Config{Server: self.current, Snapshot: a.loop.Current, Clients: proxyClients{a.clients}, Services: proxyServices{a.services},
		Credentials: a.keys, MessageLog: a.log, InternalTLS: func() (*tls.Certificate, error) { return a.internal.Pair(context.Background()) },
		ServerPort: config.PeerServerPort, OCSPPort: config.PeerOCSPPort, Now: h.Now, Rand: h.Rand, Log: h.Log}
	a.client = proxy.NewClientProxy(a.doors)
	a.sender = management.New(management.Config{Exchange: a.client.Exchange, Signing: a.keys.Signing, Snapshot: a.loop.Current, Now: h.Now, Rand: h.Rand})
	return a, nil
}

// configuration makes the configuration client and what depends on it alone.
func (a *App) configuration() error {
	directory, err := a.config.Path("globalconf")
	if err != nil {
		return err
	}
	download := globalconf.NewClient(globalconf.ClientConfig{Directory: directory, Now: a.host.Now, Log: a.host.Log, Rand: a.host.Rand})
	a.setup = setup.New(setup.Config{Store: a.store.Setup(), Conf: current{a}, Download: download.Update, Now: a.host.Now, Rand: a.host.Rand,
		// The round ends before the answer: initialization comes right after the upload and needs the configuration.
		AnchorChanged: func(ctx context.Context) { _ = a.loop.Round(context.WithoutCancel(ctx)) },
		Initialized: func(ctx context.Context) {
			if err := a.login(context.WithoutCancel(ctx)); err != nil {
				a.host.Log.Error("the software token was not opened", zap.Error(err))
			}
		}})
	a.loop = confclient.New(confclient.Config{Directory: directory, Interval: a.config.GlobalConfiguration.Interval, Anchor: a.setup.Source,
		Update: download.Update, Now: a.host.Now, Log: a.host.Log, Hooks: []confclient.Hook{
			a.hook("clients", func(ctx context.Context, s *globalconf.Snapshot) error { return a.clients.Reconcile(ctx, s) }),
			a.hook("keys", func(ctx context.Context, s *globalconf.Snapshot) error { return a.keys.Reconcile(ctx, s) }),
			a.hook("server", func(ctx context.Context, s *globalconf.Snapshot) error { return a.changes.Reconcile(ctx, s) }),
		}})
	return nil
}

// stampInterval is the configuration's, or X-Road's default before there is one.
func (a *App) stampInterval() time.Duration {
	if s := a.loop.Current(); s != nil && s.Private() != nil {
		return s.Private().TimeStampingInterval
	}
	return time.Minute
}

// Run opens the doors and runs everything until ctx ends.
func (a *App) Run(ctx context.Context, d daemon.Daemon) error {
	if err := a.clients.Recover(ctx); err != nil {
		return fmt.Errorf("recovering requests: %w", err)
	}
	if err := a.login(ctx); err != nil {
		return err
	}
	defer a.keys.Close()
	parts, err := a.parts()
	if err != nil {
		return err
	}
	d.Ready = a.config.Bind
	return d.Run(ctx, parts...)
}

// login unlocks the software token when its PIN stands in a file: at the start, and right after initialization, before which there is none.
func (a *App) login(ctx context.Context) error {
	pin, err := a.config.PIN()
	if err != nil || pin == "" {
		return err
	}
	err = a.keys.Login(audit.Begin(ctx, "Log in to token", audit.Actor{}), keys.SoftToken, pin)
	switch fault.CodeOf(err) {
	case "":
	case "token_not_found":
		a.known.noToken.Store(true)
	default:
		a.host.Log.Error("the software token was not opened", zap.Error(err))
	}
	return nil
}

// configured fails while there is no valid global configuration: no message can be exchanged then.
func (a *App) configured(context.Context) error {
	snapshot := a.loop.Current()
	if snapshot == nil {
		return errors.New("there is no global configuration yet")
	}
	return snapshot.Valid(a.host.Now())
}

func (a *App) parts() ([]daemon.Part, error) {
	parts, err := a.host.Common(observe.Check{Name: "global configuration", Run: a.configured})
	if err != nil {
		return nil, err
	}
	parts = append(parts, daemon.Part{Name: "configuration client", Run: a.loop.Run}, daemon.Part{Name: "OCSP", Run: a.keys.Run},
		daemon.Part{Name: "time-stamping", Run: a.log.Run})
	if a.host.DB.Driver() == database.Postgres { // one program for each SQLite file
		parts = append(parts, daemon.Part{Name: "other servers", Run: a.follow})
	}
	server := proxy.NewServerProxy(a.doors)
	for _, door := range []struct {
		name    string
		port    int
		handler http.Handler
		tls     *tls.Config
	}{
		{"server proxy", a.config.ServerPort, server, server.TLSConfig()},
		{"OCSP responder", a.config.OCSPPort, proxy.NewOCSPResponder(a.doors), nil},
		{"client proxy", a.config.ClientPort, a.client, nil},
		{"client proxy TLS", a.config.ClientTLSPort, a.client, a.client.TLSConfig()},
	} {
		listener, err := a.host.Listen(door.port)
		if err != nil {
			return nil, err
		}
		if door.tls != nil {
			door.tls.NextProtos = []string{"http/1.1"} // X-Road's proxies speak nothing newer
		}
		parts = append(parts, daemon.Serve(door.name, a.host.Log, listener, proxy.NewHTTPServer(door.handler, a.host.Log), door.tls))
	}
	admin, err := a.host.Admin(api.Register(api.Config{Diagnosis: a.diagnosis(), Authority: a.log.Authority, Registration: a.sender.Reachable,
		Clients: a.clients, Keys: a.keys, Services: a.services, Setup: a.setup, Self: a.changes, Conf: a.loop,
		Download: func() api.Download {
			s := a.loop.Status()
			return api.Download{Last: s.LastAttempt, Next: s.Next, Err: s.LastError}
		},
		TLS: a.internal, Version: a.version, Now: a.host.Now}))
	return append(parts, admin), err
}
