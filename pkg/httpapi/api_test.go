package httpapi_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/auth"
	"github.com/ristmik/ristmik/pkg/database/authdb"
	"github.com/ristmik/ristmik/pkg/httpapi"
	"github.com/ristmik/ristmik/pkg/testkit"
)

func TestLogInLiveLogOut(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		require.Equal(t, `{"status":401}`, w.do("GET", "/api/v1/user", "").body)
		require.Equal(t, `{"valid":false}`, w.do("GET", "/api/v1/notifications/session-status", "").body)

		wrong := w.do("POST", "/login", "username=officer&password=x", header("Content-Type", "application/x-www-form-urlencoded"))
		require.Equal(t, 401, wrong.status)
		require.Equal(t, "Log in user failed", w.lastRecord()["event"])
		require.Equal(t, "officer", w.lastRecord()["user"])

		in := w.login("officer")
		require.Equal(t, "Log in user", w.lastRecord()["event"])
		a := w.do("GET", "/api/v1/user", "", in)
		require.Equal(t, `{"permissions":["ADD_NEW_MEMBER","DELETE_MEMBER","VIEW_MEMBERS"],"roles":["ROLE_XROAD_REGISTRATION_OFFICER"],"username":"officer"}`, a.body)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"))
		require.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'none'")
		require.Len(t, a.header.Get("x-road-ui-correlation-id"), 16)

		for i := range 3 { // each request keeps the session alive
			w.wait(29 * time.Minute)
			require.Equal(t, 200, w.do("GET", "/api/v1/user", "", in).status, i)
		}
		for range 2 { // the status does not
			w.wait(14 * time.Minute)
			require.Equal(t, `{"valid":true}`, w.do("GET", "/api/v1/notifications/session-status", "", in).body)
		}
		w.wait(2 * time.Minute)
		require.Equal(t, `{"valid":false}`, w.do("GET", "/api/v1/notifications/session-status", "", in).body)
		require.Equal(t, 401, w.do("GET", "/api/v1/user", "", in).status)

		in = w.login("officer")
		require.Equal(t, 200, w.do("POST", "/logout", "", in).status)
		require.Equal(t, "Log out user", w.lastRecord()["event"])
		require.Equal(t, 401, w.do("GET", "/api/v1/user", "", in).status)
	})
}

func TestCSRFIsAskedOfEverySessionRequest(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		in := w.login("officer")
		for _, method := range []string{"GET", "POST"} {
			a := w.do(method, "/api/v1/members", "", in, func(r *http.Request) { r.Header.Del("X-XSRF-TOKEN") })
			require.Equal(t, 403, a.status)
			require.Equal(t, `{"status":403}`, a.body)
			require.Equal(t, 403, w.do(method, "/api/v1/members", "", in, header("X-XSRF-TOKEN", "other")).status)
			require.Equal(t, 403, w.do(method, "/api/v1/members", "", in, func(r *http.Request) { // header equals cookie, but not the session's
				session, _ := r.Cookie("JSESSIONID")
				r.Header.Set("Cookie", "JSESSIONID="+session.Value+"; XSRF-TOKEN=other")
				r.Header.Set("X-XSRF-TOKEN", "other")
			}).status)
			require.Equal(t, 403, w.do(method, "/api/v1/members", "", in, // an API key beside the cookie changes nothing
				header("Authorization", "X-Road-ApiKey token=x"), func(r *http.Request) { r.Header.Del("X-XSRF-TOKEN") }).status)
		}
		require.Equal(t, "Add member failed", w.lastRecord()["event"])
		require.Equal(t, 200, w.do("GET", "/api/v1/members", "", in).status)
	})
}

