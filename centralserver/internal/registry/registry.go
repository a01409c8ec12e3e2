// Package registry holds the rules of the central server's registry: member classes, members, subsystems, security servers, global groups and
// the management services' provider (UC MEMBER_04…11, 14, 17…22, 32, 33, 40…43, 56).
//
// What writes deletion requests — deleting a member, a server, a registration — stands in package management, on top of this one.
package registry

import (
	"context"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// OwnersGroup is the code of the global group that the server keeps: the owners of registered security servers.
const OwnersGroup = "security-server-owners"

// OwnersGroupDescription describes the owners' group when it is created.
const OwnersGroupDescription = "Security server owners"

// The keys of the system parameters that the registry reads and writes; X-Road's names.
const (
	ParameterInstance          = "instanceIdentifier"
	ParameterAddress           = "centralServerAddress"
	ParameterProviderClass     = "managementServiceProviderClass"
	ParameterProviderCode      = "managementServiceProviderCode"
	ParameterProviderSubsystem = "managementServiceProviderSubsystem"
)

// MemberClass is a class of members, such as GOV.
type MemberClass struct{ Code, Description string }

// Client is a member or a subsystem.
type Client struct {
	ID            identifier.ClientID
	MemberName    string // the member's name, for a subsystem too
	SubsystemName string // "" when the subsystem has none, and for members
}

// Server is a registered security server.
type Server struct {
	ID                   identifier.SecurityServerID
	OwnerName            string
	Address              string
	InMaintenance        bool
	MaintenanceMessage   string
	CreatedAt, UpdatedAt time.Time
}

// Relation says that a client is registered at a server. The owner is a client without a relation.
type Relation struct {
	Server          identifier.SecurityServerID
	ServerOwnerName string
	Client          Client
	Enabled         bool
}

// AuthCertificate is an authentication certificate registered for a server.
type AuthCertificate struct {
	ID        int64
	Server    identifier.SecurityServerID
	DER       []byte
	Hash      string // SHA-256 of the DER, lower-case hex
	RequestID int64  // the registration request that brought it
	CreatedAt time.Time
}

// Group is a global group.
type Group struct {
	Code, Description    string
	Members              int
	CreatedAt, UpdatedAt time.Time
}

// Membership is one client in one group.
type Membership struct {
	Group   string
	Client  identifier.ClientID
	AddedAt time.Time
}

// Subsystem is a subsystem with the servers it is registered at (UC MEMBER_07).
type Subsystem struct {
	Client
	Relations []Relation
}

// ClientFilter narrows the list of members and subsystems; empty fields do not count.
type ClientFilter struct {
	Text           string // in name, class, code, subsystem code
	Name           string
	Instance       string
	Class          string
	Code           string
	Subsystem      string
	Type           identifier.ObjectType // Member or Subsystem
	Server         identifier.SecurityServerID
	ExcludingGroup string
	Paging         Paging
}

// Classes is the member classes of the registry.
type Classes interface {
	MemberClasses() ([]MemberClass, error)           // ordered by code, case folded
	MemberClass(code string) (*MemberClass, error)   // nil when there is none
	ClassDescribed(description string) (bool, error) // some class has this description
	ClassUsed(code string) (bool, error)             // some member belongs to it
	AddMemberClass(MemberClass) error
	DescribeMemberClass(code, description string) error
	RemoveMemberClass(code string) error
}

// Clients is the members and subsystems of the registry.
type Clients interface {
	Client(identifier.ClientID) (*Client, error) // nil when it is not registered
	Clients(ClientFilter) (Page[Client], error)
	SubsystemsOf(member identifier.ClientID) ([]Client, error)
	AddMember(member identifier.ClientID, name string) error
	AddSubsystem(subsystem identifier.ClientID, name string) error
	RenameClient(client identifier.ClientID, name string) error
	RemoveClient(identifier.ClientID) error // a member with its subsystems; the database refuses while a server or relation needs it
}

// Servers is the security servers of the registry.
type Servers interface {
	Server(identifier.SecurityServerID) (*Server, error) // nil when it is not registered
	Servers(text string, p Paging) (Page[Server], error)
	ServersOwnedBy(member identifier.ClientID) ([]Server, error)
	ServersUsedBy(member identifier.ClientID) ([]Server, error) // where the member or a subsystem of it is a client
	AddServer(server identifier.SecurityServerID, address string) error
	SetServerAddress(server identifier.SecurityServerID, address string) error
	RemoveServer(identifier.SecurityServerID) error
}

// Relations is who is a client where.
type Relations interface {
	Relation(identifier.SecurityServerID, identifier.ClientID) (*Relation, error) // nil when it is not a client
	ClientsOf(identifier.SecurityServerID) ([]Relation, error)
	RelationsOf(client identifier.ClientID) ([]Relation, error) // of exactly this member or subsystem
	AddRelation(identifier.SecurityServerID, identifier.ClientID) error
	EnableRelation(server identifier.SecurityServerID, client identifier.ClientID, enabled bool) error
	RemoveRelation(identifier.SecurityServerID, identifier.ClientID) error
}

// Certificates is the registered authentication certificates.
type Certificates interface {
	Certificate(hash string) (*AuthCertificate, error) // nil when it is not registered
	CertificatesOf(identifier.SecurityServerID) ([]AuthCertificate, error)
	AddCertificate(server identifier.SecurityServerID, der []byte, requestID int64) error
	RemoveCertificate(id int64) error
}

// Groups is the global groups.
type Groups interface {
	Groups() ([]Group, error)
	Group(code string) (*Group, error) // nil when there is none
	EnsureGroup(code, description string) error
	DescribeGroup(code, description string) error
	RemoveGroup(code string) error // with its memberships
	InGroup(code string, client identifier.ClientID) (bool, error)
	GroupMembers(code string, f GroupFilter) (Page[GroupMember], error)
	GroupModel(code string) (GroupModel, error)
	AddToGroup(code string, client identifier.ClientID) error // does nothing when it is in
	RemoveFromGroup(code string, client identifier.ClientID) error
	LeaveGroups(client identifier.ClientID) error // a member leaves with all its subsystems
	GroupsOf(member identifier.ClientID) ([]Membership, error)
}

// Parameters is the system parameters, "" for one that is not set.
type Parameters interface {
	Parameter(key string) (string, error)
	SetParameter(key, value string) error
}

// Tx is a transaction on the registry.
type Tx interface {
	Now() time.Time
	Classes
	Clients
	Servers
	Relations
	Certificates
	Groups
	Parameters
}

// Store runs transactions. View never writes. Update writes the audit record of ctx and raises the generation number in the same
// transaction; it may run fn again when another transaction got in between.
type Store interface {
	View(ctx context.Context, fn func(Tx) error) error
	Update(ctx context.Context, fn func(Tx) error) error
}

// Service applies the rules.
type Service struct{ store Store }

// New makes the service.
func New(store Store) *Service { return &Service{store: store} }

// Instance is the instance this central server governs. Fault Conflict init_not_initialized before the server has been initialized.
func Instance(tx Parameters) (string, error) {
	instance, err := tx.Parameter(ParameterInstance)
	if err == nil && instance == "" {
		err = fault.New(fault.Conflict, "init_not_initialized", "Central server is not initialized")
	}
	return instance, err
}

// view runs fn and hands its result out.
func view[T any](ctx context.Context, s *Service, fn func(Tx) (T, error)) (T, error) {
	var result T
	err := s.store.View(ctx, func(tx Tx) error {
		var err error
		result, err = fn(tx)
		return err
	})
	return result, err
}

// update is view for changes.
func update[T any](ctx context.Context, s *Service, fn func(Tx) (T, error)) (T, error) {
	var result T
	err := s.store.Update(ctx, func(tx Tx) error {
		var err error
		result, err = fn(tx)
		return err
	})
	return result, err
}
