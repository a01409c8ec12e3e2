package app

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/messagelog"
	"github.com/ristmik/ristmik/securityserver/internal/proxy"
	"github.com/ristmik/ristmik/securityserver/internal/service"
	"github.com/ristmik/ristmik/securityserver/internal/setup"
)

// proxyClients tells the proxies who may exchange messages.
type proxyClients struct{ *client.Service }

var _ proxy.Clients = proxyClients{}

// connections are the proxies' words for the connection types.
var connections = map[client.Connection]proxy.ConnectionType{client.HTTP: proxy.HTTP, client.HTTPS: proxy.HTTPS, client.HTTPSNoAuth: proxy.HTTPSNoAuth}

func (p proxyClients) Registered(ctx context.Context, id identifier.ClientID) (proxy.Client, bool, error) {
	c, ok, err := p.Service.Registered(ctx, id)
	if err != nil || !ok {
		return proxy.Client{}, false, err
	}
	found := proxy.Client{ID: c.ID, Connection: connections[c.Connection]}
	for _, certificate := range c.Certificates {
		found.Certificates = append(found.Certificates, certificate.DER)
	}
	return found, true, nil
}

// proxyServices tells the proxies which services there are.
type proxyServices struct{ *service.Services }

var _ proxy.Services = proxyServices{}

func (p proxyServices) Service(ctx context.Context, id identifier.ServiceID) (proxy.Service, bool, error) {
	found, ok, err := p.Lookup(ctx, id)
	return proxy.Service{URL: found.URL, Timeout: time.Duration(found.Timeout) * time.Second, VerifyTLS: found.TLSAuth, Disabled: found.Disabled,
		Notice: found.Notice}, ok, err
}

// authorities are the configured time-stamping authorities that the configuration approves, in the order of the administrator.
func authorities(s *setup.Setup, snapshot func() *globalconf.Snapshot) func(context.Context) ([]messagelog.Authority, error) {
	return func(ctx context.Context) ([]messagelog.Authority, error) {
		chosen, err := s.Timestamping(ctx)
		current := snapshot()
		if err != nil || current == nil {
			return nil, err
		}
		var list []messagelog.Authority
		for _, t := range chosen {
			for _, approved := range current.TimestampingAuthorities() {
				if approved.URL != t.URL {
					continue
				}
				parsed, err := certificate.ParseFile(approved.Certificate)
				if err != nil {
					return nil, err
				}
				list = append(list, messagelog.Authority{URL: t.URL, Certificate: parsed})
			}
		}
		return list, nil
	}
}

// identity remembers who this server is; the proxies ask for every message.
type identity struct {
	setup      *setup.Setup
	generation func() uint64
	known      atomic.Pointer[remembered]
}

type remembered struct {
	generation uint64
	id         identifier.SecurityServerID
}

func (i *identity) current() identifier.SecurityServerID {
	generation := i.generation()
	if k := i.known.Load(); k != nil && k.generation == generation {
		return k.id
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	id, err := i.setup.Identity(ctx)
	if err != nil {
		return identifier.SecurityServerID{} // as if it were not initialized: nothing is exchanged
	}
	i.known.Store(&remembered{generation, id})
	return id
}
