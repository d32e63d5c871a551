package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	// maxTokenBytes bounds the work done for a token that may be anything.
	maxTokenBytes = 8 << 10
	// clockLeeway is how far the clocks of issuer and verifier may be apart.
	clockLeeway = 30 * time.Second
	// rememberedTokens is how many verified tokens are remembered. Checking a
	// signature costs more than everything else that happens to an average
	// request before it reaches its handler.
	rememberedTokens = 10_000
	// maxRoles bounds what is kept of one token.
	maxRoles = 16
)

// Verifier checks access tokens. It knows no key until SetKeys and refuses
// every token until then. It may be used from many goroutines.
type Verifier struct {
	issuer   string
	audience string
	now      func() time.Time
	keys     atomic.Pointer[keySet]
	missing  atomic.Pointer[func(kid string) error]
	verified *lru.Cache[[sha256.Size]byte, verifiedToken]
}

type keySet map[string]ed25519.PublicKey

// verifiedToken is what a token was found to say. That holds while key is the
// one known as kid and the time is between notBefore and expires, give or take
// the leeway.
type verifiedToken struct {
	principal          Principal
	notBefore, expires time.Time
	kid                string
	key                ed25519.PublicKey
}

// NewVerifier returns a verifier of tokens that name the issuer and the
// audience. Time is what now says.
func NewVerifier(issuer, audience string, now func() time.Time) *Verifier {
	verified, err := lru.New[[sha256.Size]byte, verifiedToken](rememberedTokens)
	if err != nil {
		panic(err) // a size that is not positive is the only reason
	}
	v := &Verifier{issuer: issuer, audience: audience, now: now, verified: verified}
	v.keys.Store(&keySet{})
	return v
}

// SetKeys replaces the known keys at once for all checks that begin later;
// tokens of keys that are gone are refused from then on. As RFC 7517 asks,
// members of the set that are of no use here are passed over: those without an
// id, of another type than Ed25519, or meant for something else than EdDSA
// signatures.
func (v *Verifier) SetKeys(set jwk.Set) {
	keys := usableKeys(set)
	v.keys.Store(&keys)
}

// whenMissing sets what is done about a token whose key is not known, in the
// place of refusing it: once it returns nil, the key is looked up once more. Its
// error is that of Verify.
func (v *Verifier) whenMissing(find func(kid string) error) { v.missing.Store(&find) }

// keyOf returns the key that is known by an id. Its error is a problem if it
// cannot be said whether there is one.
func (v *Verifier) keyOf(kid string) (ed25519.PublicKey, error) {
	key, ok := (*v.keys.Load())[kid]
	if find := v.missing.Load(); !ok && find != nil {
		if err := (*find)(kid); err != nil {
			return nil, err
		}
		key, ok = (*v.keys.Load())[kid]
	}
	if !ok {
		return nil, errors.New("signed with an unknown key")
	}
	return key, nil
}

func (v *Verifier) knows(kid string) bool {
	_, ok := (*v.keys.Load())[kid]
	return ok
}

func usableKeys(set jwk.Set) keySet {
	keys := make(keySet, set.Len())
	for i := range set.Len() {
		member, ok := set.Key(i)
		if !ok {
			continue
		}
		if id, key, ok := usableKey(member); ok {
			keys[id] = key
		}
	}
	return keys
}

func usableKey(member jwk.Key) (string, ed25519.PublicKey, bool) {
	id, ok := member.KeyID()
	if !ok || id == "" {
		return "", nil, false
	}
	if use, ok := member.KeyUsage(); ok && use != jwk.ForSignature.String() {
		return "", nil, false
	}
	if alg, ok := member.Algorithm(); ok && alg.String() != jwa.EdDSA().String() {
		return "", nil, false
	}
	public, err := member.PublicKey()
	if err != nil {
		return "", nil, false
	}
	var key ed25519.PublicKey
	if err := jwk.Export(public, &key); err != nil || len(key) != ed25519.PublicKeySize {
		return "", nil, false
	}
	return id, key, true
}

// Verify checks a token in JWS compact form and returns the principal it names
// and the time of its end, after which it is good for 30 seconds more. Its
// errors are Unauthenticated problems with the reason "token-expired" for a
// token that was good once and "token-invalid" for any other; where the keys
// come from another process (KeySource), also an Unavailable one with the reason
// "keys-unavailable" for a token whose key cannot be looked for right now.
func (v *Verifier) Verify(token string) (Principal, time.Time, error) {
	if len(token) > maxTokenBytes {
		return Principal{}, time.Time{}, invalid(fmt.Errorf("%d bytes long", len(token)))
	}
	digest := sha256.Sum256([]byte(token))
	found, ok := v.verified.Get(digest)
	if !ok || !v.holds(found) {
		var err error
		if found, err = v.check(token); err != nil {
			v.verified.Remove(digest)
			var cannotTell *problem.Problem
			if errors.As(err, &cannotTell) {
				return Principal{}, time.Time{}, cannotTell
			}
			if errors.Is(err, jwt.TokenExpiredError()) {
				return Principal{}, time.Time{}, problem.New(problem.Unauthenticated, "token-expired",
					"The access token has expired.").WithCause(err)
			}
			return Principal{}, time.Time{}, invalid(err)
		}
		v.verified.Add(digest, found)
	}
	// What the caller does to its roles is no business of the next one.
	found.principal.Roles = slices.Clone(found.principal.Roles)
	return found.principal, found.expires, nil
}

