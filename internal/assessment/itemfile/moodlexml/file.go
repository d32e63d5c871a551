package moodlexml

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"path"
	"strings"

	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/markup"
)

// shelf holds the files of a question. They are decoded when a text shows them.
type shelf struct {
	notes  *moodletext.Notes
	files  []*node
	media  []itemfile.Media
	opened map[*node]*asset
}

// asset is a decoded file.
type asset struct {
	itemfile.Media
	data []byte
}

func escapePath(name string) string { return url.PathEscape(name) }
func escape(text string) string     { return html.EscapeString(text) }

// newShelf finds the files of a question at any depth.
func newShelf(n *node, notes *moodletext.Notes) *shelf {
	s := &shelf{notes: notes, opened: map[*node]*asset{}}
	var walk func(n *node)
	walk = func(n *node) {
		for _, k := range n.kids {
			if k.name == "file" {
				s.files = append(s.files, k)
			} else {
				walk(k)
			}
		}
	}
	walk(n)
	return s
}

// resolver finds the files that a text shows, first among its own.
func (s *shelf) resolver(own []*node) func(markup.Reference) (markup.Target, bool) {
	return func(r markup.Reference) (markup.Target, bool) {
		if strings.HasPrefix(r.URL, "data:") {
			return s.inline(r)
		}
		at := strings.Index(r.URL, "@@PLUGINFILE@@")
		if at < 0 {
			return markup.Target{}, false
		}
		name := r.URL[at+len("@@PLUGINFILE@@"):]
		name, _, _ = strings.Cut(name, "?")
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
		name = strings.TrimPrefix(name, "/")
		for _, files := range [][]*node{own, s.files} {
			for _, f := range files {
				if strings.TrimPrefix(f.attr("path")+f.attr("name"), "/") == name || f.attr("name") == name || f.attr("name") == path.Base(name) {
					if a := s.open(f); a != nil {
						return markup.Target{URL: a.URL()}, true
					}
					return markup.Target{Missing: name}, true
				}
			}
		}
		s.notes.Add(itemfile.Missing, fmt.Sprintf("file %q", markup.Shorten(name, 100)), "the question does not contain it; a mark is left in the text")
		return markup.Target{Missing: name}, true
	}
}

// inline takes an image that is written into its reference.
func (s *shelf) inline(r markup.Reference) (markup.Target, bool) {
	m, ok := itemfile.DataURL(r.URL)
	if !ok {
		s.notes.Add(itemfile.Missing, "a file within a text", "it is no image, sound or film, or its data are damaged; a mark is left in the text")
		return markup.Target{Missing: "embedded file"}, true
	}
	s.keep(m)
	return markup.Target{URL: m.URL()}, true
}

// keep makes the file one of the item's media.
func (s *shelf) keep(file itemfile.Media) {
	for _, m := range s.media {
		if m.SHA256 == file.SHA256 && m.Name == file.Name {
			return
		}
	}
	s.media = append(s.media, file)
}

// keepAs keeps a file under the escaped name that a reference has for it.
func (s *shelf) keepAs(a *asset, escaped string) bool {
	name, err := url.PathUnescape(escaped)
	if err != nil || name != plainName(name) {
		return false
	}
	m := a.Media
	m.Name = name
	s.keep(m)
	return true
}

// open decodes a file; nil if that is not possible.
func (s *shelf) open(f *node) *asset {
	if a, done := s.opened[f]; done {
		return a
	}
	s.opened[f] = nil
	name := plainName(f.attr("name"))
	if encoding := strings.ToLower(f.attr("encoding")); encoding != "base64" && encoding != "" {
		s.notes.AddAt(f.line, itemfile.Missing, fmt.Sprintf("file %q", name), fmt.Sprintf("its encoding %q is not known; only base64 is", clip(encoding)))
		return nil
	}
	data, whole, ok := decodeBase64(f.text)
	if !ok || len(data) == 0 {
		s.notes.AddAt(f.line, itemfile.Missing, fmt.Sprintf("file %q", name), "there is nothing in it that is base64; a mark is left where it is shown")
		return nil
	}
	if !whole {
		s.notes.AddAt(f.line, itemfile.Simplified, fmt.Sprintf("file %q", name), "its base64 is cut off or damaged; what could be read of it is kept")
	}
	a := &asset{Media: itemfile.MediaOf(name, data), data: data}
	s.opened[f] = a
	s.keep(a.Media)
	return a
}

// decodeBase64 reads as much as there is. whole is false if something is missing.
func decodeBase64(text string) (data []byte, whole, ok bool) {
	if data, err := base64.StdEncoding.DecodeString(text); err == nil {
		return data, true, true
	}
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '+' || r == '/':
			return r
		case r == '-':
			return '+'
		case r == '_':
			return '/'
		}
		return -1
	}, strings.TrimRight(strings.TrimSpace(text), "="))
	spaces := strings.Join(strings.Fields(strings.TrimRight(strings.TrimSpace(text), "=")), "")
	whole = len(clean) == len(spaces) && len(clean)%4 != 1 && (len(text) == 0 || strings.HasSuffix(strings.TrimSpace(text), "=") || len(clean)%4 == 0)
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	data, err := base64.RawStdEncoding.DecodeString(clean)
	return data, whole, err == nil
}

// plainName is a file name without a path and without what no file name has.
func plainName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
	if name == "." || name == "/" || name == ".." || name == "" {
		return "file"
	}
	for len(name) > 200 {
		name = name[len(name)-200:]
		name = strings.ToValidUTF8(name, "")
	}
	return name
}

// unused reports the files that no text shows.
func (s *shelf) unused() {
	for _, f := range s.files {
		if _, asked := s.opened[f]; !asked {
			s.notes.AddAt(f.line, itemfile.Skipped, fmt.Sprintf("file %q", markup.Shorten(f.attr("name"), 100)), "no text of the question shows it")
		}
	}
}
