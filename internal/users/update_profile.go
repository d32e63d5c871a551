package users

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// profileChange holds the values to change; nil leaves a value as it is.
type profileChange struct {
	displayName, locale, timeZone *string
	// version is the one that the caller has seen, or 0 for any.
	version int64
}

// updateProfile changes what the caller says about themselves. A change to the
// present values is none, and tells nobody.
func (m *Module) updateProfile(ctx context.Context, c profileChange) (account, error) {
	var a account
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		if a, err = lockAccount(ctx, tx, auth.Caller(ctx).AccountID); err != nil {
			return signedInAccount(err)
		}
		if c.version != 0 && c.version != a.version {
			return problem.New(problem.Precondition, "version-mismatch", "The account has been changed since you read it.")
		}
		changed, err := c.apply(a.profile)
		if err != nil || changed == a.profile {
			return err
		}
		now := m.now()
		a.profile = changed
		if err := updateAccount(ctx, tx, &a, now); err != nil {
			return err
		}
		return audit(ctx, tx, now, profileChanged, a.id, a.organisationID, "")
	})
	return a, err
}

func (c profileChange) apply(p profile) (profile, error) {
	var nameErr, localeErr, zoneErr error
	if c.displayName != nil {
		p.displayName, nameErr = parseName("body.display_name", *c.displayName, maxNameRunes)
		p.searchName = searchKey(p.displayName)
	}
	if c.locale != nil {
		p.locale, localeErr = parseLocale(*c.locale)
	}
	if c.timeZone != nil {
		p.timeZone, zoneErr = parseTimeZone(*c.timeZone)
	}
	return p, joinInvalid(nameErr, localeErr, zoneErr)
}
