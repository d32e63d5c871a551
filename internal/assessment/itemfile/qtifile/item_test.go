package qtifile

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// readOne reads a file with a single item.
func readOne(t testing.TB, src itemfile.Source) itemfile.Found {
	t.Helper()
	var all []itemfile.Found
	for found, err := range Read(t.Context(), src) {
		if err != nil {
			t.Fatalf("%s: %v", src.Name, err)
		}
		all = append(all, found)
	}
	if len(all) != 1 {
		t.Fatalf("%s: %d items, want 1", src.Name, len(all))
	}
	return all[0]
}

func ownItem(t testing.TB, name string) itemfile.Found {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "items", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return readOne(t, bytesSource(name+".xml", data))
}

// ready is the item prepared for scoring.
func ready(t testing.TB, made *event.ItemV1) *scoring.Item {
	t.Helper()
	if made == nil {
		t.Fatal("there is no item")
	}
	copied := *made
	copied.ItemID = uuid.NameSpaceOID
	it, err := scoring.Parse(copied)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// scoreOf is what a response scores.
func scoreOf(it *scoring.Item, r scoring.Response) string { return it.Score(r, 1).Score.String() }

// TestItems: what each of our own items arrives as, line by line, is as it was
// looked at.
func TestItems(t *testing.T) {
	files, err := filepath.Glob("testdata/items/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no items: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		t.Run(name, func(t *testing.T) {
			found := ownItem(t, name)
			lines := []string{}
			for _, l := range found.Lines {
				lines = append(lines, string(l.Severity)+" "+l.Place.String()+": "+l.What+": "+l.Why)
			}
			var out bytes.Buffer
			e := json.NewEncoder(&out)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(map[string]any{
				"identity": found.Identity, "kind": found.Kind, "lines": lines, "item": found.Item, "media": len(found.Media),
			}); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "items", name+".golden.json")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("it arrives as\n%s\nwant\n%s", out.Bytes(), want)
			}
		})
	}
}

func choices(part string, ids ...string) scoring.Response {
	return scoring.Response{part: {Choices: ids}}
}

func pairs(part string, ids ...[2]string) scoring.Response {
	return scoring.Response{part: {Pairs: ids}}
}

func text(part, s string) scoring.Response { return scoring.Response{part: {Text: s}} }

func marks(part string, ps ...[2]int) scoring.Response { return scoring.Response{part: {Points: ps}} }

func both(rs ...scoring.Response) scoring.Response {
	all := scoring.Response{}
	for _, r := range rs {
		for id, part := range r {
			all[id] = part
		}
	}
	return all
}

