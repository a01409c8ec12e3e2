// Package management sends the management requests of the security server: authCertReg directly to the central server, the rest as X-Road
// messages through the client proxy, where the server's owner is the client.
//
// What an error means is part of the contract. *soap.Fault: the request was refused. A fault of kind Unavailable: it was sent and the
// outcome is unknown; the global configuration decides later. Any other fault: it was never sent.
package management

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/signature"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

// Config is what a Sender needs.
type Config struct {
	// Exchange sends a request through the client proxy; *proxy.ClientProxy has it.
	Exchange func(ctx context.Context, contentType string, body []byte) (response []byte, responseType string, err error)
	// Signing gives a usable signing key of a member; *keys.Keys has it.
	Signing  func(ctx context.Context, member identifier.ClientID) (signature.Credential, error)
	Snapshot func() *globalconf.Snapshot
	Now      func() time.Time
	Rand     io.Reader
	Timeout  time.Duration // of one request as a whole; 0 means 60 seconds
}

// Sender seals and sends management requests. It is safe for concurrent use.
type Sender struct{ config Config }

// New makes a sender.
func New(config Config) *Sender {
	if config.Timeout <= 0 {
		config.Timeout = 60 * time.Second
	}
	return &Sender{config}
}

// RegisterAuthCertificate sends authCertReg directly to the central server. The authentication key signs with the owner's signing key; its
// certificate need not be registered yet. address is where other servers will find this one.
func (s *Sender) RegisterAuthCertificate(ctx context.Context, server identifier.SecurityServerID, address string, auth signature.Credential) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.AuthCertReg, Server: server, Address: address, AuthCertificate: auth.Certificate.Raw}, &auth)
}

// DeleteAuthCertificate sends authCertDeletion; certificate is DER.
func (s *Sender) DeleteAuthCertificate(ctx context.Context, server identifier.SecurityServerID, certificate []byte) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.AuthCertDeletion, Server: server, AuthCertificate: certificate}, nil)
}

// RegisterClient sends clientReg, signed by the client's member. subsystemName may be "".
func (s *Sender) RegisterClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID, subsystemName string) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.ClientReg, Server: server, Client: client, SubsystemName: subsystemName}, nil)
}

// DeleteClient sends clientDeletion.
func (s *Sender) DeleteClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.ClientDeletion, Server: server, Client: client}, nil)
}

// DisableClient sends clientDisable, signed by the client's member.
func (s *Sender) DisableClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.ClientDisable, Server: server, Client: client}, nil)
}

// EnableClient sends clientEnable, signed by the client's member.
func (s *Sender) EnableClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.ClientEnable, Server: server, Client: client}, nil)
}

// RenameClient sends clientRename, signed by the client's member.
func (s *Sender) RenameClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID, name string) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.ClientRename, Server: server, Client: client, SubsystemName: name}, nil)
}

// ChangeOwner sends ownerChange, signed by the member that is to own the server.
func (s *Sender) ChangeOwner(ctx context.Context, server identifier.SecurityServerID, owner identifier.ClientID) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.OwnerChange, Server: server, Client: owner}, nil)
}

// ChangeAddress sends addressChange, signed by the owner.
func (s *Sender) ChangeAddress(ctx context.Context, server identifier.SecurityServerID, address string) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.AddressChange, Server: server, Address: address}, nil)
}

// EnableMaintenance sends maintenanceModeEnable, signed by the owner. message may be "".
func (s *Sender) EnableMaintenance(ctx context.Context, server identifier.SecurityServerID, message string) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.MaintenanceModeEnable, Server: server, Message: message}, nil)
}

// DisableMaintenance sends maintenanceModeDisable, signed by the owner.
func (s *Sender) DisableMaintenance(ctx context.Context, server identifier.SecurityServerID) (int64, error) {
	return s.send(ctx, &request.Request{Type: request.MaintenanceModeDisable, Server: server}, nil)
}

// send completes, seals, sends and reads the answer of one request. auth is given for authCertReg only.
func (s *Sender) send(ctx context.Context, r *request.Request, auth *signature.Credential) (int64, error) {
	if database.InTransaction(ctx) {
		return 0, fault.New(fault.Internal, "internal_error", "A management request must not be sent inside a database transaction")
	}
	snapshot := s.config.Snapshot()
	if snapshot == nil {
		return 0, fault.New(fault.Conflict, "global_conf_outdated", "Global configuration is expired")
	}
	if err := snapshot.Valid(s.config.Now()); err != nil {
		return 0, err
	}
	id := submission.MessageID(ctx) // that of the stored intent
	if id == "" {
		made, err := uuid.NewRandomFromReader(s.config.Rand)
		if err != nil {
			return 0, err
		}
		id = made.String()
	}
	r.ID, r.Sender = id, r.Server.Owner()
	signer, err := s.signer(ctx, r)
	if err != nil {
		return 0, err
	}
	service := snapshot.Private().ManagementService
	sealed, err := request.Seal(s.config.Rand, r, service.Provider, signer, auth)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	if r.Type.Direct() {
		return s.direct(ctx, service, sealed)
	}
	response, contentType, err := s.config.Exchange(ctx, sealed.ContentType, sealed.Body)
	if err != nil {
		return 0, outcome(err)
	}
	return read(response, contentType, sealed)
}

// afterwards are the refusals that the management services' security server may make after it has called the central server.
var afterwards = []string{"service_failed.io_error", "service_failed.http_error", "service_failed.invalid_soap", "service_failed.invalid_xml",
	"service_failed.invalid_content_type", "service_failed.invalid_message", "logging_failed.internal_error", "cannot_create_signature"}

// outcome recognises a refusal that is none: the management services' security server lost the central server's answer, so nobody knows
// what the central server did.
func outcome(err error) error {
	f, ok := errors.AsType[*soap.Fault](err)
	if !ok || !slices.ContainsFunc(afterwards, func(code string) bool { return fault.SameCode(f.Code, "server.serverproxy."+code) }) {
		return err
	}
	// The fault's text only, not the fault: whoever finds one in the chain takes it for a refusal.
	cause := errors.New(f.Error())
	if fault.SameCode(f.Code, "server.serverproxy."+afterwards[0]) {
		return fault.Wrap(cause, fault.Unavailable, "io_error", "The central server did not answer; the outcome is not known")
	}
	return fault.Wrap(cause, fault.Unavailable, "io_error", "The central server's answer was lost (%s); the outcome is not known", f.String)
}

// read reads the answer. One that cannot be understood leaves the outcome unknown: the request was received.
func read(response []byte, contentType string, sealed request.Sealed) (int64, error) {
	id, err := request.ReadResponse(response, contentType, sealed.SOAP)
	if err == nil {
		return id, nil
	}
	if f, ok := errors.AsType[*soap.Fault](err); ok {
		return 0, f
	}
	f := *fault.From(err)
	f.Kind = fault.Unavailable
	return 0, &f
}

// signer gives the key that signs inside the request: the client's member for requests about clients, the owner for what the server
// says of itself, none for the plain requests.
func (s *Sender) signer(ctx context.Context, r *request.Request) (*signature.Credential, error) {
	member := r.Server.Owner()
	switch r.Type {
	case request.AuthCertDeletion, request.ClientDeletion:
		return nil, nil
	case request.ClientReg, request.ClientDisable, request.ClientEnable, request.ClientRename, request.OwnerChange:
		member = r.Client.Member()
	default: // the owner agrees
	}
	credential, err := s.config.Signing(ctx, member)
	if err != nil {
		return nil, err
	}
	return &credential, nil
}
