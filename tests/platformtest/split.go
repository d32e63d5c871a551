package platformtest

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"testing"
)

// Forwarding is the group of a process that runs no module.
var Forwarding = []string{"none"}

// Split is one platform in several processes that are connected by Kafka and
// forward to each other. The embedded process is the first one: who speaks to
// the Split speaks to it.
type Split struct {
	*Platform
	// Processes are all, in the order of their groups.
	Processes []*Platform
}

// StartSplit starts a process for each group of modules, on one database and one
// Kafka, and returns when all are ready. A module may be in several groups:
// replicas. Whatever o does not say is made: the brokers, a data directory that
// holds everybody's files and mail, the key for media. The demo organisation is
// there. o.DatabaseURL is needed.
func StartSplit(t testing.TB, groups [][]string, o Options) *Split {
	t.Helper()
	s := PrepareSplit(t, groups, o)
	for _, p := range s.Processes {
		p.Launch(t)
	}
	for _, p := range s.Processes {
		p.Await(t)
	}
	return s
}

// PrepareSplit is StartSplit for processes that the test starts itself.
func PrepareSplit(t testing.TB, groups [][]string, o Options) *Split {
	t.Helper()
	if o.DataDir == "" {
		o.DataDir = DataDir(t)
	}
	if o.KafkaBrokers == nil {
		o.KafkaBrokers = Kafka(t)
	}
	// Each is behind the others: limits by place are those of the person's.
	o.Env = append([]string{"LYCEUM_MEDIA_KEY=" + MediaKey(), "LYCEUM_TRUSTED_PROXIES=127.0.0.0/8"}, o.Env...)
	seed := true
	urls := map[string]string{} // by module, with commas
	listen := make([]string, len(groups))
	for i, group := range groups {
		listen[i] = FreeAddress(t)
		for _, m := range group {
			if urls[m] != "" {
				urls[m] += ","
			}
			urls[m] += "http://" + listen[i]
		}
		seed = seed && !(slices.Contains(group, "users") && slices.Contains(group, "content"))
	}
	if seed {
		// Only a process that runs users and content makes the demo organisation.
		whole := o
		whole.KafkaBrokers = nil
		first := Start(t, whole)
		if err := first.Terminate(t); err != nil {
			t.Fatalf("stop the process that has made the demo organisation: %v", err)
		}
	}
	s := &Split{}
	for i, group := range groups {
		mine := o
		mine.Modules, mine.Bus, mine.Listen, mine.OpsListen = group, "kafka", listen[i], FreeAddress(t)
		for m, url := range urls {
			if m != Forwarding[0] && !slices.Contains(group, m) {
				mine.Upstreams = append(mine.Upstreams, m+"="+url)
			}
		}
		s.Processes = append(s.Processes, Prepare(t, mine))
	}
	s.Platform = s.Processes[0]
	for _, p := range s.Processes {
		// All share the directory of caught mail, but only these show it.
		if slices.Contains(p.options.Modules, "users") || slices.Contains(p.options.Modules, "notify") {
			s.mailbox = p
			break
		}
	}
	return s
}

// MediaKey makes a key for --media-key.
func MediaKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return base64.StdEncoding.EncodeToString(key)
}

// Of is the first process that runs a module.
func (s *Split) Of(t testing.TB, module string) *Platform {
	t.Helper()
	for _, p := range s.Processes {
		if slices.Contains(p.options.Modules, module) {
			return p
		}
	}
	t.Fatalf("no process runs %s", module)
	return nil
}

// addresses counts those that FreeAddress has given out.
var addresses atomic.Int64

// FreeAddress is a loopback address whose port nobody uses, for a process that
// others must know before it runs. The system does not hand out these ports by
// itself, and another test run begins at other ones, so nothing takes it in
// between.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := 10_000 + (int64(os.Getpid())*128+addresses.Add(1))%20_000
		address := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("there is no free port")
	return ""
}
