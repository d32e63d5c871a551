package assessment

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// itemOrder is an order of a list of items.
type itemOrder string

const (
	byNewest     itemOrder = "newest"     // those that came last first
	byUpdated    itemOrder = "updated"    // those changed last first
	byTitle      itemOrder = "title"      // from a to z
	byDifficulty itemOrder = "difficulty" // the easy ones first, those without one last
)

// itemFilter narrows a list of items. Its zero value is all.
type itemFilter struct {
	Query    string // words, as in web searches
	Identity string
	Tags     []string // all of them
	Folder   *uuid.UUID
	Root     bool // those in no folder
	Shallow  bool // not those in folders below Folder
	Status   itemStatus
	Kind     string
	Easiest  *string // difficulty, inclusive
	Hardest  *string
}

// clean tidies the filter, or refuses it. location is that of its fields.
func (f *itemFilter) clean(location string) (err error) {
	if f.Tags, err = cleanTags(location+".tag", f.Tags); err != nil {
		return err
	}
	for name, bound := range map[string]*string{"difficulty_from": f.Easiest, "difficulty_to": f.Hardest} {
		if bound == nil {
			continue
		}
		if *bound, err = cleanDifficulty(location+"."+name, *bound); err != nil {
			return err
		}
	}
	if f.Root && f.Folder != nil {
		return problem.InvalidField(location+".folder", "it is a folder or the root, not both")
	}
	return nil
}

// itemQuery collects the conditions of a statement. The texts are ours, the
// values are arguments.
type itemQuery struct {
	conditions []string
	args       []any
}

// arg takes a value and returns its name in the statement.
func (q *itemQuery) arg(value any) string {
	q.args = append(q.args, value)
	return "$" + strconv.Itoa(len(q.args))
}

func (q *itemQuery) where(condition string) { q.conditions = append(q.conditions, condition) }

// itemsIn are the items of a bank that pass a filter.
func itemsIn(ctx context.Context, db querier, bankID uuid.UUID, f itemFilter) (*itemQuery, error) {
	q := &itemQuery{}
	q.where(`i.bank_id = ` + q.arg(bankID))
	if words := strings.ToLower(strings.TrimSpace(f.Query)); words != "" {
		text := q.arg(words)
		q.where(`i.search @@ (websearch_to_tsquery('pg_catalog.english', ` + text + `) || websearch_to_tsquery('pg_catalog.simple', ` + text + `))`)
	}
	if f.Identity != "" {
		q.where(`i.identity = ` + q.arg(f.Identity))
	}
	if len(f.Tags) > 0 {
		q.where(`i.tags @> ` + q.arg(f.Tags) + `::text[]`)
	}
	if f.Kind != "" {
		q.where(`i.kinds @> array[` + q.arg(f.Kind) + `::text]`)
	}
	if f.Status != "" {
		q.where(`i.status = ` + q.arg(f.Status))
	}
	if f.Easiest != nil || f.Hardest != nil {
		// In the index's terms. Items without a difficulty are outside every range.
		low, high := "0", "1"
		if f.Easiest != nil {
			low = *f.Easiest
		}
		if f.Hardest != nil {
			high = *f.Hardest
		}
		q.where(`coalesce(i.difficulty, 2) between ` + q.arg(low) + `::text::numeric and ` + q.arg(high) + `::text::numeric`)
	}
	return q, q.inFolder(ctx, db, bankID, f)
}

func (q *itemQuery) inFolder(ctx context.Context, db querier, bankID uuid.UUID, f itemFilter) error {
	switch {
	case f.Root:
		q.where(`i.folder_id is null`)
	case f.Folder == nil:
	case f.Shallow:
		if _, err := folderOf(ctx, db, bankID, *f.Folder); err != nil {
			return err
		}
		q.where(`i.folder_id = ` + q.arg(*f.Folder))
	default:
		tree, err := subtree(ctx, db, bankID, *f.Folder)
		if err != nil {
			return err
		}
		q.where(`i.folder_id = any(` + q.arg(tree) + `)`)
	}
	return nil
}

