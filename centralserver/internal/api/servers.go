package api

import (
	"context"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// FindSecurityServers is UC MEMBER_17.
func (a *API) FindSecurityServers(ctx context.Context, r gen.FindSecurityServersRequestObject) (gen.FindSecurityServersResponseObject, error) {
	p := r.Params
	page, err := a.Registry.Servers(ctx, given(p.Q), paging(p.Sort, p.Desc, p.Limit, p.Offset))
	if err != nil {
		return nil, err
	}
	return gen.FindSecurityServers200JSONResponse{Items: each(page.Items, server), PagingMetadata: pagingMetadata(page)}, nil
}

// GetSecurityServer is UC MEMBER_18.
func (a *API) GetSecurityServer(ctx context.Context, r gen.GetSecurityServerRequestObject) (gen.GetSecurityServerResponseObject, error) {
	id, err := identifier.ParseSecurityServerID(r.ServerId)
	if err != nil {
		return nil, err
	}
	found, err := a.Registry.Server(ctx, id)
	if err != nil {
		return nil, err
	}
	return gen.GetSecurityServer200JSONResponse(server(*found)), nil
}

// UpdateSecurityServerAddress is UC MEMBER_22.
func (a *API) UpdateSecurityServerAddress(ctx context.Context, r gen.UpdateSecurityServerAddressRequestObject) (gen.UpdateSecurityServerAddressResponseObject, error) {
	id, err := identifier.ParseSecurityServerID(r.ServerId)
	if err != nil {
		return nil, err
	}
	changed, err := a.Registry.SetServerAddress(ctx, id, r.Body.ServerAddress)
	if err != nil {
		return nil, err
	}
	return gen.UpdateSecurityServerAddress200JSONResponse(server(*changed)), nil
}

// DeleteSecurityServer is UC MEMBER_25.
func (a *API) DeleteSecurityServer(ctx context.Context, r gen.DeleteSecurityServerRequestObject) (gen.DeleteSecurityServerResponseObject, error) {
	id, err := identifier.ParseSecurityServerID(r.ServerId)
	if err != nil {
		return nil, err
	}
	return gen.DeleteSecurityServer204Response{}, a.Management.DeleteServer(ctx, id)
}

// GetSecurityServerClients is UC MEMBER_19.
func (a *API) GetSecurityServerClients(ctx context.Context, r gen.GetSecurityServerClientsRequestObject) (gen.GetSecurityServerClientsResponseObject, error) {
	id, err := identifier.ParseSecurityServerID(r.ServerId)
	if err != nil {
		return nil, err
	}
	list, err := a.Registry.ServerClients(ctx, id)
	if err != nil {
		return nil, err
	}
	return gen.GetSecurityServerClients200JSONResponse(each(list, func(r registry.Relation) gen.Client { return client(r.Client) })), nil
}

// GetSecurityServerAuthCerts is UC MEMBER_20.
func (a *API) GetSecurityServerAuthCerts(ctx context.Context, r gen.GetSecurityServerAuthCertsRequestObject) (gen.GetSecurityServerAuthCertsResponseObject, error) {
	id, err := identifier.ParseSecurityServerID(r.ServerId)
	if err != nil {
		return nil, err
	}
	list, err := a.Registry.ServerCertificates(ctx, id)
	if err != nil {
		return nil, err
	}
	rendered := make(gen.GetSecurityServerAuthCerts200JSONResponse, 0, len(list))
	for _, c := range list {
		details, err := certificateDetails(c.DER)
		if err != nil {
			return nil, err
		}
		details.Id = &c.ID
		rendered = append(rendered, details)
	}
	return rendered, nil
}

// DeleteSecurityServerAuthCert is UC MEMBER_24.
func (a *API) DeleteSecurityServerAuthCert(ctx context.Context, r gen.DeleteSecurityServerAuthCertRequestObject) (gen.DeleteSecurityServerAuthCertResponseObject, error) {
	id, err := identifier.ParseSecurityServerID(r.ServerId)
	if err != nil {
		return nil, err
	}
	return gen.DeleteSecurityServerAuthCert204Response{}, a.Management.DeleteCertificate(ctx, id, r.CertificateId)
}
