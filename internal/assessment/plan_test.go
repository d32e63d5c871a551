package assessment

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// What is done for each learner, save or second must not read a table from end
// to end, or it becomes slower as the platform grows.
func TestHotQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ctx := context.Background()
	organisation, course, assessment := uuid.New(), uuid.New(), uuid.New()
	for _, fill := range []string{
		`insert into assessment.assessments (assessment_id, course_id, organisation_id, current_version, category)
			select case i when 1 then $1 else gen_random_uuid() end, case when i <= 20 then $2 else gen_random_uuid() end, $3, 1, 'Homework'
			from generate_series(1, 2000) i`,
		`insert into assessment.assessment_versions (assessment_id, version, title, max_score, item_count, published_at)
			select assessment_id, 1, '', 1, 1, now() from assessment.assessments where $1::uuid is not null and $2::uuid is not null and $3::uuid is not null`,
		`insert into assessment.enrolments (course_id, learner_id, organisation_id, enrolled_at)
			select case when i % 10 = 0 then $2 else gen_random_uuid() end, gen_random_uuid(), $3, now()
			from generate_series(1, 20000) i where $1::uuid is not null`,
		`insert into assessment.people (account_id, display_name) select learner_id, 'Name' from assessment.enrolments
			where $1::uuid is not null and $2::uuid is not null and $3::uuid is not null`,
		`insert into assessment.attempts (attempt_id, assessment_id, version, learner_id, organisation_id, course_id, number, seed,
				status, started_at, deadline_at, submitted_at, submitted_by, score, max_score, graded_at)
			select gen_random_uuid(), $1, 1, learner_id, $3, course_id, 1, 0,
				case when open then 'in_progress' else 'graded' end, now(), now() + interval '1 hour',
				case when not open then now() end, case when not open then 'learner' end, case when not open then 1 end, 1,
				case when not open then now() end
			from (select *, row_number() over () % 4 = 0 as open from assessment.enrolments) e where $2::uuid is not null`,
		`insert into assessment.response_log (attempt_id, item_id, sequence, saved_at, response)
			select attempt_id, gen_random_uuid(), 1, now(), '{}' from assessment.attempts
			where $1::uuid is not null and $2::uuid is not null and $3::uuid is not null`,
	} {
		_, err := d.db.Pool.Exec(ctx, fill, assessment, course, organisation)
		require.NoError(t, err, fill)
	}
	_, err := d.owner.Exec(ctx, `analyze`)
	require.NoError(t, err)
	var learner, attempt uuid.UUID
	require.NoError(t, d.db.Pool.QueryRow(ctx, `select learner_id, attempt_id from assessment.attempts where status = 'in_progress' limit 1`).
		Scan(&learner, &attempt))

	for name, q := range map[string]struct {
		sql  string
		args []any
	}{
		"a page of the gradebook": {gradebookPageSQL, []any{course, organisation, uuid.Nil, 50}},
		"an assessment":           {offerSQL + ` and a.assessment_id = $3`, []any{learner, organisation, assessment}},
		"a course's assessments":  {offersOfCourseSQL, []any{learner, organisation, course, nil, nil, 50}},
		"saving": {insertSQL, []any{[]uuid.UUID{attempt, uuid.New()}, []uuid.UUID{uuid.New(), uuid.New()}, []*int64{nil, seq(3)},
			[]string{"{}", "{}"}, clockSlack}},
		"resuming":     {responsesSQL, []any{attempt, time.Now().Add(-time.Hour)}},
		"the sweeper":  {closeOverdueSQL, []any{500}},
		"ungraded":     {ungradedSQL, []any{gradingGrace, gradingBatch}},
		"own attempts": {ownAttemptsSQL, []any{learner, nil, nil, nil, 50}},
	} {
		rows, err := d.db.Pool.Query(ctx, `explain `+q.sql, q.args...)
		require.NoError(t, err, name)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err, name)
		plan := strings.Join(lines, "\n")
		// Reading an empty month from end to end costs nothing.
		for _, table := range []string{"attempts", "enrolments", "people", "assessments", "response_log_" + time.Now().UTC().Format("200601")} {
			require.NotContains(t, plan, "Seq Scan on "+table, "%s:\n%s", name, plan)
		}
	}
}
