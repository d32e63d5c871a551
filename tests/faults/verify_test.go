package faults

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/migrations"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// verify looks at everything after the faults, when the learners have ended, and
// compares it with what they were told.
func (l *load) verify(platform *platformtest.Platform) {
	t := l.t
	t.Helper()
	for _, who := range l.learners {
		who.moveTo(platform)
	}
	db := platform.AdminPool(t)
	l.verifyRecords()
	platformtest.Drained(t, db)
	verifyBus(t, db)
	l.verifyEffects(db)
	l.verifyAnalytics(platform)
}

// verifyRecords asks the API for what it has acknowledged.
func (l *load) verifyRecords() {
	t := l.t
	started, saves, submitted, superseded, lost := 0, 0, 0, 0, 0
	for _, who := range l.learners {
		client := who.client.Load()
		var mine struct {
			Items []struct {
				EnrolmentID string `json:"enrolment_id"`
			}
		}
		client.Get(t, "/v1/enrolments", &mine)
		if assert.Len(t, mine.Items, 1, "enrolments of %s", who.email) {
			assert.Equal(t, who.enrolled, mine.Items[0].EnrolmentID)
		}
		var known []string
		for _, a := range who.attempts {
			known = append(known, a.id)
			started++
			require.True(t, a.submitted, "the learners end by handing in")
			submitted++
			saves += a.saves
			graded := client.AwaitGrade(t, a.id)
			there := map[string]platformtest.SavedResponse{}
			for _, r := range graded.Responses {
				there[r.ItemID] = r
			}
			for item, acknowledged := range a.saved {
				found, ok := there[item]
				switch {
				case !ok:
					lost++
					t.Errorf("LOST: attempt %s has no response to item %s, acknowledged was %+v", a.id, item, acknowledged)
				case found.Sequence > acknowledged.Sequence:
					superseded++
				case !assert.Equal(t, acknowledged, found, "LOST: attempt %s has an older response", a.id):
					lost++
				}
			}
		}
		// No attempt has come to be twice.
		assert.ElementsMatch(t, known, attemptsOf(t, client), "attempts of %s", who.email)
	}
	t.Logf("acknowledged: %d enrolments, %d starts, %d saves, %d submissions; saves lost: %d; superseded by a save whose acknowledgement was lost: %d",
		len(l.learners), started, saves, submitted, lost, superseded)
}

