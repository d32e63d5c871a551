package moodlexml

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

var update = flag.Bool("update", false, "write the golden file anew")

// golden is what a question became, for reading.
type golden struct {
	Identity string        `json:"identity"`
	Kind     string        `json:"kind,omitempty"`
	Folder   string        `json:"folder,omitempty"`
	Tags     []string      `json:"tags,omitempty"`
	Item     *event.ItemV1 `json:"item,omitempty"`
	Files    []string      `json:"files,omitempty"`
	Lines    []string      `json:"lines,omitempty"`
}

// TestQuestionsOfAllTypes reads a file with a question of each type that is
// known. What becomes of them stands in the golden file.
func TestQuestionsOfAllTypes(t *testing.T) {
	data, err := os.ReadFile("testdata/all_types.xml")
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	for _, f := range readAll(t, data) {
		g := golden{Identity: f.Identity, Kind: f.Kind, Folder: strings.Join(f.Folder, " > "), Tags: f.Tags, Item: f.Item}
		for _, m := range f.Media {
			g.Files = append(g.Files, m.URL())
		}
		for _, l := range f.Lines {
			g.Lines = append(g.Lines, string(l.Severity)+" "+l.Place.String()+": "+l.What+": "+l.Why)
		}
		all = append(all, g)
	}
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(all); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/all_types.golden.json"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		a, b := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("line %d of %s:\n got %s\nwant %s", i+1, file, a[i], b[i])
			}
		}
		t.Fatalf("%d lines, want %d", len(a), len(b))
	}
}
