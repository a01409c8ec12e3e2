package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
)

// operate is the way of every API request: who, may they, does it fit the file, do it, was it audited.
func (s *Server) operate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		o := s.operations[routeKey(r.Method, c.Path())]
		if o == nil {
			return echo.ErrNotFound
		}
		actor := audit.Actor{IP: c.RealIP(), URL: r.URL.Path, CorrelationID: correlationID(c)}
		if !o.public {
			principal, err := s.authenticate(c, o, actor)
			if principal != nil {
				actor.User, actor.Auth = principal.Name, principal.Method
				c.Set(userKey, principal.Name)
			}
			ctx := audit.Begin(r.Context(), eventOr(o.event, "Access check"), actor)
			if err == nil && !principal.May(o.permissions...) {
				err = fault.New(fault.Forbidden, "forbidden", "Access is denied")
			}
			if err != nil {
				if principal != nil {
					s.recordFailure(ctx, err)
				}
				return err
			}
			r = r.WithContext(auth.WithPrincipal(r.Context(), principal))
		}
		if o.event != "" {
			r = r.WithContext(audit.Begin(r.Context(), o.event, actor))
		}
		c.SetRequest(r)
		return s.perform(c, o, next)
	}
}

func eventOr(event, other string) string {
	if event != "" {
		return event
	}
	return other
}

// perform validates and calls the handler. What changes something answers from a buffer, so that success is told only when its audit
// record is committed.
func (s *Server) perform(c echo.Context, o *operation, next echo.HandlerFunc) error {
	if o.event == "" {
		if err := s.validate(c, o); err != nil {
			return err
		}
		return guarded(c, next)
	}
	response := c.Response()
	real := response.Writer
	buffer := &buffered{header: real.Header().Clone()}
	response.Writer = buffer
	err := s.validate(c, o)
	if err == nil {
		err = guarded(c, next)
	}
	ctx := c.Request().Context()
	response.Writer = real
	switch {
	case err != nil:
		s.recordFailure(ctx, err)
	case buffer.status >= http.StatusBadRequest: // a handler that renders its refusal itself
		s.recordFailure(ctx, fault.New(fault.Invalid, "", "%s", http.StatusText(buffer.status)))
	case !audit.Written(ctx):
		err = fmt.Errorf("%s answered %d without an audit record", o.id, buffer.status)
	}
	if err != nil {
		response.Committed, response.Status, response.Size = false, 0, 0
		return err
	}
	return buffer.sendTo(real)
}

// guarded turns a panic of a handler into an error, before the audit record of the failure is written.
func guarded(c echo.Context, next echo.HandlerFunc) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return next(c)
}

// recordFailure writes the failure record in a transaction of its own; the caller who went away does not stop it.
func (s *Server) recordFailure(ctx context.Context, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := s.config.DB.Update(ctx, func(tx *database.Tx) error { return tx.Record(audit.Failure(ctx, cause)) })
	if err != nil {
		s.config.Log.Error("audit record of a failure lost", zap.ByteString("record", audit.Failure(ctx, cause).JSON()), zap.Error(err))
	}
}

// buffered holds an answer back.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header { return b.header }

func (b *buffered) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

func (b *buffered) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

func (b *buffered) sendTo(w http.ResponseWriter) error {
	for name, values := range b.header {
		w.Header()[name] = values
	}
	if b.status == 0 {
		b.status = http.StatusOK
	}
	if b.status != http.StatusNoContent {
		w.Header().Set(echo.HeaderContentLength, strconv.Itoa(b.body.Len()))
	}
	w.WriteHeader(b.status)
	_, err := w.Write(b.body.Bytes())
	if errors.Is(err, http.ErrBodyNotAllowed) {
		return nil
	}
	return err
}
