// Package audit collects what one operation did and writes it as X-Road's audit record.
//
// Begin puts a scope into the context; the rules name the event and add data as they go. The record of a success is written in the
// transaction of the change itself (database.Tx.Audit), so that neither can be kept without the other. The record of a failure is written
// by the door, after the change was rolled back. Log copies the rows to audit.log.
package audit

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Actor is who asked. The zero Actor is the server itself: its records carry the user "system".
type Actor struct {
	User          string // user name, or api-key-<id>
	IP            string // address of the client
	Auth          string // Session, ApiKey or HttpBasicPam
	URL           string // path without query
	CorrelationID string // the same as in the answer's header
}

// ErrNoScope says that a change was to be audited in a context on which Begin was never called.
var ErrNoScope = errors.New("audit: the context has no audit scope")

// ErrWritten says that the record of this scope is already in the database: one operation has one record.
var ErrWritten = errors.New("audit: the record of this operation is already written")

type scopeKey struct{}

type scope struct {
	mu      sync.Mutex
	event   string
	actor   Actor
	data    []Field
	written bool
}

func from(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// Begin starts collecting for one operation. A scope that is already there is replaced in the returned context.
func Begin(ctx context.Context, event string, actor Actor) context.Context {
	return context.WithValue(ctx, scopeKey{}, &scope{event: event, actor: actor})
}

// Active reports whether Begin was called on this context.
func Active(ctx context.Context) bool { return from(ctx) != nil }

// SetEvent renames the event by what really happened: revoking a request that came from a security server is a decline. Does nothing
// without Begin.
func SetEvent(ctx context.Context, event string) {
	if s := from(ctx); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.event = event
	}
}

// SetUser names the user of a scope that began before the user was known: a log-in. Does nothing without Begin.
func SetUser(ctx context.Context, user string) {
	if s := from(ctx); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.actor.User = user
	}
}

// Put adds a data field; a key that is there already keeps its place and gets the new value, so a retried transaction leaves one field. Nil
// is written as null. identifier.ClientID and time.Time (and slices of ClientID) are written in X-Road's form; anything else as
// encoding/json writes it. Does nothing without Begin.
func Put(ctx context.Context, key string, value any) {
	s := from(ctx)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.data, func(f Field) bool { return f.Key == key }); i >= 0 {
		s.data[i].Value = value
		return
	}
	s.data = append(s.data, Field{Key: key, Value: value})
}

// Success is the record of what was collected so far.
func Success(ctx context.Context) Record {
	s := from(ctx)
	if s == nil {
		return Record{User: systemUser}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return Record{
		Event: s.event, User: cmp.Or(s.actor.User, systemUser), IP: s.actor.IP, Auth: s.actor.Auth, URL: s.actor.URL,
		CorrelationID: s.actor.CorrelationID, Data: slices.Clone(s.data),
	}
}

// Failure is the record of an operation that err ended: reason is the fault's public message, never its cause.
func Failure(ctx context.Context, err error) Record {
	r := Success(ctx)
	f := fault.From(err)
	r.Failed = true
	r.Reason = cmp.Or(f.Message, f.Code)
	r.Warning = f.Code == "warnings_detected"
	return r
}

// Written reports whether a record of this scope was committed.
func Written(ctx context.Context) bool {
	s := from(ctx)
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// MarkWritten is called by the database after the commit that holds the record.
func MarkWritten(ctx context.Context) {
	if s := from(ctx); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.written = true
	}
}

const systemUser = "system"
