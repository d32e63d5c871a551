package assessment

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

// write adds a draft to a bank.
func (p person) write(bank string, def event.ItemV1) fullItemBody {
	p.Helper()
	return p.writeWith(bank, map[string]any{"definition": def})
}

func (p person) writeWith(bank string, body map[string]any) fullItemBody {
	p.Helper()
	var it fullItemBody
	p.do(http.StatusCreated, "POST", bank+"/items", body, &it)
	return it
}

func itemPath(it fullItemBody) string { return "/v1/items/" + it.ItemID.String() }

// put makes a new version.
func (p person) put(it fullItemBody, def event.ItemV1) fullItemBody {
	p.Helper()
	var out fullItemBody
	p.change(http.StatusOK, "PUT", itemPath(it)+"/definition", it.ETag, map[string]any{"definition": def}, &out)
	return out
}

// become gives an item a status.
func (p person) become(it fullItemBody, status itemStatus) fullItemBody {
	p.Helper()
	p.change(http.StatusOK, "PATCH", itemPath(it), it.ETag, map[string]any{"status": status}, &it)
	require.Equal(p.TB, string(status), it.Status)
	return it
}

func TestAnItemIsWrittenAndReadAgain(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, bankID := ada.bank("Geography")
	def := choiceItem(newID(), "2")
	it := ada.writeWith(bank, map[string]any{
		"definition": def, "identity": "capital-1", "tags": []string{" europe ", "capitals", "europe"}, "difficulty": "0.250", "note": "first",
	})
	require.NotEqual(t, def.ItemID, it.ItemID, "the bank gives the id")
	require.Equal(t, it.ItemID, it.Definition.ItemID)
	require.Equal(t, bankID, it.BankID)
	require.Equal(t, []string{"capitals", "europe"}, it.Tags)
	require.Equal(t, "0.25", *it.Difficulty)
	require.Equal(t, []string{"single_choice"}, it.Kinds)
	require.Equal(t, "2", it.MaxScore)
	require.Equal(t, "draft", it.Status)
	require.Equal(t, 1, it.Version)
	require.Empty(t, it.Removed)

	var read fullItemBody
	response := ada.do(http.StatusOK, "GET", itemPath(it), nil, &read)
	require.Equal(t, it.ETag, response.Header.Get("ETag"))
	require.Equal(t, it.Definition, read.Definition)
	require.Equal(t, "Ada", read.Revision.AuthorName)
	require.Equal(t, "first", read.Revision.Note)

	ada.refused(http.StatusConflict, "identity-taken", "POST", bank+"/items", map[string]any{"definition": def, "identity": "capital-1"})
	other, _ := ada.bank("Other")
	ada.writeWith(other, map[string]any{"definition": def, "identity": "capital-1"})
}

func TestDefinitionsThatAreRefusedSayWhere(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	for location, change := range map[string]func(*event.ItemV1){
		"body.definition.parts[0].choices[1].credit": func(d *event.ItemV1) { d.Parts[0].Choices[1].Credit = "x" },
		"body.definition.parts[0].kind":              func(d *event.ItemV1) { d.Parts[0].Kind = "riddle" },
		"body.definition.weight":                     func(d *event.ItemV1) { d.Weight = "-1" },
	} {
		def := choiceItem(newID(), "1")
		change(&def)
		for _, c := range []struct {
			path string
			body map[string]any
		}{
			{bank + "/items", map[string]any{"definition": def}},
			{bank + "/preview", map[string]any{"definition": def}},
			{bank + "/trial", map[string]any{"definition": def, "response": map[string]any{}}},
		} {
			var got httpserver.Problem
			ada.do(http.StatusUnprocessableEntity, "POST", c.path, c.body, &got)
			require.Len(t, got.Errors, 1)
			require.Equal(t, location, got.Errors[0].Location, c.path)
			require.NotEmpty(t, got.Errors[0].Message)
		}
	}
	for name, body := range map[string]map[string]any{
		"a tag with a line break": {"definition": choiceItem(newID(), "1"), "tags": []string{"a\nb"}},
		"too difficult":           {"definition": choiceItem(newID(), "1"), "difficulty": "1.5"},
		"no difficulty":           {"definition": choiceItem(newID(), "1"), "difficulty": "1e-1"},
		"a folder of nobody":      {"definition": choiceItem(newID(), "1"), "folder_id": newID()},
		"an odd identity":         {"definition": choiceItem(newID(), "1"), "identity": "a\tb"},
		"an unknown field":        {"definition": map[string]any{"title": "x", "answer": "y"}},
	} {
		var got httpserver.Problem
		ada.do(http.StatusUnprocessableEntity, "POST", bank+"/items", body, &got)
		require.NotEmpty(t, got.Errors, name)
	}
	var list httpserver.List[ItemBody]
	ada.do(http.StatusOK, "GET", bank+"/items", nil, &list)
	require.Empty(t, list.Items)
}

