package moodlexml

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	_ "image/gif"  // so that their sizes can be read
	_ "image/jpeg" // likewise
	_ "image/png"  // likewise
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// background finds the image that things are dragged onto.
func (q *question) background() (*event.ImageV1, error) {
	for _, f := range q.all("file") {
		a := q.shelf.open(f)
		if a == nil {
			continue
		}
		picture := &event.ImageV1{Src: a.URL(), Alt: q.alternative(f)}
		picture.Width, picture.Height = imageSize(a.data)
		return picture, nil
	}
	return nil, refuse("the file does not contain its background image")
}

// alternative is the alternative text of an image, for which Moodle XML has no
// place of its own.
func (q *question) alternative(f *node) string {
	if alt := f.attr("alt"); alt != "" {
		return alt
	}
	q.notes.Add(itemfile.Simplified, fmt.Sprintf("image %q without alternative text", clip(f.attr("name"))), "those who cannot see it need one: write it; until then the question's text stands for it")
	return moodletext.Words(orElse(q.render.Clean(gapMark.ReplaceAllString(q.stem.text, " "), q.stem.format, q.notes.Events(q.shelf.resolver(q.stem.files))), q.value("name"), f.attr("name")), 200)
}

var (
	svgSize   = regexp.MustCompile(`<svg[^>]*>`)
	svgNumber = regexp.MustCompile(`\b(width|height)\s*=\s*["']\s*([0-9.]+)(?:px)?\s*["']`)
	svgBox    = regexp.MustCompile(`\bviewBox\s*=\s*["']\s*[-0-9.]+[\s,]+[-0-9.]+[\s,]+([0-9.]+)[\s,]+([0-9.]+)`)
)

// imageSize is the size of an image in pixels, zeros if its format is not known.
func imageSize(data []byte) (width, height int) {
	if config, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil {
		return config.Width, config.Height
	}
	if len(data) >= 30 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP" {
		switch string(data[12:16]) {
		case "VP8X":
			return 1 + (int(data[24]) | int(data[25])<<8 | int(data[26])<<16), 1 + (int(data[27]) | int(data[28])<<8 | int(data[29])<<16)
		case "VP8 ":
			return int(binary.LittleEndian.Uint16(data[26:])) & 0x3fff, int(binary.LittleEndian.Uint16(data[28:])) & 0x3fff
		case "VP8L":
			bits := binary.LittleEndian.Uint32(data[21:])
			return int(bits&0x3fff) + 1, int(bits>>14&0x3fff) + 1
		}
	}
	tag := string(svgSize.Find(data[:min(len(data), 64<<10)]))
	if tag == "" {
		return 0, 0
	}
	for _, m := range svgNumber.FindAllStringSubmatch(tag, -1) {
		if m[1] == "width" {
			width = pixels(m[2])
		} else {
			height = pixels(m[2])
		}
	}
	if m := svgBox.FindStringSubmatch(tag); m != nil && (width == 0 || height == 0) {
		width, height = pixels(m[1]), pixels(m[2])
	}
	return width, height
}

// pixels is a coordinate as a whole number of pixels.
func pixels(text string) int {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(f) || f < -100_000 || f > 100_000 {
		return 0
	}
	return int(math.Round(f))
}

// drag is what is dragged onto an image.
type drag struct {
	no, group string
	choice    event.ChoiceV1
	infinite  bool
	copies    int
	width     int
	height    int
}

func (q *question) drags() []drag {
	var out []drag
	for i, n := range q.all("drag") {
		d := drag{no: orElse(n.value("no"), strconv.Itoa(i+1)), group: orElse(n.value("draggroup"), "1"), infinite: n.has("infinite") && n.truth("infinite", true)}
		d.copies, _ = strconv.Atoi(n.value("noofdrags"))
		text := markup.Shorten(strings.TrimSpace(n.child("text").words()), 1000)
		label := q.clean(field{text: text, format: moodletext.HTML})
		d.choice = event.ChoiceV1{ChoiceID: "c" + strconv.Itoa(i+1), HTML: label}
		d.width, d.height = 10+8*utf8.RuneCountInString(moodletext.Words(label, 100)), 25
		for _, f := range n.all("file") {
			a := q.shelf.open(f)
			if a == nil {
				continue
			}
			picture := &event.ImageV1{Src: a.URL(), Alt: moodletext.Words(label, 200)}
			if picture.Alt == "" {
				picture.Alt = a.Name
				q.notes.Add(itemfile.Simplified, fmt.Sprintf("image %q without a text", clip(a.Name)), "its file name stands for it; write an alternative text")
			}
			picture.Width, picture.Height = imageSize(a.data)
			if picture.Width > 0 && picture.Height > 0 {
				d.width, d.height = min(picture.Width, 150), min(picture.Height, 100) // Moodle makes larger ones smaller
			}
			picture.Width, picture.Height = max(picture.Width, 1), max(picture.Height, 1)
			d.choice.Image = picture
			break
		}
		if d.choice.HTML == "" && d.choice.Image == nil {
			continue
		}
		if d.choice.HTML == "" {
			d.choice.HTML = escape(d.choice.Image.Alt)
		}
		out = append(out, d)
	}
	return out
}

func findDrag(drags []drag, no string) *drag {
	for i := range drags {
		if drags[i].no == no {
			return &drags[i]
		}
	}
	return nil
}

