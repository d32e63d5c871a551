package assessment

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

// author is an instructor with a name, who has no course and no bank yet.
func (s *school) author(name string) person {
	s.Helper()
	p := s.person(s.organisation, auth.Instructor)
	s.name(p, name)
	return p
}

// bank makes a bank that the person manages, and returns its path.
func (p person) bank(title string) (path string, id uuid.UUID) {
	p.Helper()
	var b bankBody
	p.do(http.StatusCreated, "POST", "/v1/item-banks", map[string]any{"title": title}, &b)
	return "/v1/item-banks/" + b.BankID.String(), b.BankID
}

// member gives somebody a role in a bank that the person manages.
func (p person) member(bank string, who person, role bankRole) {
	p.Helper()
	p.do(http.StatusNoContent, "PUT", bank+"/members/"+who.id.String(), map[string]any{"role": role}, nil)
}

// change calls the API with an If-Match.
func (p person) change(want int, method, path, etag string, body, out any) *http.Response {
	p.Helper()
	response := p.api.Do(p.TB, method, path, p.token, body, out, httpservertest.Header{Name: "If-Match", Value: etag})
	require.Equal(p.TB, want, response.StatusCode, "%s %s: %+v", method, path, out)
	return response
}

// unchanged is change for what is refused.
func (p person) unchanged(status int, reason, method, path, etag string, body any) httpserver.Problem {
	p.Helper()
	var got httpserver.Problem
	p.change(status, method, path, etag, body, &got)
	require.Regexp(p.TB, "[/:#]"+reason+"$", got.Type, got.Detail)
	return got
}

