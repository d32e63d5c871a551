package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

// account is an active account. Erased ones are never loaded.
type account struct {
	id             uuid.UUID
	organisationID uuid.UUID
	email          string
	confirmedAt    *time.Time
	profile        profile
	version        int64
	createdAt      time.Time
	roles          []auth.Role // sorted by name
}

const accountColumns = `a.account_id, a.organisation_id, a.email, a.email_confirmed_at, a.display_name, a.search_name,
	a.locale, a.time_zone, a.version, a.created_at,
	array(select r.role from users.roles r where r.account_id = a.account_id order by r.role)`

func scanAccount(row pgx.CollectableRow) (account, error) {
	var a account
	err := row.Scan(&a.id, &a.organisationID, &a.email, &a.confirmedAt, &a.profile.displayName, &a.profile.searchName,
		&a.profile.locale, &a.profile.timeZone, &a.version, &a.createdAt, &a.roles)
	return a, err
}

// errNoAccount says that there is no active account. Callers turn it into the
// problem that fits.
var errNoAccount = errors.New("no such account")

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func oneAccount(ctx context.Context, q querier, where string, args ...any) (account, error) {
	rows, err := q.Query(ctx, `select `+accountColumns+` from users.accounts a where a.status = 'active' and `+where, args...)
	if err != nil {
		return account{}, fmt.Errorf("load an account: %w", err)
	}
	a, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	if errors.Is(err, pgx.ErrNoRows) {
		return account{}, errNoAccount
	}
	if err != nil {
		return account{}, fmt.Errorf("load an account: %w", err)
	}
	return a, nil
}

func loadAccount(ctx context.Context, q querier, id uuid.UUID) (account, error) {
	return oneAccount(ctx, q, `a.account_id = $1`, id)
}

// lockAccount loads the account and keeps every other writer of it waiting
// until tx ends, which puts its events in order. The roles are those of the
// locked moment: they change under this lock only.
func lockAccount(ctx context.Context, tx pgx.Tx, id uuid.UUID) (account, error) {
	var locked bool
	err := tx.QueryRow(ctx, `select true from users.accounts where account_id = $1 and status = 'active' for no key update`, id).
		Scan(&locked)
	if errors.Is(err, pgx.ErrNoRows) {
		return account{}, errNoAccount
	}
	if err != nil {
		return account{}, fmt.Errorf("lock account %s: %w", id, err)
	}
	return loadAccount(ctx, tx, id)
}

// insertAccount stores a new account and tells the others of it. It reports
// false, and does nothing, if the address is taken.
func insertAccount(ctx context.Context, tx pgx.Tx, a account) (bool, error) {
	tag, err := tx.Exec(ctx, `insert into users.accounts (account_id, organisation_id, email, email_confirmed_at,
			display_name, search_name, locale, time_zone, status, created_at, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, 'active', $9, $9) on conflict (email) do nothing`,
		a.id, a.organisationID, a.email, a.confirmedAt, a.profile.displayName, a.profile.searchName,
		a.profile.locale, a.profile.timeZone, a.createdAt)
	if err != nil {
		return false, fmt.Errorf("insert account: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	err = event.AccountRegistered.Emit(ctx, tx, event.AccountRegisteredV1{
		AccountID: a.id, OrganisationID: a.organisationID, At: a.createdAt,
	})
	if err != nil {
		return false, err
	}
	return true, emitContact(ctx, tx, a, a.createdAt)
}

// updateAccount stores the profile and the confirmation of a locked account,
// counts its version up, and tells the others.
func updateAccount(ctx context.Context, tx pgx.Tx, a *account, now time.Time) error {
	a.version++
	_, err := tx.Exec(ctx, `update users.accounts set email_confirmed_at = $2, display_name = $3, search_name = $4,
			locale = $5, time_zone = $6, version = $7, updated_at = $8 where account_id = $1`,
		a.id, a.confirmedAt, a.profile.displayName, a.profile.searchName, a.profile.locale, a.profile.timeZone, a.version, now)
	if err != nil {
		return fmt.Errorf("update account %s: %w", a.id, err)
	}
	return emitContact(ctx, tx, *a, now)
}

func emitContact(ctx context.Context, tx pgx.Tx, a account, now time.Time) error {
	return event.ContactChanged.Emit(ctx, tx, event.ContactChangedV1{
		AccountID: a.id, OrganisationID: a.organisationID, Email: a.email, EmailConfirmed: a.confirmedAt != nil,
		DisplayName: a.profile.displayName, Locale: a.profile.locale, TimeZone: a.profile.timeZone, At: now,
	})
}

// setPassword stores the hash of an account's new password. The account must be
// locked or new.
func setPassword(ctx context.Context, tx pgx.Tx, id uuid.UUID, hashed string, now time.Time) error {
	_, err := tx.Exec(ctx, `insert into users.credentials (account_id, password_hash, changed_at) values ($1, $2, $3)
		on conflict (account_id) do update set password_hash = excluded.password_hash, changed_at = excluded.changed_at`,
		id, hashed, now)
	if err != nil {
		return fmt.Errorf("store the password of account %s: %w", id, err)
	}
	return nil
}

// passwordHash returns the stored hash, or "" for an account without a password.
func passwordHash(ctx context.Context, q querier, id uuid.UUID) (string, error) {
	rows, err := q.Query(ctx, `select password_hash from users.credentials where account_id = $1`, id)
	if err != nil {
		return "", fmt.Errorf("load the credentials of account %s: %w", id, err)
	}
	stored, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("load the credentials of account %s: %w", id, err)
	}
	return stored, nil
}

// me loads the caller's own account. A token can outlive its account by a few
// minutes; it is then as good as expired.
func (m *Module) me(ctx context.Context) (account, error) {
	a, err := loadAccount(ctx, m.db.Pool, auth.Caller(ctx).AccountID)
	return a, signedInAccount(err)
}

// signedInAccount turns the absence of the caller's own account into a refusal.
func signedInAccount(err error) error {
	if errors.Is(err, errNoAccount) {
		return problem.New(problem.Unauthenticated, "account-erased", "This account does not exist any more.")
	}
	return err
}
