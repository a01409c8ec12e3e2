package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ristmik/ristmik/pkg/observe"
)

func TestLoggerWritesJSONInUTC(t *testing.T) {
	var out bytes.Buffer
	log, err := observe.Logger(&out, "warn")
	require.NoError(t, err)
	log.Info("quiet")
	log.Warn("loud", zap.String("a", "b"))
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "loud", line["msg"])
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, line["time"])
	_, err = observe.Logger(&out, "loud")
	require.ErrorContains(t, err, `log level "loud"`)
}

func TestHandler(t *testing.T) {
	var broken error
	h := observe.Handler(observe.Registry(), zap.NewNop(), observe.Check{Name: "database", Run: func(context.Context) error { return broken }})
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	code, body := get("/healthz")
	require.Equal(t, 200, code)
	require.Equal(t, "OK\n", body)
	code, body = get("/readyz")
	require.Equal(t, 200, code)
	require.JSONEq(t, `{"ready":true,"failed":[]}`, body)
	broken = errors.New("secret cause")
	code, body = get("/readyz")
	require.Equal(t, 503, code)
	require.JSONEq(t, `{"ready":false,"failed":["database"]}`, body)
	_, body = get("/metrics")
	require.Contains(t, body, "go_goroutines")
}
