package assessment

import (
	"fmt"
	"net/http"
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

// handInItem has a part that takes PDF files and pictures of up to 100 bytes, an
// essay with attachments and a text.
func handInItem(id uuid.UUID) event.ItemV1 {
	return event.ItemV1{
		ItemID: id, Source: "x", Title: "Hand in", Weight: "3", BodyHTML: "<p>Hand it in.</p>",
		Parts: []event.PartV1{
			{PartID: "files", Kind: event.FileUpload, MaxChoices: 2, Upload: &event.UploadV1{MaxBytes: 100, MediaTypes: []string{"image/*", ".pdf"}}},
			{PartID: "essay", Kind: event.Essay, Essay: &event.EssayV1{Attachments: 1}},
			{PartID: "text", Kind: event.Text, Texts: []event.TextKeyV1{{Match: event.MatchExact, Pattern: "x", Credit: "1"}}},
		},
	}
}

func filesPath(attempt uuid.UUID) string { return "/v1/attempts/" + attempt.String() + "/files" }

// handIn uploads a file for a part.
func (p person) handIn(want int, attempt, item uuid.UUID, part, name, content string, out any) {
	p.Helper()
	response := p.api.Do(p.TB, "POST", fmt.Sprintf("%s?item_id=%s&part_id=%s", filesPath(attempt), item, part), p.token, []byte(content), out,
		httpservertest.Header{Name: "Content-Disposition", Value: `attachment; filename="` + name + `"`})
	require.Equal(p.TB, want, response.StatusCode, "%+v", out)
}

// naming is a response that names files for a part.
func naming(part string, files ...handedInBody) map[string]any {
	named := []map[string]string{}
	for _, f := range files {
		named = append(named, map[string]string{"file_id": f.FileID.String(), "name": f.Name})
	}
	return map[string]any{"response": map[string]any{part: map[string]any{"files": named}}}
}

func TestFilesAreHandedInAndRead(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, leo, teacher := s.learner("Ada"), s.learner("Leo"), s.teacher()
	item := newID()
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Items = []event.ItemV1{handInItem(item)} }))
	a := leo.start(set)
	var essay, picture handedInBody
	leo.handIn(http.StatusCreated, a.AttemptID, item, "files", "essay.PDF", "%PDF", &essay)
	leo.handIn(http.StatusCreated, a.AttemptID, item, "files", "photo.jpeg", "jpeg", &picture)
	require.Equal(t, handedInBody{FileID: essay.FileID, ItemID: item, PartID: "files", Name: "essay.PDF", Bytes: 4, UploadedAt: essay.UploadedAt}, essay)
	leo.save(a.AttemptID, item, naming("files", essay, picture))
	var files struct{ Items []handedInBody }
	teacher.do(http.StatusOK, "GET", filesPath(a.AttemptID), nil, &files)
	require.Equal(t, []handedInBody{essay, picture}, files.Items)
	for _, p := range []person{leo, teacher} {
		var content []byte
		response := p.do(http.StatusOK, "GET", filesPath(a.AttemptID)+"/"+essay.FileID.String(), nil, &content)
		require.Equal(t, "%PDF", string(content))
		require.Contains(t, response.Header.Get("Content-Disposition"), "attachment")
	}

	for _, p := range []person{ada, s.author("Stranger"), s.person(newID(), auth.OrganisationAdmin)} {
		p.refused(http.StatusNotFound, "not-found", "GET", filesPath(a.AttemptID), nil)
		p.refused(http.StatusNotFound, "not-found", "GET", filesPath(a.AttemptID)+"/"+essay.FileID.String(), nil)
		p.handIn(http.StatusNotFound, a.AttemptID, item, "files", "a.pdf", "x", nil)
	}
	teacher.handIn(http.StatusNotFound, a.AttemptID, item, "files", "a.pdf", "x", nil)
	leo.refused(http.StatusNotFound, "not-found", "GET", filesPath(a.AttemptID)+"/"+newID().String(), nil)

	leo.submit(a.AttemptID)
	var got httpserver.Problem
	leo.handIn(http.StatusConflict, a.AttemptID, item, "files", "late.pdf", "x", &got)
	require.Contains(t, got.Type, "attempt-closed")
}

func TestFilesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada, leo := s.learner("Ada"), s.learner("Leo")
	item := newID()
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Items = []event.ItemV1{handInItem(item)} }))
	a := leo.start(set)
	for name, c := range map[string]struct {
		status            int
		item              uuid.UUID
		part, file, bytes string
	}{
		"too large":          {http.StatusRequestEntityTooLarge, item, "files", "a.pdf", strings.Repeat("x", 101)},
		"empty":              {http.StatusUnprocessableEntity, item, "files", "a.pdf", ""},
		"another type":       {http.StatusUnprocessableEntity, item, "files", "a.exe", "x"},
		"a part of text":     {http.StatusUnprocessableEntity, item, "text", "a.pdf", "x"},
		"no such part":       {http.StatusUnprocessableEntity, item, "nine", "a.pdf", "x"},
		"no such item":       {http.StatusNotFound, newID(), "files", "a.pdf", "x"},
		"an essay's own way": {http.StatusCreated, item, "essay", "a.exe", strings.Repeat("x", 101)},
	} {
		leo.handIn(c.status, a.AttemptID, c.item, c.part, c.file, c.bytes, nil)
		t.Log(name)
	}
	leo.do(http.StatusUnprocessableEntity, "POST", filesPath(a.AttemptID), []byte("x"), nil)

	// A response names the files of its own attempt and part, and no others.
	var mine, others handedInBody
	leo.handIn(http.StatusCreated, a.AttemptID, item, "files", "a.pdf", "x", &mine)
	b := ada.start(set)
	ada.handIn(http.StatusCreated, b.AttemptID, item, "files", "a.pdf", "x", &others)
	for _, body := range []map[string]any{naming("files", others), naming("essay", mine), naming("files", mine, handedInBody{FileID: newID(), Name: "a.pdf"})} {
		var got httpserver.Problem
		leo.do(http.StatusUnprocessableEntity, "PUT", responsePath(a.AttemptID, item), body, &got)
		require.Contains(t, got.Type, "invalid-response")
		require.Contains(t, got.Errors[len(got.Errors)-1].Location, "file_id")
	}
	leo.save(a.AttemptID, item, naming("files", mine))
}

func TestErasureRemovesWhatWasHandedIn(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	leo := s.learner("Leo")
	item := newID()
	set := s.publish(s.problemSet(func(e *event.ProblemSetPublishedV1) { e.Items = []event.ItemV1{handInItem(item)} }))
	a := leo.start(set)
	var f handedInBody
	leo.handIn(http.StatusCreated, a.AttemptID, item, "files", "a.pdf", "x", &f)
	emit(s, event.AccountErased, event.AccountErasedV1{AccountID: leo.id, OrganisationID: s.organisation, At: time.Now()})
	s.bus.Drain()
	leo.refused(http.StatusNotFound, "not-found", "GET", filesPath(a.AttemptID)+"/"+f.FileID.String(), nil)
	require.Eventually(t, func() bool {
		r, err := s.module.files.Open(t.Context(), fileKey(f.FileID))
		if err == nil {
			_ = r.Close()
		}
		return err != nil
	}, 20*time.Second, 20*time.Millisecond, "the content is removed, too")
}
