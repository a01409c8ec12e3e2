package management

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
)

// Submitted is what became of a request.
type Submitted struct {
	ID     int64
	Status Status
}

// SetEvent names the audit event of a request that an administrator makes, as the use cases do; one of a security server keeps the door's name.
func SetEvent(ctx context.Context, t request.Type, origin Origin) {
	events := map[request.Type]string{
		request.AuthCertReg: "Add security server", request.AuthCertDeletion: "Delete authentication certificate of security server",
		request.ClientReg: "Register member as security server client", request.ClientDeletion: "Unregister member as security server client",
	}
	if event, named := events[t]; named && origin == Center {
		audit.SetEvent(ctx, event)
	}
}

// submission is a request on its way in.
type submission struct {
	request.Request
	origin    Origin
	newServer bool   // the administrator adds an owned server (UC MEMBER_12), not a certificate to a known one (UC MEMBER_23)
	comments  string // the source event of a generated request
}

// behaviour is what one request type means.
type behaviour struct {
	look      func(ctx context.Context, tx Tx, in *submission) error // what must be known before the checks of a request made in the central server
	check     func(tx Tx, in *submission) error                      // refuses before anything is saved
	execute   func(tx Tx, in *submission, id int64) error            // what it does at once; for a registration, after it was saved
	subject   func(in *submission) string                            // registrations: what two complementary requests agree on
	duplicate func(in *submission, pending *Record) error            // registrations: the refusal of a second request
	approve   func(ctx context.Context, tx Tx, approved *Record, pair []Record) error
	ready     func(s *Service, tx Tx, in *submission) (bool, error) // registrations: may it be approved automatically
	alone     bool                                                  // registrations: never one of a pair, and approved alone
	needs     struct{ client, certificate, address, message bool }
}

// behaviours is the table of all types.
var behaviours = map[request.Type]behaviour{
	request.AuthCertReg: authCertReg(), request.AuthCertDeletion: authCertDeletion(),
	request.ClientReg: clientReg(), request.ClientDeletion: clientDeletion(),
	request.ClientDisable: clientSwitch(false), request.ClientEnable: clientSwitch(true), request.ClientRename: clientRename(),
	request.OwnerChange: ownerChange(), request.AddressChange: addressChange(),
	request.MaintenanceModeEnable: maintenance(true), request.MaintenanceModeDisable: maintenance(false),
}

// Submit takes a request in: one of a security server, which intake has verified, or one that an administrator made. Everything happens in one
// transaction with the audit record of ctx; a dry run leaves neither and answers id 0. A registration is waiting, or submitted for approval together with its complement
// (UC MEMBER_13); the other types are carried out. Refusals carry the sentences of UC MEMBER_12, 15, 23, 28…31.
func (s *Service) Submit(ctx context.Context, r *request.Request, origin Origin) (Submitted, error) {
	return s.submit(ctx, submission{Request: *r, origin: origin})
}

// AddOwnedServer is Submit of an authCertReg that an administrator makes for a server the member does not own yet (UC MEMBER_12): a known
// server is refused.
func (s *Service) AddOwnedServer(ctx context.Context, r *request.Request) (Submitted, error) {
	return s.submit(ctx, submission{Request: *r, origin: Center, newServer: true})
}

func (s *Service) submit(ctx context.Context, in submission) (done Submitted, err error) {
	b, served := behaviours[in.Type]
	if !served {
		return done, fault.New(fault.Invalid, "invalid_request", "Unknown service code '%.20s'", string(in.Type))
	}
	SetEvent(ctx, in.Type, in.origin)
	if in.origin == Center { // what the events of the use cases name, also when the request is refused
		registry.AuditServer(ctx, in.Server)
		if b.needs.client {
			audit.Put(ctx, "clientIdentifier", in.Client)
		}
		if parsed, err := certificate.ParseFile(in.AuthCertificate); b.needs.certificate && err == nil {
			audit.Put(ctx, "certHash", audit.Hash(certificate.HashSHA256(parsed)))
			audit.Put(ctx, "certHashAlgorithm", "SHA-256")
		}
	}
	err = s.store.Update(ctx, func(tx Tx) error {
		attempt := in // the closure may run again
		if done, err = s.add(ctx, tx, b, &attempt); err == nil && in.DryRun {
			return errDryRun
		}
		return err
	})
	if errors.Is(err, errDryRun) {
		return Submitted{}, nil
	}
	return done, err
}

// errDryRun rolls back a request that was only to be tried.
var errDryRun = errors.New("dry run")