func TestABankIsThereForItsMembersAndTheAdministrators(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, bob := s.author("Ada"), s.author("Bob")
	bank, id := ada.bank("Algebra")
	admin := s.person(s.organisation, auth.OrganisationAdmin)

	var got bankBody
	ada.do(http.StatusOK, "GET", bank, nil, &got)
	require.Equal(t, "manager", got.Role)
	admin.do(http.StatusOK, "GET", bank, nil, &got)
	require.Equal(t, "manager", got.Role, "an administrator manages every bank of the organisation")
	bob.refused(http.StatusNotFound, "not-found", "GET", bank, nil)

	banksOf := func(p person) []uuid.UUID {
		var list httpserver.List[bankBody]
		p.do(http.StatusOK, "GET", "/v1/item-banks", nil, &list)
		ids := []uuid.UUID{}
		for _, b := range list.Items {
			ids = append(ids, b.BankID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{id}, banksOf(admin))
	require.Empty(t, banksOf(bob))
	ada.member(bank, bob, bankReader)
	require.Equal(t, []uuid.UUID{id}, banksOf(bob))
	bob.do(http.StatusOK, "GET", bank, nil, &got)
	require.Equal(t, "reader", got.Role)

	// Whoever is no longer an instructor has nothing left of their roles in banks.
	demoted := bob
	demoted.token = s.api.Token(t, auth.Principal{AccountID: bob.id, OrganisationID: s.organisation, SessionID: newID(), Roles: []auth.Role{auth.Learner}})
	demoted.refused(http.StatusForbidden, "forbidden", "GET", bank, nil)
}

func TestBanksAreChangedByThoseWhoSawThem(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Algebra")
	var b bankBody
	ada.do(http.StatusOK, "GET", bank, nil, &b)
	ada.change(http.StatusOK, "PATCH", bank, b.ETag, map[string]any{"title": " Algebra I ", "description": "For beginners"}, &b)
	require.Equal(t, "Algebra I", b.Title)
	require.Equal(t, "For beginners", b.Description)
	ada.unchanged(http.StatusPreconditionFailed, "bank-changed", "PATCH", bank, `"1"`, map[string]any{"title": "Old"})
	ada.unchanged(http.StatusUnprocessableEntity, "invalid-value", "PATCH", bank, `W/"1"`, map[string]any{"title": "Old"})
	for _, bad := range []string{"", "  ", "a\nb", strings.Repeat("x", 301)} {
		var got problemBody
		ada.do(http.StatusUnprocessableEntity, "POST", "/v1/item-banks", map[string]any{"title": bad}, &got)
	}
	item := ada.write(bank, choiceItem(newID(), "1"))
	ada.refused(http.StatusConflict, "bank-not-empty", "DELETE", bank, nil)
	ada.change(http.StatusNoContent, "DELETE", "/v1/items/"+item.ItemID.String(), item.ETag, nil, nil)
	ada.do(http.StatusNoContent, "DELETE", bank, nil, nil)
	ada.refused(http.StatusNotFound, "not-found", "GET", bank, nil)
}

func TestARequestWithAKeyMakesOneBank(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	key := httpservertest.Header{Name: "Idempotency-Key", Value: "once"}
	var first, second bankBody
	require.Equal(t, http.StatusCreated, s.api.Do(t, "POST", "/v1/item-banks", ada.token, map[string]any{"title": "A"}, &first, key).StatusCode)
	require.Equal(t, http.StatusCreated, s.api.Do(t, "POST", "/v1/item-banks", ada.token, map[string]any{"title": "A"}, &second, key).StatusCode)
	require.Equal(t, first, second)
}

func TestMembersOfABank(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, bob := s.author("Ada"), s.author("Bob")
	bank, _ := ada.bank("Algebra")
	ada.member(bank, bob, bankAuthor)
	var members httpserver.List[memberBody]
	bob.do(http.StatusOK, "GET", bank+"/members?limit=1", nil, &members)
	require.NotEmpty(t, members.NextCursor)
	names := map[string]string{members.Items[0].Name: members.Items[0].Role}
	var rest httpserver.List[memberBody]
	bob.do(http.StatusOK, "GET", bank+"/members?limit=1&cursor="+members.NextCursor, nil, &rest)
	names[rest.Items[0].Name] = rest.Items[0].Role
	require.Empty(t, rest.NextCursor)
	require.Equal(t, map[string]string{"Ada": "manager", "Bob": "author"}, names)

	// Accounts of others are like none.
	foreign := s.person(newID(), auth.Instructor)
	emit(s, event.ContactChanged, event.ContactChangedV1{AccountID: foreign.id, OrganisationID: newID(), DisplayName: "Eve", At: time.Now()})
	s.bus.Drain()
	for _, id := range []uuid.UUID{foreign.id, newID()} {
		ada.refused(http.StatusUnprocessableEntity, "no-such-account", "PUT", bank+"/members/"+id.String(), map[string]any{"role": "reader"})
	}

	ada.refused(http.StatusConflict, "last-manager", "PUT", bank+"/members/"+ada.id.String(), map[string]any{"role": "author"})
	ada.refused(http.StatusConflict, "last-manager", "DELETE", bank+"/members/"+ada.id.String(), nil)
	bob.refused(http.StatusForbidden, "bank-role", "DELETE", bank+"/members/"+ada.id.String(), nil)
	bob.do(http.StatusNoContent, "DELETE", bank+"/members/"+bob.id.String(), nil, nil)
	bob.refused(http.StatusNotFound, "not-found", "GET", bank, nil)
}

// call is a request of the route table.
type call struct {
	least  bankRole
	method string
	path   string
	body   any
}

// bankCalls are all routes that lead to one bank, with a body that would do.
func bankCalls(bank string, folder, item fmt.Stringer) []call {
	def := map[string]any{"definition": choiceItem(newID(), "1")}
	return []call{
		{bankReader, "GET", bank, nil},
		{bankManager, "PATCH", bank, map[string]any{"title": "Mine"}},
		{bankManager, "DELETE", bank, nil},
		{bankReader, "GET", bank + "/members", nil},
		{bankManager, "PUT", bank + "/members/" + newID().String(), map[string]any{"role": "reader"}},
		{bankManager, "DELETE", bank + "/members/" + newID().String(), nil},
		{bankReader, "GET", bank + "/folders", nil},
		{bankAuthor, "POST", bank + "/folders", map[string]any{"name": "f"}},
		{bankAuthor, "PATCH", bank + "/folders/" + folder.String(), map[string]any{"name": "g"}},
		{bankAuthor, "DELETE", bank + "/folders/" + folder.String(), nil},
		{bankReader, "GET", bank + "/media", nil},
		{bankAuthor, "POST", bank + "/media", []byte("file")},
		{bankReader, "GET", bank + "/items", nil},
		{bankAuthor, "POST", bank + "/items", def},
		{bankAuthor, "POST", bank + "/items/bulk", map[string]any{"items": []string{item.String()}, "change": map[string]any{"add_tags": []string{"x"}}}},
		{bankReader, "POST", bank + "/preview", def},
		{bankReader, "POST", bank + "/trial", map[string]any{"definition": def["definition"], "response": map[string]any{}}},
		{bankReader, "GET", "/v1/items/" + item.String(), nil},
		{bankAuthor, "PUT", "/v1/items/" + item.String() + "/definition", def},
		{bankAuthor, "PATCH", "/v1/items/" + item.String(), map[string]any{"tags": []string{"x"}}},
		{bankAuthor, "DELETE", "/v1/items/" + item.String(), nil},
		{bankReader, "GET", "/v1/items/" + item.String() + "/versions", nil},
		{bankReader, "GET", "/v1/items/" + item.String() + "/versions/1", nil},
		{bankAuthor, "POST", "/v1/items/" + item.String() + "/versions/1/restore", nil},
		{bankReader, "GET", "/v1/items/" + item.String() + "/diff?from=1", nil},
		{bankReader, "POST", "/v1/items/" + item.String() + "/preview", nil},
		{bankReader, "POST", "/v1/items/" + item.String() + "/trial", map[string]any{"response": map[string]any{}}},
	}
}

// Whoever does not know of a bank is told the same of it as of one that does not
// exist, and whoever may only read it changes nothing.
func TestWhoMayDoWhatInABank(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, id := ada.bank("Algebra")
	item := ada.write(bank, choiceItem(newID(), "1"))
	var folder folderBody
	ada.do(http.StatusCreated, "POST", bank+"/folders", map[string]any{"name": "Folder"}, &folder)

	strangers := map[string]person{
		"an instructor who is no member": s.author("Bob"),
		"an administrator elsewhere":     s.person(newID(), auth.OrganisationAdmin),
		"a platform administrator there": s.person(newID(), auth.PlatformAdmin),
	}
	nowhere := bankCalls("/v1/item-banks/"+newID().String(), newID(), newID())
	for i, c := range bankCalls(bank, folder.FolderID, item.ItemID) {
		for who, p := range strangers {
			var known, unknown httpserver.Problem
			p.change(http.StatusNotFound, c.method, c.path, item.ETag, c.body, &known)
			p.change(http.StatusNotFound, nowhere[i].method, nowhere[i].path, item.ETag, c.body, &unknown)
			known.Instance, unknown.Instance = "", ""
			require.Equal(t, unknown, known, "%s: %s %s", who, c.method, c.path)
		}
		s.learner("Leo").change(http.StatusForbidden, c.method, c.path, item.ETag, c.body, nil)
	}
	for role, refused := range map[bankRole][]bankRole{bankReader: {bankAuthor, bankManager}, bankAuthor: {bankManager}} {
		p := s.author("Member")
		ada.member(bank, p, role)
		for _, c := range bankCalls(bank, folder.FolderID, item.ItemID) {
			if slices.Contains(refused, c.least) {
				p.unchanged(http.StatusForbidden, "bank-role", c.method, c.path, item.ETag, c.body)
			}
		}
	}
	var after fullItemBody
	ada.do(http.StatusOK, "GET", "/v1/items/"+item.ItemID.String(), nil, &after)
	require.Equal(t, item.ETag, after.ETag, "nothing was changed")
	require.Equal(t, id, after.BankID)
}

func TestErasureLeavesWhatWasWrittenAndForgetsByWhom(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, bob := s.author("Ada"), s.author("Bob")
	bank, _ := ada.bank("Algebra")
	ada.member(bank, bob, bankManager)
	item := ada.write(bank, choiceItem(newID(), "1"))
	path := "/v1/items/" + item.ItemID.String()
	require.Equal(t, ada.id, *item.CreatedBy)
	emit(s, event.AccountErased, event.AccountErasedV1{AccountID: ada.id, OrganisationID: s.organisation, At: time.Now()})
	s.bus.Drain()

	var after fullItemBody
	bob.do(http.StatusOK, "GET", path, nil, &after)
	require.Nil(t, after.CreatedBy)
	require.Nil(t, after.Revision.AuthorID)
	require.Empty(t, after.Revision.AuthorName)
	require.Equal(t, item.Definition, after.Definition)
	var members httpserver.List[memberBody]
	bob.do(http.StatusOK, "GET", bank+"/members", nil, &members)
	require.Len(t, members.Items, 1)
	for _, column := range []string{"banks.created_by", "items.created_by", "item_revisions.author_id", "bank_members.account_id"} {
		table, name, _ := strings.Cut(column, ".")
		var rows int
		require.NoError(t, s.module.db.Pool.QueryRow(t.Context(), `select count(*) from assessment.`+table+` where `+name+` = $1`, ada.id).Scan(&rows))
		require.Zero(t, rows, column)
	}
}

func TestFoldersAreATree(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.bank("Algebra")
	folder := func(name string, parent *folderBody) folderBody {
		body := map[string]any{"name": name}
		if parent != nil {
			body["parent_id"] = parent.FolderID
		}
		var f folderBody
		ada.do(http.StatusCreated, "POST", bank+"/folders", body, &f)
		return f
	}
	list := func(query string) []string {
		names := []string{}
		for cursor := ""; ; {
			var page httpserver.List[folderBody]
			ada.do(http.StatusOK, "GET", bank+"/folders?limit=2&"+query+"&cursor="+cursor, nil, &page)
			for _, f := range page.Items {
				names = append(names, strings.Join(f.Path, "/"))
			}
			if cursor = page.NextCursor; cursor == "" {
				return names
			}
		}
	}
	a := folder("a", nil)
	b := folder("b", &a)
	c := folder("c", &b)
	for _, name := range []string{"z", "y", "x"} {
		folder(name, nil)
	}
	require.Equal(t, []string{"a", "b", "c"}, c.Path)
	require.Equal(t, []string{"a", "x", "y", "z"}, list(""))
	require.Equal(t, []string{"a/b"}, list("parent="+a.FolderID.String()))

	ada.refused(http.StatusConflict, "folder-exists", "POST", bank+"/folders", map[string]any{"name": "a"})
	ada.refused(http.StatusConflict, "folder-exists", "POST", bank+"/folders", map[string]any{"name": "b", "parent_id": a.FolderID})
	ada.refused(http.StatusNotFound, "not-found", "POST", bank+"/folders", map[string]any{"name": "d", "parent_id": newID()})

	folderPath := func(f folderBody) string { return bank + "/folders/" + f.FolderID.String() }
	ada.refused(http.StatusUnprocessableEntity, "invalid-value", "PATCH", folderPath(a), map[string]any{"parent_id": c.FolderID})
	ada.refused(http.StatusConflict, "folder-exists", "PATCH", folderPath(a), map[string]any{"name": "x"})
	var moved folderBody
	ada.do(http.StatusOK, "PATCH", folderPath(b), map[string]any{"name": "B", "parent_id": ""}, &moved)
	require.Equal(t, []string{"B"}, moved.Path)
	require.Nil(t, moved.ParentID)
	require.Equal(t, []string{"B/c"}, list("parent="+b.FolderID.String()))

	ada.refused(http.StatusConflict, "folder-not-empty", "DELETE", folderPath(b), nil)
	item := ada.writeWith(bank, map[string]any{"definition": choiceItem(newID(), "1"), "folder_id": a.FolderID})
	ada.refused(http.StatusConflict, "folder-not-empty", "DELETE", folderPath(a), nil)
	ada.change(http.StatusOK, "PATCH", "/v1/items/"+item.ItemID.String(), item.ETag, map[string]any{"folder_id": ""}, nil)
	ada.do(http.StatusNoContent, "DELETE", folderPath(a), nil, nil)
	ada.refused(http.StatusNotFound, "not-found", "DELETE", folderPath(a), nil)

	deepest := moved
	for len(deepest.Path) < maxFolderDepth {
		deepest = folder(fmt.Sprint("d", len(deepest.Path)), &deepest)
	}
	ada.refused(http.StatusUnprocessableEntity, "folders-too-deep", "POST", bank+"/folders", map[string]any{"name": "e", "parent_id": deepest.FolderID})
	var x folderBody
	ada.do(http.StatusCreated, "POST", bank+"/folders", map[string]any{"name": "top"}, &x)
	ada.refused(http.StatusUnprocessableEntity, "folders-too-deep", "PATCH", folderPath(moved), map[string]any{"parent_id": x.FolderID})
}