// holds says whether the result of an earlier check is still right.
func (v *Verifier) holds(t verifiedToken) bool {
	key, known := (*v.keys.Load())[t.kid]
	now := v.now()
	return known && bytes.Equal(key, t.key) &&
		!now.Before(t.notBefore.Add(-clockLeeway)) && now.Before(t.expires.Add(clockLeeway))
}

func invalid(cause error) *problem.Problem {
	return problem.New(problem.Unauthenticated, "token-invalid", "The access token is not valid.").WithCause(cause)
}

func (v *Verifier) check(token string) (verifiedToken, error) {
	kid, err := keyIDOf(token)
	if err != nil {
		return verifiedToken{}, err
	}
	key, err := v.keyOf(kid)
	if err != nil {
		return verifiedToken{}, err
	}
	payload, err := jws.Verify([]byte(token), jws.WithCompact(), jws.WithKey(jwa.EdDSA(), key))
	if err != nil {
		return verifiedToken{}, fmt.Errorf("check the signature: %w", err)
	}
	claims, err := jwt.ParseInsecure(payload)
	if err != nil {
		return verifiedToken{}, fmt.Errorf("read the claims: %w", err)
	}
	err = jwt.Validate(claims, jwt.WithIssuer(v.issuer), jwt.WithAudience(v.audience),
		jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithAcceptableSkew(clockLeeway),
		jwt.WithClock(jwt.ClockFunc(v.now)))
	if err != nil {
		return verifiedToken{}, err
	}
	found := verifiedToken{kid: kid, key: key}
	found.expires, _ = claims.Expiration()
	found.notBefore, _ = claims.NotBefore()
	if found.principal, err = principalOf(claims); err != nil {
		return verifiedToken{}, err
	}
	return found, nil
}

// keyIDOf reads the protected header of a token that is not verified yet. It
// accepts just the header that Signer writes: with nothing else allowed in it,
// there is no algorithm to choose, no key to bring along and no extension that
// would have to be understood.
func keyIDOf(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("not in JWS compact form")
	}
	for _, part := range parts {
		// encoding/base64 skips line breaks, and one token has one text.
		if strings.ContainsAny(part, "\r\n") {
			return "", errors.New("not in base64url")
		}
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return "", errors.New("not in base64url")
		}
	}
	header, err := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	if err != nil {
		return "", errors.New("not in base64url")
	}
	var members map[string]string
	if err := json.Unmarshal(header, &members); err != nil {
		return "", errors.New("the header is not an object of strings")
	}
	kid := members[jws.KeyIDKey]
	if len(members) != 3 || members[jws.AlgorithmKey] != jwa.EdDSA().String() ||
		members[jws.TypeKey] != tokenType || kid == "" {
		return "", errors.New("the header is not that of an access token")
	}
	return kid, nil
}

func principalOf(claims jwt.Token) (Principal, error) {
	var p Principal
	for claim, to := range map[string]*uuid.UUID{
		jwt.SubjectKey: &p.AccountID, organisationClaim: &p.OrganisationID, sessionClaim: &p.SessionID,
	} {
		var text string
		if err := claims.Get(claim, &text); err != nil {
			return Principal{}, fmt.Errorf("read the claim %s: %w", claim, err)
		}
		id, err := uuid.Parse(text)
		if err != nil {
			return Principal{}, fmt.Errorf("read the claim %s: %w", claim, err)
		}
		*to = id
	}
	if p.AccountID == uuid.Nil {
		return Principal{}, errors.New("the token names no account")
	}
	var roles []any
	if err := claims.Get(rolesClaim, &roles); err != nil {
		return Principal{}, fmt.Errorf("read the claim %s: %w", rolesClaim, err)
	}
	if len(roles) > maxRoles {
		return Principal{}, fmt.Errorf("the token names %d roles", len(roles))
	}
	for _, r := range roles {
		name, ok := r.(string)
		if !ok {
			return Principal{}, fmt.Errorf("read the claim %s: not a list of names", rolesClaim)
		}
		// A newer issuer may know roles that mean nothing here yet.
		if _, known := grants[Role(name)]; known {
			p.Roles = append(p.Roles, Role(name))
		}
	}
	return p, nil
}
