package assessment

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// bring uploads a file to be imported.
func (p person) bring(bank, name, content string) itemImportBody {
	p.Helper()
	var im itemImportBody
	response := p.api.Do(p.TB, "POST", bank+"/imports", p.token, []byte(content), &im,
		httpservertest.Header{Name: "Content-Disposition", Value: `attachment; filename="` + name + `"`})
	require.Equal(p.TB, http.StatusAccepted, response.StatusCode)
	require.Equal(p.TB, "/v1/item-imports/"+im.ImportID.String(), response.Header.Get("Location"))
	return im
}

func importPath(im itemImportBody) string { return "/v1/item-imports/" + im.ImportID.String() }

// awaits waits until an import has a status.
func (p person) awaits(im itemImportBody, status importStatus) itemImportBody {
	p.Helper()
	var now itemImportBody
	require.Eventually(p.TB, func() bool {
		now = itemImportBody{}
		p.do(http.StatusOK, "GET", importPath(im), nil, &now)
		return now.Status == string(status) || importStatus(now.Status).ended() || now.Status == string(importRead)
	}, time.Minute, 20*time.Millisecond)
	require.Equal(p.TB, string(status), now.Status, "%+v %+v", now.Failure, now.Report)
	return now
}

// confirm brings what was read, and waits until it is there.
func (p person) confirm(im itemImportBody, body map[string]any) itemImportBody {
	p.Helper()
	if body == nil {
		body = map[string]any{}
	}
	p.do(http.StatusAccepted, "POST", importPath(im)+"/confirm", body, nil)
	return p.awaits(im, importDone)
}

// lines are all lines of a report, page by page.
func (p person) lines(im itemImportBody, severity itemfile.Severity) []importLineBody {
	p.Helper()
	var all []importLineBody
	for cursor := ""; ; {
		var page httpserver.List[importLineBody]
		p.do(http.StatusOK, "GET", importPath(im)+"/lines?limit=2&severity="+string(severity)+"&cursor="+cursor, nil, &page)
		all = append(all, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return all
		}
	}
}

const giftFile = `$CATEGORY: Geography/Europe

// [id:capital-fr] [tag:capitals]
::Capital of France:: Which town is the capital of France? {
=Paris#yes
~Lyon#no
}

// [id:capital-it]
::Capital of Italy:: Rome is the capital of Italy. {T}

$CATEGORY: Geography

// [id:height]
::Mont Blanc:: How high is Mont Blanc in metres? {#4808:10}
`

