package assessment

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/realfiles"
)

// realFilesIn are the files of items of a folder of real input.
func realFilesIn(t *testing.T, folder string) map[string]string {
	t.Helper()
	root := realfiles.Path(t, folder)
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		ending := filepath.Ext(path)
		if err != nil || d.IsDir() || ending != ".gift" && ending != ".xml" {
			return err
		}
		content, err := os.ReadFile(path)
		name, relErr := filepath.Rel(root, path)
		require.NoError(t, relErr)
		files[filepath.ToSlash(name)] = string(content)
		return err
	}))
	require.NotEmpty(t, files)
	return files
}

// packed are files as one archive.
func packed(t *testing.T, files map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, content := range files {
		f, err := w.Create(name)
		require.NoError(t, err)
		_, err = f.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.String()
}

// Everything in the real files comes into a bank or is named, and goes out of it
// and comes in again as it is.
func TestRealFilesComeIntoABank(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"gift", "canvas-qti-1.2", "citolab-2x", "qtiworks"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			files := realFilesIn(t, folder)
			if folder != "gift" { // one archive of all
				files = map[string]string{folder + ".zip": packed(t, files)}
			}
			s := quiet(t)
			ada := s.person(s.organisation, auth.Instructor)
			bank, _ := ada.bank(folder)
			bring := func(bank, name, content string) itemImportBody {
				t.Helper()
				im := ada.bring(bank, filepath.Base(name), content)
				require.NoError(t, s.module.runImport(t.Context(), im.ImportID, true, nil))
				im = ada.awaits(im, importRead)
				require.Empty(t, im.Stopped)
				ada.do(http.StatusAccepted, "POST", importPath(im)+"/confirm", map[string]any{}, nil)
				require.NoError(t, s.module.runImport(t.Context(), im.ImportID, true, nil))
				return ada.awaits(im, importDone)
			}
			questions, arrived, simplified, skipped, items := 0, 0, 0, 0, 0
			for name, content := range files {
				im := bring(bank, name, content)
				require.Equal(t, im.Found.Questions-im.Found.Skipped, im.Brought.Created+im.Brought.Updated+im.Brought.Unchanged, name)
				require.GreaterOrEqual(t, len(ada.lines(im, "skipped")), im.Found.Skipped, "each is named: %s", name)
				questions, arrived, simplified, skipped = questions+im.Report.Questions, arrived+im.Report.Arrived, simplified+im.Report.Simplified, skipped+im.Report.Skipped
				items += im.Brought.Created
			}
			t.Logf("%s: %d questions: %d arrive as they are, %d simplified, %d not", folder, questions, arrived, simplified, skipped)
			require.Positive(t, items)
			for _, format := range []exportFormat{exportQTI, exportMoodle} {
				var out []byte
				ada.do(http.StatusOK, "GET", bank+"/export?format="+string(format), nil, &out)
				var lost exportReportBody
				ada.do(http.StatusOK, "GET", bank+"/export/report?format="+string(format), nil, &lost)
				named := map[string]bool{} // items of which something does not go out
				for _, l := range lost.Lines {
					if l.Severity == itemfile.Skipped {
						named[l.Place.ID] = true
					}
				}
				other, _ := ada.bank(folder + " from " + string(format))
				im := bring(other, "export", string(out))
				require.LessOrEqual(t, items-im.Brought.Created, len(named), "%s: an item is lost without a word: %+v", format, lost.Lines)
				if format == exportQTI {
					require.Equal(t, items, im.Brought.Created)
				}
				// Back where they came from they are what they are.
				same := bring(bank, "export", string(out))
				t.Logf("%s as %s and back: %d unchanged, %d changed, %d new", folder, format, same.Brought.Unchanged, same.Brought.Updated, same.Brought.Created)
				require.Zero(t, same.Brought.Created, format)
				if format == exportQTI {
					require.Zero(t, same.Brought.Updated)
				}
			}
		})
	}
}