func TestMarkupOfAuthorsIsSanitisedAndSaidSo(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	def := choiceItem(newID(), "1")
	def.BodyHTML = `<p onclick="x()">Which?<script>steal()</script></p><div data-part="1"></div>`
	def.Parts[0].Choices[0].FeedbackHTML = `<iframe src="https://evil.example"></iframe>No`
	it := ada.write(bank, def)
	require.Equal(t, `<p>Which?</p><div data-part="1"></div>`, it.Definition.BodyHTML)
	require.NotContains(t, it.Definition.Parts[0].Choices[0].FeedbackHTML, "iframe")
	places := map[string]string{}
	for _, r := range it.Removed {
		places[r.Location] += r.What
	}
	require.Contains(t, places["body_html"], "script")
	require.Contains(t, places["body_html"], "onclick")
	require.Contains(t, places, "parts[0].choices[0].feedback_html")
}

// Every field of the model that holds markup is cleaned, those that will be added
// to it, too.
func TestNoMarkupOfTheModelIsOverlooked(t *testing.T) {
	t.Parallel()
	var def event.ItemV1
	filled, err := json.Marshal(fillStrings(def))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(filled, &def))
	eachText(&def, func(_ string, text *string) { *text = "clean" }, func(_ string, i *event.ImageV1) { i.Src, i.Alt = "clean", "clean" })
	after, err := json.Marshal(def)
	require.NoError(t, err)
	var left []string
	for _, field := range strings.Split(string(after), ",") {
		if strings.Contains(field, "_html") && strings.Contains(field, "dirty") || strings.Contains(field, `"html":"dirty`) || strings.Contains(field, `"src":"dirty`) {
			left = append(left, field)
		}
	}
	require.Empty(t, left)
	require.GreaterOrEqual(t, strings.Count(string(after), `"clean"`), 20)
}

func TestEachChangeIsAVersion(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	first := ada.write(bank, choiceItem(newID(), "1"))
	same := ada.put(first, first.Definition)
	require.True(t, same.Unchanged)
	require.Equal(t, 1, same.Version)
	require.Equal(t, first.ETag, same.ETag)

	changed := first.Definition
	changed.Title = "The capital"
	changed.BodyHTML = `<p>Which city?</p><div data-part="1"></div>`
	changed.Parts = slices.Clone(changed.Parts)
	changed.Parts[0].Choices = append(slices.Clone(changed.Parts[0].Choices), event.ChoiceV1{ChoiceID: "c", HTML: "Nice", Credit: "0"})
	second := ada.put(first, changed)
	require.Equal(t, 2, second.Version)
	require.Equal(t, "The capital", second.Title)
	ada.unchanged(http.StatusPreconditionFailed, "item-changed", "PUT", itemPath(first)+"/definition", first.ETag, map[string]any{"definition": changed})

	var old fullItemBody
	ada.do(http.StatusOK, "GET", itemPath(first)+"/versions/1", nil, &old)
	require.Equal(t, first.Definition, old.Definition)
	require.Equal(t, 1, old.Revision.Version)
	require.False(t, old.Revision.Current)
	ada.do(http.StatusNotFound, "GET", itemPath(first)+"/versions/3", nil, nil)

	var diff struct {
		Changes []struct {
			Path, Op string
			Words    []struct{ Op, Text string }
		}
	}
	ada.do(http.StatusOK, "GET", itemPath(first)+"/diff", nil, &diff)
	paths := map[string]string{}
	for _, c := range diff.Changes {
		paths[c.Path] = c.Op
	}
	require.Equal(t, map[string]string{"title": "changed", "body_html": "changed", "parts[part_id=1].choices[choice_id=c]": "added"}, paths)
	require.NotEmpty(t, diff.Changes[0].Words)
	ada.do(http.StatusOK, "GET", itemPath(first)+"/diff?from=2&to=2", nil, &diff)
	require.Empty(t, diff.Changes)

	var back fullItemBody
	ada.change(http.StatusOK, "POST", itemPath(first)+"/versions/1/restore", second.ETag, nil, &back)
	require.Equal(t, 3, back.Version)
	require.Equal(t, first.Definition, back.Definition)
	var history httpserver.List[revisionBody]
	ada.do(http.StatusOK, "GET", itemPath(first)+"/versions?limit=2", nil, &history)
	require.Equal(t, []string{"restored", "authored"}, []string{history.Items[0].Origin, history.Items[1].Origin})
	require.True(t, history.Items[0].Current)
	require.Equal(t, "Version 1 again.", history.Items[0].Note)
	var rest httpserver.List[revisionBody]
	ada.do(http.StatusOK, "GET", itemPath(first)+"/versions?cursor="+history.NextCursor, nil, &rest)
	require.Len(t, rest.Items, 1)
	require.Empty(t, rest.NextCursor)
}

