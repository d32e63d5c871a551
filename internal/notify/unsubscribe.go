package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/problem"
)

// linkKey signs the tokens by which a mail is unsubscribed from (RFC 8058): a
// mail program uses them without anybody being signed in, and long after.
type linkKey struct {
	key atomic.Pointer[[]byte] // nil until first needed; it never changes
}

func (k *linkKey) load(ctx context.Context, q querier) ([]byte, error) {
	if key := k.key.Load(); key != nil {
		return *key, nil
	}
	var key []byte
	if err := q.QueryRow(ctx, `select key from notify.link_key`).Scan(&key); err != nil {
		return nil, fmt.Errorf("read the key that signs links: %w", err)
	}
	k.key.Store(&key)
	return key, nil
}

const macBytes = 16

// unsubscribeToken allows one thing: to switch mails of the kind off for the
// account. It is the account, the kind and a keyed hash of both.
func unsubscribeToken(key []byte, account uuid.UUID, k kind) string {
	text := append(account[:], k...)
	return base64.RawURLEncoding.EncodeToString(append(text, macOf(key, text)...))
}

// parseUnsubscribeToken reads what unsubscribeToken has made with the key.
func parseUnsubscribeToken(key []byte, token string) (account uuid.UUID, k kind, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) <= len(account)+macBytes {
		return account, "", false
	}
	text, mac := raw[:len(raw)-macBytes], raw[len(raw)-macBytes:]
	if !hmac.Equal(mac, macOf(key, text)) {
		return account, "", false
	}
	return uuid.UUID(text[:16]), kind(text[16:]), true
}

func macOf(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("unsubscribe\x00")) // the key may come to sign other links
	h.Write(text)
	return h.Sum(nil)[:macBytes]
}

// unsubscribe switches mails off as the token says. Doing it again, or for an
// account that has been erased, changes nothing and is no error.
func (m *Module) unsubscribe(ctx context.Context, token string) error {
	key, err := m.links.load(ctx, m.db.Pool)
	if err != nil {
		return err
	}
	account, k, ok := parseUnsubscribeToken(key, token)
	if !ok || !slices.Contains(kinds(), k) {
		return problem.InvalidField("query.token", "it is not a token of one of our mails")
	}
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockAccount(ctx, tx, account); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			insert into notify.preferences (account_id, kind, channel, enabled)
			select $1, $2, 'mail', false where not exists (select from notify.erased_accounts where account_id = $1)
			on conflict (account_id, kind, channel) do update set enabled = false`, account, string(k))
		if err != nil {
			return fmt.Errorf("switch off the mails of account %s: %w", account, err)
		}
		return nil
	})
}
