package management

import (
	"context"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
)

// clientFailed is how refusals of UC MEMBER_15 begin, and one of UC MEMBER_30.
const clientFailed = "Failed to add new server client request: "

// timeLayout is how a refusal writes the time at which another request was saved.
const timeLayout = "2006-01-02 15:04:05 MST"

// clientReg registers a client at a server.
func clientReg() behaviour {
	b := behaviour{
		check:   checkClientReg,
		subject: clientSubject,
		duplicate: func(in *submission, pending *Record) error {
			// The lone apostrophe at the end stands in the use cases.
			return fault.New(fault.Conflict, "management_request_exists",
				clientFailed+"A request for registering '%s', as a client to security server '%s' has already been submitted (%s, request ID: '%d')'",
				in.Client, in.Server, pending.CreatedAt.UTC().Format(timeLayout), pending.ID).
				With(idText(pending.ID), in.Client.Short(), in.Server.Short(), pending.CreatedAt.UTC().Format(timeLayout))
		},
		execute: func(tx Tx, in *submission, _ int64) error {
			if in.origin != Center || !in.Client.IsSubsystem() {
				return nil
			}
			known, err := tx.Client(in.Client) // UC MEMBER_15 8: the subsystem is saved with the request
			if err != nil || known != nil {
				return err
			}
			return tx.AddSubsystem(in.Client, in.SubsystemName)
		},
		approve: approveClient,
		ready: func(s *Service, tx Tx, in *submission) (bool, error) {
			if !s.settings.AutoApprove.ClientReg {
				return false, nil
			}
			server, err := tx.Server(in.Server)
			if err != nil || server == nil {
				return false, err
			}
			member, err := tx.Client(in.Client.Member())
			return member != nil, err
		},
	}
	b.needs.client = true
	return b
}

func clientSubject(in *submission) string { return in.Server.Encoded() + " " + in.Client.Encoded() }

func checkClientReg(tx Tx, in *submission) error {
	prefix := ""
	if in.origin == Center {
		prefix = clientFailed
	}
	if in.Client == in.Server.Owner() {
		return fault.New(fault.Invalid, "management_request_cannot_register_owner", "%sCannot register owner as a client", prefix)
	}
	if in.origin == Center {
		if err := checkKnown(tx, in); err != nil {
			return err
		}
	}
	if relation, err := tx.Relation(in.Server, in.Client); err != nil {
		return err
	} else if relation != nil {
		return fault.New(fault.Conflict, "management_request_client_already_registered",
			"%s'%s' has already been registered as a client to security server '%s'", prefix, in.Client, in.Server).
			With(in.Client.Short(), in.Server.Short())
	}
	known, err := tx.Client(in.Client)
	if err == nil && known != nil {
		in.renames(known.SubsystemName)
	}
	return err
}

// checkKnown refuses a form that names a server or a member the registry does not have.
func checkKnown(tx Tx, in *submission) error {
	if server, err := tx.Server(in.Server); err != nil {
		return err
	} else if server == nil {
		return fault.New(fault.Conflict, "management_request_server_not_found", clientFailed+"Server not found: %s", in.Server).With(in.Server.Short())
	}
	member, err := tx.Client(in.Client.Member())
	if err == nil && member == nil {
		err = fault.New(fault.Conflict, "management_request_member_not_found", clientFailed+"Member '%s' not found", in.Client.Member()).With(in.Client.Member().Short())
	}
	return err
}

// approveClient saves the relation (UC MEMBER_37), and before it what a lone request of a security server needs.
func approveClient(ctx context.Context, tx Tx, approved *Record, pair []Record) error {
	if server, err := tx.Server(approved.Server); err != nil {
		return err
	} else if server == nil {
		return serverNotFound(fault.Invalid, approved.Server)
	}
	if err := ensureMember(ctx, tx, approved.Client.Member()); err != nil {
		return err
	}
	if err := ensureSubsystem(tx, approved.Client, nameOf(approved, pair)); err != nil {
		return err
	}
	return tx.AddRelation(approved.Server, approved.Client)
}

// nameOf is the subsystem name of the approved request, or else of its complement.
func nameOf(approved *Record, pair []Record) string {
	name := approved.SubsystemName
	for _, r := range pair {
		if name == "" {
			name = r.SubsystemName
		}
	}
	return name
}

// ensureMember adds a member that only a security server has spoken of; its code stands for its name. Its class must exist.
func ensureMember(ctx context.Context, tx Tx, id identifier.ClientID) error {
	if known, err := tx.Client(id); err != nil || known != nil {
		return err
	}
	if class, err := tx.MemberClass(id.MemberClass()); err != nil {
		return err
	} else if class == nil {
		return fault.New(fault.NotFound, "member_class_not_found", "Member class '%s' not found", id.MemberClass()).With("code", id.MemberClass())
	}
	audit.Put(ctx, "memberName", id.MemberCode())
	registry.AuditMember(ctx, id)
	return tx.AddMember(id, id.MemberCode())
}

func ensureSubsystem(tx Tx, id identifier.ClientID, name string) error {
	if !id.IsSubsystem() {
		return nil
	}
	known, err := tx.Client(id)
	switch {
	case err != nil:
		return err
	case known == nil:
		return tx.AddSubsystem(id, name)
	case name != "" && name != known.SubsystemName:
		return tx.RenameClient(id, name)
	}
	return nil
}

// clientDeletion ends a registration (UC MEMBER_16, 31).
func clientDeletion() behaviour {
	b := behaviour{
		check: func(tx Tx, in *submission) error {
			server, err := tx.Server(in.Server)
			if err == nil && server == nil {
				err = serverNotFound(fault.NotFound, in.Server)
			}
			return err
		},
		execute: func(tx Tx, in *submission, id int64) error {
			revoked, err := revokeWaiting(tx, request.ClientReg, clientSubject(in), in.origin, in.Server, id)
			if err != nil {
				return err
			}
			relation, err := tx.Relation(in.Server, in.Client)
			switch {
			case err != nil:
				return err
			case relation != nil:
				return tx.RemoveRelation(in.Server, in.Client)
			case !revoked && in.origin == Center:
				return fault.New(fault.NotFound, "management_request_client_registration_not_found",
					"'%s' is not registered as a client to security server '%s'", in.Client, in.Server)
			}
			return nil // a security server may ask for what is already so (UC MEMBER_31 8a)
		},
	}
	b.needs.client = true
	return b
}

// clientSwitch disables or enables a registered client; doing so twice is not an error.
func clientSwitch(enabled bool) behaviour {
	b := behaviour{
		check: func(tx Tx, in *submission) error {
			if _, err := requireClient(tx, in); err != nil {
				return err
			}
			provider, err := registry.Provider(tx)
			if err == nil && !enabled && provider == in.Client {
				err = fault.New(fault.Conflict, "mr_forbidden_disable_management_service_client", "The management services' provider cannot be disabled")
			}
			return err
		},
		execute: func(tx Tx, in *submission, _ int64) error { return tx.EnableRelation(in.Server, in.Client, enabled) },
	}
	b.needs.client = true
	return b
}
