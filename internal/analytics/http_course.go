package analytics

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
)

type overviewBody struct {
	CourseID       uuid.UUID           `json:"course_id" format:"uuid"`
	Title          string              `json:"title"`
	AsOf           time.Time           `json:"as_of" doc:"Decides which day is today"`
	Enrolments     enrolmentCountsBody `json:"enrolments"`
	ActiveLearners activeLearnersBody  `json:"active_learners"`
	Completions    int                 `json:"completions" doc:"Learners who have ever completed the course"`
	GradedAttempts int                 `json:"graded_attempts"`
	MeanScoreShare *string             `json:"mean_score_share" doc:"Decimal from 0 to 1: score divided by maximum, each graded attempt counting the same; null without any"`
}

type enrolmentCountsBody struct {
	Now   int `json:"now"`
	Total int `json:"total" doc:"Learners who have ever enrolled"`
}

type activeLearnersBody struct {
	Today      int `json:"today"`
	Last7Days  int `json:"last_7_days" doc:"Today and the 6 UTC days before"`
	Last30Days int `json:"last_30_days" doc:"Today and the 29 UTC days before"`
}

type overviewOutput struct{ Body overviewBody }

func (m *Module) handleOverview(ctx context.Context, in *courseInput) (*overviewOutput, error) {
	now := m.now().UTC()
	o, err := m.overview(ctx, auth.Caller(ctx), in.CourseID, now)
	if err != nil {
		return nil, err
	}
	return &overviewOutput{overviewBody{
		CourseID: in.CourseID, Title: o.Title, AsOf: now,
		Enrolments:     enrolmentCountsBody{Now: o.EnrolledNow, Total: o.EnrolledEver},
		ActiveLearners: activeLearnersBody{Today: o.ActiveToday, Last7Days: o.ActiveWeek, Last30Days: o.ActiveMonth},
		Completions:    o.Completions, GradedAttempts: o.GradedAttempts, MeanScoreShare: o.MeanShare,
	}}, nil
}

type enrolmentDayBody struct {
	Day       string `json:"day" format:"date"`
	Enrolled  int    `json:"enrolled" doc:"Learners who came or came back"`
	Withdrawn int    `json:"withdrawn"`
	Total     int    `json:"total" doc:"Learners enrolled at the end of the day"`
}

type enrolmentsBody struct {
	From string             `json:"from" format:"date"`
	To   string             `json:"to" format:"date"`
	Days []enrolmentDayBody `json:"days" nullable:"false"`
}

type enrolmentsOutput struct{ Body enrolmentsBody }

func (m *Module) handleEnrolments(ctx context.Context, in *seriesInput) (*enrolmentsOutput, error) {
	p, err := parsePeriod(in.From, in.To, m.now())
	if err != nil {
		return nil, err
	}
	days, err := m.enrolmentSeries(ctx, auth.Caller(ctx), in.CourseID, p)
	if err != nil {
		return nil, err
	}
	out := &enrolmentsOutput{enrolmentsBody{From: formatDay(p.From), To: formatDay(p.To), Days: make([]enrolmentDayBody, 0, len(days))}}
	for _, d := range days {
		out.Body.Days = append(out.Body.Days, enrolmentDayBody{
			Day: formatDay(d.Day), Enrolled: d.Enrolled, Withdrawn: d.Withdrawn, Total: d.Total,
		})
	}
	return out, nil
}

type activityDayBody struct {
	Day            string `json:"day" format:"date"`
	ActiveLearners int    `json:"active_learners"`
}

type activityBody struct {
	From string            `json:"from" format:"date"`
	To   string            `json:"to" format:"date"`
	Days []activityDayBody `json:"days" nullable:"false"`
}

type activityOutput struct{ Body activityBody }

func (m *Module) handleActivity(ctx context.Context, in *seriesInput) (*activityOutput, error) {
	p, err := parsePeriod(in.From, in.To, m.now())
	if err != nil {
		return nil, err
	}
	days, err := m.activitySeries(ctx, auth.Caller(ctx), in.CourseID, p)
	if err != nil {
		return nil, err
	}
	out := &activityOutput{activityBody{From: formatDay(p.From), To: formatDay(p.To), Days: make([]activityDayBody, 0, len(days))}}
	for _, d := range days {
		out.Body.Days = append(out.Body.Days, activityDayBody{Day: formatDay(d.Day), ActiveLearners: d.Learners})
	}
	return out, nil
}

type funnelStepBody struct {
	UnitID         uuid.UUID `json:"unit_id" format:"uuid"`
	Chapter        string    `json:"chapter"`
	Subsection     string    `json:"subsection"`
	Title          string    `json:"title"`
	Viewed         int       `json:"viewed" doc:"Learners who have opened the unit"`
	Completed      int       `json:"completed" doc:"Learners who have completed the unit"`
	ViewedShare    *string   `json:"viewed_share" doc:"Decimal: viewed divided by enrolled; null if nobody has enrolled"`
	CompletedShare *string   `json:"completed_share" doc:"Decimal: completed divided by enrolled; null if nobody has enrolled"`
}

type funnelBody struct {
	Enrolled int              `json:"enrolled" doc:"Learners who have ever enrolled"`
	Units    []funnelStepBody `json:"units" nullable:"false"`
}

type funnelOutput struct{ Body funnelBody }

func (m *Module) handleFunnel(ctx context.Context, in *courseInput) (*funnelOutput, error) {
	steps, enrolled, err := m.funnel(ctx, auth.Caller(ctx), in.CourseID)
	if err != nil {
		return nil, err
	}
	out := &funnelOutput{funnelBody{Enrolled: enrolled, Units: make([]funnelStepBody, 0, len(steps))}}
	for _, s := range steps {
		out.Body.Units = append(out.Body.Units, funnelStepBody(s))
	}
	return out, nil
}
