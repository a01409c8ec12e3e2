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
	added := TimestampingService{URL: url, CostType: cost}
	if err := added.check(file); err != nil {
		return nil, err
	}
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		if err := added.once(tx); err != nil {
			return err
		}
		if added.ID, err = tx.AddTimestampingService(added); err != nil {
			return err
		}
		putStamping(ctx, added)
		return nil
	})
	return &added, err
}

// ChangeTimestampingService changes the address and the cost of a time-stamping service, and its certificate when a file is given. Faults:
// invalid_url, invalid_certificate, timestamping_authority_not_found, timestamping_service_already_exists.
func (s *Service) ChangeTimestampingService(ctx context.Context, id int64, url string, cost CostType, file []byte) (*TimestampingService, error) {
	audit.Put(ctx, "tsaId", id)
	var changed *TimestampingService
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		if changed, err = requireTimestamping(tx, id); err != nil {
			return err
		}
		changed.URL, changed.CostType = url, cost
		if len(file) == 0 {
			file = changed.DER
		}
		if err := changed.check(file); err != nil {
			return err
		}
		if err := changed.once(tx); err != nil {
			return err
		}
		putStamping(ctx, *changed)
		return tx.ChangeTimestampingService(*changed)
	})
	return changed, err
}

// check refuses an impossible address, cost or file, and takes name and certificate from the file.
func (t *TimestampingService) check(file []byte) error {
	if err := checkURL(t.URL); err != nil {
		return err
	}
	if !slices.Contains(CostTypes[:], t.CostType) {
		return fault.New(fault.Invalid, "validation_failure", "Unknown cost type '%s'", t.CostType)
	}
	parsed, err := parseCertificate(file)
	if err != nil {
		return err
	}
	t.Name, t.DER = parsed.Subject.CommonName, parsed.Raw
	return nil
}

// once refuses a service that another approval has already.
func (t *TimestampingService) once(tx Tx) error {
	list, err := tx.TimestampingServices()
	if err != nil {
		return err
	}
	for _, other := range list {
		if other.ID != t.ID && other.URL == t.URL && Hash(other.DER) == Hash(t.DER) {
			return fault.New(fault.Conflict, "timestamping_service_already_exists", "The time-stamping service at '%s' is already approved", t.URL).With(t.URL)
		}
	}
	return nil
}

func putStamping(ctx context.Context, t TimestampingService) {
	audit.Put(ctx, "tsaId", t.ID)
	audit.Put(ctx, "tsaName", t.Name)
	audit.Put(ctx, "tsaUrl", t.URL)
	audit.Put(ctx, "tsaCostType", t.CostType)
	putHash(ctx, "tsaCertHash", t.DER)
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
