package httpserver

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/lyceum-lms/platform/internal/problem"
)

// Page is the part of a list operation's input that says which page is wanted.
type Page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Most items to return."`
	Cursor string `query:"cursor" maxLength:"1024" doc:"The next_cursor of the page before; none for the first page."`
}

// List is a page of a list.
type List[T any] struct {
	Items []T `json:"items" nullable:"false"`
	// NextCursor leads to the next page; empty on the last one.
	NextCursor string `json:"next_cursor,omitempty"`
}

// EncodeCursor makes an opaque cursor of a position: a struct, string or number
// that survives JSON, usually the sort key of the last item of a page. It is
// not secret and not signed: DecodeCursor's caller must bear any value.
func EncodeCursor(position any) string {
	raw, err := json.Marshal(position)
	if err != nil {
		// Positions are plain data of ours. An empty cursor would silently
		// begin again at the first page; this one is refused when it comes back.
		return "!"
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// DecodeCursor reads a cursor of EncodeCursor into position, a pointer. Its
// error is a problem about query.cursor.
func DecodeCursor(cursor string, position any) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || checkJSON(raw) != nil {
		return errCursor()
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(position); err != nil {
		return errCursor()
	}
	return nil
}

func errCursor() error {
	return problem.InvalidField("query.cursor", "it is not a cursor of this list")
}
