package app

import (
	"context"
	"crypto/tls"
	"net/http"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/doorkey"
	"github.com/ristmik/ristmik/centralserver/internal/intake"
	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/daemon"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/host"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/schema"
)

// publicDoors opens what strangers reach: registration and management services with TLS, the configuration without.
func publicDoors(h *host.Host, c *Config, requests *management.Service, configuration *confgen.Service, public string, key *doorkey.Keys) ([]daemon.Part, error) {
	soap := intake.Config{
		Snapshot: configuration.Snapshot,
		Submit: func(ctx context.Context, r *request.Request) (int64, error) {
			done, err := requests.Submit(ctx, r, management.SecurityServer)
			return done.ID, err
		},
		Refused:   func(ctx context.Context, cause error) { recordRefusal(ctx, h, cause) },
		PerMinute: c.ManagementRequests.PerMinute, Now: h.Now, Log: h.Log,
	}
	first, err := key.Get(nil)
	if err != nil {
		return nil, err
	}
	shown := daemon.TLS(first)
	shown.Certificates, shown.GetCertificate = nil, key.Get // so that a new certificate needs no restart
	var parts []daemon.Part
	for _, door := range []struct {
		name    string
		port    int
		handler http.Handler
		tls     *tls.Config
	}{
		{"registration service", c.RegistrationPort, intake.Registration(soap), shown},
		{"management services", c.ManagementPort, intake.Management(soap), shown},
		{"publication", c.PublicationPort, intake.Publication(public, schema.ManagementServicesWSDL()), nil},
	} {
		listener, err := h.Listen(door.port)
		if err != nil {
			return nil, err
		}
		parts = append(parts, daemon.HTTP(door.name, h.Log, listener, door.handler, door.tls))
	}
	return parts, nil
}

// recordRefusal writes the failure's audit record in a transaction of its own; the request it belongs to has left nothing.
func recordRefusal(ctx context.Context, h *host.Host, cause error) {
	err := h.DB.Update(context.WithoutCancel(ctx), func(tx *database.Tx) error { return tx.Record(audit.Failure(ctx, cause)) })
	if err != nil {
		h.Log.Error("the audit record of a refused request was not written", zap.Error(err))
	}
}
