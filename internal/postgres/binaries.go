package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// minMajor is the oldest server that the schema works on.
const minMajor = 14

// binaries is one installation of the server's programs.
type binaries struct {
	dir          string
	major, minor int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

func (b binaries) compare(other binaries) int {
	return cmp.Or(cmp.Compare(b.major, other.major), cmp.Compare(b.minor, other.minor))
}

// installations are the places where packages put the programs, as patterns.
var installations = []string{
	"/usr/lib/postgresql/*/bin", "/usr/lib/postgresql*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/usr/libexec/postgresql*",
	"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin", "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// installedBinaries finds the newest installation of the wanted major version,
// or of any usable one if major is 0.
func installedBinaries(ctx context.Context, path string, patterns []string, major int) (binaries, bool) {
	dirs := filepath.SplitList(path)
	for _, pattern := range patterns {
		matches, _ := filepath.Glob(pattern) // fails on a malformed pattern only
		dirs = append(dirs, matches...)
	}
	var best binaries
	for _, dir := range dirs {
		// The programs look for their files beside themselves, so a link in
		// /usr/local/bin must be followed to where the rest is.
		initdb, err := filepath.EvalSymlinks(filepath.Join(dir, "initdb"))
		if err != nil || filepath.Dir(initdb) == best.dir {
			continue
		}
		b, err := inspectBinaries(ctx, filepath.Dir(initdb))
		if err != nil || b.major < minMajor || major != 0 && b.major != major {
			continue
		}
		if b.compare(best) > 0 {
			best = b
		}
	}
	return best, best.dir != ""
}

var versionOutput = regexp.MustCompile(`\(PostgreSQL\) (\d+)(?:\.(\d+))?`)

func inspectBinaries(ctx context.Context, dir string) (binaries, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("ask %s for its version: %w", filepath.Join(dir, "postgres"), err)
	}
	match := versionOutput.FindStringSubmatch(string(out))
	if match == nil {
		return binaries{}, fmt.Errorf("%s gave an unknown version %q", filepath.Join(dir, "postgres"), out)
	}
	b := binaries{dir: dir}
	b.major, _ = strconv.Atoi(match[1])
	b.minor, _ = strconv.Atoi(match[2]) // absent in a beta: 0
	return b, nil
}

// dataMajor is the major version that a cluster was made with, 0 if there is none.
func dataMajor(cluster string) (int, error) {
	text, err := os.ReadFile(filepath.Join(cluster, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the data directory: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read the version of %s: %w", cluster, err)
	}
	return major, nil
}
