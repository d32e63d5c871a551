package faults

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

// load is a number of learners who work at the same time and keep a record of
// all that the platform has acknowledged.
type load struct {
	t        *testing.T
	course   string
	learners []*learner
	units    []string
	sets     []platformtest.Assessment // those that can be attempted without end
	exam     platformtest.Assessment   // the one with a time limit

	requests atomic.Int64
	answered atomic.Int64 // of requests, with success
	working  sync.WaitGroup
	quit     chan struct{}

	mu       sync.Mutex
	failures map[string]int // requests that were not answered with success, by what became of them
}

// learner is one of them, with the record.
type learner struct {
	load     *load
	email    string
	account  string
	client   atomic.Pointer[platformtest.Client]
	token    string
	random   *rand.Rand
	enrolled string // the acknowledged enrolment
	attempts []*attempt
	failures atomic.Int64
}

// attempt is what was acknowledged of one.
type attempt struct {
	id         string
	assessment string
	items      []platformtest.Item
	saved      map[string]platformtest.SavedResponse // the last one acknowledged, by item
	saves      int                                   // acknowledged in all
	submitted  bool
}

// newLoad registers n learners. They work once begin is called.
func newLoad(t *testing.T, platform *platformtest.Platform, n int) *load {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	iris := platform.Instructor(t)
	l := &load{t: t, course: platformtest.DemoCourse(t, iris.Client), quit: make(chan struct{}), failures: map[string]int{}}
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
	for i := range n {
		email := fmt.Sprintf("learner-%d@load.example", i)
		person := platform.Register(t, email, fmt.Sprintf("Learner %d", i))
		who := &learner{
			load: l, email: email, account: person.Account.AccountID, token: person.AccessToken,
			random: rand.New(rand.NewPCG(seed, uint64(i))),
		}
		who.client.Store(person.Client)
		l.learners = append(l.learners, who)
	}
	return l
}

// moveTo makes a learner speak to another replica.
func (l *learner) moveTo(p *platformtest.Platform) { l.client.Store(p.Stranger().WithToken(l.token)) }

func (l *load) begin() {
	for _, who := range l.learners {
		l.working.Go(who.work)
	}
}

// end lets every learner finish what they are at, and returns when they have
// handed in their last attempt.
func (l *load) end() {
	close(l.quit)
	l.working.Wait()
}

func (l *load) ended() bool {
	select {
	case <-l.quit:
		return true
	default:
		return false
	}
}

// awaitAnswers waits until n more requests have been answered with success.
func (l *load) awaitAnswers(n int64) {
	l.t.Helper()
	until := l.answered.Load() + n
	platformtest.Eventually(l.t, fmt.Sprintf("the learners get %d more answers", n), func() error {
		if now := l.answered.Load(); now < until {
			return fmt.Errorf("%d are missing; failures so far: %s", until-now, l.failed())
		}
		return nil
	})
}

