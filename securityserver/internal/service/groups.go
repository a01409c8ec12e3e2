package service

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// maxInput is the longest code or description.
const maxInput = 255

// Group is a local group: subsystems that a client gives access rights together.
type Group struct {
	ID                int64
	Client            identifier.ClientID // whose group it is
	Code, Description string
	UpdatedAt         time.Time // when the description or the members were changed last
	Members           []GroupMember
}

// GroupMember is a subsystem in a local group.
type GroupMember struct {
	ID      identifier.ClientID
	AddedAt time.Time
}

// Has reports whether a subsystem is a member.
func (g Group) Has(id identifier.ClientID) bool {
	return slices.ContainsFunc(g.Members, func(m GroupMember) bool { return m.ID == id })
}

// GroupRows are local groups in a transaction.
type GroupRows interface {
	Groups() ([]Group, error)                // with their members
	AddGroup(g Group) (int64, error)         // a duplicate is Conflict local_group_code_already_exists
	SaveGroup(g Group) error                 // description and time
	DeleteGroup(id int64) error              // with its members and access rights
	AddMember(id int64, m GroupMember) error // a duplicate is Conflict local_group_member_already_exists
	DeleteMember(id int64, member identifier.ClientID) error
}

func groupNotFound(id string) error {
	return fault.New(fault.NotFound, "local_group_not_found", "Local group not found").With(id)
}

func group(tx Tx, id int64) (Group, error) {
	all, err := tx.Groups()
	if err != nil {
		return Group{}, err
	}
	for _, g := range all {
		if g.ID == id {
			return g, nil
		}
	}
	return Group{}, groupNotFound(strconv.FormatInt(id, 10))
}

// Groups gives the local groups of a client (UC SERVICE_23); NotFound client_not_found.
func (s *Services) Groups(ctx context.Context, client identifier.ClientID) ([]Group, error) {
	var found []Group
	err := s.config.Store.View(ctx, func(tx Tx) error {
		if err := tx.HasClient(client); err != nil {
			return err
		}
		all, err := tx.Groups()
		for _, g := range all {
			if g.Client == client {
				found = append(found, g)
			}
		}
		return err
	})
	return found, err
}

// Group finds one (UC SERVICE_24); NotFound local_group_not_found.
func (s *Services) Group(ctx context.Context, id int64) (Group, error) {
	v, err := s.load(ctx)
	if err != nil {
		return Group{}, err
	}
	if g, ok := v.groups[id]; ok {
		return g, nil
	}
	return Group{}, groupNotFound(strconv.FormatInt(id, 10))
}

