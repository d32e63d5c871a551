package content

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/auth"
)

// querier is a pool or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// courseSelect reads courses as the account $1 stands to them.
const courseSelect = `
	select c.course_id, c.organisation_id, c.key, c.slug, c.title, c.summary, c.language, c.listed,
		c.enrolment_mode, c.enrolment_code, c.starts_at, c.ends_at, c.status, c.current_version, c.row_version,
		s.account_id is not null as teaches, e.enrolment_id, e.status as enrolment_status
	from content.courses c
	left join content.course_staff s on s.course_id = c.course_id and s.account_id = $1
	left join content.enrolments e on e.course_id = c.course_id and e.learner_id = $1`

// one reads a single row; found is false if there is none.
func one[T any](ctx context.Context, q querier, to pgx.RowToFunc[T], sql string, args ...any) (row T, found bool, err error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return row, false, err
	}
	row, err = pgx.CollectExactlyOneRow(rows, to)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, false, nil
	}
	return row, err == nil, err
}

// all reads every row.
func all[T any](ctx context.Context, q querier, to pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, to)
}

// seenCourse loads a course that the caller may know of, or answers that there
// is none.
func seenCourse(ctx context.Context, q querier, p auth.Principal, id uuid.UUID) (*course, error) {
	c, found, err := one(ctx, q, pgx.RowToAddrOfStructByName[course],
		courseSelect+` where c.course_id = $2 and c.organisation_id = $3`, p.AccountID, id, p.OrganisationID)
	if err != nil {
		return nil, fmt.Errorf("load course %s: %w", id, err)
	}
	if !found || !c.visibleTo(p) {
		return nil, errNoCourse()
	}
	return c, nil
}

// managedCourse loads a course that the caller may act on as staff.
func managedCourse(ctx context.Context, q querier, p auth.Principal, id uuid.UUID) (*course, error) {
	c, err := seenCourse(ctx, q, p, id)
	if err != nil {
		return nil, err
	}
	if !c.managedBy(p) {
		return nil, errNotStaff()
	}
	return c, nil
}

// lockCourse makes the changes of a course take turns, so that its events leave
// in the order of the changes.
func lockCourse(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, `select from content.courses where course_id = $1 for update`, id); err != nil {
		return fmt.Errorf("lock course %s: %w", id, err)
	}
	return nil
}
