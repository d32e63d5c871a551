package httpserver

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/go-chi/chi/v5"
)

//go:embed docs
var docsFiles embed.FS

// newRouteContext is what chi needs to look a route up beside a request.
func newRouteContext() *chi.Context { return chi.NewRouteContext() }

// mountDocs serves the description of the API and a page to read it with. The
// page loads nothing from elsewhere.
func (s *Server) mountDocs() {
	document := s.OpenAPI
	if s.options.Document != nil {
		document = s.options.Document
	}
	s.mux.Get("/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		text, err := document()
		if err != nil {
			WriteProblem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(text) // the client has gone: nobody to tell
	})
	s.mux.Get("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{ // the client has gone: nobody to tell
			"service": "lyceum", "version": s.options.Version, "documentation": "/docs", "openapi": "/openapi.json",
		})
	})
	for path, file := range map[string]struct{ name, contentType string }{
		"/docs":          {"index.html", "text/html; charset=utf-8"},
		"/docs/docs.js":  {"docs.js", "text/javascript; charset=utf-8"},
		"/docs/docs.css": {"docs.css", "text/css; charset=utf-8"},
	} {
		text, err := fs.ReadFile(docsFiles, "docs/"+file.name)
		if err != nil {
			s.mistake("read the documentation page: %w", fmt.Errorf("%s: %w", file.name, err))
		}
		s.mux.Get(path, func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Content-Type", file.contentType)
			h.Set("Cache-Control", "no-cache")
			h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
				"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
			_, _ = w.Write(text) // the client has gone: nobody to tell
		})
	}
}
