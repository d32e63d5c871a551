package postgres

import (
	"os/exec"
	"syscall"
)

// tie makes the kernel end the server when this process ends, however it ends,
// and gives the server a process group of its own, so that an interrupt from the
// terminal reaches this process only and the server is stopped last. The kernel
// watches the thread that starts the server: the caller locks it.
func tie(cmd *exec.Cmd, credential *syscall.Credential) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Setpgid: true, Pdeathsig: syscall.SIGINT}
}

// watch is not needed where the kernel watches.
func watch(int) (release func(), err error) { return func() {}, nil }
