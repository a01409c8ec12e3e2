package api

import (
	"context"
	"crypto/x509"
	"fmt"
	"strconv"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/certificate"
)

// GetCertificationServices lists the approved certification services.
func (a *API) GetCertificationServices(ctx context.Context, _ gen.GetCertificationServicesRequestObject) (gen.GetCertificationServicesResponseObject, error) {
	list, err := a.Trust.CertificationServices(ctx)
	if err != nil {
		return nil, err
	}
	rendered := make(gen.GetCertificationServices200JSONResponse, 0, len(list))
	for _, s := range list {
		parsed, err := x509.ParseCertificate(s.DER)
		if err != nil {
			return nil, fmt.Errorf("reading a stored certificate: %w", err)
		}
		rendered = append(rendered, gen.ApprovedCertificationServiceListItem{Id: s.ID, Name: s.Name, NotBefore: parsed.NotBefore.UTC(), NotAfter: parsed.NotAfter.UTC()})
	}
	return rendered, nil
}

// AddCertificationService is UC TRUST_08.
func (a *API) AddCertificationService(ctx context.Context, r gen.AddCertificationServiceRequestObject) (gen.AddCertificationServiceResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	added, err := a.Trust.AddCertificationService(ctx, f.file, trust.Settings{
		ProfileClass: f.fields["certificate_profile_info"], AuthenticationOnly: isTrue(f.fields["tls_auth"]), CSRFormat: trust.CSRFormat(f.fields["default_csr_format"]),
		ACMEDirectoryURL: f.fields["acme_server_directory_url"], ACMEIPAddress: f.fields["acme_server_ip_address"],
		AuthenticationProfileID: f.fields["authentication_certificate_profile_id"], SigningProfileID: f.fields["signing_certificate_profile_id"]})
	if err != nil {
		return nil, err
	}
	rendered, err := certificationService(added)
	return gen.AddCertificationService201JSONResponse(rendered), err
}

func isTrue(s string) bool { v, err := strconv.ParseBool(s); return err == nil && v }

// GetCertificationService gives one certification service.
func (a *API) GetCertificationService(ctx context.Context, r gen.GetCertificationServiceRequestObject) (gen.GetCertificationServiceResponseObject, error) {
	found, err := a.Trust.CertificationService(ctx, r.CertificationServiceId)
	if err != nil {
		return nil, err
	}
	rendered, err := certificationService(found)
	return gen.GetCertificationService200JSONResponse(rendered), err
}

// UpdateCertificationService changes how a certification service is used.
func (a *API) UpdateCertificationService(ctx context.Context, r gen.UpdateCertificationServiceRequestObject) (gen.UpdateCertificationServiceResponseObject, error) {
	b := r.Body
	changed, err := a.Trust.ChangeCertificationService(ctx, r.CertificationServiceId, trust.Settings{
		ProfileClass: given(b.CertificateProfileInfo), AuthenticationOnly: isTrue(given(b.TlsAuth)), CSRFormat: trust.CSRFormat(given(b.DefaultCsrFormat)),
		ACMEDirectoryURL: given(b.AcmeServerDirectoryUrl), ACMEIPAddress: given(b.AcmeServerIpAddress),
		AuthenticationProfileID: given(b.AuthenticationCertificateProfileId), SigningProfileID: given(b.SigningCertificateProfileId)})
	if err != nil {
		return nil, err
	}
	rendered, err := certificationService(changed)
	return gen.UpdateCertificationService200JSONResponse(rendered), err
}

// DeleteCertificationService withdraws an approval.
func (a *API) DeleteCertificationService(ctx context.Context, r gen.DeleteCertificationServiceRequestObject) (gen.DeleteCertificationServiceResponseObject, error) {
	return gen.DeleteCertificationService204Response{}, a.Trust.DeleteCertificationService(ctx, r.CertificationServiceId)
}

// GetCertificationServiceCertificate shows a CA's certificate.
func (a *API) GetCertificationServiceCertificate(ctx context.Context, r gen.GetCertificationServiceCertificateRequestObject) (gen.GetCertificationServiceCertificateResponseObject, error) {
	found, err := a.Trust.CertificationService(ctx, r.CertificationServiceId)
	if err != nil {
		return nil, err
	}
	details, err := certificateDetails(found.DER)
	return gen.GetCertificationServiceCertificate200JSONResponse(details), err
}

func certificationService(s *trust.CertificationService) (gen.ApprovedCertificationService, error) {
	parsed, err := x509.ParseCertificate(s.DER)
	if err != nil {
		return gen.ApprovedCertificationService{}, fmt.Errorf("reading a stored certificate: %w", err)
	}
	d, c := certificate.Describe(parsed), s.Settings
	return gen.ApprovedCertificationService{Id: s.ID, Name: &s.Name, IssuerDistinguishedName: &d.IssuerDistinguishedName,
		SubjectDistinguishedName: &d.SubjectDistinguishedName, NotBefore: &d.NotBefore, NotAfter: &d.NotAfter, CertificateProfileInfo: c.ProfileClass,
		TlsAuth: c.AuthenticationOnly, DefaultCsrFormat: optional(gen.CsrFormat(c.CSRFormat)), AcmeServerDirectoryUrl: optional(c.ACMEDirectoryURL),
		AcmeServerIpAddress: optional(c.ACMEIPAddress), AuthenticationCertificateProfileId: optional(c.AuthenticationProfileID),
		SigningCertificateProfileId: optional(c.SigningProfileID)}, nil
}
