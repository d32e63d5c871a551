package content

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/content/olx"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

type catalogueInput struct {
	httpserver.Page
	Query string `query:"query" maxLength:"200" doc:"words to find; quotes and a leading minus as in web searches"`
}

type catalogueOutput struct {
	Body httpserver.List[catalogueEntry]
}

func (m *Module) getCatalogue(ctx context.Context, in *catalogueInput) (*catalogueOutput, error) {
	var after *cataloguePlace
	if in.Cursor != "" {
		after = &cataloguePlace{}
		if err := httpserver.DecodeCursor(in.Cursor, after); err != nil {
			return nil, err
		}
	}
	page, next, err := m.catalogue(ctx, auth.Caller(ctx), in.Query, in.Limit, after)
	if err != nil {
		return nil, err
	}
	out := &catalogueOutput{Body: httpserver.List[catalogueEntry]{Items: page}}
	if next != nil {
		out.Body.NextCursor = httpserver.EncodeCursor(next)
	}
	return out, nil
}

type courseInput struct {
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
}

// courseDetail is a course as its people see it.
type courseDetail struct {
	CourseID    uuid.UUID        `json:"course_id"`
	Key         string           `json:"key"`
	Slug        string           `json:"slug"`
	Title       string           `json:"title"`
	Summary     string           `json:"summary"`
	Description string           `json:"description_html,omitempty"`
	ImageURL    string           `json:"image_url,omitempty" doc:"signed; expires"`
	Language    string           `json:"language,omitempty"`
	StartsAt    *time.Time       `json:"starts_at,omitempty"`
	EndsAt      *time.Time       `json:"ends_at,omitempty"`
	Status      courseStatus     `json:"status" enum:"published,archived"`
	Listed      bool             `json:"listed"`
	Version     int              `json:"version"`
	Enrolment   enrolmentPolicy  `json:"enrolment"`
	Mine        *courseEnrolment `json:"my_enrolment,omitempty"`
	Teaching    bool             `json:"teaching" doc:"whether the caller may act as staff"`
	Staff       []courseStaff    `json:"staff,omitempty" doc:"for staff only"`
}

type enrolmentPolicy struct {
	Mode enrolmentMode `json:"mode" enum:"open,code,instructor"`
	Code string        `json:"code,omitempty" doc:"for staff only"`
}

type courseEnrolment struct {
	EnrolmentID uuid.UUID       `json:"enrolment_id"`
	Status      enrolmentStatus `json:"status" enum:"active,withdrawn"`
}

type courseStaff struct {
	AccountID   uuid.UUID `json:"account_id"`
	DisplayName string    `json:"display_name"`
}

type courseOutput struct {
	ETag string `header:"ETag"`
	Body courseDetail
}

func (m *Module) getCourse(ctx context.Context, in *courseInput) (*courseOutput, error) {
	p := auth.Caller(ctx)
	c, err := seenCourse(ctx, m.db.Pool, p, in.CourseID)
	if err != nil {
		return nil, err
	}
	return m.courseOutput(ctx, p, c)
}

