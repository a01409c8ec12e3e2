// Package submission keeps what this server asks of the central server: an intent that is stored before anything is sent, and its outcome
// after. Between the two a crash or a time-out may leave a question whose answer nobody knows; the global configuration then decides.
package submission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/soap"
)

// Outcome is what became of an intent, as stored.
type Outcome string

// The outcomes. Open is an intent that is being sent, or whose sender died.
const (
	Open    Outcome = ""
	Sent    Outcome = "sent"    // the central server took it
	Unknown Outcome = "unknown" // it may have arrived; the global configuration decides, or a second try
	Failed  Outcome = "failed"  // refused, or never sent
)

// Longest is how long an intent can be on its way: senders give up after one minute. The rest is for clocks that differ.
const Longest = 2 * time.Minute

// Submission is one management request of this server.
type Submission struct {
	ID              int64
	Kind            request.Type
	MessageID       string // a UUID: of this intent, in logs
	Server          identifier.SecurityServerID
	Client          identifier.ClientID // zero for authentication certificates
	CertificateHash string              // SHA-256 hex, "" for clients
	CreatedAt       time.Time
	SentAt          time.Time // zero until the sender returned
	RequestID       int64     // of the central server; 0 when it gave none
	Outcome         Outcome
	Reason          string // why it failed or is unknown, for people
}

// MovingNothing are the requests about clients that move no state: a new configuration neither proves them nor do they hide the outcome of others.
var MovingNothing = []request.Type{request.ClientRename, request.OwnerChange}

// Tx is what the package needs of a transaction.
type Tx interface {
	// AddSubmission stores an intent and gives its ID. An open intent of the same kind for the same subject is a Conflict.
	AddSubmission(Submission) (int64, error)
	FinishSubmission(Submission) error
	// LastSubmission is the newest one for this client or certificate, of these kinds or, when none are given, of any; ok is false when there is
	// none. Without client and certificate it is the newest one about the server itself.
	LastSubmission(client identifier.ClientID, certificateHash string, kinds ...request.Type) (s Submission, ok bool, err error)
	// UnresolvedSubmissions are those without a known outcome that are the newest for their client or certificate, MovingNothing apart: what a
	// new configuration may resolve.
	UnresolvedSubmissions() ([]Submission, error)
	// AbandonOpenSubmissions turns the open intents that this server left behind, and those of anybody that are older than Longest, into unknown
	// ones and counts them.
	AbandonOpenSubmissions(reason string) (int, error)
}

// New makes an intent that has an identity and no outcome.
func New(rand io.Reader, kind request.Type, server identifier.SecurityServerID) (Submission, error) {
	id, err := uuid.NewRandomFromReader(rand)
	if err != nil {
		return Submission{}, fmt.Errorf("making a message id: %w", err)
	}
	return Submission{Kind: kind, MessageID: id.String(), Server: server}, nil
}

// Unresolved reports that the request may have arrived though nobody confirmed it.
func (s Submission) Unresolved() bool { return s.Outcome == Open || s.Outcome == Unknown }

// Resolve sets the outcome from what the sender returned. afterUnknown says that the submission before this one had no known outcome: then a
// refusal because the request is there already means that the first one arrived, and this one counts as sent.
func (s *Submission) Resolve(requestID int64, err error, afterUnknown bool, now time.Time) {
	s.SentAt, s.RequestID = now, requestID
	var refused *soap.Fault
	switch {
	case err == nil:
		s.Outcome = Sent
	case errors.As(err, &refused):
		if afterUnknown && alreadyThere(refused.String) {
			s.Outcome, s.Reason = Sent, refused.String
			return
		}
		s.Outcome, s.Reason = Failed, refused.String
	case fault.From(err).Kind == fault.Unavailable || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		s.Outcome, s.Reason = Unknown, Describe(err)
	default:
		s.Outcome, s.Reason = Failed, Describe(err)
	}
}

// alreadyThere are the sentences by which central servers say that they hold this request, or the result of it (UC MEMBER_28 9a and 10a,
// UC MEMBER_30 4a and 5a; the codes are X-Road 7's, which stand in the text of its faults).
func alreadyThere(text string) bool {
	for _, known := range []string{"has already been submitted", "already been registered as a client", "already submitted for registration",
		"already registered", "management_request_exists", "management_request_client_already_registered",
		"management_request_security_server_exists", "already in maintenance mode", "not in maintenance mode",
		"management_request_server_already_in_maintenance_mode", "management_request_server_not_in_maintenance_mode"} {
		if strings.Contains(text, known) {
			return true
		}
	}
	return false
}

// Describe is the sentence about an error that a person may read.
func Describe(err error) string {
	var refused *soap.Fault
	if errors.As(err, &refused) {
		return refused.String
	}
	return fault.From(err).Message
}

// ofClientProxy begins the codes of this server's own client proxy, which X-Road asks over HTTP: there its refusals are SOAP faults too.
const ofClientProxy = "server.clientproxy."

// Refusal is the fault for a request that was not taken: "Failed to send registration request: X" (UC MEMBER_48 3-5a, UC MEMBER_52 4-6a). A
// SOAP fault, and what the own client proxy refused, keeps its code behind "core."; everything else is management_request_sending_failed.
func Refusal(what string, err error) *fault.Error {
	code, text := "management_request_sending_failed", Describe(err)
	if refused, ok := errors.AsType[*soap.Fault](err); ok {
		code = "core." + refused.Code
	} else if own := fault.CodeOf(err); strings.HasPrefix(own, ofClientProxy) {
		code = "core." + own
	}
	return fault.Wrap(err, fault.Internal, code, "Failed to send %s request: %s", what, text).With(text)
}

// String names the submission in logs.
func (s Submission) String() string {
	return string(s.Kind) + " " + s.MessageID + " (request " + strconv.FormatInt(s.RequestID, 10) + ")"
}
