package hostile

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestForgedTokens: nobody gets in by a token that the platform has not signed
// for this use and this time.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	learner := platform.Learner(t)
	parts := strings.Split(learner.AccessToken, ".")
	require.Len(t, parts, 3)
	header, payload, signature := decode(t, parts[0]), decode(t, parts[1]), parts[2]
	var key struct {
		Keys []struct {
			Kid string
			X   string
		}
	}
	learner.Get(t, "/v1/auth/keys", &key)
	require.Len(t, key.Keys, 1)
	public := key.Keys[0].X

	change := func(object map[string]any, name string, value any) string {
		changed := map[string]any{}
		for k, v := range object {
			changed[k] = v
		}
		changed[name] = value
		text, err := json.Marshal(changed)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	hs256 := func(head string) string {
		mac := hmac.New(sha256.New, []byte(public))
		mac.Write([]byte(head + "." + parts[1]))
		return head + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	strangersKey, err := auth.NewKey()
	require.NoError(t, err)
	strangers, _, err := auth.NewSigner(strangersKey, "lyceum", "lyceum", time.Hour).Sign(principalOf(t, learner), time.Now())
	require.NoError(t, err)
	_, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	wrongKeyRightKid := parts[0] + "." + parts[1] + "." +
		base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(parts[0]+"."+parts[1])))

	for name, token := range map[string]string{
		"no signature":                         parts[0] + "." + parts[1] + ".",
		"the algorithm none":                   change(header, "alg", "none") + "." + parts[1] + ".",
		"HS256 with the public key as secret":  hs256(change(header, "alg", "HS256")),
		"another role in a signed token":       parts[0] + "." + change(payload, "roles", []string{"platform_admin"}) + "." + signature,
		"another organisation":                 parts[0] + "." + change(payload, "org", uuid.NewString()) + "." + signature,
		"a later end":                          parts[0] + "." + change(payload, "exp", time.Now().Add(24*time.Hour).Unix()) + "." + signature,
		"another type of token":                change(header, "typ", "JWT") + "." + parts[1] + "." + signature,
		"a key of somebody's own":              strangers,
		"a key of somebody's own, with our id": wrongKeyRightKid,
		"half a token":                         learner.AccessToken[:len(learner.AccessToken)/2],
		"a token of a megabyte":                strings.Repeat("a", 20<<10),
		"a refresh token":                      learner.RefreshToken,
		"expired, ours":                        signedByUs(t, platform, principalOf(t, learner), time.Now().Add(-2*time.Hour), time.Hour),
		"not valid yet, ours":                  signedByUs(t, platform, principalOf(t, learner), time.Now().Add(time.Hour), time.Hour),
	} {
		problem := learner.WithToken(token).Refused(t, http.StatusUnauthorized, "GET", "/v1/me", nil)
		require.NotContains(t, problem.Detail, "eyJ", "%s: the token is quoted", name)
	}
	// The same way of signing makes a good one, or the last two would prove nothing.
	learner.WithToken(signedByUs(t, platform, principalOf(t, learner), time.Now(), time.Hour)).Get(t, "/v1/me", nil)
}

func decode(t *testing.T, part string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(text, &object))
	return object
}

func principalOf(t *testing.T, p *platformtest.Person) auth.Principal {
	t.Helper()
	return auth.Principal{
		AccountID: uuid.MustParse(p.Account.AccountID), OrganisationID: uuid.MustParse(p.Account.OrganisationID),
		SessionID: uuid.New(), Roles: []auth.Role{auth.Learner},
	}
}

// signedByUs signs with the platform's own key, taken from its database.
func signedByUs(t *testing.T, platform *platformtest.Platform, p auth.Principal, at time.Time, ttl time.Duration) string {
	t.Helper()
	var private []byte
	err := platform.AdminPool(t).QueryRow(t.Context(), `select private_jwk from users.signing_keys order by activates_at desc limit 1`).Scan(&private)
	require.NoError(t, err)
	var key auth.Key
	require.NoError(t, json.Unmarshal(private, &key))
	token, _, err := auth.NewSigner(key, "lyceum", "lyceum", ttl).Sign(p, at)
	require.NoError(t, err)
	return token
}

// TestAReplayedRefreshTokenEndsTheSession: whoever comes second with a token
// proves that it was stolen, so nobody keeps the session.
func TestAReplayedRefreshTokenEndsTheSession(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	learner := platform.Learner(t)
	stolen := map[string]string{"refresh_token": learner.RefreshToken}
	learner.Refresh(t)
	current := map[string]string{"refresh_token": learner.RefreshToken}

	// The grace for a client whose answer was lost, if there is one, is over.
	_, err := platform.AdminPool(t).Exec(t.Context(), `update users.refresh_tokens set rotated_at = rotated_at - interval '1 hour' where rotated_at is not null`)
	require.NoError(t, err)
	platform.Stranger().Refused(t, http.StatusUnauthorized, "POST", "/v1/auth/refresh", stolen)
	platform.Stranger().Refused(t, http.StatusUnauthorized, "POST", "/v1/auth/refresh", current)
	platform.SignIn(t, learner.Email, platformtest.DemoPassword) // the password still opens a new one
}
