package content

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
)

// catalogueEntry is a course as the catalogue shows it.
type catalogueEntry struct {
	CourseID  uuid.UUID     `json:"course_id"`
	Key       string        `json:"key" doc:"organisation/number/run of the export"`
	Slug      string        `json:"slug"`
	Title     string        `json:"title"`
	Summary   string        `json:"summary"`
	Language  string        `json:"language,omitempty" doc:"BCP 47"`
	StartsAt  *time.Time    `json:"starts_at,omitempty"`
	EndsAt    *time.Time    `json:"ends_at,omitempty"`
	Enrolment enrolmentMode `json:"enrolment_mode" enum:"open,code,instructor"`
	Enrolled  bool          `json:"enrolled" doc:"whether the caller is"`
}

// cataloguePlace is where a page ends: by rank when searching, else by title.
type cataloguePlace struct {
	Rank     float64   `json:"r,omitempty"`
	Title    string    `json:"t,omitempty"`
	CourseID uuid.UUID `json:"id"`
}

const catalogueColumns = `c.course_id, c.key, c.slug, c.title, c.summary, c.language, c.starts_at, c.ends_at, c.enrolment_mode,
	exists (select from content.enrolments e where e.course_id = c.course_id and e.learner_id = $1 and e.status = 'active')`

// catalogue returns one page of the listed courses of the caller's
// organisation: those that match the query, best first, or all by title. after
// is nil for the first page; next is nil after the last.
func (m *Module) catalogue(ctx context.Context, p auth.Principal, query string, limit int, after *cataloguePlace) (page []catalogueEntry, next *cataloguePlace, err error) {
	type row struct {
		Entry catalogueEntry
		Place cataloguePlace
	}
	at := cataloguePlace{Rank: math.MaxFloat32} // before every title, above every rank
	if after != nil {
		at = *after
	}
	// Written out, because a struct cannot be scanned in two.
	scan := func(r pgx.CollectableRow) (row, error) {
		var out row
		e := &out.Entry
		err := r.Scan(&e.CourseID, &e.Key, &e.Slug, &e.Title, &e.Summary, &e.Language, &e.StartsAt, &e.EndsAt,
			&e.Enrolment, &e.Enrolled, &out.Place.Rank, &out.Place.Title)
		out.Place.CourseID = e.CourseID
		return out, err
	}
	var rows []row
	if query = strings.ToLower(strings.TrimSpace(query)); query == "" {
		rows, err = all(ctx, m.db.Pool, scan, `
			select `+catalogueColumns+`, 0::float8, lower(c.title)
			from content.courses c
			where c.organisation_id = $2 and c.listed and c.status = 'published'
				and (lower(c.title), c.course_id) > ($4, $3)
			order by lower(c.title), c.course_id limit $5`,
			p.AccountID, p.OrganisationID, at.CourseID, at.Title, limit+1)
	} else {
		rows, err = all(ctx, m.db.Pool, scan, `
			with wanted as (
				select websearch_to_tsquery('pg_catalog.english', $3) || websearch_to_tsquery('pg_catalog.simple', $3) as q),
			found as (
				select c.*, ts_rank(c.search, wanted.q)::float8 as rank
				from content.courses c, wanted
				where c.organisation_id = $2 and c.listed and c.status = 'published' and c.search @@ wanted.q)
			select `+catalogueColumns+`, c.rank, ''
			from found c
			where c.rank < $5 or (c.rank = $5 and c.course_id > $4)
			order by c.rank desc, c.course_id limit $6`,
			p.AccountID, p.OrganisationID, query, at.CourseID, at.Rank, limit+1)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("search the catalogue: %w", err)
	}
	if len(rows) > limit {
		next = &rows[limit-1].Place
		rows = rows[:limit]
	}
	page = make([]catalogueEntry, 0, len(rows))
	for _, r := range rows {
		page = append(page, r.Entry)
	}
	return page, next, nil
}
