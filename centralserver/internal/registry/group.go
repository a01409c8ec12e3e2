package registry

import (
	"context"
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// GroupMember is one client in one group, as lists show it.
type GroupMember struct {
	ID      int64
	Client  identifier.ClientID
	Name    string // the member's name, for a subsystem too
	AddedAt time.Time
}

// GroupFilter narrows the list of a group's members; empty fields do not count.
type GroupFilter struct {
	Text       string // in type, name, instance, class, code, subsystem
	Instance   string
	Class      string
	Codes      []string
	Subsystems []string
	Types      []identifier.ObjectType // Member, Subsystem
	Paging     Paging
}

// GroupModel is what the members of a group can be filtered by: the values that occur, in order.
type GroupModel struct{ Instances, Classes, Codes, Subsystems []string }

// Groups lists the global groups by code.
func (s *Service) Groups(ctx context.Context) ([]Group, error) {
	return view(ctx, s, func(tx Tx) ([]Group, error) { return tx.Groups() })
}

// Group gives one global group. Fault: global_group_not_found.
func (s *Service) Group(ctx context.Context, code string) (*Group, error) {
	return view(ctx, s, func(tx Tx) (*Group, error) { return requireGroup(tx, code) })
}

func requireGroup(tx Groups, code string) (*Group, error) {
	g, err := tx.Group(code)
	if err == nil && g == nil {
		err = fault.New(fault.NotFound, "global_group_not_found", "Global group '%s' not found", code).With(code)
	}
	return g, err
}

// kept reports whether the group is the owners' group, whose members the server itself keeps.
func kept(code string) bool { return strings.EqualFold(code, OwnersGroup) }

// AddGroup adds a global group (UC SERVICE_32). Faults: validation_failure, global_group_exists.
func (s *Service) AddGroup(ctx context.Context, code, description string) (*Group, error) {
	audit.Put(ctx, "code", code)
	audit.Put(ctx, "description", description)
	if err := ParseInput("", Input{Path: "globalGroupCodeAndDescriptionDto.code", Name: "code", Value: &code, Check: identifier.Part},
		Input{Path: "globalGroupCodeAndDescriptionDto.description", Name: "description", Value: &description, Check: NoControlChars}); err != nil {
		return nil, err
	}
	audit.Put(ctx, "code", code)
	audit.Put(ctx, "description", description)
	return update(ctx, s, func(tx Tx) (*Group, error) {
		known, err := tx.Group(code)
		if err != nil {
			return nil, err
		}
		if known != nil || kept(code) {
			return nil, fault.New(fault.Conflict, "global_group_exists", "Global group '%s' already exists", code).With(code)
		}
		if err := tx.EnsureGroup(code, description); err != nil {
			return nil, err
		}
		return tx.Group(code)
	})
}

// DescribeGroup changes a group's description, that of the owners' group too. Faults: validation_failure, global_group_not_found.
func (s *Service) DescribeGroup(ctx context.Context, code, description string) (*Group, error) {
	audit.Put(ctx, "code", code)
	audit.Put(ctx, "description", description)
	if err := ParseInput("", Input{Path: "globalGroupDescriptionDto.description", Name: "description", Value: &description, Check: NoControlChars}); err != nil {
		return nil, err
	}
	audit.Put(ctx, "description", description)
	return update(ctx, s, func(tx Tx) (*Group, error) {
		if _, err := requireGroup(tx, code); err != nil {
			return nil, err
		}
		if err := tx.DescribeGroup(code, description); err != nil {
			return nil, err
		}
		return tx.Group(code)
	})
}

// DeleteGroup deletes a group with its memberships. Faults: global_group_not_found, owners_global_group_cannot_be_deleted.
func (s *Service) DeleteGroup(ctx context.Context, code string) error {
	audit.Put(ctx, "code", code)
	return s.store.Update(ctx, func(tx Tx) error {
		g, err := requireGroup(tx, code)
		if err != nil {
			return err
		}
		audit.Put(ctx, "description", g.Description)
		if kept(code) {
			return fault.New(fault.Invalid, "owners_global_group_cannot_be_deleted", "Cannot perform delete action on server owners group")
		}
		return tx.RemoveGroup(code)
	})
}

// AddGroupMembers adds registered members and subsystems to a group and gives those that were not in it before. Faults:
// global_group_not_found, cannot_add_member_to_owners_group, member_not_found, subsystem_not_found; then none is added.
func (s *Service) AddGroupMembers(ctx context.Context, code string, clients []identifier.ClientID) ([]identifier.ClientID, error) {
	audit.Put(ctx, "code", code)
	return update(ctx, s, func(tx Tx) ([]identifier.ClientID, error) {
		g, err := requireGroup(tx, code)
		if err != nil {
			return nil, err
		}
		audit.Put(ctx, "description", g.Description)
		if kept(code) {
			return nil, fault.New(fault.Invalid, "cannot_add_member_to_owners_group", "Cannot add members to server owners group")
		}
		added := []identifier.ClientID{}
		for _, c := range clients {
			if err := requireClient(tx, c); err != nil {
				return nil, err
			}
			in, err := tx.InGroup(code, c)
			if err != nil {
				return nil, err
			}
			if in {
				continue
			}
			if err := tx.AddToGroup(code, c); err != nil {
				return nil, err
			}
			added = append(added, c)
		}
		audit.Put(ctx, "memberIdentifiers", encoded(added))
		return added, nil
	})
}

// requireClient refuses who is not registered, by the identifier that was given.
func requireClient(tx Clients, id identifier.ClientID) error {
	known, err := tx.Client(id)
	switch {
	case err != nil || known != nil:
		return err
	case id.IsSubsystem():
		return fault.New(fault.NotFound, "subsystem_not_found", "Subsystem '%s' not found", id).With(id.Encoded())
	}
	return fault.New(fault.NotFound, "member_not_found", "Member '%s' not found", id).With(id.Encoded())
}

func encoded(clients []identifier.ClientID) []string {
	list := make([]string, 0, len(clients))
	for _, c := range clients {
		list = append(list, c.Encoded())
	}
	return list
}

// RemoveGroupMember takes a client out of a group. Faults: global_group_not_found, member_not_found,
// owners_global_group_member_cannot_be_deleted.
func (s *Service) RemoveGroupMember(ctx context.Context, code string, client identifier.ClientID) error {
	audit.Put(ctx, "code", code)
	return s.store.Update(ctx, func(tx Tx) error {
		g, err := requireGroup(tx, code)
		if err != nil {
			return err
		}
		audit.Put(ctx, "description", g.Description)
		audit.Put(ctx, "memberIdentifiers", []string{client.Encoded()})
		in, err := tx.InGroup(code, client)
		switch {
		case err != nil:
			return err
		case !in:
			return fault.New(fault.NotFound, "member_not_found", "'%s' is not in global group '%s'", client, code).With("memberId", client.Encoded())
		case kept(code):
			return fault.New(fault.Invalid, "owners_global_group_member_cannot_be_deleted", "Cannot remove members from server owners group")
		}
		return tx.RemoveFromGroup(code, client)
	})
}

// GroupMembers lists the members of a group. Faults: global_group_not_found, invalid_sort_properties, invalid_pagination_properties.
func (s *Service) GroupMembers(ctx context.Context, code string, f GroupFilter) (Page[GroupMember], error) {
	if err := f.Paging.Check(GroupMemberSortKeys...); err != nil {
		return Page[GroupMember]{}, err
	}
	return view(ctx, s, func(tx Tx) (Page[GroupMember], error) {
		if _, err := requireGroup(tx, code); err != nil {
			return Page[GroupMember]{}, err
		}
		return tx.GroupMembers(code, f)
	})
}

// GroupModel says what a group's members can be filtered by. Fault: global_group_not_found.
func (s *Service) GroupModel(ctx context.Context, code string) (GroupModel, error) {
	return view(ctx, s, func(tx Tx) (GroupModel, error) {
		if _, err := requireGroup(tx, code); err != nil {
			return GroupModel{}, err
		}
		return tx.GroupModel(code)
	})
}
