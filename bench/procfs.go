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

// usage is CPU time: of a process, and of all its descendants, those that have
// ended included. The platform's descendants are the PostgreSQL server that it
// has started.
type usage struct{ process, descendants time.Duration }

func (u usage) total() time.Duration { return u.process + u.descendants }

func (u usage) since(before usage) usage {
	return usage{u.process - before.process, u.descendants - before.descendants}
}

// cpuOf is what a process and its descendants have used so far.
func cpuOf(root int) (usage, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return usage{}, fmt.Errorf("list the processes: %w", err)
	}
	all := map[int]process{}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		p, err := parseStat(string(line))
		if err != nil {
			return usage{}, err
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return usage{}, fmt.Errorf("read a process id: %w", err)
		}
		all[pid] = p
	}
	if _, ok := all[root]; !ok {
		return usage{}, fmt.Errorf("process %d has ended", root)
	}
	u := usage{process: all[root].own, descendants: all[root].reaped}
	for pid, p := range all {
		for at, depth := p.parent, 0; pid != root && at > 1 && depth < 64; at, depth = all[at].parent, depth+1 {
			if at == root {
				u.descendants += p.own + p.reaped
				break
			}
		}
	}
	return u, nil
}
