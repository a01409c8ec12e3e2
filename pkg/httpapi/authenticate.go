package httpapi

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/fault"
)

// The names that X-Road's clients know.
const (
	sessionCookie = "JSESSIONID"
	csrfCookie    = "XSRF-TOKEN"
	csrfHeader    = "X-XSRF-TOKEN"
	keyPrefix     = "x-road-apikey token="
)

// authenticate finds out who asks. The principal may come together with an error: it is known, and still refused.
func (s *Server) authenticate(c echo.Context, o *operation, actor audit.Actor) (*auth.Principal, error) {
	r := c.Request()
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		// A browser sends the cookie by itself, so whatever else the request carries, the CSRF token must be there.
		return s.session(r, cookie.Value)
	}
	header := r.Header.Get(echo.HeaderAuthorization)
	if len(header) > len(keyPrefix) && strings.EqualFold(header[:len(keyPrefix)], keyPrefix) {
		p, err := s.config.Auth.Key(r.Context(), strings.TrimSpace(header[len(keyPrefix):]))
		if err != nil {
			actor.Auth = auth.ByKey
			s.recordRefusal(r.Context(), "API key authentication", actor, err)
		}
		return p, err
	}
	if name, password, ok := r.BasicAuth(); ok && o.basic && isLoopback(r.RemoteAddr) {
		return s.basic(r.Context(), name, password, actor)
	}
	return nil, fault.New(fault.Unauthorized, "unauthorized", "Full authentication is required to access this resource")
}

func (s *Server) session(r *http.Request, token string) (*auth.Principal, error) {
	active, err := s.config.Auth.Session(r.Context(), token, true)
	if err != nil {
		return nil, err
	}
	sent := r.Header.Get(csrfHeader)
	cookie, err := r.Cookie(csrfCookie)
	if err != nil || sent == "" || subtle.ConstantTimeCompare([]byte(sent), []byte(cookie.Value)) != 1 || !active.CSRF(sent) {
		return active.Principal, fault.New(fault.Forbidden, "forbidden", "Missing or wrong CSRF token")
	}
	return active.Principal, nil
}

// basic serves the API keys' own door; its log-ins are recorded whatever comes of them.
func (s *Server) basic(ctx context.Context, name, password string, actor audit.Actor) (*auth.Principal, error) {
	actor.User, actor.Auth = attempted(name), auth.ByBasic
	const event = "Key management API log in"
	p, err := s.config.Auth.Basic(ctx, name, password, actor.IP)
	if err != nil {
		s.recordRefusal(ctx, event, actor, err)
		return nil, err
	}
	ctx = audit.Begin(ctx, event, actor)
	return p, s.config.DB.Update(ctx, func(tx *database.Tx) error { return tx.Audit(ctx) })
}

func (s *Server) recordRefusal(ctx context.Context, event string, actor audit.Actor, err error) {
	s.recordFailure(audit.Begin(ctx, event, actor), err)
}

// attempted is a user name from a stranger, short enough for the log.
func attempted(name string) string {
	if r := []rune(strings.ToValidUTF8(name, "?")); len(r) > 255 {
		return string(r[:255])
	}
	return strings.ToValidUTF8(name, "?")
}

func isLoopback(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	return err == nil && net.ParseIP(host).IsLoopback()
}
