package assessment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/postgres"
)

// attempt is one row of assessment.attempts, read at Now.
type attempt struct {
	AttemptID      uuid.UUID
	AssessmentID   uuid.UUID
	Version        int
	LearnerID      uuid.UUID
	OrganisationID uuid.UUID
	CourseID       uuid.UUID
	Number         int
	Seed           int64
	Status         status
	StartedAt      time.Time
	DeadlineAt     *time.Time
	SubmittedAt    *time.Time
	SubmittedBy    *submitter
	Score          *string
	MaxScore       string
	GradedAt       *time.Time
	Now            time.Time // by the database clock
}

// attemptColumns are the columns of an attempt t.
const attemptColumns = `t.attempt_id, t.assessment_id, t.version, t.learner_id, t.organisation_id, t.course_id, t.number, t.seed,
	t.status, t.started_at, t.deadline_at, t.submitted_at, t.submitted_by, trim_scale(t.score)::text as score,
	trim_scale(t.max_score)::text as max_score, t.graded_at, clock_timestamp() as now`

// queryAttempts runs a query that returns attemptColumns.
func queryAttempts(ctx context.Context, q querier, sql string, args ...any) ([]attempt, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[attempt])
}

// loadAttempt returns an attempt of anybody; who may see it is the caller's
// business.
func loadAttempt(ctx context.Context, q querier, id uuid.UUID) (attempt, error) {
	found, err := queryAttempts(ctx, q, `select `+attemptColumns+` from assessment.attempts t where t.attempt_id = $1`, id)
	if err != nil {
		return attempt{}, fmt.Errorf("load attempt %s: %w", id, err)
	}
	if len(found) == 0 {
		return attempt{}, errNoAttempt()
	}
	return found[0], nil
}

// savedResponse is the response to an item that counts.
type savedResponse struct {
	ItemID   uuid.UUID
	Sequence int64
	SavedAt  time.Time
	Response []byte // JSON
}

// clockSlack is how far back the server's clock may be set during an attempt
// without its responses being missed. The bound on saved_at only spares the
// months before the attempt.
const clockSlack = 24 * time.Hour

const responsesSQL = `
	select distinct on (item_id) item_id, sequence, saved_at, response
	from assessment.response_log
	where attempt_id = $1 and saved_at >= $2
	order by item_id, sequence desc, saved_at desc`

// loadResponses returns the response that counts of each answered item. Once
// the attempt is submitted they do not change any more.
func loadResponses(ctx context.Context, q querier, attemptID uuid.UUID, startedAt time.Time) ([]savedResponse, error) {
	rows, err := q.Query(ctx, responsesSQL, attemptID, startedAt.Add(-clockSlack))
	if err != nil {
		return nil, fmt.Errorf("load the responses of attempt %s: %w", attemptID, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[savedResponse])
	if err != nil {
		return nil, fmt.Errorf("load the responses of attempt %s: %w", attemptID, err)
	}
	return found, nil
}

// parse returns the response as scoring takes it. It was checked before it was
// stored.
func (r savedResponse) parse() (scoring.Response, error) {
	parsed, err := scoring.ParseResponse(r.Response)
	if err != nil {
		return nil, fmt.Errorf("read the stored response to item %s: %w", r.ItemID, err)
	}
	return parsed, nil
}

// attemptFacts are what never changes about an attempt and is asked with every
// save.
type attemptFacts struct {
	learner    uuid.UUID
	assessment uuid.UUID
	version    int
	seed       int64
}

// facts remembers attemptFacts of the most recently used attempts.
type facts struct {
	db   *postgres.DB
	kept *lru.Cache[uuid.UUID, attemptFacts]
}

func newFacts(db *postgres.DB, size int) (*facts, error) {
	kept, err := lru.New[uuid.UUID, attemptFacts](size)
	if err != nil {
		return nil, fmt.Errorf("make the cache of attempts: %w", err)
	}
	return &facts{db: db, kept: kept}, nil
}

// get returns the facts of an attempt, or that there is none. That is not
// remembered: ids that nobody has must not push out those that are in use.
func (f *facts) get(ctx context.Context, id uuid.UUID) (attemptFacts, error) {
	if found, ok := f.kept.Get(id); ok {
		return found, nil
	}
	var found attemptFacts
	err := f.db.Pool.QueryRow(ctx, `select learner_id, assessment_id, version, seed from assessment.attempts where attempt_id = $1`, id).
		Scan(&found.learner, &found.assessment, &found.version, &found.seed)
	if errors.Is(err, pgx.ErrNoRows) {
		return found, errNoAttempt()
	}
	if err != nil {
		return found, fmt.Errorf("load the facts of attempt %s: %w", id, err)
	}
	f.kept.Add(id, found)
	return found, nil
}

func (f *facts) add(a attempt) {
	f.kept.Add(a.AttemptID, attemptFacts{learner: a.LearnerID, assessment: a.AssessmentID, version: a.Version, seed: a.Seed})
}
