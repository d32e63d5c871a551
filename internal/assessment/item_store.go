package assessment

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/problem"
)

// origin is where a revision comes from.
type origin string

const (
	authored origin = "authored"
	imported origin = "imported"
	restored origin = "restored"
)

// itemFor returns an item in whose bank the caller may do what least may, and the
// bank. An item of a bank that the caller does not know of is none. With lock
// nobody else changes the item before the transaction ends.
func itemFor(ctx context.Context, q querier, caller auth.Principal, id uuid.UUID, least bankRole, lock bool) (bankItem, bank, error) {
	sql := `select ` + itemColumns + ` from assessment.items i where i.item_id = $1 and i.organisation_id = $2`
	if lock {
		sql += ` for update`
	}
	rows, err := q.Query(ctx, sql, id, caller.OrganisationID)
	if err != nil {
		return bankItem{}, bank{}, fmt.Errorf("load item %s: %w", id, err)
	}
	it, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[bankItem])
	if errors.Is(err, pgx.ErrNoRows) {
		return bankItem{}, bank{}, errNoBankItem()
	}
	if err != nil {
		return bankItem{}, bank{}, fmt.Errorf("load item %s: %w", id, err)
	}
	b, err := bankFor(ctx, q, caller, it.BankID, least)
	if problem.Of(err).Code == problem.NotFound {
		err = errNoBankItem()
	}
	if err != nil {
		return bankItem{}, bank{}, err
	}
	return it, b, nil
}

// loadDefinition returns a definition that the database has.
func loadDefinition(ctx context.Context, q querier, id uuid.UUID, digest []byte) (event.ItemV1, error) {
	var def event.ItemV1
	var text []byte
	err := q.QueryRow(ctx, `select definition from assessment.item_versions where item_id = $1 and digest = $2`, id, digest).Scan(&text)
	if err == nil {
		err = json.Unmarshal(text, &def)
	}
	if err != nil {
		return def, fmt.Errorf("load the definition of item %s: %w", id, err)
	}
	return def, nil
}

// itemWrite is a new item, or a new version of one that the transaction has
// locked.
type itemWrite struct {
	id       uuid.UUID
	identity string // of a new item
	version  int
	status   itemStatus
	edition
	labels labels
	origin origin
	note   string
}

// itemRow is the form in which a statement takes items: json_to_recordset makes
// rows of many.
type itemRow struct {
	ItemID     uuid.UUID  `json:"item_id"`
	Identity   string     `json:"identity"`
	FolderID   *uuid.UUID `json:"folder_id"`
	Version    int        `json:"version"`
	Digest     string     `json:"digest"`
	Status     itemStatus `json:"status"`
	Title      string     `json:"title"`
	SortTitle  string     `json:"sort_title"`
	Kinds      []string   `json:"kinds"`
	MaxScore   string     `json:"max_score"`
	Difficulty *string    `json:"difficulty"`
	Tags       []string   `json:"tags"`
	Words      string     `json:"words"`
	LowTitle   string     `json:"low_title"`
	Origin     origin     `json:"origin"`
	Note       string     `json:"note"`
}

const itemRecordSQL = `json_to_recordset($1::json) as r(item_id uuid, identity text, folder_id uuid, version integer, digest bytea,
	status text, title text, sort_title text, kinds text[], max_score numeric, difficulty numeric, tags text[], words text,
	low_title text, origin text, note text)`

const insertItemsSQL = `
	insert into assessment.items (item_id, bank_id, organisation_id, folder_id, identity, version, digest, status, title,
		sort_title, kinds, max_score, difficulty, tags, search, created_by)
	select item_id, $2, $3, folder_id, identity, version, digest, status, title, sort_title, kinds, max_score, difficulty, tags,
		assessment.item_search(low_title, words), $4
	from ` + itemRecordSQL

// What is said in a source about an item's place and tags is not taken again: a
// bank's people may have put it elsewhere.
const updateItemsSQL = `
	update assessment.items i
	set version = r.version, digest = r.digest, status = r.status, title = r.title, sort_title = r.sort_title, kinds = r.kinds,
		max_score = r.max_score, search = assessment.item_search(r.low_title, r.words), row_version = i.row_version + 1,
		updated_at = now()
	from ` + itemRecordSQL + `
	where i.item_id = r.item_id`

