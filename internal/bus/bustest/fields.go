package bustest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus"
)

// extended is counted as a newer release publishes it, with more fields.
type extended struct {
	counted
	Reason string   `json:"reason"`
	Parts  []detail `json:"parts"`
}

type detail struct {
	Weight int `json:"weight"`
}

// otherFields has events of one type from two releases, of which the newer has
// more fields. Each reads the other's: the older without what it does not know,
// the newer without what is not there.
func otherFields(t *testing.T, s *suite) {
	newer := bus.Define("users", "counted", 1, bus.NoPersonalData, func(e extended) uuid.UUID { return e.Aggregate })
	require.Equal(t, counting.Type(), newer.Type())
	read := make(chan extended, 10)
	b := s.replica(t, counter("notify.a"), bus.Consumer{Name: "notify.b", Purpose: "Is of the newer release.", Reactions: []bus.Reaction{
		bus.On(newer, func(_ context.Context, _ pgx.Tx, d bus.Delivery[extended]) error {
			read <- d.Payload
			return nil
		})}})
	aggregate := uuid.New()
	Emit(t, s.db, newer, extended{counted: counted{aggregate, 1}, Reason: "more", Parts: []detail{{Weight: 7}}})
	Emit(t, s.db, counting, counted{aggregate, 2})
	s.eventually(t, "notify.a", 2)
	require.Eventually(t, func() bool { return len(read) == 2 }, 30*time.Second, 5*time.Millisecond, "the newer release reads both")
	require.Equal(t, extended{counted: counted{aggregate, 1}, Reason: "more", Parts: []detail{{Weight: 7}}}, <-read)
	require.Equal(t, extended{counted: counted{aggregate, 2}}, <-read)
	letters, err := b.DeadLetters(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, letters)
}
