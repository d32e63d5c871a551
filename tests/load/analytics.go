package load

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

// tally is a number of scores and the sum of their shares.
type tally struct {
	n     int64
	share *big.Rat
}

func (y *tally) add(share *big.Rat) {
	if y.share == nil {
		y.share = new(big.Rat)
	}
	y.n++
	y.share.Add(y.share, share)
}

// mean is what the API shows of it.
func (y *tally) mean() string {
	return new(big.Rat).Quo(y.share, new(big.Rat).SetInt64(y.n)).FloatString(4)
}

// truth is what the API says of each attempt and each learner, added up.
type truth struct {
	total             tally
	items             map[string]*tally
	viewed, completed map[string]int // by unit
}

// analytics computes the figures from what the API says of each attempt and
// compares them with those that events have made.
func (v *verification) analytics() {
	t := v.t
	from := truth{items: map[string]*tally{}, viewed: map[string]int{}, completed: map[string]int{}}
	for _, who := range v.Learners {
		from.addAttempts(t, who)
		from.addProgress(t, who, v.course)
	}
	iris := platformtest.SignInAt(t, v.site.URL, "instructor@demo.example", platformtest.DemoPassword)
	path := "/v1/analytics/courses/" + v.course
	v.overview(iris.Client, path, from)
	funnel(t, iris.Client, path, from)
	for _, set := range v.sets {
		facility(t, iris.Client, path+"/assessments/"+set.AssessmentID+"/items", from)
	}
	t.Logf("analytics, computed from the attempts themselves: %d attempts with a mean share of %s, %d items, %d units",
		from.total.n, from.total.mean(), len(from.items), len(from.viewed))
}

func (y *truth) addAttempts(t testing.TB, who *Learner) {
	for _, a := range who.attempts {
		var review platformtest.Review
		who.Client().Get(t, "/v1/attempts/"+a.ID+"/review", &review)
		y.total.add(share(t, review.Score, review.MaxScore))
		for _, i := range review.Items {
			if y.items[i.ItemID] == nil {
				y.items[i.ItemID] = &tally{}
			}
			y.items[i.ItemID].add(share(t, i.Score, i.MaxScore))
		}
	}
}

func (y *truth) addProgress(t testing.TB, who *Learner, course string) {
	var progress struct {
		Units []struct {
			UnitID        string `json:"unit_id"`
			FirstViewedAt string `json:"first_viewed_at"`
			CompletedAt   string `json:"completed_at"`
		}
	}
	who.Client().Get(t, "/v1/courses/"+course+"/progress", &progress)
	for _, u := range progress.Units {
		if u.FirstViewedAt != "" {
			y.viewed[u.UnitID]++
		}
		if u.CompletedAt != "" {
			y.completed[u.UnitID]++
		}
	}
}

func (v *verification) overview(iris *platformtest.Client, path string, from truth) {
	var overview struct {
		Enrolments     struct{ Total, Now int }
		GradedAttempts int    `json:"graded_attempts"`
		MeanScoreShare string `json:"mean_score_share"`
	}
	iris.Get(v.t, path, &overview)
	v.expect(len(v.Learners), overview.Enrolments.Total, "enrolments in analytics")
	v.expect(len(v.Learners), overview.Enrolments.Now, "present enrolments in analytics")
	v.expect(int(from.total.n), overview.GradedAttempts, "graded attempts in analytics")
	assert.Equal(v.t, from.total.mean(), overview.MeanScoreShare)
}

func funnel(t testing.TB, iris *platformtest.Client, path string, from truth) {
	var funnel struct {
		Units []struct {
			UnitID    string `json:"unit_id"`
			Title     string
			Viewed    int
			Completed int
		}
	}
	iris.Get(t, path+"/funnel", &funnel)
	require.NotEmpty(t, funnel.Units)
	for _, u := range funnel.Units {
		assert.Equal(t, from.viewed[u.UnitID], u.Viewed, "viewed: %s", u.Title)
		assert.Equal(t, from.completed[u.UnitID], u.Completed, "completed: %s", u.Title)
	}
}

func facility(t testing.TB, iris *platformtest.Client, path string, from truth) {
	var figures struct {
		Items []struct {
			ItemID    string `json:"item_id"`
			Responses int64
			Facility  *string
		}
	}
	iris.Get(t, path, &figures)
	for _, i := range figures.Items {
		want := from.items[i.ItemID]
		if want == nil {
			assert.Zero(t, i.Responses)
			continue
		}
		assert.Equal(t, want.n, i.Responses)
		if assert.NotNil(t, i.Facility) {
			assert.Equal(t, want.mean(), *i.Facility)
		}
	}
}

func share(t testing.TB, score, most string) *big.Rat {
	t.Helper()
	s, ok := new(big.Rat).SetString(score)
	require.True(t, ok, score)
	m, ok := new(big.Rat).SetString(most)
	require.True(t, ok, most)
	return s.Quo(s, m)
}
