package api

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
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
