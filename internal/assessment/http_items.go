package assessment

import (
	"context"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/problem"
)

// maxDefinition bounds a request with a definition in it.
const maxDefinition = 4 << 20

// ItemBody is an item without its definition.
type ItemBody struct {
	ItemID     uuid.UUID  `json:"item_id" format:"uuid"`
	BankID     uuid.UUID  `json:"bank_id" format:"uuid"`
	FolderID   *uuid.UUID `json:"folder_id,omitempty" format:"uuid" doc:"Absent at the root"`
	Identity   string     `json:"identity" doc:"The item's lasting name in the bank: importing it again makes a version of this item"`
	Version    int        `json:"version" doc:"The current one"`
	Status     string     `json:"status" enum:"draft,review,live,retired"`
	Title      string     `json:"title"`
	Kinds      []string   `json:"kinds" nullable:"false" doc:"Of its parts"`
	MaxScore   string     `json:"max_score" doc:"Decimal"`
	Difficulty *string    `json:"difficulty,omitempty" doc:"Decimal from 0 (easy) to 1 (hard), the author's estimate"`
	Tags       []string   `json:"tags" nullable:"false"`
	ETag       string     `json:"etag" doc:"For If-Match"`
	CreatedBy  *uuid.UUID `json:"created_by,omitempty" format:"uuid" doc:"Absent for an operator and for who was erased"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
}

func newItemBody(it bankItem) ItemBody {
	return ItemBody{
		ItemID: it.ItemID, BankID: it.BankID, FolderID: it.FolderID, Identity: it.Identity, Version: it.Version, Status: string(it.Status),
		Title: it.Title, Kinds: it.Kinds, MaxScore: it.MaxScore, Difficulty: it.Difficulty, Tags: it.Tags,
		ETag: httpserver.ETag(it.RowVersion), CreatedBy: it.CreatedBy, CreatedAt: it.CreatedAt.UTC(), UpdatedAt: it.UpdatedAt.UTC(),
	}
}

// definitionInput is a definition as authors send it: the id is the bank's, and
// where the item came from may stay unsaid.
type definitionInput struct {
	event.ItemV1
	ItemID *uuid.UUID `json:"item_id,omitempty" format:"uuid" doc:"Ignored: it is the item's"`
	Source string     `json:"source,omitempty" maxLength:"2000" doc:"Where the item came from, for reports"`
}

func (d definitionInput) item() event.ItemV1 {
	def := d.ItemV1
	def.Source = d.Source
	return def
}

type removalBody struct {
	Location string `json:"location" doc:"In the definition"`
	What     string `json:"what"`
	Why      string `json:"why"`
}

func newRemovalBodies(removed []removal) []removalBody {
	var out []removalBody
	for _, r := range removed {
		out = append(out, removalBody(r))
	}
	return out
}

type fullItemBody struct {
	ItemBody
	Definition event.ItemV1      `json:"definition"`
	Media      map[string]string `json:"media,omitempty" doc:"Where the files that the definition shows can be fetched for a while, by their asset URLs"`
	Revision   *revisionBody     `json:"revision,omitempty" doc:"The version that the definition is of"`
	Removed    []removalBody     `json:"removed,omitempty" doc:"What did not come through of the markup that was sent"`
	Untold     []string          `json:"missing_alternatives,omitempty" doc:"Places of images without an alternative text; without it the item can be neither in review nor live"`
	Unchanged  bool              `json:"unchanged,omitempty" doc:"The definition is what it was, and no version was made"`
}

type fullItemOutput struct {
	ETag string `header:"ETag"`
	Body fullItemBody
}

// assets matches the asset URLs of a definition's texts.
var assets = regexp.MustCompile(`asset:[0-9a-f]{64}/[^\s"'<>(),]+`)

// mediaLinks signs the files that a definition shows.
func (m *Module) mediaLinks(def *event.ItemV1) map[string]string {
	link := m.linker(true)
	links := map[string]string{}
	add := func(url string) {
		if signed := link.signer.RenderURL(url, link.expires); signed != url {
			links[url] = signed
		}
	}
	eachText(def, func(_ string, text *string) {
		for _, url := range assets.FindAllString(*text, -1) {
			add(url)
		}
	}, func(_ string, i *event.ImageV1) { add(i.Src) })
	return links
}

func (m *Module) newAuthoredOutput(a authoredItem) *fullItemOutput {
	body := fullItemBody{
		ItemBody: newItemBody(a.bankItem), Definition: a.definition, Media: m.mediaLinks(&a.definition),
		Removed: newRemovalBodies(a.removed), Untold: a.untold, Unchanged: a.unchanged,
	}
	return &fullItemOutput{ETag: body.ETag, Body: body}
}

// ItemPath names an item.
type ItemPath struct {
	ItemID uuid.UUID `path:"item_id" format:"uuid"`
}

// ItemChange names an item as its editor saw it.
type ItemChange struct {
	ItemPath
	IfMatch string `header:"If-Match" required:"true" maxLength:"50" doc:"The ETag that the item was read with"`
}

func (in ItemChange) seen() (int64, error) { return httpserver.ParseIfMatch(in.IfMatch, "item") }

// listItemsInput narrows and orders a list of items.
type listItemsInput struct {
	BankPath
	httpserver.Page
	FilterQuery
	Sort string `query:"sort" enum:"newest,updated,title,difficulty" default:"newest"`
}

// FilterQuery are the conditions of lists and exports.
type FilterQuery struct {
	Query      string   `query:"q" maxLength:"200" doc:"Words of the title or the texts; quotes and a leading minus as in web searches"`
	Identity   string   `query:"identity" maxLength:"500"`
	Tags       []string `query:"tag,explode" maxItems:"50" doc:"All of them, if several"`
	Folder     string   `query:"folder" maxLength:"36" doc:"A folder's id, or root for items in no folder"`
	Subfolders bool     `query:"subfolders" default:"true" doc:"Whether items in folders below the folder count"`
	Status     string   `query:"status" enum:"draft,review,live,retired"`
	Kind       string   `query:"kind" maxLength:"50" doc:"Of at least one part"`
	Easiest    string   `query:"difficulty_from" maxLength:"40"`
	Hardest    string   `query:"difficulty_to" maxLength:"40"`
}

func (in FilterQuery) filter() (itemFilter, error) {
	f := itemFilter{
		Query: in.Query, Identity: in.Identity, Tags: in.Tags, Root: in.Folder == "root", Shallow: !in.Subfolders,
		Status: itemStatus(in.Status), Kind: in.Kind,
	}
	if in.Easiest != "" {
		f.Easiest = &in.Easiest
	}
	if in.Hardest != "" {
		f.Hardest = &in.Hardest
	}
	var err error
	if !f.Root {
		f.Folder, err = optionalID("query.folder", in.Folder)
	}
	return f, err
}

type listItemsOutput struct {
	Body httpserver.List[ItemBody]
}

func (m *Module) handleListItems(ctx context.Context, in *listItemsInput) (*listItemsOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	var after *itemPlace
	if in.Cursor != "" {
		after = new(itemPlace)
		if err := httpserver.DecodeCursor(in.Cursor, after); err != nil {
			return nil, err
		}
	}
	order := itemOrder(in.Sort)
	items, err := m.listItems(ctx, auth.Caller(ctx), in.BankID, f, order, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &listItemsOutput{Body: pageOf(items, in.Limit, newItemBody, func(it bankItem) any { return placeOf(it, order) })}, nil
}

type createItemInput struct {
	BankPath
	Body struct {
		Identity   string          `json:"identity,omitempty" maxLength:"500" doc:"Default: the item's id"`
		FolderID   *uuid.UUID      `json:"folder_id,omitempty" format:"uuid" doc:"None: at the root"`
		Tags       []string        `json:"tags,omitempty" maxItems:"50" nullable:"false"`
		Difficulty *string         `json:"difficulty,omitempty" maxLength:"40" doc:"Decimal from 0 (easy) to 1 (hard)"`
		Note       string          `json:"note,omitempty" maxLength:"1000" doc:"For the history"`
		Definition definitionInput `json:"definition"`
	}
}

func (m *Module) handleCreateItem(ctx context.Context, in *createItemInput) (*fullItemOutput, error) {
	out, err := m.createItem(ctx, auth.Caller(ctx), in.BankID, newItem{
		Identity: in.Body.Identity, Definition: in.Body.Definition.item(), Note: in.Body.Note,
		Labels: labels{FolderID: in.Body.FolderID, Tags: in.Body.Tags, Difficulty: in.Body.Difficulty},
	})
	if err != nil {
		return nil, err
	}
	return m.newAuthoredOutput(out), nil
}

func (m *Module) handleGetItem(ctx context.Context, in *ItemPath) (*fullItemOutput, error) {
	return m.itemOutput(ctx, in.ItemID, 0)
}

// itemOutput is an item with a version's definition.
func (m *Module) itemOutput(ctx context.Context, id uuid.UUID, version int) (*fullItemOutput, error) {
	it, r, def, err := m.readItem(ctx, auth.Caller(ctx), id, version)
	if err != nil {
		return nil, err
	}
	out := m.newAuthoredOutput(authoredItem{bankItem: it, definition: def, untold: m.untold(def)})
	body := newRevisionBody(r, it.Version)
	out.Body.Revision = &body
	return out, nil
}

func (m *Module) handlePutDefinition(ctx context.Context, in *struct {
	ItemChange
	Body struct {
		Definition definitionInput `json:"definition"`
		Note       string          `json:"note,omitempty" maxLength:"1000" doc:"For the history"`
	}
}) (*fullItemOutput, error) {
	seen, err := in.seen()
	if err != nil {
		return nil, err
	}
	out, err := m.putDefinition(ctx, auth.Caller(ctx), in.ItemID, seen, in.Body.Definition.item(), in.Body.Note)
	if err != nil {
		return nil, err
	}
	return m.newAuthoredOutput(out), nil
}

// itemEditInput is a change of what people say about items.
type itemEditInput struct {
	AddTags    []string  `json:"add_tags,omitempty" maxItems:"50" nullable:"false"`
	RemoveTags []string  `json:"remove_tags,omitempty" maxItems:"50" nullable:"false"`
	Tags       *[]string `json:"tags,omitempty" maxItems:"50" doc:"All tags, in place of those there are"`
	FolderID   *string   `json:"folder_id,omitempty" maxLength:"36" doc:"The folder to move to; empty: the root"`
	Difficulty *string   `json:"difficulty,omitempty" maxLength:"40" doc:"Decimal from 0 (easy) to 1 (hard); empty: none"`
	Status     *string   `json:"status,omitempty" enum:"draft,review,live,retired" doc:"Authors hand items in for review and take them back; managers decide what is live and what is retired"`
}

func (in itemEditInput) edit(location string) (itemEdit, error) {
	e := itemEdit{AddTags: in.AddTags, RemoveTags: in.RemoveTags, Tags: in.Tags, Move: in.FolderID != nil, SetDifficulty: in.Difficulty != nil}
	if e.SetDifficulty && *in.Difficulty != "" {
		e.Difficulty = in.Difficulty
	}
	if in.Status != nil {
		status := itemStatus(*in.Status)
		e.Status = &status
	}
	if in.Tags != nil && (len(in.AddTags) > 0 || len(in.RemoveTags) > 0) {
		return e, problem.InvalidField(location+".tags", "set all tags, or add and remove some, not both")
	}
	var err error
	if e.Move {
		e.Folder, err = optionalID(location+".folder_id", *in.FolderID)
	}
	return e, err
}

type itemOutput struct {
	ETag string `header:"ETag"`
	Body ItemBody
}

func (m *Module) handleEditItem(ctx context.Context, in *struct {
	ItemChange
	Body itemEditInput
}) (*itemOutput, error) {
	seen, err := in.seen()
	if err != nil {
		return nil, err
	}
	edit, err := in.Body.edit("body")
	if err != nil {
		return nil, err
	}
	it, err := m.editItem(ctx, auth.Caller(ctx), in.ItemID, seen, edit)
	if err != nil {
		return nil, err
	}
	body := newItemBody(it)
	return &itemOutput{ETag: body.ETag, Body: body}, nil
}

func (m *Module) handleDeleteItem(ctx context.Context, in *ItemChange) (*struct{}, error) {
	seen, err := in.seen()
	if err != nil {
		return nil, err
	}
	return nil, m.deleteItem(ctx, auth.Caller(ctx), in.ItemID, seen)
}

type bulkInput struct {
	BankPath
	Body struct {
		Items  []uuid.UUID   `json:"items,omitempty" minItems:"1" maxItems:"1000" nullable:"false" doc:"The items to change"`
		Filter *bulkFilter   `json:"filter,omitempty" doc:"In place of items: those that pass it, at most 1,000"`
		Change itemEditInput `json:"change"`
	}
}

type bulkFilter struct {
	Query      string   `json:"q,omitempty" maxLength:"200"`
	Identity   string   `json:"identity,omitempty" maxLength:"500"`
	Tags       []string `json:"tag,omitempty" maxItems:"50" nullable:"false"`
	Folder     string   `json:"folder,omitempty" maxLength:"36" doc:"A folder's id, or root"`
	Subfolders *bool    `json:"subfolders,omitempty" doc:"Default: true"`
	Status     string   `json:"status,omitempty" enum:"draft,review,live,retired"`
	Kind       string   `json:"kind,omitempty" maxLength:"50"`
	Easiest    string   `json:"difficulty_from,omitempty" maxLength:"40"`
	Hardest    string   `json:"difficulty_to,omitempty" maxLength:"40"`
}

type bulkOutput struct {
	Body struct {
		Items []ItemBody `json:"items" nullable:"false" doc:"As they are now"`
	}
}

func (m *Module) handleBulk(ctx context.Context, in *bulkInput) (*bulkOutput, error) {
	if (in.Body.Items == nil) == (in.Body.Filter == nil) {
		return nil, problem.InvalidField("body", "say which items: by items or by filter")
	}
	edit, err := in.Body.Change.edit("body.change")
	if err != nil {
		return nil, err
	}
	bulk := bulkEdit{Items: in.Body.Items, Edit: edit}
	if f := in.Body.Filter; f != nil {
		conditions := FilterQuery{
			Query: f.Query, Identity: f.Identity, Tags: f.Tags, Folder: f.Folder, Status: f.Status, Kind: f.Kind,
			Easiest: f.Easiest, Hardest: f.Hardest, Subfolders: f.Subfolders == nil || *f.Subfolders,
		}
		if bulk.Filter, err = conditions.filter(); err != nil {
			return nil, err
		}
	}
	items, err := m.editItems(ctx, auth.Caller(ctx), in.BankID, bulk)
	if err != nil {
		return nil, err
	}
	out := &bulkOutput{}
	out.Body.Items = make([]ItemBody, 0, len(items))
	for _, it := range items {
		out.Body.Items = append(out.Body.Items, newItemBody(it))
	}
	return out, nil
}
