package assessment

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/itemdiff"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

type revisionBody struct {
	Version    int        `json:"version"`
	Current    bool       `json:"current,omitempty"`
	AuthorID   *uuid.UUID `json:"author_id,omitempty" format:"uuid" doc:"Absent for an operator and for who was erased"`
	AuthorName string     `json:"author_name,omitempty"`
	Origin     string     `json:"origin" enum:"authored,imported,restored"`
	Note       string     `json:"note,omitempty"`
	MadeAt     time.Time  `json:"made_at"`
}

func newRevisionBody(r revision, current int) revisionBody {
	return revisionBody{
		Version: r.Version, Current: r.Version == current, AuthorID: r.AuthorID, AuthorName: r.AuthorName,
		Origin: string(r.Origin), Note: r.Note, MadeAt: r.MadeAt.UTC(),
	}
}

type listRevisionsOutput struct {
	Body httpserver.List[revisionBody]
}

func (m *Module) handleListRevisions(ctx context.Context, in *struct {
	ItemPath
	httpserver.Page
}) (*listRevisionsOutput, error) {
	before := int32(math.MaxInt32)
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &before); err != nil {
			return nil, err
		}
	}
	it, revisions, err := m.listRevisions(ctx, auth.Caller(ctx), in.ItemID, int(before), in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &listRevisionsOutput{Body: pageOf(revisions, in.Limit,
		func(r revision) revisionBody { return newRevisionBody(r, it.Version) }, func(r revision) any { return r.Version })}, nil
}

func (m *Module) handleGetRevision(ctx context.Context, in *struct {
	ItemPath
	Version int `path:"version" minimum:"1" maximum:"2147483647"`
}) (*fullItemOutput, error) {
	return m.itemOutput(ctx, in.ItemID, in.Version)
}

type diffOutput struct {
	Body struct {
		From    revisionBody      `json:"from"`
		To      revisionBody      `json:"to"`
		Changes []itemdiff.Change `json:"changes" nullable:"false" doc:"By place; what has an id in its list is named by it"`
	}
}

func (m *Module) handleDiff(ctx context.Context, in *struct {
	ItemPath
	From int `query:"from" minimum:"1" maximum:"2147483647" doc:"Default: the version before the other"`
	To   int `query:"to" minimum:"1" maximum:"2147483647" doc:"Default: the current version"`
}) (*diffOutput, error) {
	from, to, changes, err := m.diffItem(ctx, auth.Caller(ctx), in.ItemID, in.From, in.To)
	if err != nil {
		return nil, err
	}
	out := &diffOutput{}
	out.Body.From, out.Body.To, out.Body.Changes = newRevisionBody(from, 0), newRevisionBody(to, 0), changes
	if changes == nil {
		out.Body.Changes = []itemdiff.Change{}
	}
	return out, nil
}

func (m *Module) handleRestore(ctx context.Context, in *struct {
	ItemChange
	Version int `path:"version" minimum:"1" maximum:"2147483647"`
	Body    *struct {
		Note string `json:"note,omitempty" maxLength:"1000" doc:"For the history"`
	}
}) (*fullItemOutput, error) {
	seen, err := in.seen()
	if err != nil {
		return nil, err
	}
	note := ""
	if in.Body != nil {
		note = in.Body.Note
	}
	out, err := m.restoreVersion(ctx, auth.Caller(ctx), in.ItemID, seen, in.Version, note)
	if err != nil {
		return nil, err
	}
	return m.newAuthoredOutput(out), nil
}
