package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
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
			sample := reflect.New(topic.PayloadType()).Elem()
			fill(sample, 1)
			got, err := json.MarshalIndent(sample.Interface(), "", "  ")
			require.NoError(t, err)
			got = append(got, '\n')
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

// TestReleasedEventsStayReadable decodes the events of the last release with
// the structs of today: a removed or renamed field fails. testdata/released is
// replaced by a copy of testdata at each release, and at no other time.
func TestReleasedEventsStayReadable(t *testing.T) {
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
		body, err := os.ReadFile(f)
		require.NoError(t, err)
		require.NoError(t, readable(body, types[name]), name)
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

// fill gives every field, however deep, a value other than its zero value.
func fill(v reflect.Value, n int) {
	switch v.Interface().(type) {
	case uuid.UUID:
		v.Set(reflect.ValueOf(uuid.MustParse(fmt.Sprintf("01890000-0000-7000-8000-%012d", n))))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, n%60, 0, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n*10+i+1)
		}
	default:
		panic(fmt.Sprintf("event payloads hold no %s", v.Kind()))
	}
}
