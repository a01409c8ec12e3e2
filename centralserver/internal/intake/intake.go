// Package intake is the central server's public doors: the registration service on 4001 (authCertReg), the management services on 4002 (the other
// requests, as the management services' security server forwards them), and the published configuration with the WSDL.
//
// A SOAP door reads bytes with a limit, has them verified and parsed by pkg/request, hands the request to the rules and answers with the
// request's identifier or a fault. Nobody is authenticated by TLS here: the signatures are.
package intake

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/certificate"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/globalconf"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/soap"
)

const (
	bodyLimit   = 50 << 10 // bytes; X-Road's own limit for both doors
	contentType = "text/xml; charset=UTF-8"
)

// Submit hands a verified request to the rules and gives the identifier it was saved under.
type Submit func(ctx context.Context, r *request.Request) (int64, error)

// Config is what both SOAP doors need.
type Config struct {
	Snapshot  func() *globalconf.Snapshot // the configuration that this server published last; nil before the first
	Submit    Submit
	Refused   func(ctx context.Context, err error) // writes the audit record of a verified request that the rules refused
	PerMinute int                                  // requests a client address may send in a minute
	Now       func() time.Time
	Log       *zap.Logger
}

// Registration is the handler of port 4001: it accepts authCertReg only.
func Registration(c Config) http.Handler {
	return c.door(func(t request.Type) bool { return t == request.AuthCertReg }, "/managementservice", "/managementservice/")
}

// Management is the handler of port 4002: it accepts every request but authCertReg.
func Management(c Config) http.Handler {
	return c.door(func(t request.Type) bool { return t != request.AuthCertReg }, "/managementservice/manage", "/managementservice/manage/")
}

func (c Config) door(accepts func(request.Type) bool, paths ...string) http.Handler {
	e := echo.New()
	e.HideBanner = true
	e.IPExtractor = echo.ExtractIPDirect()
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: func(_ echo.Context, err error, stack []byte) error {
		c.Log.Error("a management request broke its door", zap.Error(err), zap.ByteString("stack", stack))
		return err
	}}))
	e.Use(c.limiter())
	for _, path := range paths {
		e.POST(path, func(ctx echo.Context) error { return c.serve(ctx, accepts) })
	}
	return e
}

func (c Config) limiter() echo.MiddlewareFunc {
	store := middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{
		Rate: rate.Every(time.Minute / time.Duration(c.PerMinute)), Burst: c.PerMinute, ExpiresIn: 3 * time.Minute,
	})
	return middleware.RateLimiterWithConfig(middleware.RateLimiterConfig{
		Store:               store,
		IdentifierExtractor: func(ctx echo.Context) (string, error) { return ctx.RealIP(), nil },
		DenyHandler: func(ctx echo.Context, _ string, _ error) error {
			ctx.Response().Header().Set("Connection", "close")
			return ctx.JSON(http.StatusTooManyRequests, map[string]int{"status": http.StatusTooManyRequests})
		},
	})
}

func (c Config) serve(ctx echo.Context, accepts func(request.Type) bool) error {
	response, err := c.handle(ctx, accepts)
	header := ctx.Response().Header()
	header.Set("Cache-Control", "no-store")
	if err == nil {
		return ctx.Blob(http.StatusOK, contentType, response)
	}
	trace := make([]byte, 8)
	if _, randErr := rand.Read(trace); randErr != nil {
		return randErr
	}
	id := hex.EncodeToString(trace)
	f := fault.From(err)
	c.Log.Warn("management request refused", zap.String("trace", id), zap.String("code", f.Code), zap.Error(err), zap.String("ip", ctx.RealIP()))
	header.Set("Pragma", "no-cache")
	header.Set("Expires", "0")
	return ctx.Blob(http.StatusInternalServerError, contentType, soap.FaultFrom(err, id).Encode())
}

func (c Config) handle(ctx echo.Context, accepts func(request.Type) bool) ([]byte, error) {
	verifier, err := c.verifier()
	if err != nil {
		return nil, err
	}
	incoming := ctx.Request()
	body, err := io.ReadAll(http.MaxBytesReader(ctx.Response(), incoming.Body, bodyLimit))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, fault.New(fault.TooLarge, "invalid_request", "Request is larger than %d bytes", bodyLimit)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "io_error", "Could not read the request")
	}
	opened, err := verifier.Open(body, incoming.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	if !accepts(opened.Type) {
		return nil, fault.New(fault.Invalid, "invalid_request", "Unsupported request type %s", opened.Type)
	}
	scope := audit.Begin(incoming.Context(), "Add management request", audit.Actor{
		User: opened.Sender.Short(), IP: ctx.RealIP(), Auth: "Signature", URL: strings.TrimSuffix(incoming.URL.Path, "/"),
	})
	id, err := c.Submit(scope, &opened.Request)
	if err != nil {
		c.Refused(scope, err)
		return nil, err
	}
	return request.Response(opened, id)
}

// verifier believes what this server itself has published. Without a valid configuration nobody can be believed.
func (c Config) verifier() (*request.Verifier, error) {
	snapshot := c.Snapshot()
	if snapshot == nil {
		return nil, fault.New(fault.Unavailable, "global_conf_outdated", "Global configuration is not valid")
	}
	if err := snapshot.Valid(c.Now()); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "global_conf_outdated", "Global configuration is not valid")
	}
	return &request.Verifier{
		Trust:    func() (*certificate.Trust, error) { return snapshot.Trust(snapshot.Instance()) },
		Instance: snapshot.Instance(),
		Provider: snapshot.Private().ManagementService.Provider,
		Now:      c.Now,
	}, nil
}
