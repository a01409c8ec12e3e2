package keys

import (
	"fmt"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Status is how far the registration of an authentication certificate has come. Signing certificates are Registered from import on, because
// nobody registers them: they are believed for their issuer.
type Status uint8

// The states of a certificate. Gone is the absence of the row.
const (
	Saved Status = iota + 1
	RegistrationInProgress
	Registered
	DeletionInProgress
	GlobalError
	Gone
)

// Statuses are the stored states.
var Statuses = []Status{Saved, RegistrationInProgress, Registered, DeletionInProgress, GlobalError}

var statusNames = [...]string{Saved: "saved", RegistrationInProgress: "registration in progress", Registered: "registered",
	DeletionInProgress: "deletion in progress", GlobalError: "global error", Gone: "deleted"}

// String is the stored spelling, also that of the audit log.
func (s Status) String() string {
	if s == 0 || int(s) >= len(statusNames) {
		return fmt.Sprintf("status %d", uint8(s))
	}
	return statusNames[s]
}

// API is the spelling of the REST interface: REGISTRATION_IN_PROGRESS.
func (s Status) API() string { return strings.ToUpper(strings.ReplaceAll(s.String(), " ", "_")) }

// ParseStatus reads the stored spelling.
func ParseStatus(name string) (Status, error) {
	for _, s := range Statuses {
		if statusNames[s] == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("unknown certificate status %q", name)
}

// Event is something that happens to an authentication certificate.
type Event uint8

// The events. Listed and NotListed are observations: they change nothing where the table has no edge; the others are refused there.
const (
	Register        Event = iota + 1 // authCertReg was taken
	Unregister                       // authCertDeletion was taken
	MarkForDeletion                  // the administrator goes on without the central server
	Delete
	Listed    // the global configuration maps the certificate to this server
	NotListed // it does not
)

// Events are all events.
var Events = []Event{Register, Unregister, MarkForDeletion, Delete, Listed, NotListed}

var eventNames = [...]string{Register: "register", Unregister: "unregister", MarkForDeletion: "mark for deletion", Delete: "delete", Listed: "listed",
	NotListed: "not listed"}

// String names the event.
func (e Event) String() string { return eventNames[e] }

// Observation tells what a global configuration shows from what somebody does.
func (e Event) Observation() bool { return e == Listed || e == NotListed }

type edge struct {
	from  Status
	event Event
}

var transitions = map[edge]Status{
	{Saved, Register}: RegistrationInProgress,

	{RegistrationInProgress, Unregister}:      DeletionInProgress,
	{Registered, Unregister}:                  DeletionInProgress,
	{RegistrationInProgress, MarkForDeletion}: DeletionInProgress,
	{Registered, MarkForDeletion}:             DeletionInProgress,

	{Saved, Delete}:              Gone,
	{GlobalError, Delete}:        Gone,
	{DeletionInProgress, Delete}: Gone,

	{Saved, Listed}:                  Registered,
	{RegistrationInProgress, Listed}: Registered,
	{GlobalError, Listed}:            Registered,

	{Registered, NotListed}: GlobalError,
}

// Next is the state after an event; an action that the state does not allow is Conflict action_not_possible.
func (s Status) Next(e Event) (Status, error) {
	if next, ok := transitions[edge{s, e}]; ok {
		return next, nil
	}
	if e.Observation() {
		return s, nil
	}
	return s, fault.New(fault.Conflict, "action_not_possible", "Cannot %s a certificate in state '%s'", e, s)
}
