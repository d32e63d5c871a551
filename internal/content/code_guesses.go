package content

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	// codeGuesses is how many codes of one course an account may try within
	// codeWindow, which begins with the first.
	codeGuesses = 10
	codeWindow  = 15 * time.Minute
)

// countGuess counts a try at the code of a course, and refuses it beyond the
// limit. It is counted before it is known to be wrong, or many at once would all
// pass. A course that takes no code, or that is not the caller's to see, has
// nothing to guess.
func (m *Module) countGuess(ctx context.Context, p auth.Principal, courseID uuid.UUID) error {
	now := m.now().UTC()
	var count int
	var end time.Time
	// Not a transaction of the request: the count stays when the guess is wrong.
	err := m.db.Pool.QueryRow(ctx, `
		insert into content.code_guesses as g (course_id, account_id, count, expires_at)
		select c.course_id, $2, 1, $4::timestamptz from content.courses c
		where c.course_id = $1 and c.organisation_id = $3 and c.enrolment_mode = 'code' and c.status = 'published'
		on conflict (course_id, account_id) do update set
			count = case when g.expires_at <= $5 then 1 else least(g.count, $6) + 1 end,
			expires_at = case when g.expires_at <= $5 then excluded.expires_at else g.expires_at end
		returning count, expires_at`,
		courseID, p.AccountID, p.OrganisationID, now.Add(codeWindow), now, codeGuesses).Scan(&count, &end)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("count a guess at the code of course %s: %w", courseID, err)
	}
	if count > codeGuesses {
		return problem.New(problem.TooMany, "too-many-codes", "You have tried too many codes for this course. Try again later.").
			After(max(end.Sub(now), time.Second))
	}
	return nil
}

// forgetGuesses starts the count anew for who has got in.
func forgetGuesses(ctx context.Context, tx pgx.Tx, courseID, account uuid.UUID) error {
	_, err := tx.Exec(ctx, `delete from content.code_guesses where course_id = $1 and account_id = $2`, courseID, account)
	if err != nil {
		return fmt.Errorf("forget the guesses at the code of course %s: %w", courseID, err)
	}
	return nil
}

// sweepGuesses removes counts whose window is over.
func (m *Module) sweepGuesses(ctx context.Context) error {
	if _, err := m.db.Pool.Exec(ctx, `delete from content.code_guesses where expires_at < $1`, m.now()); err != nil {
		return fmt.Errorf("remove old guesses at codes: %w", err)
	}
	return nil
}
