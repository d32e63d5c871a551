package qtifile

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/qti"
)

// TestCanonical: a program's source is in the one form that package qti gives it.
func TestCanonical(t *testing.T) {
	files, _ := filepath.Glob("testdata/items/*.xml")
	for _, file := range files {
		source := string(readData(t, file))
		root, _, err := readTree(strings.NewReader(source))
		if err != nil {
			t.Fatal(err)
		}
		got, err := (&item{root: root}).canonical()
		if err != nil {
			t.Fatal(err)
		}
		want, err := qti.Canonical(source)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s has the source\n%s\nwant\n%s", file, got, want)
		}
	}
}
