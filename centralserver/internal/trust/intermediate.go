package trust

import (
	"context"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
)

// AddIntermediate adds an intermediate CA (UC TRUST_12). Faults: invalid_certificate, certification_service_not_found,
// certificate_already_exists.
func (s *Service) AddIntermediate(ctx context.Context, serviceID int64, file []byte) (*Intermediate, error) {
	parsed, err := parseCertificate(file)
	if err != nil {
		return nil, err
	}
	added := Intermediate{ServiceID: serviceID, DER: parsed.Raw}
	err = s.store.Update(ctx, func(tx Tx) error {
		service, err := require(tx, serviceID)
		if err != nil {
			return err
		}
		for _, i := range service.Intermediates {
			if Hash(i.DER) == Hash(added.DER) {
				return fault.New(fault.Conflict, "certificate_already_exists", "The intermediate CA is already added").With(Hash(added.DER))
			}
		}
		if added.ID, err = tx.AddIntermediate(added); err != nil {
			return err
		}
		audit.Put(ctx, "caId", serviceID)
		audit.Put(ctx, "intermediateCaId", added.ID)
		putHash(ctx, "intermediateCaCertHash", added.DER)
		return nil
	})
	return &added, err
}

// Intermediate gives an intermediate CA. Fault: intermediate_ca_not_found.
func (s *Service) Intermediate(ctx context.Context, id int64) (found *Intermediate, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		found, err = requireIntermediate(tx, id)
		return err
	})
	return found, err
}

func requireIntermediate(tx Tx, id int64) (*Intermediate, error) {
	found, err := tx.Intermediate(id)
	if err == nil && found == nil {
		err = notFound("intermediate_ca_not_found", "Intermediate CA", id)
	}
	return found, err
}

// DeleteIntermediate removes an intermediate CA with its responders. Fault: intermediate_ca_not_found.
func (s *Service) DeleteIntermediate(ctx context.Context, id int64) error {
	audit.Put(ctx, "intermediateCaId", id)
	return s.store.Update(ctx, func(tx Tx) error {
		if _, err := requireIntermediate(tx, id); err != nil {
			return err
		}
		return tx.RemoveIntermediate(id)
	})
}
