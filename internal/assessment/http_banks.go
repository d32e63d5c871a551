package assessment

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/mediastore"
	"github.com/lyceum-lms/platform/internal/problem"
	"github.com/lyceum-lms/platform/internal/upload"
)

type bankBody struct {
	BankID      uuid.UUID `json:"bank_id" format:"uuid"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
	Role        string    `json:"role" enum:"reader,author,manager" doc:"The caller's"`
	ETag        string    `json:"etag" doc:"For If-Match"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

func newBankBody(b bank) bankBody {
	return bankBody{
		BankID: b.BankID, Title: b.Title, Description: b.Description, Role: string(b.Role), ETag: httpserver.ETag(b.RowVersion),
		CreatedAt: b.CreatedAt.UTC(), UpdatedAt: b.UpdatedAt.UTC(),
	}
}

// BankPath names a bank. It is exported for the description of the API, which
// passes over what is not, like all that other inputs embed.
type BankPath struct {
	BankID uuid.UUID `path:"bank_id" format:"uuid"`
}

type bankOutput struct {
	ETag string `header:"ETag"`
	Body bankBody
}

func newBankOutput(b bank) *bankOutput {
	body := newBankBody(b)
	return &bankOutput{ETag: body.ETag, Body: body}
}

// pageAfter reads a cursor that is an id. Without one it is the id before all.
func pageAfter(page httpserver.Page) (after uuid.UUID, err error) {
	if page.Cursor != "" {
		err = httpserver.DecodeCursor(page.Cursor, &after)
	}
	return after, err
}

// pageOf makes a page of rows that were loaded with one more than its limit.
func pageOf[R, B any](rows []R, limit int, body func(R) B, place func(R) any) httpserver.List[B] {
	out := httpserver.List[B]{Items: make([]B, 0, len(rows))}
	if len(rows) > limit {
		rows = rows[:limit]
		out.NextCursor = httpserver.EncodeCursor(place(rows[limit-1]))
	}
	for _, r := range rows {
		out.Items = append(out.Items, body(r))
	}
	return out
}

type listBanksOutput struct {
	Body httpserver.List[bankBody]
}

func (m *Module) handleListBanks(ctx context.Context, in *struct{ httpserver.Page }) (*listBanksOutput, error) {
	after, err := pageAfter(in.Page)
	if err != nil {
		return nil, err
	}
	banks, err := m.listBanks(ctx, auth.Caller(ctx), after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &listBanksOutput{Body: pageOf(banks, in.Limit, newBankBody, func(b bank) any { return b.BankID })}, nil
}

type createBankInput struct {
	Body struct {
		Title       string `json:"title" minLength:"1" maxLength:"300"`
		Description string `json:"description,omitempty" maxLength:"5000"`
	}
}

func (m *Module) handleCreateBank(ctx context.Context, in *createBankInput) (*bankOutput, error) {
	b, err := m.createBank(ctx, auth.Caller(ctx), in.Body.Title, in.Body.Description)
	if err != nil {
		return nil, err
	}
	return newBankOutput(b), nil
}

func (m *Module) handleGetBank(ctx context.Context, in *BankPath) (*bankOutput, error) {
	b, err := bankFor(ctx, m.db.Pool, auth.Caller(ctx), in.BankID, bankReader)
	if err != nil {
		return nil, err
	}
	return newBankOutput(b), nil
}

type editBankInput struct {
	BankPath
	IfMatch string `header:"If-Match" required:"true" maxLength:"50" doc:"The ETag that the bank was read with"`
	Body    struct {
		Title       *string `json:"title,omitempty" minLength:"1" maxLength:"300"`
		Description *string `json:"description,omitempty" maxLength:"5000"`
	}
}

func (m *Module) handleEditBank(ctx context.Context, in *editBankInput) (*bankOutput, error) {
	seen, err := httpserver.ParseIfMatch(in.IfMatch, "bank")
	if err != nil {
		return nil, err
	}
	b, err := m.editBank(ctx, auth.Caller(ctx), in.BankID, seen, in.Body.Title, in.Body.Description)
	if err != nil {
		return nil, err
	}
	return newBankOutput(b), nil
}

func (m *Module) handleDeleteBank(ctx context.Context, in *BankPath) (*struct{}, error) {
	return nil, m.deleteBank(ctx, auth.Caller(ctx), in.BankID)
}

type memberBody struct {
	AccountID uuid.UUID `json:"account_id" format:"uuid"`
	Name      string    `json:"name" doc:"Empty if it is not known"`
	Role      string    `json:"role" enum:"reader,author,manager"`
	AddedAt   time.Time `json:"added_at"`
}

type listMembersOutput struct {
	Body httpserver.List[memberBody]
}

func (m *Module) handleListMembers(ctx context.Context, in *struct {
	BankPath
	httpserver.Page
}) (*listMembersOutput, error) {
	after, err := pageAfter(in.Page)
	if err != nil {
		return nil, err
	}
	members, err := m.listMembers(ctx, auth.Caller(ctx), in.BankID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &listMembersOutput{Body: pageOf(members, in.Limit,
		func(b bankMember) memberBody {
			return memberBody{AccountID: b.AccountID, Name: b.Name, Role: string(b.Role), AddedAt: b.AddedAt.UTC()}
		},
		func(b bankMember) any { return b.AccountID })}, nil
}

// MemberPath names a member of a bank.
type MemberPath struct {
	BankPath
	AccountID uuid.UUID `path:"account_id" format:"uuid"`
}

func (m *Module) handlePutMember(ctx context.Context, in *struct {
	MemberPath
	Body struct {
		Role string `json:"role" enum:"reader,author,manager"`
	}
}) (*struct{}, error) {
	return nil, m.putMember(ctx, auth.Caller(ctx), in.BankID, in.AccountID, bankRole(in.Body.Role))
}

func (m *Module) handleDeleteMember(ctx context.Context, in *MemberPath) (*struct{}, error) {
	return nil, m.deleteMember(ctx, auth.Caller(ctx), in.BankID, in.AccountID)
}

type folderBody struct {
	FolderID uuid.UUID  `json:"folder_id" format:"uuid"`
	ParentID *uuid.UUID `json:"parent_id,omitempty" format:"uuid" doc:"Absent at the root"`
	Name     string     `json:"name"`
	Path     []string   `json:"path" nullable:"false" doc:"The names from the root to the folder itself"`
}

func newFolderBody(f folder) folderBody { return folderBody(f) }

type folderOutput struct {
	Body folderBody
}

type listFoldersOutput struct {
	Body httpserver.List[folderBody]
}

func (m *Module) handleListFolders(ctx context.Context, in *struct {
	BankPath
	httpserver.Page
	Parent string `query:"parent" format:"uuid" doc:"The folder whose folders to list; none for the root"`
}) (*listFoldersOutput, error) {
	parent, err := optionalID("query.parent", in.Parent)
	if err != nil {
		return nil, err
	}
	var after folderAfter
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &after); err != nil {
			return nil, err
		}
	}
	folders, err := m.listFolders(ctx, auth.Caller(ctx), in.BankID, parent, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &listFoldersOutput{Body: pageOf(folders, in.Limit, newFolderBody,
		func(f folder) any { return folderAfter{Name: f.Name, ID: f.FolderID} })}, nil
}

func (m *Module) handleCreateFolder(ctx context.Context, in *struct {
	BankPath
	Body struct {
		Name     string     `json:"name" minLength:"1" maxLength:"200"`
		ParentID *uuid.UUID `json:"parent_id,omitempty" format:"uuid" doc:"None: at the root"`
	}
}) (*folderOutput, error) {
	f, err := m.createFolder(ctx, auth.Caller(ctx), in.BankID, in.Body.ParentID, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &folderOutput{Body: newFolderBody(f)}, nil
}

// FolderPath names a folder of a bank.
type FolderPath struct {
	BankPath
	FolderID uuid.UUID `path:"folder_id" format:"uuid"`
}

func (m *Module) handleMoveFolder(ctx context.Context, in *struct {
	FolderPath
	Body struct {
		Name     *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
		ParentID *string `json:"parent_id,omitempty" maxLength:"36" doc:"The folder that it moves to, with all that is in it; empty: the root"`
	}
}) (*folderOutput, error) {
	change := folderMove{Name: in.Body.Name, Move: in.Body.ParentID != nil}
	if change.Move {
		var err error
		if change.Parent, err = optionalID("body.parent_id", *in.Body.ParentID); err != nil {
			return nil, err
		}
	}
	f, err := m.moveFolder(ctx, auth.Caller(ctx), in.BankID, in.FolderID, change)
	if err != nil {
		return nil, err
	}
	return &folderOutput{Body: newFolderBody(f)}, nil
}

func (m *Module) handleDeleteFolder(ctx context.Context, in *FolderPath) (*struct{}, error) {
	return nil, m.deleteFolder(ctx, auth.Caller(ctx), in.BankID, in.FolderID)
}

type mediaBody struct {
	Asset     string    `json:"asset" doc:"The URL that shows the file in an item's markup, and the src of its images"`
	URL       string    `json:"url" doc:"Where it can be fetched for a while"`
	SHA256    string    `json:"sha256"`
	Name      string    `json:"name"`
	MediaType string    `json:"media_type" doc:"By the name"`
	Bytes     int64     `json:"bytes"`
	AddedAt   time.Time `json:"added_at"`
}

func (m *Module) newMediaBody(f mediaFile) mediaBody {
	mediaType, _ := mediastore.MediaType(f.Name)
	digest := hex.EncodeToString(f.SHA256)
	link := m.linker(true)
	return mediaBody{
		Asset: f.assetURL(), URL: link.signer.URL(digest, f.Name, link.expires), SHA256: digest, Name: f.Name,
		MediaType: mediaType, Bytes: f.Bytes, AddedAt: f.AddedAt.UTC(),
	}
}

type listMediaOutput struct {
	Body httpserver.List[mediaBody]
}

func (m *Module) handleListMedia(ctx context.Context, in *struct {
	BankPath
	httpserver.Page
}) (*listMediaOutput, error) {
	var after mediaAfter
	if in.Cursor != "" {
		if err := httpserver.DecodeCursor(in.Cursor, &after); err != nil {
			return nil, err
		}
	}
	files, err := m.listMedia(ctx, auth.Caller(ctx), in.BankID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return &listMediaOutput{Body: pageOf(files, in.Limit, m.newMediaBody,
		func(f mediaFile) any { return mediaAfter{SHA256: f.SHA256, Name: f.Name} })}, nil
}

// pathID reads an id of a raw route's path.
func pathID(r *http.Request, name string) (uuid.UUID, error) {
	id, err := uuid.Parse(chi.URLParam(r, name))
	if err != nil {
		return uuid.Nil, problem.InvalidField("path."+name, "it is not a UUID")
	}
	return id, nil
}

func (m *Module) handleAddMedia(w http.ResponseWriter, r *http.Request) {
	f, err := m.mediaOf(r)
	if err != nil {
		httpserver.WriteProblem(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, m.newMediaBody(f))
}

func (m *Module) mediaOf(r *http.Request) (mediaFile, error) {
	bankID, err := pathID(r, "bank_id")
	if err != nil {
		return mediaFile{}, err
	}
	file, err := upload.Of(r, upload.Options{Name: "file", Limit: m.config.MaxMediaBytes})
	if err != nil {
		return mediaFile{}, err
	}
	return m.addMedia(r.Context(), auth.Caller(r.Context()), bankID, file)
}

// writeJSON answers a raw request.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone: nobody to tell
}

func (m *Module) handleItemMedia(w http.ResponseWriter, r *http.Request) {
	// The decoded path, whichever form the router matched on.
	digest, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, itemMediaPrefix), "/")
	if err := m.files.Serve(w, r, m.itemMedia, digest, name, m.now()); err != nil {
		httpserver.WriteProblem(w, r, err)
	}
}
