package users

import (
	"context"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

type accountOutput struct{ Body accountBody }

type accountsInput struct {
	httpserver.Page
	Query string `query:"query" maxLength:"254" doc:"Beginning of an address or of a name; upper and lower case are the same."`
}

type accountsOutput struct {
	Body httpserver.List[accountBody]
}

func (m *Module) getAccounts(ctx context.Context, in *accountsInput) (*accountsOutput, error) {
	var after uuid.UUID
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &after); err != nil {
			return nil, err
		}
	}
	list, err := m.members(ctx, in.Query, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	list, more := firstPage(list, in.Limit)
	var out accountsOutput
	out.Body.Items = make([]accountBody, 0, len(list))
	for _, a := range list {
		out.Body.Items = append(out.Body.Items, toAccount(a))
	}
	if more {
		out.Body.NextCursor = httpserver.EncodeCursor(list[len(list)-1].id)
	}
	return &out, nil
}

type inviteInput struct {
	Body struct {
		Email       string      `json:"email" maxLength:"254"`
		DisplayName string      `json:"display_name" minLength:"1" maxLength:"100"`
		Locale      string      `json:"locale,omitempty" maxLength:"35" doc:"BCP 47 language tag, en by default."`
		TimeZone    string      `json:"time_zone,omitempty" maxLength:"64" doc:"IANA time zone, UTC by default."`
		Roles       []auth.Role `json:"roles,omitempty" maxItems:"4" enum:"platform_admin,organisation_admin,instructor,learner" doc:"Learner by default."`
	}
}

func (m *Module) postAccount(ctx context.Context, in *inviteInput) (*accountOutput, error) {
	i, err := parseInvitation(in.Body.Email, in.Body.DisplayName, in.Body.Locale, in.Body.TimeZone, in.Body.Roles)
	if err != nil {
		return nil, err
	}
	a, err := m.inviteMember(ctx, i)
	if err != nil {
		return nil, err
	}
	return &accountOutput{toAccount(a)}, nil
}

type accountInput struct {
	AccountID uuid.UUID `path:"account_id" format:"uuid"`
}

func (m *Module) getAccount(ctx context.Context, in *accountInput) (*accountOutput, error) {
	a, err := m.member(ctx, in.AccountID)
	if err != nil {
		return nil, err
	}
	return &accountOutput{toAccount(a)}, nil
}

type roleInput struct {
	AccountID uuid.UUID `path:"account_id" format:"uuid"`
	Role      auth.Role `path:"role" enum:"platform_admin,organisation_admin,instructor,learner"`
}

func (m *Module) putRole(ctx context.Context, in *roleInput) (*accountOutput, error) {
	a, err := m.grantRole(ctx, in.AccountID, in.Role)
	if err != nil {
		return nil, err
	}
	return &accountOutput{toAccount(a)}, nil
}

func (m *Module) deleteRole(ctx context.Context, in *roleInput) (*accountOutput, error) {
	a, err := m.revokeRole(ctx, in.AccountID, in.Role)
	if err != nil {
		return nil, err
	}
	return &accountOutput{toAccount(a)}, nil
}
