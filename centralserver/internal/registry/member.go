package registry

import (
	"context"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// AuditMember puts class and code of the member, or of the member a subsystem belongs to, into the audit record.
func AuditMember(ctx context.Context, id identifier.ClientID) {
	audit.Put(ctx, "memberClass", id.MemberClass())
	audit.Put(ctx, "memberCode", id.MemberCode())
}

// Clients lists members and subsystems (UC MEMBER_04).
func (s *Service) Clients(ctx context.Context, f ClientFilter) (Page[Client], error) {
	if err := f.Paging.Check(ClientSortKeys...); err != nil {
		return Page[Client]{}, err
	}
	return view(ctx, s, func(tx Tx) (Page[Client], error) { return tx.Clients(f) })
}

// Member gives a member's details (UC MEMBER_05). Faults: invalid_member_id, member_not_found.
func (s *Service) Member(ctx context.Context, id identifier.ClientID) (*Client, error) {
	return view(ctx, s, func(tx Tx) (*Client, error) { return RequireMember(tx, id) })
}

// RequireMember is the member with this identifier. Faults: invalid_member_id for a subsystem, member_not_found.
func RequireMember(tx Clients, id identifier.ClientID) (*Client, error) {
	if id.IsSubsystem() {
		return nil, fault.New(fault.Invalid, "invalid_member_id", "Invalid member identifier").With(id.Encoded())
	}
	member, err := tx.Client(id)
	if err == nil && member == nil {
		err = fault.New(fault.NotFound, "member_not_found", "Member '%s' not found", id).With("code", id.MemberCode())
	}
	return member, err
}

// AddMember registers an organization (UC MEMBER_10). Faults: validation_failure, member_class_not_found, member_exists.
func (s *Service) AddMember(ctx context.Context, class, code, name string) (*Client, error) {
	const failed = "Failed to add member: "
	audit.Put(ctx, "memberName", name)
	audit.Put(ctx, "memberClass", class)
	audit.Put(ctx, "memberCode", code)
	if err := ParseInput(failed, Input{Path: "memberAddDto.memberName", Name: "memberName", Value: &name, Check: NoControlChars},
		Input{Path: "memberAddDto.memberId.memberClass", Name: "memberClass", Value: &class, Check: identifier.Part},
		Input{Path: "memberAddDto.memberId.memberCode", Name: "memberCode", Value: &code, Check: identifier.Part}); err != nil {
		return nil, err
	}
	audit.Put(ctx, "memberName", name)
	audit.Put(ctx, "memberClass", class)
	audit.Put(ctx, "memberCode", code)
	return update(ctx, s, func(tx Tx) (*Client, error) {
		instance, err := Instance(tx)
		if err != nil {
			return nil, err
		}
		if err := requireClass(tx, class); err != nil {
			return nil, err
		}
		id, err := identifier.NewMember(instance, class, code)
		if err != nil {
			return nil, err
		}
		if known, err := tx.Client(id); err != nil {
			return nil, err
		} else if known != nil {
			return nil, fault.New(fault.Conflict, "member_exists", failed+"Member with class %s and code %s already exists", class, code).With(id.Short())
		}
		return &Client{ID: id, MemberName: name}, tx.AddMember(id, name)
	})
}

// RenameMember changes a member's name (UC MEMBER_11). Faults: validation_failure, member_not_found.
func (s *Service) RenameMember(ctx context.Context, id identifier.ClientID, name string) (*Client, error) {
	audit.Put(ctx, "memberName", name)
	AuditMember(ctx, id)
	if err := ParseInput("Failed to edit member: ",
		Input{Path: "memberNameDto.memberName", Name: "memberName", Value: &name, Check: NoControlChars}); err != nil {
		return nil, err
	}
	audit.Put(ctx, "memberName", name)
	return update(ctx, s, func(tx Tx) (*Client, error) {
		member, err := RequireMember(tx, id)
		if err != nil {
			return nil, err
		}
		member.MemberName = name
		return member, tx.RenameClient(id, name)
	})
}

// Subsystems lists a member's subsystems and where they are registered (UC MEMBER_07). Fault: member_not_found.
func (s *Service) Subsystems(ctx context.Context, member identifier.ClientID) ([]Subsystem, error) {
	return view(ctx, s, func(tx Tx) ([]Subsystem, error) {
		if _, err := RequireMember(tx, member); err != nil {
			return nil, err
		}
		clients, err := tx.SubsystemsOf(member)
		if err != nil {
			return nil, err
		}
		list := make([]Subsystem, 0, len(clients))
		for _, c := range clients {
			relations, err := tx.RelationsOf(c.ID)
			if err != nil {
				return nil, err
			}
			list = append(list, Subsystem{c, relations})
		}
		return list, nil
	})
}

// OwnedServers lists the servers a member owns (UC MEMBER_06). Fault: member_not_found.
func (s *Service) OwnedServers(ctx context.Context, member identifier.ClientID) ([]Server, error) {
	return view(ctx, s, func(tx Tx) ([]Server, error) {
		if _, err := RequireMember(tx, member); err != nil {
			return nil, err
		}
		return tx.ServersOwnedBy(member)
	})
}

// UsedServers lists the servers that have the member or its subsystems as clients (UC MEMBER_08). Fault: member_not_found.
func (s *Service) UsedServers(ctx context.Context, member identifier.ClientID) ([]Server, error) {
	return view(ctx, s, func(tx Tx) ([]Server, error) {
		if _, err := RequireMember(tx, member); err != nil {
			return nil, err
		}
		return tx.ServersUsedBy(member)
	})
}

// MemberGroups lists the global groups of a member and of its subsystems (UC SERVICE_36). Fault: member_not_found.
func (s *Service) MemberGroups(ctx context.Context, member identifier.ClientID) ([]Membership, error) {
	return view(ctx, s, func(tx Tx) ([]Membership, error) {
		if _, err := RequireMember(tx, member); err != nil {
			return nil, err
		}
		return tx.GroupsOf(member)
	})
}
