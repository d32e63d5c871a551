package assessment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
	"github.com/lyceum-lms/platform/internal/mediastore"
	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/upload"
)

const (
	// importBatchItems and importBatchBytes bound what one transaction of an
	// import does, and what is held in memory for it.
	importBatchItems = 500
	importBatchBytes = 16 << 20
	// maxImportLines is how many lines of a report are kept.
	maxImportLines = 1_000_000
)

// preparedFound is a question of a file, fit for the bank, or with a line that
// says why it is not.
type preparedFound struct {
	itemfile.Found
	size int // of what it holds in memory, roughly
}

// prepareFound makes a question fit for a bank. What a bank cannot take as it is
// is said in lines. below is how deep the folder is that it comes into.
func prepareFound(cleaner *markup.Cleaner, found itemfile.Found, below int) preparedFound {
	p := preparedFound{Found: found}
	p.Lines = slices.Clone(found.Lines)
	if found.Item == nil {
		return p
	}
	p.Identity = fitIdentity(found.Identity)
	// The file that it came in is no part of what it says: the same item out of a
	// file of another format is the same item. The history keeps the file.
	p.Item.Source = "item/" + p.Identity
	p.fitFolder(below)
	p.fitTags()
	if p.Difficulty != "" {
		share, err := cleanDifficulty("", p.Difficulty)
		if err != nil {
			p.tell(itemfile.Simplified, "difficulty "+p.Difficulty, "it is not a share from 0 to 1; the item has none")
		}
		p.Difficulty = share
	}
	if !p.clean(cleaner) {
		p.tell(itemfile.Skipped, "references to files", "the question refers to files that it does not bring")
		p.Item = nil
		return p
	}
	// The id that it will have is not known yet and does not matter here.
	e, err := newEdition(*found.Item, previewID)
	if err != nil {
		p.tell(itemfile.Skipped, "the question as a whole", "it cannot be scored here: "+err.Error())
		p.Item = nil
		return p
	}
	p.size = len(e.definition)
	for _, f := range p.Media {
		p.size += int(min(f.Bytes, importBatchBytes))
	}
	return p
}

func (p *preparedFound) tell(severity itemfile.Severity, what, why string) {
	p.Lines = append(p.Lines, itemfile.Line{Severity: severity, Place: p.Place, What: what, Why: why})
}

// clean sanitises the markup of a question once more, whatever the reader of
// its format has done: files may hold items as this platform writes them. It
// returns false for one that refers to files of others.
func (p *preparedFound) clean(cleaner *markup.Cleaner) bool {
	brought := map[string]bool{}
	for _, f := range p.Media {
		brought[f.SHA256] = true
	}
	own := true
	var lost markup.Losses
	eachText(p.Item, func(_ string, text *string) {
		*text = cleaner.Clean(*text, markup.Events{Tell: lost.Add, Resolve: func(r markup.Reference) (markup.Target, bool) {
			digest, _, ok := mediaurl.ParseAsset(r.URL)
			if !ok && !strings.HasPrefix(r.URL, "asset:") {
				return markup.Target{}, false
			}
			own = own && brought[digest]
			return markup.Target{URL: r.URL}, true
		}})
	}, func(_ string, i *event.ImageV1) {
		digest, _, ok := mediaurl.ParseAsset(i.Src)
		own = own && ok && brought[digest]
	})
	for _, l := range lost.All() {
		if l.Kind != markup.Alternatives { // readers say it
			p.tell(itemfile.Simplified, l.What, l.Why)
		}
	}
	return own
}

// fitIdentity makes a name that a bank can keep of any: the same of the same.
func fitIdentity(identity string) string {
	clean := oneLine(identity)
	if clean == identity && utf8.RuneCountInString(clean) <= maxIdentity {
		return clean
	}
	digest := sha256.Sum256([]byte(identity))
	runes := []rune(clean)
	return string(runes[:min(len(runes), maxIdentity-70)]) + " #" + hex.EncodeToString(digest[:])
}

