// Package fault is the one error vocabulary of both servers.
//
// A fault has a kind (how a door answers), a code (what a program matches) and a message (what a person reads). Causes are for the log
// and never reach a caller. Each door owns one table that renders a fault: REST in pkg/httpapi, SOAP in pkg/soap.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says in one word what sort of refusal a fault is; each door maps it to its own status.
type Kind int

// The kinds. Internal is the zero value: an error nobody classified is our own fault.
const (
	Internal     Kind = iota // something broke here; the caller learns nothing more
	Invalid                  // the request itself is wrong
	Unauthorized             // nobody is logged in, or the credentials are wrong
	Forbidden                // the caller is known and may not do this
	NotFound                 // the thing named does not exist
	Conflict                 // the thing exists, in a state that does not allow this
	TooLarge                 // the body exceeds the limit of this door
	TooMany                  // the caller is over its rate
	Unavailable              // a server this one depends on did not answer
)

// Warning is a question that the caller may answer with "go on": X-Road's `warnings_detected` pattern.
type Warning struct {
	Code     string
	Metadata []string
}

// Error is a fault. Code and Message are public; Err is the cause, for the log only.
type Error struct {
	Kind     Kind
	Code     string              // X-Road's code, such as member_exists or invalid_signature_value
	Message  string              // one English sentence, word for word that of the use case where it gives one
	Metadata []string            // values that the code's text needs, in order
	Fields   map[string][]string // validation errors by field: NotNull, Size, IdentifierChars, …
	Warnings []Warning
	Err      error
}

// New makes a fault with a formatted public message.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault like New and keeps the cause for the log.
func Wrap(err error, kind Kind, code, format string, args ...any) *Error {
	f := New(kind, code, format, args...)
	f.Err = err
	return f
}

// With returns a copy with metadata appended.
func (e *Error) With(metadata ...string) *Error {
	c := *e
	c.Metadata = append(append([]string(nil), e.Metadata...), metadata...)
	return &c
}

// Error is code, message and cause: for logs, never for callers.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Code)
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is a fault with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Kind == e.Kind
}

// From finds the fault in an error chain. An error that carries none becomes an Internal fault with code internal_error and no public
// detail.
func From(err error) *Error {
	if f, ok := errors.AsType[*Error](err); ok {
		return f
	}
	return &Error{Kind: Internal, Code: "internal_error", Message: "Internal error", Err: err}
}

// CodeOf is the code of the fault in err, "" for nil.
func CodeOf(err error) string {
	if err == nil {
		return ""
	}
	return From(err).Code
}

// Prefixed returns err as a fault whose code starts with prefix ("server.clientproxy."); a code that has it already keeps it once.
func Prefixed(err error, prefix string) *Error {
	f := *From(err)
	if !strings.HasPrefix(f.Code, prefix) {
		f.Code = prefix + f.Code
	}
	return &f
}

// SameCode compares two SOAP fault codes as X-Road 7.7 and 7.8 spell them: segments folded in case, underscores ignored, so that
// Server.ClientProxy.AccessDenied equals server.clientproxy.access_denied.
func SameCode(a, b string) bool { return foldCode(a) == foldCode(b) }

func foldCode(c string) string {
	c = strings.ToLower(strings.ReplaceAll(c, "_", ""))
	if rest, ok := strings.CutSuffix(c, "outdatedglobalconf"); ok {
		return rest + "globalconfoutdated"
	}
	return c
}
