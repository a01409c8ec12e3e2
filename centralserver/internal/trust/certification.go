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
