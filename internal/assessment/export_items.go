package assessment

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodlexml"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/qtifile"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/mediaurl"
)

// exportFormat is a format that items are written in.
type exportFormat string

const (
	exportQTI    exportFormat = "qti-3.0"
	exportMoodle exportFormat = "moodle-xml"
)

// exportPage is how many items are loaded at once.
const exportPage = 200

// export is what goes out of a bank.
type export struct {
	m      *Module
	bank   bank
	format exportFormat
	filter itemFilter
	items  int // that have been written
}

// exportItems prepares an export of the items of a bank that pass a filter, for
// somebody who may read them.
func (m *Module) exportItems(ctx context.Context, caller auth.Principal, bankID uuid.UUID, format exportFormat, f itemFilter) (*export, error) {
	if err := f.clean("query"); err != nil {
		return nil, err
	}
	b, err := bankFor(ctx, m.db.Pool, caller, bankID, bankReader)
	if err != nil {
		return nil, err
	}
	x := &export{m: m, bank: b, format: format, filter: f}
	_, err = itemsIn(ctx, m.db.Pool, bankID, f) // finds a folder that does not exist
	return x, err
}

// write writes the items and says what the format cannot hold.
func (x *export) write(ctx context.Context, w io.Writer) ([]itemfile.Line, error) {
	if x.format == exportMoodle {
		return moodlexml.Write(w, x.all(ctx))
	}
	return qtifile.Write(w, x.all(ctx))
}

// all are the items in the order in which they came into the bank, in memory that
// does not grow with their number.
func (x *export) all(ctx context.Context) iter.Seq2[itemfile.Found, error] {
	return func(yield func(itemfile.Found, error) bool) {
		after := uuid.Nil
		for {
			page, err := x.page(ctx, after)
			if err != nil {
				yield(itemfile.Found{}, err)
				return
			}
			for _, found := range page {
				x.items++
				if !yield(found, nil) {
					return
				}
				after = found.Item.ItemID
			}
			if len(page) < exportPage {
				return
			}
		}
	}
}

// exportRow is an item as it is loaded for an export.
type exportRow struct {
	ItemID     uuid.UUID
	Identity   string
	Kinds      []string
	Path       []string
	Tags       []string
	Difficulty *string
	Definition []byte
}

func (x *export) page(ctx context.Context, after uuid.UUID) ([]itemfile.Found, error) {
	q, err := itemsIn(ctx, x.m.db.Pool, x.bank.BankID, x.filter)
	if err != nil {
		return nil, err
	}
	q.where(`i.item_id > ` + q.arg(after))
	rows, err := x.m.db.Pool.Query(ctx, `
		select i.item_id, i.identity, i.kinds, coalesce(f.path, '{}') as path, i.tags, trim_scale(i.difficulty)::text as difficulty, d.definition
		from assessment.items i
		join assessment.item_versions d on d.item_id = i.item_id and d.digest = i.digest
		left join assessment.folders f on f.folder_id = i.folder_id
		where `+strings.Join(q.conditions, " and ")+` order by i.item_id limit `+q.arg(exportPage), q.args...)
	if err != nil {
		return nil, fmt.Errorf("load items to export: %w", err)
	}
	loaded, err := pgx.CollectRows(rows, pgx.RowToStructByName[exportRow])
	if err != nil {
		return nil, fmt.Errorf("load items to export: %w", err)
	}
	page := make([]itemfile.Found, 0, len(loaded))
	for _, r := range loaded {
		found, err := x.found(ctx, r)
		if err != nil {
			return nil, err
		}
		page = append(page, found)
	}
	return page, nil
}

// found is an item as writers take it.
func (x *export) found(ctx context.Context, r exportRow) (itemfile.Found, error) {
	var def event.ItemV1
	if err := json.Unmarshal(r.Definition, &def); err != nil {
		return itemfile.Found{}, fmt.Errorf("decode item %s: %w", r.ItemID, err)
	}
	def.ItemID = r.ItemID
	found := itemfile.Found{
		Identity: r.Identity, Place: itemfile.Place{ID: r.Identity}, Kind: strings.Join(r.Kinds, " "), Folder: r.Path, Tags: r.Tags, Item: &def,
	}
	if r.Difficulty != nil {
		found.Difficulty = *r.Difficulty
	}
	media, err := x.media(ctx, &def)
	found.Media = media
	return found, err
}

// media are the files that an item shows.
func (x *export) media(ctx context.Context, def *event.ItemV1) ([]itemfile.Media, error) {
	names := map[string]string{} // by digest
	note := func(url string) {
		if digest, name, ok := mediaurl.ParseAsset(url); ok {
			names[digest] = name
		}
	}
	eachText(def, func(_ string, text *string) {
		for _, url := range assets.FindAllString(*text, -1) {
			note(url)
		}
	}, func(_ string, i *event.ImageV1) { note(i.Src) })
	if len(names) == 0 {
		return nil, nil
	}
	digests := make([][]byte, 0, len(names))
	for digest := range names {
		sum, err := hex.DecodeString(digest)
		if err != nil {
			return nil, fmt.Errorf("read a digest: %w", err)
		}
		digests = append(digests, sum)
	}
	rows, err := x.m.db.Pool.Query(ctx, `select distinct on (sha256) sha256, bytes from assessment.bank_media
		where bank_id = $1 and sha256 = any($2) order by sha256`, x.bank.BankID, digests)
	if err != nil {
		return nil, fmt.Errorf("look for the files of an item: %w", err)
	}
	var media []itemfile.Media
	var sum []byte
	var size int64
	_, err = pgx.ForEachRow(rows, []any{&sum, &size}, func() error {
		digest := hex.EncodeToString(sum)
		media = append(media, itemfile.Media{
			SHA256: digest, Name: names[digest], Bytes: size,
			Open: func() (io.ReadCloser, error) { return x.m.files.OpenMedia(ctx, digest) },
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for the files of an item: %w", err)
	}
	return media, nil
}
