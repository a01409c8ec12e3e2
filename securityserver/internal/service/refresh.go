package service

import (
	"context"
	"strings"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Refresh downloads a description again (UC SERVICE_14). Services that stay keep how they are reached; rights to those that go, go with them.
// When services come or go it asks first, unless warnings are ignored: warnings adding_services and deleting_services with the full codes.
// Other refusals: service_description_not_found, wsdl_download_failed, invalid_wsdl, invalid_service_identifier, service_already_exists.
func (s *Services) Refresh(ctx context.Context, id int64, ignoreWarnings bool) (Description, error) {
	d, err := s.Description(ctx, id)
	if err != nil {
		return Description{}, err
	}
	return s.reread(ctx, d, d.URL, ignoreWarnings)
}

// Move changes the URL of a description and reads it there (UC SERVICE_09). Refusals as Refresh, and malformed_url, url_already_exists.
func (s *Services) Move(ctx context.Context, id int64, address string, ignoreWarnings bool) (Description, error) {
	d, err := s.Description(ctx, id)
	if err != nil {
		return Description{}, err
	}
	address = strings.TrimSpace(address)
	audit.Put(ctx, "clientIdentifier", d.Client)
	putDescription(ctx, d)
	audit.Put(ctx, "urlNew", address)
	if err := CheckURL(address); err != nil {
		return Description{}, err
	}
	return s.reread(ctx, d, address, ignoreWarnings)
}

func (s *Services) reread(ctx context.Context, d Description, address string, ignoreWarnings bool) (Description, error) {
	audit.Put(ctx, "clientIdentifier", d.Client)
	putDescription(ctx, d)
	body, err := download(ctx, s.config.HTTP, address)
	if err != nil {
		return Description{}, err
	}
	operations, err := ParseWSDL(body)
	if err != nil {
		return Description{}, err
	}
	err = s.config.Store.Update(ctx, func(tx Tx) error {
		// What is replaced is what is there now, not what was there before the download.
		old, err := description(tx, d.ID)
		if err != nil {
			return err
		}
		next := old
		next.URL, next.RefreshedAt, next.Services = address, s.config.Now().UTC(), offeredBy(old.Client, operations)
		if err := free(tx, next); err != nil {
			return err
		}
		added, deleted := missing(next.Services, old.Services), missing(old.Services, next.Services)
		audit.Put(ctx, "wsdl", map[string]any{"servicesAdded": codes(added), "servicesDeleted": codes(deleted)})
		if err := warn(added, deleted); err != nil && !ignoreWarnings {
			return err
		}
		if err := replace(tx, old, next, added, deleted); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
	if err != nil {
		return Description{}, err
	}
	return s.Description(ctx, d.ID)
}

// replace writes the difference between what a description offered and what it offers.
func replace(tx Tx, old, next Description, added, deleted []Service) error {
	if err := tx.SaveDescription(next); err != nil {
		return err
	}
	for _, one := range deleted {
		if err := tx.DeleteService(one.ID); err != nil {
			return err
		}
	}
	for _, one := range added {
		one.DescriptionID = old.ID
		if err := tx.AddService(one); err != nil {
			return err
		}
	}
	for _, kept := range old.Services {
		for _, now := range next.Services {
			if now.FullCode() == kept.FullCode() && now.Title != kept.Title {
				kept.Title = now.Title
				if err := tx.SaveService(kept); err != nil {
					return err
				}
			}
		}
	}
	return dropOrphanRights(tx, old.Client)
}

// offeredBy makes services of the operations of a WSDL, reached as the WSDL says.
func offeredBy(client identifier.ClientID, operations []Operation) []Service {
	services := make([]Service, 0, len(operations))
	for _, o := range operations {
		services = append(services, Service{Client: client, Code: o.Code, Version: o.Version, Title: o.Title, URL: o.URL, Timeout: defaultTimeout,
			TLSAuth: strings.HasPrefix(o.URL, "https:")})
	}
	return services
}

// missing gives the services of the first list that the second lacks.
func missing(first, second []Service) []Service {
	have := map[string]bool{}
	for _, s := range second {
		have[s.FullCode()] = true
	}
	var list []Service
	for _, s := range first {
		if !have[s.FullCode()] {
			list = append(list, s)
		}
	}
	return list
}

func codes(services []Service) []string {
	list := make([]string, 0, len(services))
	for _, s := range services {
		list = append(list, s.FullCode())
	}
	return list
}

func warn(added, deleted []Service) error {
	warning := fault.New(fault.Invalid, "warnings_detected", "The services of the description have changed")
	if len(added) > 0 {
		warning.Warnings = append(warning.Warnings, fault.Warning{Code: "adding_services", Metadata: codes(added)})
	}
	if len(deleted) > 0 {
		warning.Warnings = append(warning.Warnings, fault.Warning{Code: "deleting_services", Metadata: codes(deleted)})
	}
	if len(warning.Warnings) == 0 {
		return nil
	}
	return warning
}
