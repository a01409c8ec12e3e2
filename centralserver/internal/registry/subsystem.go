package registry

import (
	"context"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// RequireSubsystem is the subsystem with this identifier. Faults: invalid_subsystem_id for a member, subsystem_not_found.
func RequireSubsystem(tx Clients, id identifier.ClientID) (*Client, error) {
	if !id.IsSubsystem() {
		return nil, fault.New(fault.Invalid, "invalid_subsystem_id", "Invalid subsystem identifier").With(id.Encoded())
	}
	subsystem, err := tx.Client(id)
	if err == nil && subsystem == nil {
		err = fault.New(fault.NotFound, "subsystem_not_found", "Subsystem '%s' not found", id).With(id.Short())
	}
	return subsystem, err
}

// AddSubsystem adds a subsystem to a member; the name may be empty (UC MEMBER_56). Faults: validation_failure, member_not_found,
// subsystem_exists.
func (s *Service) AddSubsystem(ctx context.Context, class, code, subsystem, name string) (*Client, error) {
	put := func() {
		audit.Put(ctx, "memberClass", class)
		audit.Put(ctx, "memberCode", code)
		audit.Put(ctx, "memberSubsystemCode", subsystem)
		audit.Put(ctx, "memberSubsystemName", name)
	}
	put()
	if err := ParseInput("", Input{Path: "subsystemAddDto.subsystemId.memberClass", Name: "memberClass", Value: &class, Check: identifier.Part},
		Input{Path: "subsystemAddDto.subsystemId.memberCode", Name: "memberCode", Value: &code, Check: identifier.Part},
		Input{Path: "subsystemAddDto.subsystemId.subsystemCode", Name: "subsystemCode", Value: &subsystem, Check: identifier.Part},
		Input{Path: "subsystemAddDto.subsystemName", Name: "subsystemName", Value: &name, Optional: true, Check: NoControlChars}); err != nil {
		return nil, err
	}
	put()
	return update(ctx, s, func(tx Tx) (*Client, error) {
		instance, err := Instance(tx)
		if err != nil {
			return nil, err
		}
		id, err := identifier.NewSubsystem(instance, class, code, subsystem)
		if err != nil {
			return nil, err
		}
		member, err := RequireMember(tx, id.Member())
		if err != nil {
			return nil, err
		}
		if known, err := tx.Client(id); err != nil {
			return nil, err
		} else if known != nil {
			return nil, fault.New(fault.Conflict, "subsystem_exists", "Failed to add subsystem: Subsystem '%s' already exists", subsystem).With(id.Short())
		}
		return &Client{ID: id, MemberName: member.MemberName, SubsystemName: name}, tx.AddSubsystem(id, name)
	})
}

// RenameSubsystem gives a subsystem a name. Faults: validation_failure, subsystem_not_found.
func (s *Service) RenameSubsystem(ctx context.Context, id identifier.ClientID, name string) (*Client, error) {
	audit.Put(ctx, "memberSubsystemName", name)
	audit.Put(ctx, "memberSubsystemCode", id.SubsystemCode())
	AuditMember(ctx, id)
	if err := ParseInput("", Input{Path: "subsystemNameDto.subsystemName", Name: "subsystemName", Value: &name, Optional: true, Check: NoControlChars}); err != nil {
		return nil, err
	}
	return update(ctx, s, func(tx Tx) (*Client, error) {
		subsystem, err := RequireSubsystem(tx, id)
		if err != nil {
			return nil, err
		}
		subsystem.SubsystemName = name
		return subsystem, tx.RenameClient(id, name)
	})
}

// DeleteSubsystem removes a subsystem that is nobody's client, with its group memberships (UC MEMBER_14). Faults: subsystem_not_found,
// subsystem_registered_and_cannot_be_deleted.
func (s *Service) DeleteSubsystem(ctx context.Context, id identifier.ClientID) error {
	AuditMember(ctx, id)
	audit.Put(ctx, "memberSubsystemCode", id.SubsystemCode())
	return s.store.Update(ctx, func(tx Tx) error {
		if _, err := RequireSubsystem(tx, id); err != nil {
			return err
		}
		if relations, err := tx.RelationsOf(id); err != nil {
			return err
		} else if len(relations) > 0 {
			return fault.New(fault.Invalid, "subsystem_registered_and_cannot_be_deleted",
				"Subsystem '%s' is registered as a security server client and cannot be deleted", id)
		}
		return Forget(tx, id)
	})
}

// Forget removes a client that has no registrations left: its group memberships, its role as management services' provider, and itself. A
// member goes with its subsystems.
func Forget(tx Tx, id identifier.ClientID) error {
	provider, err := Provider(tx)
	if err != nil {
		return err
	}
	if provider == id || !id.IsSubsystem() && provider.Member() == id {
		if err := saveProvider(tx, identifier.ClientID{}); err != nil {
			return err
		}
	}
	if err := tx.LeaveGroups(id); err != nil {
		return err
	}
	return tx.RemoveClient(id)
}
