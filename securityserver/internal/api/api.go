// Package api answers the REST interface of the security server: each handler parses, calls the rules and renders. What an operation needs
// of the caller stands in the OpenAPI file and is enforced before a handler runs.
package api

//go:generate ../../../.bin/oapi-codegen -config gen/config.yaml ../../../schema/openapi/security-server.yaml

import (
	"context"
	"io"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/httpapi"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/diagnosis"
	"github.com/ristmik/ristmik/securityserver/internal/internaltls"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/ownserver"
	"github.com/ristmik/ristmik/securityserver/internal/service"
	"github.com/ristmik/ristmik/securityserver/internal/setup"
)

// Download tells how the last download of the global configuration went. Zero times mean never.
type Download struct {
	Last, Next time.Time
	Err        error
}

// Conf gives the newest global configuration, nil before the first.
type Conf interface {
	Current() *globalconf.Snapshot
}

// Config is what the handlers call.
type Config struct {
	Clients   *client.Service
	Keys      *keys.Keys
	Services  *service.Services
	Setup     *setup.Setup
	Self      *ownserver.Service
	Conf      Conf
	Download  func() Download
	Diagnosis *diagnosis.Service
	Authority func(url string) (messagelog.Asked, bool) // how the last question to a time-stamping authority went
	// Registration connects to the central server's registration service.
	Registration func(ctx context.Context) error
	TLS          *internaltls.Service // the server's internal TLS key and certificate
	Version      string
	Now          func() time.Time
}

// API holds the handlers.
type API struct{ Config }

var _ gen.StrictServerInterface = (*API)(nil)

// Register gives what puts all operations on a server's group "/api/v1".
func Register(config Config) func(*httpapi.Server) {
	return func(s *httpapi.Server) { gen.RegisterHandlers(s.API(), gen.NewStrictHandler(&API{config}, nil)) }
}

// snapshot is the newest configuration, expired or not; Conflict global_conf_outdated when there is none.
func (a *API) snapshot() (*globalconf.Snapshot, error) {
	if s := a.Conf.Current(); s != nil {
		return s, nil
	}
	return nil, fault.New(fault.Conflict, "global_conf_outdated", "Global configuration is expired")
}

// maxFile bounds an uploaded file; the shell refuses bigger bodies before.
const maxFile = 10 << 20

func readFile(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fault.New(fault.TooLarge, "", "The file is too large")
	}
	return data, err
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func orDefault[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// text is nil for "": X-Road leaves such fields out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func attachment(name string) *string { return text(`attachment; filename="` + name + `"`) }

// self is this server; zero before initialization.
func (a *API) self(ctx context.Context) (identifier.SecurityServerID, error) {
	return a.Setup.Identity(ctx)
}
