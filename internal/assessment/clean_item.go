package assessment

import (
	"context"
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
	"github.com/lyceum-lms/platform/internal/mediaurl"
	"github.com/lyceum-lms/platform/internal/problem"
)

// newCleaner sanitises the markup of items.
func newCleaner() *markup.Cleaner {
	return markup.New(markup.Options{Placeholders: true, Math: true})
}

// removal is something in an author's markup that did not come through.
type removal struct {
	Location string // of the field in the definition: "parts[0].prompt_html"
	What     string
	Why      string
}

// eachText calls visit for every field of a definition that holds markup, which
// are those whose names end with HTML, and every image, with its place in the
// terms of the JSON form. A field that is added to the model is visited by its
// name.
func eachText(def *event.ItemV1, markup func(place string, text *string), image func(place string, i *event.ImageV1)) {
	visitTexts(reflect.ValueOf(def).Elem(), "", markup, image)
}

func visitTexts(v reflect.Value, place string, markup func(string, *string), image func(string, *event.ImageV1)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		visitText(v.Field(i), place+name, strings.HasSuffix(field.Name, "HTML"), markup, image)
	}
}

func visitText(v reflect.Value, place string, isMarkup bool, markup func(string, *string), image func(string, *event.ImageV1)) {
	switch v.Kind() {
	case reflect.String:
		if isMarkup {
			markup(place, v.Addr().Interface().(*string))
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if i, ok := v.Interface().(*event.ImageV1); ok {
			image(place, i)
		}
		visitText(v.Elem(), place, isMarkup, markup, image)
	case reflect.Struct:
		visitTexts(v, place+".", markup, image)
	case reflect.Slice:
		for i := range v.Len() {
			visitText(v.Index(i), place+"["+strconv.Itoa(i)+"]", isMarkup, markup, image)
		}
	}
}

// cleanItem sanitises the markup of a definition that somebody has written, in
// place, and says what was removed. Files that are not the bank's are refused:
// whoever could name any digest could read any file.
func (m *Module) cleanItem(ctx context.Context, q querier, bankID uuid.UUID, def *event.ItemV1, location string) ([]removal, error) {
	owned, err := ownedMedia(ctx, q, bankID, *def)
	if err != nil {
		return nil, err
	}
	refusal := problem.New(problem.Invalid, "media-not-in-bank",
		"The definition shows files that the bank does not have. Upload them to the bank and use the URL that the answer gives.")
	foreign := func(place, url string) {
		refusal.Fields = append(refusal.Fields, problem.FieldError{Location: location + "." + place, Message: "it refers to " + strconv.Quote(url)})
	}
	var removed []removal
	eachText(def, func(place string, text *string) {
		var lost markup.Losses
		*text = m.cleaner.Clean(*text, markup.Events{
			Tell: lost.Add,
			Resolve: func(r markup.Reference) (markup.Target, bool) {
				digest, _, ok := mediaurl.ParseAsset(r.URL)
				if !ok && !strings.HasPrefix(r.URL, "asset:") {
					return markup.Target{}, false
				}
				if !owned[digest] {
					foreign(place, r.URL)
				}
				return markup.Target{URL: r.URL}, true
			},
		})
		for _, l := range lost.All() {
			if l.Kind != markup.Alternatives { // nothing is removed there; see untold
				removed = append(removed, removal{Location: place, What: l.What, Why: l.Why})
			}
		}
	}, func(place string, i *event.ImageV1) {
		if digest, _, ok := mediaurl.ParseAsset(i.Src); !ok || !owned[digest] {
			foreign(place+".src", i.Src)
		}
	})
	if len(refusal.Fields) > 0 {
		return nil, refusal
	}
	return removed, nil
}

// ownedMedia are the digests that a definition names of the files of a bank.
func ownedMedia(ctx context.Context, q querier, bankID uuid.UUID, def event.ItemV1) (map[string]bool, error) {
	named := namedMedia(&def)
	if len(named) == 0 {
		return nil, nil
	}
	rows, err := q.Query(ctx, `select distinct sha256 from assessment.bank_media where bank_id = $1 and sha256 = any($2)`, bankID, named)
	if err != nil {
		return nil, fmt.Errorf("look for the files of bank %s: %w", bankID, err)
	}
	digests, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, fmt.Errorf("look for the files of bank %s: %w", bankID, err)
	}
	owned := map[string]bool{}
	for _, d := range digests {
		owned[hex.EncodeToString(d)] = true
	}
	return owned, nil
}

// namedMedia are the digests of all asset URLs in a definition, whether they
// will turn out to be references or mere text.
func namedMedia(def *event.ItemV1) [][]byte {
	var named [][]byte
	take := func(text string) {
		for {
			_, rest, ok := strings.Cut(text, "asset:")
			if !ok {
				return
			}
			if len(rest) >= 64 && mediaurl.IsDigest(rest[:64]) {
				digest, err := hex.DecodeString(rest[:64])
				if err == nil {
					named = append(named, digest)
				}
			}
			text = rest
		}
	}
	eachText(def, func(_ string, text *string) { take(*text) }, func(_ string, i *event.ImageV1) { take(i.Src) })
	return named
}

// untold are the places of images without an alternative text. An item is not
// ready for learners before each has one.
func (m *Module) untold(def event.ItemV1) []string {
	var places []string
	eachText(&def, func(place string, text *string) {
		if !strings.Contains(*text, "<img") {
			return
		}
		found := false
		// What is stored is clean: nothing is changed or removed by this.
		m.cleaner.Clean(*text, markup.Events{
			Resolve: func(r markup.Reference) (markup.Target, bool) { return markup.Target{URL: r.URL}, true },
			Tell:    func(kind markup.Kind, _ string, _ int) { found = found || kind == markup.Alternatives },
		})
		if found {
			places = append(places, place)
		}
	}, func(place string, i *event.ImageV1) {
		if strings.TrimSpace(i.Alt) == "" {
			places = append(places, place+".alt")
		}
	})
	return places
}

// errUntold refuses an item whose images nobody has described.
func errUntold(location string, places []string) *problem.Problem {
	p := problem.New(problem.Invalid, "alternative-text-missing",
		"Images of the item have no alternative text. Whoever cannot see them needs one before the item can be reviewed.")
	for _, place := range places {
		p.Fields = append(p.Fields, problem.FieldError{Location: location + "." + place, Message: "describe the image for those who cannot see it"})
	}
	return p
}
