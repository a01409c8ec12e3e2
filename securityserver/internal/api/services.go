package api

import (
	"context"
	"strconv"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/service"
)

// GetClientServiceDescriptions lists the descriptions of a client.
func (a *API) GetClientServiceDescriptions(ctx context.Context, r gen.GetClientServiceDescriptionsRequestObject) (gen.GetClientServiceDescriptionsResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	all, err := a.Services.Descriptions(ctx, id)
	if err != nil {
		return nil, err
	}
	list := gen.GetClientServiceDescriptions200JSONResponse{}
	for _, d := range all {
		list = append(list, a.description(d))
	}
	return list, nil
}

// AddClientServiceDescription downloads and reads a WSDL.
func (a *API) AddClientServiceDescription(ctx context.Context, r gen.AddClientServiceDescriptionRequestObject) (gen.AddClientServiceDescriptionResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	if err := onlyWSDL(r.Body.Type); err != nil {
		return nil, err
	}
	d, err := a.Services.AddWSDL(ctx, id, r.Body.Url)
	if err != nil {
		return nil, err
	}
	return gen.AddClientServiceDescription201JSONResponse(a.description(d)), nil
}

// onlyWSDL refuses the descriptions of REST services.
func onlyWSDL(kind gen.ServiceType) error {
	if kind == gen.ServiceTypeWSDL {
		return nil
	}
	return fault.New(fault.Invalid, "service_type_not_supported", "REST services are not supported").With(string(kind))
}

func descriptionID(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fault.New(fault.NotFound, "service_description_not_found", "Service description not found").With(s)
	}
	return id, nil
}

// GetServiceDescription shows one.
func (a *API) GetServiceDescription(ctx context.Context, r gen.GetServiceDescriptionRequestObject) (gen.GetServiceDescriptionResponseObject, error) {
	id, err := descriptionID(r.Id)
	if err != nil {
		return nil, err
	}
	d, err := a.Services.Description(ctx, id)
	if err != nil {
		return nil, err
	}
	return gen.GetServiceDescription200JSONResponse(a.description(d)), nil
}

// UpdateServiceDescription changes the URL of one and reads it there.
func (a *API) UpdateServiceDescription(ctx context.Context, r gen.UpdateServiceDescriptionRequestObject) (gen.UpdateServiceDescriptionResponseObject, error) {
	id, err := descriptionID(r.Id)
	if err != nil {
		return nil, err
	}
	if err := onlyWSDL(r.Body.Type); err != nil {
		return nil, err
	}
	d, err := a.Services.Move(ctx, id, r.Body.Url, value(r.Body.IgnoreWarnings))
	if err != nil {
		return nil, err
	}
	return gen.UpdateServiceDescription200JSONResponse(a.description(d)), nil
}

// RefreshServiceDescription reads one again.
func (a *API) RefreshServiceDescription(ctx context.Context, r gen.RefreshServiceDescriptionRequestObject) (gen.RefreshServiceDescriptionResponseObject, error) {
	id, err := descriptionID(r.Id)
	if err != nil {
		return nil, err
	}
	d, err := a.Services.Refresh(ctx, id, value(r.Body.IgnoreWarnings))
	if err != nil {
		return nil, err
	}
	return gen.RefreshServiceDescription200JSONResponse(a.description(d)), nil
}

// DeleteServiceDescription removes one with its services.
func (a *API) DeleteServiceDescription(ctx context.Context, r gen.DeleteServiceDescriptionRequestObject) (gen.DeleteServiceDescriptionResponseObject, error) {
	id, err := descriptionID(r.Id)
	if err != nil {
		return nil, err
	}
	return gen.DeleteServiceDescription204Response{}, a.Services.Delete(ctx, id)
}

// EnableServiceDescription lets its services be called.
func (a *API) EnableServiceDescription(ctx context.Context, r gen.EnableServiceDescriptionRequestObject) (gen.EnableServiceDescriptionResponseObject, error) {
	id, err := descriptionID(r.Id)
	if err != nil {
		return nil, err
	}
	return gen.EnableServiceDescription204Response{}, a.Services.SetDisabled(ctx, id, false, "")
}

// DisableServiceDescription answers callers with a notice.
func (a *API) DisableServiceDescription(ctx context.Context, r gen.DisableServiceDescriptionRequestObject) (gen.DisableServiceDescriptionResponseObject, error) {
	id, err := descriptionID(r.Id)
	if err != nil {
		return nil, err
	}
	return gen.DisableServiceDescription204Response{}, a.Services.SetDisabled(ctx, id, true, value(r.Body.DisabledNotice))
}

// GetServiceDescriptionServices lists the services of a description.
func (a *API) GetServiceDescriptionServices(ctx context.Context, r gen.GetServiceDescriptionServicesRequestObject) (gen.GetServiceDescriptionServicesResponseObject, error) {
	id, err := descriptionID(r.Id)
	if err != nil {
		return nil, err
	}
	d, err := a.Services.Description(ctx, id)
	if err != nil {
		return nil, err
	}
	return gen.GetServiceDescriptionServices200JSONResponse(a.description(d).Services), nil
}

