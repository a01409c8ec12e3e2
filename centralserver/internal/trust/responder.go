package trust

import (
	"context"
	"slices"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
)

// AddResponder adds an OCSP responder (UC TRUST_10) to the top CA or to the intermediate CA that r names; file is nil when it has no
// certificate. Faults: invalid_url, invalid_certificate, certification_service_not_found, intermediate_ca_not_found.
func (s *Service) AddResponder(ctx context.Context, r Responder, file []byte) (*Responder, error) {
	if err := r.check(file); err != nil {
		return nil, err
	}
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		if r.IntermediateID != 0 {
			audit.Put(ctx, "intermediateCaId", r.IntermediateID)
			_, err = requireIntermediate(tx, r.IntermediateID)
		} else {
			audit.Put(ctx, "caId", r.ServiceID)
			_, err = require(tx, r.ServiceID)
		}
		if err != nil {
			return err
		}
		if r.ID, err = tx.AddResponder(r); err != nil {
			return err
		}
		putResponder(ctx, r)
		return nil
	})
	return &r, err
}

// check refuses an impossible address, cost or file, and takes the certificate from the file when there is one.
func (r *Responder) check(file []byte) error {
	if err := checkURL(r.URL); err != nil {
		return err
	}
	if !slices.Contains(CostTypes[:], r.CostType) {
		return fault.New(fault.Invalid, "validation_failure", "Unknown cost type '%s'", r.CostType)
	}
	if len(file) == 0 {
		return nil
	}
	parsed, err := parseCertificate(file)
	if err == nil {
		r.DER = parsed.Raw
	}
	return err
}

func putResponder(ctx context.Context, r Responder) {
	audit.Put(ctx, "ocspId", r.ID)
	audit.Put(ctx, "ocspUrl", r.URL)
	audit.Put(ctx, "ocspCostType", r.CostType)
	if r.DER != nil {
		putHash(ctx, "ocspCertHash", r.DER)
	}
}

// Responder gives an OCSP responder. Fault: ocsp_responder_not_found.
func (s *Service) Responder(ctx context.Context, id int64) (found *Responder, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		found, err = requireResponder(tx, id)
		return err
	})
	return found, err
}

func requireResponder(tx Tx, id int64) (*Responder, error) {
	found, err := tx.Responder(id)
	if err == nil && found == nil {
		err = notFound("ocsp_responder_not_found", "OCSP responder", id)
	}
	return found, err
}

// ChangeResponder changes what is given of an OCSP responder: an empty url, cost or file leaves what is there. Faults: invalid_url,
// invalid_certificate, ocsp_responder_not_found.
func (s *Service) ChangeResponder(ctx context.Context, id int64, url string, cost CostType, file []byte) (*Responder, error) {
	audit.Put(ctx, "ocspId", id)
	var changed *Responder
	err := s.store.Update(ctx, func(tx Tx) (err error) {
		if changed, err = requireResponder(tx, id); err != nil {
			return err
		}
		if url != "" {
			changed.URL = url
		}
		if cost != "" {
			changed.CostType = cost
		}
		if err := changed.check(file); err != nil {
			return err
		}
		putResponder(ctx, *changed)
		return tx.ChangeResponder(*changed)
	})
	return changed, err
}

// DeleteResponder removes an OCSP responder, whoever it belongs to. Fault: ocsp_responder_not_found.
func (s *Service) DeleteResponder(ctx context.Context, id int64) error {
	return s.deleteResponder(ctx, id, func(Tx, *Responder) error { return nil })
}

// DeleteIntermediateResponder removes an OCSP responder of an intermediate CA. Faults: intermediate_ca_not_found, ocsp_responder_not_found.
func (s *Service) DeleteIntermediateResponder(ctx context.Context, intermediate, id int64) error {
	audit.Put(ctx, "intermediateCaId", intermediate)
	return s.deleteResponder(ctx, id, func(tx Tx, r *Responder) error {
		if _, err := requireIntermediate(tx, intermediate); err != nil {
			return err
		}
		if r == nil || r.IntermediateID != intermediate {
			return notFound("ocsp_responder_not_found", "OCSP responder", id)
		}
		return nil
	})
}

func (s *Service) deleteResponder(ctx context.Context, id int64, check func(Tx, *Responder) error) error {
	audit.Put(ctx, "ocspId", id)
	return s.store.Update(ctx, func(tx Tx) error {
		found, err := tx.Responder(id)
		if err != nil {
			return err
		}
		if err := check(tx, found); err != nil {
			return err
		}
		removed, err := tx.RemoveResponder(id)
		if err == nil && !removed {
			err = notFound("ocsp_responder_not_found", "OCSP responder", id)
		}
		return err
	})
}
