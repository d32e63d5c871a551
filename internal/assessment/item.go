package assessment

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/problem"
)

// itemStatus is where an item is in its life.
type itemStatus string

const (
	itemDraft   itemStatus = "draft"
	itemReview  itemStatus = "review"  // somebody else is to look at it
	itemLive    itemStatus = "live"    // can be put on papers
	itemRetired itemStatus = "retired" // no longer put on papers; those it is on keep it
)

// statusChange is a step that an item may take, and who may let it.
type statusChange struct{ from, to itemStatus }

// statusChanges are the steps with the roles that they need: authors hand items in
// and take them back, managers decide what learners get.
func statusChanges() map[statusChange]bankRole {
	return map[statusChange]bankRole{
		{itemDraft, itemReview}:  bankAuthor,
		{itemReview, itemDraft}:  bankAuthor,
		{itemReview, itemLive}:   bankManager,
		{itemDraft, itemLive}:    bankManager,
		{itemLive, itemReview}:   bankManager,
		{itemLive, itemRetired}:  bankManager,
		{itemRetired, itemDraft}: bankManager,
		{itemRetired, itemLive}:  bankManager,
	}
}

// canBecome says why somebody may not change an item's status; nil means that
// they may. Becoming what it is is nothing.
func (s itemStatus) canBecome(to itemStatus, role bankRole) *problem.Problem {
	if s == to {
		return nil
	}
	least, ok := statusChanges()[statusChange{s, to}]
	if !ok {
		return problem.New(problem.Conflict, "no-such-step", "An item that is %q cannot become %q.", string(s), string(to))
	}
	if !role.may(least) {
		return problem.New(problem.Forbidden, "bank-role", "This needs the role %q in the bank.", string(least))
	}
	return nil
}

// forLearners reports whether items with this status must be fit for learners.
func (s itemStatus) forLearners() bool { return s == itemReview || s == itemLive }

// afterEdit is the status of an item after somebody has made a new version of it.
// What a manager has let go live is looked at again after others' changes.
func (s itemStatus) afterEdit(role bankRole) itemStatus {
	if s == itemLive && !role.may(bankManager) {
		return itemReview
	}
	return s
}

// bankItem is an item of a bank with what is true of its current version.
type bankItem struct {
	ItemID     uuid.UUID
	BankID     uuid.UUID
	FolderID   *uuid.UUID
	Identity   string
	Version    int
	Digest     []byte
	Status     itemStatus
	Title      string
	SortTitle  string
	Kinds      []string
	MaxScore   string
	Difficulty *string
	Tags       []string
	RowVersion int64
	CreatedBy  *uuid.UUID
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// itemColumns are the columns of an item i.
const itemColumns = `i.item_id, i.bank_id, i.folder_id, i.identity, i.version, i.digest, i.status, i.title, i.sort_title, i.kinds,
	trim_scale(i.max_score)::text as max_score, trim_scale(i.difficulty)::text as difficulty, i.tags, i.row_version,
	i.created_by, i.created_at, i.updated_at`

// labels are what people say about an item, apart from its definition.
type labels struct {
	FolderID   *uuid.UUID
	Tags       []string
	Difficulty *string
}

const (
	maxTags     = 50 // of an item
	maxTag      = 100
	maxIdentity = 500
)

// cleanTags trims, sorts and deduplicates tags, and refuses what is none.
func cleanTags(location string, tags []string) ([]string, error) {
	clean := make([]string, 0, len(tags))
	for _, t := range tags {
		t, err := checkName(location, t, maxTag)
		if err != nil {
			return nil, err
		}
		clean = append(clean, t)
	}
	slices.Sort(clean)
	clean = slices.Compact(clean)
	if len(clean) > maxTags {
		return nil, problem.InvalidField(location, "an item has at most %d tags", maxTags)
	}
	return clean, nil
}

// difficultyForm is a share from 0 (easy) to 1 (hard).
var difficultyForm = regexp.MustCompile(`^(0|1|0?\.[0-9]{1,30}|0\.[0-9]{1,30}|1\.0{1,30})$`)

// cleanDifficulty reads a share with up to four places, rounding others to them.
func cleanDifficulty(location, text string) (string, error) {
	if !difficultyForm.MatchString(text) {
		return "", problem.InvalidField(location, `it must be a decimal from "0" (easy) to "1" (hard)`)
	}
	share, ok := new(big.Rat).SetString(text)
	if !ok {
		return "", problem.InvalidField(location, "it is not a number")
	}
	rounded := share.FloatString(4)
	return strings.TrimRight(strings.TrimRight(rounded, "0"), "."), nil
}

// checkIdentity refuses a name that an item cannot have in its source.
func checkIdentity(location, identity string) error {
	if identity == "" || utf8.RuneCountInString(identity) > maxIdentity || strings.ContainsFunc(identity, unicode.IsControl) {
		return problem.InvalidField(location, "it must have 1 to %d characters, none of them control characters", maxIdentity)
	}
	return nil
}

func errNoBankItem() error { return problem.NotFoundf("There is no such item.") }

func errItemChanged() error {
	return problem.New(problem.Precondition, "item-changed", "The item has changed since. Read it again.")
}
