// Package client is the state machine of this server's clients and what an administrator may do in each state (UC MEMBER_44 to 53).
//
// A request to the central server is never sent inside a transaction: one transaction stores the intent, then it is sent, then another one
// moves the state. What happens in between is settled by the next global configuration.
package client

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

// Client is a member or subsystem that uses this server. The server's owner is one too.
type Client struct {
	ID          identifier.ClientID
	Status      Status
	Connection  Connection
	PendingName string // a subsystem name that the global configuration does not show yet, "" for none
	Submitted   bool   // the central server has taken the pending name; else it goes with the registration
	Replaced    string // the name that the global configuration showed when PendingName was sent
	Owner       bool   // computed: the server configuration names it
}

// Certificate is an internal TLS certificate of a client's information systems.
type Certificate struct {
	Hash string // SHA-256, lower-case hex
	DER  []byte
}

// Conf gives the newest global configuration, nil before the first.
type Conf interface {
	Current() *globalconf.Snapshot
}

// Sender sends management requests; *management.Sender has it. Its errors say what became of the request: a *soap.Fault was refused, a fault
// of kind Unavailable has an unknown outcome, any other was never sent.
type Sender interface {
	RegisterClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID, subsystemName string) (int64, error)
	DeleteClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID) (int64, error)
	DisableClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID) (int64, error)
	EnableClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID) (int64, error)
	RenameClient(ctx context.Context, server identifier.SecurityServerID, client identifier.ClientID, name string) (int64, error)
	ChangeOwner(ctx context.Context, server identifier.SecurityServerID, owner identifier.ClientID) (int64, error)
}

// Rows are the clients in a transaction.
type Rows interface {
	Clients() ([]Client, error)
	// Client reads one and, in an Update, locks it; NotFound client_not_found.
	Client(id identifier.ClientID) (Client, error)
	AddClient(c Client) error // a duplicate is Conflict client_already_exists
	SaveClient(c Client) error
	DeleteClient(id identifier.ClientID) error
	// DeleteSubject removes the access rights that this subsystem holds at other clients, and its memberships in their local groups.
	DeleteSubject(id identifier.ClientID) error
}

// CertificateRows are the internal TLS certificates of clients in a transaction.
type CertificateRows interface {
	InternalCertificates(id identifier.ClientID) ([]Certificate, error)
	// AllInternalCertificates gives those of all clients.
	AllInternalCertificates() (map[identifier.ClientID][]Certificate, error)
	AddInternalCertificate(id identifier.ClientID, c Certificate) error // a duplicate is Conflict certificate_already_exists
	DeleteInternalCertificate(id identifier.ClientID, hash string) error
}

// ServerRows are what the package needs to know of this server.
type ServerRows interface {
	// ServerID is zero before initialization.
	ServerID() (identifier.SecurityServerID, error)
	SetOwner(id identifier.ClientID) error
	// AuthenticationCertificates are the DER of the active authentication certificates of this server.
	AuthenticationCertificates() ([][]byte, error)
}

// Tx is one transaction.
type Tx interface {
	Rows
	CertificateRows
	ServerRows
	submission.Tx
	// Audit writes the success record of ctx's audit scope.
	Audit(ctx context.Context) error
}

// Store runs transactions: View never changes anything, Update commits or leaves nothing.
type Store interface {
	View(ctx context.Context, fn func(tx Tx) error) error
	Update(ctx context.Context, fn func(tx Tx) error) error
	// Generation changes with every committed Update of anybody, so that what was read can be kept in memory.
	Generation() uint64
}

// Config is what a Service needs.
type Config struct {
	Store  Store
	Conf   Conf
	Sender Sender
	Now    func() time.Time
	Rand   io.Reader
	Log    *zap.Logger
}

// Service is what an administrator can do with clients. It is safe for concurrent use.
type Service struct {
	config Config
	view   atomic.Pointer[view]
}

// New makes a service.
func New(config Config) *Service { return &Service{config: config} }

// Recover turns what was being sent when the server last stopped into unknown outcomes. Call it once, before anything else is sent.
func (s *Service) Recover(ctx context.Context) error {
	return s.config.Store.Update(ctx, func(tx Tx) error {
		n, err := tx.AbandonOpenSubmissions("the server stopped before the answer came")
		if err == nil && n > 0 {
			s.config.Log.Warn("requests to the central server have an unknown outcome", zap.Int("count", n))
		}
		return err
	})
}

// List gives all clients of this server, members before their subsystems. Do not change them: they are kept in memory.
func (s *Service) List(ctx context.Context) ([]Client, error) {
	v, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	return v.all, nil
}

// Get gives one client of this server; NotFound client_not_found.
func (s *Service) Get(ctx context.Context, id identifier.ClientID) (Client, error) {
	var c Client
	err := s.config.Store.View(ctx, func(tx Tx) (err error) {
		c, err = tx.Client(id)
		return err
	})
	return c, err
}

// Certificates gives the internal TLS certificates of a client (UC MEMBER_46).
func (s *Service) Certificates(ctx context.Context, id identifier.ClientID) ([]Certificate, error) {
	var list []Certificate
	err := s.config.Store.View(ctx, func(tx Tx) (err error) {
		if _, err = tx.Client(id); err != nil {
			return err
		}
		list, err = tx.InternalCertificates(id)
		return err
	})
	return list, err
}

// Certificate gives one internal TLS certificate by the SHA-256 or SHA-1 of it in hex; NotFound certificate_not_found.
func (s *Service) Certificate(ctx context.Context, id identifier.ClientID, hash string) (Certificate, error) {
	list, err := s.Certificates(ctx, id)
	if err != nil {
		return Certificate{}, err
	}
	return find(list, hash)
}

// snapshot is the current global configuration, if it may be relied on: Conflict global_conf_outdated.
func (s *Service) snapshot() (*globalconf.Snapshot, error) {
	snapshot := s.config.Conf.Current()
	if snapshot == nil {
		return nil, fault.New(fault.Conflict, "global_conf_outdated", "Global configuration is expired")
	}
	return snapshot, snapshot.Valid(s.config.Now())
}

func ownServer(tx Tx) (identifier.SecurityServerID, error) {
	server, err := tx.ServerID()
	if err == nil && server.IsZero() {
		err = fault.New(fault.Conflict, "server_not_initialized", "The security server is not initialized")
	}
	return server, err
}

func putClient(ctx context.Context, c Client) {
	audit.Put(ctx, "clientIdentifier", c.ID)
	audit.Put(ctx, "clientStatus", c.Status.String())
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
