package mediastore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/problem"
)

func newStore(t *testing.T) (*Store, *blob.Bucket) {
	t.Helper()
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	return New(bucket, slog.New(slog.NewTextHandler(t.Output(), nil))), bucket
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func opened(text string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

func keys(t *testing.T, bucket *blob.Bucket) []string {
	t.Helper()
	found := []string{}
	for list := bucket.List(nil); ; {
		object, err := list.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		found = append(found, object.Key)
	}
}

func TestWhatCannotBeReadOrIsRefusedLeavesNothing(t *testing.T) {
	t.Parallel()
	s, bucket := newStore(t)
	broken := errors.New("broken off")
	require.ErrorIs(t, s.Write(t.Context(), "a", "text/plain", io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), nil), broken)
	refused := errors.New("refused")
	require.ErrorIs(t, s.Write(t.Context(), "a", "text/plain", strings.NewReader("x"), func() error { return refused }), refused)
	require.ErrorContains(t, s.PutMedia(t.Context(), digestOf("x"), "text/plain", opened("y")), "has changed")
	_, err := s.ReceiveMedia(t.Context(), "text/plain", strings.NewReader("x"), func() error { return refused })
	require.ErrorIs(t, err, refused)
	require.Empty(t, keys(t, bucket))
}

func TestMediaAreKeptOnceByTheirDigest(t *testing.T) {
	t.Parallel()
	s, bucket := newStore(t)
	require.NoError(t, s.PutMedia(t.Context(), digestOf("x"), "text/plain", opened("x")))
	require.NoError(t, s.PutMedia(t.Context(), digestOf("x"), "text/plain", func() (io.ReadCloser, error) {
		return nil, errors.New("what is there is not opened again")
	}))
	digest, err := s.ReceiveMedia(t.Context(), "text/plain", strings.NewReader("x"), nil)
	require.NoError(t, err)
	require.Equal(t, digestOf("x"), digest)
	require.Equal(t, []string{"media/" + digest}, keys(t, bucket))
}

func TestSweepTakesOldUploadsAndNoMedia(t *testing.T) {
	t.Parallel()
	s, bucket := newStore(t)
	for _, key := range []string{"imports/1", "incoming/2", "media/3"} {
		require.NoError(t, s.Write(t.Context(), key, "text/plain", strings.NewReader("x"), nil))
	}
	require.NoError(t, s.Sweep(t.Context(), "imports/", time.Now().Add(-time.Hour)))
	require.Len(t, keys(t, bucket), 3)
	require.NoError(t, s.Sweep(t.Context(), "imports/", time.Now().Add(time.Hour)))
	require.Equal(t, []string{"media/3"}, keys(t, bucket))
}

// served asks for a signed URL.
func served(t *testing.T, s *Store, signer *mediaurl.Signer, signed string, now time.Time, header ...string) (*httptest.ResponseRecorder, error) {
	t.Helper()
	u, err := url.Parse(signed)
	require.NoError(t, err)
	digest, name, _ := strings.Cut(strings.TrimPrefix(u.Path, mediaurl.Prefix), "/")
	r := httptest.NewRequestWithContext(t.Context(), "GET", signed, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	return w, s.Serve(w, r, signer, digest, name, now)
}

func TestServingAsTheURLAllows(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	signer, err := mediaurl.New(bytes.Repeat([]byte{1}, mediaurl.MinKeyBytes), time.Hour)
	require.NoError(t, err)
	now := time.Now()
	const text = "<svg onload='alert(1)'/>"
	require.NoError(t, s.PutMedia(t.Context(), digestOf(text), "image/svg+xml", opened(text)))
	signed := signer.URL(digestOf(text), "a b.svg", signer.Expiry(now))

	w, err := served(t, s, signer, signed, now)
	require.NoError(t, err)
	require.Equal(t, text, w.Body.String())
	require.Equal(t, "image/svg+xml", w.Header().Get("Content-Type"))
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "sandbox; default-src 'none'")
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, `inline; filename="a b.svg"`, w.Header().Get("Content-Disposition"))

	w, err = served(t, s, signer, signed, now, "Range", "bytes=-4")
	require.NoError(t, err)
	require.Equal(t, http.StatusPartialContent, w.Code)
	require.Equal(t, "1)'/>"[1:], w.Body.String())

	_, err = served(t, s, signer, signed, now.Add(2*time.Hour))
	require.True(t, problem.Is(err, "media-url-expired"))
	_, err = served(t, s, signer, strings.Replace(signed, "a%20b.svg", "a%20b.html", 1), now)
	require.True(t, problem.Is(err, "media-url-forged"), "the name decides the type, so it is signed")
	_, err = served(t, s, signer, signer.URL(digestOf("nothing"), "a.png", signer.Expiry(now)), now)
	require.Equal(t, problem.NotFound, problem.Of(err).Code)
}

func TestWhatIsNotKnownToBeHarmlessIsDownloaded(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"a.exe": "attachment; filename=a.exe", "a": "attachment; filename=a", "ü.pdf": "inline; filename*=utf-8''%C3%BC.pdf"} {
		_, show := MediaType(name)
		require.Equal(t, want, Disposition(name, show))
	}
}

func TestADownloadIsNeverShown(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	require.NoError(t, s.Write(t.Context(), "handed-in/1", "text/html", strings.NewReader("<script>"), nil))
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	require.NoError(t, s.Download(w, r, "handed-in/1", "essay.html"))
	require.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
	require.Equal(t, "attachment; filename=essay.html", w.Header().Get("Content-Disposition"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, problem.NotFound, problem.Of(s.Download(w, r, "handed-in/2", "essay.html")).Code)
}
