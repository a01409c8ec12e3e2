package management

import (
	"context"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// ownerChange gives a security server to another member. It is a registration, but never one of a pair: the new owner's signature is the
// other side's word (docs/decisions/0010).
func ownerChange() behaviour {
	b := behaviour{
		check:     checkOwnerChange,
		subject:   func(in *submission) string { return in.Server.Encoded() },
		duplicate: ownerChangeExists,
		approve:   approveOwnerChange,
		ready:     func(s *Service, _ Tx, _ *submission) (bool, error) { return s.settings.AutoApprove.OwnerChange, nil },
		alone:     true,
	}
	b.needs.client = true
	return b
}

func ownerChangeExists(in *submission, pending *Record) error {
	return fault.New(fault.Conflict, "management_request_exists",
		"A request for changing the owner of security server '%s' has already been submitted (%s, request ID: '%d')",
		in.Server, pending.CreatedAt.UTC().Format(timeLayout), pending.ID).With(idText(pending.ID))
}

// checkOwnerChange refuses in X-Road's order.
func checkOwnerChange(tx Tx, in *submission) error {
	pending, err := tx.Pending(in.Type, in.Server.Encoded())
	if err != nil {
		return err
	}
	if pending != nil {
		return ownerChangeExists(in, &pending.Requests[0])
	}
	if in.Client.IsSubsystem() {
		return fault.New(fault.Invalid, "management_request_owner_must_be_member", "The owner of a security server must be a member, not '%s'", in.Client)
	}
	if server, err := tx.Server(in.Server); err != nil {
		return err
	} else if server == nil {
		return serverNotFound(fault.Conflict, in.Server)
	}
	return checkNewOwner(tx, in.Server, in.Client)
}

// checkNewOwner asks that the member is a client of the server and that its new identifier is free.
func checkNewOwner(tx Tx, server identifier.SecurityServerID, member identifier.ClientID) error {
	if member == server.Owner() {
		return fault.New(fault.Invalid, "management_request_client_already_owner", "'%s' is already the owner of security server '%s'", member, server)
	}
	if relation, err := tx.Relation(server, member); err != nil {
		return err
	} else if relation == nil {
		return fault.New(fault.Invalid, "management_request_owner_must_be_client",
			"'%s' is not registered as a client to security server '%s'", member, server)
	}
	renamed, err := identifier.NewSecurityServer(member, server.ServerCode())
	if err != nil {
		return err
	}
	other, err := tx.Server(renamed)
	if err == nil && other != nil {
		err = fault.New(fault.Conflict, "management_request_server_code_exists", "Security server '%s' already exists", renamed).With(renamed.Short())
	}
	return err
}

// approveOwnerChange swaps owner and client. The server's identifier changes with its owner; certificates and clients stay. What was true when
// the request came may not be any more.
func approveOwnerChange(_ context.Context, tx Tx, approved *Record, _ []Record) error {
	if server, err := tx.Server(approved.Server); err != nil {
		return err
	} else if server == nil {
		return serverNotFound(fault.Invalid, approved.Server)
	}
	if err := checkNewOwner(tx, approved.Server, approved.Client); err != nil {
		return err
	}
	renamed, err := identifier.NewSecurityServer(approved.Client, approved.Server.ServerCode())
	if err != nil {
		return err
	}
	before := approved.Server.Owner()
	if err := tx.RemoveRelation(approved.Server, approved.Client); err != nil {
		return err
	}
	if err := tx.ChangeOwner(approved.Server, approved.Client); err != nil {
		return err
	}
	if err := tx.AddRelation(renamed, before); err != nil {
		return err
	}
	if err := tx.EnsureGroup(registry.OwnersGroup, registry.OwnersGroupDescription); err != nil {
		return err
	}
	if err := tx.AddToGroup(registry.OwnersGroup, approved.Client); err != nil {
		return err
	}
	return leaveOwners(tx, before)
}

// leaveOwners takes a member that owns no server any more out of the owners' group.
func leaveOwners(tx Tx, member identifier.ClientID) error {
	if left, err := tx.ServersOwnedBy(member); err != nil || len(left) > 0 {
		return err
	}
	return tx.RemoveFromGroup(registry.OwnersGroup, member)
}

func serverNotFound(kind fault.Kind, id identifier.SecurityServerID) error {
	return fault.New(kind, "management_request_server_not_found", "Server not found: %s", id).With(id.Short())
}
