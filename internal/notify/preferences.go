package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// channel is a way in which a notification reaches its account.
type channel string

const (
	channelInbox channel = "inbox"
	channelMail  channel = "mail"
)

// channels are all channels in the order in which preferences show them.
func channels() []channel { return []channel{channelInbox, channelMail} }

// preference says whether notifications of a kind take a channel. Until an
// account says otherwise they do.
type preference struct {
	Kind    kind
	Channel channel
	Enabled bool
}

// preferences is the whole table, a row for each kind and channel, in order.
type preferences []preference

func defaultPreferences() preferences {
	var all preferences
	for _, k := range kinds() {
		for _, c := range channels() {
			all = append(all, preference{k, c, true})
		}
	}
	return all
}

// set changes one row and reports whether there is such a row.
func (p preferences) set(changed preference) bool {
	i := slices.IndexFunc(p, func(row preference) bool { return row.Kind == changed.Kind && row.Channel == changed.Channel })
	if i >= 0 {
		p[i].Enabled = changed.Enabled
	}
	return i >= 0
}

// tag is the entity tag of the table.
func (p preferences) tag() string {
	sum := sha256.Sum256(fmt.Append(nil, p))
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

// chosen makes the table that has the given rows and defaults for the rest.
func chosen(rows []preference) (preferences, error) {
	table := defaultPreferences()
	seen := map[preference]bool{}
	for i, row := range rows {
		if !table.set(row) {
			return nil, problem.InvalidField(fmt.Sprintf("body.items[%d]", i), "there is no kind %q with a channel %q", row.Kind, row.Channel)
		}
		key := preference{Kind: row.Kind, Channel: row.Channel}
		if seen[key] {
			return nil, problem.InvalidField(fmt.Sprintf("body.items[%d]", i), "the kind and channel appear twice")
		}
		seen[key] = true
	}
	return table, nil
}

func loadPreferences(ctx context.Context, q querier, account uuid.UUID) (preferences, error) {
	stored, err := collect[preference](ctx, q, `select kind, channel, enabled from notify.preferences where account_id = $1`, account)
	if err != nil {
		return nil, fmt.Errorf("load the preferences of account %s: %w", account, err)
	}
	table := defaultPreferences()
	for _, row := range stored {
		table.set(row) // a kind that only another release knows is not shown
	}
	return table, nil
}

// replacePreferences stores the whole table, if it is still the one that the
// caller has seen: ifMatch is empty or one of the tags it may have now.
func (m *Module) replacePreferences(ctx context.Context, caller auth.Principal, ifMatch []string, rows []preference) (preferences, error) {
	table, err := chosen(rows)
	if err != nil {
		return nil, err
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockAccount(ctx, tx, caller.AccountID); err != nil {
			return err
		}
		var erased bool
		err := tx.QueryRow(ctx, `select exists (select from notify.erased_accounts where account_id = $1)`, caller.AccountID).Scan(&erased)
		if err != nil {
			return fmt.Errorf("look up account %s: %w", caller.AccountID, err)
		}
		if erased { // its last access token may still be good
			return problem.New(problem.Gone, "account-erased", "This account has been erased.")
		}
		current, err := loadPreferences(ctx, tx, caller.AccountID)
		if err != nil {
			return err
		}
		if len(ifMatch) > 0 && !slices.Contains(ifMatch, current.tag()) && !slices.Contains(ifMatch, "*") {
			return problem.New(problem.Precondition, "changed-meanwhile", "The preferences have changed since you read them.")
		}
		batch := &pgx.Batch{}
		for _, row := range table {
			batch.Queue(`
				insert into notify.preferences (account_id, kind, channel, enabled) values ($1, $2, $3, $4)
				on conflict (account_id, kind, channel) do update set enabled = excluded.enabled`,
				caller.AccountID, string(row.Kind), string(row.Channel), row.Enabled)
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("store the preferences of account %s: %w", caller.AccountID, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return table, nil
}
