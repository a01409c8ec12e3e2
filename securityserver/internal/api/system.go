package api

import (
	"bytes"
	"context"

	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/setup"
)

// GetInitializationStatus tells how far initialization has come.
func (a *API) GetInitializationStatus(ctx context.Context, _ gen.GetInitializationStatusRequestObject) (gen.GetInitializationStatusResponseObject, error) {
	status, err := a.Setup.Status(ctx)
	if err != nil {
		return nil, err
	}
	token := gen.InitializationStatusSoftwareTokenInitStatusNOTINITIALIZED
	if status.Token {
		token = gen.InitializationStatusSoftwareTokenInitStatusINITIALIZED
	}
	return gen.GetInitializationStatus200JSONResponse{IsAnchorImported: status.Anchor, IsServerCodeInitialized: status.Code,
		IsServerOwnerInitialized: status.Owner, SoftwareTokenInitStatus: token, EnforceTokenPinPolicy: false}, nil
}

// InitSecurityServer creates owner, server code and software token.
func (a *API) InitSecurityServer(ctx context.Context, r gen.InitSecurityServerRequestObject) (gen.InitSecurityServerResponseObject, error) {
	err := a.Setup.Initialize(ctx, setup.Initial{OwnerClass: value(r.Body.OwnerMemberClass), OwnerCode: value(r.Body.OwnerMemberCode),
		ServerCode: value(r.Body.SecurityServerCode), PIN: value(r.Body.SoftwareTokenPin), IgnoreWarnings: value(r.Body.IgnoreWarnings)})
	if err != nil {
		return nil, err
	}
	return gen.InitSecurityServer201Response{}, nil
}

// GetAnchor shows the anchor.
func (a *API) GetAnchor(ctx context.Context, _ gen.GetAnchorRequestObject) (gen.GetAnchorResponseObject, error) {
	anchor, err := a.Setup.Anchor(ctx)
	if err != nil {
		return nil, err
	}
	return gen.GetAnchor200JSONResponse{Hash: anchor.Hash, CreatedAt: anchor.GeneratedAt.UTC()}, nil
}

// UploadInitialAnchor takes the first anchor.
func (a *API) UploadInitialAnchor(ctx context.Context, r gen.UploadInitialAnchorRequestObject) (gen.UploadInitialAnchorResponseObject, error) {
	file, err := readFile(r.Body)
	if err != nil {
		return nil, err
	}
	if err := a.Setup.Upload(ctx, file); err != nil {
		return nil, err
	}
	return gen.UploadInitialAnchor201Response{}, nil
}

// ReplaceAnchor takes a newer anchor.
func (a *API) ReplaceAnchor(ctx context.Context, r gen.ReplaceAnchorRequestObject) (gen.ReplaceAnchorResponseObject, error) {
	file, err := readFile(r.Body)
	if err != nil {
		return nil, err
	}
	if err := a.Setup.Replace(ctx, file); err != nil {
		return nil, err
	}
	return gen.ReplaceAnchor201Response{}, nil
}

// PreviewAnchor reads an anchor without storing it.
func (a *API) PreviewAnchor(ctx context.Context, r gen.PreviewAnchorRequestObject) (gen.PreviewAnchorResponseObject, error) {
	file, err := readFile(r.Body)
	if err != nil {
		return nil, err
	}
	anchor, err := a.Setup.Preview(ctx, file, orDefault(r.Params.ValidateInstance, true))
	if err != nil {
		return nil, err
	}
	return gen.PreviewAnchor201JSONResponse{Hash: anchor.Hash, CreatedAt: anchor.GeneratedAt}, nil
}

// DownloadAnchor gives the anchor file as it came.
func (a *API) DownloadAnchor(ctx context.Context, _ gen.DownloadAnchorRequestObject) (gen.DownloadAnchorResponseObject, error) {
	anchor, err := a.Setup.Anchor(ctx)
	if err != nil {
		return nil, err
	}
	name := "configuration_anchor_" + anchor.Instance + "_internal_" + anchor.GeneratedAt.UTC().Format("UTC_2006-01-02_15_04_05") + ".xml"
	return gen.DownloadAnchor200ApplicationxmlResponse{Body: bytes.NewReader(anchor.File), ContentLength: int64(len(anchor.File)),
		Headers: gen.DownloadAnchor200ResponseHeaders{ContentDisposition: attachment(name)}}, nil
}

// GetServerAddress shows the address in the global configuration and the one that was asked for.
func (a *API) GetServerAddress(ctx context.Context, _ gen.GetServerAddressRequestObject) (gen.GetServerAddressResponseObject, error) {
	status, err := a.Self.Address(ctx)
	if err != nil {
		return nil, err
	}
	return gen.GetServerAddress200JSONResponse{CurrentAddress: address(status.Current), RequestedChange: address(status.Requested)}, nil
}

