package scoring

import (
	"fmt"
	"slices"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// areaKey is an area that the first point in it earns something for.
type areaKey struct {
	area
	credit   Score
	feedback markup
}

// pointTask is a part whose response is points of an image.
type pointTask struct {
	image *image
	areas []areaKey
	most  int
}

func parsePointTask(p *part, def event.PartV1, s *scope) (task, error) {
	t := &pointTask{most: p.most, image: p.image}
	if err := checkCount("areas", len(def.Areas), 0, maxKeys); err != nil {
		return nil, err
	}
	for i, d := range def.Areas {
		key, err := parseAreaKey(d, s)
		if err != nil {
			return nil, fmt.Errorf("areas%s.%w", at(i), err)
		}
		t.areas = append(t.areas, key)
	}
	return t, nil
}

func parseAreaKey(def event.AreaKeyV1, s *scope) (key areaKey, err error) {
	if key.area, err = s.parseArea("area", def.Area); err != nil {
		return key, err
	}
	if key.credit, err = parseCredit(def.Credit); err != nil {
		return key, err
	}
	key.feedback, err = parseMarkup("feedback_html", def.FeedbackHTML, s.names)
	return key, err
}

func (t *pointTask) check(r PartResponse) *FieldError {
	for _, p := range r.Points {
		if p[0] < 0 || p[1] < 0 || p[0] > t.image.width || p[1] > t.image.height {
			return &FieldError{"points", fmt.Sprintf("(%d, %d) lies outside the image", p[0], p[1])}
		}
	}
	return nil
}

// judge counts every area once, as QTI's mapResponsePoint does. A point in
// several belongs to the first of them.
func (t *pointTask) judge(r PartResponse, _ draw) verdict {
	hit := make([]bool, len(t.areas))
	for _, p := range r.Points {
		if i := t.areaOf(p); i >= 0 {
			hit[i] = true
		}
	}
	var v verdict
	var sum addition
	for i := range t.areas {
		if hit[i] {
			sum.add(t.areas[i].credit)
			v.say(&t.areas[i].feedback)
		}
	}
	v.credit = sum.total
	if sum.terms == 0 {
		v.how = "No point lies where credit is earned."
	} else {
		v.how = fmt.Sprintf("Areas with a point in them: %d. Their credits add up: %s.", sum.terms, sum.how())
	}
	return v
}

// areaOf is the first area that a point lies in, or -1.
func (t *pointTask) areaOf(p [2]int) int {
	return slices.IndexFunc(t.areas, func(k areaKey) bool { return k.contains(p) })
}

func (t *pointTask) show(*PartView, draw) {}

func (t *pointTask) answers(draw) []Answer {
	var answers []Answer
	for i := range t.areas {
		answers = append(answers, Answer{Area: t.areas[i].view(), Credit: t.areas[i].credit})
	}
	return answers
}

func (t *pointTask) full(draw) (PartResponse, bool) {
	credits := make([]Score, len(t.areas))
	for i := range t.areas {
		credits[i] = t.areas[i].credit
	}
	var r PartResponse
	for _, i := range bestOf(credits, t.most) {
		if p, ok := t.pointIn(i); ok {
			r.Points = append(r.Points, p)
		}
	}
	return r, len(r.Points) > 0
}

// pointIn finds a point that counts for an area: its centre, a corner, or one of
// a grid over the image.
func (t *pointTask) pointIn(i int) ([2]int, bool) {
	const steps = 16
	a := t.areas[i]
	var candidates [][2]int
	for j := 0; j+1 < len(a.coords); j += 2 {
		candidates = append(candidates, [2]int{int(a.coords[j]), int(a.coords[j+1])})
	}
	if a.shape == event.Rectangle {
		candidates = append(candidates, [2]int{int(a.coords[0]+a.coords[2]) / 2, int(a.coords[1]+a.coords[3]) / 2})
	}
	for x := range steps + 1 {
		for y := range steps + 1 {
			candidates = append(candidates, [2]int{t.image.width * x / steps, t.image.height * y / steps})
		}
	}
	for _, p := range candidates {
		if t.check(PartResponse{Points: [][2]int{p}}) == nil && t.areaOf(p) == i {
			return p, true
		}
	}
	return [2]int{}, false
}
