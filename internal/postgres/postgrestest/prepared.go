package postgrestest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/migrations"
)

const templateName = "lyceum_template"

// migrationsVersion names the state of the migration files.
func migrationsVersion() (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(migrations.Files(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.Files(), path)
		fmt.Fprintf(hash, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// prepared makes a data directory for a new server by copying the one that was
// initialised and migrated for this state of the migration files. The copy is
// removed when this process has ended.
func prepared(ctx context.Context) (string, error) {
	root := filepath.Join(os.TempDir(), fmt.Sprintf("lyceum-test-%d", os.Getuid()))
	if err := ownDir(root); err != nil {
		return "", err
	}
	version, err := migrationsVersion()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(root, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	master := filepath.Join(root, "master-"+version)
	if _, err := os.Stat(master); err != nil {
		if err := build(ctx, master+".draft"); err != nil {
			return "", err
		}
		if err := os.Rename(master+".draft", master); err != nil {
			return "", fmt.Errorf("keep the prepared data directory: %w", err)
		}
		removeOld(root)
	}
	dir, err := os.MkdirTemp(root, "run-")
	if err != nil {
		return "", fmt.Errorf("make a data directory: %w", err)
	}
	if err := removeAtExit(dir); err != nil {
		return "", err
	}
	if err := copyTree(master, dir); err != nil {
		return "", fmt.Errorf("copy the prepared data directory: %w", err)
	}
	return dir, nil
}

// build initialises and migrates a data directory and stops its server.
func build(ctx context.Context, dir string) (err error) {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove an unfinished data directory: %w", err)
	}
	embedded, err := postgres.StartEmbedded(ctx, postgres.EmbeddedOptions{DataDir: dir, Parameters: fast})
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := embedded.Stop(context.WithoutCancel(ctx)); err == nil {
			err = stopErr
		}
	}()
	conn, err := pgx.Connect(ctx, embedded.URL())
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return (&Server{url: embedded.URL(), template: templateName}).makeTemplate(ctx, conn)
}

// removeOld removes prepared directories of other states that have not been used
// for some hours, and what a machine that went down has left.
func removeOld(root string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return // the next build tries again
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && entry.IsDir() && time.Since(info.ModTime()) > 6*time.Hour {
			_ = os.RemoveAll(filepath.Join(root, entry.Name()))
		}
	}
}

// removeAtExit starts a shell that waits for the end of a pipe that only this
// process holds open, then for the end of the server, and removes the directory.
func removeAtExit(dir string) error {
	//nolint:noctx // it outlives this process
	cmd := exec.Command("/bin/sh", "-c", `
		cat >/dev/null
		pid=$(head -n 1 "$1/postgres/postmaster.pid" 2>/dev/null)
		if [ -n "$pid" ]; then
			kill -QUIT "$pid" 2>/dev/null
			n=0
			while kill -0 "$pid" 2>/dev/null && [ $n -lt 300 ]; do sleep 0.1; n=$((n+1)); done
		fi
		rm -rf -- "$1"`, "sh", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the cleaning shell: %w", err)
	}
	_ = r.Close()
	held = append(held, w)
	return nil
}

// held keeps the pipes of removeAtExit open: a file that nobody refers to is
// closed by the garbage collector. It is appended to under the lock of prepared.
var held []*os.File

// copyTree copies directories and files with modes and owners.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		switch {
		case d.IsDir():
			if err := os.Mkdir(target, info.Mode().Perm()); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		case d.Type().IsRegular():
			if err := copyFile(path, target, info.Mode().Perm()); err != nil {
				return err
			}
		default:
			return nil
		}
		if err := os.Chmod(target, info.Mode().Perm()); err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && os.Getuid() == 0 {
			return os.Chown(target, int(stat.Uid), int(stat.Gid))
		}
		return nil
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// ownDir makes a directory of ours in the shared temporary directory. As root it
// can be passed through by the user that the server runs as.
func ownDir(dir string) error {
	mode := fs.FileMode(0o700)
	if os.Getuid() == 0 {
		mode = 0o711
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the directory for test servers: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("inspect the directory for test servers: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != os.Getuid() || strings.Contains(info.Mode().Perm().String()[4:], "w") {
		return fmt.Errorf("%s is not a directory of ours that others cannot write to", dir)
	}
	return nil
}

// lock takes turns with other test binaries. The kernel unlocks when the process
// ends.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	for {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil
}
