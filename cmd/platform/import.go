package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/lyceum-lms/platform/internal/app"
)

type importCmd struct {
	Course importCourseCmd `cmd:"" help:"Import an Open edX course export (OLX, .tar.gz or folder) and publish it."`
	Items  importItemsCmd  `cmd:"" help:"Import items (QTI 3.0, 2.x and 1.2, Common Cartridge, Moodle XML, GIFT) into a bank."`
}

type importCourseCmd struct {
	File         string `arg:"" help:"Export: a .tar.gz, a .tar or a folder." type:"path"`
	Organisation string `default:"demo" help:"Slug of the organisation that owns the course."`
	ReportJSON   string `name:"report-json" help:"Also write the import report as JSON." type:"path" placeholder:"FILE"`
}

// Run prints the report whether the import succeeds or not, as far as there is one.
func (i importCourseCmd) Run(ctx context.Context, c app.Config) error {
	step := ""
	result, err := app.ImportCourse(ctx, c, app.CourseImport{
		Path: i.File, Organisation: i.Organisation,
		Progress: func(now string, done, total int) {
			if now != step {
				fmt.Fprintf(os.Stderr, "%s ...\n", now)
				step = now
			}
		},
	})
	if result != nil && result.Report != nil {
		fmt.Print(result.Report.Text())
		if i.ReportJSON != "" {
			body, jsonErr := json.MarshalIndent(result.Report, "", "  ")
			if jsonErr != nil {
				return jsonErr
			}
			if jsonErr := os.WriteFile(i.ReportJSON, append(body, '\n'), 0o644); jsonErr != nil {
				return fmt.Errorf("write the report: %w", jsonErr)
			}
		}
	}
	if err != nil {
		return err
	}
	verb := "Published"
	if result.Unchanged {
		verb = "Unchanged:"
	}
	fmt.Printf("\n%s version %d of course %s.\n", verb, result.Version, result.CourseID)
	return nil
}
