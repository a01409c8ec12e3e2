package api

import (
	"context"
	"strings"

	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
)

// permitted finds a certificate and asks for the permission that goes with its usage.
func (a *API) permitted(ctx context.Context, hash string, authentication, signing auth.Permission) (keys.Key, keys.Certificate, error) {
	key, c, err := a.Keys.Certificate(ctx, hash)
	if err != nil {
		return key, c, err
	}
	return key, c, byUsage(ctx, key.Usage, authentication, signing)
}

// ImportCertificate imports a certificate for one of the keys.
func (a *API) ImportCertificate(ctx context.Context, r gen.ImportCertificateRequestObject) (gen.ImportCertificateResponseObject, error) {
	file, err := readFile(r.Body)
	if err != nil {
		return nil, err
	}
	if parsed, err := certificate.ParseFile(file); err == nil { // what is no certificate is refused by the rules, in their order
		usage := certificate.Signing
		if certificate.IsAuthentication(parsed) {
			usage = certificate.Authentication
		}
		if err := byUsage(ctx, usage, "IMPORT_AUTH_CERT", "IMPORT_SIGN_CERT"); err != nil {
			return nil, err
		}
	}
	imported, err := a.Keys.Import(ctx, file)
	if err != nil {
		return nil, err
	}
	key, c, err := a.Keys.Certificate(ctx, imported.Hash)
	if err != nil {
		return nil, err
	}
	rendered, err := a.certificate(ctx, key, c)
	return gen.ImportCertificate201JSONResponse(rendered), err
}

// GetCertificate shows one (UC MEMBER_55).
func (a *API) GetCertificate(ctx context.Context, r gen.GetCertificateRequestObject) (gen.GetCertificateResponseObject, error) {
	key, c, err := a.permitted(ctx, r.Hash, "VIEW_AUTH_CERT", "VIEW_SIGN_CERT")
	if err != nil {
		return nil, err
	}
	rendered, err := a.certificate(ctx, key, c)
	return gen.GetCertificate200JSONResponse(rendered), err
}

// DeleteCertificate deletes one.
func (a *API) DeleteCertificate(ctx context.Context, r gen.DeleteCertificateRequestObject) (gen.DeleteCertificateResponseObject, error) {
	if _, _, err := a.permitted(ctx, r.Hash, "DELETE_AUTH_CERT", "DELETE_SIGN_CERT"); err != nil {
		return nil, err
	}
	return gen.DeleteCertificate204Response{}, a.Keys.Delete(ctx, r.Hash)
}

// ActivateCertificate lets one be used.
func (a *API) ActivateCertificate(ctx context.Context, r gen.ActivateCertificateRequestObject) (gen.ActivateCertificateResponseObject, error) {
	if _, _, err := a.permitted(ctx, r.Hash, "ACTIVATE_DISABLE_AUTH_CERT", "ACTIVATE_DISABLE_SIGN_CERT"); err != nil {
		return nil, err
	}
	return gen.ActivateCertificate204Response{}, a.Keys.Activate(ctx, r.Hash)
}

// DisableCertificate stops using one.
func (a *API) DisableCertificate(ctx context.Context, r gen.DisableCertificateRequestObject) (gen.DisableCertificateResponseObject, error) {
	if _, _, err := a.permitted(ctx, r.Hash, "ACTIVATE_DISABLE_AUTH_CERT", "ACTIVATE_DISABLE_SIGN_CERT"); err != nil {
		return nil, err
	}
	return gen.DisableCertificate204Response{}, a.Keys.Disable(ctx, r.Hash)
}

// RegisterCertificate sends the registration request.
func (a *API) RegisterCertificate(ctx context.Context, r gen.RegisterCertificateRequestObject) (gen.RegisterCertificateResponseObject, error) {
	return gen.RegisterCertificate204Response{}, a.Keys.Register(ctx, r.Hash, r.Body.Address)
}

// UnregisterAuthCertificate sends the deletion request.
func (a *API) UnregisterAuthCertificate(ctx context.Context, r gen.UnregisterAuthCertificateRequestObject) (gen.UnregisterAuthCertificateResponseObject, error) {
	return gen.UnregisterAuthCertificate204Response{}, a.Keys.Unregister(ctx, r.Hash)
}

