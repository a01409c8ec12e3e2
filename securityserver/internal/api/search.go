package api

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
	"github.com/ristmik/ristmik/securityserver/internal/service"
)

// FindClients lists local clients, or with internal_search=false all members and subsystems of the instances (UC MEMBER_44, 47).
func (a *API) FindClients(ctx context.Context, r gen.FindClientsRequestObject) (gen.FindClientsResponseObject, error) {
	all, err := a.Clients.List(ctx)
	if err != nil {
		return nil, err
	}
	local, list := map[identifier.ClientID]bool{}, gen.FindClients200JSONResponse{}
	for _, c := range all {
		local[c.ID] = true
		if rendered := a.client(ctx, c); !value(r.Params.ExcludeLocal) && fits(rendered, r.Params) {
			list = append(list, rendered)
		}
	}
	if s := a.Conf.Current(); s != nil && !orDefault(r.Params.InternalSearch, true) {
		for info := range s.Clients() {
			if rendered := a.identified(info.ID); !local[info.ID] && fits(rendered, r.Params) {
				list = append(list, rendered)
			}
		}
	}
	slices.SortStableFunc(list, func(x, y gen.Client) int { return cmp.Compare(value(x.Id), value(y.Id)) })
	return list, nil
}

// fits applies the search fields: names and codes by part, the instance as a whole, all without regard to case.
func fits(c gen.Client, p gen.FindClientsParams) bool {
	contains := func(have string, want *string) bool {
		return want == nil || strings.Contains(strings.ToLower(have), strings.ToLower(*want))
	}
	switch {
	case !orDefault(p.ShowMembers, true) && c.SubsystemCode == nil,
		p.Instance != nil && !strings.EqualFold(*p.Instance, value(c.InstanceId)),
		p.LocalValidSignCert != nil && *p.LocalValidSignCert != value(c.HasValidLocalSignCert),
		!contains(value(c.MemberName), p.Name) && !contains(value(c.SubsystemName), p.Name),
		!contains(c.MemberClass, p.MemberClass), !contains(c.MemberCode, p.MemberCode):
		return false
	}
	return p.SubsystemCode == nil || contains(value(c.SubsystemCode), p.SubsystemCode)
}

// FindServiceClientCandidates lists subsystems and global groups that may be given rights.
func (a *API) FindServiceClientCandidates(_ context.Context, r gen.FindServiceClientCandidatesRequestObject) (gen.FindServiceClientCandidatesResponseObject, error) {
	s, err := a.snapshot()
	if err != nil {
		return nil, err
	}
	list := gen.FindServiceClientCandidates200JSONResponse{}
	contains := func(have string, want *string) bool {
		return want == nil || strings.Contains(strings.ToLower(have), strings.ToLower(*want))
	}
	p := r.Params
	wanted := orDefault(p.ServiceClientType, "")
	for info := range s.Clients() {
		if id := info.ID; id.IsSubsystem() && wanted != gen.ServiceClientTypeGLOBALGROUP && wanted != gen.ServiceClientTypeLOCALGROUP &&
			contains(info.MemberName, p.MemberNameGroupDescription) && contains(id.Instance(), p.Instance) && contains(id.MemberClass(), p.MemberClass) &&
			contains(id.MemberCode(), p.MemberGroupCode) && contains(id.SubsystemCode(), p.SubsystemCode) {
			list = append(list, a.subject(service.Subject{Subsystem: id}))
		}
	}
	for _, instance := range s.Instances() {
		shared, _ := s.Shared(instance)
		if shared == nil || wanted == gen.ServiceClientTypeSUBSYSTEM || wanted == gen.ServiceClientTypeLOCALGROUP || p.MemberClass != nil || p.SubsystemCode != nil {
			continue
		}
		for _, g := range shared.GlobalGroups {
			id, err := identifier.NewGlobalGroup(instance, g.Code)
			if err == nil && contains(g.Description, p.MemberNameGroupDescription) && contains(instance, p.Instance) && contains(g.Code, p.MemberGroupCode) {
				list = append(list, a.subject(service.Subject{Group: id}))
			}
		}
	}
	return list, nil
}

// subject renders who may hold an access right, with the name the configuration knows.
func (a *API) subject(subject service.Subject) gen.ServiceClient {
	kind := gen.ServiceClientTypeSUBSYSTEM
	name := ""
	s := a.Conf.Current()
	switch {
	case subject.IsGroup():
		kind = gen.ServiceClientTypeGLOBALGROUP
		if s != nil {
			if shared, ok := s.Shared(subject.Group.Instance()); ok {
				for _, g := range shared.GlobalGroups {
					if g.Code == subject.Group.Code() {
						name = g.Description
					}
				}
			}
		}
	case s != nil:
		name, _ = s.MemberName(subject.Subsystem.Member())
	}
	return gen.ServiceClient{Id: subject.Encoded(), Name: text(name), ServiceClientType: &kind}
}
