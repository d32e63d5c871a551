package content

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/problem"
)

// getUnit is the hot path: it writes bytes that are there already.
func (m *Module) getUnit(w http.ResponseWriter, r *http.Request) {
	unit, err := m.unitOf(r)
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	h := w.Header()
	encoded := &unit.plain
	if unit.zipped.body != nil {
		h.Add("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			encoded = &unit.zipped
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", encoded.etag)
	// Always asked for again, so that access is checked and the view is noted.
	h.Set("Cache-Control", "private, no-cache")
	if noneMatch(r.Header.Get("If-None-Match"), encoded.etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(encoded.body)))
	_, _ = w.Write(encoded.body) // the reader has gone: nobody to tell
}

// takesGzip reports whether an Accept-Encoding header allows gzip.
func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, given := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		share, err := strconv.ParseFloat(q, 64)
		return !given || err == nil && share > 0
	}
	return false
}

func (m *Module) unitOf(r *http.Request) (*renderedUnit, error) {
	courseID, err := uuid.Parse(chi.URLParam(r, "course_id"))
	if err != nil {
		return nil, problem.InvalidField("path.course_id", "it is not a UUID")
	}
	unitID, err := uuid.Parse(chi.URLParam(r, "unit_id"))
	if err != nil {
		return nil, problem.InvalidField("path.unit_id", "it is not a UUID")
	}
	return m.readUnit(r.Context(), auth.Caller(r.Context()), courseID, unitID)
}

