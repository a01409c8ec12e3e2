package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/api/gen"
)

// FindClients lists local clients, or with internal_search=false all members and subsystems of the instances (UC MEMBER_44, 47). Instances are
// large: everything is compared before anything is rendered.
func (a *API) FindClients(ctx context.Context, r gen.FindClientsRequestObject) (gen.FindClientsResponseObject, error) {
	all, err := a.Clients.List(ctx)
	if err != nil {
		return nil, err
	}
	wanted, s := newSearch(r.Params), a.Conf.Current()
	everywhere := s != nil && !orDefault(r.Params.InternalSearch, true)
	local, list := map[identifier.ClientID]bool{}, gen.FindClients200JSONResponse{}
	signing := map[identifier.ClientID]bool{} // members were asked about once
	valid := func(member identifier.ClientID) bool {
		known, ok := signing[member]
		if !ok {
			known = a.Keys.HasValidSigning(ctx, member)
			signing[member] = known
		}
		return known
	}
	for _, c := range all {
		if everywhere {
			local[c.ID] = true
		}
		if value(r.Params.ExcludeLocal) {
			continue
		}
		member, subsystem := "", c.PendingName
		if s != nil {
			member, _ = s.MemberName(c.ID)
			if subsystem == "" {
				subsystem, _ = s.SubsystemName(c.ID)
			}
		}
		if wanted.fits(c.ID, member, subsystem) && wanted.signed(valid, c.ID) {
			list = append(list, a.rendered(c, valid(c.ID.Member())))
		}
	}
	if everywhere {
		for info := range s.Clients() {
			if wanted.fits(info.ID, info.MemberName, info.SubsystemName) && !local[info.ID] && wanted.signed(valid, info.ID) {
				rendered, here := a.identified(info.ID), valid(info.ID.Member())
				rendered.HasValidLocalSignCert = &here
				list = append(list, rendered)
			}
		}
	}
	slices.SortStableFunc(list, func(x, y gen.Client) int { return cmp.Compare(value(x.Id), value(y.Id)) })
	return list, nil
}

// search is the search fields: names and codes by part, the instance as a whole, all without regard to case.
type search struct {
	name, class, code, subsystem *part
	instance                     *string
	members                      bool  // members are shown too
	signing                      *bool // a valid signing certificate must be here, or must not
}

func newSearch(p gen.FindClientsParams) search {
	return search{name: newPart(p.Name), class: newPart(p.MemberClass), code: newPart(p.MemberCode), subsystem: newPart(p.SubsystemCode),
		instance: p.Instance, members: orDefault(p.ShowMembers, true), signing: p.LocalValidSignCert}
}

func (s search) fits(id identifier.ClientID, member, subsystem string) bool {
	switch {
	case !s.members && !id.IsSubsystem(), s.instance != nil && !strings.EqualFold(*s.instance, id.Instance()):
		return false
	}
	return s.code.in(id.MemberCode()) && s.subsystem.in(id.SubsystemCode()) && s.class.in(id.MemberClass()) &&
		(s.name.in(member) || s.name.in(subsystem))
}

func (s search) signed(valid func(identifier.ClientID) bool, id identifier.ClientID) bool {
	return s.signing == nil || *s.signing == valid(id.Member())
}

// part is text to be found in another without regard to case.
type part struct{ lower, upper string }

func newPart(text *string) *part {
	if text == nil || *text == "" {
		return nil
	}
	return &part{strings.ToLower(*text), strings.ToUpper(*text)}
}

// in reports whether the part, nil for anything, stands in text. Codes and most names are ASCII, and these are compared where they stand.
func (p *part) in(text string) bool {
	if p == nil {
		return true
	}
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return strings.Contains(strings.ToLower(text), p.lower)
		}
	}
	if len(p.lower) != len(p.upper) || len(p.lower) > len(text) {
		return false // not ASCII, or too long
	}
	for i := 0; i+len(p.lower) <= len(text); i++ {
		n := 0
		for n < len(p.lower) && (text[i+n] == p.lower[n] || text[i+n] == p.upper[n]) {
			n++
		}
		if n == len(p.lower) {
			return true
		}
	}
	return false
}
