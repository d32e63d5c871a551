package assessment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
	"github.com/lyceum-lms/platform/internal/upload"
)

// importStatus is where an import of items is. It is queued, reading, then read:
// what it would bring is known. Once confirmed it is applying, then done.
type importStatus string

const (
	importQueued    importStatus = "queued"
	importReading   importStatus = "reading"
	importRead      importStatus = "read"
	importConfirmed importStatus = "confirmed"
	importApplying  importStatus = "applying"
	importDone      importStatus = "done"
	importFailed    importStatus = "failed"
	importCancelled importStatus = "cancelled"
)

// ended reports whether nothing more will happen.
func (s importStatus) ended() bool {
	return s == importDone || s == importFailed || s == importCancelled
}

// itemImport is an import as the database has it.
type itemImport struct {
	ImportID       uuid.UUID
	BankID         uuid.UUID
	OrganisationID uuid.UUID
	RequestedBy    *uuid.UUID
	FileName       string
	Bytes          int64
	BlobKey        string
	Status         importStatus
	Format         string
	Position       int
	ReadBytes      int64
	Questions      int
	NewItems       int
	ChangedItems   int
	SameItems      int
	SkippedItems   int
	Lines          int
	OmittedLines   int
	Stopped        string
	Manages        bool
	ItemStatus     itemStatus
	FolderID       *uuid.UUID
	Tags           []string
	ConfirmedBy    *uuid.UUID
	Created        int
	Updated        int
	Unchanged      int
	Reason         string
	Detail         string
	RequestedAt    time.Time
	FinishedAt     *time.Time
}

const importColumns = `import_id, bank_id, organisation_id, requested_by, file_name, bytes, blob_key, status, format, position,
	read_bytes, questions, new_items, changed_items, same_items, skipped_items, lines, omitted_lines, stopped, manages, item_status,
	folder_id, tags, confirmed_by, created, updated, unchanged, reason, detail, requested_at, finished_at`

// queryImports runs a query that returns importColumns.
func queryImports(ctx context.Context, q querier, sql string, args ...any) ([]itemImport, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[itemImport])
}

// importPrefix is where uploads wait in the blob store.
const importPrefix = "imports/"

const (
	// maxWaitingImports is how many imports of one account may wait or run at
	// once. Each holds a file of up to MaxImportBytes.
	maxWaitingImports = 10
	// importKept is how long a file that was read waits to be confirmed.
	importKept = 7 * 24 * time.Hour
)

// importFor returns an import into a bank in which the caller may do what least
// may.
func importFor(ctx context.Context, q querier, caller auth.Principal, id uuid.UUID, least bankRole) (itemImport, bank, error) {
	found, err := queryImports(ctx, q, `select `+importColumns+` from assessment.item_imports where import_id = $1 and organisation_id = $2`,
		id, caller.OrganisationID)
	if err != nil {
		return itemImport{}, bank{}, fmt.Errorf("load import %s: %w", id, err)
	}
	if len(found) == 0 {
		return itemImport{}, bank{}, errNoImport()
	}
	b, err := bankFor(ctx, q, caller, found[0].BankID, least)
	if problem.Of(err).Code == problem.NotFound {
		err = errNoImport()
	}
	if err != nil {
		return itemImport{}, bank{}, err
	}
	return found[0], b, nil
}

// requestImport streams an upload to the blob store and queues its reading.
func (m *Module) requestImport(ctx context.Context, caller auth.Principal, bankID uuid.UUID, file *upload.File) (itemImport, error) {
	b, err := bankFor(ctx, m.db.Pool, caller, bankID, bankAuthor)
	if err != nil {
		return itemImport{}, err
	}
	if err := m.checkWaiting(ctx, caller); err != nil {
		return itemImport{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return itemImport{}, fmt.Errorf("make an import id: %w", err)
	}
	key := importPrefix + id.String()
	if err := m.files.Write(ctx, key, "application/octet-stream", file, file.Check); err != nil {
		return itemImport{}, file.Fault(err)
	}
	var im itemImport
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if im, err = insertImport(ctx, tx, id, b, &caller.AccountID, file.Name, file.Bytes(), key); err != nil {
			return err
		}
		return m.queueImport(ctx, tx, id)
	})
	if err != nil {
		m.files.Delete(ctx, key)
	}
	return im, err
}

