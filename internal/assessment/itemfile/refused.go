package itemfile

import (
	"fmt"
	"strings"
)

// RefusedError says why a file as a whole is refused, or cannot be read on. Its
// text may be shown to whoever supplied the file. Other errors of readers are
// about the machine: a disk that fails, a context that ended.
type RefusedError struct {
	Place  Place
	Reason string
}

func (e *RefusedError) Error() string {
	if at := e.Place.String(); at != "" {
		return at + ": " + e.Reason
	}
	return e.Reason
}

// Refuse makes a RefusedError. Names from the file are kept short.
func Refuse(at Place, reason string, args ...any) error {
	at.File, at.ID = Shorten(at.File, 200), Shorten(at.ID, 200)
	return &RefusedError{Place: at, Reason: Shorten(fmt.Sprintf(reason, args...), 500)}
}

// Shorten collapses white space and cuts what is longer than that many runes:
// what comes from a file may be a megabyte long, a line of a report may not.
func Shorten(s string, runes int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= runes { // bytes, at least as many as runes
		return s
	}
	cut := []rune(s)
	if len(cut) <= runes {
		return s
	}
	return string(cut[:runes-1]) + "…"
}
