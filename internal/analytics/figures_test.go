package analytics

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// TestFiguresDoNotDependOnTheOrderOfArrival delivers made-up histories in
// random orders, some event by event and some with everything waiting, so that
// many partitions are worked at once in large transactions. The figures are
// those that the plainest computation over the list of events gives. Two of the
// learners are erased somewhere on the way.
func TestFiguresDoNotDependOnTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			s := newSchool(t)
			h := newHistory(rand.New(rand.NewPCG(seed, 1)), s.organisation)
			if seed%2 == 0 {
				s.listen()
			}
			s.happen(h.interleaved(rand.New(rand.NewPCG(seed, 2)))...)
			admin := s.administrator()
			for _, c := range h.courses {
				require.Equal(t, h.figures(c), admin.figures(c))
			}
			s.requireGone(h.learners[:2]...)
		})
	}
}

// TestReplayGivesTheSameFigures rebuilds one consumer after the other, after an
// erasure that the log knows nothing of at the place where it begins.
func TestReplayGivesTheSameFigures(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	h := newHistory(rand.New(rand.NewPCG(7, 7)), s.organisation)
	s.happen(h.events...)
	admin := s.administrator()
	for _, consumer := range s.module.Contract().Consumers {
		if consumer.Name == "analytics.erasure" {
			require.Error(t, s.bus.Replay(t.Context(), consumer.Name), "an erasure is not a projection")
			continue
		}
		require.NoError(t, s.bus.Replay(t.Context(), consumer.Name))
		s.bus.Drain()
		for _, c := range h.courses {
			require.Equal(t, h.figures(c), admin.figures(c), "after a replay of %s", consumer.Name)
		}
		s.requireGone(h.learners[:2]...)
	}
}

func TestACourseInWhichNothingHasHappened(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	c := s.course()
	c.Units = []event.OutlineUnitV1{{UnitID: uuid.New(), Chapter: "One", Subsection: "A", Title: "Start"}}
	s.happen(c)
	got := s.administrator().figures(c.CourseID)
	require.Equal(t, overviewBody{CourseID: c.CourseID, Title: "Logic", AsOf: now}, got.Overview)
	require.Equal(t, funnelBody{Units: []funnelStepBody{{UnitID: c.Units[0].UnitID, Chapter: "One", Subsection: "A", Title: "Start"}}}, got.Funnel)
	require.Empty(t, got.Assessments.Assessments)
	for _, d := range got.Enrolments.Days {
		require.Equal(t, enrolmentDayBody{Day: d.Day}, d)
	}
}

// TestScoresAreCountedByTheirShare pins the edges of the buckets and the median
// by hand.
func TestScoresAreCountedByTheirShare(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	c := s.course()
	a := s.assessmentOf(c.CourseID)
	events := []any{c, a}
	for _, score := range []string{"0", "0.0999", "0.1", "0.3333", "0.5", "0.89", "0.9", "1"} {
		events = append(events, grade(a, score, "1"))
	}
	events = append(events, grade(a, "3", "4"), grade(a, "0", "0")) // another version's maximum; nothing to score
	s.happen(events...)
	got := report[assessmentsBody](s.administrator(), c.CourseID, "/assessments")
	require.Equal(t, []assessmentBody{{
		AssessmentID: a.AssessmentID, Title: "Quiz", MaxScore: "2", AttemptsGraded: 10, Learners: 10,
		MeanShare: text("0.5081"), MedianShare: text("0.5000"), HighestShare: text("1.0000"),
		Buckets: []int{2, 1, 0, 1, 0, 1, 0, 1, 1, 2},
	}}, got.Assessments)
	items := report[itemsBody](s.administrator(), c.CourseID, fmt.Sprintf("/assessments/%s/items", a.AssessmentID))
	require.Equal(t, []itemBody{{
		ItemID: a.Items[0].ItemID, Title: "Question", MaxScore: "2", Current: true, Responses: 10, Answered: 10, Facility: text("0.5081"),
	}}, items.Items)
}

// TestDaysAreUTCDays has two learners active within two seconds, on two days.
func TestDaysAreUTCDays(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	c := s.course()
	berlin := time.FixedZone("", 3600)
	view := func(at time.Time) event.UnitViewedV1 {
		return event.UnitViewedV1{EnrolmentID: uuid.New(), CourseID: c.CourseID, OrganisationID: s.organisation, LearnerID: uuid.New(), UnitID: uuid.New(), At: at}
	}
	s.happen(c,
		view(time.Date(2026, 11, 20, 0, 59, 59, 0, berlin)), // the 19th, one second before midnight UTC
		view(time.Date(2026, 11, 20, 1, 0, 0, 0, berlin)))
	got := report[activityBody](s.administrator(), c.CourseID, "/activity?from=2026-11-18&to=2026-11-21")
	require.Equal(t, []activityDayBody{{"2026-11-18", 0}, {"2026-11-19", 1}, {"2026-11-20", 1}, {"2026-11-21", 0}}, got.Days)
	require.Equal(t, activeLearnersBody{Today: 1, Last7Days: 2, Last30Days: 2},
		report[overviewBody](s.administrator(), c.CourseID, "").ActiveLearners)
}

// TestActivityOutsideThePreparedMonthsCounts goes to the default partition.
func TestActivityOutsideThePreparedMonthsCounts(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	c := s.course()
	s.happen(c, event.AttemptStartedV1{
		AttemptID: uuid.New(), CourseID: c.CourseID, OrganisationID: s.organisation, LearnerID: uuid.New(), At: time.Date(1999, 12, 31, 12, 0, 0, 0, time.UTC),
	})
	got := report[activityBody](s.administrator(), c.CourseID, "/activity?from=1999-12-31&to=2000-01-01")
	require.Equal(t, []activityDayBody{{"1999-12-31", 1}, {"2000-01-01", 0}}, got.Days)
}

func TestPeriods(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	c := s.course()
	s.happen(c)
	admin := s.administrator()
	for _, test := range []struct {
		query, from, to string
		days            int
	}{
		{"", "2026-10-22", "2026-11-20", 30},
		{"?from=2026-11-01", "2026-11-01", "2026-11-20", 20},
		{"?to=2026-03-30", "2026-03-01", "2026-03-30", 30},
		{"?from=2026-11-20&to=2026-11-20", "2026-11-20", "2026-11-20", 1},
		{"?from=2023-12-31&to=2024-12-30", "2023-12-31", "2024-12-30", 366},
	} {
		activity := report[activityBody](admin, c.CourseID, "/activity"+test.query)
		enrolments := report[enrolmentsBody](admin, c.CourseID, "/enrolments"+test.query)
		require.Equal(t, test.from, activity.From, test.query)
		require.Equal(t, test.to, activity.To, test.query)
		require.Len(t, activity.Days, test.days, test.query)
		require.Equal(t, test.from, activity.Days[0].Day, test.query)
		require.Equal(t, test.to, activity.Days[test.days-1].Day, test.query)
		require.Len(t, enrolments.Days, test.days, test.query)
		require.Equal(t, activity.From, enrolments.From)
		require.Equal(t, activity.To, enrolments.To)
	}
	for _, query := range []string{
		"?from=2026-11-21", "?from=2026-11-02&to=2026-11-01", "?from=2023-12-30&to=2024-12-30", "?from=0000-01-01&to=0000-01-02",
		"?from=2026-02-30", "?to=yesterday", "?from=2026-11-01T00:00:00Z",
	} {
		for _, path := range []string{"/activity", "/enrolments"} {
			admin.get(422, fmt.Sprintf("/v1/analytics/courses/%s%s%s", c.CourseID, path, query), nil)
		}
	}
}