// courseOutput adds what only the page of a course shows.
func (m *Module) courseOutput(ctx context.Context, p auth.Principal, c *course) (*courseOutput, error) {
	out := &courseOutput{ETag: httpserver.ETag(c.RowVersion), Body: courseDetail{
		CourseID: c.CourseID, Key: c.Key, Slug: c.Slug, Title: c.Title, Summary: c.Summary, Language: c.Language,
		StartsAt: c.StartsAt, EndsAt: c.EndsAt, Status: c.Status, Listed: c.Listed, Version: c.CurrentVersion,
		Enrolment: enrolmentPolicy{Mode: c.Mode}, Teaching: c.managedBy(p),
	}}
	if c.EnrolmentID != nil {
		out.Body.Mine = &courseEnrolment{EnrolmentID: *c.EnrolmentID, Status: *c.EnrolmentStatus}
	}
	signer, err := m.MediaSigner(ctx)
	if err != nil {
		return nil, err
	}
	var description, image string
	err = m.db.Pool.QueryRow(ctx, `select description, image from content.courses where course_id = $1`, c.CourseID).
		Scan(&description, &image)
	if err != nil {
		return nil, fmt.Errorf("load the description of course %s: %w", c.CourseID, err)
	}
	expires := signer.Expiry(m.now())
	out.Body.Description = renderMarkup(signer, c.CourseID, description, expires)
	out.Body.ImageURL = signer.RenderURL(image, expires)
	if !c.managedBy(p) {
		return out, nil
	}
	if c.Code != nil {
		out.Body.Enrolment.Code = *c.Code
	}
	out.Body.Staff, err = all(ctx, m.db.Pool, pgx.RowToStructByPos[courseStaff], `
		select s.account_id, coalesce(k.display_name, '') from content.course_staff s
		left join content.contacts k using (account_id) where s.course_id = $1 order by s.assigned_at, s.account_id`, c.CourseID)
	if err != nil {
		return nil, fmt.Errorf("load the staff of course %s: %w", c.CourseID, err)
	}
	return out, nil
}

type editCourseInput struct {
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
	IfMatch  string    `header:"If-Match" required:"true" maxLength:"50" doc:"the ETag that the course was read with"`
	Body     struct {
		Title     *string       `json:"title,omitempty" minLength:"1" maxLength:"300"`
		Summary   *string       `json:"summary,omitempty" maxLength:"2000"`
		Listed    *bool         `json:"listed,omitempty"`
		Status    *courseStatus `json:"status,omitempty" enum:"published,archived"`
		Enrolment *struct {
			Mode enrolmentMode `json:"mode" enum:"open,code,instructor"`
			Code *string       `json:"code,omitempty" minLength:"4" maxLength:"64" doc:"for the mode code; without it the present code stays"`
		} `json:"enrolment,omitempty"`
	}
}

func (m *Module) patchCourse(ctx context.Context, in *editCourseInput) (*courseOutput, error) {
	p := auth.Caller(ctx)
	seen, err := httpserver.ParseIfMatch(in.IfMatch, "course")
	if err != nil {
		return nil, err
	}
	edit := courseEdit{Title: in.Body.Title, Summary: in.Body.Summary, Listed: in.Body.Listed, Status: in.Body.Status}
	if e := in.Body.Enrolment; e != nil {
		edit.Mode, edit.Code = &e.Mode, e.Code
	}
	c, err := m.editCourse(ctx, p, in.CourseID, seen, edit)
	if err != nil {
		return nil, err
	}
	return m.courseOutput(ctx, p, c)
}

type taughtCourse struct {
	CourseID uuid.UUID    `json:"course_id"`
	Key      string       `json:"key"`
	Title    string       `json:"title"`
	Status   courseStatus `json:"status" enum:"published,archived"`
	Listed   bool         `json:"listed"`
	Version  int          `json:"version"`
	Learners int          `json:"learners" doc:"active enrolments"`
}

type taughtCoursesOutput struct {
	Body httpserver.List[taughtCourse]
}

type idCursor struct {
	ID uuid.UUID `json:"id"`
}

// pageID reads a cursor that is an id. Without one it is start, which comes
// before every id in the order of the list.
func pageID(page httpserver.Page, start uuid.UUID) (uuid.UUID, error) {
	if page.Cursor == "" {
		return start, nil
	}
	var at idCursor
	if err := httpserver.DecodeCursor(page.Cursor, &at); err != nil {
		return start, err
	}
	return at.ID, nil
}

// listOf makes a page of rows that were loaded with one more than the limit.
func listOf[T any](rows []T, limit int, id func(*T) uuid.UUID) httpserver.List[T] {
	if len(rows) <= limit {
		return httpserver.List[T]{Items: rows}
	}
	return httpserver.List[T]{Items: rows[:limit], NextCursor: httpserver.EncodeCursor(idCursor{ID: id(&rows[limit-1])})}
}

