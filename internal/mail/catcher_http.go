package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	defaultListed = 50
	// maxMailBytes bounds what is read of a file: two texts, encoded.
	maxMailBytes = 8 << 20
)

type caughtMail struct {
	ID      uuid.UUID `json:"id"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	At      time.Time `json:"at"`
	Text    string    `json:"text,omitempty"`
	HTML    string    `json:"html,omitempty"`
}

type caughtMails struct {
	Items []caughtMail `json:"items"`
}

// Handler serves the caught mail. It asks nobody who they are, so it belongs on
// the listener for operations:
//
//	GET /mail?to=ada@example.org&limit=10   {"items": [{id, to, subject, at}, ...]}, newest first
//	GET /mail/{id}                          {id, to, subject, at, text, html}
//	GET /mail/{id}.eml                      the mail itself
func (c *Catcher) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mail", c.serveList)
	mux.HandleFunc("GET /mail/{id}", c.serveOne)
	return mux
}

func (c *Catcher) serveList(w http.ResponseWriter, r *http.Request) {
	limit := defaultListed
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > keptMails {
			http.Error(w, fmt.Sprintf("limit is not a number from 1 to %d", keptMails), http.StatusUnprocessableEntity)
			return
		}
		limit = n
	}
	to := r.URL.Query().Get("to")
	ids, err := c.newest()
	if err != nil {
		c.failed(w, r, err)
		return
	}
	found := caughtMails{Items: []caughtMail{}}
	for _, id := range ids {
		if len(found.Items) == limit {
			break
		}
		m, _, err := c.read(id, false)
		if errors.Is(err, fs.ErrNotExist) {
			continue // pruned meanwhile
		}
		if err != nil {
			c.failed(w, r, err)
			return
		}
		if to == "" || strings.EqualFold(m.To, to) {
			found.Items = append(found.Items, m)
		}
	}
	c.serveJSON(w, r, found)
}

func (c *Catcher) serveOne(w http.ResponseWriter, r *http.Request) {
	name, raw := strings.CutSuffix(r.PathValue("id"), emlSuffix)
	id, ok := mailID(name + emlSuffix)
	if !ok {
		http.Error(w, "there is no such mail", http.StatusNotFound)
		return
	}
	m, content, err := c.read(id, true)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, "there is no such mail", http.StatusNotFound)
	case err != nil:
		c.failed(w, r, err)
	case raw:
		w.Header().Set("Content-Type", "message/rfc822")
		w.Header().Set("Content-Disposition", `attachment; filename="`+id.String()+emlSuffix+`"`)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if _, err := w.Write(content); err != nil {
			c.log.DebugContext(r.Context(), "a reader of caught mail has gone", "error", err)
		}
	default:
		c.serveJSON(w, r, m)
	}
}

func (c *Catcher) serveJSON(w http.ResponseWriter, r *http.Request, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		c.log.DebugContext(r.Context(), "a reader of caught mail has gone", "error", err)
	}
}

func (c *Catcher) failed(w http.ResponseWriter, r *http.Request, err error) {
	c.log.ErrorContext(r.Context(), "caught mail cannot be read", "error", err)
	http.Error(w, "the caught mail cannot be read", http.StatusInternalServerError)
}

// read reads a mail: with its texts and its file's content, or just the header.
func (c *Catcher) read(id uuid.UUID, whole bool) (m caughtMail, content []byte, err error) {
	f, err := os.Open(c.path(id))
	if err != nil {
		return m, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	file := io.LimitReader(f, maxMailBytes)
	if whole {
		if content, err = io.ReadAll(file); err != nil {
			return m, nil, err
		}
		file = strings.NewReader(string(content))
	}
	parsed, err := mail.ReadMessage(file)
	if err != nil {
		return m, nil, fmt.Errorf("read mail %s: %w", id, err)
	}
	to, err := mail.ParseAddress(parsed.Header.Get("To"))
	if err != nil {
		return m, nil, fmt.Errorf("read mail %s: %w", id, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil {
		return m, nil, fmt.Errorf("read mail %s: %w", id, err)
	}
	seconds, nanoseconds := id.Time().UnixTime()
	m = caughtMail{ID: id, To: to.Address, Subject: subject, At: time.Unix(seconds, nanoseconds).UTC()}
	if whole {
		if err := m.readTexts(parsed); err != nil {
			return m, nil, fmt.Errorf("read mail %s: %w", id, err)
		}
	}
	return m, content, nil
}

func (m *caughtMail) readTexts(parsed *mail.Message) error {
	kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if kind == "text/plain" {
		text, err := io.ReadAll(quotedprintable.NewReader(parsed.Body))
		m.Text = unixLines(text)
		return err
	}
	parts := multipart.NewReader(parsed.Body, params["boundary"])
	for {
		part, err := parts.NextPart() // decodes quoted-printable
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		if kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind == "text/html" {
			m.HTML = unixLines(text)
		} else {
			m.Text = unixLines(text)
		}
	}
}

func unixLines(text []byte) string { return strings.ReplaceAll(string(text), "\r\n", "\n") }
