package users

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"
)

// accepted answers a request whose outcome the caller must not learn.
type accepted struct {
	Body struct {
		Message string `json:"message" example:"If that is possible, a mail is on its way."`
	}
}

func mailOnItsWay() *accepted {
	var a accepted
	a.Body.Message = "If that is possible, a mail is on its way."
	return &a
}

type registerInput struct {
	Body struct {
		Organisation string `json:"organisation" maxLength:"63" doc:"Slug of the organisation." example:"demo"`
		Email        string `json:"email" maxLength:"254" example:"ada@example.org"`
		Password     string `json:"password" minLength:"10" maxLength:"256" doc:"10 characters to 256 bytes, none of the most common."`
		DisplayName  string `json:"display_name" minLength:"1" maxLength:"100" example:"Ada Lovelace"`
		Locale       string `json:"locale,omitempty" maxLength:"35" doc:"BCP 47 language tag, en by default." example:"en"`
		TimeZone     string `json:"time_zone,omitempty" maxLength:"64" doc:"IANA time zone, UTC by default." example:"Europe/London"`
	}
}

func (m *Module) postRegister(ctx context.Context, in *registerInput) (*accepted, error) {
	err := m.register(ctx, registration{
		organisation: in.Body.Organisation, email: in.Body.Email, password: in.Body.Password,
		displayName: in.Body.DisplayName, locale: in.Body.Locale, timeZone: in.Body.TimeZone,
	})
	if err != nil {
		return nil, err
	}
	return mailOnItsWay(), nil
}

type tokenInput struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"128" doc:"The token of the mail."`
	}
}

func (m *Module) postConfirm(ctx context.Context, in *tokenInput) (*struct{}, error) {
	return nil, m.confirm(ctx, secret(in.Body.Token))
}

type addressInput struct {
	Body struct {
		Email string `json:"email" maxLength:"254" example:"ada@example.org"`
	}
}

func (m *Module) postResend(ctx context.Context, in *addressInput) (*accepted, error) {
	if err := m.requestMail(ctx, in.Body.Email, mailConfirm); err != nil {
		return nil, err
	}
	return mailOnItsWay(), nil
}

func (m *Module) postForgot(ctx context.Context, in *addressInput) (*accepted, error) {
	if err := m.requestMail(ctx, in.Body.Email, mailReset); err != nil {
		return nil, err
	}
	return mailOnItsWay(), nil
}

type resetInput struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"128" doc:"The token of the mail."`
		Password string `json:"password" minLength:"10" maxLength:"256" doc:"10 characters to 256 bytes, none of the most common."`
	}
}

func (m *Module) postReset(ctx context.Context, in *resetInput) (*struct{}, error) {
	return nil, m.resetPassword(ctx, secret(in.Body.Token), in.Body.Password)
}

type signInInput struct {
	UserAgent string `header:"User-Agent" hidden:"true"`
	Body      struct {
		Email    string `json:"email" maxLength:"254" example:"ada@example.org"`
		Password string `json:"password" maxLength:"256"`
	}
	client string // see Resolve
}

// Resolve implements huma.Resolver: it notes where the request comes from.
func (in *signInInput) Resolve(ctx huma.Context) []error {
	in.client = place(ctx.RemoteAddr())
	return nil
}

// place is the part of a network address that one party holds: an IPv4 address,
// or the /64 network of an IPv6 address.
func place(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if address = address.Unmap().WithZone(""); address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return network.String()
		}
	}
	return address.String()
}

// grantBody is what RFC 6749 calls an access token response, with the account.
type grantBody struct {
	AccessToken      string      `json:"access_token"`
	TokenType        string      `json:"token_type" enum:"Bearer"`
	ExpiresIn        int         `json:"expires_in" doc:"Seconds until the access token expires."`
	RefreshToken     string      `json:"refresh_token"`
	RefreshExpiresIn int         `json:"refresh_expires_in" doc:"Seconds until the refresh token expires."`
	Account          accountBody `json:"account"`
}

type grantOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         grantBody
}

func toGrant(g grant) *grantOutput {
	return &grantOutput{CacheControl: "no-store", Body: grantBody{
		AccessToken: g.accessToken, TokenType: "Bearer", ExpiresIn: int(g.expiresIn.Seconds()),
		RefreshToken: string(g.refreshToken), RefreshExpiresIn: int(g.refreshExpiresIn.Seconds()),
		Account: toAccount(g.account),
	}}
}

func (m *Module) postSignIn(ctx context.Context, in *signInInput) (*grantOutput, error) {
	g, err := m.signIn(ctx, attempt{
		email: in.Body.Email, password: in.Body.Password, client: in.client, userAgent: in.UserAgent,
	})
	if err != nil {
		return nil, err
	}
	return toGrant(g), nil
}

type refreshInput struct {
	Body struct {
		RefreshToken string `json:"refresh_token" minLength:"1" maxLength:"128"`
	}
}

func (m *Module) postRefresh(ctx context.Context, in *refreshInput) (*grantOutput, error) {
	g, err := m.refresh(ctx, secret(in.Body.RefreshToken))
	if err != nil {
		return nil, err
	}
	return toGrant(g), nil
}

type signOutInput struct {
	Body *struct {
		RefreshToken string `json:"refresh_token,omitempty" maxLength:"128"`
	} `required:"false"`
}

func (m *Module) postSignOut(ctx context.Context, in *signOutInput) (*struct{}, error) {
	var token secret
	if in.Body != nil {
		token = secret(in.Body.RefreshToken)
	}
	return nil, m.signOut(ctx, token)
}

// keyBody is an Ed25519 public key as RFC 8037 writes it.
type keyBody struct {
	KeyType   string `json:"kty" enum:"OKP"`
	Curve     string `json:"crv" enum:"Ed25519"`
	Algorithm string `json:"alg" enum:"EdDSA"`
	Use       string `json:"use" enum:"sig"`
	KeyID     string `json:"kid"`
	X         string `json:"x" doc:"The key, in base64url."`
}

type keysOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Keys []keyBody `json:"keys" nullable:"false"`
	}
}

func (m *Module) getKeys(context.Context, *struct{}) (*keysOutput, error) {
	out := &keysOutput{CacheControl: "public, max-age=60"}
	raw, err := json.Marshal(m.keys.public())
	if err != nil {
		return nil, fmt.Errorf("write the key set: %w", err)
	}
	if err := json.Unmarshal(raw, &out.Body); err != nil {
		return nil, fmt.Errorf("write the key set: %w", err)
	}
	return out, nil
}
