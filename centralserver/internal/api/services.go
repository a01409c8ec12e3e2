package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// GetManagementServicesConfiguration is UC MEMBER_32.
func (a *API) GetManagementServicesConfiguration(ctx context.Context, _ gen.GetManagementServicesConfigurationRequestObject) (gen.GetManagementServicesConfigurationResponseObject, error) {
	m, err := a.Registry.ManagementServices(ctx)
	if err != nil {
		return nil, err
	}
	return gen.GetManagementServicesConfiguration200JSONResponse(a.managementServices(m)), nil
}

// UpdateManagementServicesConfiguration is UC MEMBER_33.
func (a *API) UpdateManagementServicesConfiguration(ctx context.Context, r gen.UpdateManagementServicesConfigurationRequestObject) (gen.UpdateManagementServicesConfigurationResponseObject, error) {
	id, err := identifier.ParseClientID(given(r.Body.ServiceProviderId))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "invalid_service_provider_id", "Invalid service provider identifier").With(given(r.Body.ServiceProviderId))
	}
	m, err := a.Registry.SetProvider(ctx, id)
	if err != nil {
		return nil, err
	}
	return gen.UpdateManagementServicesConfiguration200JSONResponse(a.managementServices(m)), nil
}

// RegisterServiceProvider is UC MEMBER_57.
func (a *API) RegisterServiceProvider(ctx context.Context, r gen.RegisterServiceProviderRequestObject) (gen.RegisterServiceProviderResponseObject, error) {
	id, err := identifier.ParseSecurityServerID(r.Body.SecurityServerId)
	if err != nil {
		return nil, err
	}
	if err := a.Management.RegisterProvider(ctx, id); err != nil {
		return nil, err
	}
	m, err := a.Registry.ManagementServices(ctx)
	if err != nil {
		return nil, err
	}
	return gen.RegisterServiceProvider200JSONResponse(a.managementServices(m)), nil
}

func (a *API) managementServices(m registry.ManagementServices) gen.ManagementServicesConfiguration {
	servers := each(m.Servers, func(id identifier.SecurityServerID) string { return string(identifier.Server) + ":" + id.Encoded() })
	rendered := gen.ManagementServicesConfiguration{
		ServiceProviderName: m.ProviderName, SecurityServerId: strings.Join(servers, "; "), SecurityServerOwnersGlobalGroupCode: m.OwnersGroup,
		ServicesAddress: fmt.Sprintf("https://%s/managementservice/manage/", atPort(m.Address, a.ManagementPort, 443)),
		WsdlAddress:     fmt.Sprintf("http://%s/managementservices.wsdl", atPort(m.Address, a.PublicPort, 80)),
	}
	if !m.Provider.IsZero() {
		rendered.ServiceProviderId = optional(string(m.Provider.Type()) + ":" + m.Provider.Encoded())
	}
	return rendered
}
