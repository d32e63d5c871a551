package upgrade

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

// firstRelease is what ran before there were releases with a tag: the last commit
// without Kafka. Once a tag is in the history it is not looked at any more.
const firstRelease = "542058e64bda4c0bdeaf1acf6f204940db3bca43"

// release is a released state of the repository.
type release struct {
	root   string // of the repository
	name   string // a tag, or the abbreviated commit
	commit string
}

// previousRelease finds the release that an installation would come from: the
// latest tag before this commit, or firstRelease. Without the history, as in a
// tarball or a shallow clone, the test is skipped; see unavailable.
func previousRelease(t *testing.T) release {
	t.Helper()
	r := release{root: platformtest.ModuleRoot(t)}
	// A tarball may have been unpacked below another repository.
	top, err := r.git(t, "rev-parse", "--show-toplevel")
	if err != nil {
		unavailable(t, "there is no git history here: %v", err)
	}
	if here, err := filepath.EvalSymlinks(r.root); err != nil || here != strings.TrimSpace(string(top)) {
		unavailable(t, "the repository is %s, and this source is in %s", strings.TrimSpace(string(top)), r.root)
	}
	// From the parent on, so that the commit of a release is compared with the
	// release before it.
	r.name = firstRelease
	if tag, err := r.git(t, "describe", "--tags", "--match", "v[0-9]*", "--abbrev=0", "HEAD^"); err == nil {
		r.name = strings.TrimSpace(string(tag))
	}
	commit, err := r.git(t, "rev-parse", "--verify", "--quiet", r.name+"^{commit}")
	if err != nil {
		unavailable(t, "%s is not in the history of this clone: fetch all of it (git fetch --unshallow --tags)", r.name)
	}
	r.commit = strings.TrimSpace(string(commit))
	if r.name == firstRelease {
		r.name = r.commit[:12]
	}
	return r
}

// unavailable skips the test, which is about nothing without the previous release.
// It fails where LYCEUM_UPGRADE_REQUIRED is set, as in a place that is to guard
// releases.
func unavailable(t *testing.T, format string, args ...any) {
	t.Helper()
	message := "the previous release cannot be had: " + fmt.Sprintf(format, args...)
	if os.Getenv("LYCEUM_UPGRADE_REQUIRED") != "" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// git runs a command that only reads.
func (r release) git(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = r.root
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w %s", args[0], err, bytes.TrimSpace(errOut.Bytes()))
	}
	return out, nil
}

// file is a file as it was released.
func (r release) file(t *testing.T, path string) []byte {
	t.Helper()
	text, err := r.git(t, "show", r.commit+":"+path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// building lets one test build, and the others find what it has built.
var building sync.Mutex

// binary is the release's own binary, built from its own source. It is built once
// and kept beside Go's caches, as the tools of .ci/run are, for a commit never
// changes.
func (r release) binary(t *testing.T) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	cache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatalf("find Go's cache: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(cache)), "lyceum-releases", r.commit+"-"+runtime.Version())
	binary := filepath.Join(dir, "platform")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("make a place for the previous release: %v", err)
	}
	draft := filepath.Join(t.TempDir(), "platform")
	source := t.TempDir()
	r.extract(t, source)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", draft, "./cmd/platform")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		unavailable(t, "%s does not build here: %v\n%s", r.name, err, out) // its modules may be out of reach
	}
	if err := keep(draft, binary); err != nil {
		t.Fatalf("keep the previous release: %v", err)
	}
	return binary
}

// extract writes the source of the release into a directory. The working tree is
// not touched.
func (r release) extract(t *testing.T, dir string) {
	t.Helper()
	archive, err := r.git(t, "archive", "--format=tar", r.commit)
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("read the source of %s: %v", r.name, err)
		}
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeReg:
			var text []byte
			if text, err = io.ReadAll(files); err == nil {
				err = os.WriteFile(path, text, 0o644)
			}
		}
		if err != nil {
			t.Fatalf("write the source of %s: %v", r.name, err)
		}
	}
}

// keep copies a file, whole or not at all, to where other test runs look for it.
func keep(draft, path string) error {
	text, err := os.ReadFile(draft)
	if err != nil {
		return err
	}
	beside, err := os.CreateTemp(filepath.Dir(path), "draft-")
	if err != nil {
		return err
	}
	_, err = beside.Write(text)
	err = errors.Join(err, beside.Chmod(0o755), beside.Close())
	if err == nil {
		err = os.Rename(beside.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside.Name()))
	}
	return nil
}

// knows reports whether a binary has a flag.
func knows(t *testing.T, binary, flag string) bool {
	t.Helper()
	help, err := exec.CommandContext(t.Context(), binary, "serve", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%s serve --help: %v\n%s", binary, err, help)
	}
	return strings.Contains(string(help), flag+"=")
}
