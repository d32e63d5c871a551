package users

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

func TestKeySchedule(t *testing.T) {
	t.Parallel()
	s := keySchedule{lifetime: 90 * time.Hour, notice: time.Hour, afterlife: 2 * time.Hour}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(h float64) time.Time { return start.Add(time.Duration(h * float64(time.Hour))) }

	key := func(at time.Time) signingKey {
		k, err := auth.NewKey()
		require.NoError(t, err)
		return signingKey{k, at}
	}

	first, due := s.next(nil, at(0))
	require.True(t, due)
	require.Equal(t, at(0), first, "without a key there is nothing to give notice of")
	keys := []signingKey{key(first)}
	_, due = s.next(keys, at(88.9))
	require.False(t, due)
	second, due := s.next(keys, at(89))
	require.True(t, due)
	require.Equal(t, at(90), second)
	keys = append([]signingKey{key(second)}, keys...)
	_, due = s.next(keys, at(89.5))
	require.False(t, due, "one successor is enough")

	for h, want := range map[float64]int{0: 1, 89.9: 1, 90: 0, 200: 0} {
		k, ok := current(keys, at(h))
		require.True(t, ok)
		require.Equal(t, keys[want].ID(), k.ID(), "at %v h", h)
	}
	_, ok := current(keys, at(-1))
	require.False(t, ok)

	publish, expired := s.split(keys, at(92))
	require.Len(t, publish, 2, "its last token is still alive")
	require.Empty(t, expired)
	publish, expired = s.split(keys, at(92.1))
	require.Len(t, publish, 1)
	require.Equal(t, keys[1:], expired)
}

// However many replicas start at once, there is one key.
func TestReplicasAgreeOnTheKeys(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t).DB(t, "users")
	s := keySchedule{lifetime: 90 * 24 * time.Hour, notice: time.Hour, afterlife: time.Hour}
	now := time.Now().UTC().Truncate(time.Microsecond)
	rotate := func(at time.Time) []string {
		var mu sync.Mutex
		var wg sync.WaitGroup
		var seen [][]signingKey
		for range 8 {
			wg.Go(func() {
				err := db.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
					keys, err := rotateSigningKeys(ctx, tx, s, at)
					mu.Lock()
					defer mu.Unlock()
					seen = append(seen, keys)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Len(t, seen, 8)
		var ids []string
		for _, k := range seen[0] {
			ids = append(ids, k.ID())
		}
		for _, keys := range seen {
			require.Len(t, keys, len(ids))
			for i := range keys {
				require.Equal(t, ids[i], keys[i].ID())
			}
		}
		return ids
	}
	first := rotate(now)
	require.Len(t, first, 1)
	require.Equal(t, first, rotate(now.Add(89*24*time.Hour)))
	both := rotate(now.Add(90 * 24 * time.Hour))
	require.Len(t, both, 2)
	require.Equal(t, first[0], both[1])
	require.Equal(t, both[:1], rotate(now.Add(91*24*time.Hour)), "the old key is gone when its last token has expired")
}

// A key signs only when every verifier has had the time to learn of it, and the
// tokens of its predecessor are good to their end.
func TestTokensSurviveTheRotation(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	kids := func() []any {
		var ids []any
		for _, k := range f.get("/v1/auth/keys", "").is(http.StatusOK).list("keys") {
			require.Equal(t, "Ed25519", k["crv"])
			require.NotContains(t, k, "d", "the private half is published")
			ids = append(ids, k["kid"])
		}
		return ids
	}
	first := kids()
	require.Len(t, first, 1)
	f.clock.advance(f.m.cfg.SigningKeyLifetime - keyNotice)
	require.NoError(t, f.m.refreshKeys(t.Context()))
	both := kids()
	require.Len(t, both, 2)
	before := f.tokenOf("ada@example.org")
	require.Equal(t, first[0], kidOf(t, before), "the new key signs before its notice is over")

	f.clock.advance(keyNotice - time.Minute)
	before = f.tokenOf("ada@example.org")
	f.clock.advance(time.Minute)
	after := f.tokenOf("ada@example.org")
	require.Equal(t, both[0], kidOf(t, after))
	require.NoError(t, f.m.refreshKeys(t.Context()))
	f.get("/v1/me", before).is(http.StatusOK)
	f.get("/v1/me", after).is(http.StatusOK)

	f.clock.advance(f.m.cfg.AccessTokenLifetime + keyMargin + time.Second)
	require.NoError(t, f.m.refreshKeys(t.Context()))
	require.Equal(t, both[:1], kids())
}

// A token of one replica is good at another, and so are a session and a limit.
func TestReplicasAreOne(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.account("ada@example.org")
	g := f.signIn("ada@example.org", testPassword).is(http.StatusOK)
	for range signInFromOnePlace.limit {
		f.signIn("ada@example.org", "not the password").is(http.StatusUnauthorized)
	}
	_, f.server = f.replica()
	f.get("/v1/me", g.str("access_token")).is(http.StatusOK)
	f.refresh(g.str("refresh_token")).is(http.StatusOK)
	f.signIn("ada@example.org", testPassword).refuses(http.StatusTooManyRequests, "too-many-attempts")
}

func kidOf(t *testing.T, token string) any {
	t.Helper()
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	require.NoError(t, err)
	var header obj
	require.NoError(t, json.Unmarshal(raw, &header))
	return header["kid"]
}

func TestForgedAndExpiredAccessTokens(t *testing.T) {
	t.Parallel()
	f := setup(t)
	id := f.account("ada@example.org")
	token := f.tokenOf("ada@example.org")
	f.get("/v1/me", token).is(http.StatusOK)

	stranger, err := auth.NewKey()
	require.NoError(t, err)
	forged, _, err := auth.NewSigner(stranger, f.m.cfg.Issuer, f.m.cfg.Audience, time.Hour).Sign(auth.Principal{AccountID: id, OrganisationID: id, Roles: []auth.Role{auth.PlatformAdmin}}, f.clock.now())
	require.NoError(t, err)
	for _, bad := range []string{"x", forged, token[:len(token)-4], token + "x"} {
		f.get("/v1/me", bad).refuses(http.StatusUnauthorized, "")
	}
	f.clock.advance(f.m.cfg.AccessTokenLifetime + time.Minute)
	f.get("/v1/me", token).refuses(http.StatusUnauthorized, "")
}
