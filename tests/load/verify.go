package load

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/migrations"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// Site is where one looks in the end.
type Site struct {
	// URL is the base URL of the API.
	URL func() string
	// Database is where a module keeps its schema, as its administrator.
	Database func(module string) *pgxpool.Pool
}

// SiteOf is the site of one platform with one database.
func SiteOf(t testing.TB, p *platformtest.Platform) Site {
	t.Helper()
	db := p.AdminPool(t)
	return Site{URL: p.URL, Database: func(string) *pgxpool.Pool { return db }}
}

// Verdict is what was found in the end. All that is wrong has failed the test,
// too.
type Verdict struct {
	Enrolments, Starts, Saves, Submissions int // acknowledged

	Lost       int // acknowledged, or following from it, and not there
	Superseded int // replaced by a later save whose acknowledgement was lost
	Doubled    int // there, or in effect, more often than once

	Events      int // in the logs of all modules
	Gaps        int // partitions whose numbers are not 1, 2, 3, ... up to their head
	DeadLetters int
}

// Acknowledged counts what the learners were told is done.
func (v Verdict) Acknowledged() int { return v.Enrolments + v.Starts + v.Saves + v.Submissions }

// String is a line for the test's log.
func (v Verdict) String() string {
	return fmt.Sprintf("acknowledged: %d (%d enrolments, %d starts, %d saves, %d submissions); lost: %d; superseded by a save whose "+
		"acknowledgement was lost: %d; doubled: %d; events: %d; partitions with a gap: %d; dead letters: %d",
		v.Acknowledged(), v.Enrolments, v.Starts, v.Saves, v.Submissions, v.Lost, v.Superseded, v.Doubled, v.Events, v.Gaps, v.DeadLetters)
}

// verification is one look at everything.
type verification struct {
	*Load
	site Site
	Verdict
}

// Verify looks at everything after the load has ended, once all events have
// arrived, and compares it with what the learners were told. It logs what it
// finds.
func (l *Load) Verify(site Site) Verdict {
	t := l.t
	t.Helper()
	require.True(t, l.ended(), "the load has ended")
	for _, who := range l.Learners {
		who.MoveTo(site.URL)
		response, err := who.signIn(t.Context())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.Status, "%s signs in: %s", who.email, response.Body)
	}
	v := &verification{Load: l, site: site}
	v.records()
	platformtest.DrainedAcross(t, site.Database)
	v.bus()
	v.effects()
	v.analytics()
	t.Log(v.Verdict)
	return v.Verdict
}

// expect compares two counts: what is missing is lost, what is there beyond is
// doubled.
func (v *verification) expect(want, got int, what string, args ...any) {
	if want == got {
		return
	}
	word := "LOST"
	if got > want {
		word = "DOUBLED"
	}
	v.Lost += max(want-got, 0)
	v.Doubled += max(got-want, 0)
	v.t.Errorf("%s: %s: there are %d instead of %d", word, fmt.Sprintf(what, args...), got, want)
}

// records asks the API for what it has acknowledged.
func (v *verification) records() {
	for _, who := range v.Learners {
		v.enrolment(who)
		there := map[string]int{}
		for _, id := range attemptsOf(v.t, who.Client()) {
			there[id]++
		}
		for _, a := range who.attempts {
			v.expect(1, there[a.ID], "attempt %s of %s", a.ID, who.email)
			delete(there, a.ID)
			v.attempt(who, a)
		}
		// No attempt has come to be twice.
		v.expect(0, len(there), "attempts that %s has not been told of: %v", who.email, there)
	}
}

func (v *verification) enrolment(who *Learner) {
	v.Enrolments++
	var mine struct {
		Items []struct {
			EnrolmentID string `json:"enrolment_id"`
		}
	}
	who.Client().Get(v.t, "/v1/enrolments", &mine)
	v.expect(1, len(mine.Items), "enrolments of %s", who.email)
	for _, e := range mine.Items {
		assert.Equal(v.t, who.enrolled, e.EnrolmentID, "the enrolment of %s", who.email)
	}
}

func (v *verification) attempt(who *Learner, a *Attempt) {
	require.True(v.t, a.submitted, "the learners end by handing in")
	v.Starts++
	v.Submissions++
	v.Saves += a.saves
	there := map[string]platformtest.SavedResponse{}
	for _, r := range who.Client().AwaitGrade(v.t, a.ID).Responses {
		there[r.ItemID] = r
	}
	for item, acknowledged := range a.saved {
		found, ok := there[item]
		switch {
		case !ok:
			v.Lost++
			v.t.Errorf("LOST: attempt %s has no response to item %s, acknowledged was %+v", a.ID, item, acknowledged)
		case found.Sequence > acknowledged.Sequence:
			v.Superseded++
		case !assert.Equal(v.t, acknowledged, found, "LOST: attempt %s has an older response", a.ID):
			v.Lost++
		}
	}
}