func TestAPIKeys(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		basic := func(r *http.Request) { r.SetBasicAuth("admin", "correct horse") }
		a := w.do("POST", "/api/v1/api-keys", `["XROAD_REGISTRATION_OFFICER"]`, basic)
		require.Equal(t, 200, a.status, a.body)
		require.Equal(t, "API key create", w.lastRecord()["event"])
		require.Equal(t, "HttpBasicPam", w.lastRecord()["auth"])
		require.Contains(t, strings.Join(w.records(), "\n"), `{"event":"Key management API log in","user":"admin"`)
		var made struct {
			ID    int64
			Key   string
			Roles []string
		}
		require.NoError(t, json.Unmarshal([]byte(a.body), &made))
		require.Len(t, made.Key, 36)
		require.Equal(t, 401, w.do("GET", "/api/v1/members", "", basic).status, "Basic opens no other door")

		key := header("Authorization", "X-Road-apikey token="+made.Key) // as the toolkit spells it
		require.Equal(t, 200, w.do("GET", "/api/v1/members", "", key).status)
		require.Empty(t, w.do("GET", "/api/v1/members", "", key).set)
		require.Equal(t, 201, w.do("POST", "/api/v1/members", `{"member_id":{"member_class":"GOV","member_code":"1"}}`, key).status)
		require.Equal(t, "api-key-1", w.lastRecord()["user"])
		require.Equal(t, "ApiKey", w.lastRecord()["auth"])
		require.Equal(t, 403, w.do("GET", "/api/v1/api-keys", "", key).status)
		require.Equal(t, "Access check failed", w.lastRecord()["event"])

		require.Equal(t, `{"id":1,"roles":["XROAD_SECURITY_OFFICER"]}`, w.do("PUT", "/api/v1/api-keys/1", `["XROAD_SECURITY_OFFICER"]`, basic).body)
		require.Equal(t, 403, w.do("POST", "/api/v1/members", `{}`, key).status, "new roles count at once")
		require.Equal(t, `[{"id":1,"roles":["XROAD_SECURITY_OFFICER"]}]`, w.do("GET", "/api/v1/api-keys/", "", basic).body)
		require.Equal(t, 200, w.do("GET", "/api/v1/members", "", key).status)
		require.Equal(t, 200, w.do("DELETE", "/api/v1/api-keys/1", "", basic).status)
		require.Equal(t, 401, w.do("GET", "/api/v1/members", "", key).status, "a revoked key is refused at once")
		require.Equal(t, "API key authentication failed", w.lastRecord()["event"])

		require.Equal(t, `{"status":404,"error":{"code":"api_key_not_found"}}`, w.do("DELETE", "/api/v1/api-keys/1", "", basic).body)
		require.Equal(t, "API key remove failed", w.lastRecord()["event"])
		require.Equal(t, `{"status":400,"error":{"code":"invalid_role","metadata":["KING"]}}`, w.do("POST", "/api/v1/api-keys", `["KING"]`, basic).body)
		require.Equal(t, 200, w.do("POST", "/api/v1/api-keys", `["XROAD_MANAGEMENT_SERVICE"]`, basic).status)
		require.Equal(t, 415, w.do("POST", "/api/v1/api-keys", `["KING"]`, basic, header("Content-Type", "text/plain")).status)
	})
}

