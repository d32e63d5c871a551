package qti12

import (
	"image"
	_ "image/gif" // the formats whose size can be read
	_ "image/jpeg"
	_ "image/png"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/xmlstream"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

const maxSide = 32_000 // pixels

// imageSkeleton is about areas of an image: to choose from, or to point at.
func (q *question) imageSkeleton(s *slot) error {
	r, p := s.responses[0], &s.part
	n := q.imageNode(r)
	if n == nil {
		return refuse("its areas belong to an image, and there is none in it")
	}
	img, err := q.image(n)
	if err != nil {
		return err
	}
	p.Image = img
	if p.Kind == event.Point {
		return nil // its areas are the key
	}
	s.ids[r] = map[string]string{}
	for i, l := range r.labels {
		area, ok := areaOf(l.shape, l.coords, img, false)
		if !ok {
			q.lose(skipped, "area "+quote(l.ident), "its coordinates "+quote(l.coords)+" cannot be read")
			continue
		}
		if _, twice := s.ids[r][l.ident]; twice {
			continue
		}
		id := choiceID(l.ident, i)
		s.ids[r][l.ident] = id
		p.Choices = append(p.Choices, event.ChoiceV1{ChoiceID: id, HTML: q.clean(l.html), Area: &area})
	}
	if len(p.Choices) == 0 {
		return refuse("none of its areas can be read")
	}
	if !r.multiple {
		p.MaxChoices = 1
	}
	return nil
}

// imageNode finds the image of the areas: in the renderer, else in the response,
// else the only one of the item.
func (q *question) imageNode(r *response) *xmlstream.Node {
	for _, in := range []*xmlstream.Node{r.render, r.node, q.node.Child("presentation")} {
		if in == nil {
			continue
		}
		for n := range in.All("matimage") {
			return n
		}
	}
	return nil
}

// image finds the file of an image and its size.
func (q *question) image(n *xmlstream.Node) (*event.ImageV1, error) {
	uri := addressOf(n, "imagtype")
	m, ok := q.file(uri)
	if !ok {
		q.lose(missing, "image "+quote(uri), "the file does not contain it")
		return nil, refuse("its image %s is missing, and without it there is nothing to point at", quote(uri))
	}
	img := &event.ImageV1{Src: m.URL(), Alt: n.Get("label")}
	img.Width, img.Height = atoi(n.Get("width")), atoi(n.Get("height"))
	if w, h := q.r.sizeOf(m); w > 0 {
		img.Width, img.Height = w, h
	}
	if img.Width < 1 || img.Height < 1 || img.Width > maxSide || img.Height > maxSide {
		return nil, refuse("the size of its image %s is not known", quote(uri))
	}
	if img.Alt == "" {
		q.lose(simplified, "an image without alternative text", "those who cannot see it need one: write it")
	}
	q.show(m)
	return img, nil
}

func atoi(s string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(s), "px"))
	if err != nil {
		return 0
	}
	return n
}

// sizeOf reads the size of an image in pixels; 0 if it cannot.
func (r *reader) sizeOf(m itemfile.Media) (width, height int) {
	f, err := m.Open()
	if err != nil {
		return 0, 0
	}
	defer func() { _ = f.Close() }()
	c, _, err := image.DecodeConfig(f)
	if err != nil {
		return 0, 0
	}
	return c.Width, c.Height
}

// areaOf reads an area. The specification gives pixels, with a width and a height
// for rectangles and ellipses; Canvas gives fractions of the image, corners of a
// box or of a polygon.
func areaOf(shape, coords string, img *event.ImageV1, corners bool) (event.AreaV1, bool) {
	var c []float64
	for field := range strings.FieldsFuncSeq(coords, func(r rune) bool { return r == ',' || r == ' ' || r == ';' || r == '\n' || r == '\t' }) {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil || math.Abs(v) > maxSide || math.IsNaN(v) || len(c) > 1000 {
			return event.AreaV1{}, false
		}
		c = append(c, v)
	}
	fractions := len(c) > 0 && slices.Max(c) <= 1 && slices.Min(c) >= 0 && strings.Contains(coords, ".")
	if fractions {
		for i := range c {
			if i%2 == 0 {
				c[i] *= float64(img.Width)
			} else {
				c[i] *= float64(img.Height)
			}
		}
		corners = true
	}
	p := make([]int, len(c))
	for i, v := range c {
		p[i] = int(math.Round(v))
	}
	return shaped(shape, p, corners)
}

