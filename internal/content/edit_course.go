package content

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// courseEdit is what staff may change of a course without publishing. A nil
// field stays as it is.
type courseEdit struct {
	Title   *string
	Summary *string
	Listed  *bool
	Status  *courseStatus
	Mode    *enrolmentMode
	Code    *string
}

// The lengths of an enrolment code.
const (
	minCode = 4
	maxCode = 64
)

// apply changes the course, or returns every reason why not.
func (e courseEdit) apply(c *course) error {
	bad := problem.New(problem.Invalid, "invalid-value", "The request has an invalid value.")
	invalid := func(location, message string) {
		bad.Fields = append(bad.Fields, problem.FieldError{Location: location, Message: message})
	}
	if e.Title != nil {
		c.Title = strings.TrimSpace(*e.Title)
		if c.Title == "" || utf8.RuneCountInString(c.Title) > maxTitle || strings.ContainsFunc(c.Title, unicode.IsControl) {
			invalid("body.title", "a title has 1 to 300 characters, without line breaks")
		}
	}
	if e.Summary != nil {
		c.Summary = strings.TrimSpace(*e.Summary)
		if utf8.RuneCountInString(c.Summary) > maxSummary || strings.ContainsRune(c.Summary, 0) {
			invalid("body.summary", "a summary has at most 2000 characters")
		}
	}
	if e.Listed != nil {
		c.Listed = *e.Listed
	}
	if e.Status != nil {
		c.Status = *e.Status
	}
	if e.Mode != nil {
		c.Mode = *e.Mode
	}
	if e.Code != nil {
		c.Code = e.Code
	}
	switch {
	case c.Mode != enrolCode && e.Code != nil:
		invalid("body.enrolment.code", `only the mode "code" has a code`)
	case c.Mode != enrolCode:
		c.Code = nil
	case c.Code == nil:
		invalid("body.enrolment.code", `the mode "code" needs a code`)
	case !goodCode(*c.Code):
		invalid("body.enrolment.code", "a code has 4 to 64 printable characters without spaces")
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	return nil
}

func goodCode(code string) bool {
	n := utf8.RuneCountInString(code)
	return n >= minCode && n <= maxCode &&
		!strings.ContainsFunc(code, func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) })
}

// editCourse changes a course that is still at the row version that the editor
// has seen.
func (m *Module) editCourse(ctx context.Context, p auth.Principal, courseID uuid.UUID, seen int64, edit courseEdit) (c *course, err error) {
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockCourse(ctx, tx, courseID); err != nil {
			return err
		}
		if c, err = managedCourse(ctx, tx, p, courseID); err != nil {
			return err
		}
		if c.RowVersion != seen {
			return problem.New(problem.Precondition, "course-changed", "The course has changed since. Read it again.")
		}
		if err := edit.apply(c); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `
			update content.courses set title = $2, summary = $3, listed = $4, status = $5, enrolment_mode = $6,
				enrolment_code = $7, search = content.course_search($8, $9, headings),
				row_version = row_version + 1, updated_at = now()
			where course_id = $1 returning row_version`,
			courseID, c.Title, c.Summary, c.Listed, c.Status, c.Mode, c.Code,
			strings.ToLower(c.Title), strings.ToLower(c.Summary)).Scan(&c.RowVersion)
		if err != nil {
			return fmt.Errorf("edit course %s: %w", courseID, err)
		}
		return nil
	})
	return c, err
}
