package mail

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// caught is a catcher served over HTTP.
type caught struct {
	t       *testing.T
	dir     string
	catcher *Catcher
	url     string
}

func newCaught(t *testing.T) *caught {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a", "mail")
	c, err := NewCatcher(dir, testFrom, discard())
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/mail", c.Handler())
	mux.Handle("/mail/", c.Handler())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &caught{t, dir, c, server.URL}
}

func (c *caught) send(to, subject string) {
	c.t.Helper()
	require.NoError(c.t, c.catcher.Send(c.t.Context(), Message{To: to, Subject: subject, Text: "text of " + subject}))
}

func (c *caught) get(path string) (status int, contentType, body string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.url+path, nil)
	require.NoError(c.t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(c.t, err)
	defer func() { require.NoError(c.t, response.Body.Close()) }()
	raw, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	return response.StatusCode, response.Header.Get("Content-Type"), string(raw)
}

func (c *caught) list(query string) (subjects []string, items []caughtMail) {
	c.t.Helper()
	status, contentType, body := c.get("/mail" + query)
	require.Equal(c.t, 200, status, body)
	require.Equal(c.t, "application/json", contentType)
	var list caughtMails
	require.NoError(c.t, json.Unmarshal([]byte(body), &list))
	for _, m := range list.Items {
		subjects = append(subjects, m.Subject)
	}
	return subjects, list.Items
}

func TestCaughtMailIsRead(t *testing.T) {
	t.Parallel()
	c := newCaught(t)
	_, _, empty := c.get("/mail")
	require.JSONEq(t, `{"items": []}`, empty)

	m := welcome()
	m.HTML = "<p>Grüße & <a href=\"https://lyceum.example/confirm?token=a=b\">Link</a></p>"
	require.NoError(t, c.catcher.Send(t.Context(), m))
	_, items := c.list("")
	require.Len(t, items, 1)
	require.Equal(t, "ada@example.org", items[0].To)
	require.Equal(t, m.Subject, items[0].Subject)
	require.WithinDuration(t, time.Now(), items[0].At, time.Minute)
	require.Empty(t, items[0].Text, "the list has no texts")

	id := items[0].ID.String()
	_, _, body := c.get("/mail/" + id)
	var one caughtMail
	require.NoError(t, json.Unmarshal([]byte(body), &one))
	require.Equal(t, m.Text, strings.TrimRight(one.Text, "\n"))
	require.Equal(t, m.HTML, strings.TrimRight(one.HTML, "\n"))
	require.Equal(t, items[0].At, one.At)

	status, contentType, eml := c.get("/mail/" + id + ".eml")
	require.Equal(t, 200, status)
	require.Equal(t, "message/rfc822", contentType)
	parsed, err := mail.ReadMessage(strings.NewReader(eml))
	require.NoError(t, err)
	require.Equal(t, "<users-42@lyceum.example>", parsed.Header.Get("Message-ID"))

	c.send("grace@example.org", "plain")
	_, items = c.list("?limit=1")
	_, _, body = c.get("/mail/" + items[0].ID.String())
	require.NoError(t, json.Unmarshal([]byte(body), &one))
	require.Equal(t, "text of plain", strings.TrimRight(one.Text, "\n"), "a mail with one form")
}

func TestCaughtMailIsListedNewestFirst(t *testing.T) {
	t.Parallel()
	c := newCaught(t)
	for i := range 5 {
		c.send(fmt.Sprintf("%d@example.org", i%2), fmt.Sprint(i))
	}
	subjects, _ := c.list("")
	require.Equal(t, []string{"4", "3", "2", "1", "0"}, subjects)
	subjects, _ = c.list("?to=1@EXAMPLE.org")
	require.Equal(t, []string{"3", "1"}, subjects)
	subjects, _ = c.list("?to=0@example.org&limit=2")
	require.Equal(t, []string{"4", "2"}, subjects)
	subjects, _ = c.list("?to=nobody@example.org")
	require.Empty(t, subjects)
	for _, limit := range []string{"0", "-1", "1001", "many", "1e3"} {
		status, _, _ := c.get("/mail?limit=" + limit)
		require.Equal(t, http.StatusUnprocessableEntity, status, limit)
	}
}

func TestOnlyMailsAreServed(t *testing.T) {
	t.Parallel()
	c := newCaught(t)
	c.send("ada@example.org", "hello")
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "secret.eml"), []byte("To: x\r\n\r\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(c.dir), "outside.eml"), []byte("To: x\r\n\r\n"), 0o600))
	subjects, items := c.list("")
	require.Equal(t, []string{"hello"}, subjects)
	id := items[0].ID.String()
	for _, path := range []string{
		"/mail/" + uuid.NewString(), "/mail/" + uuid.Must(uuid.NewV7()).String(), "/mail/secret", "/mail/secret.eml",
		"/mail/..%2Foutside", "/mail/..%2Foutside.eml", "/mail/%2Fetc%2Fpasswd", "/mail/" + strings.ToUpper(id),
		"/mail/{" + id + "}", "/mail/" + id + ".eml.eml", "/mail/%00", "/mail/",
	} {
		status, _, _ := c.get(path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, c.url+"/mail/"+id, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}

func TestCatcherKeepsTheNewest(t *testing.T) {
	t.Parallel()
	c := newCaught(t)
	// Older ones are there already, from an earlier run.
	for i := range keptMails {
		id := uuid.Must(uuid.NewV7())
		content := fmt.Sprintf("To: old@example.org\r\nSubject: old %d\r\n\r\n", i)
		require.NoError(t, os.WriteFile(c.catcher.path(id), []byte(content), 0o600))
	}
	c.send("new@example.org", "new 1")
	c.send("new@example.org", "new 2")
	subjects, _ := c.list("?limit=1000")
	require.Len(t, subjects, keptMails)
	require.Equal(t, []string{"new 2", "new 1", "old 999"}, subjects[:3])
	require.Equal(t, "old 2", subjects[keptMails-1])
}

func TestCaughtMailIsPrivateAndWhole(t *testing.T) {
	t.Parallel()
	c := newCaught(t)
	c.send("ada@example.org", "hello")
	entries, err := os.ReadDir(c.dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing temporary is left")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(c.dir)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		info, err = entries[0].Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.catcher.Send(gone, welcome()), context.Canceled)
	require.NoError(t, os.RemoveAll(c.dir))
	require.Error(t, c.catcher.Send(t.Context(), welcome()))
	_, err = NewCatcher(filepath.Join(c.dir, "x"), "nobody", discard())
	require.Error(t, err)
}
