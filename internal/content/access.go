package content

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

const (
	// accessTTL is how long granted access is believed without asking the
	// database: the longest time that another replica's withdrawal or
	// publication goes unnoticed.
	accessTTL          = 2 * time.Second
	accessCacheEntries = 100_000
)

type accessKey struct{ course, account uuid.UUID }

// access is a caller's right to read a course's units.
type access struct {
	organisation uuid.UUID
	version      int
	enrolment    uuid.UUID // Nil for staff and administrators who are not enrolled
	teaches      bool
	until        time.Time
}

// readAccess decides whether the caller may read the course's units now.
func (m *Module) readAccess(ctx context.Context, p auth.Principal, courseID uuid.UUID) (access, error) {
	key := accessKey{course: courseID, account: p.AccountID}
	now := m.now()
	if a, ok := m.access.get(key); ok && now.Before(a.until) && a.organisation == p.OrganisationID &&
		(a.enrolment != uuid.Nil || actsAsStaff(p, a.teaches)) {
		return a, nil
	}
	c, err := seenCourse(ctx, m.db.Pool, p, courseID)
	if err != nil {
		return access{}, err
	}
	if err := c.readableBy(p); err != nil {
		return access{}, err
	}
	a := access{organisation: c.OrganisationID, version: c.CurrentVersion, teaches: c.Teaches, until: now.Add(accessTTL)}
	if c.enrolled() {
		a.enrolment = *c.EnrolmentID
	}
	m.access.put(key, a, 1)
	return a, nil
}

// forgetAccess makes the next read of this account ask the database.
func (m *Module) forgetAccess(courseID, accountID uuid.UUID) {
	m.access.remove(accessKey{course: courseID, account: accountID})
}

// checkUnit answers 404 for a unit that is not in the version.
func checkUnit(ctx context.Context, q querier, courseID uuid.UUID, version int, unitID uuid.UUID) (problemSets []uuid.UUID, err error) {
	problemSets, found, err := one(ctx, q, pgx.RowTo[[]uuid.UUID],
		`select problem_set_ids from content.units where course_id = $1 and version = $2 and unit_id = $3`,
		courseID, version, unitID)
	if err != nil {
		return nil, fmt.Errorf("load unit %s: %w", unitID, err)
	}
	if !found {
		return nil, errNoUnit()
	}
	return problemSets, nil
}
