package users

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// accountBody is an account as its owner and administrators see it.
type accountBody struct {
	AccountID      uuid.UUID   `json:"account_id" format:"uuid"`
	OrganisationID uuid.UUID   `json:"organisation_id" format:"uuid"`
	Email          string      `json:"email"`
	EmailConfirmed bool        `json:"email_confirmed"`
	DisplayName    string      `json:"display_name"`
	Locale         string      `json:"locale"`
	TimeZone       string      `json:"time_zone"`
	Roles          []auth.Role `json:"roles"`
	CreatedAt      time.Time   `json:"created_at"`
}

func toAccount(a account) accountBody {
	return accountBody{
		AccountID: a.id, OrganisationID: a.organisationID, Email: a.email, EmailConfirmed: a.confirmedAt != nil,
		DisplayName: a.profile.displayName, Locale: a.profile.locale, TimeZone: a.profile.timeZone,
		Roles: a.roles, CreatedAt: a.createdAt.UTC(),
	}
}

type meOutput struct {
	ETag string `header:"ETag"`
	Body accountBody
}

func toMe(a account) *meOutput {
	return &meOutput{ETag: `"` + strconv.FormatInt(a.version, 10) + `"`, Body: toAccount(a)}
}

func (m *Module) getMe(ctx context.Context, _ *struct{}) (*meOutput, error) {
	a, err := m.me(ctx)
	if err != nil {
		return nil, err
	}
	return toMe(a), nil
}

type patchMeInput struct {
	IfMatch string `header:"If-Match" doc:"ETag of the version to change."`
	Body    struct {
		DisplayName *string `json:"display_name,omitempty" minLength:"1" maxLength:"100"`
		Locale      *string `json:"locale,omitempty" minLength:"1" maxLength:"35" doc:"BCP 47 language tag."`
		TimeZone    *string `json:"time_zone,omitempty" minLength:"1" maxLength:"64" doc:"IANA time zone."`
	}
}

func (m *Module) patchMe(ctx context.Context, in *patchMeInput) (*meOutput, error) {
	version, err := parseETag(in.IfMatch)
	if err != nil {
		return nil, err
	}
	a, err := m.updateProfile(ctx, profileChange{
		displayName: in.Body.DisplayName, locale: in.Body.Locale, timeZone: in.Body.TimeZone, version: version,
	})
	if err != nil {
		return nil, err
	}
	return toMe(a), nil
}

// parseETag reads an If-Match header. Absent or "*" it is 0: any version.
func parseETag(s string) (int64, error) {
	if s == "" || s == "*" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(s, `"`)
	digits, closed := strings.CutSuffix(digits, `"`)
	version, err := strconv.ParseInt(digits, 10, 64)
	if !ok || !closed || err != nil || version < 1 {
		return 0, problem.New(problem.Precondition, "version-mismatch", "If-Match is not an ETag of this account.")
	}
	return version, nil
}

type passwordInput struct {
	Body struct {
		Current string `json:"current" maxLength:"256" doc:"The present password."`
		New     string `json:"new" minLength:"10" maxLength:"256" doc:"10 characters to 256 bytes, none of the most common."`
	}
}

func (m *Module) postPassword(ctx context.Context, in *passwordInput) (*struct{}, error) {
	return nil, m.changePassword(ctx, in.Body.Current, in.Body.New)
}

type eraseInput struct {
	Body struct {
		Password string `json:"password" maxLength:"256" doc:"The present password."`
	}
}

func (m *Module) deleteMe(ctx context.Context, in *eraseInput) (*struct{}, error) {
	return nil, m.eraseAccount(ctx, in.Body.Password)
}

type sessionBody struct {
	SessionID  uuid.UUID `json:"session_id" format:"uuid"`
	Current    bool      `json:"current" doc:"Whether it is the session that asks."`
	UserAgent  string    `json:"user_agent"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

type sessionsOutput struct {
	Body struct {
		Items []sessionBody `json:"items"`
	}
}

func (m *Module) getSessions(ctx context.Context, _ *struct{}) (*sessionsOutput, error) {
	p := auth.Caller(ctx)
	list, err := liveSessions(ctx, m.db.Pool, p.AccountID, m.now())
	if err != nil {
		return nil, err
	}
	var out sessionsOutput
	out.Body.Items = make([]sessionBody, 0, len(list))
	for _, s := range list {
		out.Body.Items = append(out.Body.Items, sessionBody{
			SessionID: s.id, Current: s.id == p.SessionID, UserAgent: s.userAgent,
			CreatedAt: s.createdAt.UTC(), LastUsedAt: s.lastUsedAt.UTC(), ExpiresAt: s.expiresAt.UTC(),
		})
	}
	return &out, nil
}

type sessionInput struct {
	SessionID uuid.UUID `path:"session_id" format:"uuid"`
}

func (m *Module) deleteSession(ctx context.Context, in *sessionInput) (*struct{}, error) {
	return nil, m.endSession(ctx, in.SessionID)
}
