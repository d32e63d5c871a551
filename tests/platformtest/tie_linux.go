package platformtest

import (
	"os/exec"
	"syscall"
)

// tie makes the kernel end the process when the test's thread that starts it
// ends, so that a test run that is killed leaves no platform behind.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
