package httpapi

import (
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/fault"
)

const (
	correlationHeader = "x-road-ui-correlation-id"
	correlationKey    = "correlation"
	userKey           = "user"
)

// correlationID names this request in its answer, in the log and in the audit log.
func correlationID(c echo.Context) string {
	id, _ := c.Get(correlationKey).(string)
	return id
}

// observe surrounds everything: it names the request, sets the headers of every answer, renders errors, catches panics and writes one wide
// line.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begin := s.config.Now()
		id := make([]byte, 8)
		_, _ = io.ReadFull(s.config.Rand, id) // an id that is not random is still an id
		c.Set(correlationKey, hex.EncodeToString(id))
		setHeaders(c)
		err := safely(c, next)
		if err != nil {
			c.Error(err)
		}
		s.report(c, err, s.config.Now().Sub(begin))
		return nil
	}
}

func safely(c echo.Context, next echo.HandlerFunc) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			err = errors.New("panic: " + strings.TrimSpace(string(debug.Stack())))
			if e, ok := p.(error); ok {
				err = errors.Join(e, err)
			}
		}
	}()
	return next(c)
}

func setHeaders(c echo.Context) {
	h := c.Response().Header()
	h.Set(correlationHeader, correlationID(c))
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	if path := c.Request().URL.Path; isAPI(path) || path == "/login" || path == "/logout" {
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	}
}

func (s *Server) report(c echo.Context, err error, took time.Duration) {
	status := c.Response().Status
	fields := []zap.Field{
		zap.String("method", c.Request().Method), zap.String("route", c.Path()), zap.String("path", c.Request().URL.Path),
		zap.Int("status", status), zap.Int64("bytes", c.Response().Size), zap.Duration("took", took),
		zap.String("ip", c.RealIP()), zap.String("correlation", correlationID(c)),
	}
	if user, ok := c.Get(userKey).(string); ok {
		fields = append(fields, zap.String("user", user))
	}
	if err != nil {
		fields = append(fields, zap.String("code", fault.CodeOf(err)), zap.Error(err))
	}
	switch {
	case status >= http.StatusInternalServerError:
		s.config.Log.Error("request", fields...)
	case status >= http.StatusBadRequest:
		s.config.Log.Warn("request", fields...)
	default:
		s.config.Log.Info("request", fields...)
	}
	if s.measure != nil {
		s.measure.WithLabelValues(c.Request().Method, routeLabel(c.Path()), strconv.Itoa(status)).Observe(took.Seconds())
	}
}

// routeLabel keeps the label bounded: a route of ours, or "other".
func routeLabel(path string) string {
	if path == "" || strings.HasSuffix(path, "*") {
		return "other"
	}
	return path
}
