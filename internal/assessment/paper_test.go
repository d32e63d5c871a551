package assessment

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

func TestADraftCountsOnlyWhatCanBeAnswered(t *testing.T) {
	t.Parallel()
	broken := choiceItem(newID(), "many")
	d, err := newDraft([]event.ItemV1{choiceItem(newID(), "1.5"), broken, numberItem(newID(), "2")})
	require.NoError(t, err)
	require.Equal(t, 2, d.count)
	require.Equal(t, "3.5", d.maxScore.String())
	require.Len(t, d.items, 3)
	require.Contains(t, d.items[1].fault, "weight")
}

func TestTheSameItemHasTheSameDigest(t *testing.T) {
	t.Parallel()
	it := choiceItem(newID(), "1")
	changed := it
	changed.Title = "Another"
	d, err := newDraft([]event.ItemV1{it, it, changed})
	require.NoError(t, err)
	require.Equal(t, d.items[0].digest, d.items[1].digest)
	require.NotEqual(t, d.items[0].digest, d.items[2].digest)
}

func TestEverybodyWhoStartsAtOnceSharesAPaper(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	set := s.publish(s.problemSet())
	var readers sync.WaitGroup
	loaded := make([]*paper, 16)
	for i := range loaded {
		readers.Go(func() {
			p, err := s.module.papers.get(context.Background(), set.ProblemSetID, 1)
			if err != nil {
				t.Error(err)
			}
			loaded[i] = p
		})
	}
	readers.Wait()
	again, err := s.module.papers.get(t.Context(), set.ProblemSetID, 1)
	require.NoError(t, err)
	for _, p := range loaded {
		require.Equal(t, again.title, p.title)
	}
	_, err = s.module.papers.get(t.Context(), set.ProblemSetID, 2)
	require.Error(t, err)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	require.NoError(t, Config{}.Validate())
	require.Error(t, Config{SaveWriters: -1}.Validate())
	require.Error(t, Config{SaveBatch: 1_000_000}.Validate())
	require.Error(t, Config{SweepInterval: 1}.Validate())
	_, err := New(Config{}, Deps{})
	require.Error(t, err)
}
