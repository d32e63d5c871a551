package itemfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/url"
	"strings"
)

// URL is how markup names the file.
func (m Media) URL() string { return "asset:" + m.SHA256 + "/" + url.PathEscape(m.Name) }

// MediaOf is a file that was within another one.
func MediaOf(name string, content []byte) Media {
	digest := sha256.Sum256(content)
	return Media{
		SHA256: hex.EncodeToString(digest[:]), Name: name, Bytes: int64(len(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

// IsDataURL reports whether a reference holds a file instead of naming one.
func IsDataURL(raw string) bool { return len(raw) > 5 && strings.EqualFold(raw[:5], "data:") }

// DataURL decodes a reference that holds an image, a sound or a film. Other
// types of data are none that an item may show; for those, and for damaged ones,
// it returns false.
func DataURL(raw string) (Media, bool) {
	if !IsDataURL(raw) {
		return Media{}, false
	}
	head, data, ok := strings.Cut(raw[5:], ",")
	if !ok {
		return Media{}, false
	}
	mediaType, params, _ := strings.Cut(strings.ToLower(head), ";")
	ending := map[string]string{
		"image/png": ".png", "image/jpeg": ".jpg", "image/jpg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "image/svg+xml": ".svg",
		"audio/mpeg": ".mp3", "audio/mp3": ".mp3", "audio/ogg": ".ogg", "audio/wav": ".wav", "video/mp4": ".mp4", "video/webm": ".webm",
	}[strings.TrimSpace(mediaType)]
	if ending == "" {
		return Media{}, false
	}
	if unescaped, err := url.PathUnescape(data); err == nil {
		data = unescaped
	}
	content := []byte(data)
	if strings.Contains(params, "base64") {
		data = strings.TrimRight(strings.Join(strings.Fields(data), ""), "=")
		data = strings.NewReplacer("-", "+", "_", "/").Replace(data)
		var err error
		if content, err = base64.RawStdEncoding.DecodeString(data); err != nil {
			return Media{}, false
		}
	}
	if len(content) == 0 {
		return Media{}, false
	}
	kind, _, _ := strings.Cut(mediaType, "/")
	return MediaOf(kind+ending, content), true
}
