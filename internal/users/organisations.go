package users

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

// organisation is a tenant.
type organisation struct {
	id               uuid.UUID
	slug             string
	name             string
	selfRegistration bool
	createdAt        time.Time
}

const (
	maxOrganisationNameRunes = 200
	maxSlugBytes             = 63
)

var slugPattern = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)

func validSlug(s string) bool { return len(s) <= maxSlugBytes && slugPattern.MatchString(s) }

func parseOrganisation(slug, name string, selfRegistration bool) (organisation, error) {
	o := organisation{slug: slug, selfRegistration: selfRegistration}
	var slugErr, nameErr error
	if !validSlug(slug) {
		slugErr = problem.InvalidField("body.slug", "must be 1 to %d lower-case letters, digits and single hyphens between them", maxSlugBytes)
	}
	o.name, nameErr = parseName("body.name", name, maxOrganisationNameRunes)
	return o, joinInvalid(slugErr, nameErr)
}

// createOrganisation makes a tenant and, if one is named, invites its first
// administrator.
func (m *Module) createOrganisation(ctx context.Context, o organisation, first *invitation) (organisation, error) {
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		isNew, err := m.insertOrganisation(ctx, tx, &o)
		if err != nil {
			return err
		}
		if !isNew {
			return problem.New(problem.Conflict, "slug-taken", "Another organisation has this slug.")
		}
		if first == nil {
			return nil
		}
		_, err = m.invite(ctx, tx, o.id, *first)
		return err
	})
	return o, err
}

// insertOrganisation stores a new tenant and tells the others. It reports false,
// and does nothing, if the slug is taken.
func (m *Module) insertOrganisation(ctx context.Context, tx pgx.Tx, o *organisation) (bool, error) {
	o.createdAt = m.now()
	if o.id == uuid.Nil {
		var err error
		if o.id, err = uuid.NewV7(); err != nil {
			return false, fmt.Errorf("make an organisation id: %w", err)
		}
	}
	tag, err := tx.Exec(ctx, `insert into users.organisations (organisation_id, slug, name, self_registration, created_at)
		values ($1, $2, $3, $4, $5) on conflict (slug) do nothing`, o.id, o.slug, o.name, o.selfRegistration, o.createdAt)
	if err != nil {
		return false, fmt.Errorf("insert organisation: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	if err := audit(ctx, tx, o.createdAt, organisationCreated, o.id, o.id, ""); err != nil {
		return false, err
	}
	return true, event.OrganisationCreated.Emit(ctx, tx, event.OrganisationCreatedV1{
		OrganisationID: o.id, Slug: o.slug, Name: o.name, At: o.createdAt,
	})
}

const organisationColumns = `organisation_id, slug, name, self_registration, created_at`

func scanOrganisation(row pgx.CollectableRow) (organisation, error) {
	var o organisation
	err := row.Scan(&o.id, &o.slug, &o.name, &o.selfRegistration, &o.createdAt)
	return o, err
}

// organisations lists tenants by slug, from the one after the given slug.
func (m *Module) organisations(ctx context.Context, after string, limit int) ([]organisation, error) {
	rows, err := m.db.Pool.Query(ctx, `select `+organisationColumns+` from users.organisations
		where slug > $1 order by slug limit $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanOrganisation)
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	return list, nil
}

// currentOrganisation is the tenant that the caller belongs to.
func (m *Module) currentOrganisation(ctx context.Context) (organisation, error) {
	rows, err := m.db.Pool.Query(ctx, `select `+organisationColumns+` from users.organisations where organisation_id = $1`,
		auth.Caller(ctx).OrganisationID)
	if err != nil {
		return organisation{}, fmt.Errorf("load the organisation: %w", err)
	}
	o, err := pgx.CollectExactlyOneRow(rows, scanOrganisation)
	if errors.Is(err, pgx.ErrNoRows) {
		return organisation{}, problem.NotFoundf("There is no such organisation.")
	}
	if err != nil {
		return organisation{}, fmt.Errorf("load the organisation: %w", err)
	}
	return o, nil
}

// OrganisationBySlug finds a tenant, open to registration or not. It is for the
// operator's commands; the error says that there is none.
func (m *Module) OrganisationBySlug(ctx context.Context, slug string) (uuid.UUID, error) {
	var id uuid.UUID
	err := m.db.Pool.QueryRow(ctx, `select organisation_id from users.organisations where slug = $1`, slug).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, problem.New(problem.NotFound, "organisation-not-found", "There is no organisation %q.", slug)
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("find organisation %q: %w", slug, err)
	}
	return id, nil
}

// openOrganisation finds a tenant that people may register in by themselves. A
// closed one is not known to strangers.
func (m *Module) openOrganisation(ctx context.Context, slug string) (uuid.UUID, error) {
	unknown := problem.New(problem.NotFound, "organisation-not-found",
		"There is no organisation of this name that is open to registration.")
	if !validSlug(slug) {
		return uuid.Nil, unknown
	}
	var id uuid.UUID
	err := m.db.Pool.QueryRow(ctx, `select organisation_id from users.organisations where slug = $1 and self_registration`, slug).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, unknown
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("find an organisation: %w", err)
	}
	return id, nil
}
