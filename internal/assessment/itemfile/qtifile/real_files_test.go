package qtifile

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/realfiles"
)

// filesIn are the XML files below a folder.
func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".xml" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func fileSource(t *testing.T, path string) itemfile.Source {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytesSource(filepath.Base(path), data)
}

func bytesSource(name string, data []byte) itemfile.Source {
	return itemfile.Source{Name: name, Data: bytes.NewReader(data), Size: int64(len(data))}
}

// TestRealItems: every file of qtiworks and Citolab is an item that arrives, or
// it is named with a reason.
func TestRealItems(t *testing.T) {
	for _, folder := range []string{"qtiworks", "citolab-2x"} {
		t.Run(folder, func(t *testing.T) {
			dir := realfiles.Path(t, folder)
			var table bytes.Buffer
			native, programs, none, refused := 0, 0, 0, 0
			for _, path := range filesIn(t, dir) {
				name, _ := filepath.Rel(dir, path)
				for found, err := range Read(t.Context(), fileSource(t, path)) {
					var r *itemfile.RefusedError
					switch {
					case errors.As(err, &r):
						refused++
						fmt.Fprintf(&table, "%-70s refused: %s\n", name, r.Reason)
						if !strings.Contains(r.Reason, "this is <") {
							t.Errorf("%s: %v", name, err)
						}
						continue
					case err != nil:
						t.Fatalf("%s: %v", name, err)
					case found.Item == nil:
						none++
						if !slices.ContainsFunc(found.Lines, func(l itemfile.Line) bool { return l.Severity == itemfile.Skipped }) {
							t.Errorf("%s: no item and no reason", name)
						}
						fmt.Fprintf(&table, "%-70s %-24s none\n", name, found.Kind)
					case found.Item.Program != nil:
						programs++
						fmt.Fprintf(&table, "%-70s %-24s program, %s points\n", name, found.Kind, found.Item.Weight)
					default:
						native++
						if logic := asProgram(t, name, readData(t, path)); logic != nil {
							logic.Weight, logic.Program.Max = "1000000", "1000000" // whatever it may give counts
							samePoints(t, found.Item, logic, found.Item, 200)
						}
						fmt.Fprintf(&table, "%-70s %-24s native, %s points\n", name, found.Kind, found.Item.Weight)
					}
					for _, l := range found.Lines {
						fmt.Fprintf(&table, "    %s: %s: %s\n", l.Severity, l.What, l.Why)
					}
				}
			}
			t.Logf("%s: %d items with native keys, %d with programs, %d named and not taken, %d files that are no items\n%s", folder, native, programs, none, refused, table.String())
		})
	}
}

// TestRealPackage reads Citolab's package, packed here, in which a test names the
// items.
func TestRealPackage(t *testing.T) {
	dir := filepath.Join(realfiles.Path(t, "citolab-2x"), "QTI-Packages", "RW")
	data := zipFolder(t, dir)
	items := 0
	for found, err := range Read(t.Context(), bytesSource("RW.zip", data)) {
		if err != nil {
			t.Fatal(err)
		}
		if found.Item != nil {
			items++
		}
	}
	if items != 4 {
		t.Errorf("%d items, want 4", items)
	}
}

func zipFolder(t *testing.T, dir string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, path := range filesIn(t, dir) {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create(filepath.ToSlash(name))
		if err := cmp.Or(err, second(w.Write(data))); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func second(_ int, err error) error { return err }
