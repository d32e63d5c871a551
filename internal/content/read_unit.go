package content

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/problem"
)

// unitKey is a rendered unit. The version makes it immutable; expires is when
// the media URLs in it do.
type unitKey struct {
	course, unit uuid.UUID
	version      int
	expires      int64
}

// renderedUnit is a unit as it goes over the wire, the same for every reader.
type renderedUnit struct {
	plain encodedUnit
	// zipped is for those who take gzip; its body is nil if the unit is so small
	// that compressing it is not worth a header.
	zipped encodedUnit
}

// encodedUnit is one encoding of a unit, with the entity tag that is its own.
type encodedUnit struct {
	etag string
	body []byte
}

// worthZipping is the least size of a body that is compressed, in bytes.
const worthZipping = 1024

func newRenderedUnit(body []byte, tag string) (*renderedUnit, error) {
	unit := &renderedUnit{plain: encodedUnit{etag: `"` + tag + `"`, body: body}}
	if len(body) < worthZipping {
		return unit, nil
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	unit.zipped = encodedUnit{etag: `"` + tag + `.gzip"`, body: zipped.Bytes()}
	return unit, nil
}

func (u *renderedUnit) size() int64 { return int64(len(u.plain.body) + len(u.zipped.body)) }

// unitPage is the JSON form of a unit.
type unitPage struct {
	CourseID       uuid.UUID  `json:"course_id"`
	Version        int        `json:"version"`
	UnitID         uuid.UUID  `json:"unit_id"`
	Position       int        `json:"position"`
	Chapter        string     `json:"chapter"`
	Subsection     string     `json:"subsection"`
	Title          string     `json:"title"`
	PreviousUnitID *uuid.UUID `json:"previous_unit_id,omitempty"`
	NextUnitID     *uuid.UUID `json:"next_unit_id,omitempty"`
	Blocks         []block    `json:"blocks"`
	// MediaExpireAt is when the media URLs in the blocks stop working.
	MediaExpireAt time.Time `json:"media_expire_at"`
}

func errNoUnit() error { return problem.NotFoundf("There is no such unit in the course.") }

// readUnit returns the unit as the course's current version has it and keeps
// that the learner has seen it today.
func (m *Module) readUnit(ctx context.Context, p auth.Principal, courseID, unitID uuid.UUID) (*renderedUnit, error) {
	a, err := m.readAccess(ctx, p, courseID)
	if err != nil {
		return nil, err
	}
	unit, err := m.renderedUnit(ctx, courseID, a.version, unitID)
	if err != nil {
		return nil, err
	}
	if a.enrolment != uuid.Nil {
		if err := m.noteView(ctx, a.enrolment, unitID); err != nil {
			// The learner came to read. The next read of the day notes it.
			m.log.WarnContext(ctx, "could not note a unit view", "unit_id", unitID, "error", err)
		}
	}
	return unit, nil
}

func (m *Module) renderedUnit(ctx context.Context, courseID uuid.UUID, version int, unitID uuid.UUID) (*renderedUnit, error) {
	signer, err := m.MediaSigner(ctx)
	if err != nil {
		return nil, err
	}
	expires := signer.Expiry(m.now())
	key := unitKey{course: courseID, unit: unitID, version: version, expires: expires.Unix()}
	if unit, ok := m.units.get(key); ok {
		m.metrics.unitHits.Inc()
		return unit, nil
	}
	m.metrics.unitMisses.Inc()
	page, err := loadUnit(ctx, m.db.Pool, courseID, version, unitID)
	if err != nil {
		return nil, err
	}
	page.MediaExpireAt = expires
	for i := range page.Blocks {
		page.Blocks[i].render(signer, courseID, expires)
	}
	body, err := json.Marshal(page)
	if err != nil {
		return nil, fmt.Errorf("encode unit %s: %w", unitID, err)
	}
	// The tag changes with the version, and with the media URLs in the unit.
	unit, err := newRenderedUnit(body, strconv.Itoa(version)+"."+strconv.FormatInt(expires.Unix(), 36))
	if err != nil {
		return nil, fmt.Errorf("compress unit %s: %w", unitID, err)
	}
	m.units.put(key, unit, unit.size())
	return unit, nil
}

func loadUnit(ctx context.Context, q querier, courseID uuid.UUID, version int, unitID uuid.UUID) (*unitPage, error) {
	type row struct {
		Position           int
		Chapter            string
		Subsection         string
		Title              string
		Content            []byte
		PreviousID, NextID *uuid.UUID
	}
	r, found, err := one(ctx, q, pgx.RowToStructByPos[row], `
		select u.position, u.chapter, u.subsection, u.title, u.content,
			(select unit_id from content.units b where b.course_id = $1 and b.version = $2 and b.position = u.position - 1),
			(select unit_id from content.units a where a.course_id = $1 and a.version = $2 and a.position = u.position + 1)
		from content.units u
		where u.course_id = $1 and u.version = $2 and u.unit_id = $3`, courseID, version, unitID)
	if err != nil {
		return nil, fmt.Errorf("load unit %s: %w", unitID, err)
	}
	if !found {
		return nil, errNoUnit()
	}
	page := &unitPage{
		CourseID: courseID, Version: version, UnitID: unitID, Position: r.Position, Chapter: r.Chapter,
		Subsection: r.Subsection, Title: r.Title, PreviousUnitID: r.PreviousID, NextUnitID: r.NextID,
	}
	if err := json.Unmarshal(r.Content, &page.Blocks); err != nil {
		return nil, fmt.Errorf("decode unit %s: %w", unitID, err)
	}
	return page, nil
}

// render turns the stored form of a block into what a reader can follow: asset
// URLs become signed ones, links between units become paths of this API.
func (b *block) render(signer *mediaurl.Signer, courseID uuid.UUID, expires time.Time) {
	b.HTML = renderMarkup(signer, courseID, b.HTML, expires)
	if v := b.Video; v != nil {
		for i := range v.Sources {
			v.Sources[i] = signer.RenderURL(v.Sources[i], expires)
		}
		for i := range v.Transcripts {
			v.Transcripts[i].URL = signer.RenderURL(v.Transcripts[i].URL, expires)
		}
		v.HandoutURL = signer.RenderURL(v.HandoutURL, expires)
		v.TranscriptURL = signer.RenderURL(v.TranscriptURL, expires)
	}
	if b.File != nil {
		b.File.URL = signer.RenderURL(b.File.URL, expires)
	}
}
