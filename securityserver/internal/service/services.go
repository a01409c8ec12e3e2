package service

import (
	"context"
	"strings"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Update changes how a service is reached (UC SERVICE_19 to 21). The All flags apply a value to every service of the same description.
type Update struct {
	URL                         string
	Timeout                     int // seconds
	TLSAuth                     bool
	URLAll, TimeoutAll, AuthAll bool
}

// Service finds a service of a client by its full code; NotFound service_not_found or client_not_found.
func (s *Services) Service(ctx context.Context, client identifier.ClientID, fullCode string) (Service, error) {
	var found Service
	err := s.config.Store.View(ctx, func(tx Tx) (err error) {
		_, found, err = find(tx, client, fullCode)
		return err
	})
	return found, err
}

func find(tx Tx, client identifier.ClientID, fullCode string) (Description, Service, error) {
	if err := tx.HasClient(client); err != nil {
		return Description{}, Service{}, err
	}
	all, err := tx.Descriptions()
	if err != nil {
		return Description{}, Service{}, err
	}
	for _, d := range all {
		for _, s := range d.Services {
			if d.Client == client && s.FullCode() == fullCode {
				return d, s, nil
			}
		}
	}
	return Description{}, Service{}, fault.New(fault.NotFound, "service_not_found", "Service '%s' not found", fullCode).With(fullCode)
}

// Change applies an update. Refusals: malformed_url, a time-out outside 0 to 1000, client_not_found, service_not_found.
func (s *Services) Change(ctx context.Context, client identifier.ClientID, fullCode string, u Update) (Service, error) {
	u.URL = strings.TrimSpace(u.URL)
	if err := CheckURL(u.URL); err != nil {
		return Service{}, err
	}
	if u.Timeout < 0 || u.Timeout > maxTimeout {
		invalid := fault.New(fault.Invalid, "validation_failure", "The time-out must be between 0 and 1000 seconds")
		invalid.Fields = map[string][]string{"serviceUpdateDto.timeout": {"Range"}}
		return Service{}, invalid
	}
	var changed Service
	err := s.config.Store.Update(ctx, func(tx Tx) error {
		d, target, err := find(tx, client, fullCode)
		if err != nil {
			return err
		}
		audit.Put(ctx, "clientIdentifier", client)
		putDescription(ctx, d)
		var edited []any
		for _, one := range d.Services {
			self := one.ID == target.ID
			if !self && !u.URLAll && !u.TimeoutAll && !u.AuthAll {
				continue
			}
			if self || u.URLAll {
				one.URL = u.URL
			}
			if self || u.TimeoutAll {
				one.Timeout = u.Timeout
			}
			if self || u.AuthAll {
				one.TLSAuth = u.TLSAuth
			}
			one.TLSAuth = one.TLSAuth && strings.HasPrefix(one.URL, "https:")
			if err := tx.SaveService(one); err != nil {
				return err
			}
			if self {
				changed = one
			}
			edited = append(edited, map[string]any{"id": one.FullCode(), "url": one.URL, "timeout": one.Timeout, "tlsAuth": one.TLSAuth})
		}
		audit.Put(ctx, "services", edited)
		return tx.Audit(ctx)
	})
	return changed, err
}

// Rights gives who may call a service, by full code.
func (s *Services) Rights(ctx context.Context, client identifier.ClientID, fullCode string) ([]Right, error) {
	var found []Right
	err := s.config.Store.View(ctx, func(tx Tx) error {
		_, target, err := find(tx, client, fullCode)
		if err != nil {
			return err
		}
		found, err = rightsOf(tx, client, target.Code)
		return err
	})
	return found, err
}

func rightsOf(tx Tx, client identifier.ClientID, code string) ([]Right, error) {
	all, err := tx.Rights()
	var found []Right
	for _, r := range all {
		if r.Client == client && r.ServiceCode == code {
			found = append(found, r)
		}
	}
	return found, err
}

// AddRights lets subjects call a service (UC SERVICE_17). Subjects must be known: Invalid service_client_not_found. One that has the right
// already is Conflict duplicate_accessright, and nothing is added.
func (s *Services) AddRights(ctx context.Context, client identifier.ClientID, fullCode string, subjects []Subject) ([]Right, error) {
	putSubjects(ctx, client, fullCode, subjects)
	var added []Right
	err := s.config.Store.Update(ctx, func(tx Tx) error {
		added = nil
		_, target, err := find(tx, client, fullCode)
		if err != nil {
			return err
		}
		have, err := rightsOf(tx, client, target.Code)
		if err != nil {
			return err
		}
		for _, subject := range subjects {
			if err := s.mustKnow(tx, client, subject); err != nil {
				return err
			}
			if holds(have, subject) {
				return duplicateRight(subject)
			}
			r := Right{Client: client, ServiceCode: target.Code, Subject: subject, GivenAt: s.config.Now().UTC()}
			if err := tx.AddRight(r); err != nil {
				return err
			}
			added, have = append(added, r), append(have, r)
		}
		return tx.Audit(ctx)
	})
	return added, err
}

// DeleteRights takes rights back (UC SERVICE_18); a subject without the right is NotFound accessright_not_found, and nothing is removed.
func (s *Services) DeleteRights(ctx context.Context, client identifier.ClientID, fullCode string, subjects []Subject) error {
	putSubjects(ctx, client, fullCode, subjects)
	return s.config.Store.Update(ctx, func(tx Tx) error {
		_, target, err := find(tx, client, fullCode)
		if err != nil {
			return err
		}
		have, err := rightsOf(tx, client, target.Code)
		if err != nil {
			return err
		}
		for _, subject := range subjects {
			held := false
			for _, r := range have {
				if r.Subject != subject {
					continue
				}
				if err := tx.DeleteRight(r); err != nil {
					return err
				}
				held = true
			}
			if !held {
				return fault.New(fault.NotFound, "accessright_not_found", "'%s' does not have this access right", subject.Encoded()).With(subject.Encoded())
			}
		}
		return tx.Audit(ctx)
	})
}

func putSubjects(ctx context.Context, client identifier.ClientID, fullCode string, subjects []Subject) {
	ids := make([]string, 0, len(subjects))
	for _, s := range subjects {
		ids = append(ids, s.Encoded())
	}
	audit.Put(ctx, "clientIdentifier", client)
	audit.Put(ctx, "serviceCode", fullCode)
	audit.Put(ctx, "subjectIds", ids)
}
