// Package imports brings other people's courses in: a real one, changed ones
// and hostile ones.
package imports

import (
	"fmt"
	"testing"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

func TestMain(m *testing.M) { platformtest.Main(m) }

// imported is the state of an import.
type imported struct {
	ImportID  string `json:"import_id"`
	Status    string
	CourseID  string `json:"course_id"`
	Version   int
	Unchanged bool
	Progress  *struct {
		Step        string
		Done, Total int
	}
	Failure *struct{ Reason, Detail string }
	Report  *report
}

// report is what tests look at of an import report.
type report struct {
	CourseKey string `json:"course_key"`
	Title     string
	Counts    struct {
		Chapters, Subsections, Units, Problems, Items int
		Placeholders                                  map[string]int
	}
	Entries []struct {
		Severity, What, Why string
		Place               struct{ Block, File string }
	}
}

// upload requests an import over the API and waits for its end.
func upload(t *testing.T, who *platformtest.Client, archive []byte) (end imported, steps map[string]bool) {
	t.Helper()
	var queued imported
	who.Call(t, "POST", "/v1/imports", platformtest.Raw{ContentType: "application/gzip", Body: archive}, &queued)
	return await(t, who, queued.ImportID)
}

// await waits for the end of an import. It returns the steps that were seen on
// the way, too.
func await(t *testing.T, who *platformtest.Client, importID string) (end imported, steps map[string]bool) {
	t.Helper()
	steps = map[string]bool{}
	platformtest.Eventually(t, "the import ends", func() error {
		end = imported{}
		who.Get(t, "/v1/imports/"+importID, &end)
		if end.Progress != nil {
			steps[end.Progress.Step] = true
		}
		if end.Status == "queued" || end.Status == "running" {
			return fmt.Errorf("it is still %s", end.Status)
		}
		return nil
	})
	return end, steps
}
