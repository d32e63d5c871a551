package olx

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// maxImageSide is the largest width or height of an image, in pixels.
const maxImageSide = 20_000

// image maps a click on an image.
func (r *problemReader) image(resp *response) ([]event.PartV1, string) {
	input, reason := r.input(resp, "imageinput")
	if reason != "" {
		return nil, reason
	}
	width, height := pixels(input.get("width")), pixels(input.get("height"))
	if width == 0 || height == 0 {
		return nil, "the size of its image is not stated in pixels"
	}
	areas, reason := areasOf(input)
	if reason != "" {
		return nil, reason
	}
	src := r.imageURL(input)
	if src == "" {
		return nil, fmt.Sprintf("its image %q is not in the export", markup.Shorten(input.get("src"), 100))
	}
	alt := strings.TrimSpace(input.get("alt"))
	if alt == "" {
		alt = "Image of the question"
		r.simplify(input, "an image without alternative text", "it is called "+strconv.Quote(alt)+"; describe it")
	}
	part := event.PartV1{
		Kind: event.Point, MaxChoices: 1, Image: &event.ImageV1{Src: src, Alt: alt, Width: width, Height: height},
		CorrectFeedbackHTML: r.feedback(resp.node, "correcthint"),
	}
	for _, area := range areas {
		part.Areas = append(part.Areas, event.AreaKeyV1{Area: area, Credit: "1"})
	}
	return []event.PartV1{part}, ""
}

func pixels(text string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), "px"))
	if err != nil || n < 1 || n > maxImageSide {
		return 0
	}
	return n
}

var imageSource = regexp.MustCompile(` src="(asset:[^"]+)"`)

// imageURL resolves the image as any other in the course's markup is.
func (r *problemReader) imageURL(input *node) string {
	markup := `<img src="` + html.EscapeString(input.get("src")) + `" alt="-">`
	found := imageSource.FindStringSubmatch(r.clean.clean(markup, r.place(input)))
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}

var corners = regexp.MustCompile(`^\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*-\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)$`)

// areasOf reads the regions that are right: rectangles, written "(10,20)-(30,40)"
// and separated by semicolons, and polygons as JSON. Within any of them is
// right.
func areasOf(input *node) (areas []event.AreaV1, reason string) {
	for rectangle := range strings.SplitSeq(input.get("rectangle"), ";") {
		if rectangle = strings.TrimSpace(rectangle); rectangle == "" {
			continue
		}
		found := corners.FindStringSubmatch(rectangle)
		if found == nil {
			return nil, fmt.Sprintf("its rectangle %q cannot be read", markup.Shorten(rectangle, 60))
		}
		var c [4]int
		for i := range c {
			n, err := strconv.Atoi(found[i+1])
			if err != nil || n > maxImageSide {
				return nil, fmt.Sprintf("its rectangle %q cannot be read", markup.Shorten(rectangle, 60))
			}
			c[i] = n
		}
		areas = append(areas, event.AreaV1{Shape: event.Rectangle, Coords: []int{min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])}})
	}
	polygons, reason := polygonsOf(input.get("regions"))
	if reason != "" {
		return nil, reason
	}
	if areas = append(areas, polygons...); len(areas) == 0 {
		return nil, "it names no region that is right"
	}
	if len(areas) > maxPartKeys {
		return nil, fmt.Sprintf("it has more than %d regions", maxPartKeys)
	}
	return areas, ""
}

// polygonsOf reads a list of polygons, or one polygon: lists of points. The
// source takes the points of a polygon for those of its convex hull.
func polygonsOf(text string) ([]event.AreaV1, string) {
	if strings.TrimSpace(text) == "" {
		return nil, ""
	}
	var many [][][2]float64
	if err := json.Unmarshal([]byte(text), &many); err != nil {
		var one [][2]float64
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			return nil, fmt.Sprintf("its regions %q cannot be read", markup.Shorten(text, 60))
		}
		many = [][][2]float64{one}
	}
	var areas []event.AreaV1
	for _, polygon := range many {
		hull := convexHull(polygon)
		if len(hull) < 3 {
			return nil, "a region has fewer than three corners"
		}
		area := event.AreaV1{Shape: event.Polygon}
		for _, p := range hull {
			if math.Abs(p[0]) > maxImageSide || math.Abs(p[1]) > maxImageSide {
				return nil, "a region lies far outside the image"
			}
			area.Coords = append(area.Coords, int(math.Round(p[0])), int(math.Round(p[1])))
		}
		areas = append(areas, area)
	}
	return areas, ""
}
