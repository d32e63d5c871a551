package itemanalysis

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The plots are SVG without scripts, styles or anything fetched. A title, a
// description in words and text labels say what the lines show; lines differ in
// dashes and markers, not in colour alone.

// Sizes in pixels of a plot and of the frame that curves are drawn in.
const (
	plotWidth, plotHeight     = 760.0, 420.0
	frameLeft, frameRight     = 64.0, 540.0
	frameTop, frameBottom     = 48.0, 356.0
	labelGap                  = 15.0 // between the labels of lines
	mostTitleRunes            = 70
	mostLabelRunes            = 24
	ticksWanted               = 5
	axisColour, gridColour    = "#333333", "#dddddd"
	textAttributes            = `font-family="sans-serif" font-size="12" fill="#222222"`
	titleAttributes           = `font-family="sans-serif" font-size="15" font-weight="bold" fill="#222222"`
	emptyPlotLeft, emptyPlotY = 64.0, 200.0
)

// canvas collects the elements of a plot.
type canvas struct{ strings.Builder }

// newCanvas begins a plot. The name makes its ids unique on a page with several.
func newCanvas(name, title, description string) *canvas {
	c := &canvas{}
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-labelledby="%s-title %s-desc">`,
		plotWidth, plotHeight, plotWidth, plotHeight, name, name)
	fmt.Fprintf(c, `<title id="%s-title">%s</title><desc id="%s-desc">%s</desc>`, name, escaped(title), name, escaped(description))
	fmt.Fprintf(c, `<rect width="%g" height="%g" fill="#ffffff"/>`, plotWidth, plotHeight)
	fmt.Fprintf(c, `<text x="%g" y="26" %s>%s</text>`, frameLeft, titleAttributes, escaped(shortened(title, mostTitleRunes)))
	return c
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder does not fail
	return b.String()
}

func shortened(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

func (c *canvas) writeTo(w io.Writer, what string) error {
	c.WriteString("</svg>\n")
	if _, err := io.WriteString(w, c.String()); err != nil {
		return fmt.Errorf("write the plot of %s: %w", what, err)
	}
	return nil
}

func (c *canvas) text(x, y float64, anchor, text string) {
	fmt.Fprintf(c, `<text x="%s" y="%s" text-anchor="%s" %s>%s</text>`, px(x), px(y), anchor, textAttributes, escaped(text))
}

func (c *canvas) rotated(x, y float64, text string) {
	fmt.Fprintf(c, `<text transform="translate(%s %s) rotate(-90)" text-anchor="middle" %s>%s</text>`, px(x), px(y), textAttributes, escaped(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, colour string) {
	fmt.Fprintf(c, `<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s"/>`, px(x1), px(y1), px(x2), px(y2), colour)
}

// px is a length: two decimals are finer than any screen.
func px(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100+0, 'f', -1, 64) }

// scale maps values to pixels.
type scale struct{ low, high, from, to float64 }

func (s scale) at(v float64) float64 { return s.from + (v-s.low)/(s.high-s.low)*(s.to-s.from) }

