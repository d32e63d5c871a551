// Package tied ends what a test run has started when the run is killed.
package tied

import (
	"os/exec"
	"syscall"
)

// ToThisProcess makes the kernel end the command when the thread that starts it
// ends, so that a test run that is killed leaves no platform and no broker
// behind.
func ToThisProcess(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
