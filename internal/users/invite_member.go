package users

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// invitation is an account that an administrator makes for somebody, checked.
type invitation struct {
	email   string
	profile profile
	roles   []auth.Role
}

func parseInvitation(address, displayName, locale, timeZone string, roles []auth.Role) (invitation, error) {
	email, emailErr := emailField("body.email", address)
	p, profileErr := parseProfile(displayName, locale, timeZone)
	if err := joinInvalid(emailErr, profileErr); err != nil {
		return invitation{}, err
	}
	if len(roles) == 0 {
		roles = []auth.Role{auth.Learner}
	}
	roles = slices.Clone(roles)
	slices.Sort(roles)
	return invitation{email, p, slices.Compact(roles)}, nil
}

// inviteMember makes an account in the caller's organisation and mails its
// owner a token to set the password with. That an address has an account
// already cannot be kept from an administrator, who would otherwise wait for
// somebody who never comes; where it has it is.
func (m *Module) inviteMember(ctx context.Context, i invitation) (account, error) {
	for _, r := range i.roles {
		if err := mayGrant(auth.Caller(ctx), r); err != nil {
			return account{}, err
		}
	}
	var a account
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		a, err = m.invite(ctx, tx, auth.Caller(ctx).OrganisationID, i)
		return err
	})
	return a, err
}

func (m *Module) invite(ctx context.Context, tx pgx.Tx, organisation uuid.UUID, i invitation) (account, error) {
	a, isNew, err := m.addAccount(ctx, tx, newAccount{
		organisationID: organisation, email: i.email, profile: i.profile, roles: i.roles, how: accountInvited,
	})
	if err != nil {
		return account{}, err
	}
	if !isNew {
		return account{}, problem.New(problem.Conflict, "address-unavailable", "This e-mail address cannot be invited: it is in use.")
	}
	return a, m.enqueueMail(ctx, tx, a.id, mailInvitation)
}