// checkWaiting refuses another import to who has enough of them. It is no more
// than a guard of the disk: uploads at the same time may exceed it by their
// number.
func (m *Module) checkWaiting(ctx context.Context, caller auth.Principal) error {
	var waiting int
	err := m.db.Pool.QueryRow(ctx, `select count(*) from assessment.item_imports
		where requested_by = $1 and status in ('queued', 'reading', 'read', 'confirmed', 'applying')`, caller.AccountID).Scan(&waiting)
	if err != nil {
		return fmt.Errorf("count the imports that wait: %w", err)
	}
	if waiting >= maxWaitingImports {
		return problem.New(problem.TooMany, "too-many-imports",
			"You have %d imports that have not ended. Confirm or cancel one of them.", waiting).After(time.Minute)
	}
	return nil
}

// insertImport records an upload, by somebody; nil is an operator.
func insertImport(ctx context.Context, tx pgx.Tx, id uuid.UUID, b bank, by *uuid.UUID, name string, bytes int64, key string) (itemImport, error) {
	made, err := queryImports(ctx, tx, `
		insert into assessment.item_imports (import_id, bank_id, organisation_id, requested_by, file_name, bytes, blob_key)
		values ($1, $2, $3, $4, $5, $6, $7) returning `+importColumns, id, b.BankID, b.OrganisationID, by, name, bytes, key)
	if err != nil {
		return itemImport{}, fmt.Errorf("record an import: %w", err)
	}
	return made[0], nil
}

func (m *Module) queueImport(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	if _, err := m.jobs.InsertTx(ctx, tx, importArgs{ImportID: id}, nil); err != nil {
		return fmt.Errorf("enqueue import %s: %w", id, err)
	}
	return nil
}

// listImports returns up to limit imports of a bank before one, the newest first.
func (m *Module) listImports(ctx context.Context, caller auth.Principal, bankID, before uuid.UUID, limit int) ([]itemImport, error) {
	if _, err := bankFor(ctx, m.db.Pool, caller, bankID, bankAuthor); err != nil {
		return nil, err
	}
	found, err := queryImports(ctx, m.db.Pool, `select `+importColumns+` from assessment.item_imports
		where bank_id = $1 and import_id < $2 order by import_id desc limit $3`, bankID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list the imports into bank %s: %w", bankID, err)
	}
	return found, nil
}

// importReport returns the report of an import, without its lines; nil while it
// has none.
func importReport(ctx context.Context, q querier, id uuid.UUID) (*itemfile.Report, error) {
	var text []byte
	if err := q.QueryRow(ctx, `select report from assessment.item_imports where import_id = $1`, id).Scan(&text); err != nil {
		return nil, fmt.Errorf("load the report of import %s: %w", id, err)
	}
	if text == nil {
		return nil, nil
	}
	var report itemfile.Report
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("read the report of import %s: %w", id, err)
	}
	return &report, nil
}

// importLine is a line of a report with its number.
type importLine struct {
	Seq      int
	Severity itemfile.Severity
	File     string
	Line     int
	SourceID string
	What     string
	Why      string
}

func (l importLine) line() itemfile.Line {
	return itemfile.Line{Severity: l.Severity, Place: itemfile.Place{File: l.File, Line: l.Line, ID: l.SourceID}, What: l.What, Why: l.Why}
}

