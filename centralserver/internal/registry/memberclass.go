package registry

import (
	"context"
	"strings"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// MemberClasses lists all classes by code (UC MEMBER_40).
func (s *Service) MemberClasses(ctx context.Context) ([]MemberClass, error) {
	return view(ctx, s, func(tx Tx) ([]MemberClass, error) { return tx.MemberClasses() })
}

// AddMemberClass adds a class; its code is stored in upper case (UC MEMBER_41). Faults: validation_failure, member_class_exists,
// member_class_description_exists.
func (s *Service) AddMemberClass(ctx context.Context, code, description string) (*MemberClass, error) {
	audit.Put(ctx, "code", code)
	audit.Put(ctx, "description", description)
	if err := ParseInput("", Input{Path: "memberClassDto.code", Name: "code", Value: &code, Check: identifier.Part},
		Input{Path: "memberClassDto.description", Name: "description", Value: &description, Check: NoControlChars}); err != nil {
		return nil, err
	}
	c := MemberClass{strings.ToUpper(code), description}
	audit.Put(ctx, "code", c.Code)
	audit.Put(ctx, "description", c.Description)
	return update(ctx, s, func(tx Tx) (*MemberClass, error) {
		if known, err := tx.MemberClass(c.Code); err != nil {
			return nil, err
		} else if known != nil {
			return nil, fault.New(fault.Conflict, "member_class_exists", "Member class with the same code already exists").With(c.Code)
		}
		if err := describedOnce(tx, c.Description); err != nil {
			return nil, err
		}
		return &c, tx.AddMemberClass(c)
	})
}

// DescribeMemberClass changes a class's description (UC MEMBER_42). Faults: validation_failure, member_class_not_found,
// member_class_description_exists.
func (s *Service) DescribeMemberClass(ctx context.Context, code, description string) (*MemberClass, error) {
	audit.Put(ctx, "code", code)
	audit.Put(ctx, "description", description)
	if err := ParseInput("", Input{Path: "memberClassDescriptionDto.description", Name: "description", Value: &description, Check: NoControlChars}); err != nil {
		return nil, err
	}
	audit.Put(ctx, "description", description)
	return update(ctx, s, func(tx Tx) (*MemberClass, error) {
		known, err := tx.MemberClass(code)
		switch {
		case err != nil:
			return nil, err
		case known == nil:
			return nil, classNotFound(code)
		case known.Description == description:
			return known, nil
		}
		if err := describedOnce(tx, description); err != nil {
			return nil, err
		}
		return &MemberClass{code, description}, tx.DescribeMemberClass(code, description)
	})
}

// DeleteMemberClass removes a class without members (UC MEMBER_43). Faults: member_class_not_found, member_class_is_in_use.
func (s *Service) DeleteMemberClass(ctx context.Context, code string) error {
	audit.Put(ctx, "code", code)
	return s.store.Update(ctx, func(tx Tx) error {
		if err := requireClass(tx, code); err != nil {
			return err
		}
		if used, err := tx.ClassUsed(code); err != nil {
			return err
		} else if used {
			return fault.New(fault.Conflict, "member_class_is_in_use", "Cannot delete member class %s: found X-Road members belonging to the class. "+
				"Only classes with no registered members can be deleted.", code).With("tr.code", code)
		}
		return tx.RemoveMemberClass(code)
	})
}

// requireClass refuses an unknown member class.
func requireClass(tx Classes, code string) error {
	known, err := tx.MemberClass(code)
	if err == nil && known == nil {
		err = classNotFound(code)
	}
	return err
}

func classNotFound(code string) error {
	return fault.New(fault.NotFound, "member_class_not_found", "Member class '%s' not found", code).With("code", code)
}

func describedOnce(tx Classes, description string) error {
	taken, err := tx.ClassDescribed(description)
	if err == nil && taken {
		err = fault.New(fault.Conflict, "member_class_description_exists", "description '%s' has already been taken", description).With(description)
	}
	return err
}