func TestOnlyManagersLetItemsGoLive(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, bob := s.author("Ada"), s.author("Bob")
	bank, _ := ada.bank("Geography")
	ada.member(bank, bob, bankAuthor)
	statuses := []itemStatus{itemDraft, itemReview, itemLive, itemRetired}
	for _, from := range statuses {
		for _, to := range statuses {
			it := bob.write(bank, choiceItem(newID(), "1"))
			if from == itemRetired {
				it = ada.become(it, itemLive)
			}
			if from != itemDraft {
				it = ada.become(it, from)
			}
			least, ok := statusChanges()[statusChange{from, to}]
			switch {
			case from == to:
				bob.become(it, to)
			case !ok:
				ada.unchanged(http.StatusConflict, "no-such-step", "PATCH", itemPath(it), it.ETag, map[string]any{"status": to})
			case least == bankAuthor:
				bob.become(it, to)
			default:
				bob.unchanged(http.StatusForbidden, "bank-role", "PATCH", itemPath(it), it.ETag, map[string]any{"status": to})
				ada.become(it, to)
			}
		}
	}
}

func TestALiveItemThatAnAuthorChangesIsReviewedAgain(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, bob := s.author("Ada"), s.author("Bob")
	bank, _ := ada.bank("Geography")
	ada.member(bank, bob, bankAuthor)
	it := ada.become(ada.write(bank, choiceItem(newID(), "1")), itemLive)
	def := it.Definition
	def.Title = "By the manager"
	it = ada.put(it, def)
	require.Equal(t, "live", it.Status)
	def.Title = "By an author"
	it = bob.put(it, def)
	require.Equal(t, "review", it.Status)
}

func TestImagesNeedAlternativesBeforeLearnersSeeThem(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	file := ada.upload(bank, "map.png", []byte("\x89PNG"))
	def := choiceItem(newID(), "1")
	def.BodyHTML = `<p><img src="` + file.Asset + `">Which?</p><div data-part="1"></div>`
	it := ada.write(bank, def)
	require.Equal(t, []string{"body_html"}, it.Untold)
	got := ada.unchanged(http.StatusUnprocessableEntity, "alternative-text-missing", "PATCH", itemPath(it), it.ETag, map[string]any{"status": "review"})
	require.Equal(t, "definition.body_html", got.Errors[0].Location)
	def.BodyHTML = strings.Replace(def.BodyHTML, "<img ", `<img alt="A map of France" `, 1)
	it = ada.put(it, def)
	require.Empty(t, it.Untold)
	ada.become(it, itemReview)
}