// oneLine is text without control characters and without white space around it.
func oneLine(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// cut is the first runes of a text.
func cut(text string, runes int) string {
	if utf8.RuneCountInString(text) <= runes {
		return text
	}
	return string([]rune(text)[:runes-1]) + "…"
}

func (p *preparedFound) fitFolder(below int) {
	var path []string
	changed := false
	for _, name := range p.Folder {
		fit := cut(oneLine(name), maxFolderName)
		changed = changed || fit != strings.TrimSpace(name)
		if fit != "" {
			path = append(path, fit)
		}
	}
	if deepest := maxFolderDepth - below; len(path) > deepest {
		path, changed = path[:max(deepest, 0)], true
	}
	if changed {
		p.tell(itemfile.Simplified, "folder "+cut(strings.Join(p.Folder, "/"), 200), "folders are nested at most 20 deep and have names of one line with up to 200 characters")
	}
	p.Folder = path
}

func (p *preparedFound) fitTags() {
	tags := make([]string, 0, len(p.Tags))
	for _, t := range p.Tags {
		if fit := cut(oneLine(t), maxTag); fit != "" {
			tags = append(tags, fit)
		}
	}
	slices.Sort(tags)
	tags = slices.Compact(tags)
	if len(tags) > maxTags {
		p.tell(itemfile.Simplified, fmt.Sprintf("%d tags", len(tags)), fmt.Sprintf("an item has at most %d; the first are kept", maxTags))
		tags = tags[:maxTags]
	}
	p.Tags = tags
}

// importBatch is what one transaction of an import deals with.
type importBatch struct {
	items      []preparedFound
	lines      []itemfile.Line
	identities map[string]bool
	size       int
}

// full reports whether a question has to wait for the next batch. One with an
// identity that the batch has already is an update of what the batch makes.
func (b *importBatch) full(next preparedFound) bool {
	return len(b.items) >= importBatchItems || b.size+next.size > importBatchBytes && len(b.items) > 0 ||
		next.Item != nil && b.identities[next.Identity]
}

func (b *importBatch) add(p preparedFound) {
	b.items = append(b.items, p)
	b.size += p.size
	if p.Item == nil {
		return
	}
	if b.identities == nil {
		b.identities = map[string]bool{}
	}
	b.identities[p.Identity] = true
}

// names are the identities of the batch's items.
func (b *importBatch) names() []string {
	names := make([]string, 0, len(b.identities))
	for name := range b.identities {
		names = append(names, name)
	}
	return names
}

// flush deals with the batch: what it counts and what it does are one.
func (r *importRun) flush(ctx context.Context) error {
	if len(r.batch.items) == 0 {
		return nil
	}
	if r.applying() {
		if err := r.storeMedia(ctx); err != nil {
			return err
		}
	}
	after := r.im
	err := r.m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		after = r.im
		after.Position = r.passed
		if err := r.fence(ctx, tx); err != nil {
			return err
		}
		lines := r.batch.lines
		if r.applying() {
			told, err := r.apply(ctx, tx, &after)
			if err != nil {
				return err
			}
			lines = append(lines, told...)
		} else if err := r.compare(ctx, tx, &after); err != nil {
			return err
		}
		if err := keepLines(ctx, tx, &after, lines); err != nil {
			return err
		}
		return saveProgress(ctx, tx, after)
	})
	if err != nil {
		r.folders.forget()
		return err
	}
	r.im = after
	r.batch = importBatch{}
	return nil
}

// fence lets through who is where the import is. A cancellation waits for the end
// of the batch, or the batch does not begin.
func (r *importRun) fence(ctx context.Context, tx pgx.Tx) error {
	var mine bool
	err := tx.QueryRow(ctx, `select status = $2 and position = $3 from assessment.item_imports where import_id = $1 for update`,
		r.im.ImportID, r.im.Status, r.im.Position).Scan(&mine)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !mine {
		return errImportEnded
	}
	if err != nil {
		return fmt.Errorf("lock import %s: %w", r.im.ImportID, err)
	}
	return nil
}

