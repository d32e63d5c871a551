// Package realfiles finds files of other systems for tests. They are not part of
// the repository.
package realfiles

import (
	"os"
	"path/filepath"
	"testing"
)

// Path is a file or folder of real input: in the folder that LYCEUM_REAL_DIR
// names, or in shared/real beside the module. Without it the test is skipped.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("LYCEUM_REAL_DIR")
	if dir == "" {
		dir = besideTheModule(t)
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("there is no %s; set LYCEUM_REAL_DIR to test with real input", path)
	}
	return path
}

func besideTheModule(t testing.TB) string {
	t.Helper()
	at, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			break
		}
	}
	return filepath.Join(filepath.Dir(at), "shared", "real")
}