func TestItemsOnAPaperAreNotDeleted(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.teacher()
	bank, _ := ada.bank("Geography")
	it := ada.become(ada.write(bank, choiceItem(newID(), "1")), itemLive)
	ada.compose(it)
	ada.unchanged(http.StatusConflict, "item-in-use", "DELETE", itemPath(it), it.ETag, nil)
	draft := ada.write(bank, choiceItem(newID(), "1"))
	ada.unchanged(http.StatusPreconditionFailed, "item-changed", "DELETE", itemPath(draft), `"7"`, nil)
	ada.change(http.StatusNoContent, "DELETE", itemPath(draft), draft.ETag, nil, nil)
	ada.refused(http.StatusNotFound, "not-found", "GET", itemPath(draft), nil)
	var left int
	require.NoError(t, s.module.db.Pool.QueryRow(t.Context(), `select count(*) from assessment.item_versions where item_id = $1`, draft.ItemID).Scan(&left))
	require.Zero(t, left)
}

// catalogue is a bank with items to look for: title, words, tags, status, folder,
// difficulty.
func (p person) catalogue() (bank string, folders map[string]uuid.UUID) {
	p.Helper()
	bank, _ = p.bank("Catalogue")
	folders = map[string]uuid.UUID{}
	for _, path := range []string{"a", "a/b", "c"} {
		body := map[string]any{"name": path[len(path)-1:]}
		if parent, _, ok := strings.Cut(path, "/"); ok {
			body["parent_id"] = folders[parent]
		}
		var f folderBody
		p.do(http.StatusCreated, "POST", bank+"/folders", body, &f)
		folders[path] = f.FolderID
	}
	for i, it := range []struct {
		title, words, folder, difficulty string
		tags                             []string
		number                           bool
		status                           itemStatus
	}{
		{"Rivers", "Which rivers flow to the sea?", "a", "0.1", []string{"water", "easy"}, false, itemDraft},
		{"Lakes", "Name a lake", "a/b", "0.5", []string{"water"}, false, itemLive},
		{"Mountains", "How high?", "c", "0.9", []string{"land"}, true, itemReview},
		{"Übung", "Größe der Städte", "", "", nil, true, itemDraft},
		{"rivers again", "And once more", "a", "0.1", []string{"easy"}, false, itemDraft},
	} {
		def := choiceItem(newID(), "1")
		if it.number {
			def = numberItem(newID(), "1")
		}
		def.Title, def.BodyHTML = it.title, "<p>"+it.words+`</p><div data-part="1"></div>`
		body := map[string]any{"definition": def, "identity": fmt.Sprint("item-", i), "tags": it.tags}
		if it.tags == nil {
			delete(body, "tags")
		}
		if it.folder != "" {
			body["folder_id"] = folders[it.folder]
		}
		if it.difficulty != "" {
			body["difficulty"] = it.difficulty
		}
		made := p.writeWith(bank, body)
		if it.status != itemDraft {
			p.become(made, it.status)
		}
	}
	return bank, folders
}

// titles lists items page by page.
func (p person) titles(bank, query string) []string {
	p.Helper()
	titles := []string{}
	for cursor := ""; ; {
		var page httpserver.List[ItemBody]
		p.do(http.StatusOK, "GET", bank+"/items?limit=2&"+query+"&cursor="+cursor, nil, &page)
		for _, it := range page.Items {
			titles = append(titles, it.Title)
		}
		if cursor = page.NextCursor; cursor == "" {
			return titles
		}
	}
}

