package itemhtml

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// namedArea is an area of an image with its name.
type namedArea struct {
	area *event.AreaV1
	name string
}

func choiceAreas(p *scoring.PartView) []namedArea {
	var areas []namedArea
	for i, c := range p.Choices {
		name := plainText(c.HTML)
		if name == "" {
			name = "Area " + strconv.Itoa(i+1)
		}
		areas = append(areas, namedArea{c.Area, name})
	}
	return areas
}

func targetAreas(p *scoring.PartView) []namedArea {
	var areas []namedArea
	for i, t := range p.Targets {
		areas = append(areas, namedArea{t.Area, targetName(t, i)})
	}
	return areas
}

func image(i *event.ImageV1) string {
	return `<img` + attribute("src", i.Src) + attribute("alt", i.Alt) + number("width", i.Width) + number("height", i.Height) + `>`
}

func width(i *event.ImageV1) int {
	if i == nil {
		return 0
	}
	return i.Width
}

func height(i *event.ImageV1) int {
	if i == nil {
		return 0
	}
	return i.Height
}

// stage is an image with its areas drawn over it. What they are for is said by
// the controls below it, so assistive technology passes over the drawing.
func stage(i *event.ImageV1, areas []namedArea) string {
	if i == nil {
		return ""
	}
	var shapes strings.Builder
	for _, a := range areas {
		if a.area != nil {
			shapes.WriteString(shape(*a.area, a.name))
		}
	}
	if shapes.Len() == 0 || i.Width <= 0 || i.Height <= 0 {
		return `<div class="stage">` + image(i) + `</div>`
	}
	return `<div class="stage">` + image(i) + fmt.Sprintf(`<svg viewBox="0 0 %d %d" aria-hidden="true">`, i.Width, i.Height) + shapes.String() + `</svg></div>`
}

// shape draws an area. Coordinates that do not fit its shape draw nothing.
func shape(a event.AreaV1, name string) string {
	title := `<title>` + html.EscapeString(name) + `</title>`
	c := a.Coords
	switch {
	case a.Shape == event.Circle && len(c) == 3:
		return fmt.Sprintf(`<circle cx="%d" cy="%d" r="%d">%s</circle>`, c[0], c[1], c[2], title)
	case a.Shape == event.Ellipse && len(c) == 4:
		return fmt.Sprintf(`<ellipse cx="%d" cy="%d" rx="%d" ry="%d">%s</ellipse>`, c[0], c[1], c[2], c[3], title)
	case a.Shape == event.Rectangle && len(c) == 4:
		return fmt.Sprintf(`<rect x="%d" y="%d" width="%d" height="%d">%s</rect>`, c[0], c[1], max(c[2]-c[0], 0), max(c[3]-c[1], 0), title)
	case a.Shape == event.Polygon && len(c) >= 6 && len(c)%2 == 0:
		points := make([]string, 0, len(c)/2)
		for i := 0; i < len(c); i += 2 {
			points = append(points, fmt.Sprintf("%d,%d", c[i], c[i+1]))
		}
		return `<polygon points="` + strings.Join(points, " ") + `">` + title + `</polygon>`
	}
	return ""
}
