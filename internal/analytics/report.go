package analytics

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

func errNoCourse() error     { return problem.NotFoundf("There is no such course.") }
func errNoAssessment() error { return problem.NotFoundf("There is no such assessment.") }

// report runs read on one snapshot of the projections, within QueryTimeout, if
// the caller teaches the course or administers its organisation. To everybody
// else the course does not exist, and neither does it before its publication is
// known here.
func (m *Module) report(ctx context.Context, caller auth.Principal, id uuid.UUID, read func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.config.QueryTimeout)
	defer cancel()
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, m.db.Pool, options, func(tx pgx.Tx) error {
		var allowed bool
		err := tx.QueryRow(ctx, `
			select exists (
				select from analytics.courses c
				where c.course_id = $1 and c.organisation_id = $2 and ($4 or exists (
					select from analytics.staff s where s.course_id = $1 and s.account_id = $3 and s.organisation_id = $2)))`,
			id, caller.OrganisationID, caller.AccountID, caller.AdministersOrganisation()).Scan(&allowed)
		if err != nil {
			return fmt.Errorf("look up the caller's standing: %w", err)
		}
		if !allowed {
			return errNoCourse()
		}
		return read(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("report on course %s: %w", id, err)
	}
	return nil
}

// rowsOf runs a query and collects its rows by the names of T's fields.
func rowsOf[T any](ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}