func TestItemsAreFound(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, folders := ada.catalogue()
	for query, want := range map[string][]string{
		"sort=newest":     {"rivers again", "Übung", "Mountains", "Lakes", "Rivers"},
		"sort=title":      {"Lakes", "Mountains", "Rivers", "rivers again", "Übung"},
		"sort=difficulty": {"Rivers", "rivers again", "Lakes", "Mountains", "Übung"},
		"sort=updated":    {"rivers again", "Übung", "Mountains", "Lakes", "Rivers"},

		"sort=title&q=river":                               {"Rivers", "rivers again"},
		"sort=title&q=sea%20-again":                        {"Rivers"},
		"sort=title&q=st%C3%A4dte":                         {"Übung"},
		"sort=title&identity=item-1":                       {"Lakes"},
		"sort=title&tag=water":                             {"Lakes", "Rivers"},
		"sort=title&tag=water&tag=easy":                    {"Rivers"},
		"sort=title&status=draft":                          {"Rivers", "rivers again", "Übung"},
		"sort=title&kind=numerical":                        {"Mountains", "Übung"},
		"sort=title&difficulty_from=0.5":                   {"Lakes", "Mountains"},
		"sort=title&difficulty_to=0.5":                     {"Lakes", "Rivers", "rivers again"},
		"sort=title&folder=root":                           {"Übung"},
		"sort=title&folder=" + folders["a"].String():       {"Lakes", "Rivers", "rivers again"},
		"sort=title&folder=" + folders["a/b"].String():     {"Lakes"},
		"subfolders=false&folder=" + folders["a"].String(): {"rivers again", "Rivers"},
		"q=river&tag=easy&status=draft&difficulty_to=0.2":  {"rivers again", "Rivers"},
		"q=nothing": {},
		"sort=difficulty&status=draft&kind=single_choice&q=is": {},
	} {
		require.Equal(t, want, ada.titles(bank, query), query)
	}
	ada.refused(http.StatusNotFound, "not-found", "GET", bank+"/items?folder="+newID().String(), nil)
	for _, bad := range []string{"folder=x", "difficulty_from=2", "sort=weight", "status=open", "tag=a%0Ab"} {
		var got problemBody
		ada.do(http.StatusUnprocessableEntity, "GET", bank+"/items?"+bad, nil, &got)
	}
	for _, place := range []any{
		itemPlace{Order: byTitle, Key: "x", ID: newID()}, itemPlace{Order: byUpdated, Key: "tomorrow", ID: newID()},
		"x", map[string]any{"o": 1},
	} {
		ada.refused(http.StatusUnprocessableEntity, "invalid-value", "GET", bank+"/items?sort=updated&cursor="+httpserver.EncodeCursor(place), nil)
	}
}

func TestManyItemsAreChangedAtOnceOrNone(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, bob := s.author("Ada"), s.author("Bob")
	bank, folders := ada.catalogue()
	ada.member(bank, bob, bankAuthor)
	var all httpserver.List[ItemBody]
	ada.do(http.StatusOK, "GET", bank+"/items?sort=title", nil, &all)
	ids := []uuid.UUID{}
	for _, it := range all.Items {
		ids = append(ids, it.ItemID)
	}

	var out struct{ Items []ItemBody }
	bob.do(http.StatusOK, "POST", bank+"/items/bulk", map[string]any{
		"items": ids[:2], "change": map[string]any{"add_tags": []string{"new"}, "remove_tags": []string{"water"}, "folder_id": folders["c"], "difficulty": "0.75"},
	}, &out)
	require.Len(t, out.Items, 2)
	for _, it := range out.Items {
		require.Contains(t, it.Tags, "new")
		require.NotContains(t, it.Tags, "water")
		require.Equal(t, folders["c"], *it.FolderID)
		require.Equal(t, "0.75", *it.Difficulty)
	}
	out.Items = nil
	bob.do(http.StatusOK, "POST", bank+"/items/bulk", map[string]any{
		"filter": map[string]any{"tag": []string{"new"}}, "change": map[string]any{"folder_id": "", "difficulty": "", "tags": []string{}},
	}, &out)
	require.Len(t, out.Items, 2)
	for _, it := range out.Items {
		require.Empty(t, it.Tags)
		require.Nil(t, it.FolderID)
		require.Nil(t, it.Difficulty)
	}

	// One that stands in the way keeps all as they are, and is named.
	var got httpserver.Problem
	bob.do(http.StatusUnprocessableEntity, "POST", bank+"/items/bulk", map[string]any{"items": ids, "change": map[string]any{"status": "review"}}, &got)
	require.Contains(t, got.Type, "bulk-refused")
	require.Len(t, got.Errors, 1, "the live one cannot be taken back by an author")
	require.Equal(t, "body.items[0]", got.Errors[0].Location)
	ada.do(http.StatusUnprocessableEntity, "POST", bank+"/items/bulk", map[string]any{"items": []uuid.UUID{ids[0], newID()}, "change": map[string]any{"add_tags": []string{"x"}}}, &got)
	require.Equal(t, "body.items[1]", got.Errors[0].Location)
	for i := range all.Items {
		var it fullItemBody
		ada.do(http.StatusOK, "GET", "/v1/items/"+all.Items[i].ItemID.String(), nil, &it)
		require.Equal(t, all.Items[i].Status, it.Status)
		require.NotContains(t, it.Tags, "x")
	}
	for name, body := range map[string]map[string]any{
		"neither":  {"change": map[string]any{"add_tags": []string{"x"}}},
		"both":     {"items": ids, "filter": map[string]any{}, "change": map[string]any{}},
		"two ways": {"items": ids, "change": map[string]any{"tags": []string{"x"}, "add_tags": []string{"y"}}},
	} {
		var got problemBody
		ada.do(http.StatusUnprocessableEntity, "POST", bank+"/items/bulk", body, &got)
		require.NotEmpty(t, got.Type, name)
	}
}

