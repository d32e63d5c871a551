package users

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	// keyNotice is how long a key is published before it signs: every verifier
	// has read the key set again by then.
	keyNotice = 15 * time.Minute
	// keyMargin is how much longer than its last token a key is published.
	keyMargin = 15 * time.Minute
)

// keyring holds the keys that were last read and hands them to the process's
// verifier.
type keyring struct {
	schedule keySchedule
	issuer   string
	audience string
	lifetime time.Duration // of access tokens
	verifier *auth.Verifier
	state    atomic.Pointer[keyState]
}

type keyState struct {
	keys   []signingKey // newest first
	public jwk.Set      // the same
}

func newKeyring(cfg Config, verifier *auth.Verifier) *keyring {
	r := &keyring{
		schedule: keySchedule{cfg.SigningKeyLifetime, keyNotice, cfg.AccessTokenLifetime + keyMargin},
		issuer:   cfg.Issuer, audience: cfg.Audience, lifetime: cfg.AccessTokenLifetime, verifier: verifier,
	}
	r.state.Store(&keyState{public: jwk.NewSet()})
	return r
}

// refreshKeys reads the keys again, rotating them if it is time.
func (m *Module) refreshKeys(ctx context.Context) error {
	var keys []signingKey
	err := m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		keys, err = rotateSigningKeys(ctx, tx, m.keys.schedule, m.now())
		return err
	})
	if err != nil {
		return err
	}
	return m.keys.set(keys)
}

// set takes over the keys that were read, if they have changed.
func (r *keyring) set(keys []signingKey) error {
	if slices.EqualFunc(keys, r.present(), func(a, b signingKey) bool { return a.ID() == b.ID() }) {
		return nil
	}
	all := make([]auth.Key, len(keys))
	for i, k := range keys {
		all[i] = k.Key
	}
	public, err := auth.PublicSet(all...)
	if err != nil {
		return err
	}
	r.verifier.SetKeys(public)
	r.state.Store(&keyState{keys, public})
	return nil
}

func (r *keyring) present() []signingKey { return r.state.Load().keys }

// public is the key set to publish.
func (r *keyring) public() jwk.Set { return r.state.Load().public }

// signer is the key that signs now.
func (r *keyring) signer(now time.Time) (signingKey, error) {
	k, ok := current(r.present(), now)
	if !ok {
		return signingKey{}, problem.New(problem.Unavailable, "no-signing-key", "Signing in is not possible yet.").After(time.Second)
	}
	return k, nil
}

// sign makes an access token and says for how long it is good.
func (r *keyring) sign(p auth.Principal, now time.Time) (string, time.Duration, error) {
	k, err := r.signer(now)
	if err != nil {
		return "", 0, err
	}
	token, expires, err := auth.NewSigner(k.Key, r.issuer, r.audience, r.lifetime).Sign(p, now)
	if err != nil {
		return "", 0, err
	}
	return token, expires.Sub(now), nil
}
