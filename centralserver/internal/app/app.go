// Package app wires the central server: here, and nowhere else, the rules meet their rows and doors.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/centralserver/internal/api"
	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/doorkey"
	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/adminui"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/pkg/httpapi"
	"github.com/ristmik/ristmik/pkg/observe"
	"github.com/ristmik/ristmik/schema"
)

// Program is the central server to pkg/host.
func Program() host.Program {
	return host.Program{
		Name: "centralserver", Application: audit.CentralServer, Policy: api.Policy(), Spec: schema.OpenAPI("central"),
		Migrations: func(driver string) fs.FS { return schema.Migrations("central", driver) },
	}
}

// Serve runs the central server until ctx ends or the process is told to stop.
func Serve(ctx context.Context, c *Config, version string) (err error) {
	h, err := host.Open(ctx, Program(), c.Config, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	h.Log.Info("starting", zap.String("version", version), zap.String("database", c.Database.Driver))

	doorTLS, err := h.TLS("management-service")
	if err != nil {
		return err
	}
	rows := store.New(h.DB).ForNode(c.Node)
	doorKey, err := openDoorKey(h, rows, doorTLS)
	if err != nil {
		return err
	}
	public, err := c.Path("public")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(public, 0o755); err != nil {
		return err
	}
	requests := management.New(rows.Management(), management.Settings{
		Pairing: c.ManagementRequests.Pairing, AutoApprove: management.AutoApprove(c.ManagementRequests.AutoApprove),
	})
	configuration := confgen.New(confgen.Config{
		Node:            c.Node,
		PublicDirectory: public, PublicPort: c.PublicationPort, Interval: c.GlobalConfiguration.Interval, Poll: c.GlobalConfiguration.Poll,
		KeyAlgorithm: c.GlobalConfiguration.KeyAlgorithm, TimeStampingInterval: c.GlobalConfiguration.TimeStampingInterval, RegistrationPort: c.RegistrationPort,
		ManagementCertificate: doorKey.Certificate, Now: h.Now, Rand: h.Rand, Log: h.Log,
	}, rows.Configuration())
	if err := configuration.Resume(ctx); err != nil {
		h.Log.Info("nothing published to go on from", zap.Error(err))
	}
	if err := openToken(ctx, h, c, configuration); err != nil {
		return err
	}

	parts := []daemon.Part{{Name: "global configuration", Run: configuration.Run}}
	admin, err := h.Admin(func(server *httpapi.Server) {
		api.New(api.Config{
			Registry: registry.New(rows.Registry()), Management: requests, Trust: trust.New(rows.Trust()), Configuration: configuration, DoorKey: doorKey, Version: version, Now: h.Now,
			PublicPort: c.PublicationPort, ManagementPort: c.ManagementPort, TimestampingInterval: c.GlobalConfiguration.TimeStampingInterval,
		}).Register(server.API())
		server.Interface(adminui.Central())
	})
	if err != nil {
		return err
	}
	common, err := h.Common(observe.Check{Name: "global configuration", Run: func(context.Context) error { return configuration.Status().Failure }})
	if err != nil {
		return err
	}
	doors, err := publicDoors(h, c, requests, configuration, public, doorKey)
	if err != nil {
		return err
	}
	parts = slices.Concat(parts, []daemon.Part{admin}, common, doors)
	return daemon.Daemon{Log: h.Log, Out: os.Stdout, Ready: filepath.Base(c.DataDirectory)}.Run(ctx, parts...)
}

// openDoorKey gives the TLS key of the public doors: the first one until an administrator replaces it.
func openDoorKey(h *host.Host, rows *store.Store, first *tls.Certificate) (*doorkey.Keys, error) {
	file, err := h.Config.Path("tls", "management-service.pem")
	if err != nil {
		return nil, err
	}
	return doorkey.Open(doorkey.Config{File: file, First: first, Store: rows.DoorKey(), Rand: h.Rand, Make: func() (*tls.Certificate, error) {
		folder, err := os.MkdirTemp(filepath.Dir(file), ".new-")
		if err != nil {
			return nil, err
		}
		pair, err := daemon.SelfSigned(h.Now(), folder, "management-service", daemon.P256, h.Config.Bind)
		return pair, errors.Join(err, os.RemoveAll(folder))
	}})
}

// openToken logs in with the configured PIN; a PIN file that cannot be read is a mistake of the operator. A server without a token yet, or with another PIN, starts
// all the same: a person can log in.
func openToken(ctx context.Context, h *host.Host, c *Config, configuration *confgen.Service) error {
	pin, err := c.PIN()
	if err != nil || pin == "" {
		return err
	}
	if err := configuration.LoginFromFile(ctx, pin); err != nil {
		h.Log.Warn("the token was not opened", zap.Error(err))
	}
	return nil
}