func address(s string) *gen.SecurityServerAddress {
	if s == "" {
		return nil
	}
	return &gen.SecurityServerAddress{Address: s}
}

// AddressChange sends the address change request.
func (a *API) AddressChange(ctx context.Context, r gen.AddressChangeRequestObject) (gen.AddressChangeResponseObject, error) {
	return gen.AddressChange202Response{}, a.Self.ChangeAddress(ctx, r.Body.Address)
}

// MaintenanceMode shows the maintenance mode.
func (a *API) MaintenanceMode(ctx context.Context, _ gen.MaintenanceModeRequestObject) (gen.MaintenanceModeResponseObject, error) {
	status, err := a.Self.Maintenance(ctx)
	if err != nil {
		return nil, err
	}
	return gen.MaintenanceMode200JSONResponse{Status: gen.MaintenanceModeStatus(status.Mode), Message: text(status.Message),
		IsManagementServicesProvider: status.Provider}, nil
}

// EnableMaintenanceMode sends the request that announces maintenance.
func (a *API) EnableMaintenanceMode(ctx context.Context, r gen.EnableMaintenanceModeRequestObject) (gen.EnableMaintenanceModeResponseObject, error) {
	message := ""
	if r.Body != nil {
		message = value(r.Body.Message)
	}
	return gen.EnableMaintenanceMode204Response{}, a.Self.EnableMaintenance(ctx, message)
}

// DisableMaintenanceMode sends the request that ends it.
func (a *API) DisableMaintenanceMode(ctx context.Context, _ gen.DisableMaintenanceModeRequestObject) (gen.DisableMaintenanceModeResponseObject, error) {
	return gen.DisableMaintenanceMode204Response{}, a.Self.DisableMaintenance(ctx)
}

// GetNodeType says that the server is the only node of its cluster.
func (a *API) GetNodeType(context.Context, gen.GetNodeTypeRequestObject) (gen.GetNodeTypeResponseObject, error) {
	return gen.GetNodeType200JSONResponse{NodeType: gen.NodeTypeResponseNodeTypeSTANDALONE}, nil
}

// SystemVersion names the version of the program and of the configuration. What X-Road says of Java is there because its programs demand
// it; there is no Java here that could be unsupported.
func (a *API) SystemVersion(context.Context, gen.SystemVersionRequestObject) (gen.SystemVersionResponseObject, error) {
	response := gen.SystemVersion200JSONResponse{Info: a.Version, UsingSupportedJavaVersion: true}
	if s := a.Conf.Current(); s != nil {
		version := s.Version()
		response.GlobalConfigurationVersion = &version
	}
	return response, nil
}

// GetConfiguredTimestampingServices lists the configured time-stamping services.
func (a *API) GetConfiguredTimestampingServices(ctx context.Context, _ gen.GetConfiguredTimestampingServicesRequestObject) (gen.GetConfiguredTimestampingServicesResponseObject, error) {
	list, err := a.Setup.Timestamping(ctx)
	return gen.GetConfiguredTimestampingServices200JSONResponse(timestampings(list)), err
}

// GetApprovedTimestampingServices lists those of the global configuration.
func (a *API) GetApprovedTimestampingServices(context.Context, gen.GetApprovedTimestampingServicesRequestObject) (gen.GetApprovedTimestampingServicesResponseObject, error) {
	return gen.GetApprovedTimestampingServices200JSONResponse(timestampings(a.Setup.ApprovedTimestamping())), nil
}

// AddConfiguredTimestampingService configures an approved one.
func (a *API) AddConfiguredTimestampingService(ctx context.Context, r gen.AddConfiguredTimestampingServiceRequestObject) (gen.AddConfiguredTimestampingServiceResponseObject, error) {
	added, err := a.Setup.AddTimestamping(ctx, setup.Timestamping{Name: r.Body.Name, URL: r.Body.Url})
	if err != nil {
		return nil, err
	}
	return gen.AddConfiguredTimestampingService201JSONResponse(timestampings([]setup.Timestamping{added})[0]), nil
}

// DeleteConfiguredTimestampingService removes a configured one.
func (a *API) DeleteConfiguredTimestampingService(ctx context.Context, r gen.DeleteConfiguredTimestampingServiceRequestObject) (gen.DeleteConfiguredTimestampingServiceResponseObject, error) {
	if err := a.Setup.DeleteTimestamping(ctx, setup.Timestamping{Name: r.Body.Name, URL: r.Body.Url}); err != nil {
		return nil, err
	}
	return gen.DeleteConfiguredTimestampingService204Response{}, nil
}

func timestampings(list []setup.Timestamping) []gen.TimestampingService {
	rendered := make([]gen.TimestampingService, 0, len(list))
	for _, t := range list {
		cost := gen.CostType(t.CostType)
		rendered = append(rendered, gen.TimestampingService{Name: t.Name, Url: t.URL, CostType: &cost})
	}
	return rendered
}
