package api

import (
	"context"

	"github.com/ristmik/ristmik/centralserver/internal/api/gen"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/identifier"
)

func group(g registry.Group) gen.GlobalGroupResource {
	members := int32(g.Members)
	return gen.GlobalGroupResource{Code: g.Code, Description: g.Description, MemberCount: &members, CreatedAt: &g.CreatedAt, UpdatedAt: &g.UpdatedAt}
}

// FindGlobalGroups lists the global groups.
func (a *API) FindGlobalGroups(ctx context.Context, _ gen.FindGlobalGroupsRequestObject) (gen.FindGlobalGroupsResponseObject, error) {
	list, err := a.Registry.Groups(ctx)
	if err != nil {
		return nil, err
	}
	return gen.FindGlobalGroups200JSONResponse(each(list, group)), nil
}

// GetGlobalGroup gives one global group.
func (a *API) GetGlobalGroup(ctx context.Context, r gen.GetGlobalGroupRequestObject) (gen.GetGlobalGroupResponseObject, error) {
	found, err := a.Registry.Group(ctx, r.GroupCode)
	if err != nil {
		return nil, err
	}
	return gen.GetGlobalGroup200JSONResponse(group(*found)), nil
}

// AddGlobalGroup is UC SERVICE_32.
func (a *API) AddGlobalGroup(ctx context.Context, r gen.AddGlobalGroupRequestObject) (gen.AddGlobalGroupResponseObject, error) {
	added, err := a.Registry.AddGroup(ctx, r.Body.Code, r.Body.Description)
	if err != nil {
		return nil, err
	}
	return gen.AddGlobalGroup201JSONResponse(group(*added)), nil
}

// UpdateGlobalGroupDescription changes a group's description.
func (a *API) UpdateGlobalGroupDescription(ctx context.Context, r gen.UpdateGlobalGroupDescriptionRequestObject) (gen.UpdateGlobalGroupDescriptionResponseObject, error) {
	changed, err := a.Registry.DescribeGroup(ctx, r.GroupCode, r.Body.Description)
	if err != nil {
		return nil, err
	}
	return gen.UpdateGlobalGroupDescription200JSONResponse(group(*changed)), nil
}

// DeleteGlobalGroup deletes a group.
func (a *API) DeleteGlobalGroup(ctx context.Context, r gen.DeleteGlobalGroupRequestObject) (gen.DeleteGlobalGroupResponseObject, error) {
	return gen.DeleteGlobalGroup204Response{}, a.Registry.DeleteGroup(ctx, r.GroupCode)
}

// GetGroupMembersFilterModel says what a group's members can be filtered by.
func (a *API) GetGroupMembersFilterModel(ctx context.Context, r gen.GetGroupMembersFilterModelRequestObject) (gen.GetGroupMembersFilterModelResponseObject, error) {
	m, err := a.Registry.GroupModel(ctx, r.GroupCode)
	if err != nil {
		return nil, err
	}
	same := func(s string) string { return s }
	instances, classes, codes, subsystems := each(m.Instances, same), each(m.Classes, same), each(m.Codes, same), each(m.Subsystems, same)
	return gen.GetGroupMembersFilterModel200JSONResponse{Instances: &instances, MemberClasses: &classes, Codes: &codes, Subsystems: &subsystems}, nil
}

// FindGlobalGroupMembers lists a group's members.
func (a *API) FindGlobalGroupMembers(ctx context.Context, r gen.FindGlobalGroupMembersRequestObject) (gen.FindGlobalGroupMembersResponseObject, error) {
	p := given(r.Body.PagingSorting)
	found, err := a.Registry.GroupMembers(ctx, r.GroupCode, registry.GroupFilter{Text: given(r.Body.Query), Instance: given(r.Body.Instance),
		Class: given(r.Body.MemberClass), Codes: given(r.Body.Codes), Subsystems: given(r.Body.Subsystems),
		Types:  each(given(r.Body.Types), func(t gen.ClientType) identifier.ObjectType { return identifier.ObjectType(t) }),
		Paging: paging(p.Sort, p.Desc, p.Limit, p.Offset)})
	if err != nil {
		return nil, err
	}
	return gen.FindGlobalGroupMembers200JSONResponse{Items: each(found.Items, groupMember), PagingMetadata: pagingMetadata(found)}, nil
}

func groupMember(m registry.GroupMember) gen.GroupMemberListView {
	return gen.GroupMemberListView{Id: m.ID, ClientId: clientID(m.Client), CreatedAt: m.AddedAt, Name: m.Name}
}

// AddGlobalGroupMembers adds members to a group; the answer has those that were not in it.
func (a *API) AddGlobalGroupMembers(ctx context.Context, r gen.AddGlobalGroupMembersRequestObject) (gen.AddGlobalGroupMembersResponseObject, error) {
	clients := make([]identifier.ClientID, 0, len(r.Body.Items))
	for _, item := range r.Body.Items {
		id, err := identifier.ParseClientID(item)
		if err != nil {
			return nil, err
		}
		clients = append(clients, id)
	}
	added, err := a.Registry.AddGroupMembers(ctx, r.GroupCode, clients)
	if err != nil {
		return nil, err
	}
	return gen.AddGlobalGroupMembers201JSONResponse{Items: each(added, identifier.ClientID.Encoded)}, nil
}

// DeleteGlobalGroupMember takes a member out of a group.
func (a *API) DeleteGlobalGroupMember(ctx context.Context, r gen.DeleteGlobalGroupMemberRequestObject) (gen.DeleteGlobalGroupMemberResponseObject, error) {
	id, err := identifier.ParseClientID(r.ClientId)
	if err != nil {
		return nil, err
	}
	return gen.DeleteGlobalGroupMember204Response{}, a.Registry.RemoveGroupMember(ctx, r.GroupCode, id)
}
