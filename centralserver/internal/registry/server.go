package registry

import (
	"context"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// AuditServer puts a server's code and owner into the audit record.
func AuditServer(ctx context.Context, id identifier.SecurityServerID) {
	audit.Put(ctx, "serverCode", id.ServerCode())
	audit.Put(ctx, "ownerCode", id.Owner().MemberCode())
	audit.Put(ctx, "ownerClass", id.Owner().MemberClass())
}

// RequireServer is the registered server with this identifier. Fault: security_server_not_found.
func RequireServer(tx Servers, id identifier.SecurityServerID) (*Server, error) {
	server, err := tx.Server(id)
	if err == nil && server == nil {
		err = fault.New(fault.NotFound, "security_server_not_found", "Security server '%s' not found", id).With(id.Short())
	}
	return server, err
}

// Servers lists the registered security servers (UC MEMBER_17).
func (s *Service) Servers(ctx context.Context, text string, p Paging) (Page[Server], error) {
	if err := p.Check(ServerSortKeys...); err != nil {
		return Page[Server]{}, err
	}
	return view(ctx, s, func(tx Tx) (Page[Server], error) { return tx.Servers(text, p) })
}

// Server gives the details of a server (UC MEMBER_18). Fault: security_server_not_found.
func (s *Service) Server(ctx context.Context, id identifier.SecurityServerID) (*Server, error) {
	return view(ctx, s, func(tx Tx) (*Server, error) { return RequireServer(tx, id) })
}

// ServerClients lists a server's clients without its owner (UC MEMBER_19). Fault: security_server_not_found.
func (s *Service) ServerClients(ctx context.Context, id identifier.SecurityServerID) ([]Relation, error) {
	return view(ctx, s, func(tx Tx) ([]Relation, error) {
		if _, err := RequireServer(tx, id); err != nil {
			return nil, err
		}
		return tx.ClientsOf(id)
	})
}

// ServerCertificates lists a server's authentication certificates (UC MEMBER_20). Fault: security_server_not_found.
func (s *Service) ServerCertificates(ctx context.Context, id identifier.SecurityServerID) ([]AuthCertificate, error) {
	return view(ctx, s, func(tx Tx) ([]AuthCertificate, error) {
		if _, err := RequireServer(tx, id); err != nil {
			return nil, err
		}
		return tx.CertificatesOf(id)
	})
}

// SetServerAddress changes a server's address (UC MEMBER_22). Faults: validation_failure, security_server_not_found.
func (s *Service) SetServerAddress(ctx context.Context, id identifier.SecurityServerID, address string) (*Server, error) {
	AuditServer(ctx, id)
	audit.Put(ctx, "address", address)
	if err := ParseInput("", Input{Path: "securityServerAddressDto.serverAddress", Name: "serverAddress", Value: &address, Check: HostAddress}); err != nil {
		return nil, err
	}
	audit.Put(ctx, "address", address)
	return update(ctx, s, func(tx Tx) (*Server, error) {
		if _, err := RequireServer(tx, id); err != nil {
			return nil, err
		}
		if err := tx.SetServerAddress(id, address); err != nil {
			return nil, err
		}
		return tx.Server(id)
	})
}
