package service

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Services is all of it. It is safe for concurrent use.
type Services struct {
	config Config
	view   atomic.Pointer[view]
}

// New makes Services.
func New(config Config) *Services { return &Services{config: config} }

// Descriptions gives the descriptions of a client; NotFound client_not_found.
func (s *Services) Descriptions(ctx context.Context, client identifier.ClientID) ([]Description, error) {
	var found []Description
	err := s.config.Store.View(ctx, func(tx Tx) error {
		if err := tx.HasClient(client); err != nil {
			return err
		}
		all, err := tx.Descriptions()
		for _, d := range all {
			if d.Client == client {
				found = append(found, d)
			}
		}
		return err
	})
	return found, err
}

// Description finds one; NotFound service_description_not_found.
func (s *Services) Description(ctx context.Context, id int64) (Description, error) {
	var d Description
	err := s.config.Store.View(ctx, func(tx Tx) (err error) {
		d, err = description(tx, id)
		return err
	})
	return d, err
}

func description(tx Tx, id int64) (Description, error) {
	all, err := tx.Descriptions()
	if err != nil {
		return Description{}, err
	}
	for _, d := range all {
		if d.ID == id {
			return d, nil
		}
	}
	return Description{}, fault.New(fault.NotFound, "service_description_not_found", "Service description not found").With(strconv.FormatInt(id, 10))
}

// AddWSDL downloads a WSDL and saves its operations as services; the description stays disabled until somebody enables it (UC SERVICE_08).
// Refusals in this order: malformed_url, client_not_found, url_already_exists, wsdl_download_failed, invalid_wsdl,
// invalid_service_identifier, service_already_exists.
func (s *Services) AddWSDL(ctx context.Context, client identifier.ClientID, address string) (Description, error) {
	address = strings.TrimSpace(address)
	d := Description{Client: client, Type: WSDL, URL: address, Disabled: true, DisabledNotice: outOfOrder, RefreshedAt: s.config.Now().UTC()}
	audit.Put(ctx, "clientIdentifier", client)
	putDescription(ctx, d)
	if err := CheckURL(address); err != nil {
		return Description{}, err
	}
	if err := s.config.Store.View(ctx, func(tx Tx) error { return free(tx, d) }); err != nil {
		return Description{}, err
	}
	body, err := download(ctx, s.config.HTTP, address)
	if err != nil {
		return Description{}, err
	}
	operations, err := ParseWSDL(body)
	if err != nil {
		return Description{}, err
	}
	d.Services = offeredBy(client, operations)
	err = s.config.Store.Update(ctx, func(tx Tx) error {
		if err := free(tx, d); err != nil {
			return err
		}
		if d.ID, err = tx.AddDescription(d); err != nil {
			return err
		}
		audit.Put(ctx, "disabled", d.Disabled)
		audit.Put(ctx, "refreshedDate", d.RefreshedAt)
		return tx.Audit(ctx)
	})
	if err != nil {
		return Description{}, err
	}
	return s.Description(ctx, d.ID)
}

// free asks that neither the URL nor a service of the description is taken at this client.
func free(tx Tx, d Description) error {
	if err := tx.HasClient(d.Client); err != nil {
		return err
	}
	all, err := tx.Descriptions()
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Client != d.Client || other.ID == d.ID {
			continue
		}
		if other.URL == d.URL {
			return fault.New(fault.Conflict, "url_already_exists", "WSDL URL already exists").With(d.URL)
		}
		for _, have := range other.Services {
			for _, added := range d.Services {
				if have.FullCode() == added.FullCode() {
					return fault.New(fault.Conflict, "service_already_exists", "Service '%s' already exists in '%s'", have.FullCode(), other.URL).
						With(have.FullCode(), other.URL)
				}
			}
		}
	}
	return nil
}

// SetDisabled enables or disables a description with a notice for callers (UC SERVICE_12, 13).
func (s *Services) SetDisabled(ctx context.Context, id int64, disabled bool, notice string) error {
	return s.edit(ctx, id, func(tx Tx, d Description) error {
		d.Disabled = disabled
		if disabled {
			d.DisabledNotice = notice
			audit.Put(ctx, "disabledNotice", notice)
		}
		return tx.SaveDescription(d)
	})
}

// Delete removes a description with its services and their access rights (UC SERVICE_15).
func (s *Services) Delete(ctx context.Context, id int64) error {
	return s.edit(ctx, id, func(tx Tx, d Description) error {
		if err := tx.DeleteDescription(id); err != nil {
			return err
		}
		return dropOrphanRights(tx, d.Client)
	})
}

// dropOrphanRights removes the rights to service codes that the client offers no more: a new service of that code must not inherit them.
func dropOrphanRights(tx Tx, client identifier.ClientID) error {
	left, err := tx.Descriptions()
	if err != nil {
		return err
	}
	rights, err := tx.Rights()
	if err != nil {
		return err
	}
	for _, r := range rights {
		if r.Client == client && !offered(left, r.Client, r.ServiceCode) {
			if err := tx.DeleteRight(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func offered(all []Description, client identifier.ClientID, code string) bool {
	for _, d := range all {
		for _, s := range d.Services {
			if d.Client == client && s.Code == code {
				return true
			}
		}
	}
	return false
}

func (s *Services) edit(ctx context.Context, id int64, change func(tx Tx, d Description) error) error {
	return s.config.Store.Update(ctx, func(tx Tx) error {
		d, err := description(tx, id)
		if err != nil {
			return err
		}
		audit.Put(ctx, "clientIdentifier", d.Client)
		putDescription(ctx, d)
		if err := change(tx, d); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

func putDescription(ctx context.Context, d Description) {
	audit.Put(ctx, "url", d.URL)
	audit.Put(ctx, "serviceType", d.Type)
}
