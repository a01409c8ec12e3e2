package api

import (
	"context"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
)

// GetTimestampingServices lists the approved time-stamping services.
func (a *API) GetTimestampingServices(ctx context.Context, _ gen.GetTimestampingServicesRequestObject) (gen.GetTimestampingServicesResponseObject, error) {
	list, err := a.Trust.TimestampingServices(ctx)
	if err != nil {
		return nil, err
	}
	rendered := make(gen.GetTimestampingServices200JSONResponse, 0, len(list))
	for _, s := range list {
		one, err := a.timestampingService(s)
		if err != nil {
			return nil, err
		}
		rendered = append(rendered, one)
	}
	return rendered, nil
}

// GetTimestampingService gives one of them.
func (a *API) GetTimestampingService(ctx context.Context, r gen.GetTimestampingServiceRequestObject) (gen.GetTimestampingServiceResponseObject, error) {
	found, err := a.Trust.TimestampingService(ctx, r.TimestampingServiceId)
	if err != nil {
		return nil, err
	}
	rendered, err := a.timestampingService(*found)
	return gen.GetTimestampingService200JSONResponse(rendered), err
}

// AddTimestampingService is UC TRUST_16.
func (a *API) AddTimestampingService(ctx context.Context, r gen.AddTimestampingServiceRequestObject) (gen.AddTimestampingServiceResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	added, err := a.Trust.AddTimestampingService(ctx, f.fields["url"], trust.CostType(f.fields["cost_type"]), f.file)
	if err != nil {
		return nil, err
	}
	rendered, err := a.timestampingService(*added)
	return gen.AddTimestampingService201JSONResponse(rendered), err
}

// UpdateTimestampingService changes a time-stamping service.
func (a *API) UpdateTimestampingService(ctx context.Context, r gen.UpdateTimestampingServiceRequestObject) (gen.UpdateTimestampingServiceResponseObject, error) {
	f, err := readUpload(r.Body)
	if err != nil {
		return nil, err
	}
	changed, err := a.Trust.ChangeTimestampingService(ctx, r.TimestampingServiceId, f.fields["url"], trust.CostType(f.fields["cost_type"]), f.file)
	if err != nil {
		return nil, err
	}
	rendered, err := a.timestampingService(*changed)
	return gen.UpdateTimestampingService200JSONResponse(rendered), err
}

// DeleteTimestampingService withdraws an approval.
func (a *API) DeleteTimestampingService(ctx context.Context, r gen.DeleteTimestampingServiceRequestObject) (gen.DeleteTimestampingServiceResponseObject, error) {
	return gen.DeleteTimestampingService204Response{}, a.Trust.DeleteTimestampingService(ctx, r.TimestampingServiceId)
}

func (a *API) timestampingService(s trust.TimestampingService) (gen.TimestampingService, error) {
	details, err := certificateDetails(s.DER)
	return gen.TimestampingService{Id: s.ID, Name: &s.Name, Url: s.URL, CostType: gen.CostType(s.CostType), Certificate: details,
		TimestampingInterval: int32(a.TimestampingInterval.Seconds())}, err
}
