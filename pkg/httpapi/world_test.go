package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/audit"
	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/database"
	"github.com/ristmik/ristmik/pkg/database/authdb"
	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/httpapi"
	"github.com/ristmik/ristmik/pkg/testkit"
	"github.com/ristmik/ristmik/schema"
)

const spec = `
openapi: 3.0.3
info: {title: test, version: "1"}
paths:
  /members:
    get:
      operationId: findMembers
      x-permissions: [VIEW_MEMBERS, SEARCH_MEMBERS]
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, default: 25}}
        - {name: q, in: query, schema: {type: string}}
        - {name: client_type, in: query, schema: {type: string, enum: [MEMBER, SUBSYSTEM]}}
      responses: {"200": {description: ok}}
    post:
      operationId: addMember
      x-permissions: [ADD_NEW_MEMBER]
      x-audit-event: Add member
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/MemberAdd"}}}
      responses: {"201": {description: made}}
  /members/{id}:
    get:
      operationId: getMember
      x-permissions: []
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses: {"200": {description: ok}}
    delete:
      operationId: deleteMember
      x-permissions: [DELETE_MEMBER]
      x-audit-event: Delete member
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses: {"204": {description: gone}}
  /anchor:
    post:
      operationId: uploadAnchor
      x-permissions: [ADD_NEW_MEMBER]
      x-read-only: true
      x-max-body: 1MB
      requestBody: {required: true, content: {application/octet-stream: {schema: {type: string, format: binary}}}}
      responses: {"200": {description: ok}}
components:
  schemas:
    MemberAdd:
      type: object
      required: [member_id]
      properties:
        member_name: {type: string, maxLength: 10}
        connection_type: {type: string, default: HTTPS}
        member_id:
          type: object
          required: [member_class, member_code]
          properties:
            member_class: {type: string, minLength: 1}
            member_code: {type: string, minLength: 1}
`

var policy = auth.Policy{
	"XROAD_REGISTRATION_OFFICER": {"VIEW_MEMBERS", "ADD_NEW_MEMBER", "DELETE_MEMBER"},
	"XROAD_SECURITY_OFFICER":     {"SEARCH_MEMBERS"},
	auth.SystemAdministrator:     {"VIEW_API_KEYS", "CREATE_API_KEY", "UPDATE_API_KEY", "REVOKE_API_KEY"},
	auth.ManagementService:       {"ADD_NEW_MEMBER"},
}

func shared(driver string) fs.FS { return schema.Migrations("central", driver) }

// world is a server with real TLS and a clock, and a client that keeps cookies only when told to.
type world struct {
	t      *testing.T
	db     *database.DB
	server *httptest.Server
	mu     sync.Mutex
	now    time.Time
	body   []byte // what the last handler got
}

func (w *world) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }

func (w *world) wait(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.now = w.now.Add(d) }

func eachWorld(t *testing.T, fn func(t *testing.T, w *world)) {
	start := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	w := &world{now: start}
	testkit.EachDatabaseAt(t, w.clock, shared, func(t *testing.T, db *database.DB) {
		w.t, w.db, w.now = t, db, start
		w.start(10_000)
		fn(t, w)
	})
}

func (w *world) start(perSecond int) {
	service := auth.New(auth.Config{Store: authdb.New(w.db), Policy: policy, Now: w.clock})
	ctx := context.Background()
	require.NoError(w.t, service.SaveUser(ctx, "officer", "correct horse", "XROAD_REGISTRATION_OFFICER"))
	require.NoError(w.t, service.SaveUser(ctx, "admin", "correct horse", string(auth.SystemAdministrator)))
	api, err := httpapi.New(httpapi.Config{Spec: []byte(spec), Auth: service, DB: w.db, Now: w.clock, PerSecond: perSecond, PerMinute: perSecond})
	require.NoError(w.t, err)
	g := api.API()
	g.GET("/members", func(c echo.Context) error { return c.JSON(200, map[string]string{"limit": c.QueryParam("limit")}) })
	g.POST("/members", w.addMember)
	g.GET("/members/:id", func(c echo.Context) error {
		id, err := url.PathUnescape(c.Param("id"))
		if err != nil {
			return err
		}
		return c.String(200, id)
	})
	g.DELETE("/members/:id", func(c echo.Context) error {
		switch c.Param("id") {
		case "panic":
			panic("secret text")
		case "forgets":
			return c.NoContent(204)
		case "gone":
			return fault.New(fault.NotFound, "member_not_found", "No such member").With("gone")
		case "refused":
			return c.NoContent(409)
		}
		return errors.New("secret cause")
	})
	g.POST("/anchor", func(c echo.Context) error {
		n, err := io.Copy(io.Discard, c.Request().Body)
		if err != nil {
			return err
		}
		return c.JSON(200, n)
	})
	w.server = httptest.NewTLSServer(api)
	w.t.Cleanup(w.server.Close)
}

func (w *world) addMember(c echo.Context) error {
	ctx := c.Request().Context()
	w.body, _ = io.ReadAll(c.Request().Body)
	err := w.db.Update(ctx, func(tx *database.Tx) error {
		audit.Put(ctx, "memberCode", "1")
		if strings.Contains(string(w.body), `"exists"`) {
			return fault.New(fault.Conflict, "member_exists", "Member exists").With("GOV:1")
		}
		if err := auth.Require(ctx, "ADD_NEW_MEMBER"); err != nil {
			return err
		}
		return tx.Audit(ctx)
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string]string{"made": "yes"})
}

type answer struct {
	status int
	header http.Header
	body   string
	set    []*http.Cookie
}

type with func(*http.Request)

func header(name, value string) with { return func(r *http.Request) { r.Header.Set(name, value) } }

func (w *world) do(method, path, body string, options ...with) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	require.NoError(w.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, o := range options {
		o(r)
	}
	response, err := w.server.Client().Do(r)
	require.NoError(w.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	return answer{response.StatusCode, response.Header, strings.TrimSpace(string(data)), response.Cookies()}
}

func (w *world) login(name string) with {
	w.t.Helper()
	a := w.do("POST", "/login", "username="+name+"&password=correct+horse", header("Content-Type", "application/x-www-form-urlencoded"))
	require.Equal(w.t, 200, a.status, a.body)
	require.Equal(w.t, "OK", a.body)
	require.Len(w.t, a.set, 2)
	return func(r *http.Request) {
		for _, c := range a.set {
			r.AddCookie(c)
			if c.Name == "XSRF-TOKEN" && r.Header.Get("X-XSRF-TOKEN") == "" {
				r.Header.Set("X-XSRF-TOKEN", c.Value)
			}
		}
	}
}

func (w *world) records() (list []string) {
	w.t.Helper()
	require.NoError(w.t, w.db.View(w.t.Context(), func(tx *database.Tx) error {
		return tx.DB().Table("audit_record").Order("id").Pluck("record", &list).Error
	}))
	return list
}

func (w *world) lastRecord() map[string]any {
	w.t.Helper()
	list := w.records()
	require.NotEmpty(w.t, list)
	var last map[string]any
	require.NoError(w.t, json.Unmarshal([]byte(list[len(list)-1]), &last))
	return last
}
