package client

import (
	"fmt"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Status is how far the registration of a client at the central server has come. Only a Registered client exchanges messages.
type Status uint8

// The eight states of a client. Gone is no state but the absence of the row: what Delete leads to.
const (
	Saved Status = iota + 1
	RegistrationInProgress
	Registered
	DeletionInProgress
	GlobalError
	DisablingInProgress
	Disabled
	EnablingInProgress
	Gone
)

// Statuses are the eight states, in the order of the data model.
var Statuses = []Status{Saved, RegistrationInProgress, Registered, DeletionInProgress, GlobalError, DisablingInProgress, Disabled, EnablingInProgress}

var statusNames = [...]string{Saved: "saved", RegistrationInProgress: "registration in progress", Registered: "registered",
	DeletionInProgress: "deletion in progress", GlobalError: "global error", DisablingInProgress: "disabling in progress", Disabled: "disabled",
	EnablingInProgress: "enabling in progress", Gone: "deleted"}

// String is the stored spelling, also that of the audit log: "registration in progress".
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
	return 0, fmt.Errorf("unknown client status %q", name)
}

// Event is something that happens to a client: an action whose request the central server has taken, a local action, or what a new global
// configuration shows.
type Event uint8

// The events. Listed and NotListed are observations: where the table has no edge for them they change nothing. All others are actions: where
// the table has no edge they are refused.
const (
	Register   Event = iota + 1 // clientReg was taken
	Unregister                  // clientDeletion was taken
	Delete                      // the administrator removes the row
	Disable                     // clientDisable was taken
	Enable                      // clientEnable was taken
	Rename                      // a new name was remembered, or its clientRename was taken
	MakeOwner                   // ownerChange was taken
	Listed                      // the global configuration lists the client under this server
	NotListed                   // it does not
)

// Events are all events.
var Events = []Event{Register, Unregister, Delete, Disable, Enable, Rename, MakeOwner, Listed, NotListed}

var eventNames = [...]string{Register: "register", Unregister: "unregister", Delete: "delete", Disable: "disable", Enable: "enable", Rename: "rename",
	MakeOwner: "make owner", Listed: "listed", NotListed: "not listed"}

// String names the event.
func (e Event) String() string { return eventNames[e] }

// Observation tells what a global configuration shows from what somebody does.
func (e Event) Observation() bool { return e == Listed || e == NotListed }

type edge struct {
	from  Status
	event Event
}

// transitions is the whole state machine (data model of the security server, CLIENT.clientStatus).
var transitions = map[edge]Status{
	{Saved, Register}: RegistrationInProgress,

	{RegistrationInProgress, Unregister}: DeletionInProgress,
	{Registered, Unregister}:             DeletionInProgress,
	{Disabled, Unregister}:               DeletionInProgress,

	{Saved, Delete}:              Gone,
	{DeletionInProgress, Delete}: Gone,
	{GlobalError, Delete}:        Gone,

	{Registered, Disable}: DisablingInProgress,
	{Disabled, Enable}:    EnablingInProgress,

	{Saved, Rename}:      Saved,
	{Registered, Rename}: Registered,

	{Registered, MakeOwner}: Registered, // it is the owner when the global configuration says so

	{Saved, Listed}:                  Registered,
	{RegistrationInProgress, Listed}: Registered,
	{GlobalError, Listed}:            Registered,
	{EnablingInProgress, Listed}:     Registered,

	{Registered, NotListed}:          GlobalError,
	{DisablingInProgress, NotListed}: Disabled,
}

// Next is the state after an event. An action that the state does not allow is a Conflict with code action_not_possible; an observation that
// means nothing leaves the state as it is.
func (s Status) Next(e Event) (Status, error) {
	if next, ok := transitions[edge{s, e}]; ok {
		return next, nil
	}
	if e.Observation() {
		return s, nil
	}
	return s, fault.New(fault.Conflict, "action_not_possible", "Cannot %s a client in state '%s'", e, s)
}

// Connection is how a client's information systems reach this server as service consumers.
type Connection string

// The connection types. HTTPS asks for one of the client's internal TLS certificates.
const (
	HTTP        Connection = "HTTP"
	HTTPS       Connection = "HTTPS"
	HTTPSNoAuth Connection = "HTTPS_NO_AUTH"
)

// Connections are all connection types.
var Connections = []Connection{HTTP, HTTPS, HTTPSNoAuth}

// ParseConnection reads the REST spelling; the fault has code invalid_connection_type.
func ParseConnection(name string) (Connection, error) {
	for _, c := range Connections {
		if string(c) == name {
			return c, nil
		}
	}
	return "", fault.New(fault.Invalid, "invalid_connection_type", "Invalid connection type: %s", name).With(name)
}

// Audit is the spelling of the audit log: "HTTPS NO AUTH".
func (c Connection) Audit() string { return strings.ReplaceAll(string(c), "_", " ") }
