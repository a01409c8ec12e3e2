package api

import (
	"context"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// FindClients lists members and subsystems.
func (a *API) FindClients(ctx context.Context, r gen.FindClientsRequestObject) (gen.FindClientsResponseObject, error) {
	p := r.Params
	f := registry.ClientFilter{Text: given(p.Q), Name: given(p.Name), Instance: given(p.Instance), Class: given(p.MemberClass), Code: given(p.MemberCode),
		Subsystem: given(p.SubsystemCode), Type: identifier.ObjectType(given(p.ClientType)), ExcludingGroup: given(p.ExcludingGroup),
		Paging: paging(p.Sort, p.Desc, p.Limit, p.Offset)}
	if p.SecurityServer != nil {
		var err error
		if f.Server, err = identifier.ParseSecurityServerID(*p.SecurityServer); err != nil {
			return nil, err
		}
	}
	page, err := a.Registry.Clients(ctx, f)
	if err != nil {
		return nil, err
	}
	return gen.FindClients200JSONResponse{Clients: each(page.Items, client), PagingMetadata: pagingMetadata(page)}, nil
}

// AddMember is UC MEMBER_10.
func (a *API) AddMember(ctx context.Context, r gen.AddMemberRequestObject) (gen.AddMemberResponseObject, error) {
	added, err := a.Registry.AddMember(ctx, r.Body.MemberId.MemberClass, r.Body.MemberId.MemberCode, given(r.Body.MemberName))
	if err != nil {
		return nil, err
	}
	return gen.AddMember201JSONResponse(client(*added)), nil
}

// GetMember is UC MEMBER_05.
func (a *API) GetMember(ctx context.Context, r gen.GetMemberRequestObject) (gen.GetMemberResponseObject, error) {
	id, err := identifier.ParseClientID(r.MemberId)
	if err != nil {
		return nil, err
	}
	found, err := a.Registry.Member(ctx, id)
	if err != nil {
		return nil, err
	}
	return gen.GetMember200JSONResponse(client(*found)), nil
}

// UpdateMemberName is UC MEMBER_11.
func (a *API) UpdateMemberName(ctx context.Context, r gen.UpdateMemberNameRequestObject) (gen.UpdateMemberNameResponseObject, error) {
	id, err := identifier.ParseClientID(r.MemberId)
	if err != nil {
		return nil, err
	}
	renamed, err := a.Registry.RenameMember(ctx, id, given(r.Body.MemberName))
	if err != nil {
		return nil, err
	}
	return gen.UpdateMemberName200JSONResponse(client(*renamed)), nil
}

// DeleteMember is UC MEMBER_26.
func (a *API) DeleteMember(ctx context.Context, r gen.DeleteMemberRequestObject) (gen.DeleteMemberResponseObject, error) {
	id, err := identifier.ParseClientID(r.MemberId)
	if err != nil {
		return nil, err
	}
	return gen.DeleteMember204Response{}, a.Management.DeleteMember(ctx, id)
}

// GetSubsystems is UC MEMBER_07.
func (a *API) GetSubsystems(ctx context.Context, r gen.GetSubsystemsRequestObject) (gen.GetSubsystemsResponseObject, error) {
	id, err := identifier.ParseClientID(r.MemberId)
	if err != nil {
		return nil, err
	}
	list, err := a.Registry.Subsystems(ctx, id)
	if err != nil {
		return nil, err
	}
	return gen.GetSubsystems200JSONResponse(each(list, subsystem)), nil
}

func subsystem(s registry.Subsystem) gen.Subsystem {
	return gen.Subsystem{SubsystemName: optional(s.SubsystemName), SubsystemId: clientID(s.ID), UsedSecurityServers: each(s.Relations, usedServer)}
}

func usedServer(r registry.Relation) gen.UsedSecurityServers {
	status := "APPROVED"
	if !r.Enabled {
		status = "DISABLED"
	}
	return gen.UsedSecurityServers{EncodedId: optional(r.Server.Encoded()), ServerCode: optional(r.Server.ServerCode()),
		ServerOwner: optional(r.ServerOwnerName), Status: &status}
}

// GetOwnedServers is UC MEMBER_06.
func (a *API) GetOwnedServers(ctx context.Context, r gen.GetOwnedServersRequestObject) (gen.GetOwnedServersResponseObject, error) {
	id, err := identifier.ParseClientID(r.MemberId)
	if err != nil {
		return nil, err
	}
	list, err := a.Registry.OwnedServers(ctx, id)
	if err != nil {
		return nil, err
	}
	return gen.GetOwnedServers200JSONResponse(each(list, server)), nil
}

// GetUsedServers is UC MEMBER_08.
func (a *API) GetUsedServers(ctx context.Context, r gen.GetUsedServersRequestObject) (gen.GetUsedServersResponseObject, error) {
	id, err := identifier.ParseClientID(r.MemberId)
	if err != nil {
		return nil, err
	}
	list, err := a.Registry.UsedServers(ctx, id)
	if err != nil {
		return nil, err
	}
	return gen.GetUsedServers200JSONResponse(each(list, server)), nil
}

// GetMemberGlobalGroups is UC SERVICE_36.
func (a *API) GetMemberGlobalGroups(ctx context.Context, r gen.GetMemberGlobalGroupsRequestObject) (gen.GetMemberGlobalGroupsResponseObject, error) {
	id, err := identifier.ParseClientID(r.MemberId)
	if err != nil {
		return nil, err
	}
	list, err := a.Registry.MemberGroups(ctx, id)
	if err != nil {
		return nil, err
	}
	return gen.GetMemberGlobalGroups200JSONResponse(each(list, func(m registry.Membership) gen.MemberGlobalGroup {
		return gen.MemberGlobalGroup{GroupCode: &m.Group, Subsystem: optional(m.Client.SubsystemCode()), AddedToGroup: &m.AddedAt}
	})), nil
}

// UnregisterMember is UC MEMBER_16 for a member.
func (a *API) UnregisterMember(ctx context.Context, r gen.UnregisterMemberRequestObject) (gen.UnregisterMemberResponseObject, error) {
	return gen.UnregisterMember204Response{}, a.unregister(ctx, r.ServerId, r.MemberId)
}

// UnregisterSubsystem is UC MEMBER_16.
func (a *API) UnregisterSubsystem(ctx context.Context, r gen.UnregisterSubsystemRequestObject) (gen.UnregisterSubsystemResponseObject, error) {
	return gen.UnregisterSubsystem204Response{}, a.unregister(ctx, r.ServerId, r.SubsystemId)
}

func (a *API) unregister(ctx context.Context, server, client string) error {
	serverID, err := identifier.ParseSecurityServerID(server)
	if err != nil {
		return err
	}
	clientID, err := identifier.ParseClientID(client)
	if err != nil {
		return err
	}
	return a.Management.Unregister(ctx, serverID, clientID)
}

// AddSubsystem is UC MEMBER_56.
func (a *API) AddSubsystem(ctx context.Context, r gen.AddSubsystemRequestObject) (gen.AddSubsystemResponseObject, error) {
	id := r.Body.SubsystemId
	added, err := a.Registry.AddSubsystem(ctx, id.MemberClass, id.MemberCode, id.SubsystemCode, given(r.Body.SubsystemName))
	if err != nil {
		return nil, err
	}
	return gen.AddSubsystem201JSONResponse(client(*added)), nil
}

// UpdateSubsystemName names a subsystem.
func (a *API) UpdateSubsystemName(ctx context.Context, r gen.UpdateSubsystemNameRequestObject) (gen.UpdateSubsystemNameResponseObject, error) {
	id, err := identifier.ParseClientID(r.SubsystemId)
	if err != nil {
		return nil, err
	}
	renamed, err := a.Registry.RenameSubsystem(ctx, id, given(r.Body.SubsystemName))
	if err != nil {
		return nil, err
	}
	return gen.UpdateSubsystemName200JSONResponse(client(*renamed)), nil
}

// DeleteSubsystem is UC MEMBER_14.
func (a *API) DeleteSubsystem(ctx context.Context, r gen.DeleteSubsystemRequestObject) (gen.DeleteSubsystemResponseObject, error) {
	id, err := identifier.ParseClientID(r.SubsystemId)
	if err != nil {
		return nil, err
	}
	return gen.DeleteSubsystem204Response{}, a.Registry.DeleteSubsystem(ctx, id)
}
