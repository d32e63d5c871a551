package itemfile

import (
	"fmt"

	"github.com/lyceum-lms/platform/internal/markup"
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
	at.File, at.ID = markup.Shorten(at.File, 200), markup.Shorten(at.ID, 200)
	return &RefusedError{Place: at, Reason: markup.Shorten(fmt.Sprintf(reason, args...), 500)}
}
