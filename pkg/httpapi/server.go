// Package httpapi is the shell around both servers' REST APIs: TLS, log-in, sessions, CSRF, API keys, permissions, limits, validation
// against the OpenAPI file, audit scopes and the rendering of errors. Handlers are generated and registered on Server.API; what an
// operation needs is said by the file itself:
//
//	x-permissions: [A, B]     any of them; [] is any authenticated principal
//	x-public: true            instead: nobody needs to be logged in
//	x-audit-event: Add member a changing operation's event; its success record must be committed with the change (database.Tx.Audit)
//	x-read-only: true         instead, on a POST that only reads
//	x-max-body: 10MB          bigger than the usual 50 KB; a number is bytes
package httpapi

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/database"
)

// base is where the API lives.
const base = "/api/v1"

// Config is what New needs. Spec, Auth and DB are required.
type Config struct {
	Spec     []byte // the OpenAPI file in one piece, YAML or JSON
	Auth     *auth.Service
	DB       *database.DB
	Log      *zap.Logger           // nil: silent
	Now      func() time.Time      // nil: the machine's clock
	Rand     io.Reader             // nil: the system's
	Registry prometheus.Registerer // nil: no metrics

	PerSecond, PerMinute int // requests an address may make; 0: 20 and 600
}

// Server is the shell. It is an http.Handler.
type Server struct {
	config     Config
	echo       *echo.Echo
	api        *echo.Group
	operations map[string]*operation
	limiter    *limiter
	measure    *prometheus.HistogramVec
}

// New reads the OpenAPI file and refuses one in which an operation does not say who may call it, or changes something without an audit
// event.
func New(c Config) (*Server, error) {
	if c.Auth == nil || c.DB == nil {
		return nil, errors.New("httpapi: Auth and DB are required")
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	operations, err := readSpec(c.Spec)
	if err != nil {
		return nil, fmt.Errorf("reading the OpenAPI file: %w", err)
	}
	s := &Server{config: c, echo: echo.New(), operations: operations, limiter: newLimiter(c.PerSecond, c.PerMinute)}
	if c.Registry != nil {
		s.measure = prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer a request, by route and status.",
			Buckets: []float64{.005, .025, .1, .5, 2, 10},
		}, []string{"method", "route", "status"})
		if err := c.Registry.Register(s.measure); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.IPExtractor = echo.ExtractIPDirect()
	s.echo.HTTPErrorHandler = s.renderError
	s.echo.Pre(s.observe, s.limit, plainPath)
	s.echo.GET("/healthz", s.health)
	s.echo.POST("/login", s.login)
	s.echo.POST("/logout", s.logout)
	s.api = s.echo.Group(base, s.operate)
	s.builtin()
	return s, nil
}

// API is the group "/api/v1" on which generated handlers are registered.
func (s *Server) API() *echo.Group { return s.api }

// Root is for what lies outside the API: the user interface. Its handlers set their own Content-Security-Policy.
func (s *Server) Root() *echo.Echo { return s.echo }

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

func (s *Server) health(c echo.Context) error {
	if err := s.config.DB.Ping(c.Request().Context()); err != nil {
		return echo.NewHTTPError(http.StatusServiceUnavailable).SetInternal(err)
	}
	return c.String(http.StatusOK, "OK")
}

// plainPath makes the router see the path as it was sent, so that parameters are decoded once, by whoever reads them; and tolerates a
// slash at the end.
func plainPath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		raw := u.EscapedPath()
		if isAPI(u.Path) && len(raw) > len(base)+1 && strings.HasSuffix(raw, "/") {
			raw, u.Path = strings.TrimSuffix(raw, "/"), strings.TrimSuffix(u.Path, "/")
		}
		u.RawPath = raw
		return next(c)
	}
}

func isAPI(path string) bool { return path == "/api" || strings.HasPrefix(path, "/api/") }
