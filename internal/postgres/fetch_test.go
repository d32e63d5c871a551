package postgres

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// archive is what a repository has: programs that say that they are version
// 17.5, in a tar in a zip.
func archive(t *testing.T) []byte {
	t.Helper()
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("needs xz to make an archive")
	}
	dir := t.TempDir()
	fakeInstallation(t, dir, "17.5")
	tarball := filepath.Join(dir, "postgres.txz")
	if out, err := exec.Command("tar", "-C", dir, "-cJf", tarball, "bin").CombinedOutput(); err != nil {
		t.Fatalf("make the archive: %v\n%s", err, out)
	}
	content, err := os.ReadFile(tarball)
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	entry, err := w.Create("postgres.txz")
	if err == nil {
		_, err = entry.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

// repository serves an archive, and counts how often.
type repository struct {
	*httptest.Server
	fetches atomic.Int32
}

func newRepository(t *testing.T, jar []byte, checksum string) *repository {
	t.Helper()
	r := &repository{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body := []byte(checksum)
		if filepath.Ext(req.URL.Path) == ".jar" {
			body = jar
			r.fetches.Add(1)
		}
		if _, err := w.Write(body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func newTestFetcher(t *testing.T, cache, repository string) fetcher {
	t.Helper()
	run, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	return fetcher{cache: cache, repository: repository, run: run, log: slog.New(slog.DiscardHandler)}
}

func checksum(jar []byte) string {
	sum := sha256.Sum256(jar)
	return hex.EncodeToString(sum[:])
}

func TestProgramsAreFetchedOnceByAllWhoWantThem(t *testing.T) {
	t.Parallel()
	jar := archive(t)
	r := newRepository(t, jar, checksum(jar))
	cache := filepath.Join(t.TempDir(), "cache")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			b, err := newTestFetcher(t, cache, r.URL).fetch(t.Context(), 0)
			if err != nil || b.major != 17 || b.minor != 5 {
				t.Errorf("fetched %+v, %v", b, err)
			}
		})
	}
	wg.Wait()
	if n := r.fetches.Load(); n != 1 {
		t.Errorf("fetched %d times, want once", n)
	}
	left, err := filepath.Glob(filepath.Join(cache, unfinished+"*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTheServersUserCanRunWhatRootFetched(t *testing.T) {
	t.Parallel()
	jar := archive(t)
	f := newTestFetcher(t, filepath.Join(t.TempDir(), "cache"), newRepository(t, jar, checksum(jar)).URL)
	f.run.switched = true
	b, err := f.fetch(t.Context(), 17)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{f.cache, filepath.Dir(b.dir), b.dir, b.path("postgres")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o005 != 0o005 {
			t.Errorf("%s has mode %v, %v: others cannot use it", path, info.Mode(), err)
		}
	}
}

func TestWhatAKilledFetchLeftIsReplaced(t *testing.T) {
	t.Parallel()
	jar := archive(t)
	cache := t.TempDir()
	broken := filepath.Join(cache, "postgres-"+string(fetchedVersion), "bin")
	stale := filepath.Join(cache, unfinished+"1")
	for _, dir := range []string{broken, stale} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := newTestFetcher(t, cache, newRepository(t, jar, checksum(jar)).URL).fetch(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("the directory of a killed fetch is still there")
	}
}

func TestAFailedFetchSaysWhatToDoAndLeavesNothing(t *testing.T) {
	t.Parallel()
	jar := archive(t)
	for name, r := range map[string]*repository{
		"a wrong checksum":     newRepository(t, jar, checksum([]byte("other"))),
		"a torn archive":       newRepository(t, jar[:len(jar)/2], checksum(jar[:len(jar)/2])),
		"something else there": newRepository(t, []byte("<html>"), checksum([]byte("<html>"))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTestFetcher(t, t.TempDir(), r.URL)
			_, err := f.fetch(t.Context(), 0)
			if err == nil || !strings.Contains(err.Error(), "apt install postgresql") || !strings.Contains(err.Error(), "DATABASE_URL") {
				t.Errorf("error %v does not say what to do", err)
			}
			left, err := filepath.Glob(filepath.Join(f.cache, "*-*"))
			if err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestAFetchThatHangsCanBeGivenUp(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 1), make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	cache := t.TempDir()
	t.Cleanup(func() {
		close(release)
		hanging.Close()
		// The abandoned fetch holds the lock until it has cleaned up.
		eventuallyLocked(t, filepath.Join(cache, "lock"))
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := newTestFetcher(t, cache, hanging.URL).fetch(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

func eventuallyLocked(t *testing.T, path string) {
	t.Helper()
	for {
		lock, err := tryLock(path)
		if err != nil {
			t.Fatal(err)
		}
		if lock != nil {
			_ = lock.Close()
			return
		}
		if err := pause(context.WithoutCancel(t.Context()), poll); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAVersionThatNobodyHasIsRefused(t *testing.T) {
	t.Parallel()
	f := newTestFetcher(t, t.TempDir(), "http://127.0.0.1:1")
	if _, err := f.fetch(t.Context(), 12); err == nil || !strings.Contains(err.Error(), "PostgreSQL 12, which wrote the data directory") {
		t.Errorf("error %v does not name the version", err)
	}
}