func saveProgress(ctx context.Context, tx pgx.Tx, im itemImport) error {
	_, err := tx.Exec(ctx, `
		update assessment.item_imports set position = $2, format = $3, questions = $4, new_items = $5, changed_items = $6, same_items = $7,
			skipped_items = $8, lines = $9, omitted_lines = $10, created = $11, updated = $12, unchanged = $13, touched_at = now()
		where import_id = $1`, im.ImportID, im.Position, im.Format, im.Questions, im.NewItems, im.ChangedItems, im.SameItems,
		im.SkippedItems, im.Lines, im.OmittedLines, im.Created, im.Updated, im.Unchanged)
	if err != nil {
		return fmt.Errorf("note the progress of import %s: %w", im.ImportID, err)
	}
	return nil
}

// keepLines keeps lines of the report behind those that there are.
func keepLines(ctx context.Context, tx pgx.Tx, im *itemImport, lines []itemfile.Line) error {
	if room := max(maxImportLines-im.Lines, 0); len(lines) > room {
		im.OmittedLines += len(lines) - room
		lines = lines[:room]
	}
	first := im.Lines
	im.Lines += len(lines)
	clean := func(text string) string { return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "") }
	_, err := tx.CopyFrom(ctx, pgx.Identifier{moduleName, "item_import_lines"},
		[]string{"import_id", "seq", "severity", "file", "line", "source_id", "what", "why"},
		pgx.CopyFromSlice(len(lines), func(i int) ([]any, error) {
			l := lines[i]
			return []any{im.ImportID, first + i + 1, string(l.Severity), clean(l.Place.File), l.Place.Line, clean(l.Place.ID), clean(l.What), clean(l.Why)}, nil
		}))
	if err != nil {
		return fmt.Errorf("keep the lines of import %s: %w", im.ImportID, err)
	}
	return nil
}

// knownItem is an item of the bank that has the identity of one of the file.
type knownItem struct {
	ItemID   uuid.UUID
	Identity string
	Version  int
	Digest   []byte
	Status   itemStatus
}

