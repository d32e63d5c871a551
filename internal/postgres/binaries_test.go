package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
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
