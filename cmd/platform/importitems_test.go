package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

const (
	goodItems = "// [id:fr]\n::France:: Capital? {=Paris ~Lyon}\n\n// [id:it]\n::Italy:: Rome? {T}\n"
	oddItems  = goodItems + "\n::Broken:: What? {=\n"
)

// itemsOutput is what tests read of --json.
type itemsOutput struct {
	Lines  []struct{ Severity, What string }
	Import struct {
		BankID    string `json:"bank_id"`
		New       int
		Unchanged int
		Created   int
		Report    struct{ Questions, Arrived, Skipped int }
	}
}

func itemsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "week.gift")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestItemsAreReportedWithoutADatabase(t *testing.T) {
	clean(t)
	code, out, errs := platform(t, "import", "items", itemsFile(t, goodItems), "--dry-run")
	require.Zero(t, code, errs)
	require.Contains(t, out, "2 questions: 2 arrive as they are")

	code, out, errs = platform(t, "import", "items", itemsFile(t, oddItems), "--dry-run")
	require.Equal(t, someSkipped, code)
	require.Contains(t, out, "week.gift:7 (Broken)")
	require.Contains(t, errs, "1 of 3 questions do not arrive")

	var got itemsOutput
	code, out, _ = platform(t, "import", "items", itemsFile(t, oddItems), "--dry-run", "--json")
	require.Equal(t, someSkipped, code)
	require.NoError(t, json.Unmarshal([]byte(out), &got), out)
	require.Equal(t, "skipped", got.Lines[0].Severity)
	require.Equal(t, 3, got.Import.Report.Questions)

	code, _, errs = platform(t, "import", "items", itemsFile(t, "\x89PNG\r\n\x1a\n\x00"), "--dry-run")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "week.gift")
	code, _, errs = platform(t, "import", "items", filepath.Join(t.TempDir(), "missing.gift"), "--dry-run")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "missing.gift")
}

func TestItemsAreImportedAtTheCommandLine(t *testing.T) {
	clean(t)
	if testing.Short() {
		t.Skip("short: it needs a database of its own")
	}
	flags := []string{"--database-url", postgrestest.New(t).URL(), "--data-dir", t.TempDir(), "--demo", "yes", "--json", "--bank-title", "Geography"}
	items := func(path string, more ...string) (int, itemsOutput) {
		t.Helper()
		code, out, errs := platform(t, append(append([]string{"import", "items", path}, flags...), more...)...)
		var got itemsOutput
		require.NoError(t, json.Unmarshal([]byte(out), &got), "%s%s", out, errs)
		return code, got
	}
	code, got := items(itemsFile(t, oddItems))
	require.Equal(t, someSkipped, code)
	require.Equal(t, 2, got.Import.Created)
	bank := got.Import.BankID
	code, got = items(itemsFile(t, goodItems))
	require.Zero(t, code)
	require.Equal(t, bank, got.Import.BankID)
	require.Equal(t, 2, got.Import.Unchanged)
	require.Zero(t, got.Import.Created)
	code, got = items(itemsFile(t, goodItems+"\n// [id:de]\n::Germany:: Berlin? {T}\n"), "--bank", bank, "--dry-run")
	require.Zero(t, code)
	require.Equal(t, 1, got.Import.New)
	require.Zero(t, got.Import.Created)

	code, _, errs := platform(t, append([]string{"import", "items", itemsFile(t, goodItems), "--bank", "00000000-0000-7000-8000-000000000000"}, flags...)...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "there is no bank 00000000-0000-7000-8000-000000000000")
}
