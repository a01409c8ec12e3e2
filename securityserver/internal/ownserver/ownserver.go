// Package ownserver is what this security server asks to be changed of itself: its address and its maintenance mode.
//
// The central server carries such a request out at once, but here it counts only when the global configuration shows it. Until then the change
// is pending, in a row: a restart does not forget it.
package ownserver

import (
	"context"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

// Subject is what of the server changes, as stored.
type Subject string

// The subjects.
const (
	Address     Subject = "address"
	Maintenance Subject = "maintenance"
)

// Subjects lists both.
var Subjects = [...]Subject{Address, Maintenance}

// kinds are the requests about a subject.
func (s Subject) kinds() []request.Type {
	if s == Address {
		return []request.Type{request.AddressChange}
	}
	return []request.Type{request.MaintenanceModeEnable, request.MaintenanceModeDisable}
}

// The values of a change of the maintenance mode, as stored.
const (
	Enabled  = "enabled"
	Disabled = "disabled"
)

// Change is one that the central server has taken and the global configuration does not show yet.
type Change struct {
	Subject     Subject
	Requested   string // the new address, Enabled or Disabled
	Replaced    string // what the global configuration showed when it was requested
	RequestedAt time.Time
}

// forgotten is how long a change stays pending. A configuration that is valid by then was made long after the request: the change was undone at
// the central server before it was seen, and may be asked for again.
const forgotten = time.Hour

// Conf gives the newest global configuration, nil before the first.
type Conf interface {
	Current() *globalconf.Snapshot
}

// Sender sends management requests; *management.Sender has it, and says what its errors mean.
type Sender interface {
	ChangeAddress(ctx context.Context, server identifier.SecurityServerID, address string) (int64, error)
	EnableMaintenance(ctx context.Context, server identifier.SecurityServerID, message string) (int64, error)
	DisableMaintenance(ctx context.Context, server identifier.SecurityServerID) (int64, error)
}

// Tx is one transaction.
type Tx interface {
	// ServerID is zero before initialization.
	ServerID() (identifier.SecurityServerID, error)
	// PendingChange is nil when nothing is pending.
	PendingChange(s Subject) (*Change, error)
	SavePendingChange(c Change) error
	DeletePendingChange(s Subject) error
	submission.Tx
	Audit(ctx context.Context) error
}

// Store runs transactions.
type Store interface {
	View(ctx context.Context, fn func(tx Tx) error) error
	Update(ctx context.Context, fn func(tx Tx) error) error
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

// Service asks for changes of this server. It is safe for concurrent use.
type Service struct{ config Config }

// New makes a service.
func New(config Config) *Service { return &Service{config} }

// shown is what a global configuration says of a subject.
func (s Subject) shown(snapshot *globalconf.Snapshot, server identifier.SecurityServerID) string {
	if s == Address {
		address, _ := snapshot.Address(server)
		return address
	}
	if _, on := snapshot.Maintenance(server); on {
		return Enabled
	}
	return Disabled
}

// AddressStatus is where other servers find this one.
type AddressStatus struct {
	Current   string // in the global configuration, "" for none
	Requested string // pending, "" for none
}

// Address tells this server's address and the one that is pending.
func (s *Service) Address(ctx context.Context) (status AddressStatus, err error) {
	err = s.look(ctx, Address, func(server identifier.SecurityServerID, pending *Change) {
		if snapshot := s.config.Conf.Current(); snapshot != nil {
			status.Current, _ = snapshot.Address(server)
		}
		if pending != nil {
			status.Requested = pending.Requested
		}
	})
	return status, err
}

// Mode is where the maintenance mode stands, in the spelling of the REST interface.
type Mode string

// The modes.
const (
	ModeDisabled       Mode = "DISABLED_MAINTENANCE_MODE"
	ModePendingEnable  Mode = "PENDING_ENABLE_MAINTENANCE_MODE"
	ModeEnabled        Mode = "ENABLED_MAINTENANCE_MODE"
	ModePendingDisable Mode = "PENDING_DISABLE_MAINTENANCE_MODE"
)

// modes say what is shown and what is pending in one word.
var modes = map[[2]string]Mode{
	{Disabled, ""}: ModeDisabled, {Disabled, Enabled}: ModePendingEnable, {Disabled, Disabled}: ModeDisabled,
	{Enabled, ""}: ModeEnabled, {Enabled, Disabled}: ModePendingDisable, {Enabled, Enabled}: ModeEnabled,
}

// MaintenanceStatus is the maintenance mode of this server.
type MaintenanceStatus struct {
	Mode     Mode
	Message  string // in the global configuration, "" for none
	Provider bool   // the management services are here: it cannot be enabled
}

// Maintenance tells where the maintenance mode stands.
func (s *Service) Maintenance(ctx context.Context) (status MaintenanceStatus, err error) {
	err = s.look(ctx, Maintenance, func(server identifier.SecurityServerID, pending *Change) {
		is, requested := Disabled, ""
		if snapshot := s.config.Conf.Current(); snapshot != nil {
			is, status.Provider = Maintenance.shown(snapshot, server), hosts(snapshot, server)
			status.Message, _ = snapshot.Maintenance(server)
		}
		if pending != nil {
			requested = pending.Requested
		}
		status.Mode = modes[[2]string{is, requested}]
	})
	return status, err
}

func (s *Service) look(ctx context.Context, subject Subject, see func(identifier.SecurityServerID, *Change)) error {
	return s.config.Store.View(ctx, func(tx Tx) error {
		server, err := tx.ServerID()
		if err != nil {
			return err
		}
		pending, err := tx.PendingChange(subject)
		if err == nil {
			see(server, pending)
		}
		return err
	})
}

// hosts reports whether the management services' provider is a client of the server.
func hosts(snapshot *globalconf.Snapshot, server identifier.SecurityServerID) bool {
	private := snapshot.Private()
	return private != nil && !private.ManagementService.Provider.IsZero() && snapshot.Lists(server, private.ManagementService.Provider)
}

// Reconcile forgets the pending changes that a global configuration shows, in one transaction. It runs after the clients' reconciliation, which
// may have changed the owner and with it the server's identifier. An expired configuration changes nothing.
func (s *Service) Reconcile(ctx context.Context, snapshot *globalconf.Snapshot) error {
	if err := snapshot.Valid(s.config.Now()); err != nil {
		return err
	}
	// Most configurations change nothing here, and that is found out without writing.
	var settled []Subject
	look := func(tx Tx) (err error) {
		settled, err = s.settled(tx, snapshot)
		return err
	}
	if err := s.config.Store.View(ctx, look); err != nil || len(settled) == 0 {
		return err
	}
	return s.config.Store.Update(ctx, func(tx Tx) error {
		if err := look(tx); err != nil {
			return err
		}
		for _, subject := range settled {
			if err := tx.DeletePendingChange(subject); err != nil {
				return err
			}
		}
		return nil
	})
}

// settled are the subjects whose pending change is over.
func (s *Service) settled(tx Tx, snapshot *globalconf.Snapshot) (list []Subject, err error) {
	server, err := tx.ServerID()
	if err != nil || !snapshot.HasServer(server) {
		return nil, err
	}
	for _, subject := range Subjects {
		pending, err := tx.PendingChange(subject)
		if err != nil {
			return nil, err
		}
		if pending != nil && s.over(*pending, subject.shown(snapshot, server)) {
			list = append(list, subject)
		}
	}
	return list, nil
}

// over reports that a change is pending no more: the configuration shows it, or some third value, or nobody believes in it.
func (s *Service) over(c Change, is string) bool {
	late := s.config.Now().Sub(c.RequestedAt) > forgotten
	if late {
		s.config.Log.Warn("a change was taken but never shown by the global configuration", zap.String("subject", string(c.Subject)),
			zap.String("requested", c.Requested))
	}
	return is == c.Requested || is != c.Replaced || late
}

// validAddress trims an address and refuses what is none.
func validAddress(address string) (string, error) {
	address = strings.TrimSpace(address)
	if len(address) > 255 || !identifier.ValidAddress(address) {
		invalid := fault.New(fault.Invalid, "validation_failure", "Invalid server address")
		invalid.Fields = map[string][]string{"securityServerAddressDto.address": {"ValidHostAddress"}}
		return address, invalid
	}
	return address, nil
}