// dragOntoImage maps images and words that are dragged onto places of an image.
func (q *question) dragOntoImage() error {
	picture, err := q.background()
	if err != nil {
		return err
	}
	drags := q.drags()
	part := event.PartV1{Kind: event.ImageGapMatch, Credit: event.EveryPair, Shuffle: q.truth("shuffleanswers", false), Image: picture}
	groups := map[string]bool{}
	for i, drop := range q.all("drop") {
		d := findDrag(drags, drop.value("choice"))
		if d == nil {
			q.notes.AddAt(drop.line, itemfile.Simplified, "a place to drop without a choice", "it is left out")
			continue
		}
		width, height := 1, 1
		for _, other := range drags {
			if other.group == d.group {
				width, height = max(width, other.width), max(height, other.height)
			}
		}
		left, top := max(0, pixels(drop.value("xleft"))), max(0, pixels(drop.value("ytop")))
		target := "t" + strconv.Itoa(i+1)
		part.Targets = append(part.Targets, event.TargetV1{
			TargetID: target, Label: moodletext.Words(q.clean(field{text: strings.TrimSpace(drop.value("text")), format: moodletext.HTML}), 200),
			Area: &event.AreaV1{Shape: event.Rectangle, Coords: []int{left, top, left + width, top + height}},
		})
		drop.child("no")
		part.Pairs = append(part.Pairs, event.PairKeyV1{ChoiceID: d.choice.ChoiceID, TargetID: target, Credit: "1"})
		groups[d.group] = true
	}
	if len(part.Targets) == 0 {
		return refuse("it has no places to drop anything")
	}
	if len(groups) > 1 {
		q.notes.Add(itemfile.Simplified, "groups of things to drag", "each may be dropped at any place, also of another group")
	}
	q.imagePart(part, drags)
	return nil
}

// imagePart adds the choices and makes sure that all areas lie within the image.
func (q *question) imagePart(part event.PartV1, drags []drag) {
	uses := map[string]int{}
	for _, p := range part.Pairs {
		uses[p.ChoiceID]++
	}
	for _, d := range drags {
		switch {
		case d.infinite:
			d.choice.MaxUse = len(part.Targets)
		case max(d.copies, uses[d.choice.ChoiceID]) > 1:
			d.choice.MaxUse = max(d.copies, uses[d.choice.ChoiceID])
		}
		part.Choices = append(part.Choices, d.choice)
	}
	if part.Image.Width <= 0 || part.Image.Height <= 0 {
		q.notes.Add(itemfile.Simplified, "size of the background image", "it is not known; it is taken to reach as far as the places on it")
	}
	known := part.Image.Width > 0 && part.Image.Height > 0
	for _, t := range part.Targets {
		right, bottom := reach(t.Area)
		if !known {
			part.Image.Width, part.Image.Height = max(part.Image.Width, right), max(part.Image.Height, bottom)
		}
	}
	for _, name := range []string{"dropzonevisibility", "showmisplaced", "bgimage"} {
		if q.has(name) {
			q.once(itemfile.Info, "element <"+name+">", "how places are marked is up to the page that shows them")
		}
	}
	q.part(part)
}

// reach is how far an area goes to the right and down.
func reach(a *event.AreaV1) (right, bottom int) {
	c := a.Coords
	switch a.Shape {
	case event.Circle:
		return c[0] + c[2], c[1] + c[2]
	case event.Rectangle:
		return c[2], c[3]
	}
	for i := 0; i+1 < len(c); i += 2 {
		right, bottom = max(right, c[i]), max(bottom, c[i+1])
	}
	return right, bottom
}

// markers maps markers that are put on areas of an image.
func (q *question) markers() error {
	picture, err := q.background()
	if err != nil {
		return err
	}
	drags := q.drags()
	part := event.PartV1{Kind: event.ImageGapMatch, Credit: event.EveryPair, Shuffle: q.truth("shuffleanswers", false), Image: picture}
	for i, drop := range q.all("drop") {
		d := findDrag(drags, drop.value("choice"))
		area := markerArea(drop.value("shape"), drop.value("coords"))
		drop.child("no")
		if d == nil || area == nil {
			q.notes.AddAt(drop.line, itemfile.Simplified, fmt.Sprintf("area %q of a marker", clip(drop.value("coords"))), "its shape, its coordinates or its marker cannot be understood; it is left out")
			continue
		}
		target := "t" + strconv.Itoa(i+1)
		part.Targets = append(part.Targets, event.TargetV1{TargetID: target, Area: area})
		part.Pairs = append(part.Pairs, event.PairKeyV1{ChoiceID: d.choice.ChoiceID, TargetID: target, Credit: "1"})
	}
	if len(part.Targets) == 0 {
		return refuse("it has no areas for its markers")
	}
	q.notes.Add(itemfile.Simplified, "markers outside all areas", "they are not responses, so they cost nothing")
	q.imagePart(part, drags)
	return nil
}

// markerArea reads an area: "x,y;radius", "left,top;width,height" or points.
func markerArea(shape, coords string) *event.AreaV1 {
	var n []int
	for _, text := range strings.FieldsFunc(coords, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		if _, err := strconv.ParseFloat(text, 64); err != nil || len(n) >= 400 {
			return nil
		}
		n = append(n, pixels(text))
	}
	switch strings.ToLower(shape) {
	case "circle":
		if len(n) == 3 && n[2] > 0 {
			return &event.AreaV1{Shape: event.Circle, Coords: n}
		}
	case "rectangle":
		if len(n) == 4 && n[2] > 0 && n[3] > 0 {
			return &event.AreaV1{Shape: event.Rectangle, Coords: []int{n[0], n[1], n[0] + n[2], n[1] + n[3]}}
		}
	case "polygon":
		if len(n) >= 6 && len(n)%2 == 0 {
			return &event.AreaV1{Shape: event.Polygon, Coords: n}
		}
	}
	return nil
}
