package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/<pid>/stat: USER_HZ, 100 on every Linux that Go
// runs on.
const clockTick = 10 * time.Millisecond

// process is what /proc/<pid>/stat says of a process.
type process struct {
	parent int
	// own is the CPU time of its threads; reaped that of its children that have
	// ended.
	own, reaped time.Duration
}

func parseStat(line string) (process, error) {
	// The second field is the program's name in parentheses, which may hold
	// anything.
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return process{}, fmt.Errorf("not a line of /proc/<pid>/stat: %q", line)
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 15 {
		return process{}, fmt.Errorf("not a line of /proc/<pid>/stat: %q", line)
	}
	number := func(field int) int64 { // fields count from 1, the third is the first here
		n, _ := strconv.ParseInt(fields[field-3], 10, 64)
		return n
	}
	return process{
		parent: int(number(4)),
		own:    time.Duration(number(14)+number(15)) * clockTick,
		reaped: time.Duration(number(16)+number(17)) * clockTick,
	}, nil
}

// processes are all that run at a moment, by id.
type processes map[int]process

func readProcesses() (processes, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	all := processes{}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		p, err := parseStat(string(line))
		if err != nil {
			return nil, err
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, fmt.Errorf("read a process id: %w", err)
		}
		all[pid] = p
	}
	return all, nil
}

// used is the CPU time of a process and of all its descendants so far, those
// that have ended included.
func (all processes) used(root int) (time.Duration, error) {
	if _, ok := all[root]; !ok {
		return 0, fmt.Errorf("process %d has ended", root)
	}
	used := all[root].own + all[root].reaped
	for pid, p := range all {
		for at, depth := p.parent, 0; pid != root && at > 1 && depth < 64; at, depth = all[at].parent, depth+1 {
			if at == root {
				used += p.own + p.reaped
				break
			}
		}
	}
	return used, nil
}

// cpuOf is what some processes, each with its descendants, have used so far.
func cpuOf(roots []int) ([]time.Duration, error) {
	all, err := readProcesses()
	if err != nil {
		return nil, err
	}
	used := make([]time.Duration, len(roots))
	for i, root := range roots {
		if used[i], err = all.used(root); err != nil {
			return nil, err
		}
	}
	return used, nil
}

// spending runs a load and tells how much CPU time each of some processes, with
// its descendants, has spent meanwhile; none where that cannot be known.
func spending(roots []int, load func() (measured, error)) ([]time.Duration, measured, error) {
	before, beforeErr := cpuOf(roots)
	m, err := load()
	after, afterErr := cpuOf(roots)
	spent := make([]time.Duration, len(roots))
	if beforeErr != nil || afterErr != nil {
		return spent, m, err
	}
	for i := range roots {
		spent[i] = after[i] - before[i]
	}
	return spent, m, err
}

// perUnit is in microseconds.
func perUnit(d time.Duration, n int) float64 { return float64(d.Microseconds()) / float64(max(1, n)) }
