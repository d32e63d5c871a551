package assessment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/singleflight"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/postgres"
)

// paper is one version of an assessment, parsed. It is immutable.
type paper struct {
	title    string
	items    []paperItem // in order, without the excluded ones
	index    map[uuid.UUID]int
	excluded []excludedItem
}

type paperItem struct {
	id      uuid.UUID
	title   string
	version int // of a bank's item; 0: it came with a course
	*scoring.Item
}

// banked reports whether the item, and so the files that it shows, are a bank's.
func (it paperItem) banked() bool { return it.version > 0 }

// excludedItem is an item that the paper does without, and why.
type excludedItem struct {
	id     uuid.UUID
	title  string
	reason string
}

// item finds an item that can be answered.
func (p *paper) item(id uuid.UUID) (paperItem, bool) {
	i, ok := p.index[id]
	if !ok {
		return paperItem{}, false
	}
	return p.items[i], true
}

// views are the items as the learner of an attempt with this seed sees them.
func (p *paper) views(seed int64) []scoring.View {
	views := make([]scoring.View, 0, len(p.items))
	for _, it := range p.items {
		views = append(views, it.View(seed))
	}
	return views
}

type paperKey struct {
	assessment uuid.UUID
	version    int
}

// paperTimeout bounds one load.
const paperTimeout = 10 * time.Second

// papers loads papers and keeps the most recently used ones. Because a paper
// never changes, what is kept is never stale; everybody who starts at once
// shares one load.
type papers struct {
	db     *postgres.DB
	kept   *lru.Cache[paperKey, *paper]
	flight singleflight.Group
}

func newPapers(db *postgres.DB, size int) (*papers, error) {
	kept, err := lru.New[paperKey, *paper](size)
	if err != nil {
		return nil, fmt.Errorf("make the cache of papers: %w", err)
	}
	return &papers{db: db, kept: kept}, nil
}

// get returns a paper that is known to exist.
func (p *papers) get(ctx context.Context, assessment uuid.UUID, version int) (*paper, error) {
	key := paperKey{assessment, version}
	if found, ok := p.kept.Get(key); ok {
		return found, nil
	}
	// The first caller's end must not fail the others who wait for its load.
	loaded, err, _ := p.flight.Do(assessment.String()+"/"+strconv.Itoa(version), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), paperTimeout)
		defer cancel()
		found, err := loadPaper(ctx, p.db, assessment, version)
		if err == nil {
			p.kept.Add(key, found)
		}
		return found, err
	})
	if err != nil {
		return nil, fmt.Errorf("load version %d of assessment %s: %w", version, assessment, err)
	}
	return loaded.(*paper), nil
}

func loadPaper(ctx context.Context, db *postgres.DB, assessment uuid.UUID, version int) (*paper, error) {
	rows, err := db.Pool.Query(ctx, `
		select v.title, i.item_id, i.fault, coalesce(i.item_version, 0), d.definition
		from assessment.assessment_versions v
		left join assessment.paper_items i on i.assessment_id = v.assessment_id and i.version = v.version
		left join assessment.item_versions d on d.item_id = i.item_id and d.digest = i.digest
		where v.assessment_id = $1 and v.version = $2
		order by i.position`, assessment, version)
	if err != nil {
		return nil, err
	}
	p := &paper{index: map[uuid.UUID]int{}}
	var (
		id         *uuid.UUID // null for a paper without items
		fault      *string
		banked     int // version of a bank's item
		definition []byte
	)
	tag, err := pgx.ForEachRow(rows, []any{&p.title, &id, &fault, &banked, &definition}, func() error {
		if id == nil {
			return nil
		}
		var def event.ItemV1
		if err := json.Unmarshal(definition, &def); err != nil {
			return fmt.Errorf("decode item %s: %w", id, err)
		}
		if fault != nil {
			p.excluded = append(p.excluded, excludedItem{id: *id, title: def.Title, reason: *fault})
			return nil
		}
		// It was parsed when it was published; this release must still do it.
		parsed, err := scoring.Parse(def)
		if err != nil {
			return fmt.Errorf("parse item %s: %w", id, err)
		}
		p.index[*id] = len(p.items)
		p.items = append(p.items, paperItem{id: *id, title: def.Title, version: banked, Item: parsed})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if tag.RowsAffected() == 0 {
		return nil, errors.New("there is no such version")
	}
	return p, nil
}
