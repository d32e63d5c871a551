package users

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

// mayGrant refuses to let anybody hand out more than they have: only a platform
// administrator makes or unmakes another.
func mayGrant(by auth.Principal, r auth.Role) error {
	if r == auth.PlatformAdmin && !by.Has(auth.PlatformAdmin) {
		return problem.New(problem.Forbidden, "role-not-yours", "Only a platform administrator can grant or revoke this role.")
	}
	return nil
}

// grantRole gives a member of the caller's organisation a role. A role that is
// held already is no error.
func (m *Module) grantRole(ctx context.Context, id uuid.UUID, r auth.Role) (account, error) {
	if err := mayGrant(auth.Caller(ctx), r); err != nil {
		return account{}, err
	}
	var a account
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		if a, err = lockMember(ctx, tx, id); err != nil {
			return err
		}
		return addRole(ctx, tx, &a, r, m.now())
	})
	return a, err
}

// addRole gives a locked account a role, if it has not got it, and tells the
// others.
func addRole(ctx context.Context, tx pgx.Tx, a *account, r auth.Role, now time.Time) error {
	if slices.Contains(a.roles, r) {
		return nil
	}
	_, err := tx.Exec(ctx, `insert into users.roles (account_id, role, organisation_id, granted_at) values ($1, $2, $3, $4)`,
		a.id, string(r), a.organisationID, now)
	if err != nil {
		return fmt.Errorf("grant %s to account %s: %w", r, a.id, err)
	}
	a.roles = append(a.roles, r)
	slices.Sort(a.roles)
	if err := audit(ctx, tx, now, roleGranted, a.id, a.organisationID, string(r)); err != nil {
		return err
	}
	return event.RoleGranted.Emit(ctx, tx, event.RoleGrantedV1{
		AccountID: a.id, OrganisationID: a.organisationID, Role: string(r), At: now,
	})
}

// revokeRole takes a role from a member of the caller's organisation, unless
// nobody else has it and somebody must. A role that is not held is no error.
func (m *Module) revokeRole(ctx context.Context, id uuid.UUID, r auth.Role) (account, error) {
	if err := mayGrant(auth.Caller(ctx), r); err != nil {
		return account{}, err
	}
	var a account
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		if a, err = lockMember(ctx, tx, id); err != nil {
			return err
		}
		if !slices.Contains(a.roles, r) {
			return nil
		}
		if err := keepAdministrator(ctx, tx, a, r); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from users.roles where account_id = $1 and role = $2`, a.id, string(r))
		if err != nil {
			return fmt.Errorf("revoke %s from account %s: %w", r, a.id, err)
		}
		a.roles = slices.DeleteFunc(a.roles, func(have auth.Role) bool { return have == r })
		now := m.now()
		if err := audit(ctx, tx, now, roleRevoked, a.id, a.organisationID, string(r)); err != nil {
			return err
		}
		return event.RoleRevoked.Emit(ctx, tx, event.RoleRevokedV1{
			AccountID: a.id, OrganisationID: a.organisationID, Role: string(r), At: now,
		})
	})
	return a, err
}

// keepAdministrator refuses to take an administrator's role from the last
// account that has it, in the organisation or on the platform. It locks the
// rows of all who have it, so that the last two cannot lose it at once.
func keepAdministrator(ctx context.Context, tx pgx.Tx, a account, r auth.Role) error {
	if r != auth.OrganisationAdmin && r != auth.PlatformAdmin {
		return nil
	}
	rows, err := tx.Query(ctx, `select account_id from users.roles
		where role = $1 and role in ('platform_admin', 'organisation_admin') and (organisation_id = $2 or role = 'platform_admin')
		order by account_id for update`, string(r), a.organisationID)
	if err != nil {
		return fmt.Errorf("find the administrators: %w", err)
	}
	have, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("find the administrators: %w", err)
	}
	if len(have) <= 1 {
		return problem.New(problem.Conflict, "last-administrator", "Somebody else must become an administrator first.")
	}
	return nil
}
