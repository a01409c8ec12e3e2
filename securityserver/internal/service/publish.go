package service

import (
	"context"
	"slices"
	"strings"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/client"
)

// ManagementServices are the codes of the management services that travel as messages (PR-MSERV 2).
var ManagementServices = []string{"clientReg", "clientDeletion", "clientDisable", "clientEnable", "clientRename", "authCertDeletion", "ownerChange",
	"addressChange", "maintenanceModeEnable", "maintenanceModeDisable"}

// Publication is what the server that hosts the provider of the management services offers to all others.
type Publication struct {
	Provider    identifier.ClientID
	URL         string                   // of the description, for later refreshes
	WSDL        []byte                   // the description itself
	Address     string                   // of the central server's management services
	Certificate []byte                   // DER of their TLS certificate; nil: not checked
	Group       identifier.GlobalGroupID // who may call them
}

// Publish makes the management services callable, in one step and however many of them were there before: described, reached at the address,
// the central server's TLS certificate trusted and checked, enabled, and open to the group. Faults: malformed_url; invalid_wsdl; Conflict
// management_services_elsewhere when the provider is not a client of this server; Invalid service_client_not_found.
func (s *Services) Publish(ctx context.Context, p Publication) error {
	audit.Put(ctx, "clientIdentifier", p.Provider)
	audit.Put(ctx, "url", p.Address)
	audit.Put(ctx, "services", ManagementServices)
	audit.Put(ctx, "subjectIds", []string{p.Group.Encoded()})
	for _, u := range []string{p.URL, p.Address} {
		if err := CheckURL(u); err != nil {
			return err
		}
	}
	operations, err := ParseWSDL(p.WSDL)
	if err != nil {
		return err
	}
	return s.config.Store.Update(ctx, func(tx Tx) error {
		err := tx.HasClient(p.Provider)
		if fault.CodeOf(err) == "client_not_found" {
			return fault.Wrap(err, fault.Conflict, "management_services_elsewhere", "'%s', who provides the management services, is not a client of this server",
				p.Provider.Encoded()).With(p.Provider.Encoded())
		}
		if err != nil {
			return err
		}
		if err := s.mustKnow(tx, p.Provider, Subject{Group: p.Group}); err != nil {
			return err
		}
		if err := trustCentral(tx, p); err != nil {
			return err
		}
		if err := s.describe(tx, p, operations); err != nil {
			return err
		}
		if err := s.open(tx, p); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

// trustCentral makes the central server's certificate one of the provider's internal ones.
func trustCentral(tx Tx, p Publication) error {
	if p.Certificate == nil {
		return nil
	}
	parsed, err := certificate.ParseFile(p.Certificate)
	if err != nil {
		return err
	}
	hash := strings.ToLower(certificate.SHA256Hex(parsed))
	have, err := tx.InternalCertificates(p.Provider)
	if err != nil || slices.ContainsFunc(have, func(c client.Certificate) bool { return c.Hash == hash }) {
		return err
	}
	return tx.AddInternalCertificate(p.Provider, client.Certificate{Hash: hash, DER: parsed.Raw})
}

// describe brings every management service to the address and enables it; those that no description offers go into one with the URL.
func (s *Services) describe(tx Tx, p Publication, operations []Operation) error {
	all, err := tx.Descriptions()
	if err != nil {
		return err
	}
	reached := func(one Service) Service {
		one.URL, one.Timeout, one.TLSAuth = p.Address, defaultTimeout, p.Certificate != nil && strings.HasPrefix(p.Address, "https:")
		return one
	}
	lacking := offeredBy(p.Provider, operations)
	lacking = slices.DeleteFunc(lacking, func(one Service) bool { return !slices.Contains(ManagementServices, one.Code) })
	var home *Description
	for i, d := range all {
		if d.Client != p.Provider {
			continue
		}
		if d.URL == p.URL {
			home = &all[i]
		}
		offers := false
		for _, one := range d.Services {
			if !slices.Contains(ManagementServices, one.Code) {
				continue
			}
			offers = true
			if err := tx.SaveService(reached(one)); err != nil {
				return err
			}
			lacking = slices.DeleteFunc(lacking, func(l Service) bool { return l.FullCode() == one.FullCode() })
		}
		if d.Disabled = false; offers || d.URL == p.URL {
			if err := tx.SaveDescription(d); err != nil {
				return err
			}
		}
	}
	for i := range lacking {
		lacking[i] = reached(lacking[i])
	}
	if home == nil && len(lacking) > 0 {
		_, err := tx.AddDescription(Description{Client: p.Provider, Type: WSDL, URL: p.URL, DisabledNotice: outOfOrder, RefreshedAt: s.config.Now().UTC(),
			Services: lacking})
		return err
	}
	for _, one := range lacking {
		one.DescriptionID = home.ID
		if err := tx.AddService(one); err != nil {
			return err
		}
	}
	return nil
}

// open gives the group the rights that it lacks.
func (s *Services) open(tx Tx, p Publication) error {
	for _, code := range ManagementServices {
		have, err := rightsOf(tx, p.Provider, code)
		if err != nil {
			return err
		}
		if holds(have, Subject{Group: p.Group}) {
			continue
		}
		err = tx.AddRight(Right{Client: p.Provider, ServiceCode: code, Subject: Subject{Group: p.Group}, GivenAt: s.config.Now().UTC()})
		if err != nil {
			return err
		}
	}
	return nil
}

// UnpublishedManagement gives the management services that a group cannot call at a client of this server: not described, disabled, or closed to it.
func (s *Services) UnpublishedManagement(ctx context.Context, provider identifier.ClientID, group identifier.GlobalGroupID) ([]string, error) {
	v, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, code := range ManagementServices {
		id, err := identifier.NewService(provider, code, "")
		if err != nil {
			return nil, err
		}
		found, ok := v.services[id]
		if !ok || found.Disabled || !slices.Contains(v.rights[offer{provider, code}], Subject{Group: group}) {
			missing = append(missing, code)
		}
	}
	return missing, nil
}
