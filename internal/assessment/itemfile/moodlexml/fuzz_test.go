package moodlexml

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
)

// FuzzRead reads any bytes. Whatever they are, nothing panics, what arrives can
// be scored and written, what does not says why, and reading again gives the same.
func FuzzRead(f *testing.F) {
	all, err := os.ReadFile("testdata/all_types.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(all)
	f.Add(quiz(choiceWith("<p>a<br>&nbsp;& < <![CDATA[b]]>", "<hint><text>x</text></hint>")))
	f.Add(quiz(`<question type="cloze"><name><text>a</text></name><questiontext><text>{1:MC:=a#b~%50%c\}}{:NM:=1:2}{2:SAC:*}</text></questiontext></question>`))
	f.Add(quiz(`<question type="calculated"><name><text>a</text></name><questiontext><text>{x}{={x}*2}</text></questiontext><answer fraction="100"><text>{x}</text><tolerance>1</tolerance></answer><dataset_definitions><dataset_definition><name><text>x</text></name><minimum><text>1</text></minimum><maximum><text>2</text></maximum></dataset_definition></dataset_definitions></question>`))
	f.Add(quiz(`<question type="gapselect"><name><text>a</text></name><questiontext><text>[[1]][[2]]</text></questiontext><selectoption><text>a</text></selectoption><selectoption><text>b</text><group>2</group></selectoption></question>`))
	f.Add(quiz(`<question type="numerical"><name><text>a</text></name><questiontext><text>b</text></questiontext><answer fraction="1e9"><text>1e-300</text><tolerance>-0,5</tolerance></answer><units><unit><multiplier>3</multiplier><unit_name>m</unit_name></unit></units></question>`))
	f.Add([]byte("\xff\xfe<\x00q\x00u\x00i\x00z\x00>\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first []itemfile.Found
		var failed error
		for found, err := range Read(t.Context(), source(data)) {
			if failed = err; err != nil {
				break
			}
			first = append(first, found)
		}
		var refused *itemfile.RefusedError
		if failed != nil && (!errors.As(failed, &refused) || refused.Place.Line < 1 || refused.Reason == "") {
			t.Fatalf("a refusal without a line: %v", failed)
		}
		seen := map[string]bool{}
		for _, found := range first {
			if found.Identity == "" || seen[found.Identity] {
				t.Fatalf("identity %q", found.Identity)
			}
			seen[found.Identity] = true
			switch {
			case found.Item != nil:
				if err := moodletext.Check(*found.Item); err != nil {
					t.Fatal(err)
				}
			case !tells(found.Lines):
				t.Fatalf("neither an item nor why not: %+v", found)
			}
		}
		file, _ := written(t, first...)
		again := 0
		for _, err := range Read(t.Context(), source(data)) {
			if err == nil {
				again++
			}
		}
		if again != len(first) {
			t.Fatalf("%d found, then %d", len(first), again)
		}
		for _, err := range Read(t.Context(), source(file)) {
			if err != nil {
				t.Fatalf("what was written is refused: %v\n%s", err, bytes.ToValidUTF8(file, nil))
			}
		}
	})
}

// tells says whether anything is told.
func tells(lines []itemfile.Line) bool {
	for _, l := range lines {
		if l.What != "" && l.Why != "" {
			return true
		}
	}
	return false
}