func attemptsOf(t *testing.T, client *platformtest.Client) []string {
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

// verifyBus looks for gaps, doubles and events that were given up.
func verifyBus(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	events, doubled, holes, letters := 0, 0, 0, 0
	for _, m := range migrations.Modules() {
		var in, distinct, gaps, dead int
		require.NoError(t, db.QueryRow(t.Context(), fmt.Sprintf(`
			select (select count(*) from %[1]s.event_log), (select count(distinct event_id) from %[1]s.event_log),
				(select count(*) from %[1]s.event_heads h left join
					(select partition, count(*) as n, count(distinct seq) as seqs, min(seq) as first, max(seq) as last from %[1]s.event_log group by partition) e
					using (partition)
					where h.seq <> coalesce(e.n, 0) or h.seq <> coalesce(e.seqs, 0) or h.seq <> coalesce(e.last, 0) or coalesce(e.first, 1) <> 1),
				(select count(*) from %[1]s.dead_letters)`, m)).Scan(&in, &distinct, &gaps, &dead))
		assert.Equal(t, in, distinct, "DOUBLED: events of %s", m)
		assert.Zero(t, gaps, "partitions of %s whose numbers are not 1, 2, 3, ... up to their head", m)
		assert.Zero(t, dead, "dead letters of %s", m)
		events, doubled, holes, letters = events+in, doubled+in-distinct, holes+gaps, letters+dead
	}
	t.Logf("events: %d in the logs, doubled: %d; partitions with a gap: %d; dead letters: %d", events, doubled, holes, letters)
}

// verifyEffects: what an attempt and an enrolment lead to, has happened once.
func (l *load) verifyEffects(db *pgxpool.Pool) {
	t := l.t
	attempts, items, accounts := []string{}, 0, []string{}
	for _, who := range l.learners {
		accounts = append(accounts, who.account)
		for _, a := range who.attempts {
			attempts = append(attempts, a.id)
			items += len(a.items)
		}
	}
	count := func(sql string, args ...any) (n int) {
		t.Helper()
		require.NoError(t, db.QueryRow(t.Context(), sql, args...).Scan(&n))
		return n
	}
	for _, kind := range []string{"attempt-started", "attempt-submitted", "attempt-graded"} {
		rows, err := db.Query(t.Context(), `
			select event_key::text, count(*) from assessment.event_log where event_type = $1 and event_key = any($2::uuid[]) group by 1`,
			"lyceum.assessment."+kind+".v1", attempts)
		require.NoError(t, err)
		var id string
		var n, keys int
		_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error {
			keys++
			assert.Equal(t, 1, n, "DOUBLED: %s of attempt %s", kind, id)
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, len(attempts), keys, "LOST: attempts with %s", kind)
	}
	assert.Equal(t, items, count(`select count(*) from assessment.item_scores where attempt_id = any($1::uuid[])`, attempts), "item scores")
	assert.Equal(t, len(l.learners), count(`
		select count(*) from content.event_log
		where event_type = 'lyceum.content.learner-enrolled.v1' and payload->>'learner_id' = any($1)`, accounts), "enrolment events")
	graded := count(`select count(*) from notify.notifications where kind = 'attempt_graded' and account_id = any($1::uuid[])`, accounts)
	assert.Equal(t, len(attempts), graded, "notifications of graded attempts")
	assert.Equal(t, len(attempts), count(`
		select count(distinct data->>'attempt_id') from notify.notifications where kind = 'attempt_graded' and data->>'attempt_id' = any($1)`,
		attempts), "attempts with a notification")
	assert.Equal(t, len(l.learners), count(`
		select count(*) from notify.notifications where kind = 'course_enrolled' and account_id = any($1::uuid[])`, accounts), "notifications of enrolments")
	t.Logf("effects: %d attempts handed in, %d notifications of their grades", len(attempts), graded)
}

// verifyAnalytics computes the figures from what the API says of each attempt
// and compares them with those that events have made.
func (l *load) verifyAnalytics(platform *platformtest.Platform) {
	t := l.t
	type tally struct {
		n     int64
		share *big.Rat
	}
	total := tally{share: new(big.Rat)}
	items := map[string]*tally{} // by item
	viewed := map[string]int{}   // by unit
	completed := map[string]int{}
	for _, who := range l.learners {
		client := who.client.Load()
		for _, a := range who.attempts {
			var review platformtest.Review
			client.Get(t, "/v1/attempts/"+a.id+"/review", &review)
			total.n++
			total.share.Add(total.share, share(t, review.Score, review.MaxScore))
			for _, i := range review.Items {
				if items[i.ItemID] == nil {
					items[i.ItemID] = &tally{share: new(big.Rat)}
				}
				items[i.ItemID].n++
				items[i.ItemID].share.Add(items[i.ItemID].share, share(t, i.Score, i.MaxScore))
			}
		}
		var progress struct {
			Units []struct {
				UnitID        string `json:"unit_id"`
				FirstViewedAt string `json:"first_viewed_at"`
				CompletedAt   string `json:"completed_at"`
			}
		}
		client.Get(t, "/v1/courses/"+l.course+"/progress", &progress)
		for _, u := range progress.Units {
			if u.FirstViewedAt != "" {
				viewed[u.UnitID]++
			}
			if u.CompletedAt != "" {
				completed[u.UnitID]++
			}
		}
	}
	mean := func(y tally) string { return new(big.Rat).Quo(y.share, new(big.Rat).SetInt64(y.n)).FloatString(4) }

	iris := platform.Instructor(t)
	path := "/v1/analytics/courses/" + l.course
	var overview struct {
		Enrolments     struct{ Total, Now int }
		GradedAttempts int64  `json:"graded_attempts"`
		MeanScoreShare string `json:"mean_score_share"`
	}
	iris.Get(t, path, &overview)
	assert.Equal(t, len(l.learners), overview.Enrolments.Total)
	assert.Equal(t, len(l.learners), overview.Enrolments.Now)
	assert.Equal(t, total.n, overview.GradedAttempts)
	assert.Equal(t, mean(total), overview.MeanScoreShare)

	var funnel struct {
		Units []struct {
			UnitID    string `json:"unit_id"`
			Title     string
			Viewed    int
			Completed int
		}
	}
	iris.Get(t, path+"/funnel", &funnel)
	for _, u := range funnel.Units {
		assert.Equal(t, viewed[u.UnitID], u.Viewed, "viewed: %s", u.Title)
		assert.Equal(t, completed[u.UnitID], u.Completed, "completed: %s", u.Title)
	}
	for _, set := range l.sets {
		var figures struct {
			Items []struct {
				ItemID    string `json:"item_id"`
				Responses int64
				Facility  *string
			}
		}
		iris.Get(t, path+"/assessments/"+set.AssessmentID+"/items", &figures)
		for _, i := range figures.Items {
			if want := items[i.ItemID]; want == nil {
				assert.Zero(t, i.Responses)
			} else {
				assert.Equal(t, want.n, i.Responses)
				if assert.NotNil(t, i.Facility) {
					assert.Equal(t, mean(*want), *i.Facility)
				}
			}
		}
	}
	t.Logf("analytics, computed from the attempts themselves: %d attempts with a mean share of %s, %d items, %d units",
		total.n, mean(total), len(items), len(funnel.Units))
}

func share(t *testing.T, score, most string) *big.Rat {
	t.Helper()
	s, ok := new(big.Rat).SetString(score)
	require.True(t, ok, score)
	m, ok := new(big.Rat).SetString(most)
	require.True(t, ok, most)
	return s.Quo(s, m)
}