func (m *Module) getTaughtCourses(ctx context.Context, in *struct{ httpserver.Page }) (*taughtCoursesOutput, error) {
	p := auth.Caller(ctx)
	after, err := pageID(in.Page, uuid.Nil)
	if err != nil {
		return nil, err
	}
	rows, err := all(ctx, m.db.Pool, pgx.RowToStructByPos[taughtCourse], `
		select c.course_id, c.key, c.title, c.status, c.listed, c.current_version,
			(select count(*) from content.enrolments e where e.course_id = c.course_id and e.status = 'active')
		from content.courses c
		where c.organisation_id = $1 and c.course_id > $4
			and ($3 or exists (select from content.course_staff s where s.course_id = c.course_id and s.account_id = $2))
		order by c.course_id limit $5`,
		p.OrganisationID, p.AccountID, p.AdministersOrganisation(), after, in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list the courses of the caller: %w", err)
	}
	return &taughtCoursesOutput{Body: listOf(rows, in.Limit, func(c *taughtCourse) uuid.UUID { return c.CourseID })}, nil
}

type staffInput struct {
	CourseID  uuid.UUID `path:"course_id" format:"uuid"`
	AccountID uuid.UUID `path:"account_id" format:"uuid"`
}

func (m *Module) postStaff(ctx context.Context, in *staffInput) (*struct{}, error) {
	return nil, m.assignCourseStaff(ctx, auth.Caller(ctx), in.CourseID, in.AccountID)
}

func (m *Module) deleteStaff(ctx context.Context, in *staffInput) (*struct{}, error) {
	return nil, m.removeCourseStaff(ctx, auth.Caller(ctx), in.CourseID, in.AccountID)
}

type courseVersion struct {
	Number      int        `json:"number"`
	Title       string     `json:"title"`
	Units       int        `json:"units"`
	PublishedAt time.Time  `json:"published_at"`
	PublishedBy *uuid.UUID `json:"published_by,omitempty"`
	Current     bool       `json:"current"`
}

type versionsOutput struct {
	Body struct {
		Items []courseVersion `json:"items"`
	}
}

func (m *Module) getVersions(ctx context.Context, in *courseInput) (*versionsOutput, error) {
	if _, err := managedCourse(ctx, m.db.Pool, auth.Caller(ctx), in.CourseID); err != nil {
		return nil, err
	}
	rows, err := all(ctx, m.db.Pool, pgx.RowToStructByPos[courseVersion], `
		select v.number, v.title, v.unit_count, v.published_at, v.published_by, v.number = c.current_version
		from content.course_versions v join content.courses c using (course_id)
		where v.course_id = $1 order by v.number desc limit 1000`, in.CourseID)
	if err != nil {
		return nil, fmt.Errorf("list the versions of course %s: %w", in.CourseID, err)
	}
	out := &versionsOutput{}
	out.Body.Items = rows
	return out, nil
}

type versionReportInput struct {
	CourseID uuid.UUID `path:"course_id" format:"uuid"`
	Number   int       `path:"number" minimum:"1" maximum:"1000000"`
}

type reportOutput struct {
	Body *olx.Report
}

func (m *Module) getVersionReport(ctx context.Context, in *versionReportInput) (*reportOutput, error) {
	if _, err := managedCourse(ctx, m.db.Pool, auth.Caller(ctx), in.CourseID); err != nil {
		return nil, err
	}
	report, found, err := one(ctx, m.db.Pool, pgx.RowTo[*olx.Report],
		`select report from content.course_versions where course_id = $1 and number = $2`, in.CourseID, in.Number)
	if err != nil {
		return nil, fmt.Errorf("load the report of version %d of course %s: %w", in.Number, in.CourseID, err)
	}
	if !found {
		return nil, problem.NotFoundf("The course has no such version.")
	}
	return &reportOutput{Body: report}, nil
}
