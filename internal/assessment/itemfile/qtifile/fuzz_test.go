package qtifile

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

// namedAsInQTI reports whether no identifier is changed in writing.
func namedAsInQTI(made *event.ItemV1) bool {
	ids := []string{}
	for _, p := range made.Parts {
		ids = append(ids, p.PartID)
		for _, c := range p.Choices {
			ids = append(ids, c.ChoiceID)
		}
		for _, t := range p.Targets {
			ids = append(ids, t.TargetID)
		}
	}
	return !slices.ContainsFunc(ids, func(id string) bool { return !isQTIName(id) })
}

// FuzzRead: whatever an item file holds, reading comes to an end; what it yields
// is an item that assessment takes, or a reason; and what it yields can be
// written, and read again as the same. Native keys score as the logic does that
// they were made of.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/items/*.xml")
	for _, file := range files {
		f.Add(readData(f, file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for found, err := range Read(t.Context(), bytesSource("x.xml", data)) {
			if err != nil {
				var refused *itemfile.RefusedError
				if !errors.As(err, &refused) {
					t.Errorf("%v is no refusal", err)
				}
				continue
			}
			if found.Item == nil {
				if len(found.Lines) == 0 {
					t.Error("neither an item nor a reason")
				}
				continue
			}
			ready(t, found.Item)
			text := asJSON(t, found.Item)
			if lower := strings.ToLower(text); strings.Contains(lower, `\u003cscript`) || strings.Contains(lower, `\u003ciframe`) {
				t.Errorf("not sanitised: %s", text)
			}
			if found.Item.Program == nil {
				if logic := asProgram(t, "x.xml", data); logic != nil && check(*logic) == "" {
					logic.Weight, logic.Program.Max = "1000000", "1000000" // whatever it may give counts
					samePoints(t, found.Item, logic, found.Item, 5)
				}
			}
			var out bytes.Buffer
			if _, err := Write(&out, func(yield func(itemfile.Found, error) bool) { yield(found, nil) }); err != nil {
				t.Fatal(err)
			}
			for back, err := range Read(t.Context(), bytesSource("x.zip", out.Bytes())) {
				if err != nil {
					t.Fatal(err)
				}
				if back.Kind != "" && (back.Item == nil || asJSON(t, back.Item) != text) {
					t.Errorf("it comes back as %+v\nwas\n%s", back, text)
				}
			}
			for back, err := range Read(t.Context(), bytesSource("x.zip", withoutCompanions(t, out.Bytes()))) {
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case back.Kind == "":
				case back.Item == nil:
					t.Errorf("its XML alone does not come back: %+v", back.Lines)
				case namedAsInQTI(found.Item):
					back.Item.MinScore = found.Item.MinScore
					sameScores(t, found.Item, back.Item, found.Item, 5)
				}
			}
		}
	})
}
