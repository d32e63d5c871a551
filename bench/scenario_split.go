package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lyceum-lms/platform/migrations"
	"github.com/lyceum-lms/platform/tests/kafka"
)

const (
	// splitLearners go their way by turns.
	splitLearners = 2 * flowsAtOnce
	// splitRounds is how often each deployment has its turn, so that a machine
	// that gets slower does so for all.
	splitRounds = 2
	// idleTime is how long is looked at what a deployment costs without learners.
	idleTime = 2 * time.Second
)

// deployment is a way to run the platform, and what it came to.
type deployment struct {
	name    string
	groups  [][]string // of modules, one process each; the first is spoken to
	onKafka bool

	processes []*instance // those that run
	took      time.Duration
	idle      time.Duration // that was looked at
	spent     cost
	resting   cost // in idle

	mu       sync.Mutex
	journeys []time.Duration
	polls    atomic.Int64
}

// cost is CPU time.
type cost struct {
	processes        []time.Duration // in the order of the groups
	database, broker time.Duration
}

func (c *cost) add(spent []time.Duration) {
	n := len(spent) - 2
	if c.processes == nil {
		c.processes = make([]time.Duration, n)
	}
	for i := range n {
		c.processes[i] += spent[i]
	}
	c.database += spent[n]
	c.broker += spent[n+1]
}

func (c *cost) platform() (sum time.Duration) {
	for _, d := range c.processes {
		sum += d
	}
	return sum
}

