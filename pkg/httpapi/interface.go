package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Interface serves the user interface under every path that is not the API's or the shell's own. The handler sets its own Content-Security-Policy and caching.
func (s *Server) Interface(h http.Handler) {
	serve := func(c echo.Context) error {
		if isAPI(c.Request().URL.Path) {
			return echo.ErrNotFound
		}
		h.ServeHTTP(c.Response(), c.Request())
		return nil
	}
	s.echo.GET("/*", serve)
	s.echo.HEAD("/*", serve)
}
