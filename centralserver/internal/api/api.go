// Package api answers the REST interface of the central server: each handler parses, calls the rules and renders. What an operation needs of
// the caller stands in the OpenAPI file and is enforced before a handler runs; only what depends on the body is asked here.
package api

import (
	"fmt"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/confgen"
	"github.com/ristmik/ristmik/centralserver/internal/doorkey"
	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Config is what the handlers call.
type Config struct {
	Registry             *registry.Service
	Management           *management.Service
	Trust                *trust.Service
	Configuration        *confgen.Service
	DoorKey              *doorkey.Keys
	Now                  func() time.Time
	Version              string // of the program, as people read it
	PublicPort           int    // where configuration and WSDL are published
	ManagementPort       int    // where management requests arrive; 4002
	TimestampingInterval time.Duration
}

// API is the handlers.
type API struct{ Config }

var _ gen.StrictServerInterface = (*API)(nil)

// New makes the handlers.
func New(c Config) *API { return &API{c} }

// Register puts the handlers on the group /api/v1.
func (a *API) Register(group *echo.Group) { gen.RegisterHandlers(group, gen.NewStrictHandler(a, nil)) }

// optional is a field that is left out when it is zero.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// given is the value of a field that may be absent.
func given[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// each renders a list; it is never null.
func each[V, R any](list []V, render func(V) R) []R {
	rendered := make([]R, 0, len(list))
	for _, v := range list {
		rendered = append(rendered, render(v))
	}
	return rendered
}

func paging(sort *gen.Sort, desc *gen.Desc, limit *gen.Limit, offset *gen.Offset) registry.Paging {
	p := registry.Paging{Limit: 25, Number: int(given(offset)), Sort: given(sort), Descending: given(desc)}
	if limit != nil {
		p.Limit = int(*limit)
	}
	return p
}

func pagingMetadata[T any](p registry.Page[T]) gen.PagingMetadata {
	return gen.PagingMetadata{TotalItems: int32(p.Total), Items: int32(len(p.Items)), Limit: int32(p.Paging.Limit), Offset: int32(p.Paging.Number)}
}

func clientID(id identifier.ClientID) gen.ClientId {
	return gen.ClientId{InstanceId: id.Instance(), Type: gen.XRoadIdType(id.Type()), MemberClass: id.MemberClass(), MemberCode: id.MemberCode(),
		SubsystemCode: optional(id.SubsystemCode()), EncodedId: id.Encoded()}
}

func serverID(id identifier.SecurityServerID) gen.SecurityServerId {
	return gen.SecurityServerId{InstanceId: id.Instance(), Type: gen.XRoadIdTypeSERVER, MemberClass: id.Owner().MemberClass(),
		MemberCode: id.Owner().MemberCode(), ServerCode: id.ServerCode(), EncodedId: id.Encoded()}
}

func client(c registry.Client) gen.Client {
	return gen.Client{MemberName: optional(c.MemberName), ClientId: clientID(c.ID), SubsystemName: optional(c.SubsystemName)}
}

func server(s registry.Server) gen.SecurityServer {
	return gen.SecurityServer{ServerId: serverID(s.ID), OwnerName: optional(s.OwnerName), ServerAddress: s.Address, InMaintenanceMode: s.InMaintenance,
		MaintenanceModeMessage: optional(s.MaintenanceMessage), CreatedAt: &s.CreatedAt, UpdatedAt: &s.UpdatedAt}
}

// atPort is host:port, without the port that the scheme implies.
func atPort(host string, port, implied int) string {
	if port == 0 || port == implied {
		return host
	}
	return fmt.Sprintf("%s:%d", host, port)
}