// add does all of a submission in the transaction.
func (s *Service) add(ctx context.Context, tx Tx, b behaviour, in *submission) (Submitted, error) {
	if in.origin == Center && b.look != nil {
		if err := b.look(ctx, tx, in); err != nil {
			return Submitted{}, err
		}
	}
	if err := checkIdentifiers(tx, b, in); err != nil {
		return Submitted{}, err
	}
	if err := b.check(tx, in); err != nil {
		return Submitted{}, err
	}
	id, status, err := save(tx, b, in)
	if err != nil {
		return Submitted{}, err
	}
	audit.Put(ctx, "requestId", id)
	audit.Put(ctx, "requestType", TypeName(in.Type))
	audit.Put(ctx, "securityServerId", in.Server.Encoded())
	if b.needs.client {
		audit.Put(ctx, "clientIdentifier", in.Client)
	}
	if in.Address != "" && b.needs.address {
		audit.Put(ctx, "address", in.Address)
	}
	if b.needs.message {
		audit.Put(ctx, "message", in.Message)
	}
	if b.execute != nil {
		if err := b.execute(tx, in, id); err != nil {
			return Submitted{}, err
		}
	}
	if b.ready != nil && in.origin == SecurityServer {
		if ready, err := b.ready(s, tx, in); err != nil {
			return Submitted{}, err
		} else if ready {
			return Submitted{id, Approved}, s.approve(ctx, tx, id, true)
		}
	}
	return Submitted{id, status}, nil
}

// checkIdentifiers refuses what no type could work with.
func checkIdentifiers(tx Tx, b behaviour, in *submission) error {
	instance, err := registry.Instance(tx)
	if err != nil {
		return err
	}
	if !in.Server.Valid() || b.needs.client && !in.Client.Valid() {
		return fault.New(fault.Invalid, "invalid_client_identifier", "The management request contains an invalid identifier.")
	}
	if in.Server.Instance() != instance || b.needs.client && in.Client.Instance() != instance {
		return fault.New(fault.Invalid, "invalid_request", "Invalid management service address. Contact central server administrator")
	}
	return nil
}

// save writes the request; a registration joins the pending request of the other origin, if there is one (UC MEMBER_13).
func save(tx Tx, b behaviour, in *submission) (id int64, status Status, err error) {
	r := in.record(b)
	if b.subject == nil {
		id, err = tx.AddRequest(r)
		return id, None, err
	}
	pending, err := tx.Pending(in.Type, b.subject(in))
	if err != nil {
		return 0, None, err
	}
	if pending == nil {
		if r.Processing, err = tx.AddProcessing(in.Type, b.subject(in)); err != nil {
			return 0, None, err
		}
		id, err = tx.AddRequest(r)
		return id, Waiting, err
	}
	first := &pending.Requests[0]
	next, ok := pending.Status.Next(Complemented)
	if !ok || first.Origin == in.origin || first.Server != in.Server {
		return 0, None, b.duplicate(in, ownOrFirst(pending, in.origin))
	}
	r.Processing, r.ChangedBy = pending.ID, first.ID
	if id, err = tx.AddRequest(r); err != nil {
		return 0, None, err
	}
	if err := tx.SetStatus(pending.ID, pending.Status, next); err != nil {
		return 0, None, err
	}
	return id, next, tx.SetChangedBy(first.ID, id)
}

// ownOrFirst is the request that a refusal names: that of the same origin, if it is there.
func ownOrFirst(p *Processing, origin Origin) *Record {
	for i := range p.Requests {
		if p.Requests[i].Origin == origin {
			return &p.Requests[i]
		}
	}
	return &p.Requests[0]
}

func (in *submission) record(b behaviour) Record {
	r := Record{Type: in.Type, Origin: in.origin, Server: in.Server, Comments: in.comments}
	if b.needs.client {
		r.Client, r.SubsystemName = in.Client, in.SubsystemName
	}
	if b.needs.certificate {
		r.Certificate, r.CertificateHash = in.AuthCertificate, hashOf(in.AuthCertificate)
	}
	if b.needs.address {
		r.Address = in.Address
	}
	return r
}

func hashOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// revokeWaiting revokes the lone waiting registration that the same origin made and now takes back (UC MEMBER_29 5…6, 31 6…7). It reports
// whether there was one.
func revokeWaiting(tx Tx, t request.Type, subject string, origin Origin, server identifier.SecurityServerID, by int64) (bool, error) {
	pending, err := tx.Pending(t, subject)
	if err != nil || pending == nil {
		return false, err
	}
	first := pending.Requests[0]
	next, ok := pending.Status.Next(RevokedBy)
	if !ok || first.Origin != origin || first.Server != server {
		return false, nil
	}
	if err := tx.SetStatus(pending.ID, pending.Status, next); err != nil {
		return false, err
	}
	return true, tx.SetChangedBy(first.ID, by)
}