func TestAFileIsReadThenConfirmedThenThere(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	im := ada.awaits(ada.bring(bank, "week 1.gift", giftFile), importRead)
	require.Equal(t, "GIFT", im.Format)
	require.Equal(t, itemFoundBody{Questions: 3, New: 3, Lines: im.Found.Lines}, im.Found)
	require.Equal(t, 3, im.Report.Arrived+im.Report.Simplified)
	require.Nil(t, im.Brought)
	require.Empty(t, ada.titles(bank, ""), "nothing comes before it is confirmed")

	done := ada.confirm(im, map[string]any{"tags": []string{"imported"}, "status": "review"})
	require.Equal(t, &itemBroughtBody{Created: 3}, done.Brought)
	require.Equal(t, []string{"Capital of France", "Capital of Italy", "Mont Blanc"}, ada.titles(bank, "sort=title"))
	require.Equal(t, []string{"Capital of France"}, ada.titles(bank, "tag=imported&tag=capitals&status=review"))
	require.Equal(t, []string{"Mont Blanc"}, ada.titles(bank, "kind=numerical"))
	var folders httpserver.List[folderBody]
	ada.do(http.StatusOK, "GET", bank+"/folders", nil, &folders)
	require.Len(t, folders.Items, 1)
	require.Equal(t, "Geography", folders.Items[0].Name)
	require.Equal(t, []string{"Mont Blanc"}, ada.titles(bank, "subfolders=false&folder="+folders.Items[0].FolderID.String()))
	require.Len(t, ada.titles(bank, "folder="+folders.Items[0].FolderID.String()), 3)
	var list httpserver.List[ItemBody]
	ada.do(http.StatusOK, "GET", bank+"/items?identity=capital-fr", nil, &list)
	require.Len(t, list.Items, 1)
	var item fullItemBody
	ada.do(http.StatusOK, "GET", "/v1/items/"+list.Items[0].ItemID.String(), nil, &item)
	require.Equal(t, "imported", item.Revision.Origin)
	require.Contains(t, item.Revision.Note, "week 1.gift")
	require.Equal(t, ada.id, *item.Revision.AuthorID)
	var text []byte
	ada.do(http.StatusOK, "GET", importPath(im)+"/report.txt", nil, &text)
	require.Contains(t, string(text), "3 questions")
	require.Contains(t, string(text), "Brought so far: 3 new")

	// The same file again changes nothing; a changed one makes versions.
	again := ada.awaits(ada.bring(bank, "week 1.gift", giftFile), importRead)
	require.Equal(t, 3, again.Found.Unchanged)
	require.Equal(t, &itemBroughtBody{Unchanged: 3}, ada.confirm(again, nil).Brought)
	changed := ada.awaits(ada.bring(bank, "week 1.gift", strings.Replace(giftFile, "~Lyon", "~Nice", 1)), importRead)
	require.Equal(t, itemFoundBody{Questions: 3, Changed: 1, Unchanged: 2, Lines: changed.Found.Lines}, changed.Found)
	require.Equal(t, &itemBroughtBody{Updated: 1, Unchanged: 2}, ada.confirm(changed, nil).Brought)
	var after fullItemBody
	ada.do(http.StatusOK, "GET", "/v1/items/"+item.ItemID.String(), nil, &after)
	require.Equal(t, 2, after.Version)
	require.Equal(t, "review", after.Status)
	require.Equal(t, item.Tags, after.Tags)
	require.Len(t, ada.titles(bank, ""), 3)
	var imports httpserver.List[itemImportBody]
	ada.do(http.StatusOK, "GET", bank+"/imports?limit=2", nil, &imports)
	require.Equal(t, changed.ImportID, imports.Items[0].ImportID)
	require.NotEmpty(t, imports.NextCursor)
	require.Empty(t, blobs(t, s.module), "uploads are not kept")
}

// blobs are the uploads that are kept.
func blobs(t *testing.T, m *Module) []string {
	t.Helper()
	var keys []string
	var rows []string
	require.NoError(t, m.db.Pool.QueryRow(t.Context(), `select coalesce(array_agg(blob_key), '{}') from assessment.item_imports`).Scan(&rows))
	for _, key := range rows {
		if r, err := m.files.Open(t.Context(), key); err == nil {
			require.NoError(t, r.Close())
			keys = append(keys, key)
		}
	}
	return keys
}

func TestWhatDoesNotArriveIsNamed(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	im := ada.awaits(ada.bring(bank, "odd.gift", giftFile+"\n::Broken:: What? {=\n\n::Fine:: Is it? {T}\n"), importRead)
	require.NotZero(t, im.Found.Skipped)
	skipped := ada.lines(im, itemfile.Skipped)
	require.NotEmpty(t, skipped)
	require.Equal(t, "odd.gift", skipped[0].Place.File)
	require.Positive(t, skipped[0].Place.Line)
	require.Len(t, ada.lines(im, ""), im.Found.Lines)
	require.Equal(t, im.Found.Questions-im.Found.Skipped, ada.confirm(im, nil).Brought.Created)
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newSchoolWith(t, Config{MaxImportBytes: 4096})
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	for name, content := range map[string]string{"photo.png": "\x89PNG\r\n\x1a\n\x00\x00", "data.json": `[{"question": 1}]`, "broken.zip": "PK\x03\x04broken"} {
		im := ada.awaits(ada.bring(bank, name, content), importFailed)
		require.Equal(t, "file-refused", im.Failure.Reason, name)
		require.Contains(t, im.Failure.Detail, name)
		ada.refused(http.StatusConflict, "import-not-read", "POST", importPath(im)+"/confirm", map[string]any{})
		ada.refused(http.StatusConflict, "import-ended", "POST", importPath(im)+"/cancel", nil)
	}
	ada.refused(http.StatusUnprocessableEntity, "empty-upload", "POST", bank+"/imports", []byte{})
	ada.refused(http.StatusRequestEntityTooLarge, "upload-too-large", "POST", bank+"/imports", []byte(strings.Repeat("x", 5000)))
	require.Empty(t, blobs(t, s.module))
}

