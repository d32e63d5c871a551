package assessment

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestTheContractFitsTheOthers(t *testing.T) {
	t.Parallel()
	m := &Module{}
	contracts := []bus.Contract{m.Contract()}
	for _, other := range []string{"users", "content", "analytics", "notify"} {
		contracts = append(contracts, bus.Contract{Module: other, Publishes: event.PublishedBy(other)})
	}
	require.NoError(t, bus.Check(contracts...))
}

func TestARunningAttemptKeepsItsPaper(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, bob := s.learner("Ada"), s.learner("Bob")
	old := s.publish(s.problemSet())
	number := old.Items[1].ItemID
	a := ada.start(old)

	changed := old
	changed.CourseVersion = 2
	changed.Items = []event.ItemV1{old.Items[0], numberItem(number, "5"), numberItem(newID(), "1")}
	changed.Items[1].Parts[0].Numbers[0].Value = "7"
	s.publish(changed)

	require.Equal(t, a.Items, ada.attempt(a.AttemptID).Items)
	ada.save(a.AttemptID, number, text("42"))
	ada.submit(a.AttemptID)
	review := ada.graded(a.AttemptID)
	require.Equal(t, 1, review.Version)
	require.Equal(t, "2", review.Score)
	require.Equal(t, "3", review.MaxScore)

	b := bob.start(changed)
	require.Equal(t, 2, b.Version)
	require.Len(t, b.Items, 3)
	require.Equal(t, "7", b.MaxScore)
}

func TestUnchangedItemsAreSharedBetweenVersions(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	set := s.publish(s.problemSet())
	set.CourseVersion = 2
	set.Items[1].Title = "Changed"
	s.publish(set)
	var items int
	require.NoError(t, s.module.db.Pool.QueryRow(t.Context(), `select count(*) from assessment.item_versions`).Scan(&items))
	require.Equal(t, 3, items, "one unchanged, two forms of the other")
}

func TestAPublicationTakesEffectOnceAndOldOnesNever(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	set := s.problemSet(func(e *event.ProblemSetPublishedV1) { e.CourseVersion, e.Title = 2, "New" })
	s.publish(set)
	set.Title = "Again"
	s.publish(set)
	set.Title, set.CourseVersion = "Old", 1
	s.publish(set)

	published := s.events("lyceum.assessment.assessment-published.v1")
	require.Len(t, published, 1)
	var e event.AssessmentPublishedV1
	require.NoError(t, json.Unmarshal([]byte(published[0]), &e))
	require.Equal(t, "New", e.Title)
	require.Equal(t, "3", e.MaxScore)
	require.Equal(t, []event.ItemSummaryV1{
		{ItemID: set.Items[0].ItemID, Title: "Capital", MaxScore: "1"}, {ItemID: set.Items[1].ItemID, Title: "Answer", MaxScore: "2"},
	}, e.Items)
	require.NotContains(t, published[0], "Paris")

	var got assessmentBody
	s.learner("Ada").do(http.StatusOK, "GET", "/v1/assessments/"+set.ProblemSetID.String(), nil, &got)
	require.Equal(t, "New", got.Title)
	require.Equal(t, 2, got.Version)
}

func TestAnItemThatCannotBeUsedIsExcludedAndReported(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	broken := numberItem(newID(), "1")
	broken.Parts[0].Numbers[0].Value = "forty-two"
	twice := choiceItem(newID(), "1")
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) {
		e.Items = append(e.Items, broken, twice, twice)
	}))
	ada := s.learner("Ada")
	a := ada.start(set)
	require.Len(t, a.Items, 3)
	require.Equal(t, "4", a.MaxScore)
	ada.do(http.StatusNotFound, "PUT", responsePath(a.AttemptID, broken.ItemID), text("42"), nil)
	ada.submit(a.AttemptID)
	ada.graded(a.AttemptID)

	var got, forLearner assessmentBody
	s.teacher().do(http.StatusOK, "GET", "/v1/assessments/"+set.ProblemSetID.String(), nil, &got)
	require.Len(t, got.ExcludedItems, 2)
	require.Equal(t, broken.ItemID, got.ExcludedItems[0].ItemID)
	require.True(t, strings.HasPrefix(got.ExcludedItems[0].Reason, "parts[0].numbers[0]"), got.ExcludedItems[0].Reason)
	require.Equal(t, twice.ItemID, got.ExcludedItems[1].ItemID)

	ada.do(http.StatusOK, "GET", "/v1/assessments/"+set.ProblemSetID.String(), nil, &forLearner)
	require.Empty(t, forLearner.ExcludedItems)
}

// A problem set that makes no sense is set aside, and the bus goes on.
func TestASenselessProblemSetDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.MaxAttempts = -1 }))
	s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Release = "always" }))
	good := s.publish(s.problemSet())
	s.learner("Ada").start(good)
	var dead int
	require.NoError(t, s.module.db.Pool.QueryRow(t.Context(),
		`select count(*) from assessment.dead_letters where consumer = 'assessment.papers'`).Scan(&dead))
	require.Equal(t, 2, dead)
}

func TestAnotherCourseCannotTakeOverAnAssessment(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	set := s.publish(s.problemSet())
	stolen := set
	stolen.CourseVersion, stolen.OrganisationID = 2, newID()
	s.publish(stolen)
	require.Equal(t, 1, s.learner("Ada").start(set).Version)
}

