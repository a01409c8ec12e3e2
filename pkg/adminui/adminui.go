// Package adminui is the two administrators' interfaces: what Vite made of src/central and src/security, embedded, and the handler that serves it.
package adminui

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// The folders hold .keep only until `make ui` has run, so that go build works without Node.
var (
	//go:embed all:dist/central
	central embed.FS
	//go:embed all:dist/security
	security embed.FS
)

// policy lets a page load what came with it and nothing else. Vuetify writes its theme into a style element, hence style-src.
const policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const notBuilt = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Interface not built</title></head>
<body><h1>The interface is not built</h1><p>This program was built without it. Run <code>make ui build</code> on a machine with Node.js 20 and start it again.
The REST API is not affected.</p></body></html>
`

// Central serves the central server's interface.
func Central() http.Handler { return serve(central, "dist/central") }

// Security serves the security server's interface.
func Security() http.Handler { return serve(security, "dist/security") }

func serve(files embed.FS, folder string) http.Handler {
	sub, err := fs.Sub(files, folder)
	if err != nil { // the folder is a constant above
		panic(err)
	}
	return New(sub)
}

// New serves an interface from files: what lies in assets/ has its hash in its name and is cached for ever; every other path that is not a file is the
// application's own and gets index.html, which is never cached. Files without index.html are an interface that was not built.
func New(files fs.FS) http.Handler {
	index, err := fs.ReadFile(files, "index.html")
	built := err == nil
	if !built {
		index = []byte(notBuilt)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		if built && name != "index.html" && !strings.HasPrefix(path.Base(name), ".") {
			if info, err := fs.Stat(files, name); err == nil && info.Mode().IsRegular() {
				h.Set("Cache-Control", "no-cache")
				if strings.HasPrefix(name, "assets/") {
					h.Set("Cache-Control", "public, max-age=31536000, immutable")
				}
				http.ServeFileFS(w, r, files, name)
				return
			}
		}
		if strings.HasPrefix(name, "assets/") { // a page of an older version must not take index.html for its script
			http.NotFound(w, r)
			return
		}
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Type", "text/html; charset=utf-8")
		if !built {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write(index)
	})
}
