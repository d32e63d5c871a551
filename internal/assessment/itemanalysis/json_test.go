package itemanalysis

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The names of the results are a contract with whoever reads the API: fields are
// added, never renamed or removed.
func TestJSONNames(t *testing.T) {
	t.Parallel()
	m := newMarks(t, []Item{
		{ID: "a", Max: 1, Options: []Option{{ID: "A", Key: true}, {ID: "B"}}},
		{ID: "b", Max: 1}, {ID: "c", Max: 1}, {ID: "all right", Max: 1},
	})
	for i := range 40 {
		row := []Mark{chosen("A", true), {Score: float64(i % 2)}, {Score: float64(i % 3 / 2)}, {Score: 1}}
		if i%5 == 0 {
			row[0] = chosen("B", false)
		}
		add(t, m, fmt.Sprint(i), row)
	}
	names := map[string]bool{}
	collect(t, names, "report", analyse(t, m, Options{}))
	collect(t, names, "model", fitIRT(t, m, IRTOptions{Abilities: true}))
	collect(t, names, "model", fitIRT(t, newMarks(t, nil), IRTOptions{}))
	collect(t, names, "csv_error", &CSVError{Problems: []CSVProblem{{Line: 1, Column: 2, ColumnName: "q", Message: "m"}}})
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	got := strings.Join(list, "\n") + "\n"
	const golden = "testdata/json_names.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the names have changed: compare %s after go test -run JSONNames -update\n%s", golden, got)
	}
}

// collect adds the paths of all names in a result; numbers in figures' maps are
// named by the flag.
func collect(t *testing.T, names map[string]bool, path string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := json.Unmarshal(data, &decoded); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				if strings.HasSuffix(path, ".figures") {
					name = "*"
				}
				walk(path+"."+name, inner)
			}
		case []any:
			for _, inner := range v {
				walk(path+"[]", inner)
			}
		default:
			names[path] = true
		}
	}
	walk(path, decoded)
}
