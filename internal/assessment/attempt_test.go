package assessment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/problem"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) *time.Time {
	t := noon.Add(d)
	return &t
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit time.Duration
		due   *time.Time
		want  *time.Time
	}{
		"neither limit nor due time":   {0, nil, nil},
		"a limit alone":                {time.Hour, nil, at(time.Hour)},
		"a due time alone":             {0, at(2 * time.Hour), at(2 * time.Hour)},
		"the limit ends first":         {time.Hour, at(2 * time.Hour), at(time.Hour)},
		"the due time cuts the limit":  {3 * time.Hour, at(2 * time.Hour), at(2 * time.Hour)},
		"both end together":            {2 * time.Hour, at(2 * time.Hour), at(2 * time.Hour)},
		"a due time that is long gone": {time.Hour, at(-time.Hour), at(-time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, deadline(noon, c.limit, c.due))
		})
	}
}

func TestDeadlineDoesNotShareItsArgument(t *testing.T) {
	t.Parallel()
	due := noon
	end := deadline(noon.Add(-time.Hour), 0, &due)
	due = noon.Add(time.Hour)
	require.Equal(t, noon, *end)
}

func TestCanStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy policy
		used   int
		reason string // empty: yes
	}{
		"nothing forbids it":             {policy{}, 99, ""},
		"the last attempt":               {policy{MaxAttempts: 2}, 1, ""},
		"all attempts used":              {policy{MaxAttempts: 2}, 2, "no-attempts-left"},
		"more used than now allowed":     {policy{MaxAttempts: 2}, 5, "no-attempts-left"},
		"before it opens":                {policy{OpensAt: at(time.Nanosecond)}, 0, "not-open-yet"},
		"the moment it opens":            {policy{OpensAt: at(0)}, 0, ""},
		"just before it is due":          {policy{DueAt: at(time.Nanosecond)}, 0, ""},
		"the moment it is due":           {policy{DueAt: at(0)}, 0, "assessment-closed"},
		"withdrawn, whatever else holds": {policy{Withdrawn: true, DueAt: at(-1), MaxAttempts: 1}, 1, "assessment-withdrawn"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusal := c.policy.canStart(c.used, noon)
			if c.reason == "" {
				require.Nil(t, refusal)
				return
			}
			require.NotNil(t, refusal)
			require.Equal(t, problem.Conflict, refusal.Code)
			require.Equal(t, c.reason, refusal.Reason)
		})
	}
}

func TestMayTryAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy policy
		used   int
		want   bool
	}{
		"without a limit":         {policy{}, 99, true},
		"attempts are left":       {policy{MaxAttempts: 3}, 2, true},
		"no attempt is left":      {policy{MaxAttempts: 3}, 3, false},
		"it is closed":            {policy{DueAt: at(0)}, 0, false},
		"it is withdrawn":         {policy{Withdrawn: true}, 0, false},
		"it has yet to open":      {policy{OpensAt: at(time.Hour)}, 0, true},
		"it is due in a moment":   {policy{DueAt: at(time.Second), MaxAttempts: 2}, 1, true},
		"closed and none is left": {policy{DueAt: at(-time.Second), MaxAttempts: 1}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, c.policy.mayTryAgain(c.used, noon))
		})
	}
}