// MarkAuthCertForDeletion goes on without the central server.
func (a *API) MarkAuthCertForDeletion(ctx context.Context, r gen.MarkAuthCertForDeletionRequestObject) (gen.MarkAuthCertForDeletionResponseObject, error) {
	return gen.MarkAuthCertForDeletion204Response{}, a.Keys.MarkForDeletion(ctx, r.Hash)
}

// GetPossibleActionsForCertificate says what can be done with one.
func (a *API) GetPossibleActionsForCertificate(ctx context.Context, r gen.GetPossibleActionsForCertificateRequestObject) (gen.GetPossibleActionsForCertificateResponseObject, error) {
	key, c, err := a.Keys.Certificate(ctx, r.Hash)
	if err != nil {
		return nil, err
	}
	return gen.GetPossibleActionsForCertificate200JSONResponse(*actions(keys.CertificateActions(key, c))), nil
}

// GetApprovedCertificateAuthorities lists the approved certification services.
func (a *API) GetApprovedCertificateAuthorities(_ context.Context, r gen.GetApprovedCertificateAuthoritiesRequestObject) (gen.GetApprovedCertificateAuthoritiesResponseObject, error) {
	all, err := a.Keys.Authorities(certificate.Usage(orDefault(r.Params.KeyUsageType, "")))
	if err != nil {
		return nil, err
	}
	list := gen.GetApprovedCertificateAuthorities200JSONResponse{}
	for _, one := range all {
		if one.Top == nil || value(r.Params.IncludeIntermediateCas) {
			list = append(list, authority(one))
		}
	}
	return list, nil
}

func authority(one *certificate.Authority) gen.CertificateAuthority {
	d := certificate.Describe(one.Certificate)
	format, acme := gen.CsrFormatPEM, false
	path := []string{d.SubjectDistinguishedName}
	if one.Top != nil {
		path = append([]string{certificate.DistinguishedName(one.Top.Certificate.RawSubject)}, path...)
	}
	responders := make([]gen.OcspResponder, 0, len(one.Responders))
	for _, r := range one.Responders {
		responders = append(responders, gen.OcspResponder{Url: r.URL, CostType: *costType(r.CostType)})
	}
	rendered := gen.CertificateAuthority{Name: one.Name, SubjectDistinguishedName: d.SubjectDistinguishedName, IssuerDistinguishedName: d.IssuerDistinguishedName,
		OcspResponse: gen.CertificateAuthorityOcspResponseNOTAVAILABLE, NotAfter: d.NotAfter, TopCa: one.Top == nil, Path: strings.Join(path, ":"),
		AuthenticationOnly: one.Root().AuthenticationOnly, DefaultCsrFormat: &format, AcmeCapable: &acme, OcspResponders: &responders}
	if profile := one.Root().Profile; profile != nil {
		rendered.CertificateProfileInfo = text(profile.Class())
	}
	return rendered
}

// GetSubjectFieldDescriptions lists the subject fields of a request.
func (a *API) GetSubjectFieldDescriptions(ctx context.Context, r gen.GetSubjectFieldDescriptionsRequestObject) (gen.GetSubjectFieldDescriptionsResponseObject, error) {
	usage := certificate.Usage(r.Params.KeyUsageType)
	if err := byUsage(ctx, usage, "GENERATE_AUTH_CERT_REQ", "GENERATE_SIGN_CERT_REQ"); err != nil {
		return nil, err
	}
	var member identifier.ClientID
	if encoded := value(r.Params.MemberId); encoded != "" {
		var err error
		if member, err = identifier.ParseClientID(encoded); err != nil {
			return nil, err
		}
	}
	fields, err := a.Keys.Fields(ctx, r.CaName, usage, member)
	if err != nil {
		return nil, err
	}
	list := gen.GetSubjectFieldDescriptions200JSONResponse{}
	for _, f := range fields {
		one := gen.CsrSubjectFieldDescription{Id: f.ID, DefaultValue: &f.Default, ReadOnly: f.ReadOnly, Required: f.Required, Localized: f.LabelKey != ""}
		if f.LabelKey != "" {
			one.LabelKey = text(f.LabelKey)
		} else {
			one.Label = text(f.Label)
		}
		list = append(list, one)
	}
	return list, nil
}
