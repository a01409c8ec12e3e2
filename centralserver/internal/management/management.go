// Package management holds the rules of management requests: pairing, approval, decline and revocation, what each type does to the registry,
// and the deletions that write requests of their own (UC MEMBER_12, 13, 15, 16, 23…26, 28…31, 34…39, 57).
package management

import (
	"context"
	"time"

	"github.com/ristmik/ristmik/centralserver/internal/registry"
	"github.com/ristmik/ristmik/centralserver/internal/trust"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
)

// Settings is what an operator decides about registration requests.
type Settings struct {
	Pairing     Pairing // "" is PairingRequired
	AutoApprove AutoApprove
}

// Pairing says whether a registration needs the request of both sides.
type Pairing string

// The values of the setting management-requests.pairing.
const (
	PairingRequired Pairing = "required" // only a complementary pair can be approved (UC MEMBER_36, 37)
	PairingOptional Pairing = "optional" // a waiting request of a security server may be approved alone (X-Road 7)
)

// AutoApprove lets requests of security servers be approved at once when what they need exists. All off by default.
type AutoApprove struct{ AuthCertReg, ClientReg, OwnerChange bool }

// Record is a saved management request.
type Record struct {
	ID              int64
	Type            request.Type
	Origin          Origin
	Status          Status // None for requests that are carried out at once
	Server          identifier.SecurityServerID
	ServerOwnerName string // "" when the owner is not (or no longer) a member
	Client          identifier.ClientID
	ClientOwnerName string
	Address         string
	SubsystemName   string
	Comments        string
	Certificate     []byte // DER
	CertificateHash string // SHA-256, lower-case hex
	ChangedBy       int64  // the request that made this one submitted for approval, or revoked it; 0 for none (UC MEMBER_35)
	Processing      int64  // what complementary requests share; 0 when the type has no status
	CreatedAt       time.Time
}

// Processing is the pending registration of one subject: one request, or two complementary ones.
type Processing struct {
	ID       int64
	Status   Status
	Requests []Record // in order of arrival
}

// Filter narrows the list of requests; empty fields do not count.
type Filter struct {
	Text   string // in id, time of saving, owner's name, identifiers
	Origin Origin
	Types  []request.Type
	Status Status
	Server identifier.SecurityServerID
	Member identifier.ClientID // requests about the member's servers or subsystems (UC MEMBER_09)
	Paging registry.Paging
}

// SortKeys are what the list of requests can be sorted by.
var SortKeys = []string{"id", "created_at", "type", "security_server_owner", "security_server_id", "status"}

// Requests is the saved management requests.
type Requests interface {
	Requests(Filter) (registry.Page[Record], error)
	Request(id int64) (*Record, error) // nil when there is none
	AddRequest(Record) (int64, error)
	AddProcessing(t request.Type, subject string) (int64, error) // in status waiting; the database refuses a second pending one
	Pending(t request.Type, subject string) (*Processing, error) // nil when nothing is waiting or submitted for approval
	Processing(id int64) (*Processing, error)
	SetStatus(processing int64, from, to Status) error // fails when the status is no longer from
	SetChangedBy(id, by int64) error
}

// Changes is what only requests of a security server change of it.
type Changes interface {
	// ChangeOwner gives the server to another member; its identifier changes with it. The relations are the caller's to change.
	ChangeOwner(server identifier.SecurityServerID, owner identifier.ClientID) error
	SetMaintenance(server identifier.SecurityServerID, on bool, message string) error
}

// Tx is a transaction on requests and registry.
type Tx interface {
	registry.Tx
	Changes
	trust.Reader
	Requests
}

// Store runs transactions under the promises of registry.Store.
type Store interface {
	View(ctx context.Context, fn func(Tx) error) error
	Update(ctx context.Context, fn func(Tx) error) error
}

// Service applies the rules.
type Service struct {
	store    Store
	settings Settings
}

// New makes the service.
func New(store Store, settings Settings) *Service { return &Service{store: store, settings: settings} }

// Requests lists management requests (UC MEMBER_09, 21, 34).
func (s *Service) Requests(ctx context.Context, f Filter) (page registry.Page[Record], err error) {
	if err := f.Paging.Check(SortKeys...); err != nil {
		return page, err
	}
	err = s.store.View(ctx, func(tx Tx) error {
		page, err = tx.Requests(f)
		return err
	})
	return page, err
}

// Request gives the details of a request (UC MEMBER_35). Fault: management_request_not_found.
func (s *Service) Request(ctx context.Context, id int64) (record *Record, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		record, err = requireRequest(tx, id)
		return err
	})
	return record, err
}

func requireRequest(tx Tx, id int64) (*Record, error) {
	r, err := tx.Request(id)
	if err == nil && r == nil {
		err = fault.New(fault.NotFound, "management_request_not_found", "Management request '%d' not found", id).With(idText(id))
	}
	return r, err
}
