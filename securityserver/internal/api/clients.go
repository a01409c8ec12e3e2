package api

import (
	"context"

	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/keys"
)

// AddClient adds a client (UC MEMBER_47).
func (a *API) AddClient(ctx context.Context, r gen.AddClientRequestObject) (gen.AddClientResponseObject, error) {
	in := r.Body.Client
	connection, err := client.ParseConnection(string(orDefault(in.ConnectionType, gen.ConnectionTypeHTTPS)))
	if err != nil {
		return nil, err
	}
	added, err := a.Clients.Add(ctx, client.Addition{MemberClass: in.MemberClass, MemberCode: in.MemberCode, SubsystemCode: value(in.SubsystemCode),
		SubsystemName: value(in.SubsystemName), Connection: connection, IgnoreWarnings: value(r.Body.IgnoreWarnings)})
	if err != nil {
		return nil, err
	}
	return gen.AddClient201JSONResponse(a.client(ctx, added)), nil
}

// GetClient shows one client (UC MEMBER_45).
func (a *API) GetClient(ctx context.Context, r gen.GetClientRequestObject) (gen.GetClientResponseObject, error) {
	c, err := a.localClient(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	return gen.GetClient200JSONResponse(a.client(ctx, c)), nil
}

func (a *API) localClient(ctx context.Context, encoded string) (client.Client, error) {
	id, err := identifier.ParseClientID(encoded)
	if err != nil {
		return client.Client{}, err
	}
	return a.Clients.Get(ctx, id)
}

// UpdateClient changes the connection type (UC MEMBER_49).
func (a *API) UpdateClient(ctx context.Context, r gen.UpdateClientRequestObject) (gen.UpdateClientResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	if r.Body.ConnectionType == nil {
		return nil, fault.New(fault.Invalid, "connection_type_required", "Missing parameter: 'connection type'")
	}
	connection, err := client.ParseConnection(string(*r.Body.ConnectionType))
	if err != nil {
		return nil, err
	}
	c, err := a.Clients.SetConnection(ctx, id, connection)
	if err != nil {
		return nil, err
	}
	return gen.UpdateClient200JSONResponse(a.client(ctx, c)), nil
}

// on parses a client identifier and does one thing with it.
func on(ctx context.Context, encoded string, do func(context.Context, identifier.ClientID) error) error {
	id, err := identifier.ParseClientID(encoded)
	if err != nil {
		return err
	}
	return do(ctx, id)
}

// DeleteClient deletes a client (UC MEMBER_53).
func (a *API) DeleteClient(ctx context.Context, r gen.DeleteClientRequestObject) (gen.DeleteClientResponseObject, error) {
	return gen.DeleteClient204Response{}, on(ctx, r.Id, a.Clients.Delete)
}

// RegisterClient sends the registration request (UC MEMBER_48).
func (a *API) RegisterClient(ctx context.Context, r gen.RegisterClientRequestObject) (gen.RegisterClientResponseObject, error) {
	return gen.RegisterClient204Response{}, on(ctx, r.Id, func(ctx context.Context, id identifier.ClientID) error {
		return a.Clients.Register(ctx, id, orDefault(r.Params.IgnoreWarnings, true))
	})
}

// UnregisterClient sends the deletion request (UC MEMBER_52).
func (a *API) UnregisterClient(ctx context.Context, r gen.UnregisterClientRequestObject) (gen.UnregisterClientResponseObject, error) {
	return gen.UnregisterClient204Response{}, on(ctx, r.Id, a.Clients.Unregister)
}

// DisableClient sends the disabling request.
func (a *API) DisableClient(ctx context.Context, r gen.DisableClientRequestObject) (gen.DisableClientResponseObject, error) {
	return gen.DisableClient204Response{}, on(ctx, r.Id, a.Clients.Disable)
}

// EnableClient sends the enabling request.
func (a *API) EnableClient(ctx context.Context, r gen.EnableClientRequestObject) (gen.EnableClientResponseObject, error) {
	return gen.EnableClient204Response{}, on(ctx, r.Id, a.Clients.Enable)
}

// ChangeOwner sends the owner change request.
func (a *API) ChangeOwner(ctx context.Context, r gen.ChangeOwnerRequestObject) (gen.ChangeOwnerResponseObject, error) {
	return gen.ChangeOwner204Response{}, on(ctx, r.Id, a.Clients.MakeOwner)
}

// RenameClient remembers a subsystem's name, or sends it.
func (a *API) RenameClient(ctx context.Context, r gen.RenameClientRequestObject) (gen.RenameClientResponseObject, error) {
	return gen.RenameClient204Response{}, on(ctx, r.Id, func(ctx context.Context, id identifier.ClientID) error {
		return a.Clients.Rename(ctx, id, r.Body.ClientName)
	})
}

// GetClientOrphans tells whether keys are left of a deleted client.
func (a *API) GetClientOrphans(ctx context.Context, r gen.GetClientOrphansRequestObject) (gen.GetClientOrphansResponseObject, error) {
	if err := on(ctx, r.Id, a.Keys.Orphans); err != nil {
		return nil, err
	}
	return gen.GetClientOrphans200JSONResponse{OrphansExist: true}, nil
}

// DeleteOrphans deletes them.
func (a *API) DeleteOrphans(ctx context.Context, r gen.DeleteOrphansRequestObject) (gen.DeleteOrphansResponseObject, error) {
	return gen.DeleteOrphans204Response{}, on(ctx, r.Id, a.Keys.DeleteOrphans)
}

// GetClientSignCertificates lists the signing certificates of the client's member.
func (a *API) GetClientSignCertificates(ctx context.Context, r gen.GetClientSignCertificatesRequestObject) (gen.GetClientSignCertificatesResponseObject, error) {
	c, err := a.localClient(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	tokens, err := a.Keys.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	list := gen.GetClientSignCertificates200JSONResponse{}
	for _, t := range tokens {
		for _, key := range t.Keys {
			for _, one := range key.Certificates {
				if key.Usage == certificate.Signing && one.Member == c.ID.Member() {
					rendered, err := a.certificate(ctx, key, one)
					if err != nil {
						return nil, err
					}
					list = append(list, rendered)
				}
			}
		}
	}
	return list, nil
}

// GetClientSecurityServers lists the servers that have this client.
func (a *API) GetClientSecurityServers(_ context.Context, r gen.GetClientSecurityServersRequestObject) (gen.GetClientSecurityServersResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	s, err := a.snapshot()
	if err != nil {
		return nil, err
	}
	list := gen.GetClientSecurityServers200JSONResponse{}
	for _, location := range s.ServersOf(id) {
		list = append(list, server(s, location.ID))
	}
	return list, nil
}

// GetClientTlsCertificates lists internal TLS certificates (UC MEMBER_46).
func (a *API) GetClientTlsCertificates(ctx context.Context, r gen.GetClientTlsCertificatesRequestObject) (gen.GetClientTlsCertificatesResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	all, err := a.Clients.Certificates(ctx, id)
	if err != nil {
		return nil, err
	}
	list := gen.GetClientTlsCertificates200JSONResponse{}
	for _, c := range all {
		rendered, err := detailsOf(c.DER)
		if err != nil {
			return nil, err
		}
		list = append(list, rendered)
	}
	return list, nil
}

// AddClientTlsCertificate adds an internal TLS certificate (UC MEMBER_50).
func (a *API) AddClientTlsCertificate(ctx context.Context, r gen.AddClientTlsCertificateRequestObject) (gen.AddClientTlsCertificateResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	file, err := readFile(r.Body)
	if err != nil {
		return nil, err
	}
	added, err := a.Clients.AddCertificate(ctx, id, file)
	if err != nil {
		return nil, err
	}
	rendered, err := detailsOf(added.DER)
	return gen.AddClientTlsCertificate201JSONResponse(rendered), err
}

// GetClientTlsCertificate shows one internal TLS certificate (UC MEMBER_55).
func (a *API) GetClientTlsCertificate(ctx context.Context, r gen.GetClientTlsCertificateRequestObject) (gen.GetClientTlsCertificateResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	found, err := a.Clients.Certificate(ctx, id, r.Hash)
	if err != nil {
		return nil, err
	}
	rendered, err := detailsOf(found.DER)
	return gen.GetClientTlsCertificate200JSONResponse(rendered), err
}

// DeleteClientTlsCertificate deletes an internal TLS certificate (UC MEMBER_51).
func (a *API) DeleteClientTlsCertificate(ctx context.Context, r gen.DeleteClientTlsCertificateRequestObject) (gen.DeleteClientTlsCertificateResponseObject, error) {
	return gen.DeleteClientTlsCertificate204Response{}, on(ctx, r.Id, func(ctx context.Context, id identifier.ClientID) error {
		return a.Clients.DeleteCertificate(ctx, id, r.Hash)
	})
}

// client renders a local client.
func (a *API) client(ctx context.Context, c client.Client) gen.Client {
	return a.rendered(c, a.Keys.HasValidSigning(ctx, c.ID.Member()))
}

func (a *API) rendered(c client.Client, valid bool) gen.Client {
	rendered, owner := a.identified(c.ID), c.Owner
	connection, status := gen.ConnectionType(c.Connection), gen.ClientStatus(c.Status.API())
	rendered.Owner, rendered.HasValidLocalSignCert, rendered.ConnectionType, rendered.Status = &owner, &valid, &connection, &status
	if c.PendingName != "" {
		renamed := gen.RenameStatusNAMESET
		if c.Submitted {
			renamed = gen.RenameStatusNAMESUBMITTED
		}
		rendered.SubsystemName, rendered.RenameStatus = text(c.PendingName), &renamed
	}
	return rendered
}

// identified renders what the configuration knows of an identifier.
func (a *API) identified(id identifier.ClientID) gen.Client {
	rendered := gen.Client{Id: text(id.Encoded()), InstanceId: text(id.Instance()), MemberClass: id.MemberClass(), MemberCode: id.MemberCode(),
		SubsystemCode: text(id.SubsystemCode())}
	if s := a.Conf.Current(); s != nil {
		name, _ := s.MemberName(id.Member())
		rendered.MemberName = text(name)
		if id.IsSubsystem() {
			subsystem, _ := s.SubsystemName(id)
			rendered.SubsystemName = text(subsystem)
		}
		if private := s.Private(); private != nil {
			provider := private.ManagementService.Provider == id
			rendered.IsManagementServicesProvider = &provider
		}
	}
	return rendered
}

func actions(list []keys.Action) *gen.PossibleActions {
	rendered := make(gen.PossibleActions, 0, len(list))
	for _, one := range list {
		rendered = append(rendered, gen.PossibleAction(one))
	}
	return &rendered
}
