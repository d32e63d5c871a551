package itemfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func sample(yield func(Found, error) bool) {
	item := &event.ItemV1{}
	line := func(s Severity, id, what, why string) Line {
		return Line{s, Place{File: "q.xml", Line: 7, ID: id}, what, why}
	}
	for _, f := range []Found{
		{Lines: []Line{line(Info, "", "DOCTYPE", "not needed")}},
		{Identity: "1", Kind: "choice", Folder: []string{"A"}, Item: item, Media: []Media{{SHA256: "x", Bytes: 5}}},
		{Identity: "2", Kind: "choice", Folder: []string{"A", "B"}, Item: item, Media: []Media{{SHA256: "x", Bytes: 5}, {SHA256: "y", Bytes: 6}}, Lines: []Line{line(Simplified, "2", "attributes (class ×1)", "own style")}},
		{Identity: "3", Kind: "essay", Item: item, Lines: []Line{line(Info, "3", "a setting", "kept")}},
		{Identity: "4", Kind: "odd", Lines: []Line{line(Skipped, "4", "type odd", "it is not known")}},
		{Identity: "5", Kind: "choice", Item: item, Lines: []Line{line(Missing, "5", "file a.png", "not in it"), line(Simplified, "5", "attributes (class ×3, id ×1)", "own style")}},
	} {
		if !yield(f, nil) {
			return
		}
	}
	yield(Found{}, errors.New("q.xml:9: the document ends too early"))
}

func TestAReportCountsWhatArrives(t *testing.T) {
	var each []Line
	tally := NewTally("q.xml", Detected{Name: "QTI 1.2"}, func(l Line) { each = append(each, l) })
	seen := 0
	var failed error
	for _, err := range tally.Watch(sample) {
		seen++
		failed = errors.Join(failed, err)
	}
	if failed == nil {
		t.Error("the error of the questions is passed on")
	}
	r := tally.Report()
	if seen != 7 || r.Questions != 5 || r.Arrived != 2 || r.Simplified != 2 || r.Skipped != 1 || r.Folders != 2 || r.Media != 2 || r.MediaBytes != 11 || len(each) != 6 || len(r.Lines) != 6 {
		t.Errorf("%d seen, %+v", seen, r)
	}
	if len(r.Kinds) != 3 || r.Kinds[0] != (KindCount{"choice", 1, 2, 0}) || r.Kinds[1] != (KindCount{"essay", 1, 0, 0}) || r.Kinds[2] != (KindCount{"odd", 0, 0, 1}) {
		t.Errorf("kinds %+v", r.Kinds)
	}
	text := r.Text()
	for _, want := range []string{
		"q.xml: QTI 1.2\n", "NOT READ TO ITS END: q.xml:9: the document ends too early\n", "5 questions: 2 arrive as they are, 2 simplified, 1 not\n", "2 folders, 2 files of 11 bytes\n",
		"  choice         1          2        0\n", "Does not arrive (1)\n  type odd: it is not known\n    q.xml:7 (4)\n", "Missing from the file (1)\n",
		"Simplified (2)\n  attributes ×2: own style\n    q.xml:7 (2)\n    q.xml:7 (5)\n", "For information (2)\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(data, &back); err != nil || back.Text() != text {
		t.Errorf("JSON: %v\n%s", err, data)
	}
}

func TestAReportIsBounded(t *testing.T) {
	all := 0
	tally := NewTally("big.xml", Detected{}, func(Line) { all++ })
	for i := range 20_000 {
		kind := fmt.Sprintf("kind%d", i)
		tally.Add(Found{Kind: kind, Lines: []Line{{Info, Place{ID: strings.Repeat("i", 1000)}, strings.Repeat("w", 10_000) + kind, kind}}})
	}
	tally.Add(Found{Kind: "last", Lines: []Line{{Skipped, Place{}, "the last", "it counts"}}})
	r := tally.Report()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if all != 20_001 || len(r.Lines) != maxLines+1 || r.Omitted[Info] != 20_000-maxLines || r.Severities[Info] != 20_000 || len(r.Kinds) > maxKinds+1 || len(r.Groups) > maxGroups+2 || len(data) > 5<<20 {
		t.Errorf("%d lines told, %d kept, omitted %v, %d kinds, %d groups, %d bytes", all, len(r.Lines), r.Omitted, len(r.Kinds), len(r.Groups), len(data))
	}
	if !strings.Contains(r.Text(), "the last: it counts") {
		t.Error("a flood of one severity must not hide another")
	}
}

func TestPlacesAreWrittenShort(t *testing.T) {
	for want, p := range map[string]Place{"": {}, "f": {File: "f"}, "f:3": {File: "f", Line: 3}, "x": {ID: "x"}, "f:3 (x)": {"f", 3, "x"}} {
		if p.String() != want {
			t.Errorf("%+v: %q", p, p.String())
		}
	}
}
