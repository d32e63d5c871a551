package scoring

import (
	"fmt"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

const (
	// maxPixels bounds the sides of images and the coordinates of areas. It keeps
	// the products of contains within int64.
	maxPixels = 32_767
	maxCoords = 2000 // of an area
)

// area is a part of an image; its edge belongs to it.
type area struct {
	shape  event.Shape
	coords []int64
}

func (s *scope) parseArea(place string, def event.AreaV1) (area, error) {
	a := area{shape: def.Shape}
	n := len(def.Coords)
	if n > maxCoords {
		return a, fmt.Errorf("%s.coords: there are more than %d", place, maxCoords)
	}
	if s.coords += n; s.coords > maxItemCoords {
		return a, fmt.Errorf("%s.coords: the areas of the item have more than %d together", place, maxItemCoords)
	}
	for i, c := range def.Coords {
		if c < -maxPixels || c > maxPixels {
			return a, fmt.Errorf("%s.coords%s: it is beyond %d pixels", place, at(i), maxPixels)
		}
		a.coords = append(a.coords, int64(c))
	}
	wrong := func(want string) error { return fmt.Errorf("%s.coords: a %s has %s", place, def.Shape, want) }
	switch def.Shape {
	case event.Circle:
		if n != 3 || a.coords[2] < 0 {
			return a, wrong("a centre and a radius: x, y, r")
		}
	case event.Rectangle:
		if n != 4 {
			return a, wrong("four edges: left, top, right, bottom")
		}
		// Some authors name the corners the other way round.
		c := a.coords
		c[0], c[1], c[2], c[3] = min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])
	case event.Polygon:
		if n < 6 || n%2 == 1 {
			return a, wrong("at least three corners: x1, y1, x2, y2, ...")
		}
	case event.Ellipse:
		if n != 4 || a.coords[2] < 0 || a.coords[3] < 0 {
			return a, wrong("a centre and two radii: x, y, horizontal, vertical")
		}
	case event.WholeImage:
		if n != 0 {
			return a, wrong("no coordinates")
		}
	default:
		return a, fmt.Errorf("%s.shape: %s is not circle, rect, poly, ellipse or default", place, quote(string(def.Shape)))
	}
	return a, nil
}

// view is the area in its JSON form, in a copy.
func (a area) view() *event.AreaV1 {
	v := &event.AreaV1{Shape: a.shape}
	for _, c := range a.coords {
		v.Coords = append(v.Coords, int(c))
	}
	return v
}

// contains reports whether a point of the image lies in the area or on its edge.
// The point is within maxPixels.
func (a area) contains(p [2]int) bool {
	x, y, c := int64(p[0]), int64(p[1]), a.coords
	switch a.shape {
	case event.Circle:
		dx, dy := x-c[0], y-c[1]
		return dx*dx+dy*dy <= c[2]*c[2]
	case event.Rectangle:
		return c[0] <= x && x <= c[2] && c[1] <= y && y <= c[3]
	case event.Ellipse:
		return inEllipse(x-c[0], y-c[1], c[2], c[3])
	case event.Polygon:
		return inPolygon(x, y, c)
	}
	return true
}

// inEllipse compares (dx/rx)^2 + (dy/ry)^2 with 1 in whole numbers.
func inEllipse(dx, dy, rx, ry int64) bool {
	if max(dx, -dx) > rx || max(dy, -dy) > ry {
		return false
	}
	return dx*dx*ry*ry+dy*dy*rx*rx <= rx*rx*ry*ry
}

// inPolygon follows the even-odd rule: a ray to the right crosses the outline an
// odd number of times. The outline itself is inside.
func inPolygon(x, y int64, corners []int64) bool {
	inside := false
	n := len(corners)
	x1, y1 := corners[n-2], corners[n-1]
	for i := 0; i < n; i += 2 {
		x2, y2 := corners[i], corners[i+1]
		// turn is zero on the line through both corners, and its sign tells the side.
		turn := (x2-x1)*(y-y1) - (x-x1)*(y2-y1)
		if turn == 0 && min(x1, x2) <= x && x <= max(x1, x2) && min(y1, y2) <= y && y <= max(y1, y2) {
			return true
		}
		if (y1 > y) != (y2 > y) && (turn > 0) == (y2 > y1) {
			inside = !inside
		}
		x1, y1 = x2, y2
	}
	return inside
}

// image is an image that areas and points refer to.
type image struct {
	src, alt      string
	width, height int
}

// parseImage demands the size only where areas need it.
func parseImage(place string, def *event.ImageV1, sized bool) (image, error) {
	im := image{src: def.Src, alt: def.Alt, width: def.Width, height: def.Height}
	if err := checkText(place+".src", def.Src, 1, maxTitleBytes); err != nil {
		return im, err
	}
	if !safeImageURL(def.Src) {
		return im, fmt.Errorf("%s.src: %s is not an asset: or https: URL", place, quote(def.Src))
	}
	// Whether there is an alternative text is asked before learners see the item.
	if err := checkText(place+".alt", def.Alt, 0, maxTitleBytes); err != nil {
		return im, err
	}
	least := 0
	if sized {
		least = 1
	}
	if def.Width < least || def.Width > maxPixels || def.Height < least || def.Height > maxPixels {
		return im, fmt.Errorf("%s.width: %d x %d is not the size of an image of 1 to %d pixels a side", place, def.Width, def.Height, maxPixels)
	}
	return im, nil
}

// view is the image in its JSON form, in a copy.
func (im *image) view() *event.ImageV1 {
	return &event.ImageV1{Src: im.src, Alt: im.alt, Width: im.width, Height: im.height}
}
