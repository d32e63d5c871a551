package assessment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/formats"
	"github.com/lyceum-lms/platform/internal/problem"
)

// ReadItems reads a file of items and reports what it holds, without a bank or
// anything else. each is given every line of the report. A file that could not be
// read to its end has a report that says so, beside the error.
func ReadItems(ctx context.Context, src itemfile.Source, each func(itemfile.Line)) (itemfile.Report, error) {
	format, questions, err := formats.Open(ctx, src)
	if err != nil {
		return itemfile.Report{}, err
	}
	tally := itemfile.NewTally(src.Name, format, each)
	cleaner := newCleaner()
	for found, err := range questions {
		if err != nil {
			tally.Stop(err)
			return tally.Report(), err
		}
		tally.Add(prepareFound(cleaner, found, 0).Found)
	}
	return tally.Report(), nil
}

// OperatorImport is an import of items that an operator makes.
type OperatorImport struct {
	FileName string
	File     io.Reader
	// BankID is the bank. Nil: the bank of the organisation with BankTitle, which is
	// made if there is none.
	BankID       uuid.UUID
	Organisation uuid.UUID
	BankTitle    string
	// DryRun leaves the bank as it is. The import can be confirmed later.
	DryRun bool
	// Partial brings a file that could not be read to its end up to there.
	Partial bool
	// Progress, if not nil, is told how far the reading is.
	Progress func(questions int, read, bytes int64)
}

// OperatorImportResult is what became of it.
type OperatorImportResult struct {
	ImportID uuid.UUID       `json:"import_id,omitzero"`
	BankID   uuid.UUID       `json:"bank_id,omitzero"`
	Report   itemfile.Report `json:"report"`
	// What the file would bring.
	New       int `json:"new"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	// What it has brought.
	Created int `json:"created"`
	Updated int `json:"updated"`
}

// ImportItems imports a file without a job, in this process: the same way that an
// upload takes. If the process dies, another that runs the module goes on.
func (m *Module) ImportItems(ctx context.Context, in OperatorImport) (OperatorImportResult, error) {
	b, err := m.operatorsBank(ctx, in)
	if err != nil {
		return OperatorImportResult{}, err
	}
	result := OperatorImportResult{BankID: b.BankID}
	if result.ImportID, err = uuid.NewV7(); err != nil {
		return result, fmt.Errorf("make an import id: %w", err)
	}
	key := importPrefix + result.ImportID.String()
	counted := &countingReader{Reader: in.File}
	if err := m.files.Write(ctx, key, "application/octet-stream", counted, nil); err != nil {
		return result, err
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := insertImport(ctx, tx, result.ImportID, b, nil, in.FileName, counted.n, key)
		return err
	})
	if err != nil {
		m.files.Delete(ctx, key)
		return result, err
	}
	im, err := m.runToEnd(ctx, result.ImportID, importRead, in.Progress)
	if err != nil {
		return result, err
	}
	if err := m.describe(ctx, im, &result); err != nil || in.DryRun {
		return result, err
	}
	if im.Stopped != "" && !in.Partial {
		return result, fmt.Errorf("the file could not be read to its end: %s: nothing was imported; --partial imports what is before that", im.Stopped)
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := markConfirmed(ctx, tx, im, nil, true, confirmation{Status: itemDraft, Tags: []string{}})
		return err
	})
	if err != nil {
		return result, err
	}
	if im, err = m.runToEnd(ctx, result.ImportID, importDone, in.Progress); err != nil {
		return result, err
	}
	return result, m.describe(ctx, im, &result)
}

// countingReader knows what it has read.
type countingReader struct {
	io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// operatorsBank finds the bank, or makes it.
func (m *Module) operatorsBank(ctx context.Context, in OperatorImport) (b bank, err error) {
	if in.BankID != uuid.Nil {
		err = m.db.Pool.QueryRow(ctx, `select bank_id, organisation_id from assessment.banks where bank_id = $1`, in.BankID).
			Scan(&b.BankID, &b.OrganisationID)
		if errors.Is(err, pgx.ErrNoRows) {
			return bank{}, fmt.Errorf("there is no bank %s", in.BankID)
		}
		if err != nil {
			return bank{}, fmt.Errorf("load bank %s: %w", in.BankID, err)
		}
		return b, nil
	}
	title, err := checkName("bank-title", in.BankTitle, maxBankTitle)
	if err != nil {
		return bank{}, err
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b.OrganisationID = in.Organisation
		err := tx.QueryRow(ctx, `select bank_id from assessment.banks where organisation_id = $1 and title = $2 order by bank_id limit 1`,
			in.Organisation, title).Scan(&b.BankID)
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if b.BankID, err = uuid.NewV7(); err != nil {
			return err
		}
		return insertBank(ctx, tx, b.BankID, in.Organisation, nil, title, "")
	})
	if err != nil {
		return bank{}, fmt.Errorf("find the bank %q: %w", title, err)
	}
	return b, nil
}

// runToEnd does a reading and returns the import, which must have got there.
func (m *Module) runToEnd(ctx context.Context, id uuid.UUID, there importStatus, progress importProgress) (itemImport, error) {
	if err := m.runImport(ctx, id, false, progress); err != nil {
		return itemImport{}, err
	}
	found, err := queryImports(ctx, m.db.Pool, `select `+importColumns+` from assessment.item_imports where import_id = $1`, id)
	if err != nil || len(found) == 0 {
		return itemImport{}, fmt.Errorf("load import %s: %w", id, errors.Join(err, errImportEnded))
	}
	switch im := found[0]; im.Status {
	case there:
		return im, nil
	case importFailed:
		return itemImport{}, problem.New(problem.Invalid, im.Reason, "%s", im.Detail)
	default:
		return itemImport{}, fmt.Errorf("the import is %q: somebody else has ended it or goes on with it", string(im.Status))
	}
}

func (m *Module) describe(ctx context.Context, im itemImport, result *OperatorImportResult) error {
	report, err := importReport(ctx, m.db.Pool, im.ImportID)
	if err != nil {
		return err
	}
	if report != nil {
		result.Report = *report
	}
	result.New, result.Changed, result.Unchanged = im.NewItems, im.ChangedItems, im.SameItems
	result.Created, result.Updated = im.Created, im.Updated
	return nil
}

// ImportLines passes all lines of an import's report by.
func (m *Module) ImportLines(ctx context.Context, id uuid.UUID, each func(itemfile.Line) error) error {
	for after := 0; after < math.MaxInt32; {
		lines, err := importLines(ctx, m.db.Pool, id, "", after, linesPage)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := each(l.line()); err != nil {
				return err
			}
			after = l.Seq
		}
		if len(lines) < linesPage {
			return nil
		}
	}
	return nil
}
