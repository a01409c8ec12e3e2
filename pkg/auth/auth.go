// Package auth knows who may do what: users with roles, their sessions and API keys. It speaks no HTTP and holds no rows: the rows are in
// pkg/database/authdb, the cookies and headers in pkg/httpapi.
package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Role is a name such as XROAD_REGISTRATION_OFFICER.
type Role string

// The roles that auth itself knows; each server's Policy names the others.
const (
	SystemAdministrator Role = "XROAD_SYSTEM_ADMINISTRATOR"
	ManagementService   Role = "XROAD_MANAGEMENT_SERVICE" // for API keys; only a system administrator grants it
)

// Permission is a name such as ADD_NEW_MEMBER.
type Permission string

// Policy says which permissions a role has. A role that is not in it does not exist on this server.
type Policy map[Role][]Permission

// The ways in which a principal proved who it is, as the audit log writes them.
const (
	BySession = "Session"
	ByKey     = "ApiKey"
	ByBasic   = "HttpBasicPam"
)

// Principal is who is asking.
type Principal struct {
	Name        string // user name, or api-key-<id>
	Roles       []Role // sorted
	Permissions map[Permission]bool
	Method      string // Session, ApiKey or HttpBasicPam
}

// May reports whether the principal has any of the permissions. With none named, everybody may.
func (p *Principal) May(any ...Permission) bool {
	return len(any) == 0 || slices.ContainsFunc(any, func(one Permission) bool { return p.Permissions[one] })
}

// User is an administrator as stored.
type User struct {
	Name         string
	PasswordHash string // argon2id, PHC form
	Roles        []Role
}

// Session is a log-in as stored: hashes only.
type Session struct {
	TokenHash, CSRFHash, User string
	CreatedAt, UsedAt         time.Time
}

// Key is an API key as stored. Its value is known to its owner only.
type Key struct {
	ID    int64
	Hash  string // SHA-256, hexadecimal
	Roles []Role
}

// ErrNotFound is what the stores say of a user, session or key that is not there.
var ErrNotFound = errors.New("auth: not found")

// Users are the stored administrators.
type Users interface {
	User(ctx context.Context, name string) (User, error)
	SaveUser(ctx context.Context, u User) error // adds or replaces; replacing ends the user's sessions
	RemoveUser(ctx context.Context, name string) error
	Users(ctx context.Context) ([]User, error)
}

// Sessions are the stored log-ins. Changes write the audit record of ctx when it has a scope.
type Sessions interface {
	AddSession(ctx context.Context, s Session) error
	Session(ctx context.Context, tokenHash string) (Session, User, error)
	TouchSession(ctx context.Context, tokenHash string, usedAt time.Time) error
	RemoveSession(ctx context.Context, tokenHash string) error
	RemoveSessionsIdleSince(ctx context.Context, at time.Time) error
}

// Keys are the stored API keys. Changes write the audit record of ctx when it has a scope.
type Keys interface {
	AddKey(ctx context.Context, hash string, roles []Role) (Key, error)
	Keys(ctx context.Context) ([]Key, error)
	KeyByID(ctx context.Context, id int64) (Key, error)
	KeyByHash(ctx context.Context, hash string) (Key, error)
	SetKeyRoles(ctx context.Context, id int64, roles []Role) (Key, error)
	RemoveKey(ctx context.Context, id int64) error
}

// Store is all rows that auth needs; authdb.Store is one.
type Store interface {
	Users
	Sessions
	Keys
}

// Config is what New needs. Store and Policy are required.
type Config struct {
	Store  Store
	Policy Policy
	Now    func() time.Time // nil: the machine's clock
	Rand   io.Reader        // nil: the system's
}

// Service authenticates and manages sessions, keys and users. It is safe for concurrent use.
type Service struct {
	store    Store
	policy   Policy
	now      func() time.Time
	rand     io.Reader
	hashing  chan struct{} // argon2id takes memory: a few at a time
	attempts throttle
	cache    keyCache
}

// New makes a Service.
func New(c Config) *Service {
	s := &Service{store: c.Store, policy: c.Policy, now: c.Now, rand: c.Rand, hashing: make(chan struct{}, 2)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	return s
}

func (s *Service) principal(name string, roles []Role, method string) *Principal {
	p := &Principal{Name: name, Method: method, Permissions: map[Permission]bool{}}
	for _, role := range roles {
		permissions, known := s.policy[role]
		if !known { // a role of another release gives nothing
			continue
		}
		p.Roles = append(p.Roles, role)
		for _, one := range permissions {
			p.Permissions[one] = true
		}
	}
	slices.Sort(p.Roles)
	return p
}

// roles checks names given from outside; a ROLE_ prefix is not accepted. Fault: invalid_role.
func (s *Service) roles(names []string) ([]Role, error) {
	if len(names) == 0 {
		return nil, fault.New(fault.Invalid, "invalid_role", "At least one role must be given")
	}
	var roles []Role
	for _, name := range names {
		if _, known := s.policy[Role(name)]; !known {
			return nil, fault.New(fault.Invalid, "invalid_role", "Invalid role").With(name)
		}
		roles = append(roles, Role(name))
	}
	slices.Sort(roles)
	return slices.Compact(roles), nil
}

// SaveUser adds a user, or gives one that exists a new password and roles and ends its sessions. For the command line. Faults:
// invalid_role, invalid_user_name, weak_password (fewer than 8 characters).
func (s *Service) SaveUser(ctx context.Context, name, password string, roles ...string) error {
	valid, err := s.roles(roles)
	if err != nil {
		return err
	}
	if name == "" || len(name) > 255 {
		return fault.New(fault.Invalid, "invalid_user_name", "The user name must have 1 to 255 characters")
	}
	if len([]rune(password)) < 8 {
		return fault.New(fault.Invalid, "weak_password", "The password must have at least 8 characters")
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	if err := s.store.SaveUser(ctx, User{Name: name, PasswordHash: hash, Roles: valid}); err != nil {
		return fmt.Errorf("saving the user: %w", err)
	}
	return nil
}

// RemoveUser removes a user and ends its sessions. Fault: user_not_found.
func (s *Service) RemoveUser(ctx context.Context, name string) error {
	err := s.store.RemoveUser(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return fault.New(fault.NotFound, "user_not_found", "User not found").With(name)
	}
	return err
}

// Users lists the users by name.
func (s *Service) Users(ctx context.Context) ([]User, error) { return s.store.Users(ctx) }
