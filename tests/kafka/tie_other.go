//go:build !linux

package kafka

import "os/exec"

// tie has no counterpart here: a test run that is killed leaves the broker
// running.
func tie(*exec.Cmd) {}
