package assessment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// bankRole is what somebody may do in a bank. Each role may do what those before
// it may.
type bankRole string

const (
	bankReader  bankRole = "reader"  // sees items with their keys, exports them
	bankAuthor  bankRole = "author"  // writes and imports items
	bankManager bankRole = "manager" // lets items go live, and others in
)

// may reports whether the role includes another; none includes nothing.
func (r bankRole) may(least bankRole) bool {
	order := []bankRole{bankReader, bankAuthor, bankManager}
	return slices.Index(order, r) >= slices.Index(order, least)
}

// bank is a bank as one caller stands to it.
type bank struct {
	BankID         uuid.UUID
	OrganisationID uuid.UUID
	Title          string
	Description    string
	RowVersion     int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Role           bankRole // of the caller
}

// banksSQL selects the banks of organisation $1 that account $2 knows of, which
// are all for an administrator ($3).
const banksSQL = `
	select b.bank_id, b.organisation_id, b.title, b.description, b.row_version, b.created_at, b.updated_at,
		case when $3 then 'manager' else m.role end as role
	from assessment.banks b
	left join assessment.bank_members m on m.bank_id = b.bank_id and m.account_id = $2
	where b.organisation_id = $1 and ($3 or m.account_id is not null)`

// bankFor returns a bank in which the caller may do what least may. A bank that
// the caller does not know of is none.
func bankFor(ctx context.Context, q querier, caller auth.Principal, id uuid.UUID, least bankRole) (bank, error) {
	rows, err := q.Query(ctx, banksSQL+` and b.bank_id = $4`, caller.OrganisationID, caller.AccountID, caller.AdministersOrganisation(), id)
	if err != nil {
		return bank{}, fmt.Errorf("load bank %s: %w", id, err)
	}
	b, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[bank])
	if errors.Is(err, pgx.ErrNoRows) {
		return bank{}, errNoBank()
	}
	if err != nil {
		return bank{}, fmt.Errorf("load bank %s: %w", id, err)
	}
	return b, b.allows(least)
}

// allows refuses a caller whose role is not enough.
func (b bank) allows(least bankRole) error {
	if b.Role.may(least) {
		return nil
	}
	return errBankRole(least)
}