func TestWhoMayImport(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, bob, eve := s.author("Ada"), s.author("Bob"), s.author("Eve")
	bank, _ := ada.bank("Geography")
	ada.member(bank, bob, bankAuthor)
	ada.member(bank, eve, bankReader)
	im := bob.awaits(bob.bring(bank, "a.gift", giftFile), importRead)
	calls := []call{
		{method: "POST", path: bank + "/imports", body: []byte(giftFile)},
		{method: "GET", path: bank + "/imports"},
		{method: "GET", path: importPath(im)},
		{method: "GET", path: importPath(im) + "/lines"},
		{method: "GET", path: importPath(im) + "/report.txt"},
		{method: "POST", path: importPath(im) + "/confirm", body: map[string]any{}},
		{method: "POST", path: importPath(im) + "/cancel"},
	}
	for _, c := range calls {
		eve.refused(http.StatusForbidden, "bank-role", c.method, c.path, c.body)
		s.author("Stranger").refused(http.StatusNotFound, "not-found", c.method, c.path, c.body)
		s.person(newID(), auth.OrganisationAdmin).refused(http.StatusNotFound, "not-found", c.method, c.path, c.body)
		s.learner("Leo").refused(http.StatusForbidden, "forbidden", c.method, c.path, c.body)
	}
	bob.refused(http.StatusForbidden, "bank-role", "POST", importPath(im)+"/confirm", map[string]any{"status": "live"})
	bob.refused(http.StatusUnprocessableEntity, "invalid-value", "POST", importPath(im)+"/confirm", map[string]any{"folder_id": newID()})
	bob.confirm(im, nil)
	// A live item that an author's import changes is in review again; a manager's
	// import leaves it live.
	var list httpserver.List[ItemBody]
	ada.do(http.StatusOK, "GET", bank+"/items?identity=capital-fr", nil, &list)
	item := fullItemBody{ItemBody: list.Items[0]}
	item = ada.become(item, itemLive)
	changed := bob.awaits(bob.bring(bank, "a.gift", strings.Replace(giftFile, "~Lyon", "~Nice", 1)), importRead)
	bob.confirm(changed, nil)
	ada.do(http.StatusOK, "GET", itemPath(item), nil, &item)
	require.Equal(t, "review", item.Status)
	item = ada.become(item, itemLive)
	changed = ada.awaits(ada.bring(bank, "a.gift", strings.Replace(giftFile, "~Lyon", "~Metz", 1)), importRead)
	ada.confirm(changed, map[string]any{"status": "live"})
	ada.do(http.StatusOK, "GET", itemPath(item), nil, &item)
	require.Equal(t, "live", item.Status)
}

func TestTooManyImportsWait(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	var im itemImportBody
	for range maxWaitingImports {
		im = ada.awaits(ada.bring(bank, "a.gift", giftFile), importRead)
	}
	ada.refused(http.StatusTooManyRequests, "too-many-imports", "POST", bank+"/imports", []byte(giftFile))
	ada.do(http.StatusOK, "POST", importPath(im)+"/cancel", nil, nil)
	ada.do(http.StatusOK, "POST", importPath(im)+"/cancel", nil, nil)
	ada.bring(bank, "a.gift", giftFile)
}