// importLines returns up to limit lines of a report after one, of a severity or
// of all.
func importLines(ctx context.Context, q querier, id uuid.UUID, severity itemfile.Severity, after, limit int) ([]importLine, error) {
	sql, args := `select seq, severity, file, line, source_id, what, why from assessment.item_import_lines
		where import_id = $1 and seq > $2`, []any{id, after, limit}
	if severity != "" {
		sql, args = sql+` and severity = $4`, append(args, severity)
	}
	rows, err := q.Query(ctx, sql+` order by seq limit $3`, args...)
	if err != nil {
		return nil, fmt.Errorf("load the lines of import %s: %w", id, err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByName[importLine])
	if err != nil {
		return nil, fmt.Errorf("load the lines of import %s: %w", id, err)
	}
	return lines, nil
}

// confirmation says how what was read is to be brought into the bank.
type confirmation struct {
	Status  itemStatus // of new items
	Folder  *uuid.UUID // below which the file's folders are made
	Tags    []string   // for new items
	Partial bool       // also if the file could not be read to its end
}

// confirmImport lets what was read come into the bank.
func (m *Module) confirmImport(ctx context.Context, caller auth.Principal, id uuid.UUID, c confirmation) (im itemImport, err error) {
	if c.Tags, err = cleanTags("body.tags", c.Tags); err != nil {
		return itemImport{}, err
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, b, err := importFor(ctx, tx, caller, id, bankAuthor)
		if err != nil {
			return err
		}
		if c.Status == itemLive {
			if err := b.allows(bankManager); err != nil {
				return err
			}
		}
		if err := folderIn(ctx, tx, b.BankID, c.Folder); err != nil {
			return err
		}
		if before.Stopped != "" && !c.Partial {
			return problem.New(problem.Conflict, "import-partial",
				"The file could not be read to its end: %s. Confirm with partial to bring what is before that.", before.Stopped)
		}
		if im, err = markConfirmed(ctx, tx, before, &caller.AccountID, b.Role.may(bankManager), c); err != nil {
			return err
		}
		return m.queueImport(ctx, tx, id)
	})
	return im, err
}

// markConfirmed makes the second reading begin.
func markConfirmed(ctx context.Context, tx pgx.Tx, im itemImport, by *uuid.UUID, manages bool, c confirmation) (itemImport, error) {
	confirmed, err := queryImports(ctx, tx, `
		update assessment.item_imports set status = 'confirmed', confirmed_by = $2, manages = $3, item_status = $4, folder_id = $5,
			tags = $6, position = 0, read_bytes = 0, touched_at = now(), finished_at = null
		where import_id = $1 and status = 'read' returning `+importColumns,
		im.ImportID, by, manages, c.Status, c.Folder, c.Tags)
	if err != nil {
		return itemImport{}, fmt.Errorf("confirm import %s: %w", im.ImportID, err)
	}
	if len(confirmed) == 0 {
		return itemImport{}, problem.New(problem.Conflict, "import-not-read", "Only an import that has been read can be confirmed; this one is %q.", string(im.Status))
	}
	return confirmed[0], nil
}

// cancelImport ends an import. What it has brought by then stays.
func (m *Module) cancelImport(ctx context.Context, caller auth.Principal, id uuid.UUID) (im itemImport, err error) {
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, _, err := importFor(ctx, tx, caller, id, bankAuthor)
		if err != nil {
			return err
		}
		cancelled, err := queryImports(ctx, tx, `
			update assessment.item_imports set status = 'cancelled', finished_at = now()
			where import_id = $1 and status not in ('done', 'failed', 'cancelled') returning `+importColumns, id)
		switch {
		case err != nil:
			return fmt.Errorf("cancel import %s: %w", id, err)
		case len(cancelled) == 1:
			im = cancelled[0]
			return nil
		}
		if im, _, err = importFor(ctx, tx, caller, id, bankAuthor); err != nil || im.Status == importCancelled {
			return err
		}
		return problem.New(problem.Conflict, "import-ended", "The import has ended already: it is %q.", string(before.Status))
	})
	if err == nil {
		m.files.Delete(ctx, im.BlobKey)
	}
	return im, err
}

// expireImports ends imports that nobody has confirmed in time, and removes
// uploads that nobody needs any more.
func (m *Module) expireImports(ctx context.Context) error {
	_, err := m.db.Pool.Exec(ctx, `
		update assessment.item_imports set status = 'cancelled', finished_at = now(), reason = 'expired',
			detail = 'Nobody has confirmed it in time. Upload the file again.'
		where status = 'read' and touched_at < now() - $1::interval`, importKept)
	if err != nil {
		return fmt.Errorf("expire imports: %w", err)
	}
	// Those that wait were touched later than their upload arrived.
	return m.files.Sweep(ctx, importPrefix, m.now().Add(-2*importKept))
}

func errNoImport() error { return problem.NotFoundf("There is no such import.") }

// errImportEnded says that an import was cancelled, or that somebody else is at
// it.
var errImportEnded = errors.New("the import has ended")
