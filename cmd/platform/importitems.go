package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lyceum-lms/platform/internal/app"
)

type importItemsCmd struct {
	File         string `arg:"" help:"A file of items: a zip package, an .imscc, an XML file or a GIFT text." type:"existingfile"`
	Bank         string `help:"Id of the bank." placeholder:"ID"`
	BankTitle    string `help:"Title of the bank, which is made if the organisation has none with it. Default: the file's name." placeholder:"TITLE"`
	Organisation string `default:"demo" help:"Slug of the organisation that owns the bank."`
	DryRun       bool   `help:"Only report. Without --bank nothing but the file is needed; with it the report says what is new to the bank."`
	Partial      bool   `help:"Also import a file that cannot be read to its end, up to there."`
	Lines        bool   `help:"Also print each line of the report by itself."`
	JSON         bool   `name:"json" help:"Print the report with all its lines as JSON."`
}

// someSkipped is the exit code when not everything arrives.
const someSkipped = 3

// Run prints the report whether the import succeeds or not, as far as there is one.
// The exit code is 0 when every question arrives, if simplified, and 3 when some do
// not.
func (i importItemsCmd) Run(ctx context.Context, c app.Config) error {
	out := &itemReport{out: os.Stdout, json: i.JSON, lines: i.Lines || i.JSON}
	result, err := i.run(ctx, c, out)
	if printErr := out.end(result); printErr != nil {
		return errors.Join(err, printErr)
	}
	if err == nil && (result.Report.Skipped > 0 || result.Report.Stopped != "") {
		return exitError{code: someSkipped, reason: fmt.Sprintf("%d of %d questions do not arrive", result.Report.Skipped, result.Report.Questions)}
	}
	return err
}

func (i importItemsCmd) run(ctx context.Context, c app.Config, out *itemReport) (app.ItemImportResult, error) {
	if i.DryRun && i.Bank == "" {
		result, err := app.ReadItems(ctx, i.File, func(l app.ItemLine) { _ = out.line(l) }) // told by end
		if result.Report.Stopped != "" {
			err = nil // the report says it
		}
		return result, err
	}
	title := i.BankTitle
	if title == "" {
		title = filepath.Base(i.File)
	}
	in := app.ItemImport{
		Path: i.File, Bank: i.Bank, BankTitle: title, Organisation: i.Organisation, DryRun: i.DryRun, Partial: i.Partial,
		Progress: func(questions int, read, bytes int64) {
			fmt.Fprintf(os.Stderr, "%d questions, %d of %d bytes\n", questions, read, bytes)
		},
	}
	if out.lines {
		in.Line = out.line
	}
	return app.ImportItems(ctx, c, in)
}

// itemReport prints the report of an import: first the lines, as they come, then
// what they add up to.
type itemReport struct {
	out         io.Writer
	json, lines bool
	printed     int
	err         error
}

func (r *itemReport) line(l app.ItemLine) error {
	switch {
	case r.err != nil || !r.lines:
		return r.err
	case r.json:
		separator := "{\"lines\":[\n"
		if r.printed > 0 {
			separator = ",\n"
		}
		var text []byte
		if text, r.err = json.Marshal(l); r.err == nil {
			_, r.err = fmt.Fprintf(r.out, "%s%s", separator, text)
		}
	default:
		_, r.err = fmt.Fprintf(r.out, "%s  %s  %s: %s\n", l.Severity, l.Place, l.What, l.Why)
	}
	r.printed++
	return r.err
}

func (r *itemReport) end(result app.ItemImportResult) error {
	if r.err != nil {
		return r.err
	}
	if r.json {
		result.Report.Lines = nil // they have been printed
		body, err := json.Marshal(result)
		if err != nil {
			return err
		}
		if r.printed == 0 {
			fmt.Fprint(r.out, "{\"lines\":[")
		}
		_, err = fmt.Fprintf(r.out, "],\n\"import\":%s}\n", body)
		return err
	}
	if result.Report.Source == "" {
		return nil
	}
	if r.printed > 0 {
		fmt.Fprintln(r.out)
	}
	fmt.Fprint(r.out, result.Report.Text())
	if result.BankID != [16]byte{} {
		fmt.Fprintf(r.out, "\nBank %s: %d new, %d with a new version, %d unchanged.\n", result.BankID, result.New, result.Changed, result.Unchanged)
		fmt.Fprintf(r.out, "Import %s has brought %d new items and %d new versions.\n", result.ImportID, result.Created, result.Updated)
	}
	return nil
}
