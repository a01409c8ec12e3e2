package adminui_test

import (
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/adminui"
)

func TestServing(t *testing.T) {
	files := fstest.MapFS{"index.html": {Data: []byte("<p>index")}, "assets/a-1.js": {Data: []byte("1")}, "mark.svg": {Data: []byte("<svg/>")}, ".keep": {}}
	for _, c := range []struct {
		path, body, cache string
		status            int
	}{
		{"/", "<p>index", "no-store", 200},
		{"/index.html", "<p>index", "no-store", 200},
		{"/members/X:GOV:1/details", "<p>index", "no-store", 200},
		{"/assets/a-1.js", "1", "public, max-age=31536000, immutable", 200},
		{"/assets/old-0.js", "404 page not found\n", "", 404},
		{"/mark.svg", "<svg/>", "no-cache", 200},
		{"/.keep", "<p>index", "no-store", 200},
		{"/../../etc/passwd", "<p>index", "no-store", 200},
	} {
		answer := httptest.NewRecorder()
		adminui.New(files).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", c.path, nil))
		require.Equal(t, c.status, answer.Code, c.path)
		require.Equal(t, c.body, answer.Body.String(), c.path)
		require.Equal(t, c.cache, answer.Header().Get("Cache-Control"), c.path)
		require.Contains(t, answer.Header().Get("Content-Security-Policy"), "default-src 'self'")
		require.NotContains(t, answer.Header().Get("Content-Security-Policy"), "script-src")
	}
}

func TestNotBuilt(t *testing.T) {
	answer := httptest.NewRecorder()
	adminui.New(fstest.MapFS{".keep": {}}).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/members", nil))
	require.Equal(t, 503, answer.Code)
	require.Contains(t, answer.Body.String(), "make ui build")
}
