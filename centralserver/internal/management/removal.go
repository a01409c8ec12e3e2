package management

import (
	"context"
	"encoding/hex"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
)

// Unregister ends a client's registration with a deletion request (UC MEMBER_16). Faults: security_server_not_found,
// member_not_registered_to_security_server, subsystem_not_registered_to_security_server.
func (s *Service) Unregister(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID) error {
	registry.AuditServer(ctx, server)
	audit.Put(ctx, "clientIdentifier", client)
	return s.store.Update(ctx, func(tx Tx) error {
		if _, err := registry.RequireServer(tx, server); err != nil {
			return err
		}
		relation, err := tx.Relation(server, client)
		if err != nil {
			return err
		}
		if relation == nil {
			code := "member_not_registered_to_security_server"
			if client.IsSubsystem() {
				code = "subsystem_not_registered_to_security_server"
			}
			return fault.New(fault.NotFound, code, "'%s' is not registered as a client to security server '%s'", client, server).With(client.Short(), server.Short())
		}
		return removeRelation(tx, server, client, "")
	})
}

// DeleteCertificate takes an authentication certificate off a server with a deletion request (UC MEMBER_24). Faults:
// security_server_not_found, ss_auth_certificate_not_found.
func (s *Service) DeleteCertificate(ctx context.Context, server identifier.SecurityServerID, id int64) error {
	registry.AuditServer(ctx, server)
	return s.store.Update(ctx, func(tx Tx) error {
		if _, err := registry.RequireServer(tx, server); err != nil {
			return err
		}
		certificates, err := tx.CertificatesOf(server)
		if err != nil {
			return err
		}
		for _, c := range certificates {
			if c.ID == id {
				digest, _ := hex.DecodeString(c.Hash)
				audit.Put(ctx, "certHash", audit.Hash(digest))
				audit.Put(ctx, "certHashAlgorithm", "SHA-256")
				return removeCertificate(tx, c, "")
			}
		}
		return fault.New(fault.NotFound, "ss_auth_certificate_not_found", "Authentication certificate '%d' not found", id).With(idText(id))
	})
}

// DeleteServer deletes a server; its registrations end with deletion requests of their own (UC MEMBER_25). Fault:
// security_server_not_found.
func (s *Service) DeleteServer(ctx context.Context, id identifier.SecurityServerID) error {
	registry.AuditServer(ctx, id)
	return s.store.Update(ctx, func(tx Tx) error {
		if _, err := registry.RequireServer(tx, id); err != nil {
			return err
		}
		return deleteServer(tx, id)
	})
}

// DeleteMember deletes a member with its servers, registrations, group memberships and subsystems (UC MEMBER_26). Faults: invalid_member_id,
// member_not_found.
func (s *Service) DeleteMember(ctx context.Context, id identifier.ClientID) error {
	registry.AuditMember(ctx, id)
	return s.store.Update(ctx, func(tx Tx) error {
		if _, err := registry.RequireMember(tx, id); err != nil {
			return err
		}
		servers, err := tx.ServersOwnedBy(id)
		if err != nil {
			return err
		}
		for _, server := range servers {
			if err := deleteServer(tx, server.ID); err != nil {
				return err
			}
		}
		subsystems, err := tx.SubsystemsOf(id)
		if err != nil {
			return err
		}
		for _, client := range append(subsystems, registry.Client{ID: id}) {
			if err := removeRelations(tx, client.ID, deletionOf(id)); err != nil {
				return err
			}
		}
		return registry.Forget(tx, id)
	})
}

// deletionOf is the comment of a request that was generated because something else was deleted.
func deletionOf(deleted interface{ String() string }) string {
	return "'" + deleted.String() + "' deletion"
}

// deleteServer is steps 4…6 of UC MEMBER_25.
func deleteServer(tx Tx, id identifier.SecurityServerID) error {
	clients, err := tx.ClientsOf(id)
	if err != nil {
		return err
	}
	for _, c := range clients {
		if err := removeRelation(tx, id, c.Client.ID, deletionOf(id)); err != nil {
			return err
		}
	}
	certificates, err := tx.CertificatesOf(id)
	if err != nil {
		return err
	}
	for _, c := range certificates {
		if err := removeCertificate(tx, c, deletionOf(id)); err != nil {
			return err
		}
	}
	if err := tx.RemoveServer(id); err != nil {
		return err
	}
	return leaveOwners(tx, id.Owner())
}

func removeRelations(tx Tx, client identifier.ClientID, comments string) error {
	relations, err := tx.RelationsOf(client)
	if err != nil {
		return err
	}
	for _, r := range relations {
		if err := removeRelation(tx, r.Server, client, comments); err != nil {
			return err
		}
	}
	return nil
}

func removeRelation(tx Tx, server identifier.SecurityServerID, client identifier.ClientID, comments string) error {
	if _, err := tx.AddRequest(Record{Type: request.ClientDeletion, Origin: Center, Server: server, Client: client, Comments: comments}); err != nil {
		return err
	}
	return tx.RemoveRelation(server, client)
}

func removeCertificate(tx Tx, c registry.AuthCertificate, comments string) error {
	if _, err := tx.AddRequest(Record{Type: request.AuthCertDeletion, Origin: Center, Server: c.Server, Certificate: c.DER, CertificateHash: c.Hash, Comments: comments}); err != nil {
		return err
	}
	return tx.RemoveCertificate(c.ID)
}
