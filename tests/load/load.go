package load

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

// Options are what a load is like.
type Options struct {
	// Learners is how many there are. Default: 8.
	Learners int
	// Rate is how many requests a second they send together, each at an even
	// pace, as long as answers come faster than that. Default: without a pause.
	Rate float64
	// At gives the base URL of each request as it is sent, such as that of a
	// Balancer. Default: the platform's.
	At func() string
}

// Load is the learners of one test.
type Load struct {
	// Learners may be told to go elsewhere; see Learner.MoveTo.
	Learners []*Learner

	t      testing.TB
	course string
	units  []string
	sets   []platformtest.Assessment // those that can be attempted without end
	exam   platformtest.Assessment   // the one with a time limit
	pause  time.Duration             // between a learner's requests; 0 for none

	answered atomic.Int64 // requests with success
	working  sync.WaitGroup
	quit     chan struct{}

	mu      sync.Mutex
	begun   time.Time
	figures Figures
}

// New registers learners at the platform, whose caught mail it reads. They work
// once Begin is called.
func New(t testing.TB, platform *platformtest.Platform, o Options) *Load {
	t.Helper()
	if o.Learners == 0 {
		o.Learners = 8
	}
	if o.At == nil {
		o.At = platform.URL
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	iris := platform.Instructor(t)
	l := &Load{
		t: t, course: platformtest.DemoCourse(t, iris.Client), quit: make(chan struct{}),
		begun: time.Now(), figures: Figures{Failures: map[string]int{}},
	}
	if o.Rate > 0 {
		l.pause = time.Duration(float64(o.Learners) / o.Rate * float64(time.Second))
	}
	for _, a := range iris.Assessments(t, l.course) {
		if a.MaxAttempts == 0 {
			l.sets = append(l.sets, a)
		}
		if a.TimeLimitSeconds > 0 {
			l.exam = a
		}
	}
	for _, u := range iris.Outline(t, l.course).Units() {
		l.units = append(l.units, u.UnitID)
	}
	for i := range o.Learners {
		email := fmt.Sprintf("learner-%d@load.example", i)
		person := platform.Register(t, email, fmt.Sprintf("Learner %d", i))
		who := &Learner{
			load: l, email: email, account: person.Account.AccountID, random: rand.New(rand.NewPCG(seed, uint64(i))),
			token: person.AccessToken, signedIn: time.Now(),
		}
		who.MoveTo(o.At)
		l.Learners = append(l.Learners, who)
	}
	return l
}

// Begin sends the learners to work.
func (l *Load) Begin() {
	l.mu.Lock()
	l.begun = time.Now()
	l.mu.Unlock()
	for _, who := range l.Learners {
		l.working.Go(who.work)
	}
}

// End lets every learner finish what they are at, without a pause, and returns
// when they have handed in their last attempt.
func (l *Load) End() {
	l.t.Helper()
	close(l.quit)
	l.working.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures.Elapsed = time.Since(l.begun)
}

func (l *Load) ended() bool {
	select {
	case <-l.quit:
		return true
	default:
		return false
	}
}

// AwaitAnswers waits until n more requests have been answered with success.
func (l *Load) AwaitAnswers(n int64) {
	l.t.Helper()
	until := l.answered.Load() + n
	platformtest.Eventually(l.t, fmt.Sprintf("the learners get %d more answers", n), func() error {
		if now := l.answered.Load(); now < until {
			return fmt.Errorf("%d are missing; failures so far: %s", until-now, l.Figures().FailuresByKind())
		}
		return nil
	})
}

// Figures are what has been seen so far.
func (l *Load) Figures() Figures {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.figures
	f.Failures = maps.Clone(f.Failures)
	f.waits = f.waits[:len(f.waits):len(f.waits)]
	if !l.ended() {
		f.Elapsed = time.Since(l.begun)
	}
	return f
}

// FailuresOf counts the failures of some of the learners.
func (l *Load) FailuresOf(learners []*Learner) (n int64) {
	for _, who := range learners {
		n += who.failures.Load()
	}
	return n
}
