package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/content"
	"github.com/lyceum-lms/platform/internal/content/democourse"
	"github.com/lyceum-lms/platform/internal/content/olx"
	"github.com/lyceum-lms/platform/internal/users"
)

// demoPassword is everybody's in the demo organisation. It is printed at the
// start and therefore never made on a server that is not the embedded one,
// unless asked for.
const demoPassword = "look-at-the-stars"

var demoAccounts = []struct {
	email, name, what string
	roles             []auth.Role
}{
	{"admin@demo.example", "Ada Admin", "platform and organisation administrator", []auth.Role{auth.PlatformAdmin, auth.OrganisationAdmin}},
	{"instructor@demo.example", "Iris Instructor", "teaches the demo course", []auth.Role{auth.Instructor}},
	{"learner@demo.example", "Leo Learner", "learner", []auth.Role{auth.Learner}},
}

// wantsDemo is false where users and content do not both run: another process has
// to do it.
func (p *platform) wantsDemo() bool {
	if p.modules.users == nil || p.modules.content == nil {
		return false
	}
	return p.cfg.Demo == "yes" || (p.cfg.Demo == "auto" && p.db.embedded != nil)
}

// seedDemo makes the demo organisation, its people and its course. Everything
// goes the way that it goes for everybody; what exists is left alone.
func (p *platform) seedDemo(ctx context.Context) error {
	if !p.wantsDemo() {
		return nil
	}
	var instructor, organisation uuid.UUID
	for _, a := range demoAccounts {
		id, org, err := p.modules.users.EnsureAccount(ctx, users.Seed{
			Organisation: users.SeedOrganisation{Slug: "demo", Name: "Demo School", SelfRegistration: true},
			Email:        a.email, Password: demoPassword, DisplayName: a.name, Roles: a.roles, Confirmed: true,
		})
		if err != nil {
			return err
		}
		organisation = org
		if a.roles[0] == auth.Instructor {
			instructor = id
		}
	}
	src, err := olx.OpenFS(ctx, democourse.FS(), olx.Limits{})
	if err != nil {
		return fmt.Errorf("open the demo course: %w", err)
	}
	_, err = p.modules.content.ImportCourse(ctx, src, content.ImportOptions{
		OrganisationID: organisation, ActorID: instructor, Teaches: true,
	})
	return errors.Join(err, src.Close())
}
