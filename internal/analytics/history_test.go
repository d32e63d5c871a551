package analytics

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// history is what has happened in two courses that share learners, in the order
// in which it did.
type history struct {
	courses  []uuid.UUID
	learners []uuid.UUID
	events   []any
}

// newHistory makes up six weeks before now.
func newHistory(random *rand.Rand, organisation uuid.UUID) history {
	h := history{}
	for range 12 {
		h.learners = append(h.learners, uuid.New())
	}
	for c := range 2 {
		h.addCourse(random, organisation, fmt.Sprintf("Course %d", c))
	}
	// Two learners leave for good; one of them was active in both courses.
	for _, learner := range h.learners[:2] {
		h.events = append(h.events, event.AccountErasedV1{AccountID: learner, OrganisationID: organisation, At: now})
	}
	return h
}

func (h *history) addCourse(random *rand.Rand, organisation uuid.UUID, title string) {
	course := uuid.New()
	h.courses = append(h.courses, course)
	start := now.AddDate(0, 0, -42)
	unit := func(n int) event.OutlineUnitV1 {
		return event.OutlineUnitV1{UnitID: uuid.New(), Chapter: "One", Subsection: fmt.Sprintf("Part %d", n/2), Title: fmt.Sprintf("Unit %d", n)}
	}
	first := []event.OutlineUnitV1{unit(1), unit(2), unit(3), unit(4)}
	second := []event.OutlineUnitV1{first[2], first[0], unit(5), first[1]} // another order, one gone, one new
	for i, units := range [][]event.OutlineUnitV1{first, second} {
		h.events = append(h.events, event.CoursePublishedV1{
			CourseID: course, OrganisationID: organisation, Version: i + 1, Title: fmt.Sprintf("%s, edition %d", title, i+1),
			Units: units, At: start.AddDate(0, 0, i),
		})
	}
	all := append(slices.Clone(first), second[2])

	item := func(title, most string) event.ItemSummaryV1 {
		return event.ItemSummaryV1{ItemID: uuid.New(), Title: title, MaxScore: most}
	}
	var papers []event.AssessmentPublishedV1
	for i, items := range [][]event.ItemSummaryV1{
		{item("Choice", "1"), item("Number", "2"), item("Text", "3")},
		{item("Essay", "7")},
		{item("Survey", "0")}, // nothing to score
		{item("Nobody tries this", "1")},
	} {
		papers = append(papers, event.AssessmentPublishedV1{
			AssessmentID: uuid.New(), CourseID: course, OrganisationID: organisation, Version: 1,
			Title: fmt.Sprintf("Assessment %d", i), Category: "Homework", MaxScore: sumOfMaxima(items), Items: items,
			At: start.Add(time.Duration(i) * time.Minute),
		})
		h.events = append(h.events, papers[i])
	}
	revised := papers[0]
	revised.Version, revised.Title = 2, "Assessment 0, revised"
	revised.Items = []event.ItemSummaryV1{item("Formula", "4"), papers[0].Items[1]} // "Choice" and "Text" are gone
	revised.MaxScore = sumOfMaxima(revised.Items)
	h.events = append(h.events, revised)

	moment := func(from time.Time) time.Time {
		at := from.Add(time.Duration(random.Int64N(int64(now.Sub(from)))))
		// The same moment as a clock somewhere else shows it: days are UTC days.
		return at.In(time.FixedZone("", random.IntN(24)*3600-12*3600))
	}
	for _, learner := range h.learners {
		if random.IntN(5) == 0 {
			continue
		}
		h.addLearner(random, course, organisation, learner, moment(start), moment, all, append(papers[:3:3], revised))
	}
}

func (h *history) addLearner(random *rand.Rand, course, organisation, learner uuid.UUID, joined time.Time,
	moment func(time.Time) time.Time, units []event.OutlineUnitV1, papers []event.AssessmentPublishedV1,
) {
	enrolment := uuid.New()
	at := joined
	for turn := range 1 + random.IntN(4) { // in, out, in, out
		if turn%2 == 0 {
			h.events = append(h.events, event.LearnerEnrolledV1{EnrolmentID: enrolment, CourseID: course, OrganisationID: organisation, LearnerID: learner, How: "open", At: at})
		} else {
			h.events = append(h.events, event.LearnerWithdrawnV1{EnrolmentID: enrolment, CourseID: course, OrganisationID: organisation, LearnerID: learner, At: at})
		}
		at = moment(at)
	}
	for _, u := range units[:random.IntN(len(units)+1)] {
		for range 1 + random.IntN(3) {
			h.events = append(h.events, event.UnitViewedV1{EnrolmentID: enrolment, CourseID: course, OrganisationID: organisation, LearnerID: learner, UnitID: u.UnitID, At: moment(joined)})
		}
		if random.IntN(2) == 0 {
			h.events = append(h.events, event.UnitCompletedV1{EnrolmentID: enrolment, CourseID: course, OrganisationID: organisation, LearnerID: learner, UnitID: u.UnitID, At: moment(joined)})
		}
	}
	for range random.IntN(3) { // twice: once for each edition
		h.events = append(h.events, event.CourseCompletedV1{EnrolmentID: enrolment, CourseID: course, OrganisationID: organisation, LearnerID: learner, At: moment(joined)})
	}
	for range random.IntN(6) {
		paper := papers[random.IntN(len(papers))]
		attempt, at := uuid.New(), moment(joined)
		h.events = append(h.events, event.AttemptStartedV1{AttemptID: attempt, AssessmentID: paper.AssessmentID, CourseID: course, OrganisationID: organisation, LearnerID: learner, At: at})
		if random.IntN(6) == 0 {
			continue // under way
		}
		at = moment(at)
		h.events = append(h.events, event.AttemptSubmittedV1{AttemptID: attempt, AssessmentID: paper.AssessmentID, CourseID: course, OrganisationID: organisation, LearnerID: learner, ByDeadline: random.IntN(3) == 0, At: at})
		for range 1 + random.IntN(2) { // a grade may be corrected
			at = at.Add(time.Second)
			graded := event.AttemptGradedV1{
				AttemptID: attempt, AssessmentID: paper.AssessmentID, CourseID: course, OrganisationID: organisation, LearnerID: learner,
				MaxScore: paper.MaxScore, At: at,
			}
			total := new(big.Rat)
			for _, i := range paper.Items {
				score := new(big.Rat).Mul(decimal(i.MaxScore), big.NewRat(random.Int64N(5), 4))
				total.Add(total, score)
				graded.Items = append(graded.Items, event.ItemScoreV1{ItemID: i.ItemID, Score: score.FloatString(4), MaxScore: i.MaxScore, Answered: random.IntN(4) > 0})
			}
			graded.Score = total.FloatString(4)
			h.events = append(h.events, graded)
		}
	}
}

func sumOfMaxima(items []event.ItemSummaryV1) string {
	sum := new(big.Rat)
	for _, i := range items {
		sum.Add(sum, decimal(i.MaxScore))
	}
	return sum.FloatString(2)
}

func decimal(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(fmt.Sprintf("%q is no decimal", s))
	}
	return r
}

// interleaved is the history in another order that the bus may deliver it in:
// only events of one aggregate keep theirs.
func (h history) interleaved(random *rand.Rand) []any {
	queues := map[uuid.UUID][]any{}
	var keys []uuid.UUID // one for each event
	for _, e := range h.events {
		key := topicOf(e).aggregate
		queues[key] = append(queues[key], e)
		keys = append(keys, key)
	}
	random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	var order []any
	for _, key := range keys {
		order = append(order, queues[key][0])
		queues[key] = queues[key][1:]
	}
	return order
}
