package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/bus/event/eventtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden holds the JSON form of every event. A difference is either an
// added field (run with -update, and look at the diff) or a break (make a new
// version of the event instead).
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, topic := range event.All() {
		t.Run(topic.Type(), func(t *testing.T) {
			t.Parallel()
			got, err := eventtest.Sample(topic.PayloadType())
			require.NoError(t, err)
			path := filepath.Join("testdata", topic.Type()+".json")
			if *update {
				require.NoError(t, os.WriteFile(path, got, 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "an event without a golden file: run go test ./internal/bus/event -update")
			require.Equal(t, string(want), string(got))
			require.NoError(t, readable(want, topic.PayloadType()))
		})
	}
}

// TestReleasedEventsAreOnlyExtended compares today's structs with the events of
// the last release, in both directions: this release reads what that one has
// published, and finds a place for every field; that one, which runs beside it,
// finds every field that it knows in what this one publishes, of the same kind.
// -update does not silence it: testdata/released is replaced by a copy of testdata
// at each release, and at no other time.
func TestReleasedEventsAreOnlyExtended(t *testing.T) {
	t.Parallel()
	types := map[string]reflect.Type{}
	for _, topic := range event.All() {
		types[topic.Type()] = topic.PayloadType()
	}
	files, err := filepath.Glob(filepath.Join("testdata", "released", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		require.Contains(t, types, name, "a released event has gone")
		released, err := os.ReadFile(f)
		require.NoError(t, err)
		require.NoError(t, readable(released, types[name]), name)
		current, err := eventtest.Sample(types[name])
		require.NoError(t, err)
		breaks, err := eventtest.Breaks(released, current)
		require.NoError(t, err)
		require.Empty(t, breaks, "%s breaks the previous release, which runs beside this one: make a new version of the event", name)
	}
}

func TestARenamedFieldIsNoticed(t *testing.T) {
	t.Parallel()
	type released struct {
		LearnerID uuid.UUID `json:"learner_id"`
	}
	type renamed struct {
		StudentID uuid.UUID `json:"student_id"`
	}
	type extended struct {
		LearnerID uuid.UUID `json:"learner_id"`
		Number    int       `json:"number"`
	}
	body, err := json.Marshal(released{LearnerID: uuid.New()})
	require.NoError(t, err)
	require.Error(t, readable(body, reflect.TypeFor[renamed]()))
	require.NoError(t, readable(body, reflect.TypeFor[extended]()))
}

// readable reports whether every field of body is known to the type.
func readable(body []byte, into reflect.Type) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(reflect.New(into).Interface())
}

// TestFieldsOfANewerReleaseAreIgnored adds an unknown field to every object in
// every event and decodes it as a consumer does.
func TestFieldsOfANewerReleaseAreIgnored(t *testing.T) {
	t.Parallel()
	for _, topic := range event.All() {
		sample, err := eventtest.Sample(topic.PayloadType())
		require.NoError(t, err)
		var tree any
		require.NoError(t, json.Unmarshal(sample, &tree))
		require.Positive(t, extend(tree))
		extended, err := json.Marshal(tree)
		require.NoError(t, err)
		require.Error(t, readable(extended, topic.PayloadType()), "the field is unknown")

		want, got := reflect.New(topic.PayloadType()), reflect.New(topic.PayloadType())
		require.NoError(t, json.Unmarshal(sample, want.Interface()))
		require.NoError(t, json.Unmarshal(extended, got.Interface()), topic.Type())
		require.Equal(t, want.Interface(), got.Interface(), topic.Type())
	}
}

// extend adds a field to every object and counts them.
func extend(v any) (n int) {
	switch value := v.(type) {
	case map[string]any:
		for _, field := range value {
			n += extend(field)
		}
		value["of_a_newer_release"] = map[string]any{"deep": []any{1}}
		n++
	case []any:
		for _, element := range value {
			n += extend(element)
		}
	}
	return n
}

// TestAllListsEveryTopic compares All with the declarations in the source.
func TestAllListsEveryTopic(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	declared := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Define" && !strings.HasSuffix(name, "_test.go") {
				declared++
			}
			return true
		})
	}
	require.Len(t, event.All(), declared)
	seen := map[string]bool{}
	for _, topic := range event.All() {
		require.False(t, seen[topic.Type()], "%s is listed twice", topic.Type())
		seen[topic.Type()] = true
	}
}

// TestPersonalDataIsDeclared looks for fields that name a person in payloads
// that promise to carry ids only.
func TestPersonalDataIsDeclared(t *testing.T) {
	t.Parallel()
	for _, topic := range event.All() {
		found := personalFields(topic.PayloadType())
		if !topic.HoldsPersonalData() {
			require.Empty(t, found, "%s promises to carry no personal data", topic.Type())
		}
	}
	require.NotEmpty(t, personalFields(event.ContactChanged.PayloadType()), "the check must find something where there is something")
}

func personalFields(t reflect.Type) []string {
	var found []string
	for i := range t.NumField() {
		name := strings.ToLower(t.Field(i).Name)
		for _, word := range []string{"email", "displayname", "givenname", "familyname", "phone", "birth", "address", "locale", "timezone"} {
			if strings.Contains(name, word) {
				found = append(found, t.Field(i).Name)
			}
		}
	}
	return found
}
