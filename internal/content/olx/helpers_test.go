package olx

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/uuid"
)

var organisation = uuid.MustParse("018f3b6e-0000-7000-8000-000000000001")

// export is a small course with the given files added or replaced. Its only
// vertical is "page".
func export(files map[string]string) fstest.MapFS {
	all := map[string]string{
		"course.xml":          `<course url_name="run" org="Org" course="Num"/>`,
		"course/run.xml":      `<course display_name="Course"><chapter url_name="ch"/></course>`,
		"chapter/ch.xml":      `<chapter display_name="Chapter"><sequential url_name="seq"/></chapter>`,
		"sequential/seq.xml":  `<sequential display_name="Subsection"><vertical url_name="page"/></sequential>`,
		"vertical/page.xml":   `<vertical display_name="Page"/>`,
		"static/diagram.png":  "\x89PNG\r\n\x1a\nnot really",
		"static/Big Map.png":  "\x89PNG\r\n\x1a\na map",
		"static/notes(1).pdf": "%PDF-1.4",
	}
	for name, text := range files {
		all[name] = text
	}
	fsys := fstest.MapFS{}
	for name, text := range all {
		if text != "" {
			fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		}
	}
	return fsys
}

func parse(t *testing.T, files map[string]string) (*Course, *Report) {
	t.Helper()
	course, report, err := tryParse(t, files)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return course, report
}

func tryParse(t *testing.T, files map[string]string) (*Course, *Report, error) {
	t.Helper()
	src, err := OpenFS(context.Background(), export(files), Limits{})
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
	return Parse(context.Background(), src, Options{OrganisationID: organisation})
}

// page parses a course whose one page has the given content.
func page(t *testing.T, content string, files map[string]string) ([]Block, *Report) {
	t.Helper()
	all := map[string]string{"vertical/page.xml": `<vertical display_name="Page">` + content + `</vertical>`}
	for name, text := range files {
		all[name] = text
	}
	course, report := parse(t, all)
	return course.Chapters[0].Subsections[0].Units[0].Blocks, report
}

// onlyBlock parses a course with one block.
func onlyBlock(t *testing.T, content string, files map[string]string) (Block, *Report) {
	t.Helper()
	blocks, report := page(t, content, files)
	if len(blocks) != 1 {
		t.Fatalf("got %d blocks, want one", len(blocks))
	}
	return blocks[0], report
}

// problemOf parses a problem that must be answerable.
func problemOf(t *testing.T, xml string) (*Problem, *Report) {
	t.Helper()
	block, report := onlyBlock(t, `<problem url_name="p"/>`, map[string]string{"problem/p.xml": xml})
	if block.Kind != KindProblem {
		t.Fatalf("got a %s, want a problem; report:\n%s", block.Kind, report.Text())
	}
	return block.Problem, report
}

// reported says whether an entry of that severity mentions all the words.
func reported(r *Report, severity Severity, words ...string) bool {
	for _, e := range r.Of(severity) {
		line := e.Place.String() + " " + e.What + ": " + e.Why
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}

func wantReported(t *testing.T, r *Report, severity Severity, words ...string) {
	t.Helper()
	if !reported(r, severity, words...) {
		t.Errorf("no %s entry with %q in\n%s", severity, words, r.Text())
	}
}

func wantClean(t *testing.T, r *Report) {
	t.Helper()
	for _, s := range []Severity{Missing, Skipped, Simplified} {
		if len(r.Of(s)) > 0 {
			t.Errorf("unexpected %s entries in\n%s", s, r.Text())
		}
	}
}
