package qtifile

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// background reads the image of a graphic interaction.
func (it *item) background(p *part) {
	it.backgroundOf(p, p.n)
}

// backgroundOf takes the image of n, which the areas of the part refer to.
func (it *item) backgroundOf(p *part, n *node) {
	areas := p.n.elements("qti-hotspot-choice", "qti-associable-hotspot")
	if p.decl.areas != nil {
		for _, e := range p.decl.areas.entries {
			areas = append(areas, e.node)
		}
	}
	p.Image = &event.ImageV1{}
	if picture := firstImage(n); picture != nil {
		p.Image = it.image(picture)
	} else {
		it.add(itemfile.Missing, n.line, n.raw, "it has no image")
	}
	it.picture(n, p.Image, areas)
}

// areas reads the areas that are choices, each with the name by which those know
// it who do not see it.
func (it *item) areas(p *part, nodes []*node) {
	p.Shuffle = false
	for i, c := range nodes {
		label := orElse(c.get("hotspot-label"), orElse(c.get("aria-label"), c.get("title")))
		if label == "" {
			label = fmt.Sprintf("Area %d", i+1)
		}
		area := it.area(c)
		p.Choices = append(p.Choices, event.ChoiceV1{ChoiceID: c.get("identifier"), HTML: markup.Escape(label), Area: area})
	}
}

// area reads shape and coordinates.
func (it *item) area(n *node) *event.AreaV1 {
	a := &event.AreaV1{Shape: event.Shape(orElse(n.get("shape"), "default"))}
	want, least := 0, 0
	switch a.Shape {
	case event.Circle:
		want = 3
	case event.Rectangle, event.Ellipse:
		want = 4
	case event.Polygon:
		least = 6
	case event.WholeImage:
		return a
	default:
		it.simplified(n, n.raw+" shape "+quote(string(a.Shape)), "it is not known; the whole image is taken")
		a.Shape = event.WholeImage
		return a
	}
	rounded := false
	for _, s := range strings.FieldsFunc(n.get("coords"), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		f, err := strconv.ParseFloat(strings.TrimSuffix(s, "px"), 64)
		if err != nil || math.Abs(f) > 100_000 {
			it.simplified(n, n.raw+" coords", "they cannot be read")
			a.Coords = nil
			return a
		}
		rounded = rounded || f != math.Round(f)
		a.Coords = append(a.Coords, int(math.Round(f)))
	}
	if rounded {
		it.count(itemfile.Simplified, n, n.raw+" coords", "they are rounded to whole pixels")
	}
	if want > 0 && len(a.Coords) > want {
		a.Coords = a.Coords[:want]
	}
	if least > 0 && len(a.Coords)%2 == 1 {
		a.Coords = a.Coords[:len(a.Coords)-1]
	}
	if k := len(a.Coords); least > 0 && k > least && a.Coords[0] == a.Coords[k-2] && a.Coords[1] == a.Coords[k-1] {
		a.Coords = a.Coords[:k-2] // the first corner once more
	}
	return a
}

func (it *item) hotspot(p *part) {
	p.Kind = event.Hotspot
	it.background(p)
	it.areas(p, p.n.elements("qti-hotspot-choice"))
	p.MinChoices = count(p.n, "min-choices", 0)
	p.MaxChoices = p.several("max-choices")
}

func (it *item) selectPoint(p *part) {
	p.Kind = event.Point
	it.background(p)
	p.MinChoices = count(p.n, "min-choices", 0)
	p.MaxChoices = p.several("max-choices")
	if p.MaxChoices == 0 {
		p.MaxChoices = it.enoughPoints(p)
	}
}

// enoughPoints is how many points an interaction without a limit may take.
func (it *item) enoughPoints(p *part) int {
	n := len(p.decl.correct)
	if p.decl.areas != nil {
		n = max(n, len(p.decl.areas.entries))
	}
	n = max(2*n, 10)
	it.info(p.n, p.n.raw+" without a limit", fmt.Sprintf("up to %d points can be given", n))
	return n
}

// graphicOrder and graphicAssociate are about areas of an image. The areas are
// named, so that the order and the pairs can be given by their names too.
func (it *item) graphicOrder(p *part) {
	p.Kind = event.Ordering
	it.background(p)
	it.areas(p, p.n.elements("qti-hotspot-choice"))
	it.someInOrder(p)
}

func (it *item) graphicAssociate(p *part) {
	p.Kind = event.Association
	it.background(p)
	nodes := p.n.elements("qti-associable-hotspot")
	it.areas(p, nodes)
	for i, c := range nodes {
		p.Choices[i].MaxUse = it.uses(c, len(nodes))
	}
	it.associations(p)
}

func (it *item) graphicGapMatch(p *part) {
	p.Kind = event.ImageGapMatch
	it.background(p)
	nodes := p.n.elements("qti-associable-hotspot")
	it.draggable(p, len(nodes))
	for i, t := range nodes {
		label := orElse(t.get("hotspot-label"), t.get("aria-label"))
		if label == "" {
			label = fmt.Sprintf("Area %d", i+1)
		}
		p.Targets = append(p.Targets, event.TargetV1{TargetID: t.get("identifier"), Area: it.area(t), Label: label, MaxUse: it.uses(t, len(p.Choices))})
	}
	it.associations(p)
}

// stage reads the objects that are to be put somewhere on an image.
func (it *item) stage(w *htmlWriter, n *node) {
	for _, o := range n.elements("qti-position-object-interaction") {
		p := it.part(o)
		p.Kind = event.Point
		it.backgroundOf(p, n)
		if object := firstImage(o); object != nil {
			content := &htmlWriter{it: it}
			content.node(object)
			p.prompted(it.clean("<p>" + content.String() + "</p>"))
		}
		p.MinChoices = count(o, "min-choices", 0)
		p.MaxChoices = p.several("max-choices")
		if p.MaxChoices == 0 {
			p.MaxChoices = it.enoughPoints(p)
		}
		it.simplified(o, o.raw, "the place of the object is given as a point, the object is shown beside the image")
		it.place(w, p)
	}
}

// exactArea is an area of a key, if it is one of whole pixels.
func exactArea(n *node) (event.AreaV1, bool) {
	reader := &item{}
	a := reader.area(n)
	return *a, len(reader.lines)+len(reader.tally) == 0 && n.get("shape") != ""
}
