package olx

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Asset is a static file that the course refers to.
type Asset struct {
	Path      string // in the export: "static/..."
	Name      string // its last element
	SHA256    string // of its content, in hex
	Size      int64  // bytes
	MediaType string // by its name, else by its content
	open      func() (io.ReadCloser, error)
}

// URL is how the course's markup names the asset.
func (a *Asset) URL() string { return "asset:" + a.SHA256 + "/" + url.PathEscape(a.Name) }

// Open reads the asset. It fails once the source is closed.
func (a *Asset) Open() (io.ReadCloser, error) { return a.open() }

// assetShelf finds static files by the names that markup uses for them.
type assetShelf struct {
	src     *Source
	byName  map[string]string // every name of a file -> its path
	used    map[string]*Asset // by path
	missing map[string]bool   // names
}

const staticDir = "static/"

func newAssetShelf(src *Source) *assetShelf {
	s := &assetShelf{src: src, byName: map[string]string{}, used: map[string]*Asset{}, missing: map[string]bool{}}
	paths := src.names(staticDir)
	for _, p := range paths {
		s.byName[strings.TrimPrefix(p, staticDir)] = p
	}
	// A file's own name comes before any name derived from another's.
	for _, p := range paths {
		for _, alias := range aliases(strings.TrimPrefix(p, staticDir)) {
			if _, taken := s.byName[alias]; !taken {
				s.byName[alias] = p
			}
		}
	}
	return s
}

// aliases are the names under which the authoring tool stores a file: what is
// not a letter, a digit or one of "_.%-" becomes an underscore, and so does the
// slash of a sub-folder.
func aliases(name string) []string {
	munge := func(s string, keep string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.%-"+keep, r) {
				return r
			}
			return '_'
		}, s)
	}
	collapse := func(s string) string {
		for strings.Contains(s, "__") {
			s = strings.ReplaceAll(s, "__", "_")
		}
		return s
	}
	flat, nested := munge(name, ""), munge(name, "/")
	return []string{nested, flat, collapse(nested), collapse(flat)}
}

// assetReference returns the file name in a URL that names a static file in one
// of the ways that courses use. own is false for a URL of another site, which
// may or may not mean a file of this course.
func assetReference(raw string) (name string, own, ok bool) {
	u, err := url.Parse(strings.ReplaceAll(raw, " ", "%20"))
	if err != nil {
		return "", false, false
	}
	own = u.Host == "" && u.Scheme == ""
	p := u.Path
	if _, block, found := strings.Cut(p, "type@asset+block@"); found {
		return strings.ReplaceAll(block, "@", "/"), own, block != ""
	}
	if rest, found := strings.CutPrefix(p, "/static/"); found && own {
		return rest, own, rest != ""
	}
	if rest, found := strings.CutPrefix(p, "static/"); found && own {
		return rest, own, rest != ""
	}
	if strings.Contains(p, "/c4x/") {
		if _, rest, found := strings.Cut(p, "/asset/"); found {
			return rest, own, rest != ""
		}
	}
	if rest, found := strings.CutPrefix(p, "/assets/courseware/"); found && own {
		return path.Base(rest), own, true
	}
	return "", own, false
}

// get returns the file of that name, or nil when the export has none. The error
// is about reading.
func (s *assetShelf) get(name string) (*Asset, error) {
	p, ok := s.byName[name]
	for _, alias := range aliases(name) {
		if !ok {
			p, ok = s.byName[alias]
		}
	}
	if !ok {
		s.missing[name] = true
		return nil, nil
	}
	if a := s.used[p]; a != nil {
		return a, nil
	}
	a := &Asset{Path: p, Name: path.Base(p), open: func() (io.ReadCloser, error) { return s.src.open(p) }}
	if err := a.measure(s.src.limits.FileBytes); err != nil {
		return nil, fmt.Errorf("read static file %s: %w", p, err)
	}
	s.used[p] = a
	return a, nil
}

// measure reads the file once for its digest, size and type.
func (a *Asset) measure(limit int64) error {
	file, err := a.open()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	digest := sha256.New()
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	digest.Write(head[:n])
	rest, err := io.Copy(digest, io.LimitReader(file, limit))
	if err != nil {
		return err
	}
	a.Size = int64(n) + rest
	a.SHA256 = hex.EncodeToString(digest.Sum(nil))
	a.MediaType = mediaType(a.Name, head[:n])
	return nil
}

// list returns the assets in use, by path.
func (s *assetShelf) list() []*Asset {
	out := make([]*Asset, 0, len(s.used))
	for _, a := range s.used {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *Asset) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// unused returns the paths of the static files that nothing refers to.
func (s *assetShelf) unused() []string {
	var out []string
	for _, p := range s.src.names(staticDir) {
		if s.used[p] == nil {
			out = append(out, p)
		}
	}
	return out
}

// mediaType does not use the system's table, so that every machine agrees.
func mediaType(name string, head []byte) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".svg":
		return "image/svg+xml"
	case ".pdf":
		return "application/pdf"
	case ".mp4", ".m4v":
		return "video/mp4"
	case ".webm":
		return "video/webm"
	case ".mp3":
		return "audio/mpeg"
	case ".srt":
		return "application/x-subrip"
	case ".vtt":
		return "text/vtt"
	case ".sjson", ".json":
		return "application/json"
	case ".html", ".htm":
		return "text/html"
	case ".css":
		return "text/css"
	case ".js":
		return "text/javascript"
	case ".csv":
		return "text/csv"
	case ".txt":
		return "text/plain"
	case ".zip":
		return "application/zip"
	}
	t, _, _ := strings.Cut(http.DetectContentType(head), ";")
	return t
}
