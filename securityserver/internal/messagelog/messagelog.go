// Package messagelog keeps the signed messages that passed the security server, and has them time-stamped.
//
// A record is written before the answer leaves, so that every message that was accepted can be proved later. A loop asks the configured
// time-stamping authority (RFC 3161) for a token over the value of each signature and puts it into the stored signature.
package messagelog

import (
	"context"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// Side says at which end of an exchange this server stood.
type Side string

// The sides.
const (
	ClientSide Side = "client" // a client of this server called a service
	ServerSide Side = "server" // a service of this server was called
)

// Attachment is what the signature covers of an attachment: its name and digest. The bytes themselves are not kept.
type Attachment struct {
	Name   string // "/attachment1", …
	Digest []byte
}

// Record is one signed message.
type Record struct {
	ID          int64
	MessageID   string // the header field id
	Side        Side
	Response    bool
	Client      identifier.ClientID
	Service     identifier.ServiceID
	Time        time.Time // UTC; of the writing
	Message     []byte    // the SOAP part as signed
	Attachments []Attachment
	DigestURI   string // algorithm of the attachment digests
	Signature   []byte // XAdES; carries the time-stamp once there is one
	HashChain   []byte // nil when the message is signed alone
	HashResult  []byte
	StampedAt   time.Time // zero until the signature was time-stamped
}

// Pending is a record that waits for its time-stamp.
type Pending struct {
	ID        int64
	Signature []byte
}

// Store keeps records; *store.MessageLog implements it.
type Store interface {
	// SaveMessage stores a new record and gives its ID.
	SaveMessage(ctx context.Context, r Record) (int64, error)
	// Unstamped gives records without a time-stamp, oldest first.
	Unstamped(ctx context.Context, limit int) ([]Pending, error)
	// SaveTimestamp replaces the signature of a record that has no time-stamp yet; one that has keeps what it has.
	SaveTimestamp(ctx context.Context, id int64, signature []byte, at time.Time) error
	// Messages gives all records with this message ID, oldest first.
	Messages(ctx context.Context, messageID string) ([]Record, error)
}

// Append stores a record. A failure is a fault with a code that starts with logging_failed: the message must then not go on.
func (l *Log) Append(ctx context.Context, r Record) error {
	r.Time = l.config.Now().UTC().Truncate(time.Second)
	if _, err := l.config.Store.SaveMessage(ctx, r); err != nil {
		return fault.Wrap(err, fault.Internal, "logging_failed.internal_error", "Failed to save message to message log")
	}
	return nil
}

// Find gives everything that is kept about a message: the request and the response, and both sides if both were here; oldest first.
func (l *Log) Find(ctx context.Context, messageID string) ([]Record, error) {
	return l.config.Store.Messages(ctx, messageID)
}
