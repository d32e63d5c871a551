package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the operating system's user that the server runs as.
type account struct {
	name     string
	uid, gid uint32
	switched bool // it is not the user of this process
}

// serverAccount is the user of this process, or, since PostgreSQL refuses to run
// as root, the user postgres or nobody.
func serverAccount() (account, error) {
	if uid := os.Getuid(); uid != 0 {
		return account{name: strconv.Itoa(uid), uid: uint32(uid), gid: uint32(os.Getgid())}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{name: name, uid: uint32(uid), gid: uint32(gid), switched: true}, nil
		}
	}
	return account{}, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody to run it as: " +
		"run as an ordinary user or set DATABASE_URL")
}

func (a account) credential() *syscall.Credential {
	if !a.switched {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own makes dir, closed to everybody but the account. A directory that exists
// must already be so: in a shared temporary directory somebody else may have
// made it first.
func (a account) own(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		if a.switched {
			err = os.Chown(dir, int(a.uid), int(a.gid))
		}
		if err != nil {
			return fmt.Errorf("give %s to user %s: %w", dir, a.name, err)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make directory: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("inspect directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Uid != a.uid || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s must belong to user %s and be closed to others (chown %[2]s %[1]s; chmod 700 %[1]s)", dir, a.name)
	}
	return nil
}

// enter checks that the account may enter dir and everything above it.
func (a account) enter(dir string) error {
	if !a.switched {
		return nil
	}
	for d := dir; ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			return fmt.Errorf("inspect directory: %w", err)
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("inspect directory %s: no owner", d)
		}
		need := fs.FileMode(0o001)
		switch {
		case stat.Uid == a.uid:
			need = 0o100
		case stat.Gid == a.gid:
			need = 0o010
		}
		if info.Mode().Perm()&need == 0 {
			return fmt.Errorf("PostgreSQL refuses to run as root and is run as user %s, who may not enter %s (mode %04o): "+
				"choose a data directory elsewhere, such as /var/lib/lyceum, run as an ordinary user, or set DATABASE_URL",
				a.name, d, info.Mode().Perm())
		}
		if d == filepath.Dir(d) {
			return nil
		}
	}
}
