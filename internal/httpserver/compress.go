package httpserver

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

// minCompressed is the least size of a first write that is worth compressing:
// most answers of the exam path are smaller, and are written at once.
const minCompressed = 1024

var gzips = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		return gzip.NewWriter(io.Discard)
	}
	return w
}}

// compress sends text of some size as gzip to those who take it. Event streams
// and what is compressed already pass as they are.
func compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !acceptsGzip(r.Header.Get("Accept-Encoding")) || r.Method == http.MethodHead || r.Header.Get("Range") != "" {
			next.ServeHTTP(w, r)
			return
		}
		cw := &compressWriter{ResponseWriter: w}
		defer cw.close()
		next.ServeHTTP(cw, r)
	})
}

func acceptsGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		coding, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding == "gzip" {
			q := strings.ReplaceAll(quality, " ", "")
			return strings.Trim(strings.TrimPrefix(q, "q="), "0.") != "" || q == ""
		}
	}
	return false
}

// compressWriter decides at the first write, when the size of the answer can
// be guessed and its type is known.
type compressWriter struct {
	http.ResponseWriter
	status  int // sent with the first write; 0 until known
	decided bool
	gzip    *gzip.Writer
}

// WriteHeader implements http.ResponseWriter.
func (w *compressWriter) WriteHeader(status int) {
	if status < 200 {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if w.status == 0 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *compressWriter) Write(p []byte) (int, error) {
	w.decide(len(p))
	if w.gzip != nil {
		return w.gzip.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

func (w *compressWriter) decide(size int) {
	if w.decided {
		return
	}
	w.decided = true
	if w.status == 0 {
		w.status = http.StatusOK
	}
	h := w.Header()
	if compressible(h.Get("Content-Type")) && h.Get("Content-Encoding") == "" {
		h.Add("Vary", "Accept-Encoding")
		if size >= minCompressed && w.status != http.StatusNoContent && w.status != http.StatusNotModified {
			h.Set("Content-Encoding", "gzip")
			h.Del("Content-Length")
			w.gzip = gzips.Get().(*gzip.Writer)
			w.gzip.Reset(w.ResponseWriter)
		}
	}
	w.ResponseWriter.WriteHeader(w.status)
}

// Flush implements http.Flusher.
func (w *compressWriter) Flush() {
	w.decide(0)
	if w.gzip != nil {
		_ = w.gzip.Flush() // the next write meets the same error
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap serves http.ResponseController.
func (w *compressWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *compressWriter) close() {
	if !w.decided && w.status != 0 {
		w.decide(0)
	}
	if w.gzip == nil {
		return
	}
	_ = w.gzip.Close() // the client has gone: nobody to tell
	w.gzip.Reset(io.Discard)
	gzips.Put(w.gzip)
}

func compressible(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	switch strings.TrimSpace(media) {
	case "application/json", "application/problem+json", "application/openapi+json", "text/html", "text/css",
		"text/javascript", "text/plain", "text/csv", "text/vtt", "image/svg+xml", "application/xml":
		return true
	}
	return false
}
