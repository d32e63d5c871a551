package platformtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Main is a package's TestMain: it builds the binary when the first test wants
// it, with the race detector if the tests have it, and removes it at the end.
func Main(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		if err := os.RemoveAll(built.dir); err != nil {
			fmt.Fprintln(os.Stderr, "remove the platform's binary:", err)
		}
	}
	os.Exit(code)
}

// built is the one binary of this test run.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// Binary is the path of the platform's binary.
func Binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() { built.dir, built.err = build(t.Context()) })
	if built.err != nil {
		t.Fatalf("build the platform: %v", built.err)
	}
	return filepath.Join(built.dir, "platform")
}

func build(ctx context.Context) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "lyceum-binary-")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", filepath.Join(dir, "platform")}
	if raceDetector {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/platform")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w\n%s", err, out)
	}
	return dir, nil
}

// ModuleRoot is the folder with the go.mod of the source that is tested.
func ModuleRoot(t testing.TB) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// moduleRoot is the nearest folder above the test with a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("there is no go.mod above the test")
		}
		dir = parent
	}
}

// RealFile is a file of other people's material, which is not part of the
// repository: below LYCEUM_REAL_DIR or, without it, in shared/real beside the
// repository. The test is skipped where it is missing.
func RealFile(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("LYCEUM_REAL_DIR")
	if dir == "" {
		dir = filepath.Join(filepath.Dir(ModuleRoot(t)), "shared", "real")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not there; LYCEUM_REAL_DIR says where to look", path)
	}
	return path
}
