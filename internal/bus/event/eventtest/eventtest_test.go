package eventtest_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event/eventtest"
)

// Item is a part of it.
type Item struct {
	ItemID uuid.UUID `json:"item_id"`
	Score  string    `json:"score"`
}

// Released is an event of the previous release.
type Released struct {
	LearnerID uuid.UUID  `json:"learner_id"`
	Number    int        `json:"number"`
	Title     string     `json:"title,omitempty"`
	Late      bool       `json:"late"`
	DueAt     *time.Time `json:"due_at,omitempty"`
	Items     []Item     `json:"items"`
	Best      Item       `json:"best"`
}

func TestWhatBreaksAReaderOfThePreviousRelease(t *testing.T) {
	t.Parallel()
	type longerItem struct {
		Item
		Weight int `json:"weight"`
	}
	type poorerItem struct {
		ItemID uuid.UUID `json:"item_id"`
	}
	for _, test := range []struct {
		name    string
		current any
		breaks  []string
	}{
		{name: "nothing has changed", current: Released{}},
		{name: "a field is added", current: struct {
			Place string `json:"place"`
			Released
			At time.Time `json:"at"`
		}{}},
		{name: "a field is added to a part and to the elements of a list", current: struct {
			Released
			Items []longerItem `json:"items"`
			Best  longerItem   `json:"best"`
		}{}},
		{name: "a field becomes obligatory", current: struct {
			Released
			Title string    `json:"title"`
			DueAt time.Time `json:"due_at"`
		}{}},
		{name: "fields are removed", current: struct {
			LearnerID uuid.UUID `json:"learner_id"`
			Number    int       `json:"number"`
			Items     []Item    `json:"items"`
			Best      Item      `json:"best"`
		}{}, breaks: []string{".due_at has gone", ".late has gone", ".title has gone"}},
		{name: "a field is renamed", current: struct {
			StudentID uuid.UUID  `json:"student_id"`
			Number    int        `json:"number"`
			Title     string     `json:"title"`
			Late      bool       `json:"late"`
			DueAt     *time.Time `json:"due_at"`
			Items     []Item     `json:"items"`
			Best      Item       `json:"best"`
		}{}, breaks: []string{".learner_id has gone"}},
		{name: "a field's letters change their case", current: struct {
			LearnerID uuid.UUID  `json:"learner_id"`
			Number    int        `json:"Number"`
			Title     string     `json:"title"`
			Late      bool       `json:"late"`
			DueAt     *time.Time `json:"due_at"`
			Items     []Item     `json:"items"`
			Best      Item       `json:"best"`
		}{}, breaks: []string{".number has gone"}},
		{name: "a field of the elements of a list is removed", current: struct {
			Released
			Items []poorerItem `json:"items"`
		}{}, breaks: []string{".items[].score has gone"}},
		{name: "a field of a part is removed", current: struct {
			Released
			Best poorerItem `json:"best"`
		}{}, breaks: []string{".best.score has gone"}},
		{name: "fields change their type", current: struct {
			LearnerID string   `json:"learner_id"`
			Number    string   `json:"number"`
			Title     []string `json:"title"`
			Late      int      `json:"late"`
			DueAt     string   `json:"due_at"`
			Items     Item     `json:"items"`
			Best      []Item   `json:"best"`
		}{}, breaks: []string{
			".best was an object and is a list",
			".due_at was a time and is a text",
			".items was a list and is an object",
			".late was a truth value and is a number",
			".learner_id was an id and is a text",
			".number was a number and is a text",
			".title was a text and is a list",
		}},
		{name: "the payload is another thing", current: []Item{}, breaks: []string{"the payload was an object and is a list"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before, err := eventtest.Sample(reflect.TypeFor[Released]())
			require.NoError(t, err)
			after, err := eventtest.Sample(reflect.TypeOf(test.current))
			require.NoError(t, err)
			found, err := eventtest.Breaks(before, after)
			require.NoError(t, err)
			require.Equal(t, test.breaks, found)
		})
	}
}

func TestBrokenSamplesAreRefused(t *testing.T) {
	t.Parallel()
	for _, samples := range [][2]string{{`{`, `{}`}, {`{}`, `{`}} {
		_, err := eventtest.Breaks([]byte(samples[0]), []byte(samples[1]))
		require.Error(t, err)
	}
}
