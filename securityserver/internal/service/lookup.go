package service

import (
	"context"

	"github.com/ristmik/ristmik/pkg/identifier"
)

// view is what the proxies look up, as the database held it at a generation.
type view struct {
	generation uint64
	services   map[identifier.ServiceID]Found
	rights     map[offer][]Subject
	groups     map[int64]Group
}

type offer struct {
	client identifier.ClientID
	code   string
}

// Found is a service with what its description says.
type Found struct {
	Service
	Disabled bool
	Notice   string
}

func (s *Services) load(ctx context.Context) (*view, error) {
	generation := s.config.Store.Generation()
	if v := s.view.Load(); v != nil && v.generation == generation {
		return v, nil
	}
	v := &view{generation: generation, services: map[identifier.ServiceID]Found{}, rights: map[offer][]Subject{}, groups: map[int64]Group{}}
	err := s.config.Store.View(ctx, func(tx Tx) error {
		all, err := tx.Descriptions()
		if err != nil {
			return err
		}
		for _, d := range all {
			for _, one := range d.Services {
				id, err := identifier.NewService(d.Client, one.Code, one.Version)
				if err != nil {
					return err
				}
				v.services[id] = Found{one, d.Disabled, d.DisabledNotice}
			}
		}
		rights, err := tx.Rights()
		for _, r := range rights {
			key := offer{r.Client, r.ServiceCode}
			v.rights[key] = append(v.rights[key], r.Subject)
		}
		if err != nil {
			return err
		}
		groups, err := tx.Groups()
		for _, g := range groups {
			v.groups[g.ID] = g
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.view.Store(v)
	return v, nil
}

// Lookup finds a service for the proxy; false means that there is none.
func (s *Services) Lookup(ctx context.Context, id identifier.ServiceID) (Found, bool, error) {
	v, err := s.load(ctx)
	if err != nil {
		return Found{}, false, err
	}
	found, ok := v.services[id]
	return found, ok, nil
}

// Allowed reports whether a client may call a service: by a right of its own or of a group that lists it. Rights are given to service
// codes, so they hold for all versions.
func (s *Services) Allowed(ctx context.Context, client identifier.ClientID, id identifier.ServiceID) (bool, error) {
	v, err := s.load(ctx)
	if err != nil {
		return false, err
	}
	snapshot := s.config.Conf.Current()
	for _, subject := range v.rights[offer{id.Provider(), id.Code()}] {
		if subject.Subsystem == client || subject.IsLocal() && v.groups[subject.Local].Has(client) ||
			subject.IsGlobal() && snapshot != nil && snapshot.InGroup(subject.Group, client) {
			return true, nil
		}
	}
	return false, nil
}
