package mediastore

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/problem"
)

// Serve sends a file to whoever holds a URL of it that the signer has signed.
func (s *Store) Serve(w http.ResponseWriter, r *http.Request, signer *mediaurl.Signer, digest, name string, now time.Time) error {
	query := r.URL.Query()
	expires, err := signer.Verify(digest, name, query.Get("expires"), query.Get("signature"), now)
	switch {
	case errors.Is(err, mediaurl.ErrExpired):
		return problem.New(problem.Forbidden, "media-url-expired", "The URL has expired. Read the page again to get a new one.")
	case err != nil:
		return problem.New(problem.Forbidden, "media-url-forged", "The URL is not one that the platform has signed.")
	}
	content, err := s.OpenMedia(r.Context(), digest)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return problem.NotFoundf("There is no such file.")
	}
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	mediaType, show := MediaType(name)
	h := w.Header()
	h.Set("ETag", `"`+digest+`"`)
	// The URL dies with its signature, the content under it never changes.
	left := max(0, int64(expires.Sub(now)/time.Second))
	h.Set("Cache-Control", "public, max-age="+strconv.FormatInt(left, 10)+", immutable")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Referrer-Policy", "no-referrer")
	send(w, r, content, mediaType, Disposition(name, show))
	return nil
}

// Download sends a file for the caller to keep, whoever the caller is. What a
// browser would make of it does not matter: it is not shown.
func (s *Store) Download(w http.ResponseWriter, r *http.Request, key, name string) error {
	content, err := s.Open(r.Context(), key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return problem.NotFoundf("There is no such file.")
	}
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	send(w, r, content, "application/octet-stream", Disposition(name, false))
	return nil
}

// send sends a file so that, whatever it contains, it runs nothing and has no
// origin.
func send(w http.ResponseWriter, r *http.Request, content *blob.Reader, mediaType, disposition string) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", disposition)
	h.Set("X-Content-Type-Options", "nosniff")
	if mediaType != "application/pdf" { // browsers' viewers do not run in a sandbox
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'")
	}
	http.ServeContent(w, r, "", time.Time{}, boundedSeeker{content})
}

// boundedSeeker never lets the blob reader seek past its end, which it would
// complain about in the log.
type boundedSeeker struct{ *blob.Reader }

func (s boundedSeeker) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		offset = min(offset, s.Size())
	}
	return s.Reader.Seek(offset, whence)
}

// MediaType decides by the name, which is signed, how a file is served: what is
// not known to be harmless is downloaded, not shown.
func MediaType(name string) (mediaType string, show bool) {
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return "image/png", true
	case ".jpg", ".jpeg":
		return "image/jpeg", true
	case ".gif":
		return "image/gif", true
	case ".webp":
		return "image/webp", true
	case ".avif":
		return "image/avif", true
	case ".svg":
		return "image/svg+xml", true
	case ".mp3":
		return "audio/mpeg", true
	case ".ogg", ".oga":
		return "audio/ogg", true
	case ".wav":
		return "audio/wav", true
	case ".mp4", ".m4v":
		return "video/mp4", true
	case ".webm":
		return "video/webm", true
	case ".vtt":
		return "text/vtt; charset=utf-8", true
	case ".txt", ".srt":
		return "text/plain; charset=utf-8", true
	case ".html", ".htm":
		return "text/html; charset=utf-8", true
	case ".css":
		return "text/css; charset=utf-8", true
	case ".pdf":
		return "application/pdf", true
	case ".json", ".sjson":
		return "application/json", true
	}
	return "application/octet-stream", false
}

// Disposition is safe for every name: mime.FormatMediaType quotes it, or encodes
// it as RFC 8187 says.
func Disposition(name string, show bool) string {
	how := "attachment"
	if show {
		how = "inline"
	}
	if value := mime.FormatMediaType(how, map[string]string{"filename": name}); value != "" {
		return value
	}
	return how
}
