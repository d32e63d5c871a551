package assessment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	maxFolders     = 10_000 // of a bank: a subtree is read as a whole
	maxFolderDepth = 20
)

// folder is a folder of a bank.
type folder struct {
	FolderID uuid.UUID
	ParentID *uuid.UUID // nil at the root
	Name     string
	Path     []string // from the root, its own name included
}

const folderColumns = `folder_id, parent_id, name, path`

// folderAfter is where a page of folders begins.
type folderAfter struct {
	Name string    `json:"n"`
	ID   uuid.UUID `json:"i"`
}

// listFolders returns up to limit folders in a folder, nil being the root, by
// name.
func (m *Module) listFolders(ctx context.Context, caller auth.Principal, bankID uuid.UUID, parent *uuid.UUID, after folderAfter, limit int) ([]folder, error) {
	if _, err := bankFor(ctx, m.db.Pool, caller, bankID, bankReader); err != nil {
		return nil, err
	}
	in, args := `parent_id is null`, []any{bankID, after.Name, after.ID, limit}
	if parent != nil {
		if _, err := folderOf(ctx, m.db.Pool, bankID, *parent); err != nil {
			return nil, err
		}
		in, args = `parent_id = $5`, append(args, *parent)
	}
	found, err := queryFolders(ctx, m.db.Pool, `select `+folderColumns+` from assessment.folders
		where bank_id = $1 and (name, folder_id) > ($2, $3) and `+in+` order by name, folder_id limit $4`, args...)
	if err != nil {
		return nil, fmt.Errorf("list the folders of bank %s: %w", bankID, err)
	}
	return found, nil
}

func queryFolders(ctx context.Context, q querier, sql string, args ...any) ([]folder, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[folder])
}

// folderOf returns a folder of a bank.
func folderOf(ctx context.Context, q querier, bankID, id uuid.UUID) (folder, error) {
	found, err := queryFolders(ctx, q, `select `+folderColumns+` from assessment.folders where bank_id = $1 and folder_id = $2`, bankID, id)
	if err != nil {
		return folder{}, fmt.Errorf("load folder %s: %w", id, err)
	}
	if len(found) == 0 {
		return folder{}, errNoFolder()
	}
	return found[0], nil
}

// subtree returns a folder and all below it.
func subtree(ctx context.Context, q querier, bankID, id uuid.UUID) ([]uuid.UUID, error) {
	rows, err := q.Query(ctx, `
		with recursive below as (
			select folder_id from assessment.folders where bank_id = $1 and folder_id = $2
			union all
			select f.folder_id from assessment.folders f join below b on f.parent_id = b.folder_id where f.bank_id = $1
		) select folder_id from below`, bankID, id)
	if err != nil {
		return nil, fmt.Errorf("load what is below folder %s: %w", id, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("load what is below folder %s: %w", id, err)
	}
	if len(ids) == 0 {
		return nil, errNoFolder()
	}
	return ids, nil
}

// lockFolders makes the changes of a bank's tree take turns.
func lockFolders(ctx context.Context, tx pgx.Tx, bankID uuid.UUID) error {
	if _, err := tx.Exec(ctx, `select from assessment.banks where bank_id = $1 for no key update`, bankID); err != nil {
		return fmt.Errorf("lock bank %s: %w", bankID, err)
	}
	return nil
}

// createFolder makes a folder in a folder, nil being the root.
func (m *Module) createFolder(ctx context.Context, caller auth.Principal, bankID uuid.UUID, parent *uuid.UUID, name string) (f folder, err error) {
	if name, err = checkName("body.name", name, maxFolderName); err != nil {
		return folder{}, err
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := bankFor(ctx, tx, caller, bankID, bankAuthor); err != nil {
			return err
		}
		if err := lockFolders(ctx, tx, bankID); err != nil {
			return err
		}
		var count int
		if err := tx.QueryRow(ctx, `select count(*) from assessment.folders where bank_id = $1`, bankID).Scan(&count); err != nil {
			return fmt.Errorf("count the folders of bank %s: %w", bankID, err)
		}
		if count >= maxFolders {
			return problem.New(problem.Conflict, "too-many-folders", "A bank has at most %d folders.", maxFolders)
		}
		path, err := pathIn(ctx, tx, bankID, parent, name)
		if err != nil {
			return err
		}
		f, err = insertFolder(ctx, tx, bankID, parent, path)
		return err
	})
	return f, err
}

// pathIn is the path of a name in a folder.
func pathIn(ctx context.Context, q querier, bankID uuid.UUID, parent *uuid.UUID, name string) ([]string, error) {
	if parent == nil {
		return []string{name}, nil
	}
	p, err := folderOf(ctx, q, bankID, *parent)
	if err != nil {
		return nil, err
	}
	if len(p.Path) >= maxFolderDepth {
		return nil, errTooDeep()
	}
	return append(slices.Clone(p.Path), name), nil
}

func insertFolder(ctx context.Context, tx pgx.Tx, bankID uuid.UUID, parent *uuid.UUID, path []string) (folder, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return folder{}, fmt.Errorf("make a folder id: %w", err)
	}
	f := folder{FolderID: id, ParentID: parent, Name: path[len(path)-1], Path: path}
	tag, err := tx.Exec(ctx, `insert into assessment.folders (folder_id, bank_id, parent_id, name, path) values ($1, $2, $3, $4, $5)
		on conflict do nothing`, id, bankID, parent, f.Name, path)
	if err != nil {
		return folder{}, fmt.Errorf("make folder %q: %w", f.Name, err)
	}
	if tag.RowsAffected() == 0 {
		return folder{}, errFolderExists()
	}
	return f, nil
}