// noneMatch reports whether an If-None-Match header names the entity tag.
func noneMatch(header, etag string) bool {
	if header == "" {
		return false
	}
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

func (m *Module) getMedia(w http.ResponseWriter, r *http.Request) {
	// The decoded path, whichever form the router matched on.
	rest := strings.TrimPrefix(r.URL.Path, mediaurl.Prefix)
	digest, name, _ := strings.Cut(rest, "/")
	signer, err := m.MediaSigner(r.Context())
	if err == nil {
		err = m.files.Serve(w, r, signer, digest, name, m.now())
	}
	if err != nil {
		httpserver.WriteProblem(w, r, err)
	}
}

type outlineOutput struct {
	Body struct {
		CourseID       uuid.UUID        `json:"course_id"`
		Version        int              `json:"version"`
		Title          string           `json:"title"`
		CompletedUnits int              `json:"completed_units"`
		TotalUnits     int              `json:"total_units"`
		Chapters       []chapterOutline `json:"chapters"`
	}
}

type chapterOutline struct {
	Title       string              `json:"title"`
	Subsections []subsectionOutline `json:"subsections"`
}

type subsectionOutline struct {
	Title            string        `json:"title"`
	Category         string        `json:"category,omitempty" doc:"of graded work"`
	DueAt            *time.Time    `json:"due_at,omitempty"`
	TimeLimitSeconds int           `json:"time_limit_seconds,omitempty"`
	Units            []unitOutline `json:"units"`
}

type unitOutline struct {
	UnitID        uuid.UUID   `json:"unit_id"`
	Title         string      `json:"title"`
	ProblemSetIDs []uuid.UUID `json:"problem_set_ids,omitempty"`
	Viewed        bool        `json:"viewed"`
	Completed     bool        `json:"completed"`
}

func (m *Module) getOutline(ctx context.Context, in *courseInput) (*outlineOutput, error) {
	c, err := seenCourse(ctx, m.db.Pool, auth.Caller(ctx), in.CourseID)
	if err != nil {
		return nil, err
	}
	toc, err := loadOutline(ctx, m.db.Pool, c.CourseID, c.CurrentVersion)
	if err != nil {
		return nil, err
	}
	var states map[uuid.UUID]unitState
	if c.EnrolmentID != nil {
		if states, err = unitStates(ctx, m.db.Pool, *c.EnrolmentID); err != nil {
			return nil, err
		}
	}
	out := &outlineOutput{}
	b := &out.Body
	b.CourseID, b.Version, b.Title, b.Chapters = c.CourseID, c.CurrentVersion, c.Title, []chapterOutline{}
	for _, chapter := range toc.Chapters {
		co := chapterOutline{Title: chapter.Title, Subsections: []subsectionOutline{}}
		for _, sub := range chapter.Subsections {
			so := subsectionOutline{
				Title: sub.Title, Category: sub.Category, DueAt: sub.DueAt, TimeLimitSeconds: sub.TimeLimitSeconds, Units: []unitOutline{},
			}
			for _, u := range sub.Units {
				state := states[u.UnitID]
				so.Units = append(so.Units, unitOutline{
					UnitID: u.UnitID, Title: u.Title, ProblemSetIDs: u.ProblemSetIDs,
					Viewed: state.FirstViewedAt != nil, Completed: state.CompletedAt != nil,
				})
				b.TotalUnits++
				if state.CompletedAt != nil {
					b.CompletedUnits++
				}
			}
			co.Subsections = append(co.Subsections, so)
		}
		b.Chapters = append(b.Chapters, co)
	}
	return out, nil
}

type completionInput struct {
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
	UnitID   uuid.UUID `path:"unit_id" format:"uuid"`
}

func (m *Module) postCompletion(ctx context.Context, in *completionInput) (*struct{}, error) {
	return nil, m.completeUnit(ctx, auth.Caller(ctx), in.CourseID, in.UnitID)
}

type progressOutput struct {
	Body struct {
		EnrolmentID    uuid.UUID       `json:"enrolment_id"`
		Status         enrolmentStatus `json:"status" enum:"active,withdrawn"`
		Version        int             `json:"version"`
		CompletedUnits int             `json:"completed_units"`
		TotalUnits     int             `json:"total_units"`
		CompletedAt    *time.Time      `json:"completed_at,omitempty" doc:"when every unit of the course had been completed"`
		Units          []unitProgress  `json:"units"`
	}
}

type unitProgress struct {
	UnitID        uuid.UUID            `json:"unit_id"`
	Title         string               `json:"title"`
	FirstViewedAt *time.Time           `json:"first_viewed_at,omitempty"`
	CompletedAt   *time.Time           `json:"completed_at,omitempty"`
	ProblemSets   []problemSetProgress `json:"problem_sets,omitempty"`
}

type problemSetProgress struct {
	ProblemSetID uuid.UUID  `json:"problem_set_id"`
	Score        string     `json:"score,omitempty" doc:"the best so far, decimal; absent before the first graded attempt"`
	MaxScore     string     `json:"max_score,omitempty"`
	GradedAt     *time.Time `json:"graded_at,omitempty"`
}

func (m *Module) getProgress(ctx context.Context, in *courseInput) (*progressOutput, error) {
	p := auth.Caller(ctx)
	c, err := seenCourse(ctx, m.db.Pool, p, in.CourseID)
	if err != nil {
		return nil, err
	}
	if c.EnrolmentID == nil {
		return nil, errNotEnrolled()
	}
	toc, err := loadOutline(ctx, m.db.Pool, c.CourseID, c.CurrentVersion)
	if err != nil {
		return nil, err
	}
	states, err := unitStates(ctx, m.db.Pool, *c.EnrolmentID)
	if err != nil {
		return nil, err
	}
	scores, err := results(ctx, m.db.Pool, c.CourseID, p.AccountID)
	if err != nil {
		return nil, err
	}
	out := &progressOutput{}
	b := &out.Body
	b.EnrolmentID, b.Status, b.Version, b.Units = *c.EnrolmentID, *c.EnrolmentStatus, c.CurrentVersion, []unitProgress{}
	if b.CompletedAt, err = courseCompletedAt(ctx, m.db.Pool, *c.EnrolmentID); err != nil {
		return nil, err
	}
	for _, chapter := range toc.Chapters {
		for _, sub := range chapter.Subsections {
			for _, u := range sub.Units {
				state := states[u.UnitID]
				b.TotalUnits++
				if state.CompletedAt != nil {
					b.CompletedUnits++
				}
				unit := unitProgress{UnitID: u.UnitID, Title: u.Title, FirstViewedAt: state.FirstViewedAt, CompletedAt: state.CompletedAt}
				for _, id := range u.ProblemSetIDs {
					unit.ProblemSets = append(unit.ProblemSets, progressOf(id, scores))
				}
				b.Units = append(b.Units, unit)
			}
		}
	}
	return out, nil
}

func progressOf(problemSet uuid.UUID, scores map[uuid.UUID]result) problemSetProgress {
	out := problemSetProgress{ProblemSetID: problemSet}
	if r, ok := scores[problemSet]; ok {
		at := r.GradedAt.UTC()
		out.Score, out.MaxScore, out.GradedAt = r.Score, r.MaxScore, &at
	}
	return out
}
