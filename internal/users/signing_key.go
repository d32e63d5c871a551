package users

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// signingKey is a key pair for access tokens and the time from which it signs.
type signingKey struct {
	auth.Key
	activatesAt time.Time
}

// keySchedule says when keys follow each other.
type keySchedule struct {
	// lifetime is how long a key signs.
	lifetime time.Duration
	// notice is how long a key is published before it signs.
	notice time.Duration
	// afterlife is how long a key is published after it has been succeeded.
	afterlife time.Duration
}

// next returns when a new key must become active, given the present keys,
// newest first: at once if there is none, after notice when the newest has
// served its time.
func (s keySchedule) next(keys []signingKey, now time.Time) (time.Time, bool) {
	if len(keys) == 0 {
		return now, true
	}
	end := keys[0].activatesAt.Add(s.lifetime)
	if end.After(now.Add(s.notice)) {
		return time.Time{}, false
	}
	return now.Add(s.notice), true
}

// split parts the keys, newest first, into those to publish and those whose
// last token expired long ago.
func (s keySchedule) split(keys []signingKey, now time.Time) (publish, expired []signingKey) {
	for i, k := range keys {
		if i > 0 && keys[i-1].activatesAt.Add(s.afterlife).Before(now) {
			expired = append(expired, k)
		} else {
			publish = append(publish, k)
		}
	}
	return publish, expired
}

// current returns the key that signs: the newest that is active.
func current(keys []signingKey, now time.Time) (signingKey, bool) {
	for _, k := range keys {
		if !k.activatesAt.After(now) {
			return k, true
		}
	}
	return signingKey{}, false
}

// loadSigningKeys reads all keys, newest first.
func loadSigningKeys(ctx context.Context, q querier) ([]signingKey, error) {
	rows, err := q.Query(ctx, `select private_jwk, activates_at from users.signing_keys order by activates_at desc, key_id desc`)
	if err != nil {
		return nil, fmt.Errorf("load the signing keys: %w", err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (signingKey, error) {
		var raw []byte
		var activatesAt time.Time
		if err := row.Scan(&raw, &activatesAt); err != nil {
			return signingKey{}, err
		}
		k := signingKey{activatesAt: activatesAt}
		err := json.Unmarshal(raw, &k.Key)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("load the signing keys: %w", err)
	}
	return keys, nil
}

// rotateSigningKeys makes the first key, or the next when it is due, and
// deletes those that have expired. Replicas take turns, so one key is made
// however many of them start at once. It returns the keys to publish, newest
// first.
func rotateSigningKeys(ctx context.Context, tx pgx.Tx, s keySchedule, now time.Time) ([]signingKey, error) {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('users.signing_keys'), 0)`); err != nil {
		return nil, fmt.Errorf("lock the signing keys: %w", err)
	}
	keys, err := loadSigningKeys(ctx, tx)
	if err != nil {
		return nil, err
	}
	if activatesAt, due := s.next(keys, now); due {
		k, err := insertSigningKey(ctx, tx, now, activatesAt)
		if err != nil {
			return nil, err
		}
		keys = append([]signingKey{k}, keys...)
	}
	publish, expired := s.split(keys, now)
	for _, k := range expired {
		if _, err := tx.Exec(ctx, `delete from users.signing_keys where key_id = $1`, k.ID()); err != nil {
			return nil, fmt.Errorf("delete signing key %s: %w", k.ID(), err)
		}
	}
	return publish, nil
}

func insertSigningKey(ctx context.Context, tx pgx.Tx, now, activatesAt time.Time) (signingKey, error) {
	key, err := auth.NewKey()
	if err != nil {
		return signingKey{}, err
	}
	raw, err := json.Marshal(key)
	if err != nil {
		return signingKey{}, fmt.Errorf("write signing key %s: %w", key.ID(), err)
	}
	_, err = tx.Exec(ctx, `insert into users.signing_keys (key_id, private_jwk, created_at, activates_at) values ($1, $2, $3, $4)`,
		key.ID(), raw, now, activatesAt)
	if err != nil {
		return signingKey{}, fmt.Errorf("store signing key %s: %w", key.ID(), err)
	}
	return signingKey{key, activatesAt}, nil
}
