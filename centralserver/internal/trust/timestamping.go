package trust

import (
	"context"
	"slices"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
)

// TimestampingServices lists the approved time-stamping services.
func (s *Service) TimestampingServices(ctx context.Context) (list []TimestampingService, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		list, err = tx.TimestampingServices()
		return err
	})
	return list, err
}

// TimestampingService gives one of them. Fault: timestamping_authority_not_found.
func (s *Service) TimestampingService(ctx context.Context, id int64) (found *TimestampingService, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		found, err = requireTimestamping(tx, id)
		return err
	})
	return found, err
}

func requireTimestamping(tx Tx, id int64) (*TimestampingService, error) {
	list, err := tx.TimestampingServices()
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].ID == id {
			return &list[i], nil
		}
	}
	return nil, notFound("timestamping_authority_not_found", "Time-stamping service", id)
}

// AddTimestampingService approves a time-stamping service (UC TRUST_16). Faults: invalid_url, invalid_certificate,
// timestamping_service_already_exists.
func (s *Service) AddTimestampingService(ctx context.Context, url string, cost CostType, file []byte) (*TimestampingService, error) {
	if err := checkURL(url); err != nil {
		return nil, err
	}
	if !slices.Contains(CostTypes[:], cost) {
		return nil, fault.New(fault.Invalid, "validation_failure", "Unknown cost type '%s'", cost)
	}
	parsed, err := parseCertificate(file)
	if err != nil {
		return nil, err
	}
	added := TimestampingService{Name: parsed.Subject.CommonName, URL: url, DER: parsed.Raw, CostType: cost}
	err = s.store.Update(ctx, func(tx Tx) error {
		list, err := tx.TimestampingServices()
		if err != nil {
			return err
		}
		for _, t := range list {
			if t.URL == url && Hash(t.DER) == Hash(added.DER) {
				return fault.New(fault.Conflict, "timestamping_service_already_exists", "The time-stamping service at '%s' is already approved", url).With(url)
			}
		}
		if added.ID, err = tx.AddTimestampingService(added); err != nil {
			return err
		}
		audit.Put(ctx, "tsaId", added.ID)
		audit.Put(ctx, "tsaName", added.Name)
		audit.Put(ctx, "tsaUrl", added.URL)
		audit.Put(ctx, "tsaCostType", added.CostType)
		putHash(ctx, "tsaCertHash", added.DER)
		return nil
	})
	return &added, err
}

// DeleteTimestampingService withdraws the approval. Fault: timestamping_authority_not_found.
func (s *Service) DeleteTimestampingService(ctx context.Context, id int64) error {
	audit.Put(ctx, "tsaId", id)
	return s.store.Update(ctx, func(tx Tx) error {
		found, err := requireTimestamping(tx, id)
		if err != nil {
			return err
		}
		audit.Put(ctx, "tsaName", found.Name)
		audit.Put(ctx, "tsaUrl", found.URL)
		return tx.RemoveTimestampingService(id)
	})
}