// manyQuestions is a GIFT file with a number of them.
func manyQuestions(count int) string {
	var b strings.Builder
	for i := range count {
		if i%100 == 0 {
			fmt.Fprintf(&b, "$CATEGORY: Folder %d/Part\n\n", i/1000)
		}
		fmt.Fprintf(&b, "// [id:q%d]\n::Question %d:: What is %d plus %d? {#%d}\n\n", i, i, i, i, 2*i)
	}
	return b.String()
}

// quiet is a school whose module is not started: imports go on when the test lets
// them.
func quiet(t testing.TB) *school {
	t.Helper()
	db := postgrestest.New(t)
	m := newModule(t, db, Config{})
	s := &school{TB: t, db: db, module: m, organisation: newID(), course: newID(), producers: map[string]*postgres.DB{"users": db.DB(t, "users")}}
	s.api = httpservertest.New(t, m, httpservertest.WithDB(m.db))
	return s
}

// An import that is broken off again and again, at any moment, brings everything
// once.
func TestAnImportThatIsBrokenOffGoesOn(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	ada := s.person(s.organisation, auth.Instructor)
	bank, bankID := ada.bank("Numbers")
	const count = 1600
	im := ada.bring(bank, "many.gift", manyQuestions(count))
	brokenOff := 0
	bringOn := func() {
		for patience := 40 * time.Millisecond; ; patience += 40 * time.Millisecond {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			err := s.module.runImport(ctx, im.ImportID, false, nil)
			cancel()
			if err == nil {
				return
			}
			require.Error(t, ctx.Err(), "%v", err)
			brokenOff++
		}
	}
	bringOn()
	now := ada.awaits(im, importRead)
	require.Equal(t, count, now.Found.Questions)
	require.Equal(t, count, now.Found.New)
	require.Equal(t, count, now.Report.Questions, "the report counts what earlier runs have read")
	ada.do(http.StatusAccepted, "POST", importPath(im)+"/confirm", map[string]any{}, nil)
	bringOn()
	now = ada.awaits(im, importDone)
	require.Equal(t, &itemBroughtBody{Created: count}, now.Brought)
	require.NotZero(t, brokenOff)
	t.Logf("broken off %d times", brokenOff)
	for table, want := range map[string]int{"items": count, "item_revisions": count, "item_versions": count, "folders": 2 * 2} {
		var rows int
		require.NoError(t, s.db.Admin(t).QueryRow(t.Context(), `select count(*) from assessment.`+table).Scan(&rows))
		require.Equal(t, want, rows, table)
	}
	require.NotEqual(t, uuid.Nil, bankID)
}

// Several processes that take up the same import get in each other's way, and it
// is done once.
func TestSeveralAtOneImport(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	ada := s.person(s.organisation, auth.Instructor)
	bank, _ := ada.bank("Numbers")
	const count = 1700
	im := ada.bring(bank, "many.gift", manyQuestions(count))
	all := func() {
		var runs sync.WaitGroup
		for range 3 {
			runs.Go(func() {
				if err := s.module.runImport(context.WithoutCancel(t.Context()), im.ImportID, false, nil); err != nil {
					t.Errorf("run: %v", err)
				}
			})
		}
		runs.Wait()
	}
	all()
	require.Equal(t, count, ada.awaits(im, importRead).Found.New)
	ada.do(http.StatusAccepted, "POST", importPath(im)+"/confirm", map[string]any{}, nil)
	all()
	require.Equal(t, &itemBroughtBody{Created: count}, ada.awaits(im, importDone).Brought)
}

