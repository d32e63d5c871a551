package load_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/load"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

func TestMain(m *testing.M) { platformtest.Main(m) }

// listener hears what a test would fail with.
type listener struct {
	testing.TB
	errors atomic.Int64
}

func (l *listener) Errorf(string, ...any) { l.errors.Add(1) }

// TestWhatIsLostOrDoubledIsFound changes the database behind the platform's back,
// and every change is found.
func TestWhatIsLostOrDoubledIsFound(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: database.URL()})
	heard := &listener{TB: t}
	l := load.New(heard, platform, load.Options{Learners: 2, Rate: 60})
	l.Begin()
	l.AwaitAnswers(20)
	early := l.Figures()
	l.AwaitAnswers(20)
	l.End()
	site := load.SiteOf(t, platform)

	figures := l.Figures()
	require.Zero(t, figures.Failed(), figures.FailuresByKind())
	require.GreaterOrEqual(t, figures.Answers, 40)
	require.Equal(t, figures.Answers, early.Answers+figures.Since(early).Answers)
	require.Equal(t, figures.Elapsed, early.Elapsed+figures.Since(early).Elapsed)
	require.Positive(t, figures.LongestPause())
	require.GreaterOrEqual(t, figures.LongestPause(), figures.Wait(0.99))
	t.Log(figures)

	sound := l.Verify(site)
	require.Zero(t, heard.errors.Load(), "nothing is wrong yet: %s", sound)
	require.Zero(t, sound.Lost+sound.Doubled)
	require.Positive(t, sound.Saves)
	require.Positive(t, sound.Events)

	change := func(sql string) {
		t.Helper()
		tag, err := database.Admin(t).Exec(t.Context(), sql)
		require.NoError(t, err)
		require.EqualValues(t, 1, tag.RowsAffected(), sql)
	}
	change(`create table public.response as select * from assessment.response_log order by saved_at desc limit 1`)
	change(`create table public.notification as select * from notify.notifications where kind = 'attempt_graded' limit 1`)
	for _, test := range []struct {
		name, change, back string
		lost, doubled      int
	}{
		{
			name: "an acknowledged save is gone",
			change: `delete from assessment.response_log l using public.response r
				where (l.attempt_id, l.item_id, l.sequence) = (r.attempt_id, r.item_id, r.sequence)`,
			back: `insert into assessment.response_log select * from public.response`,
			lost: 1,
		},
		{
			name:   "an event has had no effect",
			change: `delete from notify.notifications n using public.notification k where n.id = k.id`,
			back:   `insert into notify.notifications select * from public.notification`,
			lost:   2, // a notification, and an attempt without one
		},
		{
			name: "an event has taken effect twice",
			change: `insert into notify.notifications select (jsonb_populate_record(k, jsonb_build_object(
				'id', gen_random_uuid(), 'source_event_id', gen_random_uuid()))).* from public.notification k`,
			back: `delete from notify.notifications n using public.notification k
				where n.id <> k.id and n.data->>'attempt_id' = k.data->>'attempt_id'`,
			doubled: 1,
		},
	} {
		change(test.change)
		before := heard.errors.Load()
		found := l.Verify(site)
		require.Equal(t, test.lost, found.Lost, test.name)
		require.Equal(t, test.doubled, found.Doubled, test.name)
		require.Greater(t, heard.errors.Load(), before, test.name)
		change(test.back)
	}
	require.Equal(t, sound, l.Verify(site), "all is as it was")
}
