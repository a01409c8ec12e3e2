package httpapi

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/fault"
)

// builtins are the operations that the shell serves for both servers; what a file says of them counts for nothing here.
var builtins = map[string]operation{
	"GET /user":                         {id: "getUser"},
	"GET /notifications/session-status": {id: "getSessionStatus", public: true},
	"GET /openapi.yaml":                 {id: "downloadOpenApi", public: true},
	"GET /api-keys":                     {id: "getApiKeys", basic: true, permissions: []auth.Permission{"VIEW_API_KEYS"}},
	"POST /api-keys":                    {id: "createApiKey", basic: true, permissions: []auth.Permission{"CREATE_API_KEY"}, event: "API key create"},
	"GET /api-keys/:":                   {id: "getApiKey", basic: true, permissions: []auth.Permission{"VIEW_API_KEYS"}},
	"PUT /api-keys/:":                   {id: "updateApiKey", basic: true, permissions: []auth.Permission{"UPDATE_API_KEY"}, event: "API key update"},
	"DELETE /api-keys/:":                {id: "revokeApiKey", basic: true, permissions: []auth.Permission{"REVOKE_API_KEY"}, event: "API key remove"},
}

func (s *Server) builtin() {
	s.api.GET("/user", s.user)
	s.api.GET("/notifications/session-status", s.sessionStatus)
	s.api.GET("/openapi.yaml", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/yaml", s.config.Spec) })
	s.api.GET("/api-keys", s.keys)
	s.api.POST("/api-keys", s.createKey)
	s.api.GET("/api-keys/:id", s.key)
	s.api.PUT("/api-keys/:id", s.updateKey)
	s.api.DELETE("/api-keys/:id", s.revokeKey)
}

// login opens a session: form fields username and password, answer "OK" and two cookies.
func (s *Server) login(c echo.Context) error {
	r := c.Request()
	r.Body = http.MaxBytesReader(c.Response(), r.Body, usualBody)
	if kind, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); kind != echo.MIMEApplicationForm {
		return echo.ErrUnsupportedMediaType
	}
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Invalid, "", "The form cannot be read")
	}
	name := r.PostForm.Get("username")
	c.Set(userKey, attempted(name))
	actor := audit.Actor{User: attempted(name), IP: c.RealIP(), URL: r.URL.Path, CorrelationID: correlationID(c)}
	ctx := audit.Begin(r.Context(), "Log in user", actor)
	in, err := s.config.Auth.Login(ctx, name, r.PostForm.Get("password"), c.RealIP())
	if err != nil {
		s.recordFailure(ctx, err)
		return err
	}
	c.SetCookie(cookie(sessionCookie, in.Token, true))
	c.SetCookie(cookie(csrfCookie, in.CSRF, false))
	return c.String(http.StatusOK, "OK")
}

func cookie(name, value string, hidden bool) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: hidden, SameSite: http.SameSiteStrictMode}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// logout ends the session of the cookie. Other sites cannot cause it: the cookie is SameSite=Strict.
func (s *Server) logout(c echo.Context) error {
	r := c.Request()
	if sent, err := r.Cookie(sessionCookie); err == nil {
		if active, err := s.config.Auth.Session(r.Context(), sent.Value, false); err == nil {
			ctx := audit.Begin(r.Context(), "Log out user", audit.Actor{User: active.Principal.Name, IP: c.RealIP(), Auth: auth.BySession,
				URL: r.URL.Path, CorrelationID: correlationID(c)})
			if err := s.config.Auth.Logout(ctx, sent.Value); err != nil {
				s.recordFailure(ctx, err)
				return err
			}
		}
	}
	c.SetCookie(cookie(sessionCookie, "", true))
	c.SetCookie(cookie(csrfCookie, "", false))
	return c.NoContent(http.StatusOK)
}

func (s *Server) user(c echo.Context) error {
	p := auth.PrincipalFrom(c.Request().Context())
	roles := make([]string, 0, len(p.Roles))
	for _, role := range p.Roles {
		roles = append(roles, "ROLE_"+string(role))
	}
	return c.JSON(http.StatusOK, map[string]any{"username": p.Name, "roles": roles, "permissions": sortedPermissions(p)})
}

// sessionStatus tells whether the session lives, and does not keep it alive.
func (s *Server) sessionStatus(c echo.Context) error {
	valid := false
	if sent, err := c.Request().Cookie(sessionCookie); err == nil {
		_, err = s.config.Auth.Session(c.Request().Context(), sent.Value, false)
		valid = err == nil
	}
	return c.JSON(http.StatusOK, map[string]bool{"valid": valid})
}

type keyInfo struct {
	ID    int64       `json:"id"`
	Key   string      `json:"key,omitempty"` // only in the answer that creates it
	Roles []auth.Role `json:"roles"`
}

func (s *Server) keys(c echo.Context) error {
	keys, err := s.config.Auth.Keys(c.Request().Context())
	if err != nil {
		return err
	}
	list := make([]keyInfo, 0, len(keys))
	for _, k := range keys {
		list = append(list, keyInfo{ID: k.ID, Roles: k.Roles})
	}
	return c.JSON(http.StatusOK, list)
}

func (s *Server) createKey(c echo.Context) error {
	roles, err := roleNames(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	key, value, err := s.config.Auth.CreateKey(ctx, auth.PrincipalFrom(ctx), roles)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, keyInfo{ID: key.ID, Key: value, Roles: key.Roles})
}

func (s *Server) key(c echo.Context) error {
	id, err := keyID(c)
	if err != nil {
		return err
	}
	key, err := s.config.Auth.KeyByID(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, keyInfo{ID: key.ID, Roles: key.Roles})
}

func (s *Server) updateKey(c echo.Context) error {
	id, err := keyID(c)
	if err != nil {
		return err
	}
	roles, err := roleNames(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	key, err := s.config.Auth.SetKeyRoles(ctx, auth.PrincipalFrom(ctx), id, roles)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, keyInfo{ID: key.ID, Roles: key.Roles})
}

func (s *Server) revokeKey(c echo.Context) error {
	id, err := keyID(c)
	if err != nil {
		return err
	}
	if err := s.config.Auth.RevokeKey(c.Request().Context(), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusOK)
}

func keyID(c echo.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return 0, fault.New(fault.NotFound, "api_key_not_found", "API key not found")
	}
	return id, nil
}

// roleNames reads a JSON array of role names.
func roleNames(c echo.Context) ([]string, error) {
	r := c.Request()
	if kind, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); kind != echo.MIMEApplicationJSON {
		return nil, echo.ErrUnsupportedMediaType
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal(data, &names); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "", "The body must be a list of role names")
	}
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names, nil
}
