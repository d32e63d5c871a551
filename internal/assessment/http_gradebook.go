package assessment

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

type columnBody struct {
	AssessmentID uuid.UUID `json:"assessment_id" format:"uuid"`
	Title        string    `json:"title"`
	Category     string    `json:"category"`
	MaxScore     string    `json:"max_score" doc:"Decimal; of the current version"`
}

type gradeRowBody struct {
	LearnerID uuid.UUID     `json:"learner_id" format:"uuid"`
	Name      string        `json:"name" doc:"Empty if it is not known or was erased"`
	Scores    []*scoreBody  `json:"scores" nullable:"false" doc:"In the order of the columns; null without a graded attempt"`
	Total     scoring.Score `json:"total"`
	MaxTotal  scoring.Score `json:"max_total"`
	Percent   string        `json:"percent" doc:"total / max_total, every point counting the same; what has not been attempted counts as zero"`
}

type scoreBody struct {
	AttemptID uuid.UUID     `json:"attempt_id" format:"uuid"`
	Score     scoring.Score `json:"score"`
	MaxScore  scoring.Score `json:"max_score" doc:"Of the version that was attempted"`
}

func newColumns(columns []gradebookColumn) []columnBody {
	bodies := make([]columnBody, 0, len(columns))
	for _, c := range columns {
		bodies = append(bodies, columnBody(c))
	}
	return bodies
}

func newGradeRow(r gradebookRow) gradeRowBody {
	b := gradeRowBody{
		LearnerID: r.LearnerID, Name: r.Name, Scores: make([]*scoreBody, len(r.Cells)),
		Total: r.Total, MaxTotal: r.Max, Percent: r.Percent(),
	}
	for i, cell := range r.Cells {
		if cell != nil {
			b.Scores[i] = &scoreBody{AttemptID: cell.AttemptID, Score: cell.Score, MaxScore: cell.Max}
		}
	}
	return b
}

type gradebookInput struct {
	httpserver.Page
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
}

type gradebookOutput struct {
	Body struct {
		Columns    []columnBody   `json:"columns" nullable:"false"`
		Items      []gradeRowBody `json:"items" nullable:"false"`
		NextCursor string         `json:"next_cursor,omitempty"`
	}
}

func (m *Module) handleGradebook(ctx context.Context, in *gradebookInput) (*gradebookOutput, error) {
	caller := auth.Caller(ctx)
	var after uuid.UUID
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &after); err != nil {
			return nil, err
		}
	}
	columns, err := m.gradebookCourse(ctx, caller, in.CourseID)
	if err != nil {
		return nil, err
	}
	rows, err := m.gradebookPage(ctx, caller, in.CourseID, columns, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &gradebookOutput{}
	out.Body.Columns, out.Body.Items = newColumns(columns), []gradeRowBody{}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		out.Body.NextCursor = httpserver.EncodeCursor(rows[in.Limit-1].LearnerID)
	}
	for _, r := range rows {
		out.Body.Items = append(out.Body.Items, newGradeRow(r))
	}
	return out, nil
}

type ownGradesInput struct {
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
}

type ownGradesOutput struct {
	Body struct {
		Columns []columnBody `json:"columns" nullable:"false"`
		Grades  gradeRowBody `json:"grades"`
	}
}

func (m *Module) handleOwnGrades(ctx context.Context, in *ownGradesInput) (*ownGradesOutput, error) {
	columns, row, err := m.ownGrades(ctx, auth.Caller(ctx), in.CourseID)
	if err != nil {
		return nil, err
	}
	out := &ownGradesOutput{}
	out.Body.Columns, out.Body.Grades = newColumns(columns), newGradeRow(row)
	return out, nil
}

// csvPage is how many learners are read at once for a download.
const csvPage = 500

// handleGradebookCSV streams the gradebook, a page of learners at a time.
func (m *Module) handleGradebookCSV(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	caller := auth.Caller(ctx)
	course, err := uuid.Parse(chi.URLParam(r, "course_id"))
	if err != nil {
		httpserver.WriteProblem(w, r, problem.InvalidField("path.course_id", "it is not a UUID"))
		return
	}
	columns, err := m.gradebookCourse(ctx, caller, course)
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	// The first page is read before the status is sent, while a failure can
	// still be told.
	rows, err := m.gradebookPage(ctx, caller, course, columns, uuid.Nil, csvPage)
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="gradebook-%s.csv"`, course))
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	err = errors.Join(out.Write(csvHeader(columns)), writeCSV(out, rows))
	for err == nil && len(rows) == csvPage {
		rows, err = m.gradebookPage(ctx, caller, course, columns, rows[csvPage-1].LearnerID, csvPage)
		err = errors.Join(err, writeCSV(out, rows))
	}
	if err != nil {
		m.log.WarnContext(ctx, "the download of a gradebook broke off", "course_id", course, "error", err)
		// A client must not take a part for the whole.
		panic(http.ErrAbortHandler)
	}
}

func csvHeader(columns []gradebookColumn) []string {
	header := []string{"learner_id", "name"}
	for _, c := range columns {
		header = append(header, csvCell(c.Title+" ("+c.MaxScore+")"))
	}
	return append(header, "total", "max_total", "percent")
}

func writeCSV(out *csv.Writer, rows []gradebookRow) error {
	for _, r := range rows {
		record := []string{r.LearnerID.String(), csvCell(r.Name)}
		for _, cell := range r.Cells {
			score := ""
			if cell != nil {
				score = cell.Score.String()
			}
			record = append(record, score)
		}
		if err := out.Write(append(record, r.Total.String(), r.Max.String(), r.Percent())); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// csvCell makes text that somebody chose safe to open in a spreadsheet, which
// takes a cell for a formula by its first character.
func csvCell(text string) string {
	// Some skip spaces, and some take the full-width forms for the plain ones.
	visible := strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
	if strings.ContainsAny(firstRune(visible), "=+-@＝＋－＠") || visible != text {
		return "'" + text
	}
	return text
}

func firstRune(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return text[:size]
}
