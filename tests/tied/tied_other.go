//go:build !linux

// Package tied ends what a test run has started when the run is killed.
package tied

import "os/exec"

// ToThisProcess has no counterpart here: a test run that is killed leaves what it
// has started running.
func ToThisProcess(*exec.Cmd) {}
