package scoring

import (
	"math/big"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestAreas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		shape   event.Shape
		coords  []int
		inside  [][2]int
		outside [][2]int
	}{
		{"circle", event.Circle, []int{10, 10, 5}, [][2]int{{10, 10}, {15, 10}, {13, 14}}, [][2]int{{14, 14}, {16, 10}, {10, 16}}},
		{"circle of one pixel", event.Circle, []int{3, 3, 0}, [][2]int{{3, 3}}, [][2]int{{3, 4}}},
		{"rectangle", event.Rectangle, []int{1, 2, 5, 7}, [][2]int{{1, 2}, {5, 7}, {3, 3}}, [][2]int{{0, 2}, {6, 7}, {3, 8}}},
		{"rectangle by its other corners", event.Rectangle, []int{5, 7, 1, 2}, [][2]int{{1, 2}, {5, 7}}, [][2]int{{0, 2}}},
		{"triangle", event.Polygon, []int{0, 0, 10, 0, 0, 10}, [][2]int{{0, 0}, {5, 5}, {10, 0}, {1, 1}, {0, 4}, {4, 0}}, [][2]int{{6, 5}, {10, 1}, {11, 0}, {-1, 0}}},
		{"the same, the other way round", event.Polygon, []int{0, 10, 10, 0, 0, 0}, [][2]int{{5, 5}, {1, 1}, {0, 4}}, [][2]int{{6, 5}}},
		{"concave", event.Polygon, []int{0, 0, 10, 0, 10, 10, 5, 5, 0, 10}, [][2]int{{5, 5}, {2, 7}, {8, 7}, {5, 4}, {1, 9}}, [][2]int{{5, 6}, {5, 9}}},
		{"closed by its author", event.Polygon, []int{0, 0, 10, 0, 10, 10, 0, 10, 0, 0}, [][2]int{{0, 0}, {5, 5}, {10, 10}}, [][2]int{{11, 5}, {5, -1}}},
		// The middle of the star is crossed twice: even-odd leaves it out.
		{"star", event.Polygon, []int{50, 0, 21, 90, 98, 35, 2, 35, 79, 90}, [][2]int{{50, 0}, {50, 20}, {10, 37}}, [][2]int{{50, 50}, {0, 0}}},
		{"level with a corner", event.Polygon, []int{0, 5, 5, 0, 10, 5, 5, 10}, [][2]int{{5, 5}, {1, 5}, {10, 5}}, [][2]int{{-1, 5}, {11, 5}, {20, 5}}},
		{"ellipse", event.Ellipse, []int{10, 10, 8, 3}, [][2]int{{18, 10}, {10, 13}, {10, 10}, {14, 12}}, [][2]int{{18, 11}, {10, 14}, {15, 13}}},
		{"flat ellipse", event.Ellipse, []int{10, 10, 8, 0}, [][2]int{{18, 10}, {2, 10}}, [][2]int{{10, 11}, {19, 10}}},
		{"huge ellipse", event.Ellipse, []int{0, 0, maxPixels, maxPixels}, [][2]int{{maxPixels, 0}, {23000, 23000}}, [][2]int{{24000, 24000}}},
		{"whole image", event.WholeImage, nil, [][2]int{{0, 0}, {200, 100}}, nil},
	} {
		a, err := new(scope).parseArea("area", event.AreaV1{Shape: c.shape, Coords: c.coords})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, p := range c.inside {
			if !a.contains(p) {
				t.Errorf("%s does not contain %v", c.name, p)
			}
		}
		for _, p := range c.outside {
			if a.contains(p) {
				t.Errorf("%s contains %v", c.name, p)
			}
		}
	}
}

// Even-odd by the textbook, in rational numbers, for points that lie on no edge.
func TestPolygonsAgreeWithRationalArithmetic(t *testing.T) {
	t.Parallel()
	g := newGenerator(21, 22)
	for range 3000 {
		n := 3 + g.IntN(6)
		coords := make([]int, 2*n)
		for i := range coords {
			coords[i] = g.IntN(20)
		}
		a, err := new(scope).parseArea("area", event.AreaV1{Shape: event.Polygon, Coords: coords})
		if err != nil {
			t.Fatal(err)
		}
		x, y := g.IntN(20), g.IntN(20)
		inside, edge := false, false
		for i := range n {
			j := (i + 1) % n
			x1, y1, x2, y2 := coords[2*i], coords[2*i+1], coords[2*j], coords[2*j+1]
			between := min(x1, x2) <= x && x <= max(x1, x2) && min(y1, y2) <= y && y <= max(y1, y2)
			if y1 == y2 {
				edge = edge || between && y == y1
				continue
			}
			crossing := big.NewRat(int64((y-y1)*(x2-x1)), int64(y2-y1))
			crossing.Add(crossing, big.NewRat(int64(x1), 1))
			side := big.NewRat(int64(x), 1).Cmp(crossing)
			edge = edge || between && side == 0
			if (y1 > y) != (y2 > y) && side < 0 {
				inside = !inside
			}
		}
		if got := a.contains([2]int{x, y}); got != (inside || edge) {
			t.Fatalf("%v contains (%d, %d): %v; inside %v, on an edge %v", coords, x, y, got, inside, edge)
		}
	}
}

func TestPoints(t *testing.T) {
	t.Parallel()
	part := func(most int, areas ...event.AreaKeyV1) event.PartV1 {
		return event.PartV1{Kind: event.Point, Image: picture(), MaxChoices: most, Areas: areas, LowBound: "-1"}
	}
	worth := func(credit string, area event.AreaV1) event.AreaKeyV1 {
		return event.AreaKeyV1{Area: area, Credit: credit}
	}
	left, right := worth("0.6", rect(0, 0, 50, 50)), worth("0.4", rect(40, 0, 90, 50))
	elsewhere := worth("-0.5", event.AreaV1{Shape: event.WholeImage})
	checkCases(t, []scoringCase{
		{"one point, in", part(0, worth("1", rect(0, 0, 9, 9))), click(9, 9), "1"},
		{"one point, out", part(0, worth("1", rect(0, 0, 9, 9))), click(10, 9), "0"},
		{"two points where one is asked for", part(0, left, right), click(10, 10, 60, 10), "0"},
		{"both areas", part(2, left, right), click(10, 10, 60, 10), "1"},
		{"an area counts once", part(2, left, right), click(10, 10, 20, 20), "0.6"},
		{"a point in both belongs to the first", part(2, left, right), click(45, 10), "0.6"},
		{"two points in both", part(2, left, right), click(45, 10, 46, 10), "0.6"},
		{"anywhere else costs", part(2, left, elsewhere), click(45, 10, 60, 10), "0.1"},
		{"anywhere else costs once", part(3, left, elsewhere), click(60, 10, 70, 10), "-0.5"},
		{"outside the image", part(1, elsewhere), click(201, 10), "0"},
		{"the edge of the image", part(1, worth("1", event.AreaV1{Shape: event.WholeImage})), click(200, 100), "1"},
		{"nothing", part(1, elsewhere), click(), "0"},
		{"no area", part(1), click(1, 1), "0"},
	})
}
