package management

import (
	"strconv"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/request"
)

// Origin says where a request was made.
type Origin string

// The origins: a form in the central server, or a message of a security server.
const (
	Center         Origin = "CENTER"
	SecurityServer Origin = "SECURITY_SERVER"
)

// Origins lists both.
var Origins = [...]Origin{Center, SecurityServer}

// Status is where a registration stands.
type Status string

// The statuses, in the spelling of database and REST API. None is for requests that are carried out at once.
const (
	None                 Status = ""
	Waiting              Status = "WAITING"
	SubmittedForApproval Status = "SUBMITTED FOR APPROVAL"
	Approved             Status = "APPROVED"
	Declined             Status = "DECLINED"
	Revoked              Status = "REVOKED"
)

// Statuses lists what a registration can be in.
var Statuses = [...]Status{Waiting, SubmittedForApproval, Approved, Declined, Revoked}

// Event is what happens to a registration.
type Event string

// The events.
const (
	Complemented Event = "complemented" // the request of the other origin arrived (UC MEMBER_13)
	ApprovedBy   Event = "approved"     // UC MEMBER_36, 37
	DeclinedBy   Event = "declined"     // UC MEMBER_38
	RevokedBy    Event = "revoked"      // the origin took its lone request back (UC MEMBER_29, 31, 39)
)

// Events lists all.
var Events = [...]Event{Complemented, ApprovedBy, DeclinedBy, RevokedBy}

type edge struct {
	from  Status
	event Event
}

// transitions is all that can happen. Whether a waiting request may be approved alone is decided by Settings.
var transitions = map[edge]Status{
	{Waiting, Complemented}:            SubmittedForApproval,
	{Waiting, ApprovedBy}:              Approved,
	{Waiting, DeclinedBy}:              Declined,
	{Waiting, RevokedBy}:               Revoked,
	{SubmittedForApproval, ApprovedBy}: Approved,
	{SubmittedForApproval, DeclinedBy}: Declined,
}

// Next gives the status after an event and whether the event may happen.
func (s Status) Next(e Event) (Status, bool) {
	next, ok := transitions[edge{s, e}]
	return next, ok
}

// kind is one type of request: how the API and the database spell it, and whether it is a registration, which has a status.
type kind struct {
	code         request.Type
	name         string
	registration bool
}

// kinds is all types of X-Road 7.
var kinds = [...]kind{
	{request.AuthCertReg, "AUTH_CERT_REGISTRATION_REQUEST", true},
	{request.ClientReg, "CLIENT_REGISTRATION_REQUEST", true},
	{request.OwnerChange, "OWNER_CHANGE_REQUEST", true},
	{request.ClientDeletion, "CLIENT_DELETION_REQUEST", false},
	{request.ClientDisable, "CLIENT_DISABLE_REQUEST", false},
	{request.ClientEnable, "CLIENT_ENABLE_REQUEST", false},
	{request.ClientRename, "CLIENT_RENAME_REQUEST", false},
	{request.AuthCertDeletion, "AUTH_CERT_DELETION_REQUEST", false},
	{request.AddressChange, "ADDRESS_CHANGE_REQUEST", false},
	{request.MaintenanceModeEnable, "MAINTENANCE_MODE_ENABLE_REQUEST", false},
	{request.MaintenanceModeDisable, "MAINTENANCE_MODE_DISABLE_REQUEST", false},
}

// TypeName is the name of a request type in REST API and database, "" for an unknown one.
func TypeName(t request.Type) string {
	for _, k := range kinds {
		if k.code == t {
			return k.name
		}
	}
	return ""
}

// ParseType reads the name of a type as TypeName writes it.
func ParseType(name string) (request.Type, error) {
	for _, k := range kinds {
		if k.name == name {
			return k.code, nil
		}
	}
	return "", fault.New(fault.Invalid, "invalid_request", "Unknown management request type '%s'", name)
}

// TypeNames lists the names of all types, or of those that are registrations.
func TypeNames(registrationsOnly bool) []string {
	var names []string
	for _, k := range kinds {
		if k.registration || !registrationsOnly {
			names = append(names, k.name)
		}
	}
	return names
}

func idText(id int64) string { return strconv.FormatInt(id, 10) }
