package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

// Learner is one of them, with the record.
type Learner struct {
	load     *Load
	email    string
	account  string
	random   *rand.Rand
	pace     *time.Ticker // nil without a rate
	enrolled string       // the acknowledged enrolment
	attempts []*Attempt
	failures atomic.Int64

	mu       sync.Mutex
	client   *platformtest.Client
	token    string
	signedIn time.Time
}

// tokenAge is when a learner signs in anew, before the access token expires.
const tokenAge = 8 * time.Minute

// Attempt is what was acknowledged of one.
type Attempt struct {
	ID         string
	assessment string
	items      []platformtest.Item
	saved      map[string]platformtest.SavedResponse // the last one acknowledged, by item
	saves      int                                   // acknowledged in all
	submitted  bool
}

// MoveTo makes a learner speak to another address, such as a platform's URL or a
// balancer's.
func (l *Learner) MoveTo(base func() string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.client = platformtest.ClientAt(base).WithToken(l.token)
}

// Client is the learner's own, to look at something by the way.
func (l *Learner) Client() *platformtest.Client {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.client
}

// signIn gets a new access token if that of the learner is about to expire.
func (l *Learner) signIn(ctx context.Context) (platformtest.Response, error) {
	l.mu.Lock()
	client, age := l.client, time.Since(l.signedIn)
	l.mu.Unlock()
	if age < tokenAge {
		return platformtest.Response{Status: http.StatusOK}, nil
	}
	response, err := client.WithToken("").Do(ctx, "POST", "/v1/auth/sign-in",
		map[string]string{"email": l.email, "password": platformtest.RegisteredPassword})
	if err != nil || response.Status/100 != 2 {
		return response, err
	}
	var grant platformtest.Grant
	if err := response.Decode(&grant); err != nil {
		return response, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.token, l.signedIn = grant.AccessToken, time.Now()
	l.client = l.client.WithToken(l.token)
	return response, nil
}

// AbandonExam starts the timed exam, before the load has begun, and leaves it to
// the platform to hand in.
func (l *Learner) AbandonExam() *Attempt {
	l.enrol()
	a := l.start(l.load.exam)
	if a == nil {
		l.load.t.Fatal("the exam could not be started")
	}
	a.submitted = true
	return a
}

// work is a learner's day.
func (l *Learner) work() {
	if l.load.pause > 0 {
		l.pace = time.NewTicker(l.load.pause)
		defer l.pace.Stop()
	}
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

func (l *Learner) enrol() {
	var e struct {
		EnrolmentID string `json:"enrolment_id"`
	}
	if l.insist("POST", "/v1/courses/"+l.load.course+"/enrolment", nil, &e) {
		l.enrolled = e.EnrolmentID
	}
}

func (l *Learner) read(unit string) {
	l.insist("GET", "/v1/courses/"+l.load.course+"/units/"+unit, nil, nil)
}

func (l *Learner) start(set platformtest.Assessment) *Attempt {
	var started platformtest.Attempt
	if !l.insist("POST", "/v1/assessments/"+set.AssessmentID+"/attempts", nil, &started) {
		return nil
	}
	a := &Attempt{ID: started.AttemptID, assessment: set.AssessmentID, items: started.Items, saved: map[string]platformtest.SavedResponse{}}
	l.attempts = append(l.attempts, a)
	return a
}

func (l *Learner) save(a *Attempt, item platformtest.Item, sequence int64) {
	response := platformtest.ItemResponse{}
	for _, part := range item.Parts {
		if len(part.Choices) > 0 {
			response[part.PartID] = platformtest.PartResponse{Choices: []string{part.Choices[l.random.IntN(len(part.Choices))].ChoiceID}}
		} else {
			response[part.PartID] = platformtest.PartResponse{Text: fmt.Sprint(l.random.IntN(100))}
		}
	}
	body := map[string]any{"sequence": sequence, "response": response}
	if l.insist("PUT", "/v1/attempts/"+a.ID+"/responses/"+item.ItemID, body, nil) {
		a.saved[item.ItemID] = platformtest.SavedResponse{ItemID: item.ItemID, Sequence: sequence, Response: response}
		a.saves++
	}
}

func (l *Learner) submit(a *Attempt) {
	a.submitted = l.insist("POST", "/v1/attempts/"+a.ID+"/submit", nil, nil)
}

// ready waits for the learner's next turn, unless the load is to end.
func (l *Learner) ready(ctx context.Context) {
	if l.pace == nil {
		return
	}
	select {
	case <-l.pace.C:
	case <-l.load.quit:
	case <-ctx.Done():
	}
}

// insist sends a request until it is answered, as a client does whose user
// waits: the same request, with the same Idempotency-Key. It reports false, and
// fails the test, for an answer that no fault explains.
func (l *Learner) insist(method, path string, body, out any) bool {
	ctx := l.load.t.Context()
	l.ready(ctx)
	key := platformtest.Header{Name: "Idempotency-Key", Value: uuid.NewString()}
	underWay := 0
	timeout := time.NewTimer(2 * time.Minute)
	defer timeout.Stop()
	again := time.NewTicker(25 * time.Millisecond)
	defer again.Stop()
	last, since := "", time.Now()
	for {
		response, err := l.signIn(ctx)
		if err == nil && response.Status/100 == 2 {
			response, err = l.Client().Do(ctx, method, path, body, key)
		}
		l.load.sent()
		switch {
		case ctx.Err() != nil:
			return false // the test has failed elsewhere
		case err != nil:
			last = kindOf(err)
			l.failed(last)
		case response.Status/100 == 2:
			l.load.answer(time.Since(since))
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
			l.failed(last)
		case isProblem(response, "not-enrolled"):
			// Assessment hears of the enrolment by an event. This was an answer:
			// the learner waits for the next one from here.
			last, since = "not enrolled", time.Now()
		case isProblem(response, "idempotency-key-in-progress"):
			// The request may still be under way. Or it has taken effect and
			// its process is dead: then nobody knows the answer any more, and
			// what is asked for has to be asked for anew.
			if underWay++; underWay%40 == 0 {
				key.Value = uuid.NewString()
				l.failed(AnswerLost)
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

// sent counts a request.
func (l *Load) sent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures.Requests++
}

// answer counts an answer that was waited for.
func (l *Load) answer(wait time.Duration) {
	l.answered.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures.Answers++
	l.figures.waits = append(l.figures.waits, wait)
	if wait > SlowAfter {
		l.figures.Slow++
	}
}

// failed counts a request without success.
func (l *Learner) failed(kind string) {
	l.failures.Add(1)
	l.load.mu.Lock()
	defer l.load.mu.Unlock()
	l.load.figures.Failures[kind]++
}

func isProblem(r platformtest.Response, reason string) bool {
	p, err := r.Problem()
	return err == nil && p.Type == "/problems/"+reason
}

// kindOf names what became of a request that has no answer.
func kindOf(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return ConnectionRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ConnectionBroken
	}
	return err.Error()
}
