package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// Seed is an account that must exist, in an organisation that must exist. The
// values are checked as those of a request are.
type Seed struct {
	Organisation SeedOrganisation
	Email        string
	Password     string
	DisplayName  string
	Locale       string // default "en"
	TimeZone     string // default "UTC"
	Roles        []auth.Role
	// Confirmed skips the proof of the address, and the mail for it.
	Confirmed bool
}

// SeedOrganisation is the organisation of a Seed, found by its slug.
type SeedOrganisation struct {
	Slug             string
	Name             string
	SelfRegistration bool
}

// EnsureAccount makes the organisation and the account unless they exist, and
// grants the roles that are missing. What exists keeps its name, password and
// profile, so it can run at every start and in several replicas at once. An
// address that belongs to another organisation is an error.
func (m *Module) EnsureAccount(ctx context.Context, s Seed) (accountID, organisationID uuid.UUID, err error) {
	wanted, err := parseOrganisation(s.Organisation.Slug, s.Organisation.Name, s.Organisation.SelfRegistration)
	if err != nil {
		return uuid.Nil, uuid.Nil, fmt.Errorf("ensure organisation %q: %w", s.Organisation.Slug, err)
	}
	email, emailErr := emailField("email", s.Email)
	password := normalPassword(s.Password)
	p, profileErr := parseProfile(s.DisplayName, s.Locale, s.TimeZone)
	if err := joinInvalid(emailErr, checkPassword("password", password, email), profileErr); err != nil {
		return uuid.Nil, uuid.Nil, fmt.Errorf("ensure an account: %w", err)
	}
	hashed := ""
	if _, err := oneAccount(ctx, m.db.Pool, `a.email = $1`, email); errors.Is(err, errNoAccount) {
		if hashed, err = m.hasher.hash(ctx, password); err != nil {
			return uuid.Nil, uuid.Nil, fmt.Errorf("ensure an account: %w", err)
		}
	} else if err != nil {
		return uuid.Nil, uuid.Nil, err
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		isNew, err := m.insertOrganisation(ctx, tx, &wanted)
		if err != nil {
			return err
		}
		if !isNew {
			err := tx.QueryRow(ctx, `select organisation_id from users.organisations where slug = $1`, wanted.slug).Scan(&wanted.id)
			if err != nil {
				return fmt.Errorf("find organisation %s: %w", wanted.slug, err)
			}
		}
		organisationID = wanted.id
		accountID, err = m.ensureMember(ctx, tx, newAccount{
			organisationID: organisationID, email: email, confirmed: s.Confirmed, profile: p,
			passwordHash: hashed, roles: s.Roles, how: accountSeeded,
		})
		return err
	})
	if err != nil {
		return uuid.Nil, uuid.Nil, fmt.Errorf("ensure an account: %w", err)
	}
	return accountID, organisationID, nil
}

func (m *Module) ensureMember(ctx context.Context, tx pgx.Tx, n newAccount) (uuid.UUID, error) {
	a, isNew, err := m.addAccount(ctx, tx, n)
	if err != nil {
		return uuid.Nil, err
	}
	if isNew {
		if n.confirmed {
			return a.id, nil
		}
		return a.id, m.enqueueMail(ctx, tx, a.id, mailConfirm)
	}
	id, err := accountOf(ctx, tx, n.email)
	if err != nil {
		return uuid.Nil, err
	}
	if a, err = lockAccount(ctx, tx, id); err != nil {
		return uuid.Nil, err
	}
	if a.organisationID != n.organisationID {
		return uuid.Nil, errors.New("the address belongs to an account of another organisation")
	}
	for _, r := range n.roles {
		if err := addRole(ctx, tx, &a, r, m.now()); err != nil {
			return uuid.Nil, err
		}
	}
	return a.id, nil
}
