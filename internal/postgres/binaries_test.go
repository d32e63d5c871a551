package postgres

import (
	"archive/zip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// fakeInstallation writes programs that give a version and do nothing.
func fakeInstallation(t *testing.T, dir, version string) string {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"postgres", "initdb", "pg_ctl"} {
		script := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = --version ] && echo '%s (PostgreSQL) %s' && exit 0\nexit 1\n", program, version)
		if err := os.WriteFile(filepath.Join(bin, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func TestTheNewestInstallationIsFoundByNumber(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"9.6.24", "13.20", "14.2", "14.11", "15.9"} {
		fakeInstallation(t, filepath.Join(dir, version), version+" (Debian "+version+"-1)")
	}
	onPath := filepath.Join(dir, "path")
	if err := os.Mkdir(onPath, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "14.2", "bin", "initdb"), filepath.Join(onPath, "initdb")); err != nil {
		t.Fatal(err)
	}
	all := []string{filepath.Join(dir, "*", "bin")}
	for _, test := range []struct {
		name     string
		patterns []string
		major    int
		want     string // "" for none
	}{
		{"newest of all, 15.9 above 9.6", all, 0, "15.9"},
		{"newest of the version of the data, 14.11 above 14.2", all, 14, "14.11"},
		{"a link on the path is followed to its installation", nil, 0, "14.2"},
		{"too old for the schema", all, 13, ""},
		{"not installed", all, 16, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, ok := installedBinaries(t.Context(), onPath, test.patterns, test.major)
			want := ""
			if test.want != "" {
				want = filepath.Join(dir, test.want, "bin")
			}
			if b.dir != want || ok != (want != "") {
				t.Errorf("found %q, %v; want %q", b.dir, ok, want)
			}
		})
	}
}

// Where the process is root, the library fetches the programs and then fails to
// run them; they must be usable all the same, by the user the server runs as.
func TestProgramsAreFetchedWhereNoneAreInstalled(t *testing.T) {
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("needs xz to make an archive")
	}
	dir := t.TempDir()
	fakeInstallation(t, filepath.Join(dir, "made"), "15.99")
	archive := filepath.Join(dir, "postgres.txz")
	if out, err := exec.Command("tar", "-C", filepath.Join(dir, "made"), "-cJf", archive, "bin").CombinedOutput(); err != nil {
		t.Fatalf("make the archive: %v\n%s", err, out)
	}
	content, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if filepath.Ext(r.URL.Path) != ".jar" {
			http.NotFound(w, r)
			return
		}
		jar := zip.NewWriter(w)
		entry, err := jar.Create("postgres.txz")
		if err == nil {
			_, err = entry.Write(content)
		}
		if err == nil {
			err = jar.Close()
		}
		if err != nil {
			t.Error(err)
		}
	}))
	defer repository.Close()

	fetched := filepath.Join(dir, "fetched")
	if err := fetchInto(embeddedpostgres.V15, repository.URL, filepath.Join(dir, "cache"), fetched); err != nil {
		t.Fatal(err)
	}
	if err := makeReadable(fetched); err != nil {
		t.Fatal(err)
	}
	b, err := inspectBinaries(t.Context(), filepath.Join(fetched, "bin"))
	if err != nil || b.major != 15 || b.minor != 99 {
		t.Fatalf("fetched %+v, %v", b, err)
	}
	for _, path := range []string{fetched, b.dir, b.path("postgres")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o005 != 0o005 {
			t.Errorf("%s has mode %v, %v: others cannot use it", path, info.Mode(), err)
		}
	}
}

func TestAFailedFetchSaysSo(t *testing.T) {
	repository := httptest.NewServer(http.NotFoundHandler())
	defer repository.Close()
	dir := t.TempDir()
	if err := fetchInto(embeddedpostgres.V15, repository.URL, filepath.Join(dir, "cache"), filepath.Join(dir, "fetched")); err == nil {
		t.Error("fetching from a server that has nothing succeeded")
	}
}
