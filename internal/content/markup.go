package content

import (
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/mediaurl"
)

// unitLink matches the links between units in stored markup.
var unitLink = regexp.MustCompile(`"unit:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})`)

// renderMarkup renders the URLs in stored, sanitised HTML.
func renderMarkup(signer *mediaurl.Signer, courseID uuid.UUID, markup string, expires time.Time) string {
	if strings.Contains(markup, `"unit:`) {
		markup = unitLink.ReplaceAllString(markup, `"/v1/courses/`+courseID.String()+`/units/$1`)
	}
	return signer.RenderHTML(markup, expires)
}
