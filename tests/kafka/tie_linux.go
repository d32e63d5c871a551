package kafka

import (
	"os/exec"
	"syscall"
)

// tie makes the kernel end the broker when the thread that starts it ends, so
// that a test run that is killed leaves no JVM behind.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
