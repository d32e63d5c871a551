package qtifile

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // sizes of images
	_ "image/jpeg" // sizes of images
	"image/png"
	"io"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// resolve finds the file that a reference in the markup means.
func (it *item) resolve(ref markup.Reference) (markup.Target, bool) {
	m, name, ok := it.mediaOf(ref.URL)
	switch {
	case ok:
		return markup.Target{URL: m.URL()}, true
	case name == "":
		return markup.Target{}, false // of the web, or nothing
	}
	return markup.Target{Missing: name}, true
}

// mediaOf is the file that a URL means. name is set if it should be in the
// package and is not.
func (it *item) mediaOf(raw string) (m itemfile.Media, name string, ok bool) {
	if itemfile.IsDataURL(raw) {
		m, ok = itemfile.DataURL(raw)
		if ok {
			it.keep(m)
		}
		return m, "", ok
	}
	if raw == "" || strings.HasPrefix(raw, "#") || strings.HasPrefix(raw, "//") || hasScheme(raw) {
		return itemfile.Media{}, "", false
	}
	if it.archive != nil {
		if file, found := it.archive.Beside(it.file, raw); found {
			m, err := it.archive.Media(file)
			if err == nil {
				it.keep(m)
				return m, "", true
			}
			var refused *itemfile.RefusedError
			if !errors.As(err, &refused) {
				it.fail(fmt.Errorf("read %s: %w", file, err))
			}
			it.add(itemfile.Missing, 0, "file "+quote(raw), markup.Shorten(err.Error(), 300))
			return itemfile.Media{}, raw, false
		}
	}
	why := "the package does not contain it"
	if it.archive == nil {
		why = "an item alone brings no files: import the package that it is from"
	}
	it.add(itemfile.Missing, 0, "file "+quote(raw), why)
	return itemfile.Media{}, markup.Shorten(raw, 200), false
}

func (it *item) fail(err error) {
	if it.err == nil {
		it.err = err
	}
}

func (it *item) keep(m itemfile.Media) {
	if it.media == nil {
		it.media = map[string]itemfile.Media{}
	}
	it.media[m.SHA256] = m
}

// hasScheme says whether a reference is an address of its own.
func hasScheme(raw string) bool {
	scheme, _, ok := strings.Cut(raw, ":")
	return ok && len(scheme) > 1 && !strings.ContainsAny(scheme, "/?#.")
}

// image is what a graphic interaction is about.
func (it *item) image(n *node) *event.ImageV1 {
	source := n.get("src")
	if n.is("object") {
		source = orElse(n.get("data"), source)
	}
	img := &event.ImageV1{Alt: alternative(n), Width: pixels(n.get("width")), Height: pixels(n.get("height"))}
	m, _, ok := it.mediaOf(source)
	switch {
	case ok:
		img.Src = m.URL()
		if img.Width == 0 || img.Height == 0 {
			img.Width, img.Height = measure(m)
		}
	case strings.HasPrefix(source, "https://"), strings.HasPrefix(source, "http://"):
		img.Src = source
	}
	if img.Alt == "" {
		it.losses.Add(markup.Alternatives, source, 1)
	}
	return img
}

// picture completes an image so that areas can refer to it: its size, where
// nothing tells it, is what the areas need, and where there is no image there is
// a grey one.
func (it *item) picture(n *node, img *event.ImageV1, areas []*node) {
	const margin, most = 20, 4000
	if img.Width == 0 || img.Height == 0 {
		for _, a := range areas {
			right, bottom := extent(*it.area(a))
			img.Width, img.Height = min(max(img.Width, right+margin), most), min(max(img.Height, bottom+margin), most)
		}
		img.Width, img.Height = max(img.Width, 2*margin), max(img.Height, 2*margin)
		it.simplified(n, n.raw+" without the size of its image", fmt.Sprintf("it is taken to be %d x %d pixels", img.Width, img.Height))
	}
	if img.Src != "" {
		return
	}
	grey := image.NewGray(image.Rect(0, 0, min(img.Width, most), min(img.Height, most)))
	for i := range grey.Pix {
		grey.Pix[i] = 0xdd
	}
	var out bytes.Buffer
	if err := png.Encode(&out, grey); err != nil {
		it.fail(err)
		return
	}
	m := itemfile.MediaOf("missing.png", out.Bytes())
	it.keep(m)
	img.Src = m.URL()
	it.simplified(n, n.raw+" without its image", "a grey one is in its place: put the right one there before the item is used")
}

// extent is how far an area reaches to the right and down.
func extent(a event.AreaV1) (right, bottom int) {
	c := a.Coords
	switch {
	case a.Shape == event.Circle && len(c) == 3:
		return c[0] + c[2], c[1] + c[2]
	case a.Shape == event.Ellipse && len(c) == 4:
		return c[0] + c[2], c[1] + c[3]
	}
	for i := 0; i+1 < len(c); i += 2 {
		right, bottom = max(right, c[i]), max(bottom, c[i+1])
	}
	return right, bottom
}

// pixels reads a length; a share of something else is none.
func pixels(s string) int {
	s = strings.TrimSuffix(strings.TrimSpace(s), "px")
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f > 0 && f < 100_000) {
		return 0
	}
	return int(f + 0.5)
}

// measure reads the size of an image, 0 by 0 if it is not one that is known.
func measure(m itemfile.Media) (width, height int) {
	const head = 1 << 20
	r, err := m.Open()
	if err != nil {
		return 0, 0
	}
	defer func() { _ = r.Close() }()
	if config, _, err := image.DecodeConfig(io.LimitReader(r, head)); err == nil {
		return config.Width, config.Height
	}
	if strings.HasSuffix(strings.ToLower(m.Name), ".svg") {
		return measureSVG(m)
	}
	return 0, 0
}

func measureSVG(m itemfile.Media) (width, height int) {
	r, err := m.Open()
	if err != nil {
		return 0, 0
	}
	defer func() { _ = r.Close() }()
	root, _, err := readTree(io.LimitReader(r, maxItemBytes))
	if err != nil {
		return 0, 0
	}
	value := func(name string) string {
		for _, a := range root.attrs {
			if strings.EqualFold(a.name, name) || a.name == kebab(name) {
				return a.value
			}
		}
		return ""
	}
	width, height = pixels(value("width")), pixels(value("height"))
	if box := strings.Fields(strings.ReplaceAll(value("viewBox"), ",", " ")); (width == 0 || height == 0) && len(box) == 4 {
		width, height = pixels(box[2]), pixels(box[3])
	}
	return width, height
}