func TestRequestsAreHeldAgainstTheFile(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		in := w.login("officer")
		for _, c := range []struct {
			name, method, path, body string
			options                  []with
			status                   int
			want                     string
		}{
			{"limit", "GET", "/api/v1/members?limit=zzz", "", nil, 400,
				`{"status":400,"error":{"code":"validation_failure","validation_errors":{"findMembers.limit":["typeMismatch"]}}}`},
			{"two wrong", "GET", "/api/v1/members?limit=0&client_type=X", "", nil, 400,
				`{"status":400,"error":{"code":"validation_failure","validation_errors":{"findMembers.clientType":["typeMismatch"],"findMembers.limit":["Min"]}}}`},
			{"slash at the end, nothing given", "GET", "/api/v1/members/?q=&client_type=", "", nil, 200, `{"limit":"25"}`},
			{"missing fields", "POST", "/api/v1/members", `{"member_name":"too long a name","member_id":{"member_class":""}}`, nil, 400,
				`{"status":400,"error":{"code":"validation_failure","validation_errors":{"memberAddDto.memberId.memberClass":["NotBlank"],` +
					`"memberAddDto.memberId.memberCode":["NotNull"],"memberAddDto.memberName":["Size"]}}}`},
			{"no body", "POST", "/api/v1/members", "", nil, 400,
				`{"status":400,"error":{"code":"validation_failure","validation_errors":{"addMember":["NotNull"]}}}`},
			{"not JSON", "POST", "/api/v1/members", `{"member_name"`, nil, 400, `{"status":400}`},
			{"two values", "POST", "/api/v1/members", `{} {}`, nil, 400, `{"status":400}`},
			{"content type", "POST", "/api/v1/members", `{}`, []with{header("Content-Type", "text/plain")}, 415, `{"status":415}`},
			{"huge", "POST", "/api/v1/members", `{"x":"` + strings.Repeat("a", 51<<10) + `"}`, nil, 413, `{"status":413}`},
			{"upload may be bigger", "POST", "/api/v1/anchor", strings.Repeat("a", 60<<10), []with{header("Content-Type", "application/octet-stream")}, 200, "61440"},
			{"but not too big", "POST", "/api/v1/anchor", strings.Repeat("a", 1<<20+1), []with{header("Content-Type", "application/octet-stream")}, 413, `{"status":413}`},
			{"colons", "GET", "/api/v1/members/FI:GOV:123", "", nil, 200, "FI:GOV:123"},
			{"percent", "GET", "/api/v1/members/FI%3AGOV%3A123", "", nil, 200, "FI:GOV:123"},
			{"decoded once", "GET", "/api/v1/members/FI:GOV:100%25", "", nil, 200, "FI:GOV:100%"},
			{"decoded only once", "GET", "/api/v1/members/FI%253A", "", nil, 200, "FI%3A"},
			{"slash inside", "GET", "/api/v1/members/a%2Fb", "", nil, 200, "a/b"},
			{"unknown path", "GET", "/api/v1/nothing", "", nil, 404, `{"status":404}`},
			{"outside", "GET", "/api/v2", "", nil, 404, `{"status":404}`},
			{"unknown method", "PATCH", "/api/v1/members", "", nil, 404, `{"status":404}`},
			{"may not", "GET", "/api/v1/api-keys", "", nil, 403, `{"status":403}`},
		} {
			a := w.do(c.method, c.path, c.body, append([]with{in}, c.options...)...)
			require.Equal(t, c.status, a.status, "%s: %s", c.name, a.body)
			require.Equal(t, c.want, a.body, c.name)
		}
		require.Equal(t, "Access check failed", w.lastRecord()["event"])

		a := w.do("POST", "/api/v1/members", `{"unknown":{"a":null},"member_name":"  x\u00a0y ","member_id":{"member_class":null,"member_class":"GOV","member_code":12}}`, in)
		require.Equal(t, 201, a.status, a.body)
		require.JSONEq(t, `{"unknown":{"a":null},"member_name":"x\u00a0y","connection_type":"HTTPS","member_id":{"member_class":"GOV","member_code":"12"}}`, string(w.body))

		stream := w.do("POST", "/api/v1/anchor", "", in, header("Content-Type", "application/octet-stream"), func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, 2<<20))), -1 // length not told
		})
		require.Equal(t, 413, stream.status)
	})
}