// AddGroup makes an empty group (UC SERVICE_25). Faults: validation_failure, client_not_found, local_group_code_already_exists.
func (s *Services) AddGroup(ctx context.Context, client identifier.ClientID, code, description string) (Group, error) {
	code, description = strings.TrimSpace(code), strings.TrimSpace(description)
	g := Group{Client: client, Code: code, Description: description, UpdatedAt: s.config.Now().UTC()}
	putGroup(ctx, g)
	if err := checkText("localGroupAddDto.code", "group code", code); err != nil {
		return Group{}, err
	}
	if constraint := identifier.Part(code); constraint != "" {
		return Group{}, wrongInput("localGroupAddDto.code", constraint, "Parameter group code contains invalid characters")
	}
	if err := checkText("localGroupAddDto.description", "group description", description); err != nil {
		return Group{}, err
	}
	err := s.config.Store.Update(ctx, func(tx Tx) (err error) {
		if err := tx.HasClient(client); err != nil {
			return err
		}
		if g.ID, err = tx.AddGroup(g); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
	return g, err
}

// Describe changes a group's description (UC SERVICE_28). Faults: validation_failure, local_group_not_found.
func (s *Services) Describe(ctx context.Context, id int64, description string) error {
	description = strings.TrimSpace(description)
	if err := checkText("localGroupDescriptionDto.description", "group description", description); err != nil {
		return err
	}
	return s.onGroup(ctx, id, func(_ Tx, g *Group) error {
		g.Description = description
		putGroup(ctx, *g)
		return nil
	})
}

// DeleteGroup removes a group with its access rights (UC SERVICE_29).
func (s *Services) DeleteGroup(ctx context.Context, id int64) error {
	return s.config.Store.Update(ctx, func(tx Tx) error {
		g, err := group(tx, id)
		if err != nil {
			return err
		}
		putGroup(ctx, g)
		if err := tx.DeleteGroup(id); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

// AddMembers adds subsystems (UC SERVICE_26), all or none. Faults: local_group_not_found; Conflict client_not_found for what the global
// configuration does not know; Conflict local_group_member_already_exists.
func (s *Services) AddMembers(ctx context.Context, id int64, members []identifier.ClientID) error {
	return s.onGroup(ctx, id, func(tx Tx, g *Group) error {
		putMembers(ctx, *g, members)
		snapshot := s.config.Conf.Current()
		for _, m := range members {
			if snapshot == nil || !m.IsSubsystem() || !snapshot.HasSubsystem(m) {
				return fault.New(fault.Conflict, "client_not_found", "Subsystem '%s' not found", m.Encoded()).With(m.Encoded())
			}
			if g.Has(m) {
				return fault.New(fault.Conflict, "local_group_member_already_exists", "'%s' is a member of the group already", m.Encoded()).With(m.Encoded())
			}
			added := GroupMember{ID: m, AddedAt: s.config.Now().UTC()}
			if err := tx.AddMember(id, added); err != nil {
				return err
			}
			g.Members = append(g.Members, added)
		}
		return nil
	})
}

// DeleteMembers removes subsystems (UC SERVICE_27), all or none. Faults: local_group_not_found; Conflict local_group_member_not_found.
func (s *Services) DeleteMembers(ctx context.Context, id int64, members []identifier.ClientID) error {
	return s.onGroup(ctx, id, func(tx Tx, g *Group) error {
		putMembers(ctx, *g, members)
		for _, m := range members {
			if !g.Has(m) {
				return fault.New(fault.Conflict, "local_group_member_not_found", "'%s' is not a member of the group", m.Encoded()).With(m.Encoded())
			}
			if err := tx.DeleteMember(id, m); err != nil {
				return err
			}
			g.Members = slices.DeleteFunc(g.Members, func(have GroupMember) bool { return have.ID == m })
		}
		return nil
	})
}

// onGroup changes a group and saves when that was.
func (s *Services) onGroup(ctx context.Context, id int64, change func(tx Tx, g *Group) error) error {
	return s.config.Store.Update(ctx, func(tx Tx) error {
		g, err := group(tx, id)
		if err != nil {
			return err
		}
		if err := change(tx, &g); err != nil {
			return err
		}
		g.UpdatedAt = s.config.Now().UTC()
		if err := tx.SaveGroup(g); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
}

func checkText(field, label, value string) error {
	switch {
	case value == "":
		return wrongInput(field, "NotBlank", "Missing parameter: '"+label+"'")
	case utf8.RuneCountInString(value) > maxInput:
		return wrongInput(field, "Size", "Parameter "+label+" input exceeds 255 characters")
	}
	return nil
}

func wrongInput(field, constraint, message string) error {
	invalid := fault.New(fault.Invalid, "validation_failure", "%s", message)
	invalid.Fields = map[string][]string{field: {constraint}}
	return invalid
}

func putGroup(ctx context.Context, g Group) {
	audit.Put(ctx, "clientIdentifier", g.Client)
	audit.Put(ctx, "groupCode", g.Code)
	audit.Put(ctx, "groupDescription", g.Description)
}

func putMembers(ctx context.Context, g Group, members []identifier.ClientID) {
	audit.Put(ctx, "clientIdentifier", g.Client)
	audit.Put(ctx, "groupCode", g.Code)
	audit.Put(ctx, "memberIdentifiers", members)
}
