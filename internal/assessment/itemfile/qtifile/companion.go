package qtifile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// A companion holds what QTI has no word for. It counts only beside the XML that
// it was written with.
type companion struct {
	Format string       `json:"format"` // companionFormat
	SHA256 string       `json:"sha256"` // of the item's XML
	Item   event.ItemV1 `json:"item"`
	// Source is the item's kind in the report.
	Kind string `json:"kind,omitempty"`
}

const (
	companionFormat = "lyceum-item-1"
	companionFolder = "lyceum/"
	// folderTaxonomy is the source of the taxon path that says in which folder an
	// item was.
	folderTaxonomy = "Lyceum folders"
	mediaFolder    = "media/"
)

// companion takes the native item of a package that was written here. It returns
// false, and what is to be said of it, if there is none that counts: because the
// XML has been changed since, for one.
func (r *reader) companion(file, identity string, res *resource) (found itemfile.Found, why string, err error) {
	at := itemfile.Place{File: file, ID: markup.Shorten(identity, 200)}
	name, ok := r.archive.Find(path.Join(r.root, res.files[0]))
	if !ok {
		return found, "it is not in the package", nil
	}
	source, err := r.bytes(file)
	if err != nil {
		return found, "", err
	}
	data, err := r.bytes(name)
	if err != nil {
		return found, "", err
	}
	var c companion
	readable := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &c) == nil
	switch {
	case !readable || c.Format != companionFormat:
		return found, "it is not of a form that is known", nil
	case c.SHA256 != hexDigest(source):
		return found, "the XML has been changed since it was written", nil
	}
	it := &item{notes: notes{at: at}, ctx: r.ctx, cleaner: r.cleaner, archive: r.archive, file: name}
	c.Item.ItemID = uuid.Nil
	r.clean(it, &c.Item)
	if it.err != nil {
		return found, "", it.err
	}
	if why := check(c.Item); why != "" {
		return found, why, nil
	}
	return itemfile.Found{
		Identity: r.unique(identity), Place: at, Kind: orElse(markup.Shorten(c.Kind, 200), "assessmentItem"), Item: &c.Item, Lines: it.all(), Media: it.used(),
	}, "", nil
}

// bytes reads a file, nil if it is too large or damaged.
func (r *reader) bytes(name string) (_ []byte, err error) {
	if r.archive.Bytes(name) > maxItemBytes {
		return nil, nil
	}
	f, err := r.archive.Open(name)
	var refused *itemfile.RefusedError
	if errors.As(err, &refused) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(f)
	if errors.As(err, &refused) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// clean treats the markup of a companion as that of a stranger, which it may be,
// and finds its media.
func (r *reader) clean(it *item, made *event.ItemV1) {
	events := markup.Events{Tell: it.losses.Add, Resolve: func(ref markup.Reference) (markup.Target, bool) {
		if !strings.HasPrefix(ref.URL, "asset:") {
			return markup.Target{}, false
		}
		if r.asset(it, ref.URL) {
			return markup.Target{URL: ref.URL}, true
		}
		return markup.Target{Missing: path.Base(ref.URL)}, true
	}}
	itemfile.EachMarkup(made, func(text string) string { return it.cleaner.Clean(text, events) })
	eachImage(made, func(img *event.ImageV1) {
		if strings.HasPrefix(img.Src, "asset:") && !r.asset(it, img.Src) {
			img.Src = ""
		}
	})
}

// asset finds the file that an asset URL names.
func (r *reader) asset(it *item, url string) bool {
	digest, name, ok := strings.Cut(strings.TrimPrefix(url, "asset:"), "/")
	if !ok || len(digest) != 64 {
		return false
	}
	file, ok := r.archive.Find(path.Join(r.root, mediaFolder, digest[:16], name))
	if !ok {
		return false
	}
	m, err := r.archive.Media(file)
	var refused *itemfile.RefusedError
	if err != nil {
		if !errors.As(err, &refused) {
			it.fail(err)
		}
		return false
	}
	if m.SHA256 != digest {
		return false
	}
	it.keep(m)
	return true
}

func eachImage(made *event.ItemV1, f func(*event.ImageV1)) {
	for i := range made.Parts {
		p := &made.Parts[i]
		if p.Image != nil {
			f(p.Image)
		}
		for j := range p.Choices {
			if p.Choices[j].Image != nil {
				f(p.Choices[j].Image)
			}
		}
	}
}
