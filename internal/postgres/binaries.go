package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// minMajor is the oldest server that the schema works on.
const minMajor = 14

// fetchedVersion is the server that is fetched where none is installed and the
// data directory is new. Data of another major version gets that version.
const fetchedVersion = embeddedpostgres.V17

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

// fetchBinaries downloads the programs into the user's cache, once.
func fetchBinaries(ctx context.Context, major int, run account) (binaries, error) {
	version := fetchedVersion
	if major != 0 {
		version = ""
		for _, v := range []embeddedpostgres.PostgresVersion{
			embeddedpostgres.V14, embeddedpostgres.V15, embeddedpostgres.V16, embeddedpostgres.V17, embeddedpostgres.V18,
		} {
			if strings.HasPrefix(string(v), strconv.Itoa(major)+".") {
				version = v
			}
		}
		if version == "" {
			return binaries{}, fmt.Errorf("PostgreSQL %d, which wrote the data directory, is neither installed nor to be fetched", major)
		}
	}
	cache, err := cacheDir()
	if err != nil {
		return binaries{}, err
	}
	dir := filepath.Join(cache, "postgres-"+string(version))
	if b, err := inspectBinaries(ctx, filepath.Join(dir, "bin")); err == nil {
		return b, nil
	}
	if err := fetchInto(version, "", cache, dir); err != nil {
		return binaries{}, fmt.Errorf("no PostgreSQL of version %d or newer is installed, and fetching %s failed (%w): "+
			"install PostgreSQL (apt install postgresql, brew install postgresql) or set DATABASE_URL",
			minMajor, version, err)
	}
	if run.switched {
		if err := makeReadable(dir); err != nil {
			return binaries{}, err
		}
	}
	return inspectBinaries(ctx, filepath.Join(dir, "bin"))
}

// fetchInto leaves the programs in dir; an empty repository is the usual one. The library can only fetch on the way to
// starting a server of its own, which is stopped at once, and which as root
// fails when the programs are already there: hence their presence decides.
func fetchInto(version embeddedpostgres.PostgresVersion, repository, cache, dir string) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return fmt.Errorf("make the cache directory: %w", err)
	}
	scratch, err := os.MkdirTemp("", "lyceum-fetch-")
	if err != nil {
		return fmt.Errorf("make a scratch directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	port, err := freePort()
	if err != nil {
		return err
	}
	config := embeddedpostgres.DefaultConfig().Version(version).Port(port).
		CachePath(cache).BinariesPath(dir).RuntimePath(filepath.Join(scratch, "run")).
		StartParameters(map[string]string{"listen_addresses": "localhost", "unix_socket_directories": ""}).Logger(io.Discard)
	if repository != "" {
		config = config.BinaryRepositoryURL(repository)
	}
	server := embeddedpostgres.NewDatabase(config)
	startErr := server.Start()
	if startErr == nil {
		if err := server.Stop(); err != nil {
			return fmt.Errorf("stop the fetched server: %w", err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "bin", "postgres")); err != nil {
		return cmp.Or(startErr, err)
	}
	return nil
}

func freePort() (uint32, error) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return uint32(l.Addr().(*net.TCPAddr).Port), nil
}

func cacheDir() (string, error) {
	if os.Getuid() == 0 {
		return "/var/cache/lyceum", nil // root's own cache is closed to the server's user
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	return filepath.Join(dir, "lyceum"), nil
}

// makeReadable lets others read, and run what the owner may run.
func makeReadable(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}
