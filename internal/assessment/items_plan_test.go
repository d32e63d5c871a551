package assessment

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// fillBank puts items into a bank without the API: one definition, many titles,
// words, tags and difficulties.
func fillBank(t testing.TB, s *school, bankID uuid.UUID, count int) {
	t.Helper()
	ctx := context.Background()
	item := newID()
	e, err := newEdition(choiceItem(item, "1"), item)
	require.NoError(t, err)
	for _, sql := range []string{
		`insert into assessment.item_versions (item_id, digest, definition)
			select ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, $2, $3::text::json from generate_series($6::integer, $1::integer) i where $4::uuid is not null and $5::uuid is not null`,
		`insert into assessment.items (item_id, bank_id, organisation_id, identity, version, digest, title, sort_title, kinds, max_score,
				difficulty, tags, status, search, updated_at)
			select ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, $4, $5, 'item ' || i, 1, $2, 'Item ' || i, 'item ' || i,
				case when i % 1000 = 0 then '{numerical}'::text[] else '{single_choice}' end, 1, (i % 100) / 100.0,
				array['tag ' || i % 50, 'rare ' || i % 5000], case when i % 100 = 0 then 'review' else 'live' end,
				assessment.item_search('item ' || i, 'question number ' || i || ' about word' || i % 2000), now() - i * interval '1 second'
			from generate_series($6::integer, $1::integer) i where $3::text is not null`,
	} {
		const chunk = 20_000 // a statement may not take long
		for from := 1; from <= count; from += chunk {
			_, err := s.module.db.Pool.Exec(ctx, sql, min(from+chunk-1, count), e.digest, string(e.definition), bankID, s.organisation, from)
			require.NoError(t, err)
		}
	}
}

// itemSearches are lists that people ask for.
func itemSearches() map[string]struct {
	f     itemFilter
	order itemOrder
} {
	half := "0.5"
	type search = struct {
		f     itemFilter
		order itemOrder
	}
	return map[string]search{
		"all, the newest":              {itemFilter{}, byNewest},
		"all, by change":               {itemFilter{}, byUpdated},
		"all, by title":                {itemFilter{}, byTitle},
		"all, by difficulty":           {itemFilter{}, byDifficulty},
		"a common word":                {itemFilter{Query: "question"}, byNewest},
		"a rare word":                  {itemFilter{Query: "word7"}, byNewest},
		"a rare word, by title":        {itemFilter{Query: "word7"}, byTitle},
		"no item's word":               {itemFilter{Query: "nowhere"}, byNewest},
		"a tag":                        {itemFilter{Tags: []string{"tag 7"}}, byNewest},
		"a rare tag and a word":        {itemFilter{Tags: []string{"rare 8"}, Query: "question"}, byTitle},
		"a rare kind":                  {itemFilter{Kind: "numerical"}, byNewest},
		"what waits for review":        {itemFilter{Status: itemReview}, byNewest},
		"an identity":                  {itemFilter{Identity: "item 77"}, byNewest},
		"a range of difficulty":        {itemFilter{Easiest: &half}, byDifficulty},
		"tag, word, status, kind":      {itemFilter{Tags: []string{"tag 7"}, Query: "word7", Status: itemLive, Kind: "single_choice"}, byUpdated},
		"items in no folder, by title": {itemFilter{Root: true}, byTitle},
	}
}

// statement is the statement of a list, from a place in the middle of it.
func statement(t testing.TB, s *school, bankID uuid.UUID, f itemFilter, order itemOrder) (string, []any) {
	t.Helper()
	q, err := itemsIn(context.Background(), s.module.db.Pool, bankID, f)
	require.NoError(t, err)
	middle := "0.3"
	after := placeOf(bankItem{ItemID: uuid.MustParse("00000000-0000-7000-8000-000000009000"), SortTitle: "item 5", Difficulty: &middle, UpdatedAt: time.Now().Add(-time.Hour)}, order)
	sql, err := q.ordered(order, &after, 51)
	require.NoError(t, err)
	return sql, q.args
}

func explained(t testing.TB, s *school, options, sql string, args []any) string {
	t.Helper()
	rows, err := s.module.db.Pool.Query(context.Background(), `explain `+options+sql, args...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}

// No list reads all items of the platform.
func TestSearchesOfItemsUseIndexes(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	_, bankID := ada.bank("Large")
	fillBank(t, s, bankID, 20_000)
	_, err := s.db.Admin(t).Exec(t.Context(), `vacuum analyze assessment.items`)
	require.NoError(t, err)
	for name, search := range itemSearches() {
		sql, args := statement(t, s, bankID, search.f, search.order)
		require.NotContains(t, explained(t, s, "", sql, args), "Seq Scan on items", name)
	}
}

// BenchmarkSearchesOfAMillionItems prints the plans and times of the lists above
// over a bank of a million items:
//
//	go test ./internal/assessment -run xxx -bench MillionItems -benchtime 20x
func BenchmarkSearchesOfAMillionItems(b *testing.B) {
	s := newSchool(b)
	ada := s.author("Ada")
	_, bankID := ada.bank("Huge")
	fillBank(b, s, bankID, 1_000_000)
	_, err := s.db.Admin(b).Exec(b.Context(), `vacuum analyze assessment.items`)
	require.NoError(b, err)
	for name, search := range itemSearches() {
		sql, args := statement(b, s, bankID, search.f, search.order)
		b.Log(name + "\n" + explained(b, s, "(analyze, costs off, buffers off, summary on, timing off) ", sql, args))
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				rows, err := s.module.db.Pool.Query(b.Context(), sql, args...)
				require.NoError(b, err)
				rows.Close()
				require.NoError(b, rows.Err())
			}
		})
	}
}

// fillStrings returns a definition with something in every field that is a text,
// and one entry in every list.
func fillStrings(def event.ItemV1) event.ItemV1 {
	fillValue(reflect.ValueOf(&def).Elem())
	return def
}

func fillValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("dirty")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fillValue(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillValue(v.Index(0))
	}
}