func TestEveryChangeLeavesItsRecord(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		in := w.login("officer")
		made := w.do("POST", "/api/v1/members/", `{"member_id":{"member_class":"GOV","member_code":"1"}}`, in)
		require.Equal(t, 201, made.status)
		require.Equal(t, `{"made":"yes"}`, made.body)
		list := w.records()
		require.Equal(t, `{"event":"Add member","user":"officer","ipaddress":"127.0.0.1","auth":"Session","url":"/api/v1/members","data":{"memberCode":"1"}}`, list[len(list)-1])

		for _, c := range []struct{ method, path, body, answer, event, reason string }{
			{"POST", "/members", `{"member_id":{"member_class":"GOV","member_code":"exists"}}`,
				`{"status":409,"error":{"code":"member_exists","metadata":["GOV:1"]}}`, "Add member failed", "Member exists"},
			{"POST", "/members", `{}`,
				`{"status":400,"error":{"code":"validation_failure","validation_errors":{"memberAddDto.memberId":["NotNull"]}}}`, "Add member failed", "Missing parameter: 'memberId'"},
			{"DELETE", "/members/gone", "", `{"status":404,"error":{"code":"member_not_found","metadata":["gone"]}}`, "Delete member failed", "No such member"},
			{"DELETE", "/members/x", "", `{"status":500}`, "Delete member failed", "Internal error"},
			{"DELETE", "/members/panic", "", `{"status":500}`, "Delete member failed", "Internal error"},
			{"DELETE", "/members/refused", "", "", "Delete member failed", "Conflict"},
		} {
			before := len(w.records())
			a := w.do(c.method, "/api/v1"+c.path, c.body, in)
			require.Equal(t, c.answer, a.body, c.path)
			require.Equal(t, c.event, w.lastRecord()["event"], c.path)
			require.Equal(t, c.reason, w.lastRecord()["reason"], c.path)
			require.Len(t, w.records(), before+1, c.path)
		}

		before := len(w.records())
		a := w.do("DELETE", "/api/v1/members/forgets", "", in)
		require.Equal(t, `{"status":500}`, a.body, "a success without its record is not told")
		require.Len(t, w.records(), before)
		require.Equal(t, 200, w.do("GET", "/api/v1/members/x", "", in).status)
		require.Len(t, w.records(), before, "reading leaves none")
	})
}

func TestRates(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.server.Close()
		w.start(5)
		for range 5 {
			require.Equal(t, 401, w.do("GET", "/api/v1/user", "").status)
		}
		a := w.do("GET", "/api/v1/user", "")
		require.Equal(t, `{"status":429}`, a.body)
		require.Equal(t, 200, w.do("GET", "/healthz", "").status)
		w.wait(time.Minute)
		require.Equal(t, 401, w.do("GET", "/api/v1/user", "").status)
	})
}

func TestLogInIsThrottled(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		form := header("Content-Type", "application/x-www-form-urlencoded")
		for range 5 {
			require.Equal(t, 401, w.do("POST", "/login", "username=officer&password=x", form).status)
		}
		require.Equal(t, 429, w.do("POST", "/login", "username=officer&password=correct+horse", form).status)
		require.Equal(t, 200, w.do("POST", "/login", "username=admin&password=correct+horse", form).status)
		w.wait(11 * time.Second)
		require.Equal(t, 200, w.do("POST", "/login", "username=officer&password=correct+horse", form).status)
		require.Equal(t, 415, w.do("POST", "/login", `{"username":"officer"}`).status)
	})
}

func TestSpecIsServedAndTLSIsModern(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		require.Equal(t, strings.TrimSpace(spec), w.do("GET", "/api/v1/openapi.yaml", "").body)
		_, err := tls.Dial("tcp", strings.TrimPrefix(w.server.URL, "https://"), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11})
		require.Error(t, err)
	})
}

func TestFileThatDoesNotSayEnoughIsRefused(t *testing.T) {
	db := testkit.SQLite(t, time.Now, shared)
	service := auth.New(auth.Config{Store: authdb.New(db), Policy: policy})
	for _, c := range []struct{ operation, want string }{
		{"get: {operationId: a, responses: {}}", "say who may call it"},
		{"get: {operationId: a, x-public: true, x-permissions: [], responses: {}}", "say who may call it"},
		{"get: {operationId: a, x-permissions: A, responses: {}}", "x-permissions must be a list"},
		{"get: {x-permissions: [], responses: {}}", "no operationId"},
		{"post: {operationId: a, x-permissions: [], responses: {}}", "it changes something: say x-audit-event"},
		{"delete: {operationId: a, x-permissions: [], x-audit-event: '', responses: {}}", "it changes something: say x-audit-event"},
		{"post: {operationId: a, x-permissions: [], x-read-only: true, x-max-body: lots, responses: {}}", "x-max-body lots"},
	} {
		file := "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n  /a:\n    " + c.operation + "\n"
		_, err := httpapi.New(httpapi.Config{Spec: []byte(file), Auth: service, DB: db})
		require.ErrorContains(t, err, c.want, c.operation)
	}
	_, err := httpapi.New(httpapi.Config{Spec: []byte("openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\n"), Auth: service, DB: db})
	require.ErrorContains(t, err, "version 3.1.0: use 3.0")
}
