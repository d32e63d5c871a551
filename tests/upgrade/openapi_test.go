package upgrade

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestClientsOfThePreviousReleaseAreServed compares the API as it was released with
// that of today: whoever was written for the one can go on with the other.
func TestClientsOfThePreviousReleaseAreServed(t *testing.T) {
	t.Parallel()
	const path = "docs/openapi.json"
	previous := previousRelease(t)
	before, after := readAPI(t, previous.file(t, path)), currentAPI(t)
	require.Empty(t, apiBreaks(before, after), "what clients of %s miss", previous.name)
	t.Logf("%d paths of %s, %d of this release", len(before.Paths), previous.name, len(after.Paths))
}

// TestABreakOfTheAPIIsNoticed makes changes to a copy of the document.
func TestABreakOfTheAPIIsNoticed(t *testing.T) {
	t.Parallel()
	const enrol, outline = "/v1/courses/{course_id}/enrolment", "/v1/courses/{course_id}/outline"
	field := func(d *api, path, method, status, name string) (holder *schema, field *schema) {
		holder = d.resolve(d.Paths[path][method].Responses[status].Content[jsonType].Schema)
		return holder, holder.Properties[name]
	}
	for _, test := range []struct {
		name   string
		change func(d *api)
		breaks []string
	}{
		{"nothing", func(*api) {}, nil},
		{"an operation is added", func(d *api) { d.Paths["/v1/news"] = d.Paths[enrol] }, nil},
		{"an operation is removed", func(d *api) { delete(d.Paths[enrol], "post") }, []string{"POST " + enrol + " has gone"}},
		{"a path is removed", func(d *api) { delete(d.Paths, outline) }, []string{"GET " + outline + " has gone"}},
		{"a path parameter is renamed", func(d *api) {
			o := d.Paths[outline]
			delete(d.Paths, outline)
			d.Paths["/v1/courses/{id}/outline"] = o
			for i, p := range o["get"].Parameters {
				if p.In == "path" {
					o["get"].Parameters[i].Name = "id"
				}
			}
		}, nil},
		{"a success answers with another status", func(d *api) {
			o := d.Paths[outline]["get"].Responses
			o["206"] = o["200"]
			delete(o, "200")
		}, []string{"GET " + outline + " 200 has gone"}},
		{"a field is added to an answer", func(d *api) {
			holder, title := field(d, outline, "get", "200", "title")
			holder.Properties["subtitle"] = title
			holder.Required = append(holder.Required, "subtitle")
		}, nil},
		{"a field is removed from an answer", func(d *api) {
			holder, _ := field(d, outline, "get", "200", "title")
			delete(holder.Properties, "title")
		}, []string{"GET " + outline + " 200 .title has gone"}},
		{"a field deep in an answer is removed", func(d *api) {
			_, chapters := field(d, outline, "get", "200", "chapters")
			delete(d.resolve(chapters.Items).Properties, "title")
		}, []string{"GET " + outline + " 200 .chapters[].title has gone"}},
		{"a field of an answer may be missing", func(d *api) {
			holder, _ := field(d, outline, "get", "200", "title")
			holder.Required = slices.DeleteFunc(holder.Required, func(name string) bool { return name == "title" })
		}, []string{"GET " + outline + " 200 .title was always there and need not be"}},
		{"a field of an answer may be null", func(d *api) {
			_, title := field(d, outline, "get", "200", "title")
			title.Type = []any{"string", "null"}
		}, []string{"GET " + outline + " 200 .title was [string] and may be [null]"}},
		{"a parameter becomes required", func(d *api) {
			o := d.Paths[outline]["get"]
			o.Parameters = append(o.Parameters, parameter{Name: "language", In: "query", Required: true})
		}, []string{"GET " + outline + " needs the new query parameter language"}},
		{"an optional parameter is added", func(d *api) {
			o := d.Paths[outline]["get"]
			o.Parameters = append(o.Parameters, parameter{Name: "language", In: "query"})
		}, nil},
		{"a field of a request becomes required", func(d *api) {
			body := d.resolve(d.Paths["/v1/auth/register"]["post"].RequestBody.Content[jsonType].Schema)
			body.Properties["age"] = &schema{Type: "integer"}
			body.Required = append(body.Required, "age")
		}, []string{"POST /v1/auth/register body .age is needed and was not"}},
		{"a field of a request is removed", func(d *api) {
			body := d.resolve(d.Paths["/v1/auth/register"]["post"].RequestBody.Content[jsonType].Schema)
			delete(body.Properties, "display_name")
		}, []string{"POST /v1/auth/register body .display_name has gone"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before, after := currentAPI(t), currentAPI(t)
			test.change(after)
			// A schema may be part of several operations: each is named.
			found := apiBreaks(before, after)
			if test.breaks == nil {
				require.Empty(t, found)
			}
			for _, b := range test.breaks {
				require.Contains(t, found, b)
			}
		})
	}
}

func currentAPI(t *testing.T) *api {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(platformtest.ModuleRoot(t), "docs", "openapi.json"))
	require.NoError(t, err)
	return readAPI(t, text)
}