func attemptsOf(t testing.TB, client *platformtest.Client) []string {
	t.Helper()
	var ids []string
	for path := "/v1/attempts?limit=200"; path != ""; {
		var page struct {
			Items      []platformtest.Attempt
			NextCursor string `json:"next_cursor"`
		}
		client.Get(t, path, &page)
		for _, a := range page.Items {
			ids = append(ids, a.AttemptID)
		}
		path = ""
		if page.NextCursor != "" {
			path = "/v1/attempts?limit=200&cursor=" + page.NextCursor
		}
	}
	return ids
}

// bus looks for gaps, doubles and events that were given up.
func (v *verification) bus() {
	for _, m := range migrations.Modules() {
		var in, distinct, gaps, dead int
		require.NoError(v.t, v.site.Database(m).QueryRow(v.t.Context(), fmt.Sprintf(`
			select (select count(*) from %[1]s.event_log), (select count(distinct event_id) from %[1]s.event_log),
				(select count(*) from %[1]s.event_heads h left join
					(select partition, count(*) as n, count(distinct seq) as seqs, min(seq) as first, max(seq) as last from %[1]s.event_log group by partition) e
					using (partition)
					where h.seq <> coalesce(e.n, 0) or h.seq <> coalesce(e.seqs, 0) or h.seq <> coalesce(e.last, 0) or coalesce(e.first, 1) <> 1),
				(select count(*) from %[1]s.dead_letters)`, m)).Scan(&in, &distinct, &gaps, &dead))
		v.expect(distinct, in, "events of %s", m)
		assert.Zero(v.t, gaps, "partitions of %s whose numbers are not 1, 2, 3, ... up to their head", m)
		assert.Zero(v.t, dead, "dead letters of %s", m)
		v.Events, v.Gaps, v.DeadLetters = v.Events+in, v.Gaps+gaps, v.DeadLetters+dead
	}
}

// effects: what an attempt and an enrolment lead to, has happened once.
func (v *verification) effects() {
	attempts, items, accounts := []string{}, 0, []string{}
	for _, who := range v.Learners {
		accounts = append(accounts, who.account)
		for _, a := range who.attempts {
			attempts = append(attempts, a.ID)
			items += len(a.items)
		}
	}
	for _, kind := range []string{"attempt-started", "attempt-submitted", "attempt-graded"} {
		v.eventsOf(attempts, "lyceum.assessment."+kind+".v1")
	}
	v.expect(items, v.count("assessment", `select count(*) from assessment.item_scores where attempt_id = any($1::uuid[])`, attempts),
		"item scores")
	v.expect(len(accounts), v.count("content", `
		select count(*) from content.event_log
		where event_type = 'lyceum.content.learner-enrolled.v1' and payload->>'learner_id' = any($1)`, accounts), "enrolment events")
	v.expect(len(attempts), v.count("notify", `
		select count(*) from notify.notifications where kind = 'attempt_graded' and account_id = any($1::uuid[])`, accounts),
		"notifications of graded attempts")
	v.expect(len(attempts), v.count("notify", `
		select count(distinct data->>'attempt_id') from notify.notifications where kind = 'attempt_graded' and data->>'attempt_id' = any($1)`,
		attempts), "attempts with a notification")
	v.expect(len(accounts), v.count("notify", `
		select count(*) from notify.notifications where kind = 'course_enrolled' and account_id = any($1::uuid[])`, accounts),
		"notifications of enrolments")
}

func (v *verification) count(module, sql string, args ...any) (n int) {
	v.t.Helper()
	require.NoError(v.t, v.site.Database(module).QueryRow(v.t.Context(), sql, args...).Scan(&n))
	return n
}

// eventsOf: each attempt has one event of the type.
func (v *verification) eventsOf(attempts []string, eventType string) {
	rows, err := v.site.Database("assessment").Query(v.t.Context(), `
		select event_key::text, count(*) from assessment.event_log where event_type = $1 and event_key = any($2::uuid[]) group by 1`,
		eventType, attempts)
	require.NoError(v.t, err)
	there := map[string]int{}
	var id string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error {
		there[id] = n
		return nil
	})
	require.NoError(v.t, err)
	for _, id := range attempts {
		v.expect(1, there[id], "%s of attempt %s", eventType, id)
	}
}
