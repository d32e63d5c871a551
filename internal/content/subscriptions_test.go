package content_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/bus/bustest"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/content"
)

func TestAResultMayComeBeforeTheEnrolment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	units, problemSet := w.units(by, course)
	learner := w.learner()
	w.graded(learner, idIn(t, course), problemSet, "2")
	require.Empty(t, events(w, event.UnitCompleted), "who is not enrolled completes nothing")

	w.enrol(learner, course)
	completed := events(w, event.UnitCompleted)
	require.Len(t, completed, 1)
	require.Equal(t, units[2], completed[0].UnitID.String())
	require.Equal(t, 1, w.outline(learner, course).CompletedUnits)
}

func TestAResultMayComeBeforeItsProblemSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.instructor()
	options := content.ImportOptions{ActorID: by.AccountID, Teaches: true}
	full := smallCourse()
	r := w.publish(full, options)
	course := "/v1/courses/" + r.CourseID.String()
	_, problemSet := w.units(by, course)
	w.publish(full.with(export{"vertical/v3.xml": `<vertical display_name="Questions"><html url_name="h1"/></vertical>`}), options)

	learner := w.learner()
	w.enrol(learner, course)
	w.graded(learner, r.CourseID, problemSet, "1")
	require.Empty(t, events(w, event.UnitCompleted))

	w.publish(full, options)
	units, _ := w.units(by, course)
	w.send(learner, "GET", course+"/units/"+units[0], nil).ok(200, nil)
	require.Len(t, events(w, event.UnitCompleted), 1, "the next visit settles what the results complete")
}

func TestResultsOfOthersAndOfUnknownCoursesAreHarmless(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, _ := w.taught()
	learner, other := w.learner(), w.learner()
	w.enrol(learner, course)
	_, problemSet := w.units(learner, course)
	w.graded(other, idIn(t, course), problemSet, "2")
	w.graded(learner, uuid.New(), uuid.New(), "2")
	require.Empty(t, events(w, event.UnitCompleted))
}

func TestAUnitOfATimedSubsectionIsCompleteWithItsSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	by := w.instructor()
	r := w.publish(smallCourse().with(export{
		"sequential/s2.xml": `<sequential display_name="Exam" format="Exam" graded="true" is_time_limited="true"
			default_time_limit_minutes="30"><vertical url_name="v3"/><vertical url_name="v4"/></sequential>`,
		"vertical/v3.xml": `<vertical display_name="First"><problem url_name="p1"/></vertical>`,
		"vertical/v4.xml": `<vertical display_name="Second"><problem url_name="p2"/></vertical>`,
	}), content.ImportOptions{ActorID: by.AccountID, Teaches: true})
	course := "/v1/courses/" + r.CourseID.String()
	sets := events(w, event.ProblemSetPublished)
	require.Len(t, sets, 1)
	require.Equal(t, 1800, sets[0].TimeLimitSeconds)
	require.Equal(t, "Exam", sets[0].Category)
	require.Len(t, sets[0].Items, 2)

	learner := w.learner()
	w.enrol(learner, course)
	w.graded(learner, r.CourseID, sets[0].ProblemSetID, "0")
	require.Len(t, events(w, event.UnitCompleted), 2, "both units, whatever the score")
}

func TestErasureForgetsThePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	learner := w.learner()
	w.contact(learner, "gone@example.org", "Gone")
	w.enrol(learner, course)
	units, problemSet := w.units(learner, course)
	w.send(learner, "GET", course+"/units/"+units[0], nil).ok(200, nil)
	w.graded(learner, idIn(t, course), problemSet, "2")
	upload := w.send(by, "POST", "/v1/imports", smallCourse().archive(t), header("Content-Type", "application/gzip"),
		header("Content-Disposition", `attachment; filename="Gone's course.tar.gz"`))
	upload.ok(202, nil)
	_, err := w.db.DB(t, "content").Pool.Exec(t.Context(), `
		insert into content.idempotency_keys (principal, key, route, fingerprint) values ($1, 'k', 'request-import', '')`, by.AccountID)
	require.NoError(t, err)
	require.Equal(t, 1, w.count(`select count(*) from content.imports where file_name like 'Gone%'`))

	for _, who := range []caller{learner, by} {
		bustest.Emit(t, w.db, event.AccountErased, event.AccountErasedV1{AccountID: who.AccountID, OrganisationID: w.org})
	}
	w.running().Drain()
	require.Zero(t, w.count(`select count(*) from content.contacts`))
	require.Zero(t, w.count(`select count(*) from content.unit_progress`))
	require.Zero(t, w.count(`select count(*) from content.problem_set_results`))
	require.Zero(t, w.count(`select count(*) from content.course_staff`))
	require.Zero(t, w.count(`select count(*) from content.imports where file_name like 'Gone%'`), "files can be called after people")
	require.Zero(t, w.count(`select count(*) from content.idempotency_keys`), "answers to their requests name the files, too")
	require.Len(t, events(w, event.LearnerWithdrawn), 1)
	removed := events(w, event.CourseStaffRemoved)
	require.Len(t, removed, 1)
	require.Equal(t, by.AccountID, removed[0].AccountID)
	w.send(w.administrator(), "POST", course+"/enrolments", map[string]any{"learner_id": learner.AccountID}).refused(422, "no-such-account")
}

func TestConsumersCanBeRebuilt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course, by := w.taught()
	learner := w.learner()
	w.contact(learner, "old@example.org", "Old")
	w.contact(learner, "new@example.org", "New")
	w.enrol(learner, course)
	_, problemSet := w.units(learner, course)
	w.graded(learner, idIn(t, course), problemSet, "1")
	before := len(events(w, event.UnitCompleted))

	for _, consumer := range []string{"content.people", "content.results"} {
		require.NoError(t, w.running().Replay(t.Context(), consumer))
	}
	w.running().Drain()
	require.Equal(t, 1, w.count(`select count(*) from content.contacts where email = 'new@example.org'`))
	require.Equal(t, 1, w.count(`select count(*) from content.problem_set_results where score = 1`))
	require.Len(t, events(w, event.UnitCompleted), before, "what was said once is not said again")
	w.send(by, "POST", course+"/enrolments", map[string]any{"email": "new@example.org"}).ok(200, nil)
}

func TestContractFitsItsNeighbours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, bus.Check(w.m.Contract(),
		bus.Contract{Module: "users", Publishes: event.PublishedBy("users")},
		bus.Contract{Module: "assessment", Publishes: event.PublishedBy("assessment")}))
	var declared []string
	for _, topic := range w.m.Contract().Publishes {
		declared = append(declared, topic.Type())
	}
	var all []string
	for _, topic := range event.PublishedBy("content") {
		all = append(all, topic.Type())
	}
	require.ElementsMatch(t, all, declared, "content publishes every topic that is its own")
}