// splits measures what a learner's journey costs where all modules run in one
// process, in process and on Kafka, and where each has a process of its own.
func splits(ctx context.Context, b *bench) (_ []result, err error) {
	cluster, err := startKafka(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	all := migrations.Modules()
	var each [][]string
	// The one that people speak to forwards most: it has few requests of its own.
	for _, m := range slices.Concat([]string{"users"}, slices.DeleteFunc(slices.Clone(all), func(m string) bool { return m == "users" })) {
		each = append(each, []string{m})
	}
	inProcess := &deployment{name: "in process", groups: [][]string{all}}
	whole := &deployment{name: "all in one on Kafka", groups: [][]string{all}, onKafka: true}
	split := &deployment{name: fmt.Sprintf("%d processes", len(each)), groups: each, onKafka: true}

	// The deployments take the place of the platform that the other scenarios use.
	if err := stop(b.platform); err != nil {
		return nil, err
	}
	defer func() {
		if err == nil {
			err = b.startPlatform(ctx)
		}
	}()
	for range splitRounds {
		for _, d := range []*deployment{inProcess, whole, split} {
			if err := d.round(ctx, b, cluster); err != nil {
				return nil, fmt.Errorf("%s: %w", d.name, err)
			}
		}
	}
	probe, err := b.probe(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range []*deployment{inProcess, whole, split} {
		if len(d.journeys) == 0 || d.spent.platform() == 0 {
			return nil, fmt.Errorf("%w (the CPU time of processes is known on Linux only)", errTooFew)
		}
	}
	kafkaCosts := whole.beside(inProcess, "journeys on Kafka", probe)
	kafkaCosts.note("a journey: profile, outline, unit, progress, an exam of %d saves, submit, graded, review, grades, notifications; "+
		"%d learners at a time, %d rounds by turns on one database and one broker", itemsOfExam, flowsAtOnce, splitRounds)
	kafkaCosts.note("CPU time is that of the platform's processes and of PostgreSQL, until every event of the journeys has taken effect; " +
		"the broker's is told apart and not in the figures")
	inProcess.describe(&kafkaCosts)
	whole.describe(&kafkaCosts)
	splitCosts := split.beside(whole, "journeys split", probe)
	splitCosts.note("a process for each module, all on Kafka; people speak to that of users, which forwards to the others")
	split.describe(&splitCosts)
	both := split.beside(inProcess, "journeys split and on Kafka", probe)
	both.note("what both together cost: the last figure beside the first yardstick")
	return []result{kafkaCosts, splitCosts, both}, nil
}

// round starts the deployment, sends learners through it, and stops it.
func (d *deployment) round(ctx context.Context, b *bench, cluster *kafka.Cluster) (err error) {
	if err := d.start(ctx, b, cluster); err != nil {
		return errors.Join(err, stop(d.processes...))
	}
	defer func() { err = errors.Join(err, stop(d.processes...)) }()
	b.platform = d.processes[0]
	tokens, err := b.signInLearners(ctx, b.school.learners[:min(splitLearners, len(b.school.learners))])
	if err != nil {
		return err
	}
	workers, closeAll, err := atOnce(ctx, b.platform.api, tokens, func(ctx context.Context, c *conn, token string) error {
		begin := time.Now()
		err := d.journey(ctx, b, c, token)
		d.mu.Lock()
		d.journeys = append(d.journeys, time.Since(begin))
		d.mu.Unlock()
		return err
	})
	if err != nil {
		return err
	}
	defer closeAll()
	counted := len(d.journeys)
	if _, err := closedLoop(ctx, b.warmUp(), workers); err != nil {
		return err
	}
	d.journeys = d.journeys[:counted]
	if err := b.settle(ctx, d.onKafka); err != nil {
		return err
	}

	roots := append(d.pids(), b.postmaster, cluster.Processes()[0])
	resting, _, err := spending(roots, func() (measured, error) { return measured{}, sleep(ctx, idleTime) })
	if err != nil {
		return err
	}
	d.resting.add(resting)
	d.idle += idleTime
	d.polls.Store(0)
	spent, _, err := spending(roots, func() (measured, error) {
		begin := time.Now()
		m, err := b.profileAll(ctx, d.profiles(), func() (measured, error) { return closedLoop(ctx, b.duration/2, workers) })
		d.took += time.Since(begin)
		if err == nil {
			err = b.settle(ctx, d.onKafka)
		}
		return m, err
	})
	d.spent.add(spent)
	return err
}

// start starts the processes, which know of each other.
func (d *deployment) start(ctx context.Context, b *bench, cluster *kafka.Cluster) error {
	d.processes = nil
	addresses := make([]string, len(d.groups))
	for i := range d.groups {
		var err error
		if addresses[i], err = freeAddress(ctx); err != nil {
			return err
		}
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, by its documentation
	env := []string{
		"DATABASE_URL=" + b.server.URL(),
		"LYCEUM_MEDIA_KEY=" + base64.StdEncoding.EncodeToString(key),
		"LYCEUM_TRUSTED_PROXIES=127.0.0.0/8",
	}
	if d.onKafka {
		env = append(env, "LYCEUM_BUS=kafka", "LYCEUM_KAFKA_BROKERS="+strings.Join(cluster.Brokers(), ","))
	}
	for i, group := range d.groups {
		args := []string{"--listen=" + addresses[i], "--modules=" + strings.Join(group, ",")}
		for j, other := range d.groups {
			for _, m := range other {
				if j != i {
					args = append(args, "--upstream="+m+"=http://"+addresses[j])
				}
			}
		}
		name := "all"
		if len(d.groups) > 1 {
			name = group[0]
		}
		process, err := b.launch(name, args, env)
		if err != nil {
			return err
		}
		d.processes = append(d.processes, process)
	}
	for _, p := range d.processes {
		if err := p.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *deployment) pids() (pids []int) {
	for _, p := range d.processes {
		pids = append(pids, p.pid())
	}
	return pids
}

func (d *deployment) profiles() map[string]*instance {
	names := map[string]*instance{}
	for _, p := range d.processes {
		names["split-"+strings.ReplaceAll(d.name, " ", "-")+"-"+p.name] = p
	}
	return names
}

// journey is what a learner does in a course, from all modules but analytics,
// which sees it by its events.
func (d *deployment) journey(ctx context.Context, b *bench, c *conn, token string) error {
	course := "/v1/courses/" + b.school.course.String()
	for _, path := range []string{"/v1/me", course + "/outline", course + "/units/" + b.school.unit.String(), course + "/progress"} {
		if err := c.look(path, token); err != nil {
			return err
		}
	}
	if err := examFlow(ctx, b, c, token, &d.polls); err != nil {
		return err
	}
	for _, path := range []string{"/v1/gradebook/" + b.school.course.String() + "/me", "/v1/notifications"} {
		if err := c.look(path, token); err != nil {
			return err
		}
	}
	return nil
}

// look reads something that must be there.
func (c *conn) look(path, token string) error {
	if _, err := c.expect(request(http.MethodGet, path, token, nil), http.StatusOK); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// perCPUSecond is how many journeys a second of CPU time is good for.
func (d *deployment) perCPUSecond() float64 {
	return float64(len(d.journeys)) / (d.spent.platform() + d.spent.database).Seconds()
}

func (d *deployment) beside(other *deployment, what string, probe float64) result {
	r := result{What: what, Figure: d.perCPUSecond(), Unit: "/CPU-s", Probe: probe}
	r.latencies(summarise(slices.Clone(d.journeys), d.took))
	r.beside("/CPU-s "+other.name, other.perCPUSecond())
	return r
}

// describe says where the time of a journey goes.
func (d *deployment) describe(r *result) {
	n := len(d.journeys)
	m := summarise(slices.Clone(d.journeys), d.took)
	r.note("%s: a journey takes %.1f CPU-ms of the platform, %.1f of the database and %.1f of the broker; %.1f journeys/s, p50 %.0f ms, p99 %.0f ms", d.name,
		perUnit(d.spent.platform(), n)/1000, perUnit(d.spent.database, n)/1000, perUnit(d.spent.broker, n)/1000, m.perSecond,
		milliseconds(m.p50), milliseconds(m.p99))
	if len(d.groups) > 1 {
		var parts []string
		for i, group := range d.groups {
			parts = append(parts, fmt.Sprintf("%s %.1f", group[0], perUnit(d.spent.processes[i], n)/1000))
		}
		r.note("of the platform's: %s CPU-ms", strings.Join(parts, ", "))
	}
	r.note("%s, without learners: %.0f CPU-ms a second of the platform, %.0f of the database and %.0f of the broker", d.name,
		perSecondOf(d.resting.platform(), d.idle), perSecondOf(d.resting.database, d.idle), perSecondOf(d.resting.broker, d.idle))
}

// perSecondOf is milliseconds a second.
func perSecondOf(spent, of time.Duration) float64 { return milliseconds(spent) / of.Seconds() }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
