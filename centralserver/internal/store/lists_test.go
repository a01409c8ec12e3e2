package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/ristmik/ristmik/centralserver/internal/management"
	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/store"
	"github.com/ristmik/ristmik/centralserver/internal/store/seed"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
)

// list is one list that the REST API gives, called in many ways; a call tells how many items it got.
type list struct {
	name string
	call func(ctx context.Context, r *rand.Rand) (int, error)
}

// seeded makes identifiers of a seeded registry.
type seeded struct{ seed.Size }

func (s seeded) member(n int) identifier.ClientID {
	id, err := identifier.NewMember(seed.Instance, seed.Classes[n%3], fmt.Sprint(10_000_000+n))
	if err != nil {
		panic(err)
	}
	return id
}

func (s seeded) server(n int) identifier.SecurityServerID {
	id, err := identifier.NewSecurityServer(s.member(n), fmt.Sprint("ss", n))
	if err != nil {
		panic(err)
	}
	return id
}

// lists gives every list, each sort key and filter by itself and in the combinations that screens use.
func lists(db *database.DB, size seed.Size) []list {
	rows, s := store.New(db), seeded{size}
	members, requests := registry.New(rows.Registry()), management.New(rows.Management(), management.Settings{})
	var all []list
	add := func(name string, call func(ctx context.Context, r *rand.Rand) (int, error)) {
		all = append(all, list{name, call})
	}

	clients := func(name string, sort string, filter func(r *rand.Rand) registry.ClientFilter) {
		add("clients "+name, func(ctx context.Context, r *rand.Rand) (int, error) {
			f := filter(r)
			f.Paging = pageOf(r, sort, f.Paging.Number)
			page, err := members.Clients(ctx, f)
			return len(page.Items), err
		})
	}
	deep := func(rows int) func(r *rand.Rand) int { return func(r *rand.Rand) int { return r.IntN(1 + rows/25) } }
	anywhere := deep(size.Members + size.Subsystems)
	for _, sort := range append([]string{""}, registry.ClientSortKeys...) {
		clients("any page, by "+sort, sort, func(r *rand.Rand) registry.ClientFilter {
			return registry.ClientFilter{Paging: registry.Paging{Number: anywhere(r)}}
		})
	}
	clients("type, any page, by member_name", "member_name", func(r *rand.Rand) registry.ClientFilter {
		return registry.ClientFilter{Type: either(r, identifier.Member, identifier.Subsystem), Paging: registry.Paging{Number: deep(size.Members)(r)}}
	})
	for _, sort := range []string{"", "member_name"} {
		clients("text, few, by "+sort, sort, func(r *rand.Rand) registry.ClientFilter {
			return registry.ClientFilter{Text: fmt.Sprint(10_000_000 + r.IntN(size.Members))}
		})
		clients("text, subsystem, by "+sort, sort, func(r *rand.Rand) registry.ClientFilter {
			return registry.ClientFilter{Text: fmt.Sprint("UB", r.IntN(size.Subsystems))}
		})
		clients("text, many, by "+sort, sort, func(r *rand.Rand) registry.ClientFilter {
			return registry.ClientFilter{Text: either(r, "gov", "member 1", "sub"), Paging: registry.Paging{Number: r.IntN(100)}}
		})
		clients("text, none, by "+sort, sort, func(r *rand.Rand) registry.ClientFilter {
			return registry.ClientFilter{Text: fmt.Sprint("nothing", r.IntN(9))}
		})
	}
	clients("name contains", "member_name", func(r *rand.Rand) registry.ClientFilter {
		return registry.ClientFilter{Name: fmt.Sprint("ber ", r.IntN(size.Members))}
	})
	clients("class and code contain", "member_name", func(r *rand.Rand) registry.ClientFilter {
		return registry.ClientFilter{Class: either(r, "GOV", "com"), Code: fmt.Sprint(r.IntN(size.Members))}
	})
	clients("subsystem contains", "", func(r *rand.Rand) registry.ClientFilter {
		return registry.ClientFilter{Subsystem: fmt.Sprint("sub", r.IntN(size.Subsystems))}
	})
	clients("of a server", "", func(r *rand.Rand) registry.ClientFilter {
		return registry.ClientFilter{Server: s.server(1 + r.IntN(size.Servers))}
	})
	clients("outside a group, any page", "member_name", func(r *rand.Rand) registry.ClientFilter {
		return registry.ClientFilter{ExcludingGroup: fmt.Sprint("group-", 1+r.IntN(seed.Groups)), Paging: registry.Paging{Number: anywhere(r)}}
	})

	for _, sort := range append([]string{""}, registry.ServerSortKeys...) {
		add("servers any page, by "+sort, func(ctx context.Context, r *rand.Rand) (int, error) {
			page, err := members.Servers(ctx, "", pageOf(r, sort, deep(size.Servers)(r)))
			return len(page.Items), err
		})
		add("servers text, by "+sort, func(ctx context.Context, r *rand.Rand) (int, error) {
			page, err := members.Servers(ctx, either(r, "ss1", "gov", fmt.Sprint("ber ", r.IntN(size.Servers)), "nothing"), pageOf(r, sort, 0))
			return len(page.Items), err
		})
	}
	all = append(all, details(members, s)...)
	return append(all, requestLists(requests, s)...)
}

