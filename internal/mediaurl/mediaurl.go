// Package mediaurl makes and checks the signed, expiring URLs under which media
// are handed out. Whoever holds such a URL may fetch that one file until it
// expires, and nothing else; so the URLs are made when a page is rendered and
// are never stored.
//
// It is pure: the key and the time are arguments. Every module that serves
// markup with "asset:" URLs in it can render them, if it is given the key.
package mediaurl

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Prefix is the path below which the files of courses are served, and what a
// new Signer signs for.
const Prefix = "/v1/media/"

// MinKeyBytes is the least length of a signing key.
const MinKeyBytes = 32

// Signer signs and checks media URLs with one key, below one path.
type Signer struct {
	key    []byte
	step   time.Duration
	prefix string
}

// New returns a signer whose URLs live for between ttl/2 and ttl: all URLs made
// within half a ttl expire at the same moment and are therefore equal, which
// lets browsers and caches keep what they have.
func New(key []byte, ttl time.Duration) (*Signer, error) {
	if len(key) < MinKeyBytes {
		return nil, fmt.Errorf("the media signing key has %d bytes, fewer than %d", len(key), MinKeyBytes)
	}
	if ttl < 2*time.Second {
		return nil, fmt.Errorf("media URLs would live for %s, less than 2 s", ttl)
	}
	return &Signer{key: key, step: (ttl / 2).Truncate(time.Second), prefix: Prefix}, nil
}

// Below returns a signer with the same key for files that are served below
// another path, which begins and ends with a slash. A URL of the one is none of
// the other.
func (s *Signer) Below(prefix string) *Signer {
	other := *s
	other.prefix = prefix
	return &other
}

// Expiry is when the URLs made at this time expire.
func (s *Signer) Expiry(now time.Time) time.Time { return now.Truncate(s.step).Add(2 * s.step).UTC() }

// URL is the signed path of a file. digest is its SHA-256 in lower-case hex,
// name the plain file name, which decides the media type.
func (s *Signer) URL(digest, name string, expires time.Time) string {
	at := strconv.FormatInt(expires.Unix(), 10)
	return s.prefix + digest + "/" + url.PathEscape(name) +
		"?expires=" + at + "&signature=" + base64.RawURLEncoding.EncodeToString(s.mac(digest, name, at))
}

// The ways in which a URL is not good.
var (
	ErrForged  = errors.New("the signature does not belong to this URL")
	ErrExpired = errors.New("the URL has expired")
)

// Verify checks the parts of a URL and returns when it expires.
func (s *Signer) Verify(digest, name, expires, signature string, now time.Time) (time.Time, error) {
	given, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || !hmac.Equal(given, s.mac(digest, name, expires)) {
		return time.Time{}, ErrForged
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return time.Time{}, ErrForged
	}
	at := time.Unix(seconds, 0).UTC()
	if !now.Before(at) {
		return time.Time{}, ErrExpired
	}
	return at, nil
}

func (s *Signer) mac(digest, name, expires string) []byte {
	mac := hmac.New(sha256.New, s.key)
	// The length of the name keeps one field from running into the next.
	fmt.Fprintf(mac, "lyceum media 1\n%s\n%d\n%s\n%s", digest, len(name), name, expires)
	if s.prefix != Prefix { // whose URLs are out in a form without it
		fmt.Fprintf(mac, "\n%s", s.prefix)
	}
	return mac.Sum(nil)
}

// assetPattern matches the "asset:<sha256>/<escaped name>" URLs of stored,
// sanitised markup, with the attribute that they are the value of. What an author
// wrote in a text or a title looks the same, but is not for signing: that would
// hand out any file whose digest they know. Quotes in texts and values are
// escaped there, so nothing else looks like an attribute.
var assetPattern = regexp.MustCompile(`( (?:href|src|poster)=")(asset:[0-9a-f]{64}/[^\s"'<>(),]+)`)

// RenderHTML replaces the asset URLs in sanitised HTML by signed ones.
func (s *Signer) RenderHTML(markup string, expires time.Time) string {
	if !strings.Contains(markup, "asset:") {
		return markup
	}
	return assetPattern.ReplaceAllStringFunc(markup, func(found string) string {
		attribute, raw, _ := strings.Cut(found, `"`)
		signed, ok := s.asset(html.UnescapeString(raw), expires)
		if !ok {
			return found
		}
		return attribute + `"` + html.EscapeString(signed)
	})
}

// RenderURL replaces a URL that stands alone, if it is an asset URL.
func (s *Signer) RenderURL(raw string, expires time.Time) string {
	if signed, ok := s.asset(raw, expires); ok {
		return signed
	}
	return raw
}

func (s *Signer) asset(raw string, expires time.Time) (string, bool) {
	digest, name, ok := ParseAsset(raw)
	if !ok {
		return "", false
	}
	return s.URL(digest, name, expires), true
}

// ParseAsset takes an "asset:" URL apart.
func ParseAsset(raw string) (digest, name string, ok bool) {
	rest, ok := strings.CutPrefix(raw, "asset:")
	if !ok {
		return "", "", false
	}
	digest, escaped, ok := strings.Cut(rest, "/")
	if !ok || !IsDigest(digest) {
		return "", "", false
	}
	escaped, _, _ = strings.Cut(escaped, "#")
	escaped, _, _ = strings.Cut(escaped, "?")
	name, err := url.PathUnescape(escaped)
	if err != nil || name == "" || strings.ContainsAny(name, "/\\") {
		return "", "", false
	}
	return digest, name, true
}

// IsDigest reports whether s is a SHA-256 in lower-case hex.
func IsDigest(s string) bool {
	if len(s) != hex.EncodedLen(sha256.Size) {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