// failed lists the failures.
func (l *load) failed() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(l.failures)) {
		parts = append(parts, fmt.Sprintf("%d × %s", l.failures[kind], kind))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// failuresOf counts the failures of some of the learners.
func (l *load) failuresOf(learners []*learner) (n int64) {
	for _, who := range learners {
		n += who.failures.Load()
	}
	return n
}

// note counts a failure.
func (l *learner) note(failure string) {
	l.failures.Add(1)
	l.load.mu.Lock()
	defer l.load.mu.Unlock()
	l.load.failures[failure]++
}

// work is a learner's day.
func (l *learner) work() {
	l.enrol()
	for n := 0; !l.load.ended(); n++ {
		l.read(l.load.units[l.random.IntN(len(l.load.units))])
		a := l.start(l.load.sets[n%len(l.load.sets)])
		if a == nil {
			return
		}
		for round := range 3 {
			for _, item := range a.items {
				if l.random.IntN(4) > 0 {
					l.save(a, item, int64(round+1))
				}
			}
		}
		l.submit(a)
	}
}

func (l *learner) enrol() {
	var e struct {
		EnrolmentID string `json:"enrolment_id"`
	}
	if l.insist("POST", "/v1/courses/"+l.load.course+"/enrolment", nil, &e) {
		l.enrolled = e.EnrolmentID
	}
}

func (l *learner) read(unit string) {
	l.insist("GET", "/v1/courses/"+l.load.course+"/units/"+unit, nil, nil)
}

func (l *learner) start(set platformtest.Assessment) *attempt {
	var started platformtest.Attempt
	if !l.insist("POST", "/v1/assessments/"+set.AssessmentID+"/attempts", nil, &started) {
		return nil
	}
	a := &attempt{id: started.AttemptID, assessment: set.AssessmentID, items: started.Items, saved: map[string]platformtest.SavedResponse{}}
	l.attempts = append(l.attempts, a)
	return a
}

func (l *learner) save(a *attempt, item platformtest.Item, sequence int64) {
	response := platformtest.ItemResponse{}
	for _, part := range item.Parts {
		if len(part.Choices) > 0 {
			response[part.PartID] = platformtest.PartResponse{Choices: []string{part.Choices[l.random.IntN(len(part.Choices))].ChoiceID}}
		} else {
			response[part.PartID] = platformtest.PartResponse{Text: fmt.Sprint(l.random.IntN(100))}
		}
	}
	body := map[string]any{"sequence": sequence, "response": response}
	if l.insist("PUT", "/v1/attempts/"+a.id+"/responses/"+item.ItemID, body, nil) {
		a.saved[item.ItemID] = platformtest.SavedResponse{ItemID: item.ItemID, Sequence: sequence, Response: response}
		a.saves++
	}
}

func (l *learner) submit(a *attempt) {
	a.submitted = l.insist("POST", "/v1/attempts/"+a.id+"/submit", nil, nil)
}

// insist sends a request until it is answered, as a client does whose user
// waits: the same request, with the same Idempotency-Key. It reports false, and
// fails the test, for an answer that no fault explains.
func (l *learner) insist(method, path string, body, out any) bool {
	key := platformtest.Header{Name: "Idempotency-Key", Value: uuid.NewString()}
	underWay := 0
	ctx := l.load.t.Context()
	timeout := time.NewTimer(2 * time.Minute)
	defer timeout.Stop()
	again := time.NewTicker(25 * time.Millisecond)
	defer again.Stop()
	last := ""
	for {
		l.load.requests.Add(1)
		response, err := l.client.Load().Do(ctx, method, path, body, key)
		switch {
		case ctx.Err() != nil:
			return false // the test has failed elsewhere
		case err != nil:
			last = kindOf(err)
			l.note(last)
		case response.Status/100 == 2:
			l.load.answered.Add(1)
			if out != nil {
				if err := response.Decode(out); err != nil {
					l.load.t.Errorf("%s %s: %v", method, path, err)
					return false
				}
			}
			return true
		case response.Status >= 500:
			last = fmt.Sprintf("status %d", response.Status)
			if p, err := response.Problem(); err != nil {
				l.load.t.Errorf("%s %s: %v", method, path, err)
			} else {
				last += " " + p.Type
			}
			l.note(last)
		case isProblem(response, "not-enrolled"): // assessment hears of the enrolment by an event
		case isProblem(response, "idempotency-key-in-progress"):
			// The request may still be under way. Or it has taken effect and
			// its process is dead: then nobody knows the answer any more, and
			// what is asked for has to be asked for anew.
			if underWay++; underWay%40 == 0 {
				key.Value = uuid.NewString()
				l.note(answerLost)
			}
		default:
			l.load.t.Errorf("%s %s: %d %s", method, path, response.Status, response.Body)
			return false
		}
		select {
		case <-again.C:
		case <-timeout.C:
			l.load.t.Errorf("%s %s is not answered in two minutes: %s", method, path, last)
			return false
		}
	}
}

// answerLost is the kind of a request whose effect is there and whose answer is not.
const answerLost = "answer lost between the commit and its keeping, asked again with a new key"

func isProblem(r platformtest.Response, reason string) bool {
	p, err := r.Problem()
	return err == nil && p.Type == "/problems/"+reason
}

// kindOf names what became of a request that has no answer.
func kindOf(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection broken"
	}
	return err.Error()
}
