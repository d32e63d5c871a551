package users

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/problem"
)

// rule bounds how often something may be tried within a window that begins with
// the first try.
type rule struct {
	name   string
	limit  int
	window time.Duration
}

var (
	// Guesses at one account's password from one place, and from everywhere.
	// The second is wide, so that a stranger cannot lock an owner out with a
	// handful of wrong passwords.
	signInFromOnePlace = rule{"sign-in-place", 10, 15 * time.Minute}
	signInFromAnywhere = rule{"sign-in", 100, 15 * time.Minute}
	// Wrong passwords from one place, whatever the addresses, which are tried one
	// after the other to stay below the rules above. It is wide, because a whole
	// school can be one place.
	wrongFromOnePlace = rule{"wrong-place", 300, 15 * time.Minute}
	// Mails that strangers can have sent to one address.
	mailToOneAddress = rule{"mail", 5, time.Hour}
	// Guesses at the password by somebody who holds an access token.
	ownPassword = rule{"own-password", 10, 15 * time.Minute}
)

// try is one use of a rule: by or against whom and, if the rule is about a
// place, from where. Both are stored as digests.
type try struct {
	rule
	key, place string
}

func (r rule) of(key string) try          { return try{r, key, ""} }
func (r rule) from(key, place string) try { return try{r, key, place} }

// throttle counts tries in the database, so that the limits hold over all
// replicas. A try is counted before its outcome is known, or a thousand guesses
// at once would all pass, and given back if it turns out not to count.
type throttle struct{ db *postgres.DB }

// take counts the tries. If one of them is beyond its limit it counts none and
// returns a problem that says when to come back.
func (t throttle) take(ctx context.Context, now time.Time, tries ...try) error {
	rules, keys, places := digests(tries)
	ends := make([]time.Time, len(tries))
	limits := map[string]int{}
	for i, try := range tries {
		ends[i], limits[try.name] = now.Add(try.window), try.limit
	}
	// Rows are taken in one order, always, so that two statements cannot wait
	// for each other.
	rows, err := t.db.Pool.Query(ctx, `
		insert into users.throttles as t (rule, key, place, count, expires_at)
		select rule, key, place, 1, expires_at
		from unnest($1::text[], $2::bytea[], $3::bytea[], $4::timestamptz[]) as asked (rule, key, place, expires_at)
		order by rule, key, place
		on conflict (rule, key, place) do update set
			count = case when t.expires_at <= $5 then 1 else t.count + 1 end,
			expires_at = case when t.expires_at <= $5 then excluded.expires_at else t.expires_at end
		returning rule, count, expires_at`, rules, keys, places, ends, now)
	if err != nil {
		return fmt.Errorf("count a try: %w", err)
	}
	var wait time.Duration
	var name string
	var count int
	var end time.Time
	_, err = pgx.ForEachRow(rows, []any{&name, &count, &end}, func() error {
		if count > limits[name] {
			wait = max(wait, end.Sub(now), time.Second)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count a try: %w", err)
	}
	if wait == 0 {
		return nil
	}
	if err := t.giveBack(ctx, tries...); err != nil {
		return err
	}
	return tooMany(wait)
}

// exceeded returns take's problem if a try is at its limit already, and counts
// nothing.
func (t throttle) exceeded(ctx context.Context, now time.Time, asked try) error {
	rules, keys, places := digests([]try{asked})
	var end time.Time
	err := t.db.Pool.QueryRow(ctx, `select expires_at from users.throttles
		where rule = $1 and key = $2 and place = $3 and count >= $4 and expires_at > $5`,
		rules[0], keys[0], places[0], asked.limit, now).Scan(&end)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up tries: %w", err)
	}
	return tooMany(end.Sub(now))
}

const tooManyAttempts = "too-many-attempts"

func tooMany(wait time.Duration) error {
	return problem.New(problem.TooMany, tooManyAttempts, "There were too many attempts. Try again later.").After(max(wait, time.Second))
}

// giveBack takes tries off the count again. It does so even if the caller of
// the request has gone.
func (t throttle) giveBack(ctx context.Context, tries ...try) error {
	rules, keys, places := digests(tries)
	_, err := t.db.Pool.Exec(context.WithoutCancel(ctx), `
		with mine as (
			select t.rule, t.key, t.place from users.throttles t
			join unnest($1::text[], $2::bytea[], $3::bytea[]) as asked (rule, key, place) using (rule, key, place)
			order by t.rule, t.key, t.place for update of t)
		update users.throttles t set count = greatest(t.count - 1, 0) from mine
		where t.rule = mine.rule and t.key = mine.key and t.place = mine.place`, rules, keys, places)
	if err != nil {
		return fmt.Errorf("give a try back: %w", err)
	}
	return nil
}

// forgetTries removes the counts, from all places, in tx.
func forgetTries(ctx context.Context, tx pgx.Tx, tries ...try) error {
	rules, keys, _ := digests(tries)
	_, err := tx.Exec(ctx, `
		with mine as (
			select t.rule, t.key, t.place from users.throttles t
			join unnest($1::text[], $2::bytea[]) as asked (rule, key) using (rule, key)
			order by t.rule, t.key, t.place for update of t)
		delete from users.throttles t using mine
		where t.rule = mine.rule and t.key = mine.key and t.place = mine.place`, rules, keys)
	if err != nil {
		return fmt.Errorf("forget tries: %w", err)
	}
	return nil
}

func digests(tries []try) (rules []string, keys, places [][]byte) {
	for _, try := range tries {
		key := sha256.Sum256([]byte(try.key))
		place := []byte{}
		if try.place != "" {
			sum := sha256.Sum256([]byte(try.place))
			place = sum[:]
		}
		rules, keys, places = append(rules, try.name), append(keys, key[:]), append(places, place)
	}
	return rules, keys, places
}