func shaped(shape string, p []int, corners bool) (event.AreaV1, bool) {
	switch shape {
	case "rectangle", "rect", "square", "":
		if len(p) != 4 {
			return event.AreaV1{}, false
		}
		if !corners { // left, top, width, height
			p[2], p[3] = p[0]+p[2], p[1]+p[3]
		}
		return event.AreaV1{Shape: event.Rectangle, Coords: p}, true
	case "ellipse", "circle", "oval":
		if len(p) == 3 && p[2] >= 0 {
			return event.AreaV1{Shape: event.Circle, Coords: p}, true
		}
		if len(p) != 4 {
			return event.AreaV1{}, false
		}
		if corners { // of the box around it
			return ellipse((p[0]+p[2])/2, (p[1]+p[3])/2, abs(p[2]-p[0])/2, abs(p[3]-p[1])/2), true
		}
		return ellipse(p[0], p[1], abs(p[2])/2, abs(p[3])/2), true // centre, width, height
	case "bounded", "polygon", "poly", "freehand":
		if len(p) == 4 {
			return event.AreaV1{Shape: event.Rectangle, Coords: p}, true
		}
		if len(p) < 6 || len(p)%2 == 1 {
			return event.AreaV1{}, false
		}
		return event.AreaV1{Shape: event.Polygon, Coords: p}, true
	}
	return event.AreaV1{}, false
}

func ellipse(x, y, horizontal, vertical int) event.AreaV1 {
	return event.AreaV1{Shape: event.Ellipse, Coords: []int{x, y, horizontal, vertical}}
}

func abs(n int) int { return max(n, -n) }

// pointKey reads the areas of a part that is answered by pointing.
func (q *question) pointKey(s *slot, worth func(answers) *rational) error {
	r, p := s.responses[0], &s.part
	if p.MaxChoices == 0 {
		p.MaxChoices = 1
	}
	if !q.isScored(r) {
		// Canvas' New Quizzes: the areas of the response are the right ones.
		for _, l := range r.labels {
			if area, ok := areaOf(l.shape, l.coords, p.Image, false); ok {
				p.Areas = append(p.Areas, event.AreaKeyV1{Area: area, Credit: "1"})
			}
		}
		if len(p.Areas) == 0 {
			return refuse("the coordinates of its area cannot be read")
		}
		s.best = big1()
		return nil
	}
	for i := range q.rules.rules {
		rule := &q.rules.rules[i]
		if len(rule.set) == 0 {
			continue
		}
		c := rule.when
		for (c.op == opAll || c.op == opAny) && len(c.kids) == 1 {
			c = c.kids[0]
		}
		if c.op == opOther || c.op == opNot {
			continue
		}
		if c.op != opInside || c.on != r || len(rule.set) != 1 {
			return refuse("the conditions on its areas cannot be read")
		}
		area, ok := areaOf(c.shape, c.value, p.Image, false)
		if !ok {
			return refuse("the coordinates %s of its area cannot be read", quote(c.value))
		}
		value := rule.set[0].value
		if value.Sign() > 0 && (s.best == nil || value.Cmp(s.best) > 0) {
			s.best = value
		}
		p.Areas = append(p.Areas, event.AreaKeyV1{Area: area, Credit: decimal(value)})
	}
	for i := range p.Areas {
		p.Areas[i].Credit = credit(parseNumber(p.Areas[i].Credit), s.best)
	}
	return nil
}
