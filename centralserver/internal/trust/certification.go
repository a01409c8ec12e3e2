package trust

import (
	"context"
	"slices"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
)

// CertificationServices lists the approved certification services.
func (s *Service) CertificationServices(ctx context.Context) (list []CertificationService, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		list, err = tx.CertificationServices()
		return err
	})
	return list, err
}

// CertificationService gives one of them. Fault: certification_service_not_found.
func (s *Service) CertificationService(ctx context.Context, id int64) (found *CertificationService, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		found, err = require(tx, id)
		return err
	})
	return found, err
}

func require(tx Tx, id int64) (*CertificationService, error) {
	found, err := tx.CertificationService(id)
	if err == nil && found == nil {
		err = notFound("certification_service_not_found", "Certification service", id)
	}
	return found, err
}

// AddCertificationService approves a certification service (UC TRUST_08). Faults: invalid_certificate,
// certificate_profile_info_class_not_found, certificate_already_exists.
func (s *Service) AddCertificationService(ctx context.Context, file []byte, settings Settings) (*CertificationService, error) {
	parsed, err := parseCertificate(file)
	if err != nil {
		return nil, err
	}
	if settings, err = check(settings); err != nil {
		return nil, err
	}
	added := CertificationService{Name: parsed.Subject.CommonName, DER: parsed.Raw, Settings: settings}
	if added.Name == "" {
		added.Name = parsed.Subject.String()
	}
	err = s.store.Update(ctx, func(tx Tx) error {
		if err := unknown(tx, added.DER); err != nil {
			return err
		}
		if added.ID, err = tx.AddCertificationService(added); err != nil {
			return err
		}
		putService(ctx, added)
		return nil
	})
	return &added, err
}

// ChangeCertificationService changes how a certification service is used. Faults: certification_service_not_found,
// certificate_profile_info_class_not_found.
func (s *Service) ChangeCertificationService(ctx context.Context, id int64, settings Settings) (*CertificationService, error) {
	settings, err := check(settings)
	if err != nil {
		return nil, err
	}
	var changed *CertificationService
	err = s.store.Update(ctx, func(tx Tx) error {
		if changed, err = require(tx, id); err != nil {
			return err
		}
		changed.Settings = settings
		putService(ctx, *changed)
		return tx.ChangeCertificationService(id, settings)
	})
	return changed, err
}

// DeleteCertificationService withdraws the approval. Fault: certification_service_not_found.
func (s *Service) DeleteCertificationService(ctx context.Context, id int64) error {
	audit.Put(ctx, "caId", id)
	return s.store.Update(ctx, func(tx Tx) error {
		if _, err := require(tx, id); err != nil {
			return err
		}
		return tx.RemoveCertificationService(id)
	})
}

// check completes the settings; the profile's class is stored by its full name.
func check(s Settings) (Settings, error) {
	profile, err := certificate.ProfileByClass(s.ProfileClass)
	if err != nil {
		return s, fault.Wrap(err, fault.Invalid, "certificate_profile_info_class_not_found",
			"Certificate profile info class '%s' not found", s.ProfileClass).With(s.ProfileClass)
	}
	s.ProfileClass = profile.Class()
	if s.CSRFormat == "" {
		s.CSRFormat = "DER"
	}
	if !slices.Contains(CSRFormats[:], s.CSRFormat) {
		return s, fault.New(fault.Invalid, "validation_failure", "Unknown CSR format '%s'", s.CSRFormat)
	}
	return s, nil
}

// unknown refuses a CA that is approved already: consumers could not tell the two apart.
func unknown(tx Tx, der []byte) error {
	services, err := tx.CertificationServices()
	if err != nil {
		return err
	}
	for _, s := range services {
		if Hash(s.DER) == Hash(der) {
			return fault.New(fault.Conflict, "certificate_already_exists", "The certificate of '%s' is already approved", s.Name).With(s.Name)
		}
	}
	return nil
}

func putService(ctx context.Context, s CertificationService) {
	audit.Put(ctx, "caId", s.ID)
	putHash(ctx, "caCertHash", s.DER)
	audit.Put(ctx, "authenticationOnly", s.Settings.AuthenticationOnly)
	audit.Put(ctx, "certificateProfileInfo", s.Settings.ProfileClass)
	audit.Put(ctx, "defaultCsrFormat", s.Settings.CSRFormat)
}

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

// AddResponder adds an OCSP responder (UC TRUST_10) to the top CA or to the intermediate CA that r names; file is nil when it has no
// certificate. Faults: invalid_url, invalid_certificate, certification_service_not_found, intermediate_ca_not_found.
func (s *Service) AddResponder(ctx context.Context, r Responder, file []byte) (*Responder, error) {
	if err := checkURL(r.URL); err != nil {
		return nil, err
	}
	if !slices.Contains(CostTypes[:], r.CostType) {
		return nil, fault.New(fault.Invalid, "validation_failure", "Unknown cost type '%s'", r.CostType)
	}
	if len(file) > 0 {
		parsed, err := parseCertificate(file)
		if err != nil {
			return nil, err
		}
		r.DER = parsed.Raw
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
		audit.Put(ctx, "ocspId", r.ID)
		audit.Put(ctx, "ocspUrl", r.URL)
		audit.Put(ctx, "ocspCostType", r.CostType)
		if r.DER != nil {
			putHash(ctx, "ocspCertHash", r.DER)
		}
		return nil
	})
	return &r, err
}

// DeleteResponder removes an OCSP responder. Fault: ocsp_responder_not_found.
func (s *Service) DeleteResponder(ctx context.Context, id int64) error {
	audit.Put(ctx, "ocspId", id)
	return s.store.Update(ctx, func(tx Tx) error {
		removed, err := tx.RemoveResponder(id)
		if err == nil && !removed {
			err = notFound("ocsp_responder_not_found", "OCSP responder", id)
		}
		return err
	})
}
