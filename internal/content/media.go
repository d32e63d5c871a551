package content

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/problem"
)

const mediaKeySetting = "media_signing_key"

// MediaSigner returns the signer of media URLs: the one the module was given,
// or else one whose key the first process to need it has put into the database.
// Modules that serve markup with media in it need the same one.
func (m *Module) MediaSigner(ctx context.Context) (*mediaurl.Signer, error) {
	if s := m.signer.Load(); s != nil {
		return s, nil
	}
	key, err := m.KeptMediaKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("get the key that signs media URLs: %w", err)
	}
	s, err := mediaurl.New(key, m.cfg.MediaURLTTL)
	if err != nil {
		return nil, err
	}
	m.signer.Store(s)
	return s, nil
}

// KeptMediaKey is the key that is kept in the database. It is made by whoever
// asks first.
func (m *Module) KeptMediaKey(ctx context.Context) ([]byte, error) {
	const load = `select value from content.settings where name = $1`
	key, found, err := one(ctx, m.db.Pool, pgx.RowTo[[]byte], load, mediaKeySetting)
	if err != nil || found {
		return key, err
	}
	fresh := make([]byte, mediaurl.MinKeyBytes)
	if _, err := rand.Read(fresh); err != nil {
		return nil, err
	}
	_, err = m.db.Pool.Exec(ctx,
		`insert into content.settings (name, value) values ($1, $2) on conflict do nothing`, mediaKeySetting, fresh)
	if err != nil {
		return nil, err
	}
	// Another replica may have been first.
	key, _, err = one(ctx, m.db.Pool, pgx.RowTo[[]byte], load, mediaKeySetting)
	return key, err
}

// serveMedia sends a file to whoever holds a signed URL of it.
func (m *Module) serveMedia(w http.ResponseWriter, r *http.Request, digest, name string) error {
	signer, err := m.MediaSigner(r.Context())
	if err != nil {
		return err
	}
	query := r.URL.Query()
	expires, err := signer.Verify(digest, name, query.Get("expires"), query.Get("signature"), m.now())
	switch {
	case errors.Is(err, mediaurl.ErrExpired):
		return problem.New(problem.Forbidden, "media-url-expired", "The URL has expired. Read the page again to get a new one.")
	case err != nil:
		return problem.New(problem.Forbidden, "media-url-forged", "The URL is not one that the platform has signed.")
	}
	content, err := m.blobs.NewReader(r.Context(), mediaKey(digest), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return problem.NotFoundf("There is no such file.")
	}
	if err != nil {
		return fmt.Errorf("read %s from the blob store: %w", digest, err)
	}
	defer func() { _ = content.Close() }()
	mediaType, show := mediaTypeOf(name)
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", disposition(name, show))
	h.Set("ETag", `"`+digest+`"`)
	// The URL dies with its signature, the content under it never changes.
	left := max(0, int64(expires.Sub(m.now())/time.Second))
	h.Set("Cache-Control", "public, max-age="+strconv.FormatInt(left, 10)+", immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Referrer-Policy", "no-referrer")
	if mediaType != "application/pdf" { // browsers' viewers do not run in a sandbox
		// Whatever a file contains, it runs nothing and has no origin.
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'")
	}
	http.ServeContent(w, r, "", time.Time{}, boundedSeeker{content})
	return nil
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

// mediaTypeOf decides by the name, which is signed, how a file is served: what
// is not known to be harmless is downloaded, not shown.
func mediaTypeOf(name string) (mediaType string, show bool) {
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

// disposition is safe for every name: mime.FormatMediaType quotes it, or
// encodes it as RFC 8187 says.
func disposition(name string, show bool) string {
	how := "attachment"
	if show {
		how = "inline"
	}
	if value := mime.FormatMediaType(how, map[string]string{"filename": name}); value != "" {
		return value
	}
	return how
}
