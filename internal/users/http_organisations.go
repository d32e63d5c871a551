package users

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

type organisationBody struct {
	OrganisationID   uuid.UUID `json:"organisation_id" format:"uuid"`
	Slug             string    `json:"slug"`
	Name             string    `json:"name"`
	SelfRegistration bool      `json:"self_registration"`
	CreatedAt        time.Time `json:"created_at"`
}

func toOrganisation(o organisation) organisationBody {
	return organisationBody{o.id, o.slug, o.name, o.selfRegistration, o.createdAt.UTC()}
}

type organisationOutput struct{ Body organisationBody }

type organisationInput struct {
	Body struct {
		Slug             string `json:"slug" minLength:"1" maxLength:"63" pattern:"^[a-z0-9](-?[a-z0-9])*$" example:"demo"`
		Name             string `json:"name" minLength:"1" maxLength:"200" example:"Demo School"`
		SelfRegistration bool   `json:"self_registration" doc:"Whether people may register in it by themselves."`
		Administrator    *struct {
			Email       string `json:"email" maxLength:"254"`
			DisplayName string `json:"display_name" minLength:"1" maxLength:"100"`
			Locale      string `json:"locale,omitempty" maxLength:"35"`
			TimeZone    string `json:"time_zone,omitempty" maxLength:"64"`
		} `json:"administrator,omitempty" doc:"Who is invited as its first administrator."`
	}
}

func (m *Module) postOrganisation(ctx context.Context, in *organisationInput) (*organisationOutput, error) {
	o, err := parseOrganisation(in.Body.Slug, in.Body.Name, in.Body.SelfRegistration)
	var first *invitation
	var inviteErr error
	if a := in.Body.Administrator; a != nil {
		first = new(invitation)
		*first, inviteErr = parseInvitation(a.Email, a.DisplayName, a.Locale, a.TimeZone, []auth.Role{auth.OrganisationAdmin})
	}
	if err := joinInvalid(err, inviteErr); err != nil {
		return nil, err
	}
	if o, err = m.createOrganisation(ctx, o, first); err != nil {
		return nil, err
	}
	return &organisationOutput{toOrganisation(o)}, nil
}

type organisationsInput struct{ httpserver.Page }

type organisationsOutput struct {
	Body httpserver.List[organisationBody]
}

func (m *Module) getOrganisations(ctx context.Context, in *organisationsInput) (*organisationsOutput, error) {
	after := ""
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &after); err != nil {
			return nil, err
		}
	}
	list, err := m.organisations(ctx, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	list, more := firstPage(list, in.Limit)
	var out organisationsOutput
	out.Body.Items = make([]organisationBody, 0, len(list))
	for _, o := range list {
		out.Body.Items = append(out.Body.Items, toOrganisation(o))
	}
	if more {
		out.Body.NextCursor = httpserver.EncodeCursor(list[len(list)-1].slug)
	}
	return &out, nil
}

func (m *Module) getCurrentOrganisation(ctx context.Context, _ *struct{}) (*organisationOutput, error) {
	o, err := m.currentOrganisation(ctx)
	if err != nil {
		return nil, err
	}
	return &organisationOutput{toOrganisation(o)}, nil
}

// firstPage cuts a list that was asked for one row more than a page to a page,
// and reports whether there is another.
func firstPage[T any](list []T, limit int) ([]T, bool) {
	if len(list) <= limit {
		return list, false
	}
	return list[:limit], true
}
