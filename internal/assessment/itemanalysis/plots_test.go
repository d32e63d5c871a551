package itemanalysis

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// drawing is what is looked at of a plot.
type drawing struct {
	title, description string
	texts              []string
	lines              int // curves
}

// parse reads a plot and checks what holds of every one: well-formed, labelled, in
// view, and nothing in it that runs or is fetched.
func parse(t *testing.T, name string, write func(io.Writer) error) drawing {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	var d drawing
	var within []string
	allowed := map[string]bool{"svg": true, "title": true, "desc": true, "rect": true, "text": true, "line": true, "polyline": true, "circle": true, "path": true}
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, text)
		}
		switch v := token.(type) {
		case xml.StartElement:
			within = append(within, v.Name.Local)
			if !allowed[v.Name.Local] {
				t.Errorf("%s: there is a <%s>", name, v.Name.Local)
			}
			if v.Name.Local == "polyline" {
				d.lines++
			}
			for _, a := range v.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") || a.Name.Local == "style" {
					t.Errorf("%s: there is an attribute %s", name, a.Name.Local)
				}
			}
		case xml.EndElement:
			within = within[:len(within)-1]
		case xml.CharData:
			if len(within) == 0 { // the line end after the drawing
				continue
			}
			switch within[len(within)-1] {
			case "title":
				d.title += string(v)
			case "desc":
				d.description += string(v)
			case "text":
				d.texts = append(d.texts, string(v))
			}
		}
	}
	for _, place := range regexp.MustCompile(`(-?[0-9.]+),(-?[0-9.]+)`).FindAllStringSubmatch(text, -1) {
		x, _ := strconv.ParseFloat(place[1], 64)
		y, _ := strconv.ParseFloat(place[2], 64)
		if strings.Contains(text, `points="`) && (x < 0 || x > plotWidth || y < 0 || y > plotHeight) {
			t.Errorf("%s: %v,%v is out of view", name, x, y)
		}
	}
	if d.title == "" || d.description == "" || !strings.Contains(text, `role="img"`) {
		t.Errorf("%s: title %q, description %q", name, d.title, d.description)
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Errorf("%s: there is a number that is none: %s", name, text)
	}
	return d
}

func (d drawing) shows(text string) bool {
	for _, t := range d.texts {
		if t == text {
			return true
		}
	}
	return false
}

func TestItemCurvePlot(t *testing.T) {
	t.Parallel()
	model := fitIRT(t, lsat(t, lsat7), IRTOptions{})
	d := parse(t, "item 3", func(w io.Writer) error { return WriteItemCurveSVG(w, model.Items[2]) })
	for _, text := range []string{"Item characteristic curve: item 3", "probability of a right answer", "information", "difficulty -1.06", "ability (standard deviations from the mean)"} {
		if !d.shows(text) {
			t.Errorf("there is no text %q among %q", text, d.texts)
		}
	}
	if want := "Slope 1.71 (standard error 0.32), difficulty -1.06 (standard error 0.12)."; !strings.Contains(d.description, want) {
		t.Errorf("%q does not say %q", d.description, want)
	}
}

func TestTestInformationPlot(t *testing.T) {
	t.Parallel()
	model := fitIRT(t, lsat(t, lsat7), IRTOptions{})
	d := parse(t, "test", func(w io.Writer) error { return WriteTestInformationSVG(w, model) })
	if !d.shows("standard error of ability") || !strings.Contains(d.description, "The information of 5 items is highest at ability -1") {
		t.Errorf("%+v", d)
	}
}

func TestDistractorPlot(t *testing.T) {
	t.Parallel()
	report := analyse(t, simulate(t, 300, ladder(6), 4, 8), Options{})
	d := parse(t, "options", func(w io.Writer) error { return WriteDistractorSVG(w, report.Items[2]) })
	for _, text := range []string{"A (key)", "B", "C", "D", "no answer", "lowest fifth", "highest fifth"} {
		if !d.shows(text) {
			t.Errorf("there is no text %q among %q", text, d.texts)
		}
	}
	if !strings.Contains(d.description, "no answer: 0 %, 0 %, 0 %, 0 %, 0 %.") {
		t.Errorf("%q", d.description)
	}
}

func TestPlotsOfNothingSayWhy(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(io.Writer) error{
		"the item has no options":      func(w io.Writer) error { return WriteDistractorSVG(w, ItemStats{Label: "x"}) },
		"the item is not in the model": func(w io.Writer) error { return WriteItemCurveSVG(w, IRTItem{Label: "x"}) },
		"there are no learners":        func(w io.Writer) error { return WriteTestInformationSVG(w, &IRT{Why: noLearners}) },
	} {
		if d := parse(t, name, write); !strings.Contains(d.description, name) {
			t.Errorf("%q", d.description)
		}
	}
}

// Labels come from authors of items, and may be anything.
func TestPlotsEscapeWhatTheyAreGiven(t *testing.T) {
	t.Parallel()
	hostile := `</text><script>alert(1)</script>&"'` + "\x00\xff" + strings.Repeat("long ", 100)
	options := []Option{{ID: "k", Label: hostile, Key: true}}
	for o := range 40 {
		options = append(options, Option{ID: fmt.Sprint(o), Label: hostile})
	}
	m := newMarks(t, []Item{{ID: hostile, Max: 1, Options: options}, {ID: "b", Max: 1}, {ID: "c", Max: 1}})
	for i := range 30 {
		add(t, m, fmt.Sprint(i), []Mark{chosen(options[i].ID, i == 0), {Score: float64(i % 2)}, {Score: float64(i % 3 / 2)}})
	}
	report, model := analyse(t, m, Options{}), fitIRT(t, m, IRTOptions{})
	d := parse(t, "options", func(w io.Writer) error { return WriteDistractorSVG(w, report.Items[0]) })
	if !strings.Contains(d.title, "<script>alert(1)</script>") {
		t.Errorf("the title lost its text: %q", d.title)
	}
	if d.lines != 2*mostPlottedOptions || !strings.Contains(d.description, "30 options that few chose are not shown.") {
		t.Errorf("%d lines; %q", d.lines, d.description)
	}
	for _, it := range model.Items {
		parse(t, "curve", func(w io.Writer) error { return WriteItemCurveSVG(w, it) })
	}
	parse(t, "test", func(w io.Writer) error { return WriteTestInformationSVG(w, model) })
}

// Every plot of random marks, with steep, flat and negative items among them.
func TestPlotsOfAnyMarksAreSound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		m := fill(t, everyKind(seed))
		for _, it := range analyse(t, m, Options{}).Items {
			parse(t, "options", func(w io.Writer) error { return WriteDistractorSVG(w, it) })
		}
		if seed%5 > 0 {
			continue
		}
		model := fitIRT(t, m, IRTOptions{})
		for _, it := range model.Items {
			parse(t, "curve", func(w io.Writer) error { return WriteItemCurveSVG(w, it) })
		}
		parse(t, "test", func(w io.Writer) error { return WriteTestInformationSVG(w, model) })
	}
}