// known are the items that the bank has already, by identity.
func (r *importRun) known(ctx context.Context, tx pgx.Tx, lock string) (map[string]knownItem, error) {
	rows, err := tx.Query(ctx, `select item_id, identity, version, digest, status from assessment.items
		where bank_id = $1 and identity = any($2) order by item_id`+lock, r.im.BankID, r.batch.names())
	if err != nil {
		return nil, fmt.Errorf("look for items of bank %s: %w", r.im.BankID, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[knownItem])
	if err != nil {
		return nil, fmt.Errorf("look for items of bank %s: %w", r.im.BankID, err)
	}
	known := make(map[string]knownItem, len(found))
	for _, k := range found {
		known[k.Identity] = k
	}
	return known, nil
}

// compare counts what the batch would do.
func (r *importRun) compare(ctx context.Context, tx pgx.Tx, im *itemImport) error {
	known, err := r.known(ctx, tx, "")
	if err != nil {
		return err
	}
	for _, p := range r.batch.items {
		if p.Kind != "" {
			im.Questions++
		}
		if p.Item == nil {
			if p.Kind != "" {
				im.SkippedItems++
			}
			continue
		}
		k, there := known[p.Identity]
		if !there {
			im.NewItems++
			continue
		}
		e, err := newEdition(*p.Item, k.ItemID)
		if err != nil {
			return fmt.Errorf("compare item %s: %w", k.ItemID, err)
		}
		if string(e.digest) == string(k.Digest) {
			im.SameItems++
		} else {
			im.ChangedItems++
		}
	}
	return nil
}

// storeMedia puts the files of the batch into the blob store. Those of items that
// do not come after all are found in place by the next.
func (r *importRun) storeMedia(ctx context.Context) error {
	for _, p := range r.batch.items {
		if p.Item == nil {
			continue
		}
		for _, f := range p.Media {
			mediaType, _ := mediastore.MediaType(f.Name)
			if err := r.m.files.PutMedia(ctx, f.SHA256, mediaType, f.Open); err != nil {
				return fmt.Errorf("store the file %s of %s: %w", f.Name, p.Place, err)
			}
		}
	}
	return nil
}

// apply brings the batch into the bank. It returns what is to be said about that.
func (r *importRun) apply(ctx context.Context, tx pgx.Tx, im *itemImport) (told []itemfile.Line, err error) {
	known, err := r.known(ctx, tx, " for update")
	if err != nil {
		return nil, err
	}
	var created, changed []itemWrite
	var files []mediaFile
	for _, p := range r.batch.items {
		if p.Item == nil {
			continue
		}
		k, there := known[p.Identity]
		w, line, err := r.writeOf(ctx, tx, p, k, there)
		if err != nil {
			return nil, err
		}
		switch {
		case !there:
			im.Created++
			created = append(created, w)
		case string(w.digest) == string(k.Digest):
			im.Unchanged++
			continue
		default:
			im.Updated++
			changed = append(changed, w)
		}
		if line != nil {
			told = append(told, *line)
		}
		for _, f := range p.Media {
			sum, err := hex.DecodeString(f.SHA256)
			if err != nil {
				return nil, fmt.Errorf("read the digest of %s: %w", f.Name, err)
			}
			files = append(files, mediaFile{SHA256: sum, Name: upload.PlainName(f.Name, "file"), Bytes: f.Bytes})
		}
	}
	if err := saveMedia(ctx, tx, im.BankID, files); err != nil {
		return nil, err
	}
	if err := insertItems(ctx, tx, r.bank, r.im.ConfirmedBy, created); err != nil {
		return nil, err
	}
	return told, updateItems(ctx, tx, r.im.ConfirmedBy, changed)
}

// writeOf is what a question becomes in the bank: a new item, or a new version of
// one that is there.
func (r *importRun) writeOf(ctx context.Context, tx pgx.Tx, p preparedFound, k knownItem, there bool) (w itemWrite, told *itemfile.Line, err error) {
	w = itemWrite{id: k.ItemID, version: k.Version + 1, status: k.Status.afterEdit(r.bank.Role), origin: imported, note: cut("From "+r.im.FileName+", "+p.Place.String(), 1000)}
	if !there {
		if w.id, err = uuid.NewV7(); err != nil {
			return w, nil, fmt.Errorf("make an item id: %w", err)
		}
		w.identity, w.status = p.Identity, r.im.ItemStatus
		w.labels.Tags = mergeTags(p.Tags, r.im.Tags)
		if p.Difficulty != "" {
			w.labels.Difficulty = &p.Difficulty
		}
		if w.labels.FolderID, err = r.folders.make(ctx, tx, append(slices.Clone(r.prefix), p.Folder...)); err != nil {
			return w, nil, fmt.Errorf("make the folder of %s: %w", p.Place, err)
		}
	}
	if w.edition, err = newEdition(*p.Item, w.id); err != nil {
		return w, nil, fmt.Errorf("bring %s: %w", p.Place, err)
	}
	if w.status.forLearners() {
		if places := r.m.untold(w.def); len(places) > 0 {
			told = &itemfile.Line{
				Severity: itemfile.Simplified, Place: p.Place, What: "status " + string(w.status),
				Why: "the item is a draft until its images have an alternative text: " + cut(strings.Join(places, ", "), 200),
			}
			w.status = itemDraft
		}
	}
	return w, told, nil
}

func mergeTags(own, more []string) []string {
	tags := append(slices.Clone(own), more...)
	slices.Sort(tags)
	tags = slices.Compact(tags)
	return tags[:min(len(tags), maxTags)]
}