func TestAnImportOfADeadProcessIsTakenUp(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	ada := s.person(s.organisation, auth.Instructor)
	bank, _ := ada.bank("Numbers")
	im := ada.bring(bank, "few.gift", giftFile)
	// What a killed process leaves: a job that counts as running, and an import at
	// which nobody is.
	_, err := s.module.db.Pool.Exec(t.Context(), `delete from assessment.river_job`)
	require.NoError(t, err)
	_, err = s.module.db.Pool.Exec(t.Context(), `update assessment.item_imports set status = 'reading', touched_at = now() - interval '1 hour'`)
	require.NoError(t, err)
	startModule(t, s.module)
	ada.awaits(im, importRead)
}

func TestACancelledImportKeepsWhatItHasBrought(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	ada := s.person(s.organisation, auth.Instructor)
	bank, _ := ada.bank("Numbers")
	im := ada.bring(bank, "many.gift", manyQuestions(3000))
	require.NoError(t, s.module.runImport(t.Context(), im.ImportID, false, nil))
	ada.do(http.StatusAccepted, "POST", importPath(im)+"/confirm", map[string]any{}, nil)
	var run sync.WaitGroup
	run.Go(func() {
		if err := s.module.runImport(context.WithoutCancel(t.Context()), im.ImportID, false, nil); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	require.Eventually(t, func() bool {
		var now itemImportBody
		ada.do(http.StatusOK, "GET", importPath(im), nil, &now)
		return now.Brought != nil && now.Brought.Created > 0
	}, time.Minute, time.Millisecond)
	var cancelled itemImportBody
	ada.do(http.StatusOK, "POST", importPath(im)+"/cancel", nil, &cancelled)
	run.Wait()
	var now itemImportBody
	ada.do(http.StatusOK, "GET", importPath(im), nil, &now)
	require.Equal(t, "cancelled", now.Status)
	require.Equal(t, cancelled.Brought, now.Brought, "nothing came after the cancellation")
	require.Less(t, now.Brought.Created, 3000)
	var items int
	require.NoError(t, s.db.Admin(t).QueryRow(t.Context(), `select count(*) from assessment.items`).Scan(&items))
	require.Equal(t, now.Brought.Created, items)
	ada.refused(http.StatusConflict, "import-not-read", "POST", importPath(im)+"/confirm", map[string]any{})

	// The same file again brings the rest.
	again := ada.bring(bank, "many.gift", manyQuestions(3000))
	require.NoError(t, s.module.runImport(t.Context(), again.ImportID, false, nil))
	require.Equal(t, items, ada.awaits(again, importRead).Found.Unchanged)
}

func TestAFileThatNobodyConfirmsExpires(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	ada := s.person(s.organisation, auth.Instructor)
	bank, _ := ada.bank("Numbers")
	im := ada.bring(bank, "few.gift", giftFile)
	require.NoError(t, s.module.runImport(t.Context(), im.ImportID, false, nil))
	require.NoError(t, s.module.expireImports(t.Context()))
	ada.awaits(im, importRead)
	_, err := s.module.db.Pool.Exec(t.Context(), `update assessment.item_imports set touched_at = now() - interval '8 days'`)
	require.NoError(t, err)
	require.NoError(t, s.module.expireImports(t.Context()))
	require.Equal(t, "expired", ada.awaits(im, importCancelled).Failure.Reason)
}

func TestNamesThatABankCanKeep(t *testing.T) {
	t.Parallel()
	require.Equal(t, "q1", fitIdentity("q1"))
	long := strings.Repeat("ü", 600)
	for _, identity := range []string{long, long + "x", "a\nb", "a b\n", "\xff", "a\x00"} {
		fit := fitIdentity(identity)
		require.NoError(t, checkIdentity("", fit), "%q", identity)
		require.Equal(t, fit, fitIdentity(identity))
	}
	require.NotEqual(t, fitIdentity(long), fitIdentity(long+"x"))
	require.NotEqual(t, fitIdentity("a\nb"), fitIdentity("a\tb"))
}
