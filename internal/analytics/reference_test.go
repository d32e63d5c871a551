package analytics

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// figures are the answers to every question about a course.
type figures struct {
	Overview    overviewBody
	Enrolments  enrolmentsBody
	Activity    activityBody
	Funnel      funnelBody
	Assessments assessmentsBody
	Items       map[uuid.UUID]itemsBody
}

const wholeHistory = "?from=2026-09-20&to=2026-11-30"

// figures reads them from the API.
func (p person) figures(course uuid.UUID) figures {
	p.Helper()
	f := figures{
		Overview:    report[overviewBody](p, course, ""),
		Enrolments:  report[enrolmentsBody](p, course, "/enrolments"+wholeHistory),
		Activity:    report[activityBody](p, course, "/activity"+wholeHistory),
		Funnel:      report[funnelBody](p, course, "/funnel"),
		Assessments: report[assessmentsBody](p, course, "/assessments"),
		Items:       map[uuid.UUID]itemsBody{},
	}
	for _, a := range f.Assessments.Assessments {
		f.Items[a.AssessmentID] = report[itemsBody](p, course, fmt.Sprintf("/assessments/%s/items", a.AssessmentID))
	}
	return f
}

type set map[uuid.UUID]bool

// figures computes them from the list of events, in the plainest way.
func (h history) figures(course uuid.UUID) figures {
	f := figures{Items: map[uuid.UUID]itemsBody{}}
	f.Overview = overviewBody{CourseID: course, AsOf: now}

	var outline []event.OutlineUnitV1
	var papers []event.AssessmentPublishedV1
	inside := set{}
	ever, completed := set{}, set{}
	came, went, active := map[string]int{}, map[string]int{}, map[string]set{}
	viewed, done := map[uuid.UUID]set{}, map[uuid.UUID]set{}
	var order []uuid.UUID // of attempts
	grades := map[uuid.UUID]event.AttemptGradedV1{}
	add := func(sets map[uuid.UUID]set, key, member uuid.UUID) {
		if sets[key] == nil {
			sets[key] = set{}
		}
		sets[key][member] = true
	}
	wasActive := func(learner uuid.UUID, at time.Time) {
		day := at.UTC().Format(time.DateOnly)
		if active[day] == nil {
			active[day] = set{}
		}
		active[day][learner] = true
	}
	for _, e := range h.events {
		switch e := e.(type) {
		case event.CoursePublishedV1:
			if e.CourseID == course {
				outline, f.Overview.Title = e.Units, e.Title
			}
		case event.AssessmentPublishedV1:
			if e.CourseID == course {
				papers = append(papers, e)
			}
		case event.LearnerEnrolledV1:
			if e.CourseID == course {
				inside[e.LearnerID], ever[e.LearnerID] = true, true
				came[e.At.UTC().Format(time.DateOnly)]++
			}
		case event.LearnerWithdrawnV1:
			if e.CourseID == course {
				delete(inside, e.LearnerID)
				went[e.At.UTC().Format(time.DateOnly)]++
			}
		case event.UnitViewedV1:
			if e.CourseID == course {
				wasActive(e.LearnerID, e.At)
				add(viewed, e.UnitID, e.LearnerID)
			}
		case event.UnitCompletedV1:
			if e.CourseID == course {
				wasActive(e.LearnerID, e.At)
				add(done, e.UnitID, e.LearnerID)
			}
		case event.CourseCompletedV1:
			if e.CourseID == course {
				completed[e.LearnerID] = true
			}
		case event.AttemptStartedV1:
			if e.CourseID == course {
				wasActive(e.LearnerID, e.At)
			}
		case event.AttemptSubmittedV1:
			if e.CourseID == course && !e.ByDeadline {
				wasActive(e.LearnerID, e.At)
			}
		case event.AttemptGradedV1:
			if e.CourseID == course {
				if _, again := grades[e.AttemptID]; !again {
					order = append(order, e.AttemptID)
				}
				grades[e.AttemptID] = e
			}
		}
	}
	var attempts []event.AttemptGradedV1
	for _, id := range order {
		attempts = append(attempts, grades[id])
	}

	f.Overview.Enrolments = enrolmentCountsBody{Now: len(inside), Total: len(ever)}
	f.Overview.ActiveLearners = activeLearnersBody{
		Today: len(union(active, now, 1)), Last7Days: len(union(active, now, 7)), Last30Days: len(union(active, now, 30)),
	}
	f.Overview.Completions, f.Overview.GradedAttempts = len(completed), len(attempts)
	f.Overview.MeanScoreShare = mean(attemptShares(attempts))

	first, last := time.Date(2026, 9, 20, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	f.Enrolments = enrolmentsBody{From: "2026-09-20", To: "2026-11-30"}
	f.Activity = activityBody{From: "2026-09-20", To: "2026-11-30"}
	total := 0
	for d := first; !d.After(last); d = d.AddDate(0, 0, 1) {
		day := d.Format(time.DateOnly)
		total += came[day] - went[day]
		f.Enrolments.Days = append(f.Enrolments.Days, enrolmentDayBody{Day: day, Enrolled: came[day], Withdrawn: went[day], Total: total})
		f.Activity.Days = append(f.Activity.Days, activityDayBody{Day: day, ActiveLearners: len(active[day])})
	}

	f.Funnel = funnelBody{Enrolled: len(ever), Units: []funnelStepBody{}}
	for _, u := range outline {
		step := funnelStepBody{
			UnitID: u.UnitID, Chapter: u.Chapter, Subsection: u.Subsection, Title: u.Title,
			Viewed: len(viewed[u.UnitID]), Completed: len(done[u.UnitID]),
		}
		if len(ever) > 0 {
			step.ViewedShare = text(big.NewRat(int64(step.Viewed), int64(len(ever))).FloatString(4))
			step.CompletedShare = text(big.NewRat(int64(step.Completed), int64(len(ever))).FloatString(4))
		}
		f.Funnel.Units = append(f.Funnel.Units, step)
	}
	f.addAssessments(papers, attempts)
	return f
}

func (f *figures) addAssessments(papers []event.AssessmentPublishedV1, attempts []event.AttemptGradedV1) {
	versions := map[uuid.UUID][]event.AssessmentPublishedV1{}
	var order []uuid.UUID
	for _, p := range papers {
		if versions[p.AssessmentID] == nil {
			order = append(order, p.AssessmentID)
		}
		versions[p.AssessmentID] = append(versions[p.AssessmentID], p)
	}
	for _, id := range order {
		current := versions[id][len(versions[id])-1]
		body := assessmentBody{
			AssessmentID: id, Title: current.Title, Category: current.Category,
			MaxScore: plain(current.MaxScore), Buckets: make([]int, 10),
		}
		var own []event.AttemptGradedV1
		learners := set{}
		for _, a := range attempts {
			if a.AssessmentID == id {
				own = append(own, a)
				learners[a.LearnerID] = true
			}
		}
		body.AttemptsGraded, body.Learners = len(own), len(learners)
		shares := attemptShares(own)
		slices.SortFunc(shares, (*big.Rat).Cmp)
		for _, s := range shares {
			tenths := new(big.Rat).Mul(s, big.NewRat(10, 1))
			bucket := int(new(big.Int).Quo(tenths.Num(), tenths.Denom()).Int64())
			body.Buckets[min(bucket, 9)]++
		}
		if n := len(shares); n > 0 {
			body.MeanShare, body.HighestShare = mean(shares), text(shares[n-1].FloatString(4))
			body.MedianShare = mean([]*big.Rat{shares[(n-1)/2], shares[n/2]})
		}
		f.Assessments.Assessments = append(f.Assessments.Assessments, body)

		items := itemsBody{Items: []itemBody{}}
		listed := set{}
		for _, v := range slices.Backward(versions[id]) {
			for _, i := range v.Items {
				if !listed[i.ItemID] {
					listed[i.ItemID] = true
					items.Items = append(items.Items, itemFiguresOf(i, v.Version == current.Version, own))
				}
			}
		}
		f.Items[id] = items
	}
}

func itemFiguresOf(item event.ItemSummaryV1, current bool, attempts []event.AttemptGradedV1) itemBody {
	b := itemBody{ItemID: item.ItemID, Title: item.Title, MaxScore: plain(item.MaxScore), Current: current}
	var shares []*big.Rat
	for _, a := range attempts {
		for _, i := range a.Items {
			if i.ItemID != item.ItemID {
				continue
			}
			b.Responses++
			if i.Answered {
				b.Answered++
			}
			if most := decimal(i.MaxScore); most.Sign() > 0 {
				shares = append(shares, new(big.Rat).Quo(decimal(i.Score), most))
			}
		}
	}
	b.Facility = mean(shares)
	return b
}

func attemptShares(attempts []event.AttemptGradedV1) []*big.Rat {
	var shares []*big.Rat
	for _, a := range attempts {
		if most := decimal(a.MaxScore); most.Sign() > 0 {
			shares = append(shares, new(big.Rat).Quo(decimal(a.Score), most))
		}
	}
	return shares
}

func mean(shares []*big.Rat) *string {
	if len(shares) == 0 {
		return nil
	}
	sum := new(big.Rat)
	for _, s := range shares {
		sum.Add(sum, s)
	}
	return text(sum.Quo(sum, big.NewRat(int64(len(shares)), 1)).FloatString(4))
}

// plain is a decimal without zeros at its end.
func plain(s string) string { return decimal(s).RatString() }

// union is who was active on the day of end or the days before, days in all.
func union(active map[string]set, end time.Time, days int) set {
	all := set{}
	for n := range days {
		for learner := range active[end.AddDate(0, 0, -n).Format(time.DateOnly)] {
			all[learner] = true
		}
	}
	return all
}