// serviceID splits INSTANCE:CLASS:MEMBER[:SUBSYSTEM]:code[.version].
func serviceID(encoded string) (identifier.ClientID, string, error) {
	at := strings.LastIndexByte(encoded, ':')
	if at < 0 {
		return identifier.ClientID{}, "", fault.New(fault.Invalid, "invalid_encoded_id", "Invalid identifier").With(encoded)
	}
	id, err := identifier.ParseClientID(encoded[:at])
	return id, encoded[at+1:], err
}

// GetService shows one service.
func (a *API) GetService(ctx context.Context, r gen.GetServiceRequestObject) (gen.GetServiceResponseObject, error) {
	id, code, err := serviceID(r.Id)
	if err != nil {
		return nil, err
	}
	s, err := a.Services.Service(ctx, id, code)
	if err != nil {
		return nil, err
	}
	return gen.GetService200JSONResponse(a.counted(ctx, s)), nil
}

// UpdateService changes how a service is reached.
func (a *API) UpdateService(ctx context.Context, r gen.UpdateServiceRequestObject) (gen.UpdateServiceResponseObject, error) {
	id, code, err := serviceID(r.Id)
	if err != nil {
		return nil, err
	}
	s, err := a.Services.Change(ctx, id, code, service.Update{URL: r.Body.Url, Timeout: r.Body.Timeout, TLSAuth: r.Body.SslAuth,
		URLAll: value(r.Body.UrlAll), TimeoutAll: value(r.Body.TimeoutAll), AuthAll: value(r.Body.SslAuthAll)})
	if err != nil {
		return nil, err
	}
	return gen.UpdateService200JSONResponse(a.counted(ctx, s)), nil
}

// GetServiceServiceClients lists who may call a service.
func (a *API) GetServiceServiceClients(ctx context.Context, r gen.GetServiceServiceClientsRequestObject) (gen.GetServiceServiceClientsResponseObject, error) {
	id, code, err := serviceID(r.Id)
	if err != nil {
		return nil, err
	}
	rights, err := a.Services.Rights(ctx, id, code)
	if err != nil {
		return nil, err
	}
	return gen.GetServiceServiceClients200JSONResponse(a.rights(ctx, rights)), nil
}

// AddServiceServiceClients gives rights.
func (a *API) AddServiceServiceClients(ctx context.Context, r gen.AddServiceServiceClientsRequestObject) (gen.AddServiceServiceClientsResponseObject, error) {
	id, code, err := serviceID(r.Id)
	if err != nil {
		return nil, err
	}
	list, err := subjects(r.Body.Items)
	if err != nil {
		return nil, err
	}
	added, err := a.Services.AddRights(ctx, id, code, list)
	if err != nil {
		return nil, err
	}
	return gen.AddServiceServiceClients201JSONResponse(a.rights(ctx, added)), nil
}

// DeleteServiceServiceClients takes rights back.
func (a *API) DeleteServiceServiceClients(ctx context.Context, r gen.DeleteServiceServiceClientsRequestObject) (gen.DeleteServiceServiceClientsResponseObject, error) {
	id, code, err := serviceID(r.Id)
	if err != nil {
		return nil, err
	}
	list, err := subjects(r.Body.Items)
	if err != nil {
		return nil, err
	}
	return gen.DeleteServiceServiceClients204Response{}, a.Services.DeleteRights(ctx, id, code, list)
}

func (a *API) counted(ctx context.Context, s service.Service) gen.Service {
	rendered := oneService(s)
	if rights, err := a.Services.Rights(ctx, s.Client, s.FullCode()); err == nil {
		n := len(rights)
		rendered.SubjectsCount = &n
	}
	return rendered
}

func oneService(s service.Service) gen.Service {
	auth := s.TLSAuth
	return gen.Service{Id: s.Client.Encoded() + ":" + s.FullCode(), FullServiceCode: text(s.FullCode()), ServiceCode: s.Code, Timeout: s.Timeout,
		Title: text(s.Title), SslAuth: &auth, Url: s.URL, Endpoints: &[]gen.Endpoint{}}
}

func (a *API) description(d service.Description) gen.ServiceDescription {
	rendered := gen.ServiceDescription{Id: strconv.FormatInt(d.ID, 10), Url: d.URL, Type: gen.ServiceType(d.Type), Disabled: d.Disabled,
		DisabledNotice: d.DisabledNotice, RefreshedAt: d.RefreshedAt.UTC(), ClientId: d.Client.Encoded(), Services: []gen.Service{}}
	for _, s := range d.Services {
		rendered.Services = append(rendered.Services, oneService(s))
	}
	return rendered
}