// upTo is a vertical scale from 0 to a round number above the largest value, with
// the distance of its ticks.
func upTo(largest float64) (s scale, tick float64) {
	if !(largest > 0) {
		largest = 1
	}
	tick = math.Pow(10, math.Floor(math.Log10(largest/ticksWanted)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if largest/(tick*factor) <= ticksWanted {
			tick *= factor
			break
		}
	}
	return scale{0, tick * math.Ceil(largest/tick-roundingSlack), frameBottom, frameTop}, tick
}

// leftAxis draws the frame with a vertical axis and its grid.
func (c *canvas) leftAxis(s scale, tick float64, name string) {
	for i := 0; float64(i)*tick <= s.high*(1+roundingSlack); i++ {
		y := s.at(float64(i) * tick)
		c.line(frameLeft, y, frameRight, y, gridColour)
		c.text(frameLeft-8, y+4, "end", tickLabel(float64(i)*tick))
	}
	c.line(frameLeft, frameTop, frameLeft, frameBottom, axisColour)
	c.rotated(18, (frameTop+frameBottom)/2, name)
}

func (c *canvas) rightAxis(s scale, tick float64, name string) {
	for i := 0; float64(i)*tick <= s.high*(1+roundingSlack); i++ {
		y := s.at(float64(i) * tick)
		c.line(frameRight, y, frameRight+5, y, axisColour)
		c.text(frameRight+8, y+4, "start", tickLabel(float64(i)*tick))
	}
	c.line(frameRight, frameTop, frameRight, frameBottom, axisColour)
	c.rotated(frameRight+56, (frameTop+frameBottom)/2, name)
}

func (c *canvas) bottomAxis(s scale, at []float64, labels []string, name string) {
	c.line(frameLeft, frameBottom, frameRight, frameBottom, axisColour)
	for i, v := range at {
		c.line(s.at(v), frameBottom, s.at(v), frameBottom+5, axisColour)
		c.text(s.at(v), frameBottom+19, "middle", labels[i])
	}
	c.text((frameLeft+frameRight)/2, frameBottom+42, "middle", name)
}

func tickLabel(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// stroke is how a line is drawn. Colours are those of Okabe & Ito (2008), which
// people with any colour vision tell apart.
type stroke struct {
	colour, dash string
	width        float64
	marker       int // 0 none
}

func strokeOf(i int) stroke {
	colours := []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00", "#56b4e9"}
	dashes := []string{"", "7 4", "2 3", "9 3 2 3", "12 4", "4 4"}
	return stroke{colour: colours[i%len(colours)], dash: dashes[i%len(dashes)], width: 2, marker: 1 + i%4}
}

// point is a place in pixels.
type point struct{ x, y float64 }

func (c *canvas) curve(points []point, s stroke) {
	if len(points) == 0 {
		return
	}
	places := make([]string, len(points))
	for i, p := range points {
		places[i] = px(p.x) + "," + px(p.y)
	}
	dash := ""
	if s.dash != "" {
		dash = fmt.Sprintf(` stroke-dasharray="%s"`, s.dash)
	}
	fmt.Fprintf(c, `<polyline points="%s" fill="none" stroke="%s" stroke-width="%g" stroke-linejoin="round"%s/>`,
		strings.Join(places, " "), s.colour, s.width, dash)
	for _, p := range points {
		c.marker(p, s)
	}
}

// marker draws a disc, a square, a diamond or a triangle.
func (c *canvas) marker(p point, s stroke) {
	switch s.marker {
	case 1:
		fmt.Fprintf(c, `<circle cx="%s" cy="%s" r="4" fill="%s"/>`, px(p.x), px(p.y), s.colour)
	case 2:
		fmt.Fprintf(c, `<rect x="%s" y="%s" width="8" height="8" fill="%s"/>`, px(p.x-4), px(p.y-4), s.colour)
	case 3:
		fmt.Fprintf(c, `<path d="M%s %sl5 5l-5 5l-5 -5z" fill="%s"/>`, px(p.x), px(p.y-5), s.colour)
	case 4:
		fmt.Fprintf(c, `<path d="M%s %sl5 9l-10 0z" fill="%s"/>`, px(p.x), px(p.y-5), s.colour)
	}
}

// lineLabel names a line near where it ends.
type lineLabel struct {
	y    float64
	text string
	s    stroke
}

// lineLabels writes the names of lines beside the frame, far enough from each
// other to be read, with a piece of each line.
func (c *canvas) lineLabels(x float64, labels []lineLabel) {
	slices.SortStableFunc(labels, func(a, b lineLabel) int { return int(math.Copysign(1, a.y-b.y)) })
	for i := range labels {
		if i > 0 {
			labels[i].y = math.Max(labels[i].y, labels[i-1].y+labelGap)
		}
	}
	bottom := frameBottom + 4
	for i := len(labels) - 1; i >= 0; i-- {
		labels[i].y = math.Min(labels[i].y, bottom)
		bottom = labels[i].y - labelGap
	}
	for _, l := range labels {
		c.curve([]point{{x, l.y}, {x + 24, l.y}}, stroke{colour: l.s.colour, dash: l.s.dash, width: l.s.width})
		c.marker(point{x + 12, l.y}, l.s)
		c.text(x+30, l.y+4, "start", shortened(l.text, mostLabelRunes))
	}
}

// emptyPlot says why there is nothing to see.
func emptyPlot(w io.Writer, name, title, why string) error {
	c := newCanvas(name, title, "There is nothing to plot: "+why+".")
	c.text(emptyPlotLeft, emptyPlotY, "start", "There is nothing to plot: "+why+".")
	return c.writeTo(w, title)
}