// Events of different producers and aggregates come in any order.
func TestTheOrderBetweenAggregatesDoesNotMatter(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, teacher := s.person(s.organisation, auth.Learner), s.person(s.organisation, auth.Instructor)
	// The name and the staff before the enrolment, and all before the paper.
	s.name(ada, "Ada")
	emit(s, event.CourseStaffAssigned, event.CourseStaffAssignedV1{
		CourseID: s.course, OrganisationID: s.organisation, AccountID: teacher.id, At: time.Now(),
	})
	s.enrol(ada)
	set := s.publish(s.problemSet())
	ada.takes(set, "42")
	var page gradebookPageBody
	teacher.do(http.StatusOK, "GET", "/v1/gradebook/"+s.course.String(), nil, &page)
	require.Equal(t, "Ada", page.Items[0].Name)
	require.Equal(t, "2", page.Items[0].Total.String())
}

// What people type into an answer can say who they are, and so can what was
// answered to their requests.
func TestErasureForgetsResponsesAndKeepsScores(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, bob := s.learner("Ada"), s.learner("Bob")
	set := s.publish(s.problemSet())
	attempts := map[string]attemptBody{}
	for name, p := range map[string]person{"ada": ada, "bob": bob} {
		a := p.start(set)
		p.save(a.AttemptID, a.Items[0].ItemID, choice("a"))
		p.submit(a.AttemptID)
		p.graded(a.AttemptID)
		attempts[name] = a
	}
	running := ada.start(set)
	ada.save(running.AttemptID, running.Items[0].ItemID, choice("a"))
	_, err := s.module.db.Pool.Exec(t.Context(), `
		insert into assessment.idempotency_keys (principal, key, route, fingerprint) values ($1, 'k', 'start-attempt', '')`, ada.id)
	require.NoError(t, err)

	emit(s, event.AccountErased, event.AccountErasedV1{AccountID: ada.id, OrganisationID: s.organisation, At: time.Now()})
	s.bus.Drain()
	count := func(sql string, args ...any) (n int) {
		require.NoError(t, s.module.db.Pool.QueryRow(t.Context(), sql, args...).Scan(&n))
		return n
	}
	const responses = `select count(*) from assessment.response_log where attempt_id = $1`
	require.Zero(t, count(responses, attempts["ada"].AttemptID))
	require.Zero(t, count(responses, running.AttemptID))
	require.Equal(t, 1, count(responses, attempts["bob"].AttemptID))
	require.Zero(t, count(`select count(*) from assessment.idempotency_keys where principal = $1`, ada.id))
	require.Equal(t, 1, count(`select count(*) from assessment.attempts where learner_id = $1 and score is not null`, ada.id))
}

// A publication that was set aside and is retried later must not bring back
// what has been withdrawn since.
func TestAWithdrawalBeforeThePublicationHolds(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.learner("Ada")
	set := s.problemSet(func(e *event.ProblemSetPublishedV1) { e.At = time.Now().Add(-time.Hour) })
	emit(s, event.ProblemSetWithdrawn, event.ProblemSetWithdrawnV1{
		ProblemSetID: set.ProblemSetID, CourseID: s.course, OrganisationID: s.organisation, At: time.Now(),
	})
	s.bus.Drain()
	ada.do(http.StatusNotFound, "GET", "/v1/assessments/"+set.ProblemSetID.String(), nil, nil)
	s.publish(set)
	ada.refused(http.StatusConflict, "assessment-withdrawn", "POST", startPath(set), nil)

	set.CourseVersion, set.At = 2, time.Now()
	s.publish(set)
	require.Equal(t, 2, ada.start(set).Version, "a later version is part of the course again")
}

func TestProjectionsCanBeRebuilt(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	teacher := s.teacher()
	ada, bob, cleo := s.learner("Ada"), s.learner("Bob"), s.learner("Cleo")
	s.withdraw(bob)
	emit(s, event.AccountErased, event.AccountErasedV1{AccountID: cleo.id, OrganisationID: s.organisation, At: time.Now()})
	s.bus.Drain()
	state := func() []string {
		var all []string
		for _, table := range []string{"enrolments", "course_staff", "people"} {
			rows, err := s.module.db.Pool.Query(t.Context(), `select t::text from `+pgx.Identifier{moduleName, table}.Sanitize()+` t order by 1`)
			require.NoError(t, err)
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			all = append(all, lines...)
		}
		return all
	}
	before := state()
	require.Len(t, before, 3+1+2)
	for _, consumer := range []string{"assessment.enrolments", "assessment.people"} {
		require.NoError(t, s.bus.Replay(t.Context(), consumer))
	}
	s.bus.Drain()
	require.Equal(t, before, state())
	_, _ = teacher, ada
	require.Error(t, s.bus.Replay(t.Context(), "assessment.papers"), "papers are records, not a projection")
}

func TestPartitionsAreMadeAndTakeOverTheirRows(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	next := time.Now().UTC().AddDate(0, 6, 0)
	_, err := d.db.Pool.Exec(t.Context(), `
		insert into assessment.response_log (attempt_id, item_id, sequence, saved_at, response) values ($1, $2, 1, $3, '{}')`,
		uuid.New(), uuid.New(), next)
	require.NoError(t, err)
	table := func() (name string) {
		require.NoError(t, d.db.Pool.QueryRow(t.Context(),
			`select tableoid::regclass::text from assessment.response_log`).Scan(&name))
		return name
	}
	require.Equal(t, "assessment.response_log_default", table())
	_, err = d.db.Pool.Exec(t.Context(), `select assessment.maintain_partitions(8)`)
	require.NoError(t, err)
	require.Equal(t, "assessment.response_log_"+next.Format("200601"), table())
	_, err = d.db.Pool.Exec(t.Context(), `create table assessment.mine (id int)`)
	require.Error(t, err, "only the function may make tables, not the module's role")
}
