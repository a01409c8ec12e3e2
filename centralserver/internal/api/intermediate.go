package api

import (
	"context"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
)

// GetCertificationServiceIntermediateCas lists the intermediate CAs.
func (a *API) GetCertificationServiceIntermediateCas(ctx context.Context, r gen.GetCertificationServiceIntermediateCasRequestObject) (gen.GetCertificationServiceIntermediateCasResponseObject, error) {
	found, err := a.Trust.CertificationService(ctx, r.CertificationServiceId)
	if err != nil {
		return nil, err
	}
	rendered := make(gen.GetCertificationServiceIntermediateCas200JSONResponse, 0, len(found.Intermediates))
	for _, i := range found.Intermediates {
		details, err := certificateDetails(i.DER)
		if err != nil {
			return nil, err
		}
		rendered = append(rendered, gen.CertificateAuthority{Id: &i.ID, CaCertificate: details})
	}
	return rendered, nil
}

// AddCertificationServiceIntermediateCa is UC TRUST_12.
func (a *API) AddCertificationServiceIntermediateCa(ctx context.Context, r gen.AddCertificationServiceIntermediateCaRequestObject) (gen.AddCertificationServiceIntermediateCaResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	added, err := a.Trust.AddIntermediate(ctx, r.CertificationServiceId, f.file)
	if err != nil {
		return nil, err
	}
	details, err := certificateDetails(added.DER)
	return gen.AddCertificationServiceIntermediateCa201JSONResponse{Id: &added.ID, CaCertificate: details}, err
}

// GetIntermediateCaOcspResponders lists an intermediate CA's responders.
func (a *API) GetIntermediateCaOcspResponders(ctx context.Context, r gen.GetIntermediateCaOcspRespondersRequestObject) (gen.GetIntermediateCaOcspRespondersResponseObject, error) {
	found, err := a.Trust.Intermediate(ctx, r.IntermediateCaId)
	if err != nil {
		return nil, err
	}
	return gen.GetIntermediateCaOcspResponders200JSONResponse(each(found.Responders, responder)), nil
}

// AddIntermediateCaOcspResponder adds a responder to an intermediate CA.
func (a *API) AddIntermediateCaOcspResponder(ctx context.Context, r gen.AddIntermediateCaOcspResponderRequestObject) (gen.AddIntermediateCaOcspResponderResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	added, err := a.Trust.AddResponder(ctx, trust.Responder{IntermediateID: r.IntermediateCaId, URL: f.fields["url"], CostType: trust.CostType(f.fields["cost_type"])}, f.file)
	if err != nil {
		return nil, err
	}
	return gen.AddIntermediateCaOcspResponder201JSONResponse(responder(*added)), nil
}

// GetIntermediateCa gives an intermediate CA.
func (a *API) GetIntermediateCa(ctx context.Context, r gen.GetIntermediateCaRequestObject) (gen.GetIntermediateCaResponseObject, error) {
	found, err := a.Trust.Intermediate(ctx, r.IntermediateCaId)
	if err != nil {
		return nil, err
	}
	details, err := certificateDetails(found.DER)
	return gen.GetIntermediateCa200JSONResponse{Id: &found.ID, CaCertificate: details}, err
}

// DeleteIntermediateCa deletes an intermediate CA.
func (a *API) DeleteIntermediateCa(ctx context.Context, r gen.DeleteIntermediateCaRequestObject) (gen.DeleteIntermediateCaResponseObject, error) {
	return gen.DeleteIntermediateCa204Response{}, a.Trust.DeleteIntermediate(ctx, r.IntermediateCaId)
}

// DeleteIntermediateCaOcspResponder removes a responder of an intermediate CA.
func (a *API) DeleteIntermediateCaOcspResponder(ctx context.Context, r gen.DeleteIntermediateCaOcspResponderRequestObject) (gen.DeleteIntermediateCaOcspResponderResponseObject, error) {
	return gen.DeleteIntermediateCaOcspResponder204Response{}, a.Trust.DeleteIntermediateResponder(ctx, r.IntermediateCaId, r.OcspResponderId)
}
