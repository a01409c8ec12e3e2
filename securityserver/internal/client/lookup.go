package client

import (
	"context"

	"github.com/ristmik/ristmik/pkg/identifier"
)

// Exchanging is a client that may send and receive messages.
type Exchanging struct {
	Client
	Certificates []Certificate // internal TLS certificates
}

// view is what proxies and lists look up, as the database held it at a generation.
type view struct {
	generation uint64
	all        []Client
	registered map[identifier.ClientID]Exchanging
}

// load gives the newest view; it reads the database only when somebody has changed it.
func (s *Service) load(ctx context.Context) (*view, error) {
	generation := s.config.Store.Generation()
	if v := s.view.Load(); v != nil && v.generation == generation {
		return v, nil
	}
	v := &view{generation: generation, registered: map[identifier.ClientID]Exchanging{}}
	err := s.config.Store.View(ctx, func(tx Tx) (err error) {
		if v.all, err = tx.Clients(); err != nil {
			return err
		}
		certificates, err := tx.AllInternalCertificates()
		for _, c := range v.all {
			if c.Status == Registered {
				v.registered[c.ID] = Exchanging{c, certificates[c.ID]}
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.view.Store(v)
	return v, nil
}

// Registered gives a client for the proxies; false when it is unknown here or in any other state than Registered.
func (s *Service) Registered(ctx context.Context, id identifier.ClientID) (Exchanging, bool, error) {
	v, err := s.load(ctx)
	if err != nil {
		return Exchanging{}, false, err
	}
	c, ok := v.registered[id]
	return c, ok, nil
}