// TestScores: an item scores as its response processing says.
func TestScores(t *testing.T) {
	type scored struct {
		response scoring.Response
		want     string
	}
	for name, responses := range map[string][]scored{
		"choice_single":          {{choices("RESPONSE", "C"), "1"}, {choices("RESPONSE", "A"), "0"}, {nil, "0"}},
		"choice_multiple_mapped": {{choices("RESPONSE", "two", "five"), "2"}, {choices("RESPONSE", "two"), "1"}, {choices("RESPONSE", "two", "five", "four"), "1"}, {choices("RESPONSE", "four"), "0"}},
		"true_false":             {{choices("RESPONSE", "true"), "2"}, {choices("RESPONSE", "false"), "0"}},
		"choice_feedback":        {{choices("R1", "a"), "0.25"}, {choices("R1", "b"), "1"}, {choices("R1", "c"), "0"}},
		"order":                  {{choices("RESPONSE", "m", "v", "e"), "1"}, {choices("RESPONSE", "m", "e", "v"), "0"}},
		"associate":              {{pairs("RESPONSE", [2]string{"pepper", "salt"}), "2"}, {pairs("RESPONSE", [2]string{"salt", "pepper"}, [2]string{"bread", "butter"}), "4"}},
		"match_thirds":           {{pairs("RESPONSE", [2]string{"faust", "goethe"}), "1"}, {pairs("RESPONSE", [2]string{"faust", "goethe"}, [2]string{"hamlet", "joyce"}, [2]string{"ulysses", "joyce"}), "2"}},
		"gap_match":              {{pairs("RESPONSE", [2]string{"W", "G1"}, [2]string{"Su", "G2"}), "3"}, {pairs("RESPONSE", [2]string{"W", "G1"}, [2]string{"Sp", "G2"}), "0"}, {pairs("RESPONSE", [2]string{"Su", "G2"}), "2"}},
		"inline_and_text": {
			{both(choices("CITY", "Y"), text("KING", "Richard"), text("YEAR", "1485")), "4"},
			{both(choices("CITY", "G"), text("KING", " RICHARD III"), text("YEAR", "1487")), "2.5"}, {text("YEAR", "1488"), "0"}, {text("KING", "richard"), "0"},
		},
		"text_patterns":        {{text("RESPONSE", "Colour"), "1"}, {text("RESPONSE", "colors"), "1"}, {text("RESPONSE", "coulour"), "0.5"}, {text("RESPONSE", "Colors"), "0"}},
		"hottext":              {{choices("RESPONSE", "B"), "1"}, {choices("RESPONSE", "A", "B"), "0"}},
		"hotspot":              {{choices("RESPONSE", "B"), "1"}, {choices("RESPONSE", "C"), "0"}},
		"select_point":         {{marks("RESPONSE", [2]int{20, 25}), "1"}, {marks("RESPONSE", [2]int{40, 10}), "3"}, {marks("RESPONSE", [2]int{20, 20}, [2]int{60, 20}), "4"}, {marks("RESPONSE", [2]int{99, 79}), "0"}},
		"graphic_order":        {{choices("RESPONSE", "B", "A"), "1"}, {choices("RESPONSE", "A", "B"), "0"}},
		"graphic_associate":    {{pairs("RESPONSE", [2]string{"B", "A"}), "1"}, {pairs("RESPONSE", [2]string{"A", "C"}), "0"}},
		"graphic_gap_match":    {{pairs("RESPONSE", [2]string{"CBG", "A"}), "1"}, {pairs("RESPONSE", [2]string{"CBG", "A"}, [2]string{"EDI", "B"}), "2"}},
		"position_object":      {{marks("RESPONSE", [2]int{25, 20}), "1"}, {marks("RESPONSE", [2]int{35, 20}), "0"}},
		"slider":               {{text("RESPONSE", "16"), "2"}, {text("RESPONSE", "18"), "1"}, {text("RESPONSE", "19"), "0"}},
		"cito":                 {{choices("R1", "A", "C"), "1"}, {choices("R1", "A", "B", "C"), "0"}, {choices("R1", "A"), "0"}, {nil, "0"}},
		"pairs_as_identifiers": {{pairs("RESPONSE", [2]string{"A1", "B1"}, [2]string{"A2", "B2"}), "1"}, {pairs("RESPONSE", [2]string{"A1", "B1"}), "0"}},
		"media":                {{choices("RESPONSE", "a"), "1"}},
		"all_together":         {{both(choices("R1", "a"), choices("R2", "b")), "1"}, {choices("R1", "a"), "0"}},
		"no_processing":        {{choices("R1", "a"), "1"}},
		"survey":               {{choices("R1", "a", "b"), "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			it := ready(t, ownItem(t, name).Item)
			for _, r := range responses {
				if err := it.Check(r.response); err != nil {
					t.Errorf("%v: %v", r.response, err)
				}
				if got := scoreOf(it, r.response); got != r.want {
					t.Errorf("%v scores %s, want %s", r.response, got, r.want)
				}
			}
		})
	}
}

// TestFullScores: the response that an item says is the best earns all of it.
func TestFullScores(t *testing.T) {
	files, _ := filepath.Glob("testdata/items/*.xml")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		t.Run(name, func(t *testing.T) {
			found := ownItem(t, name)
			if found.Item == nil || found.Item.Weight == "0" {
				return
			}
			it := ready(t, found.Item)
			for seed := range int64(5) {
				r, ok := it.FullResponse(seed)
				if !ok {
					t.Logf("no full response is known: %s", found.Kind)
					return
				}
				result := it.Score(r, seed)
				if result.Score.Cmp(it.MaxScore()) != 0 && !result.NeedsMarking {
					t.Errorf("%v scores %s of %s", r, result.Score, it.MaxScore())
				}
			}
		})
	}
}

func readData(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