func TestABulkChangeHasALimit(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, bankID := ada.bank("Large")
	fillBank(t, s, bankID, maxBulk+1)
	ada.refused(http.StatusUnprocessableEntity, "too-many-items", "POST", bank+"/items/bulk",
		map[string]any{"filter": map[string]any{}, "change": map[string]any{"add_tags": []string{"x"}}})
	var out struct{ Items []ItemBody }
	ada.do(http.StatusOK, "POST", bank+"/items/bulk",
		map[string]any{"filter": map[string]any{"difficulty_to": "0.5"}, "change": map[string]any{"add_tags": []string{"x"}}}, &out)
	require.NotEmpty(t, out.Items)
}

// upload adds a file to a bank.
func (p person) upload(bank, name string, content []byte) mediaBody {
	p.Helper()
	var f mediaBody
	response := p.api.Do(p.TB, "POST", bank+"/media", p.token, content, &f,
		httpservertest.Header{Name: "Content-Disposition", Value: `attachment; filename="` + name + `"`})
	require.Equal(p.TB, http.StatusCreated, response.StatusCode)
	return f
}

func TestABanksFilesAreItsOwn(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	file := ada.upload(bank, "map.png", []byte("\x89PNG map"))
	require.Equal(t, file, ada.upload(bank, "map.png", []byte("\x89PNG map")), "the same file is one")
	require.Equal(t, "image/png", file.MediaType)
	require.True(t, strings.HasPrefix(file.URL, "/v1/item-media/"), file.URL)
	var content []byte
	response := s.api.Do(t, "GET", file.URL, "", nil, &content)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "\x89PNG map", string(content))
	require.Contains(t, response.Header.Get("Content-Security-Policy"), "sandbox")
	require.Equal(t, http.StatusForbidden, s.api.Do(t, "GET", strings.Replace(file.URL, "map.png", "map.html", 1), "", nil, nil).StatusCode)
	var files httpserver.List[mediaBody]
	ada.do(http.StatusOK, "GET", bank+"/media", nil, &files)
	require.Len(t, files.Items, 1)

	def := choiceItem(newID(), "1")
	def.BodyHTML = `<p><img src="` + file.Asset + `" alt="A map"></p><div data-part="1"></div>`
	it := ada.write(bank, def)
	require.Equal(t, file.URL, it.Media[file.Asset])

	// Whoever knows the digest of another bank's file cannot have it signed.
	other, _ := ada.bank("Other")
	got := ada.unchanged(http.StatusUnprocessableEntity, "media-not-in-bank", "POST", other+"/items", "", map[string]any{"definition": def})
	require.Equal(t, "body.definition.body_html", got.Errors[0].Location)
	def.BodyHTML = "<p>Text that names " + file.Asset + "</p>"
	def.Parts[0].Image = &event.ImageV1{Src: file.Asset, Alt: "A map", Width: 1, Height: 1}
	got = ada.unchanged(http.StatusUnprocessableEntity, "media-not-in-bank", "POST", other+"/items", "", map[string]any{"definition": def})
	require.Equal(t, "body.definition.parts[0].image.src", got.Errors[0].Location)
	ada.refused(http.StatusUnprocessableEntity, "empty-upload", "POST", bank+"/media", []byte{})
}

func TestAnUploadThatIsTooLargeLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSchoolWith(t, Config{MaxMediaBytes: 10})
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	ada.refused(http.StatusRequestEntityTooLarge, "upload-too-large", "POST", bank+"/media", []byte(strings.Repeat("x", 11)))
	var files httpserver.List[mediaBody]
	ada.do(http.StatusOK, "GET", bank+"/media", nil, &files)
	require.Empty(t, files.Items)
}

func TestAnItemIsSeenAsALearnerWould(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	def := choiceItem(newID(), "1")
	def.Parts[0].Shuffle = true
	for i := range 20 {
		def.Parts[0].Choices = append(def.Parts[0].Choices, event.ChoiceV1{ChoiceID: fmt.Sprint("c", i), HTML: fmt.Sprint("Town ", i), Credit: "0"})
	}
	it := ada.write(bank, def)
	type preview struct {
		Seed string
		Item json.RawMessage
		HTML string
	}
	var a, b, again preview
	ada.do(http.StatusOK, "POST", itemPath(it)+"/preview", map[string]any{"seed": "1"}, &a)
	ada.do(http.StatusOK, "POST", itemPath(it)+"/preview", map[string]any{"seed": "9223372036854775807"}, &b)
	ada.do(http.StatusOK, "POST", itemPath(it)+"/preview", map[string]any{"seed": "1"}, &again)
	require.Equal(t, a, again)
	require.NotEqual(t, string(a.Item), string(b.Item), "another learner, another order")
	require.Contains(t, a.HTML, `<input type="radio"`)
	for _, secret := range []string{"well-done", "not-lyon", "the-explanation", "first-hint", "credit"} {
		require.NotContains(t, string(a.Item)+a.HTML, secret)
	}
	var random preview
	ada.do(http.StatusOK, "POST", itemPath(it)+"/preview", nil, &random)
	require.NotEmpty(t, random.Seed)
	ada.do(http.StatusOK, "POST", itemPath(it)+"/preview", map[string]any{"seed": random.Seed}, &again)
	require.Equal(t, random, again)
	ada.do(http.StatusUnprocessableEntity, "POST", itemPath(it)+"/preview", map[string]any{"seed": "1.5"}, nil)

	def.BodyHTML = `<p onclick="x()">Look</p>`
	var unsaved struct {
		preview
		Removed []removalBody
	}
	ada.do(http.StatusOK, "POST", bank+"/preview", map[string]any{"seed": "1", "definition": def}, &unsaved)
	require.Len(t, unsaved.Removed, 1)
	require.Contains(t, unsaved.HTML, "<p>Look</p>")
}

func TestAResponseIsTried(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Geography")
	it := ada.write(bank, choiceItem(newID(), "2"))
	def := it.Definition
	def.Weight = "4"
	it = ada.put(it, def)
	type trial struct {
		Result struct {
			Score, MaxScore string `json:"-"`
			Parts           []struct {
				How          string
				FeedbackHTML []string `json:"feedback_html"`
			}
			Got  string `json:"score"`
			Most string `json:"max_score"`
		}
		Key json.RawMessage
	}
	right := map[string]any{"1": map[string]any{"choices": []string{"b"}}}
	var got trial
	ada.do(http.StatusOK, "POST", itemPath(it)+"/trial", map[string]any{"response": right}, &got)
	require.Equal(t, "4", got.Result.Got)
	require.NotEmpty(t, got.Result.Parts[0].How)
	require.Equal(t, []string{"<p>well-done</p>"}, got.Result.Parts[0].FeedbackHTML)
	require.Contains(t, string(got.Key), `"choice_id":"b"`)
	require.Contains(t, string(got.Key), "the-explanation")
	ada.do(http.StatusOK, "POST", itemPath(it)+"/trial", map[string]any{"response": right, "version": 1}, &got)
	require.Equal(t, "2", got.Result.Got, "the version that was asked for")
	ada.do(http.StatusOK, "POST", bank+"/trial", map[string]any{"response": map[string]any{}, "definition": def}, &got)
	require.Equal(t, "0", got.Result.Got)
	var refused httpserver.Problem
	ada.do(http.StatusUnprocessableEntity, "POST", itemPath(it)+"/trial", map[string]any{"response": map[string]any{"1": map[string]any{"choices": []string{"z"}}}}, &refused)
	require.Equal(t, "body.response.1.choices", refused.Errors[0].Location)
}
