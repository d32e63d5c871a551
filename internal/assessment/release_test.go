package assessment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestRelease(t *testing.T) {
	t.Parallel()
	var (
		nothing  = visibility{}
		parts    = visibility{Parts: true}
		feedback = visibility{Parts: true, Feedback: true}
		all      = visibility{Parts: true, Feedback: true, Key: true}
	)
	for name, c := range map[string]struct {
		situation
		want visibility
	}{
		"never":                                  {situation{Policy: event.ReleaseNever, FullScore: true, DueAt: at(-time.Hour)}, nothing},
		"an unknown policy releases nothing":     {situation{Policy: "always"}, nothing},
		"submitted":                              {situation{Policy: event.ReleaseSubmitted, MayTryAgain: true}, all},
		"after_due, before":                      {situation{Policy: event.ReleaseAfterDue, DueAt: at(time.Nanosecond), FullScore: true}, parts},
		"after_due, at the due time":             {situation{Policy: event.ReleaseAfterDue, DueAt: at(0)}, all},
		"after_due without a due time":           {situation{Policy: event.ReleaseAfterDue}, parts},
		"last, with attempts left":               {situation{Policy: event.ReleaseLast, MayTryAgain: true}, feedback},
		"last, all right":                        {situation{Policy: event.ReleaseLast, MayTryAgain: true, FullScore: true}, all},
		"last, none left":                        {situation{Policy: event.ReleaseLast}, all},
		"last, none left but one is in progress": {situation{Policy: event.ReleaseLast, OpenAttempt: true}, feedback},
		"staff see all":                          {situation{Policy: event.ReleaseNever, Staff: true}, all},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.Now = noon
			require.Equal(t, c.want, release(c.situation))
		})
	}
}
