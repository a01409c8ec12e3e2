package api

import (
	"context"
	"strconv"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/service"
)

func groupID(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fault.New(fault.NotFound, "local_group_not_found", "Local group not found").With(s)
	}
	return id, nil
}

// GetClientLocalGroups lists the local groups of a client.
func (a *API) GetClientLocalGroups(ctx context.Context, r gen.GetClientLocalGroupsRequestObject) (gen.GetClientLocalGroupsResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	all, err := a.Services.Groups(ctx, id)
	if err != nil {
		return nil, err
	}
	list := gen.GetClientLocalGroups200JSONResponse{}
	for _, g := range all {
		list = append(list, a.group(g))
	}
	return list, nil
}

// AddClientLocalGroup makes a local group.
func (a *API) AddClientLocalGroup(ctx context.Context, r gen.AddClientLocalGroupRequestObject) (gen.AddClientLocalGroupResponseObject, error) {
	id, err := identifier.ParseClientID(r.Id)
	if err != nil {
		return nil, err
	}
	g, err := a.Services.AddGroup(ctx, id, r.Body.Code, r.Body.Description)
	if err != nil {
		return nil, err
	}
	return gen.AddClientLocalGroup201JSONResponse(a.group(g)), nil
}

// GetLocalGroup shows one.
func (a *API) GetLocalGroup(ctx context.Context, r gen.GetLocalGroupRequestObject) (gen.GetLocalGroupResponseObject, error) {
	g, err := a.localGroup(ctx, r.GroupId)
	return gen.GetLocalGroup200JSONResponse(g), err
}

func (a *API) localGroup(ctx context.Context, encoded string) (gen.LocalGroup, error) {
	id, err := groupID(encoded)
	if err != nil {
		return gen.LocalGroup{}, err
	}
	g, err := a.Services.Group(ctx, id)
	return a.group(g), err
}

// UpdateLocalGroup changes the description of one.
func (a *API) UpdateLocalGroup(ctx context.Context, r gen.UpdateLocalGroupRequestObject) (gen.UpdateLocalGroupResponseObject, error) {
	id, err := groupID(r.GroupId)
	if err != nil {
		return nil, err
	}
	if err := a.Services.Describe(ctx, id, r.Body.Description); err != nil {
		return nil, err
	}
	g, err := a.localGroup(ctx, r.GroupId)
	return gen.UpdateLocalGroup200JSONResponse(g), err
}

// DeleteLocalGroup deletes one with its access rights.
func (a *API) DeleteLocalGroup(ctx context.Context, r gen.DeleteLocalGroupRequestObject) (gen.DeleteLocalGroupResponseObject, error) {
	id, err := groupID(r.GroupId)
	if err != nil {
		return nil, err
	}
	return gen.DeleteLocalGroup204Response{}, a.Services.DeleteGroup(ctx, id)
}

// AddLocalGroupMember adds subsystems.
func (a *API) AddLocalGroupMember(ctx context.Context, r gen.AddLocalGroupMemberRequestObject) (gen.AddLocalGroupMemberResponseObject, error) {
	id, members, err := membership(r.GroupId, r.Body.Items)
	if err != nil {
		return nil, err
	}
	if err := a.Services.AddMembers(ctx, id, members); err != nil {
		return nil, err
	}
	return gen.AddLocalGroupMember201JSONResponse(*r.Body), nil
}

// DeleteLocalGroupMember removes subsystems.
func (a *API) DeleteLocalGroupMember(ctx context.Context, r gen.DeleteLocalGroupMemberRequestObject) (gen.DeleteLocalGroupMemberResponseObject, error) {
	id, members, err := membership(r.GroupId, r.Body.Items)
	if err != nil {
		return nil, err
	}
	return gen.DeleteLocalGroupMember204Response{}, a.Services.DeleteMembers(ctx, id, members)
}

func membership(group string, items []string) (int64, []identifier.ClientID, error) {
	id, err := groupID(group)
	if err != nil {
		return 0, nil, err
	}
	members := make([]identifier.ClientID, 0, len(items))
	for _, encoded := range items {
		m, err := identifier.ParseClientID(encoded)
		if err != nil {
			return 0, nil, err
		}
		members = append(members, m)
	}
	return id, members, nil
}

func (a *API) group(g service.Group) gen.LocalGroup {
	count, at, members := len(g.Members), g.UpdatedAt.UTC(), make([]gen.GroupMember, 0, len(g.Members))
	snapshot := a.Conf.Current()
	for _, m := range g.Members {
		rendered := gen.GroupMember{Id: m.ID.Encoded(), CreatedAt: m.AddedAt.UTC()}
		if snapshot != nil {
			rendered.MemberName, _ = snapshot.MemberName(m.ID.Member())
			name, _ := snapshot.SubsystemName(m.ID)
			rendered.SubsystemName = text(name)
		}
		members = append(members, rendered)
	}
	return gen.LocalGroup{Id: text(strconv.FormatInt(g.ID, 10)), Code: g.Code, Description: g.Description, MemberCount: &count, UpdatedAt: &at,
		Members: &members}
}
