package management

import (
	"context"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
)

// Approve approves a pair of complementary registration requests (UC MEMBER_36, 37); an owner change, and with PairingOptional any waiting
// request of a security server, alone. Faults: management_request_not_found, management_request_not_supported, management_request_invalid_state_for_approval, and
// those of what the approval does.
func (s *Service) Approve(ctx context.Context, id int64) (record *Record, err error) {
	audit.SetEvent(ctx, "Approve registration request")
	audit.Put(ctx, "requestId", id)
	err = s.store.Update(ctx, func(tx Tx) error {
		if err := s.approve(ctx, tx, id, false); err != nil {
			return err
		}
		record, err = tx.Request(id)
		return err
	})
	return record, err
}

// approve does it in the transaction; alone lets a waiting request pass whatever the setting says.
func (s *Service) approve(ctx context.Context, tx Tx, id int64, alone bool) error {
	r, p, err := s.registration(ctx, tx, id)
	if err != nil {
		return err
	}
	next, ok := p.Status.Next(ApprovedBy)
	b := behaviours[r.Type]
	alone = alone || r.Origin == SecurityServer && (b.alone || s.settings.Pairing == PairingOptional)
	if !ok || p.Status == Waiting && !alone {
		return fault.New(fault.Invalid, "management_request_invalid_state_for_approval",
			"Request with id '%d' cannot be approved: its status is %s", id, p.Status).With(idText(id))
	}
	if err := b.approve(ctx, tx, r, p.Requests); err != nil {
		return err
	}
	return tx.SetStatus(p.ID, p.Status, next)
}

// Withdraw ends a pending registration: a lone request made in the central server is revoked (UC MEMBER_39), anything else is declined, the
// complement with it (UC MEMBER_38). Faults: management_request_not_found, management_request_not_supported,
// management_request_invalid_state.
func (s *Service) Withdraw(ctx context.Context, id int64) (record *Record, err error) {
	audit.SetEvent(ctx, "Decline registration request")
	audit.Put(ctx, "requestId", id)
	err = s.store.Update(ctx, func(tx Tx) error {
		r, p, err := s.registration(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Origin == Center && len(p.Requests) == 1 {
			err = s.revoke(ctx, tx, r, p)
		} else {
			err = move(tx, p, DeclinedBy, id)
		}
		if err != nil {
			return err
		}
		record, err = tx.Request(id)
		return err
	})
	return record, err
}

// revokesWith is the request that takes a lone registration of the central server back; an owner change has none.
var revokesWith = map[request.Type]struct {
	deletion request.Type
	event    string
}{
	request.AuthCertReg: {request.AuthCertDeletion, "Revoke authentication certificate registration request"},
	request.ClientReg:   {request.ClientDeletion, "Revoke client registration request"},
	request.OwnerChange: {"", "Revoke owner change request"},
}

// revoke takes a lone request of the central server back: the deletion request that does it, if its type has one, is saved, and its id stands at
// the revoked one.
func (s *Service) revoke(ctx context.Context, tx Tx, r *Record, p *Processing) error {
	with := revokesWith[r.Type]
	audit.SetEvent(ctx, with.event)
	if err := move(tx, p, RevokedBy, r.ID); err != nil || with.deletion == "" {
		return err
	}
	id, err := tx.AddRequest(Record{Type: with.deletion, Origin: Center, Server: r.Server, Client: r.Client, Certificate: r.Certificate,
		CertificateHash: r.CertificateHash})
	if err != nil {
		return err
	}
	audit.Put(ctx, "revokingRequestId", id)
	return tx.SetChangedBy(r.ID, id)
}

func move(tx Tx, p *Processing, e Event, id int64) error {
	next, ok := p.Status.Next(e)
	if !ok {
		return fault.New(fault.Invalid, "management_request_invalid_state", "Request with id '%d' cannot be %s: its status is %s", id, e, p.Status).With(idText(id))
	}
	return tx.SetStatus(p.ID, p.Status, next)
}

// registration reads a request that has a status, and all of its pair.
func (s *Service) registration(ctx context.Context, tx Tx, id int64) (*Record, *Processing, error) {
	r, err := requireRequest(tx, id)
	if err != nil {
		return nil, nil, err
	}
	audit.Put(ctx, "requestType", TypeName(r.Type))
	audit.Put(ctx, "securityServerId", r.Server.Encoded())
	if !r.Client.IsZero() {
		audit.Put(ctx, "clientIdentifier", r.Client)
	}
	if r.Processing == 0 {
		return nil, nil, notSupported(id)
	}
	p, err := tx.Processing(r.Processing)
	return r, p, err
}

func notSupported(id int64) error {
	return fault.New(fault.Conflict, "management_request_not_supported", "Request with id '%d' has no status that could change", id).With(idText(id))
}

// RegisterProvider makes the management services' provider a client of a server with a request that is approved at once (UC MEMBER_57).
// Faults: management_service_provider_not_set, subsystem_already_registered_to_security_server, and those of a client registration.
func (s *Service) RegisterProvider(ctx context.Context, server identifier.SecurityServerID) error {
	registry.AuditServer(ctx, server)
	return s.store.Update(ctx, func(tx Tx) error {
		provider, err := registry.Provider(tx)
		if err != nil {
			return err
		}
		if provider.IsZero() {
			return fault.New(fault.Invalid, "management_service_provider_not_set", "Management service provider is not set")
		}
		audit.Put(ctx, "clientIdentifier", provider.Encoded())
		if relations, err := tx.RelationsOf(provider); err != nil {
			return err
		} else if len(relations) > 0 {
			return fault.New(fault.Invalid, "subsystem_already_registered_to_security_server",
				"Management service provider '%s' is already registered as a security server client", provider).With(provider.Short())
		}
		done, err := s.add(ctx, tx, behaviours[request.ClientReg], &submission{Request: request.Request{Type: request.ClientReg, Server: server, Client: provider}, origin: Center})
		if err != nil {
			return err
		}
		if err := s.approve(ctx, tx, done.ID, true); err != nil {
			return err
		}
		audit.Put(ctx, "clientIdentifier", provider.Encoded()) // X-Road writes this event's client as text
		return nil
	})
}