// folderMove is a change of a folder: its name, its place or both.
type folderMove struct {
	Name   *string
	Move   bool       // to Parent
	Parent *uuid.UUID // nil: the root
}

// moveFolder renames a folder, or moves it with all that is in it.
func (m *Module) moveFolder(ctx context.Context, caller auth.Principal, bankID, id uuid.UUID, change folderMove) (f folder, err error) {
	if change.Name != nil {
		*change.Name, err = checkName("body.name", *change.Name, maxFolderName)
	}
	if err != nil {
		return folder{}, err
	}
	err = m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := bankFor(ctx, tx, caller, bankID, bankAuthor); err != nil {
			return err
		}
		if err := lockFolders(ctx, tx, bankID); err != nil {
			return err
		}
		if f, err = folderOf(ctx, tx, bankID, id); err != nil {
			return err
		}
		f, err = moveTree(ctx, tx, bankID, f, change)
		return err
	})
	return f, err
}

// moveTree moves a folder of a bank whose tree is locked.
func moveTree(ctx context.Context, tx pgx.Tx, bankID uuid.UUID, f folder, change folderMove) (folder, error) {
	moved := f
	if change.Name != nil {
		moved.Name = *change.Name
	}
	if change.Move {
		moved.ParentID = change.Parent
	}
	tree, err := subtree(ctx, tx, bankID, f.FolderID)
	if err != nil {
		return folder{}, err
	}
	if moved.ParentID != nil && slices.Contains(tree, *moved.ParentID) {
		return folder{}, problem.InvalidField("body.parent_id", "a folder cannot be moved into itself")
	}
	if moved.Path, err = pathIn(ctx, tx, bankID, moved.ParentID, moved.Name); err != nil {
		return folder{}, err
	}
	_, err = tx.Exec(ctx, `update assessment.folders set parent_id = $2, name = $3 where folder_id = $1`, f.FolderID, moved.ParentID, moved.Name)
	if violates(err, uniqueKey) {
		return folder{}, errFolderExists()
	}
	if err != nil {
		return folder{}, fmt.Errorf("move folder %s: %w", f.FolderID, err)
	}
	var deepest int
	err = tx.QueryRow(ctx, `
		with moved as (
			update assessment.folders set path = $2::text[] || path[$3:]
			where folder_id = any($1) and cardinality(path) + $4 <= $5 returning path)
		select count(*) from moved`, tree, moved.Path, len(f.Path)+1, len(moved.Path)-len(f.Path), maxFolderDepth).Scan(&deepest)
	if err != nil {
		return folder{}, fmt.Errorf("move what is below folder %s: %w", f.FolderID, err)
	}
	if deepest < len(tree) {
		return folder{}, errTooDeep()
	}
	return moved, nil
}

// deleteFolder removes a folder with nothing in it.
func (m *Module) deleteFolder(ctx context.Context, caller auth.Principal, bankID, id uuid.UUID) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := bankFor(ctx, tx, caller, bankID, bankAuthor); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `delete from assessment.folders where bank_id = $1 and folder_id = $2`, bankID, id)
		if violates(err, foreignKey) {
			return problem.New(problem.Conflict, "folder-not-empty", "The folder has items or folders in it.")
		}
		if err != nil {
			return fmt.Errorf("delete folder %s: %w", id, err)
		}
		if tag.RowsAffected() == 0 {
			return errNoFolder()
		}
		return nil
	})
}

// folderMaker makes the folders of an import by their paths and remembers them.
type folderMaker struct {
	bankID uuid.UUID
	known  map[string]uuid.UUID // by the path's key
}

func newFolderMaker(bankID uuid.UUID) *folderMaker {
	return &folderMaker{bankID: bankID, known: map[string]uuid.UUID{}}
}

// make returns the folder with a path, nil for the root. What it makes is only
// there if tx commits: the caller forgets it otherwise.
func (f *folderMaker) make(ctx context.Context, tx pgx.Tx, path []string) (*uuid.UUID, error) {
	var parent *uuid.UUID
	key := ""
	for i, name := range path {
		key += name + "\x00"
		id, ok := f.known[key]
		if !ok {
			var err error
			if id, err = f.ensure(ctx, tx, parent, path[:i+1]); err != nil {
				return nil, err
			}
			f.known[key] = id
		}
		parent = &id
	}
	return parent, nil
}

// forget is for when a transaction was taken back.
func (f *folderMaker) forget() { clear(f.known) }

func (f *folderMaker) ensure(ctx context.Context, tx pgx.Tx, parent *uuid.UUID, path []string) (uuid.UUID, error) {
	for {
		var id uuid.UUID
		err := tx.QueryRow(ctx, `select folder_id from assessment.folders
			where bank_id = $1 and name = $3 and parent_id is not distinct from $2`, f.bankID, parent, path[len(path)-1]).Scan(&id)
		if err == nil || !errors.Is(err, pgx.ErrNoRows) {
			return id, err
		}
		made, err := insertFolder(ctx, tx, f.bankID, parent, slices.Clone(path))
		if !problem.Is(err, "folder-exists") { // somebody was faster: look again
			return made.FolderID, err
		}
	}
}

func errNoFolder() error { return problem.NotFoundf("There is no such folder in the bank.") }

func errFolderExists() error {
	return problem.New(problem.Conflict, "folder-exists", "There is a folder with this name already.")
}

func errTooDeep() error {
	return problem.New(problem.Invalid, "folders-too-deep", "Folders are nested at most %d deep.", maxFolderDepth)
}
