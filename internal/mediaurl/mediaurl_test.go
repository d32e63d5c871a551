package mediaurl

import (
	"bytes"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	digest = strings.Repeat("0a", 32)
	noon   = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
)

func signer(t *testing.T) *Signer {
	t.Helper()
	s, err := New(bytes.Repeat([]byte{7}, 32), 4*time.Hour)
	require.NoError(t, err)
	return s
}

// parts takes a signed URL apart the way a server does.
func parts(t *testing.T, signed string) (sha, name, expires, signature string) {
	t.Helper()
	u, err := url.Parse(signed)
	require.NoError(t, err)
	sha, name, ok := strings.Cut(strings.TrimPrefix(u.Path, Prefix), "/")
	require.True(t, ok)
	return sha, name, u.Query().Get("expires"), u.Query().Get("signature")
}

func TestURLIsGoodUntilItExpires(t *testing.T) {
	t.Parallel()
	s := signer(t)
	for _, file := range []string{"plain.png", "with space & more.png", "größe?#%.svg", "a+b=c;d.jpg"} {
		sha, name, expires, signature := parts(t, s.URL(digest, file, s.Expiry(noon)))
		require.Equal(t, file, name)
		at, err := s.Verify(sha, name, expires, signature, noon)
		require.NoError(t, err)
		require.WithinRange(t, at, noon.Add(2*time.Hour), noon.Add(4*time.Hour))
		_, err = s.Verify(sha, name, expires, signature, at)
		require.ErrorIs(t, err, ErrExpired)
	}
}

func TestURLsOfOneStepAreEqual(t *testing.T) {
	t.Parallel()
	s := signer(t)
	require.Equal(t, s.Expiry(noon), s.Expiry(noon.Add(time.Hour+59*time.Minute)))
	require.NotEqual(t, s.Expiry(noon), s.Expiry(noon.Add(2*time.Hour)))
}

func TestEveryPartIsSigned(t *testing.T) {
	t.Parallel()
	s := signer(t)
	sha, name, expires, signature := parts(t, s.URL(digest, "a.png", s.Expiry(noon)))
	for what, try := range map[string][4]string{
		"digest":         {strings.Repeat("0b", 32), name, expires, signature},
		"name":           {sha, "a.html", expires, signature},
		"expiry":         {sha, name, expires + "0", signature},
		"signature":      {sha, name, expires, strings.Repeat("A", len(signature))},
		"no signature":   {sha, name, expires, ""},
		"not a number":   {sha, name, "soon", signature},
		"padded":         {sha, name, expires, signature + "="},
		"moved boundary": {sha, name + "\n" + expires, "", signature},
	} {
		_, err := s.Verify(try[0], try[1], try[2], try[3], noon)
		require.ErrorIs(t, err, ErrForged, what)
	}
	other, err := New(bytes.Repeat([]byte{8}, 32), 4*time.Hour)
	require.NoError(t, err)
	_, err = other.Verify(sha, name, expires, signature, noon)
	require.ErrorIs(t, err, ErrForged, "another key")
}

func TestRenderHTML(t *testing.T) {
	t.Parallel()
	s := signer(t)
	escaped := html.EscapeString("asset:" + digest + "/" + url.PathEscape("a & b.png"))
	markup := `<img src="` + escaped + `" alt="x"><video poster="asset:` + digest + `/x.png"></video>` +
		`<a href="asset:` + digest + `/y.png">asset:</a><a href="https://example.org/asset:none">asset:</a>`
	got := s.RenderHTML(markup, s.Expiry(noon))
	require.NotContains(t, got, "asset:0a")
	require.Contains(t, got, `<a href="https://example.org/asset:none">asset:</a>`)
	links := regexp.MustCompile(`/v1/media/[^\s"]+`).FindAllString(got, -1)
	require.Len(t, links, 3)
	names := make([]string, 0, len(links))
	for _, link := range links {
		sha, name, expires, signature := parts(t, html.UnescapeString(link))
		_, err := s.Verify(sha, name, expires, signature, noon)
		require.NoError(t, err, link)
		names = append(names, name)
	}
	require.Equal(t, []string{"a & b.png", "x.png", "y.png"}, names)
}

func TestParseAssetRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "asset:", "asset:abc/x.png", "https://example.org/x.png", "asset:" + digest, "asset:" + digest + "/",
		"asset:" + digest + "/%2e%2e%2fx", "asset:" + digest + "/%zz", "asset:" + strings.ToUpper(digest) + "/x.png",
	} {
		_, _, ok := ParseAsset(raw)
		require.False(t, ok, raw)
	}
}

func TestNewRefusesWeakKeys(t *testing.T) {
	t.Parallel()
	_, err := New(make([]byte, 31), time.Hour)
	require.Error(t, err)
	_, err = New(make([]byte, 32), time.Second)
	require.Error(t, err)
}

// Whoever may write a text must not get every file signed whose digest they
// know: it is in the URLs that have expired, and in entity tags.
func TestRenderHTMLSignsNoTexts(t *testing.T) {
	t.Parallel()
	s := signer(t)
	forged := "asset:" + digest + "/x.html"
	for _, markup := range []string{
		forged, "<p>" + forged + "</p>", `<img title="` + forged + `" alt="` + forged + `">`, "<p>" + html.EscapeString(` src="`+forged+`"`) + "</p>",
		`<img alt="` + html.EscapeString(` src="`+forged) + `">`, `<a href="https://example.org/` + forged + `">x</a>`, `<div data-src="` + forged + `"></div>`,
	} {
		require.Equal(t, markup, s.RenderHTML(markup, s.Expiry(noon)))
	}
}

func TestAnotherPathHasURLsOfItsOwn(t *testing.T) {
	t.Parallel()
	courses := signer(t)
	banks := courses.Below("/v1/item-media/")
	expires := courses.Expiry(noon)
	signed := banks.URL(digest, "a.png", expires)
	require.True(t, strings.HasPrefix(signed, "/v1/item-media/"+digest+"/a.png?"), signed)
	u, err := url.Parse(signed)
	require.NoError(t, err)
	at, signature := u.Query().Get("expires"), u.Query().Get("signature")
	_, err = banks.Verify(digest, "a.png", at, signature, noon)
	require.NoError(t, err)
	_, err = courses.Verify(digest, "a.png", at, signature, noon)
	require.ErrorIs(t, err, ErrForged)
	_, _, at, signature = parts(t, courses.URL(digest, "a.png", expires))
	_, err = banks.Verify(digest, "a.png", at, signature, noon)
	require.ErrorIs(t, err, ErrForged)
	require.Contains(t, banks.RenderHTML(`<img src="asset:`+digest+`/a.png">`, expires), `"/v1/item-media/`)
}