// insertItems makes new items of a bank, by somebody; nil is an operator.
func insertItems(ctx context.Context, tx pgx.Tx, b bank, by *uuid.UUID, writes []itemWrite) error {
	rows, err := saveDefinitions(ctx, tx, writes)
	if err != nil || len(writes) == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, insertItemsSQL, rows, b.BankID, b.OrganisationID, by); err != nil {
		return fmt.Errorf("store items: %w", err)
	}
	return saveRevisions(ctx, tx, by, rows)
}

// updateItems makes new versions of items.
func updateItems(ctx context.Context, tx pgx.Tx, by *uuid.UUID, writes []itemWrite) error {
	rows, err := saveDefinitions(ctx, tx, writes)
	if err != nil || len(writes) == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, updateItemsSQL, rows); err != nil {
		return fmt.Errorf("store versions of items: %w", err)
	}
	return saveRevisions(ctx, tx, by, rows)
}

func saveRevisions(ctx context.Context, tx pgx.Tx, by *uuid.UUID, rows string) error {
	_, err := tx.Exec(ctx, `insert into assessment.item_revisions (item_id, version, digest, author_id, origin, note)
		select item_id, version, digest, $2, origin, note from `+itemRecordSQL, rows, by)
	if err != nil {
		return fmt.Errorf("store the history of items: %w", err)
	}
	return nil
}

// saveDefinitions stores the definitions, and returns the items as a statement
// takes them.
func saveDefinitions(ctx context.Context, tx pgx.Tx, writes []itemWrite) (rows string, err error) {
	ids := make([]uuid.UUID, 0, len(writes))
	digests := make([][]byte, 0, len(writes))
	definitions := make([]string, 0, len(writes))
	records := make([]itemRow, 0, len(writes))
	for _, w := range writes {
		ids = append(ids, w.id)
		digests = append(digests, w.digest)
		definitions = append(definitions, string(w.definition))
		records = append(records, w.row())
	}
	if err := saveItemVersions(ctx, tx, ids, digests, definitions); err != nil {
		return "", fmt.Errorf("store the definitions of items: %w", err)
	}
	encoded, err := json.Marshal(records)
	if err != nil {
		return "", fmt.Errorf("encode items: %w", err)
	}
	return string(encoded), nil
}

func (w itemWrite) row() itemRow {
	r := itemRow{
		ItemID: w.id, Identity: w.identity, FolderID: w.labels.FolderID, Version: w.version, Digest: `\x` + hex.EncodeToString(w.digest),
		Status: w.status, Title: w.def.Title, SortTitle: w.sortTitle(), Kinds: w.kinds(), MaxScore: w.item.MaxScore().String(),
		Difficulty: w.labels.Difficulty, Tags: w.labels.Tags, Words: w.words(), LowTitle: w.sortTitle(), Origin: w.origin, Note: w.note,
	}
	if r.Tags == nil {
		r.Tags = []string{}
	}
	return r
}

// saveItemVersions keeps definitions under their digests. Those that are there
// are shared.
func saveItemVersions(ctx context.Context, tx pgx.Tx, ids []uuid.UUID, digests [][]byte, definitions []string) error {
	_, err := tx.Exec(ctx, `
		insert into assessment.item_versions (item_id, digest, definition)
		select item_id, digest, definition::json from unnest($1::uuid[], $2::bytea[], $3::text[]) as i(item_id, digest, definition)
		order by item_id, digest
		on conflict do nothing`, ids, digests, definitions)
	return err
}

// revision is a version of an item in its history.
type revision struct {
	Version    int
	Digest     []byte
	AuthorID   *uuid.UUID
	AuthorName string // empty if unknown or erased
	Origin     origin
	Note       string
	MadeAt     time.Time
}

const revisionsSQL = `
	select r.version, r.digest, r.author_id, coalesce(p.display_name, '') as author_name, r.origin, r.note, r.made_at
	from assessment.item_revisions r left join assessment.people p on p.account_id = r.author_id
	where r.item_id = $1`

// loadRevision returns a version of an item; 0 is the current one.
func loadRevision(ctx context.Context, q querier, it bankItem, version int) (revision, error) {
	if version == 0 {
		version = it.Version
	}
	rows, err := q.Query(ctx, revisionsSQL+` and r.version = $2`, it.ItemID, version)
	if err != nil {
		return revision{}, fmt.Errorf("load version %d of item %s: %w", version, it.ItemID, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[revision])
	if errors.Is(err, pgx.ErrNoRows) {
		return revision{}, problem.NotFoundf("The item has no such version.")
	}
	if err != nil {
		return revision{}, fmt.Errorf("load version %d of item %s: %w", version, it.ItemID, err)
	}
	return r, nil
}
