//go:build unix && !linux

package postgres

import (
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
)

// tie gives the server a process group of its own, so that an interrupt from the
// terminal reaches this process only and the server is stopped last.
func tie(cmd *exec.Cmd, credential *syscall.Credential) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Setpgid: true}
}

// watch ends the server when this process ends, however it ends: a shell waits
// for the end of a pipe that only this process holds open.
func watch(pid int) (release func(), err error) {
	cmd := exec.Command("/bin/sh", "-c", `read -r _ || kill -INT "$1"`, "sh", strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("watch the server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("watch the server: %w", err)
	}
	return func() {
		// A line instead of the end of the file: leave without a signal.
		_, _ = stdin.Write([]byte("\n"))
		_ = stdin.Close()
		_ = cmd.Wait()
	}, nil
}
