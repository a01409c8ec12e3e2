package service

import (
	"context"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// RightsOfClient gives all access rights at a client, oldest first; NotFound client_not_found.
func (s *Services) RightsOfClient(ctx context.Context, client identifier.ClientID) ([]Right, error) {
	var found []Right
	err := s.config.Store.View(ctx, func(tx Tx) error {
		if err := tx.HasClient(client); err != nil {
			return err
		}
		all, err := tx.Rights()
		for _, r := range all {
			if r.Client == client {
				found = append(found, r)
			}
		}
		return err
	})
	return found, err
}

// RightsOfSubject gives what one subject may call at a client (UC SERVICE_04); NotFound service_client_not_found when that is nothing.
func (s *Services) RightsOfSubject(ctx context.Context, client identifier.ClientID, subject Subject) ([]Right, error) {
	all, err := s.RightsOfClient(ctx, client)
	if err != nil {
		return nil, err
	}
	var found []Right
	for _, r := range all {
		if r.Subject == subject {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return nil, unknownSubject(fault.NotFound, subject)
	}
	return found, nil
}

// AddSubjectRights lets a subject call service codes of a client (UC SERVICE_02, 05), all or none. Faults: client_not_found; Invalid
// service_client_not_found; Conflict service_not_found and duplicate_accessright.
func (s *Services) AddSubjectRights(ctx context.Context, client identifier.ClientID, subject Subject, codes []string) ([]Right, error) {
	putCodes(ctx, client, subject, codes)
	var added []Right
	err := s.config.Store.Update(ctx, func(tx Tx) error {
		added = nil
		if err := tx.HasClient(client); err != nil {
			return err
		}
		if err := s.mustKnow(tx, client, subject); err != nil {
			return err
		}
		descriptions, err := tx.Descriptions()
		if err != nil {
			return err
		}
		for _, code := range codes {
			if !offered(descriptions, client, code) {
				return fault.New(fault.Conflict, "service_not_found", "Service '%s' not found", code).With(code)
			}
			have, err := rightsOf(tx, client, code)
			if err != nil {
				return err
			}
			if holds(have, subject) {
				return duplicateRight(subject)
			}
			r := Right{Client: client, ServiceCode: code, Subject: subject, GivenAt: s.config.Now().UTC()}
			if err := tx.AddRight(r); err != nil {
				return err
			}
			added = append(added, r)
		}
		return tx.Audit(ctx)
	})
	return added, err
}

// DeleteSubjectRights takes rights to service codes back (UC SERVICE_06), all or none. Faults: client_not_found; Conflict accessright_not_found.
func (s *Services) DeleteSubjectRights(ctx context.Context, client identifier.ClientID, subject Subject, codes []string) error {
	putCodes(ctx, client, subject, codes)
	return s.config.Store.Update(ctx, func(tx Tx) error {
		if err := tx.HasClient(client); err != nil {
			return err
		}
		for _, code := range codes {
			have, err := rightsOf(tx, client, code)
			if err != nil {
				return err
			}
			if !holds(have, subject) {
				return fault.New(fault.Conflict, "accessright_not_found", "'%s' has no access right to '%s'", subject.Encoded(), code).
					With(subject.Encoded(), code)
			}
			if err := tx.DeleteRight(Right{Client: client, ServiceCode: code, Subject: subject}); err != nil {
				return err
			}
		}
		return tx.Audit(ctx)
	})
}

func holds(rights []Right, subject Subject) bool {
	for _, r := range rights {
		if r.Subject == subject {
			return true
		}
	}
	return false
}

func duplicateRight(subject Subject) error {
	return fault.New(fault.Conflict, "duplicate_accessright", "'%s' has this access right already", subject.Encoded()).With(subject.Encoded())
}

func unknownSubject(kind fault.Kind, subject Subject) error {
	return fault.New(kind, "service_client_not_found", "Service client '%s' not found", subject.Encoded()).With(subject.Encoded())
}

// mustKnow asks that a subject exists: a subsystem or global group in the global configuration, a local group at this client.
func (s *Services) mustKnow(tx Tx, client identifier.ClientID, subject Subject) error {
	known := false
	switch snapshot := s.config.Conf.Current(); {
	case subject.IsLocal():
		g, err := group(tx, subject.Local)
		if err != nil && fault.CodeOf(err) != "local_group_not_found" {
			return err
		}
		known = err == nil && g.Client == client
	case snapshot == nil:
	case subject.IsGlobal():
		if shared, ok := snapshot.Shared(subject.Group.Instance()); ok {
			for _, g := range shared.GlobalGroups {
				known = known || g.Code == subject.Group.Code()
			}
		}
	default:
		known = subject.Subsystem.IsSubsystem() && snapshot.HasSubsystem(subject.Subsystem)
	}
	if !known {
		return unknownSubject(fault.Invalid, subject)
	}
	return nil
}

func putCodes(ctx context.Context, client identifier.ClientID, subject Subject, codes []string) {
	audit.Put(ctx, "clientIdentifier", client)
	audit.Put(ctx, "subjectId", subject.Encoded())
	audit.Put(ctx, "serviceCodes", codes)
}
