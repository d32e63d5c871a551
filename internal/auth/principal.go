// Package auth says who is asking and what they may do. It verifies access
// tokens with the platform's public keys and needs no database, so every
// module, in whatever process, can do it alone.
package auth

import (
	"context"
	"slices"

	"github.com/google/uuid"
)

// Role is what an account is within an organisation or, for PlatformAdmin,
// everywhere. Who teaches which course is known to the modules that need it,
// from content's CourseStaffAssigned events.
type Role string

// The four roles.
const (
	PlatformAdmin     Role = "platform_admin"
	OrganisationAdmin Role = "organisation_admin"
	Instructor        Role = "instructor"
	Learner           Role = "learner"
)

// Permission names one thing that a route lets its caller do. A route that
// needs Public serves anybody; SignedIn serves every valid token.
type Permission string

// The permissions, each held by the roles listed in grants.
const (
	Public   Permission = "public"
	SignedIn Permission = "signed-in"

	ManageOrganisations Permission = "organisations:manage" // create and list organisations
	ManageMembers       Permission = "members:manage"       // grant roles inside the own organisation
	AuthorCourses       Permission = "courses:author"       // import, publish and edit courses one teaches
	TakeCourses         Permission = "courses:take"         // browse, enrol, read, keep progress
	ManageEnrolments    Permission = "enrolments:manage"    // enrol others into a course one teaches
	TakeAssessments     Permission = "assessments:take"     // start, save, submit and review own attempts
	ReadGradebook       Permission = "gradebook:read"       // a whole course's scores
	ReadAnalytics       Permission = "analytics:read"       // a course's analytics
	AuthorItems         Permission = "items:author"         // work in item banks, as a bank's members may
)

var grants = map[Role][]Permission{
	PlatformAdmin: {ManageOrganisations, ManageMembers, AuthorCourses, TakeCourses, ManageEnrolments,
		TakeAssessments, ReadGradebook, ReadAnalytics, AuthorItems},
	OrganisationAdmin: {ManageMembers, AuthorCourses, TakeCourses, ManageEnrolments, TakeAssessments,
		ReadGradebook, ReadAnalytics, AuthorItems},
	Instructor: {AuthorCourses, TakeCourses, ManageEnrolments, TakeAssessments, ReadGradebook, ReadAnalytics, AuthorItems},
	Learner:    {TakeCourses, TakeAssessments},
}

// Principal is the verified caller of a request. Its organisation bounds
// everything it can see, whatever its role.
type Principal struct {
	AccountID      uuid.UUID
	OrganisationID uuid.UUID
	SessionID      uuid.UUID
	Roles          []Role
}

// Has reports whether the principal holds the role.
func (p Principal) Has(r Role) bool { return slices.Contains(p.Roles, r) }

// AdministersOrganisation reports whether the principal may act on every
// course of its organisation, taught by it or not.
func (p Principal) AdministersOrganisation() bool {
	return p.Has(OrganisationAdmin) || p.Has(PlatformAdmin)
}

// Can reports whether one of the principal's roles grants the permission.
func (p Principal) Can(perm Permission) bool {
	if perm == Public || perm == SignedIn {
		return true
	}
	for _, r := range p.Roles {
		if slices.Contains(grants[r], perm) {
			return true
		}
	}
	return false
}

type principalKey struct{}

// WithPrincipal returns a context that carries the verified caller.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext returns the caller of the request. Behind a route that needs
// more than Public it is always there.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// Caller is FromContext for handlers behind a non-public route, where the
// server has already refused everybody else.
func Caller(ctx context.Context) Principal {
	p, _ := FromContext(ctx)
	return p
}

// Permissions lists every permission there is.
func Permissions() []Permission {
	return []Permission{Public, SignedIn, ManageOrganisations, ManageMembers, AuthorCourses, TakeCourses,
		ManageEnrolments, TakeAssessments, ReadGradebook, ReadAnalytics, AuthorItems}
}
