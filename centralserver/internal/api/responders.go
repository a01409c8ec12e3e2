package api

import (
	"context"
	"strconv"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/fault"
)

func responder(r trust.Responder) gen.OcspResponder {
	own := r.DER != nil
	return gen.OcspResponder{Id: r.ID, Url: r.URL, CostType: gen.CostType(r.CostType), HasCertificate: &own}
}

// GetCertificationServiceOcspResponders lists a top CA's responders.
func (a *API) GetCertificationServiceOcspResponders(ctx context.Context, r gen.GetCertificationServiceOcspRespondersRequestObject) (gen.GetCertificationServiceOcspRespondersResponseObject, error) {
	found, err := a.Trust.CertificationService(ctx, r.CertificationServiceId)
	if err != nil {
		return nil, err
	}
	return gen.GetCertificationServiceOcspResponders200JSONResponse(each(found.Responders, responder)), nil
}

// AddCertificationServiceOcspResponder is UC TRUST_10.
func (a *API) AddCertificationServiceOcspResponder(ctx context.Context, r gen.AddCertificationServiceOcspResponderRequestObject) (gen.AddCertificationServiceOcspResponderResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	added, err := a.Trust.AddResponder(ctx, trust.Responder{ServiceID: r.CertificationServiceId, URL: f.fields["url"], CostType: trust.CostType(f.fields["cost_type"])}, f.file)
	if err != nil {
		return nil, err
	}
	return gen.AddCertificationServiceOcspResponder201JSONResponse(responder(*added)), nil
}

// DeleteOcspResponder removes a responder.
func (a *API) DeleteOcspResponder(ctx context.Context, r gen.DeleteOcspResponderRequestObject) (gen.DeleteOcspResponderResponseObject, error) {
	return gen.DeleteOcspResponder204Response{}, a.Trust.DeleteResponder(ctx, r.OcspResponderId)
}

// GetOcspResponder gives a responder.
func (a *API) GetOcspResponder(ctx context.Context, r gen.GetOcspResponderRequestObject) (gen.GetOcspResponderResponseObject, error) {
	found, err := a.Trust.Responder(ctx, r.OcspResponderId)
	if err != nil {
		return nil, err
	}
	return gen.GetOcspResponder200JSONResponse(responder(*found)), nil
}

// UpdateOcspResponder changes what the form gives of a responder.
func (a *API) UpdateOcspResponder(ctx context.Context, r gen.UpdateOcspResponderRequestObject) (gen.UpdateOcspResponderResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	changed, err := a.Trust.ChangeResponder(ctx, r.OcspResponderId, f.fields["url"], trust.CostType(f.fields["cost_type"]), f.file)
	if err != nil {
		return nil, err
	}
	return gen.UpdateOcspResponder200JSONResponse(responder(*changed)), nil
}

// GetOcspRespondersCertificate shows a responder's certificate; a responder without one is not found, as in X-Road.
func (a *API) GetOcspRespondersCertificate(ctx context.Context, r gen.GetOcspRespondersCertificateRequestObject) (gen.GetOcspRespondersCertificateResponseObject, error) {
	found, err := a.Trust.Responder(ctx, r.OcspResponderId)
	if err != nil {
		return nil, err
	}
	if found.DER == nil {
		return nil, fault.New(fault.NotFound, "ocsp_responder_not_found", "OCSP responder '%d' has no certificate", found.ID).With(strconv.FormatInt(found.ID, 10))
	}
	details, err := certificateDetails(found.DER)
	return gen.GetOcspRespondersCertificate200JSONResponse(details), err
}
