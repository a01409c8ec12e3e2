package store

import (
	"github.com/ristmik/ristmik/centralserver/internal/trust"
)

type serviceRow struct {
	ID                                 int64
	Name                               string
	Certificate                        []byte
	CertificateProfileInfo             string
	TLSAuth                            bool `gorm:"column:tls_auth"`
	DefaultCsrFormat                   string
	AcmeServerDirectoryURL             string `gorm:"column:acme_server_directory_url"`
	AcmeServerIPAddress                string `gorm:"column:acme_server_ip_address"`
	AuthenticationCertificateProfileID string `gorm:"column:authentication_certificate_profile_id"`
	SigningCertificateProfileID        string `gorm:"column:signing_certificate_profile_id"`
}

const serviceColumns = `id, name, certificate, certificate_profile_info, tls_auth, default_csr_format, acme_server_directory_url, acme_server_ip_address,
	authentication_certificate_profile_id, signing_certificate_profile_id`

// CertificationServices lists the approved certification services in order of approval, with all that belongs to them.
func (t *Tx) CertificationServices() ([]trust.CertificationService, error) {
	return t.services("1 = 1")
}

// CertificationService gives one of them, nil when there is none.
func (t *Tx) CertificationService(id int64) (*trust.CertificationService, error) {
	list, err := t.services("id = ?", id)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func (t *Tx) services(condition string, values ...any) ([]trust.CertificationService, error) {
	return all(t.tx.DB().Raw("SELECT "+serviceColumns+" FROM approved_ca WHERE "+condition+" ORDER BY id", values...),
		func(r serviceRow) (trust.CertificationService, error) {
			s := trust.CertificationService{ID: r.ID, Name: r.Name, DER: r.Certificate, Settings: trust.Settings{
				ProfileClass: r.CertificateProfileInfo, AuthenticationOnly: r.TLSAuth, CSRFormat: trust.CSRFormat(r.DefaultCsrFormat),
				ACMEDirectoryURL: r.AcmeServerDirectoryURL, ACMEIPAddress: r.AcmeServerIPAddress,
				AuthenticationProfileID: r.AuthenticationCertificateProfileID, SigningProfileID: r.SigningCertificateProfileID}}
			var err error
			if s.Responders, err = t.responders("ca_id = ?", r.ID); err != nil {
				return s, err
			}
			s.Intermediates, err = t.intermediates("ca_id = ?", r.ID)
			return s, err
		})
}

type intermediateRow struct {
	ID, CaID    int64
	Certificate []byte
}

func (t *Tx) intermediates(condition string, id int64) ([]trust.Intermediate, error) {
	return all(t.tx.DB().Raw("SELECT id, ca_id, certificate FROM intermediate_ca WHERE "+condition+" ORDER BY id", id),
		func(r intermediateRow) (trust.Intermediate, error) {
			responders, err := t.responders("intermediate_id = ?", r.ID)
			return trust.Intermediate{ID: r.ID, ServiceID: r.CaID, DER: r.Certificate, Responders: responders}, err
		})
}

type responderRow struct {
	ID                   int64
	CaID, IntermediateID *int64
	URL                  string `gorm:"column:url"`
	CostType             string
	Certificate          []byte
}

func (t *Tx) responders(condition string, id int64) ([]trust.Responder, error) {
	return all(t.tx.DB().Raw("SELECT id, ca_id, intermediate_id, url, cost_type, certificate FROM ocsp_responder WHERE "+condition+" ORDER BY id", id),
		func(r responderRow) (trust.Responder, error) {
			return trust.Responder{ID: r.ID, ServiceID: value(r.CaID), IntermediateID: value(r.IntermediateID), URL: r.URL,
				CostType: trust.CostType(r.CostType), DER: r.Certificate}, nil
		})
}

// AddCertificationService inserts a top CA without what belongs to it.
func (t *Tx) AddCertificationService(s trust.CertificationService) (int64, error) {
	c := s.Settings
	return t.insert(`INSERT INTO approved_ca (name, certificate, certificate_hash, certificate_profile_info, tls_auth, default_csr_format,
		acme_server_directory_url, acme_server_ip_address, authentication_certificate_profile_id, signing_certificate_profile_id, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, s.Name, s.DER, hashOf(s.DER), c.ProfileClass, c.AuthenticationOnly, string(c.CSRFormat),
		c.ACMEDirectoryURL, c.ACMEIPAddress, c.AuthenticationProfileID, c.SigningProfileID, t.Now(), t.Now())
}

// ChangeCertificationService replaces the settings.
func (t *Tx) ChangeCertificationService(id int64, c trust.Settings) error {
	return one(t.tx.DB().Exec(`UPDATE approved_ca SET certificate_profile_info = ?, tls_auth = ?, default_csr_format = ?, acme_server_directory_url = ?,
		acme_server_ip_address = ?, authentication_certificate_profile_id = ?, signing_certificate_profile_id = ?, updated_at = ? WHERE id = ?`,
		c.ProfileClass, c.AuthenticationOnly, string(c.CSRFormat), c.ACMEDirectoryURL, c.ACMEIPAddress, c.AuthenticationProfileID, c.SigningProfileID, t.Now(), id))
}

// RemoveCertificationService deletes a top CA with its intermediate CAs and responders.
func (t *Tx) RemoveCertificationService(id int64) error {
	return one(t.tx.DB().Exec("DELETE FROM approved_ca WHERE id = ?", id))
}

// Intermediate gives an intermediate CA, nil when there is none.
func (t *Tx) Intermediate(id int64) (*trust.Intermediate, error) {
	list, err := t.intermediates("id = ?", id)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// AddIntermediate inserts an intermediate CA.
func (t *Tx) AddIntermediate(i trust.Intermediate) (int64, error) {
	return t.insert("INSERT INTO intermediate_ca (ca_id, certificate, certificate_hash, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
		i.ServiceID, i.DER, hashOf(i.DER), t.Now(), t.Now())
}

// RemoveIntermediate deletes an intermediate CA with its responders.
func (t *Tx) RemoveIntermediate(id int64) error {
	return one(t.tx.DB().Exec("DELETE FROM intermediate_ca WHERE id = ?", id))
}

// Responder gives an OCSP responder, nil when there is none.
func (t *Tx) Responder(id int64) (*trust.Responder, error) {
	list, err := t.responders("id = ?", id)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// ChangeResponder replaces address, cost and certificate.
func (t *Tx) ChangeResponder(r trust.Responder) error {
	return one(t.tx.DB().Exec("UPDATE ocsp_responder SET url = ?, cost_type = ?, certificate = ?, updated_at = ? WHERE id = ?",
		r.URL, string(r.CostType), r.DER, t.Now(), r.ID))
}

// AddResponder inserts an OCSP responder.
func (t *Tx) AddResponder(r trust.Responder) (int64, error) {
	return t.insert("INSERT INTO ocsp_responder (ca_id, intermediate_id, url, cost_type, certificate, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
		orNull(r.ServiceID), orNull(r.IntermediateID), r.URL, string(r.CostType), r.DER, t.Now(), t.Now())
}

// RemoveResponder deletes an OCSP responder and reports whether it was there.
func (t *Tx) RemoveResponder(id int64) (bool, error) {
	g := t.tx.DB().Exec("DELETE FROM ocsp_responder WHERE id = ?", id)
	return g.RowsAffected == 1, g.Error
}

type stampingRow struct {
	ID          int64
	Name        string
	URL         string `gorm:"column:url"`
	Certificate []byte
	CostType    string
}

// TimestampingServices lists the approved time-stamping services in order of approval.
func (t *Tx) TimestampingServices() ([]trust.TimestampingService, error) {
	return all(t.tx.DB().Raw("SELECT id, name, url, certificate, cost_type FROM timestamping_service ORDER BY id"),
		func(r stampingRow) (trust.TimestampingService, error) {
			return trust.TimestampingService{ID: r.ID, Name: r.Name, URL: r.URL, DER: r.Certificate, CostType: trust.CostType(r.CostType)}, nil
		})
}

// AddTimestampingService inserts a time-stamping service.
func (t *Tx) AddTimestampingService(s trust.TimestampingService) (int64, error) {
	return t.insert("INSERT INTO timestamping_service (name, url, certificate, certificate_hash, cost_type, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
		s.Name, s.URL, s.DER, hashOf(s.DER), string(s.CostType), t.Now(), t.Now())
}

// ChangeTimestampingService replaces everything but the id.
func (t *Tx) ChangeTimestampingService(s trust.TimestampingService) error {
	return one(t.tx.DB().Exec("UPDATE timestamping_service SET name = ?, url = ?, certificate = ?, certificate_hash = ?, cost_type = ?, updated_at = ? WHERE id = ?",
		s.Name, s.URL, s.DER, hashOf(s.DER), string(s.CostType), t.Now(), s.ID))
}

// RemoveTimestampingService deletes a time-stamping service.
func (t *Tx) RemoveTimestampingService(id int64) error {
	return one(t.tx.DB().Exec("DELETE FROM timestamping_service WHERE id = ?", id))
}
