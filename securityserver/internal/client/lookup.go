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

// view is what the proxies look up, as the database held it at a generation.
type view struct {
	generation uint64
	registered map[identifier.ClientID]Exchanging
}

// Registered gives a client for the proxies; false when it is unknown here or in any other state than Registered.
func (s *Service) Registered(ctx context.Context, id identifier.ClientID) (Exchanging, bool, error) {
	generation := s.config.Store.Generation()
	v := s.view.Load()
	if v == nil || v.generation != generation {
		v = &view{generation, map[identifier.ClientID]Exchanging{}}
		err := s.config.Store.View(ctx, func(tx Tx) error {
			all, err := tx.Clients()
			if err != nil {
				return err
			}
			for _, c := range all {
				if c.Status != Registered {
					continue
				}
				certificates, err := tx.InternalCertificates(c.ID)
				if err != nil {
					return err
				}
				v.registered[c.ID] = Exchanging{c, certificates}
			}
			return nil
		})
		if err != nil {
			return Exchanging{}, false, err
		}
		s.view.Store(v)
	}
	c, ok := v.registered[id]
	return c, ok, nil
}