// itemPlace is where a page of items begins: the key that the order sorts by, as
// text, and the item.
type itemPlace struct {
	Order itemOrder `json:"o"`
	Key   string    `json:"k,omitempty"`
	ID    uuid.UUID `json:"i"`
}

// placeOf is the place of an item in an order.
func placeOf(it bankItem, order itemOrder) itemPlace {
	p := itemPlace{Order: order, ID: it.ItemID}
	switch order {
	case byUpdated:
		p.Key = it.UpdatedAt.UTC().Format(placeTime)
	case byTitle:
		p.Key = it.SortTitle
	case byDifficulty:
		p.Key = undecided
		if it.Difficulty != nil {
			p.Key = *it.Difficulty
		}
	}
	return p
}

// placeTime keeps all that the database keeps of a time.
const placeTime = "2006-01-02T15:04:05.999999Z"

// undecided stands for the difficulty of items that have none: behind all others.
const undecided = "2"

// ordered adds the order, the place where the page begins and its size.
func (q *itemQuery) ordered(order itemOrder, after *itemPlace, limit int) (sql string, err error) {
	type sorting struct{ key, cast, compare, direction string }
	s, ok := map[itemOrder]sorting{
		byNewest:     {"", "", "<", "desc"},
		byUpdated:    {"i.updated_at", "::text::timestamptz", "<", "desc"},
		byTitle:      {"i.sort_title", "::text", ">", "asc"},
		byDifficulty: {"coalesce(i.difficulty, 2)", "::text::numeric", ">", "asc"},
	}[order]
	if !ok {
		return "", problem.InvalidField("query.sort", "there is no such order")
	}
	keys := []string{"i.item_id " + s.direction}
	if s.key != "" {
		keys = []string{s.key + " " + s.direction, keys[0]}
	}
	if after != nil {
		if after.Order != order || !after.sound() {
			return "", problem.InvalidField("query.cursor", "it is not a cursor of this list")
		}
		left, right := "i.item_id", q.arg(after.ID)+"::uuid"
		if s.key != "" {
			left, right = "("+s.key+", i.item_id)", "("+q.arg(after.Key)+s.cast+", "+right+")"
		}
		q.where(left + " " + s.compare + " " + right)
	}
	return `select ` + itemColumns + ` from assessment.items i where ` + strings.Join(q.conditions, " and ") +
		` order by ` + strings.Join(keys, ", ") + ` limit ` + q.arg(limit), nil
}

// sound reports whether a place that a client has sent can be one.
func (p itemPlace) sound() bool {
	switch p.Order {
	case byUpdated:
		_, err := time.Parse(placeTime, p.Key)
		return err == nil
	case byDifficulty:
		return p.Key == undecided || difficultyForm.MatchString(p.Key)
	}
	return len(p.Key) <= 4*maxSortTitle
}

// listItems returns up to limit items of a bank that pass a filter.
func (m *Module) listItems(ctx context.Context, caller auth.Principal, bankID uuid.UUID, f itemFilter, order itemOrder, after *itemPlace, limit int) ([]bankItem, error) {
	if err := f.clean("query"); err != nil {
		return nil, err
	}
	if _, err := bankFor(ctx, m.db.Pool, caller, bankID, bankReader); err != nil {
		return nil, err
	}
	q, err := itemsIn(ctx, m.db.Pool, bankID, f)
	if err != nil {
		return nil, err
	}
	sql, err := q.ordered(order, after, limit)
	if err != nil {
		return nil, err
	}
	return queryItems(ctx, m.db.Pool, sql, q.args...)
}

// queryItems runs a query that returns itemColumns.
func queryItems(ctx context.Context, q querier, sql string, args ...any) ([]bankItem, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list items: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[bankItem])
	if err != nil {
		return nil, fmt.Errorf("list items: %w", err)
	}
	return found, nil
}
