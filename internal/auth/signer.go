package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

const (
	// tokenType is the typ of an access token (RFC 9068). It keeps any other
	// JWT that the same key may ever sign from being used as one.
	tokenType = "at+jwt"

	organisationClaim = "org"
	sessionClaim      = "sid"
	rolesClaim        = "roles"
)

// Signer makes access tokens with one key. It may be used from many goroutines.
type Signer struct {
	key      Key
	issuer   string
	audience string
	ttl      time.Duration
}

// NewSigner returns a signer whose tokens name the issuer and the audience and
// live for ttl, in whole seconds.
func NewSigner(key Key, issuer, audience string, ttl time.Duration) *Signer {
	return &Signer{key: key, issuer: issuer, audience: audience, ttl: ttl.Truncate(time.Second)}
}

// Sign makes a token for the principal, valid from now on, and returns it with
// the time of its end as the token has it.
func (s *Signer) Sign(p Principal, now time.Time) (token string, expires time.Time, err error) {
	if p.AccountID == uuid.Nil {
		return "", time.Time{}, errors.New("sign an access token: the principal has no account")
	}
	private, err := s.key.signing()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign an access token: %w", err)
	}
	now = now.UTC().Truncate(time.Second)
	expires = now.Add(s.ttl)
	roles := make([]string, len(p.Roles))
	for i, r := range p.Roles {
		roles[i] = string(r)
	}
	claims, err := jwt.NewBuilder().Issuer(s.issuer).Audience([]string{s.audience}).
		Subject(p.AccountID.String()).IssuedAt(now).NotBefore(now).Expiration(expires).
		Claim(organisationClaim, p.OrganisationID.String()).
		Claim(sessionClaim, p.SessionID.String()).
		Claim(rolesClaim, roles).Build()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("write an access token's claims: %w", err)
	}
	header := jws.NewHeaders()
	for name, value := range map[string]string{jws.TypeKey: tokenType, jws.KeyIDKey: s.key.id} {
		if err := header.Set(name, value); err != nil {
			return "", time.Time{}, fmt.Errorf("write an access token's header: %w", err)
		}
	}
	signed, err := jwt.Sign(claims, jwt.WithKey(jwa.EdDSA(), private, jws.WithProtectedHeaders(header)))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign an access token: %w", err)
	}
	return string(signed), expires, nil
}
