package assessment

import (
	"net/http"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/upload"
)

// bankRoutes is the route table of banks and their items. The permission says
// that somebody may work in banks at all; in which, and what, is said by their
// role in each.
func (m *Module) bankRoutes(r *httpserver.Router) {
	const (
		get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

		banks    = "/v1/item-banks"
		bank     = banks + "/{bank_id}"
		member   = bank + "/members/{account_id}"
		folders  = bank + "/folders"
		folder   = folders + "/{folder_id}"
		item     = "/v1/items/{item_id}"
		version  = item + "/versions/{version}"
		imported = "/v1/item-imports/{item_import_id}"
	)
	author := auth.AuthorItems

	httpserver.Handle(r, httpserver.Route{Method: get, Path: banks, ID: "list-item-banks", Permission: author,
		Summary: "List the item banks that the caller works in, or the organisation's for its administrators"}, m.handleListBanks)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: banks, ID: "create-item-bank", Permission: author, Status: http.StatusCreated,
		Summary: "Make an item bank, whose manager the caller is"}, m.handleCreateBank)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: bank, ID: "get-item-bank", Permission: author,
		Summary: "Show an item bank", Problems: []int{404}}, m.handleGetBank)
	httpserver.Handle(r, httpserver.Route{Method: patch, Path: bank, ID: "edit-item-bank", Permission: author,
		Summary: "Change an item bank's title or description", Problems: []int{404, 412}}, m.handleEditBank)
	httpserver.Handle(r, httpserver.Route{Method: del, Path: bank, ID: "delete-item-bank", Permission: author, Status: http.StatusNoContent,
		Summary: "Delete an item bank without items", Problems: []int{404, 409}}, m.handleDeleteBank)

	httpserver.Handle(r, httpserver.Route{Method: get, Path: bank + "/members", ID: "list-item-bank-members", Permission: author,
		Summary: "List who works in an item bank", Problems: []int{404}}, m.handleListMembers)
	httpserver.Handle(r, httpserver.Route{Method: put, Path: member, ID: "put-item-bank-member", Permission: author, Status: http.StatusNoContent,
		Summary: "Give an account a role in an item bank", Problems: []int{404, 409}}, m.handlePutMember)
	httpserver.Handle(r, httpserver.Route{Method: del, Path: member, ID: "remove-item-bank-member", Permission: author, Status: http.StatusNoContent,
		Summary: "Take an account out of an item bank; everybody may leave", Problems: []int{404, 409}}, m.handleDeleteMember)

	httpserver.Handle(r, httpserver.Route{Method: get, Path: folders, ID: "list-item-folders", Permission: author,
		Summary: "List the folders in a folder of an item bank, by name", Problems: []int{404}}, m.handleListFolders)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: folders, ID: "create-item-folder", Permission: author, Status: http.StatusCreated,
		Summary: "Make a folder in an item bank", Problems: []int{404, 409}}, m.handleCreateFolder)
	httpserver.Handle(r, httpserver.Route{Method: patch, Path: folder, ID: "move-item-folder", Permission: author,
		Summary: "Rename a folder, or move it with all that is in it", Problems: []int{404, 409}}, m.handleMoveFolder)
	httpserver.Handle(r, httpserver.Route{Method: del, Path: folder, ID: "delete-item-folder", Permission: author, Status: http.StatusNoContent,
		Summary: "Delete a folder with nothing in it", Problems: []int{404, 409}}, m.handleDeleteFolder)

	httpserver.Handle(r, httpserver.Route{Method: get, Path: bank + "/media", ID: "list-item-media", Permission: author,
		Summary: "List the files that an item bank's items may show", Problems: []int{404}}, m.handleListMedia)
	httpserver.Raw(r, httpserver.Route{Method: post, Path: bank + "/media", ID: "add-item-media", Permission: author, Status: http.StatusCreated,
		MaxBody: m.config.MaxMediaBytes + upload.FormOverhead, Summary: "Upload a file for an item bank's items",
		Description: "The body is the file itself, named by Content-Disposition, or a form with it as its first file (multipart/form-data).",
		Problems:    []int{404, 413}}, m.handleAddMedia)
	httpserver.Raw(r, httpserver.Route{Method: get, Path: itemMediaPrefix + "{sha256}/{name}", ID: "get-item-media", Permission: auth.Public,
		Summary: "Fetch a file that an item shows by its signed URL", Problems: []int{403, 404}}, m.handleItemMedia)

	httpserver.Handle(r, httpserver.Route{Method: get, Path: bank + "/items", ID: "list-items", Permission: author,
		Summary: "Browse and search the items of a bank", Problems: []int{404}}, m.handleListItems)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: bank + "/items", ID: "create-item", Permission: author, Status: http.StatusCreated,
		MaxBody: maxDefinition, Summary: "Write an item, which is a draft at first", Problems: []int{404, 409}}, m.handleCreateItem)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: bank + "/items/bulk", ID: "edit-items", Permission: author,
		Summary:     "Change tags, folder, difficulty or status of many items at once",
		Description: "Of up to 1,000 items, all or none of them. A refusal names each item that stands in the way.",
		Problems:    []int{404}}, m.handleBulk)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: bank + "/preview", ID: "preview-definition", Permission: author,
		MaxBody: maxDefinition, Summary: "See a definition that is not kept as a learner would", Problems: []int{404}}, m.handlePreviewDefinition)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: bank + "/trial", ID: "try-definition", Permission: author,
		MaxBody: maxDefinition, Summary: "Score a response to a definition that is not kept", Problems: []int{404}}, m.handleTryDefinition)

	httpserver.Handle(r, httpserver.Route{Method: get, Path: item, ID: "get-item", Permission: author,
		Summary: "Show an item with its definition", Problems: []int{404}}, m.handleGetItem)
	httpserver.Handle(r, httpserver.Route{Method: put, Path: item + "/definition", ID: "put-item-definition", Permission: author,
		MaxBody: maxDefinition, Summary: "Make a new version of an item",
		Description: "A live item that somebody else than a manager of the bank changes is in review again. Papers keep the versions they have.",
		Problems:    []int{404, 412}}, m.handlePutDefinition)
	httpserver.Handle(r, httpserver.Route{Method: patch, Path: item, ID: "edit-item", Permission: author,
		Summary: "Change an item's tags, folder, difficulty or status", Problems: []int{404, 409, 412}}, m.handleEditItem)
	httpserver.Handle(r, httpserver.Route{Method: del, Path: item, ID: "delete-item", Permission: author, Status: http.StatusNoContent,
		Summary: "Delete an item that no paper has, with its history", Problems: []int{404, 409, 412}}, m.handleDeleteItem)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: item + "/versions", ID: "list-item-versions", Permission: author,
		Summary: "List an item's versions, the newest first", Problems: []int{404}}, m.handleListRevisions)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: version, ID: "get-item-version", Permission: author,
		Summary: "Show an item with the definition of one of its versions", Problems: []int{404}}, m.handleGetRevision)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: version + "/restore", ID: "restore-item-version", Permission: author,
		Summary: "Make an earlier version of an item the current one again", Problems: []int{404, 412}}, m.handleRestore)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: item + "/diff", ID: "diff-item-versions", Permission: author,
		Summary: "Compare two versions of an item", Problems: []int{404}}, m.handleDiff)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: item + "/preview", ID: "preview-item", Permission: author,
		Summary: "See an item as a learner would", Problems: []int{404}}, m.handlePreviewItem)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: item + "/trial", ID: "try-item", Permission: author,
		Summary: "Score a response to an item, with how the score comes about", Problems: []int{404}}, m.handleTryItem)

	httpserver.Raw(r, httpserver.Route{Method: post, Path: bank + "/imports", ID: "import-items", Permission: author, Status: http.StatusAccepted,
		MaxBody: m.config.MaxImportBytes + upload.FormOverhead, Summary: "Upload a file of items and have it read",
		Description: "QTI 3.0, 2.2, 2.1 and 1.2, as single items or packages, Common Cartridges, Moodle XML or GIFT; the format is found out. " +
			"The body is the file itself, named by Content-Disposition, or a form with it as its first file (multipart/form-data). " +
			"Nothing comes into the bank before the import is confirmed.",
		Problems: []int{404, 413, 429}}, m.handleRequestImport)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: bank + "/imports", ID: "list-item-imports", Permission: author,
		Summary: "List the imports into an item bank, the newest first", Problems: []int{404}}, m.handleListImports)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: imported, ID: "get-item-import", Permission: author,
		Summary: "Show an import of items: status, progress and, once it is read, its report", Problems: []int{404}}, m.handleGetImport)
	httpserver.Handle(r, httpserver.Route{Method: get, Path: imported + "/lines", ID: "list-item-import-lines", Permission: author,
		Summary: "List the lines of the report of an import of items", Problems: []int{404}}, m.handleListLines)
	httpserver.Raw(r, httpserver.Route{Method: get, Path: imported + "/report.txt", ID: "get-item-import-report-text", Permission: author,
		Summary: "Show the whole report of an import of items as text", Problems: []int{404}}, m.handleImportText)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: imported + "/confirm", ID: "confirm-item-import", Permission: author,
		Status: http.StatusAccepted, Summary: "Let what was read come into the bank",
		Description: "Items that the bank has under the same identity get a new version if they have changed.",
		Problems:    []int{404, 409}}, m.handleConfirmImport)
	httpserver.Handle(r, httpserver.Route{Method: post, Path: imported + "/cancel", ID: "cancel-item-import", Permission: author,
		Summary: "Cancel an import of items; what it has brought stays", Problems: []int{404, 409}}, m.handleCancelImport)

	httpserver.Raw(r, httpserver.Route{Method: get, Path: bank + "/export", ID: "export-items", Permission: author,
		Summary: "Download items of a bank as a QTI 3.0 package or as Moodle XML",
		Description: "format is qti-3.0 or moodle-xml; the other parameters are those of the list of items. " +
			"What the format cannot hold is said by the report, at export/report.",
		Problems: []int{404}}, m.handleExport)
	httpserver.Raw(r, httpserver.Route{Method: get, Path: bank + "/export/report", ID: "report-item-export", Permission: author,
		Summary: "Say what an export of items would lose", Problems: []int{404}}, m.handleExportReport)
}
