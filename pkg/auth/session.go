package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Idle is how long a session lives without a request.
const Idle = 30 * time.Minute

// touchEvery spares the database a write on each request: a session may end this much before Idle.
const touchEvery = 30 * time.Second

// unauthorized is the one answer to wrong, missing and expired credentials.
func unauthorized() error {
	return fault.New(fault.Unauthorized, "unauthorized", "Wrong or missing credentials")
}

// LoggedIn is a new session with the only copy of its secrets.
type LoggedIn struct {
	Token     string // the session cookie
	CSRF      string // the XSRF-TOKEN cookie, which the caller repeats in a header
	Principal *Principal
}

// Login checks a user's password and opens a session. Every attempt with a wrong password is counted for the user and for the address;
// whoever has no attempts left is refused without a look at the password. Faults: Unauthorized, TooMany.
func (s *Service) Login(ctx context.Context, name, password, address string) (*LoggedIn, error) {
	user, err := s.checkPassword(ctx, name, password, address)
	if err != nil {
		return nil, err
	}
	token, err := s.secret()
	if err != nil {
		return nil, err
	}
	csrf, err := s.secret()
	if err != nil {
		return nil, err
	}
	now := s.now().UTC().Truncate(time.Second)
	if err := s.store.RemoveSessionsIdleSince(ctx, now.Add(-Idle)); err != nil {
		return nil, fmt.Errorf("removing old sessions: %w", err)
	}
	err = s.store.AddSession(ctx, Session{TokenHash: digest(token), CSRFHash: digest(csrf), User: user.Name, CreatedAt: now, UsedAt: now})
	if err != nil {
		return nil, fmt.Errorf("opening a session: %w", err)
	}
	return &LoggedIn{Token: token, CSRF: csrf, Principal: s.principal(user.Name, user.Roles, BySession)}, nil
}

// Basic checks a user's password for one request, without a session. Faults as Login.
func (s *Service) Basic(ctx context.Context, name, password, address string) (*Principal, error) {
	user, err := s.checkPassword(ctx, name, password, address)
	if err != nil {
		return nil, err
	}
	return s.principal(user.Name, user.Roles, ByBasic), nil
}

func (s *Service) checkPassword(ctx context.Context, name, password, address string) (User, error) {
	now := s.now()
	ofUser, ofAddress := "user "+name, "address "+address
	if !s.attempts.take(ofAddress, perAddress, now) {
		return User{}, tooMany()
	}
	if !s.attempts.take(ofUser, perUser, now) {
		s.attempts.giveBack(ofAddress)
		return User{}, tooMany()
	}
	user, err := s.store.User(ctx, name)
	known := err == nil
	if errors.Is(err, ErrNotFound) {
		user.PasswordHash = nobody
	} else if err != nil {
		return User{}, fmt.Errorf("looking up the user: %w", err)
	}
	fits, err := s.fits(ctx, user.PasswordHash, password)
	if err != nil {
		return User{}, err
	}
	if !known || !fits {
		return User{}, unauthorized()
	}
	s.attempts.giveBack(ofUser)
	s.attempts.giveBack(ofAddress)
	return user, nil
}

func tooMany() error {
	return fault.New(fault.TooMany, "too_many_attempts", "Too many failed log-in attempts, try again later")
}

// Active is a session that was found alive.
type Active struct {
	Principal *Principal
	csrfHash  string
}

// CSRF reports whether the value is the session's CSRF token.
func (a *Active) CSRF(value string) bool {
	return subtle.ConstantTimeCompare([]byte(digest(value)), []byte(a.csrfHash)) == 1
}

// Session finds the live session of a token. With use, the request counts as activity; status polling asks without. Fault: Unauthorized.
func (s *Service) Session(ctx context.Context, token string, use bool) (*Active, error) {
	session, user, err := s.store.Session(ctx, digest(token))
	if errors.Is(err, ErrNotFound) {
		return nil, unauthorized()
	}
	if err != nil {
		return nil, fmt.Errorf("looking up the session: %w", err)
	}
	now := s.now().UTC().Truncate(time.Second)
	idle := now.Sub(session.UsedAt)
	if idle >= Idle {
		return nil, unauthorized()
	}
	if use && idle >= touchEvery {
		if err := s.store.TouchSession(ctx, session.TokenHash, now); err != nil {
			return nil, fmt.Errorf("keeping the session: %w", err)
		}
	}
	return &Active{Principal: s.principal(user.Name, user.Roles, BySession), csrfHash: session.CSRFHash}, nil
}

// Logout ends the session of a token; one that is gone is no error.
func (s *Service) Logout(ctx context.Context, token string) error {
	if err := s.store.RemoveSession(ctx, digest(token)); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("ending the session: %w", err)
	}
	return nil
}

// secret is 256 random bits, safe in cookies and headers.
func (s *Service) secret() (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(s.rand, b); err != nil {
		return "", fmt.Errorf("making a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func digest(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}