func details(members *registry.Service, s seeded) []list {
	of := func(name string, call func(ctx context.Context, r *rand.Rand) (int, error)) list {
		return list{name, call}
	}
	anyMember := func(r *rand.Rand) identifier.ClientID { return s.member(1 + r.IntN(s.Members)) }
	anyServer := func(r *rand.Rand) identifier.SecurityServerID { return s.server(1 + r.IntN(s.Servers)) }
	return []list{
		of("member's subsystems", func(ctx context.Context, r *rand.Rand) (int, error) {
			l, err := members.Subsystems(ctx, anyMember(r))
			return len(l), err
		}),
		of("member's owned servers", func(ctx context.Context, r *rand.Rand) (int, error) {
			l, err := members.OwnedServers(ctx, anyMember(r))
			return len(l), err
		}),
		of("member's used servers", func(ctx context.Context, r *rand.Rand) (int, error) {
			l, err := members.UsedServers(ctx, anyMember(r))
			return len(l), err
		}),
		of("member's groups", func(ctx context.Context, r *rand.Rand) (int, error) {
			l, err := members.MemberGroups(ctx, anyMember(r))
			return len(l), err
		}),
		of("server's clients", func(ctx context.Context, r *rand.Rand) (int, error) {
			l, err := members.ServerClients(ctx, anyServer(r))
			return len(l), err
		}),
		of("server's certificates", func(ctx context.Context, r *rand.Rand) (int, error) {
			l, err := members.ServerCertificates(ctx, anyServer(r))
			return len(l), err
		}),
		of("groups", func(ctx context.Context, _ *rand.Rand) (int, error) {
			l, err := members.Groups(ctx)
			return len(l), err
		}),
		of("member classes", func(ctx context.Context, _ *rand.Rand) (int, error) {
			l, err := members.MemberClasses(ctx)
			return len(l), err
		}),
	}
}

func requestLists(requests *management.Service, s seeded) []list {
	var all []list
	add := func(name, sort string, filter func(r *rand.Rand) management.Filter) {
		all = append(all, list{"requests " + name, func(ctx context.Context, r *rand.Rand) (int, error) {
			f := filter(r)
			f.Paging = pageOf(r, sort, f.Paging.Number)
			page, err := requests.Requests(ctx, f)
			return len(page.Items), err
		}})
	}
	pages := func(r *rand.Rand, rows int) registry.Paging { return registry.Paging{Number: r.IntN(1 + rows/25)} }
	for _, sort := range append([]string{""}, management.SortKeys...) {
		add("any page, by "+sort, sort, func(r *rand.Rand) management.Filter { return management.Filter{Paging: pages(r, s.Requests)} })
		add("text, by "+sort, sort, func(r *rand.Rand) management.Filter {
			return management.Filter{Text: either(r, "ss1", "gov", fmt.Sprint("Member ", r.IntN(s.Servers)), fmt.Sprint(r.IntN(s.Requests)), "nothing"), Paging: pages(r, 100)}
		})
		add("pending, by "+sort, sort, func(r *rand.Rand) management.Filter {
			return management.Filter{Status: either(r, management.Waiting, management.SubmittedForApproval)}
		})
	}
	add("text, time", "created_at", func(r *rand.Rand) management.Filter {
		return management.Filter{Text: fmt.Sprint(either(r, "2021-0", "2020-12-0"), 1+r.IntN(6))}
	})
	add("text, any page", "created_at", func(r *rand.Rand) management.Filter {
		return management.Filter{Text: "gov", Paging: pages(r, s.Requests/3)}
	})
	for _, sort := range []string{"id", "created_at"} {
		add("origin, any page, by "+sort, sort, func(r *rand.Rand) management.Filter {
			return management.Filter{Origin: either(r, management.Center, management.SecurityServer), Paging: pages(r, s.Requests/2)}
		})
		add("types, any page, by "+sort, sort, func(r *rand.Rand) management.Filter {
			return management.Filter{Types: []request.Type{either(r, request.ClientReg, request.ClientDeletion), request.AuthCertReg}, Paging: pages(r, s.Requests/10)}
		})
		add("approved, any page, by "+sort, sort, func(r *rand.Rand) management.Filter {
			return management.Filter{Status: management.Approved, Paging: pages(r, s.Requests/2)}
		})
		add("of a server, by "+sort, sort, func(r *rand.Rand) management.Filter {
			return management.Filter{Server: s.server(1 + r.IntN(s.Servers))}
		})
		add("of a member, by "+sort, sort, func(r *rand.Rand) management.Filter {
			return management.Filter{Member: s.member(1 + r.IntN(s.Members))}
		})
		add("types, origin, status, text, by "+sort, sort, func(r *rand.Rand) management.Filter {
			return management.Filter{Types: []request.Type{request.ClientReg}, Origin: management.Center, Status: management.Declined, Text: "ss"}
		})
	}
	return all
}

func pageOf(r *rand.Rand, sort string, number int) registry.Paging {
	return registry.Paging{Limit: 25, Number: number, Sort: sort, Descending: r.IntN(2) == 0}
}

func either[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }
