package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// registration is a stranger's request for an account, not yet checked.
type registration struct {
	organisation string // slug
	email        string
	password     string
	displayName  string
	locale       string
	timeZone     string
}

// register makes an account in an organisation that is open to all, and mails
// its owner a token to confirm the address with. If the address is taken it
// mails the present owner instead. The caller cannot tell the two apart.
func (m *Module) register(ctx context.Context, r registration) error {
	email, emailErr := emailField("body.email", r.email)
	password := normalPassword(r.password)
	p, profileErr := parseProfile(r.displayName, r.locale, r.timeZone)
	if err := joinInvalid(emailErr, checkPassword("body.password", password, email), profileErr); err != nil {
		return err
	}
	organisation, err := m.openOrganisation(ctx, r.organisation)
	if err != nil {
		return err
	}
	evenly := time.NewTimer(m.cfg.RegistrationTime)
	defer evenly.Stop()
	// Whether the address is taken or not, the work is done.
	hashed, err := m.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	mayMail, err := m.mayMail(ctx, email)
	if err != nil {
		return err
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		a, isNew, err := m.addAccount(ctx, tx, newAccount{
			organisationID: organisation, email: email, profile: p, passwordHash: hashed,
			roles: []auth.Role{auth.Learner}, how: accountRegistered,
		})
		if err != nil || !mayMail {
			return err
		}
		if isNew {
			return m.enqueueMail(ctx, tx, a.id, mailConfirm)
		}
		owner, err := accountOf(ctx, tx, email)
		if err != nil {
			return err
		}
		return m.enqueueMail(ctx, tx, owner, mailAddressTaken)
	})
	if err != nil {
		return err
	}
	select {
	case <-evenly.C:
	case <-ctx.Done(): // the caller has gone, and their account is there
	}
	return nil
}

// newAccount is an account to be made, every value checked.
type newAccount struct {
	id             uuid.UUID // made if zero
	organisationID uuid.UUID
	email          string
	confirmed      bool
	profile        profile
	passwordHash   string // "" if the owner has yet to set a password
	roles          []auth.Role
	how            action
}

// addAccount stores a new account with its roles and tells the others. It
// reports false, and does nothing, if the address is taken.
func (m *Module) addAccount(ctx context.Context, tx pgx.Tx, n newAccount) (account, bool, error) {
	now := m.now()
	a := account{id: n.id, organisationID: n.organisationID, email: n.email, profile: n.profile, version: 1, createdAt: now}
	if a.id == uuid.Nil {
		var err error
		if a.id, err = uuid.NewV7(); err != nil {
			return account{}, false, fmt.Errorf("make an account id: %w", err)
		}
	}
	if n.confirmed {
		a.confirmedAt = &now
	}
	isNew, err := insertAccount(ctx, tx, a)
	if err != nil || !isNew {
		return account{}, false, err
	}
	if n.passwordHash != "" {
		if err := setPassword(ctx, tx, a.id, n.passwordHash, now); err != nil {
			return account{}, false, err
		}
	}
	if err := audit(ctx, tx, now, n.how, a.id, a.organisationID, ""); err != nil {
		return account{}, false, err
	}
	for _, r := range n.roles {
		if err := addRole(ctx, tx, &a, r, now); err != nil {
			return account{}, false, err
		}
	}
	return a, true, nil
}

// accountOf returns the id of the account with this address, or an id that no
// account has: mail to it goes nowhere, after the same work.
func accountOf(ctx context.Context, q querier, email string) (uuid.UUID, error) {
	rows, err := q.Query(ctx, `select account_id from users.accounts where email = $1`, email)
	if err != nil {
		return uuid.Nil, fmt.Errorf("find the owner of an address: %w", err)
	}
	id, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[uuid.UUID])
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.NewV7()
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("find the owner of an address: %w", err)
	}
	return id, nil
}