// listBanks returns up to limit banks that the caller knows of, after one.
func (m *Module) listBanks(ctx context.Context, caller auth.Principal, after uuid.UUID, limit int) ([]bank, error) {
	rows, err := m.db.Pool.Query(ctx, banksSQL+` and b.bank_id > $4 order by b.bank_id limit $5`,
		caller.OrganisationID, caller.AccountID, caller.AdministersOrganisation(), after, limit)
	if err != nil {
		return nil, fmt.Errorf("list banks: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[bank])
	if err != nil {
		return nil, fmt.Errorf("list banks: %w", err)
	}
	return found, nil
}

// createBank makes a bank that the caller manages.
func (m *Module) createBank(ctx context.Context, caller auth.Principal, title, description string) (b bank, err error) {
	if title, err = checkName("body.title", title, maxBankTitle); err != nil {
		return bank{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return bank{}, fmt.Errorf("make a bank id: %w", err)
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := insertBank(ctx, tx, id, caller.OrganisationID, &caller.AccountID, title, strings.TrimSpace(description)); err != nil {
			return err
		}
		b, err = bankFor(ctx, tx, caller, id, bankManager)
		return err
	})
	return b, err
}

// insertBank makes a bank with its first manager; nil is an operator.
func insertBank(ctx context.Context, tx pgx.Tx, id, organisation uuid.UUID, by *uuid.UUID, title, description string) error {
	_, err := tx.Exec(ctx, `insert into assessment.banks (bank_id, organisation_id, title, description, created_by)
		values ($1, $2, $3, $4, $5)`, id, organisation, title, description, by)
	if err == nil && by != nil {
		_, err = tx.Exec(ctx, `insert into assessment.bank_members (bank_id, account_id, role) values ($1, $2, 'manager')`, id, *by)
	}
	if err != nil {
		return fmt.Errorf("make a bank: %w", err)
	}
	return nil
}

// editBank changes what is not nil of a bank that is still as the editor saw it.
func (m *Module) editBank(ctx context.Context, caller auth.Principal, id uuid.UUID, seen int64, title, description *string) (b bank, err error) {
	if title != nil {
		*title, err = checkName("body.title", *title, maxBankTitle)
	}
	if err != nil {
		return bank{}, err
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := bankFor(ctx, tx, caller, id, bankManager); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			update assessment.banks set title = coalesce($3, title), description = coalesce($4, description),
				row_version = row_version + 1, updated_at = now()
			where bank_id = $1 and row_version = $2`, id, seen, title, description)
		if err != nil {
			return fmt.Errorf("edit bank %s: %w", id, err)
		}
		if tag.RowsAffected() == 0 {
			return problem.New(problem.Precondition, "bank-changed", "The bank has changed since. Read it again.")
		}
		b, err = bankFor(ctx, tx, caller, id, bankManager)
		return err
	})
	return b, err
}

// deleteBank removes a bank without items.
func (m *Module) deleteBank(ctx context.Context, caller auth.Principal, id uuid.UUID) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := bankFor(ctx, tx, caller, id, bankManager); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `delete from assessment.banks where bank_id = $1`, id)
		if violates(err, foreignKey) {
			return problem.New(problem.Conflict, "bank-not-empty", "The bank has items in it. Only an empty one can be deleted.")
		}
		if err != nil {
			return fmt.Errorf("delete bank %s: %w", id, err)
		}
		return nil
	})
}

// bankMember is somebody who may work in a bank.
type bankMember struct {
	AccountID uuid.UUID
	Name      string // empty if unknown
	Role      bankRole
	AddedAt   time.Time
}

// listMembers returns up to limit members of a bank after one.
func (m *Module) listMembers(ctx context.Context, caller auth.Principal, id, after uuid.UUID, limit int) ([]bankMember, error) {
	if _, err := bankFor(ctx, m.db.Pool, caller, id, bankReader); err != nil {
		return nil, err
	}
	rows, err := m.db.Pool.Query(ctx, `
		select m.account_id, coalesce(p.display_name, '') as name, m.role, m.added_at
		from assessment.bank_members m left join assessment.people p using (account_id)
		where m.bank_id = $1 and m.account_id > $2 order by m.account_id limit $3`, id, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list the members of bank %s: %w", id, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[bankMember])
	if err != nil {
		return nil, fmt.Errorf("list the members of bank %s: %w", id, err)
	}
	return found, nil
}

// putMember gives an account of the organisation a role in the bank. What it may
// do beside that depends on its roles in the organisation.
func (m *Module) putMember(ctx context.Context, caller auth.Principal, id, account uuid.UUID, role bankRole) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := bankFor(ctx, tx, caller, id, bankManager); err != nil {
			return err
		}
		// An account that was last heard of before its organisation was kept can be
		// anybody's here. It can do nothing with the role: a bank of another
		// organisation is none.
		tag, err := tx.Exec(ctx, `
			insert into assessment.bank_members (bank_id, account_id, role)
			select $1, account_id, $3 from assessment.people where account_id = $2 and coalesce(organisation_id, $4) = $4
			on conflict (bank_id, account_id) do update set role = excluded.role`, id, account, role, caller.OrganisationID)
		if err != nil {
			return fmt.Errorf("add a member to bank %s: %w", id, err)
		}
		if tag.RowsAffected() == 0 {
			return problem.New(problem.Invalid, "no-such-account", "There is no such account in your organisation.")
		}
		return keepsManager(ctx, tx, id)
	})
}

// deleteMember takes an account out of the bank. Everybody may leave.
func (m *Module) deleteMember(ctx context.Context, caller auth.Principal, id, account uuid.UUID) error {
	least := bankManager
	if account == caller.AccountID {
		least = bankReader
	}
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := bankFor(ctx, tx, caller, id, least); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from assessment.bank_members where bank_id = $1 and account_id = $2`, id, account); err != nil {
			return fmt.Errorf("remove a member from bank %s: %w", id, err)
		}
		return keepsManager(ctx, tx, id)
	})
}

// keepsManager refuses a change that leaves a bank with members and nobody among
// them to manage it. One without members is its organisation's administrators'.
func keepsManager(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	// Two who leave at once take turns.
	if _, err := tx.Exec(ctx, `select from assessment.banks where bank_id = $1 for update`, id); err != nil {
		return fmt.Errorf("lock bank %s: %w", id, err)
	}
	var managed bool
	err := tx.QueryRow(ctx, `select coalesce(bool_or(role = 'manager'), true) from assessment.bank_members where bank_id = $1`, id).Scan(&managed)
	if err != nil {
		return fmt.Errorf("look for the managers of bank %s: %w", id, err)
	}
	if !managed {
		return problem.New(problem.Conflict, "last-manager", "Somebody must manage the bank. Make somebody else a manager first.")
	}
	return nil
}

// The limits of what people write.
const (
	maxBankTitle  = 300
	maxFolderName = 200
)

// checkName trims a name of one line and refuses what is none.
func checkName(location, name string, most int) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || utf8.RuneCountInString(name) > most || strings.ContainsFunc(name, unicode.IsControl) {
		return "", problem.InvalidField(location, "it must have 1 to %d characters, without line breaks", most)
	}
	return name, nil
}

// The constraints that a statement can run into when others are faster.
const (
	foreignKey = "23503"
	uniqueKey  = "23505"
)

// violates reports whether a statement failed at a constraint of the kind.
func violates(err error, sqlState string) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == sqlState
}

func errNoBank() error { return problem.NotFoundf("There is no such bank.") }

func errBankRole(least bankRole) error {
	return problem.New(problem.Forbidden, "bank-role", "This needs the role %q in the bank.", string(least))
}
