package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// fetchedVersion is the server that is fetched where none is installed and the
// data directory is new. Data of another major version gets that version.
const fetchedVersion = embeddedpostgres.V17

const (
	// fetchTimeout is for the slowest of lines; the archive has some 15 MB.
	fetchTimeout = 15 * time.Minute
	// fetchReminder is how often a fetch that goes on says so.
	fetchReminder = 10 * time.Second
	// unfinished begins the names of directories that fetches work in.
	unfinished = "fetch-"
)

// fetcher downloads the server's programs into a cache, once.
type fetcher struct {
	cache      string
	repository string // "" is the library's own
	run        account
	log        *slog.Logger
}

// newFetcher caches where the account that runs the server can read.
func newFetcher(run account, log *slog.Logger) (fetcher, error) {
	f := fetcher{cache: "/var/cache/lyceum", run: run, log: log}
	if run.switched {
		return f, nil // root's own cache is closed to the server's user
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return fetcher{}, fmt.Errorf("find the cache directory: %w", err)
	}
	f.cache = filepath.Join(dir, "lyceum")
	return f, nil
}

// fetch gives the programs of the major version, or of the usual one if it is
// 0, from the cache or else from the repository. Processes that want the same
// programs at once fetch them once.
func (f fetcher) fetch(ctx context.Context, major int) (binaries, error) {
	version, err := versionToFetch(major)
	if err != nil {
		return binaries{}, err
	}
	dir := filepath.Join(f.cache, "postgres-"+string(version))
	bin := filepath.Join(dir, "bin")
	if b, err := inspectBinaries(ctx, bin); err == nil {
		return b, nil
	}
	begin := time.Now()
	f.log.InfoContext(ctx, "no PostgreSQL is installed: fetching one, some 15 MB, which is done once", "version", version, "into", dir)
	if err := f.await(ctx, version, dir); err != nil {
		return binaries{}, fmt.Errorf("no PostgreSQL of version %d or newer is installed, and fetching %s failed (%w): "+
			"install PostgreSQL (apt install postgresql, brew install postgresql), set HTTPS_PROXY if the network needs one, "+
			"or set DATABASE_URL", minMajor, version, err)
	}
	f.log.InfoContext(ctx, "PostgreSQL has been fetched", "duration", time.Since(begin).Round(time.Millisecond))
	return inspectBinaries(ctx, bin)
}

func versionToFetch(major int) (embeddedpostgres.PostgresVersion, error) {
	if major == 0 {
		return fetchedVersion, nil
	}
	for _, v := range []embeddedpostgres.PostgresVersion{
		embeddedpostgres.V14, embeddedpostgres.V15, embeddedpostgres.V16, embeddedpostgres.V17, embeddedpostgres.V18,
	} {
		if strings.HasPrefix(string(v), strconv.Itoa(major)+".") {
			return v, nil
		}
	}
	return "", fmt.Errorf("PostgreSQL %d, which wrote the data directory, is neither installed nor to be fetched", major)
}

// await waits for the programs, and says that it does. The library cannot be
// interrupted: when ctx ends it is left to itself, in a directory of its own.
func (f fetcher) await(ctx context.Context, version embeddedpostgres.PostgresVersion, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.once(ctx, version, dir) }()
	reminder := time.NewTicker(fetchReminder)
	defer reminder.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-reminder.C:
			f.log.InfoContext(ctx, "still fetching PostgreSQL")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// once makes dir unless another process does so while this one waits. The
// directory appears complete or not at all.
func (f fetcher) once(ctx context.Context, version embeddedpostgres.PostgresVersion, dir string) error {
	if err := os.MkdirAll(f.cache, 0o755); err != nil {
		return fmt.Errorf("make the cache directory: %w", err)
	}
	lock, err := tryLock(filepath.Join(f.cache, "lock"))
	for ; err == nil && lock == nil; lock, err = tryLock(filepath.Join(f.cache, "lock")) {
		if err := pause(ctx, 5*poll); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if _, err := inspectBinaries(ctx, filepath.Join(dir, "bin")); err == nil {
		return nil
	}
	if err := removeMatching(filepath.Join(f.cache, unfinished+"*")); err != nil { // of a process that was killed
		return err
	}
	scratch, err := os.MkdirTemp(f.cache, unfinished)
	if err != nil {
		return fmt.Errorf("make a directory to fetch into: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	fetched := filepath.Join(scratch, "postgres")
	if err := download(version, f.repository, scratch, fetched); err != nil {
		return err
	}
	if f.run.switched {
		if err := errors.Join(os.Chmod(f.cache, 0o755), makeReadable(fetched)); err != nil {
			return fmt.Errorf("let user %s read the programs: %w", f.run.name, err)
		}
	}
	// What is there does not run, or it would have been used.
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove unusable programs: %w", err)
	}
	if err := os.Rename(fetched, dir); err != nil {
		return fmt.Errorf("keep the fetched programs: %w", err)
	}
	return nil
}

// download leaves the programs in dir, compared with the checksum that the
// repository gives. They are run as they come, so their paths within the archive
// deserve no more distrust than they do.
//
// The library fetches on the way to starting a server of its own. This one has
// no place for its data and therefore does not start. That everything was
// extracted shows in the runtime directory, which is made after that.
func download(version embeddedpostgres.PostgresVersion, repository, scratch, dir string) error {
	made := filepath.Join(scratch, "run")
	config := embeddedpostgres.DefaultConfig().Version(version).Port(0).Logger(io.Discard).
		CachePath(scratch).BinariesPath(dir).RuntimePath(made).DataPath(filepath.Join(os.DevNull, "none"))
	if repository != "" {
		config = config.BinaryRepositoryURL(repository)
	}
	server := embeddedpostgres.NewDatabase(config)
	startErr := server.Start()
	if startErr == nil {
		return errors.Join(errors.New("a server started without data"), server.Stop())
	}
	if _, err := os.Stat(made); err != nil {
		return startErr
	}
	if _, err := os.Stat(filepath.Join(dir, "bin", "postgres")); err != nil {
		return fmt.Errorf("the archive is without a server: %w", err)
	}
	return nil
}

func removeMatching(pattern string) error {
	paths, err := filepath.Glob(pattern)
	for _, path := range paths {
		err = cmp.Or(err, os.RemoveAll(path))
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", pattern, err)
	}
	return nil
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
