package hostile

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
	"github.com/lyceum-lms/platform/tests/platformtest"
)

// TestHostileBodies sends every kind of bad body to every operation that takes
// JSON, with ids of things that are there and by somebody who may change them.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	scene := setScene(t, platform)
	db := platform.AdminPool(t)
	before := platformtest.SettledSnapshot(t, db)

	operations, sent := 0, 0
	statuses := map[int]int{}
	for _, op := range platformtest.OperationsOf(t, platform) {
		if op.Body == nil {
			continue
		}
		operations++
		for name, body := range hostileBodies(t, op) {
			var headers []platformtest.Header
			if op.ID == "edit-course" {
				headers = append(headers, platformtest.Header{Name: "If-Match", Value: scene.courseETag})
			}
			if name == "an encoding that nobody asked for" {
				headers = append(headers, platformtest.Header{Name: "Content-Encoding", Value: "gzip"})
			}
			response, err := scene.caller(op).Do(t.Context(), op.Method, scene.path(op), body, headers...)
			if !assert.NoError(t, err, "%s: %s", op.ID, name) {
				continue
			}
			sent++
			statuses[response.Status]++
			if !assert.Equal(t, 4, response.Status/100, "%s: %s: %d %s", op.ID, name, response.Status, response.Body) {
				continue
			}
			_, err = response.Problem()
			assert.NoError(t, err, "%s: %s", op.ID, name)
		}
	}
	assert.Empty(t, before.Diff(platformtest.SettledSnapshot(t, db)), "refused requests have left something behind")
	assert.NotContains(t, platform.Log(t), "panic in a handler")
	t.Logf("%d hostile bodies to %d operations, by status: %v", sent, operations, statuses)
}

// scene is what hostile requests aim at.
type scene struct {
	ids            map[string]string
	admin, learner *platformtest.Client
	courseETag     string
}

// setScene makes something of everything.
func setScene(t *testing.T, platform *platformtest.Platform) scene {
	admin, learner := platform.Admin(t), platform.Learner(t)
	course := platformtest.DemoCourse(t, learner.Client)
	var enrolment struct {
		EnrolmentID string `json:"enrolment_id"`
	}
	learner.Post(t, "/v1/courses/"+course+"/enrolment", nil, &enrolment)
	attempt := learner.StartAttempt(t, learner.Assessments(t, course)[0].AssessmentID)
	return scene{
		admin: admin.Client, learner: learner.Client,
		courseETag: admin.Get(t, "/v1/courses/"+course, nil).Header.Get("ETag"),
		ids: map[string]string{
			"account_id": learner.Account.AccountID, "course_id": course, "unit_id": learner.Outline(t, course).Units()[0].UnitID,
			"enrolment_id": enrolment.EnrolmentID, "assessment_id": attempt.AssessmentID, "attempt_id": attempt.AttemptID,
			"item_id": attempt.Items[0].ItemID, "import_id": uuid.NewString(), "notification_id": uuid.NewString(),
			"session_id": uuid.NewString(), "number": "1", "role": "instructor", "sha256": strings.Repeat("0", 64), "name": "a.png",
		},
	}
}

// caller is somebody who may do it.
func (s scene) caller(op platformtest.Operation) *platformtest.Client {
	if strings.HasPrefix(op.Path, "/v1/attempts") {
		return s.learner
	}
	return s.admin
}

func (s scene) path(op platformtest.Operation) string {
	return op.Fill(func(name string) string { return s.ids[name] })
}

// hostileBodies are bad in one way each; the rest of them fits the schema.
func hostileBodies(t *testing.T, op platformtest.Operation) map[string]platformtest.Raw {
	t.Helper()
	fine, ok := plausible("", op.Body).(map[string]any)
	require.True(t, ok, "%s takes no object", op.ID)
	text := func(v any) []byte {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return b
	}
	with := func(name string, value any) []byte {
		changed := maps.Clone(fine)
		changed[name] = value
		return text(changed)
	}
	names := slices.Sorted(maps.Keys(op.Body.Properties))
	require.NotEmpty(t, names, op.ID)
	first := string(text(names[0]))
	// Where no field is a string, one that does not exist is as good.
	stringField := first
	for _, name := range names {
		if op.Body.Properties[name].Is("string") {
			stringField = string(text(name))
		}
	}
	whole := string(text(fine))
	bad := map[string][]byte{
		"an unknown field":                   with("surprise", "!"),
		"a field in other capitals":          with(strings.ToUpper(names[0]), fine[names[0]]),
		"an array":                           []byte(`[]`),
		"a string":                           []byte(`"text"`),
		"a number":                           []byte(`42`),
		"half of it":                         []byte(whole[:len(whole)/2]),
		"something after its end":            []byte(whole + whole),
		"not JSON":                           []byte(`<?xml version="1.0"?><a/>`),
		"invalid UTF-8":                      []byte(`{` + stringField + `: "` + "\xff\xfe" + `"}`),
		"U+0000":                             []byte(`{` + stringField + `: "a\u0000b"}`),
		"a name that is there twice":         []byte(`{` + first + `: null, ` + first + `: null}`),
		"a number beyond all numbers":        []byte(`{` + first + `: 1e99999}`),
		"ten thousand arrays in each other":  []byte(`{` + first + `: ` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`),
		"ten thousand objects in each other": []byte(strings.Repeat(`{`+first+`:`, 10_000) + "1" + strings.Repeat("}", 10_000)),
		"three megabytes":                    []byte(`{` + first + `: "` + strings.Repeat("a", 3<<20) + `"}`),
		"white space without end":            bytes.Repeat([]byte(" "), 3<<20),
	}
	for _, name := range names {
		bad["the wrong type of "+name] = with(name, wrongType(op.Body.Properties[name]))
	}
	for _, name := range op.Body.Required {
		less := maps.Clone(fine)
		delete(less, name)
		bad["no "+name] = text(less)
		bad["null as "+name] = with(name, nil)
	}
	raw := map[string]platformtest.Raw{}
	for name, body := range bad {
		raw[name] = platformtest.Raw{ContentType: "application/json", Body: body}
	}
	raw["JSON as plain text"] = platformtest.Raw{ContentType: "text/plain", Body: []byte(whole)}
	raw["a form"] = platformtest.Raw{ContentType: "application/x-www-form-urlencoded", Body: []byte("a=b")}
	raw["an encoding that nobody asked for"] = platformtest.Raw{ContentType: "application/json", Body: []byte(whole)}
	if op.BodyRequired {
		raw["nothing"] = platformtest.Raw{ContentType: "application/json"}
	}
	return raw
}

// plausible makes a value that fits the schema.
func plausible(name string, s *platformtest.Schema) any {
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Is("object") && s.Properties != nil:
		object := map[string]any{}
		for property, schema := range s.Properties {
			object[property] = plausible(property, schema)
		}
		return object
	case s.Is("array"):
		return []any{plausible(name, s.Items)}
	case s.Is("integer"), s.Is("number"):
		return 1
	case s.Is("boolean"):
		return true
	case s.Is("string") && s.Format == "uuid":
		return uuid.NewString()
	case s.Is("string") && name == "email":
		return "somebody@school.example"
	case s.Is("string"):
		return strings.Repeat("x", max(s.MinLength, 12))
	}
	return map[string]any{}
}

// wrongType makes a value that does not fit.
func wrongType(s *platformtest.Schema) any {
	if s.Is("string") {
		return 12345
	}
	if s.Is("integer") || s.Is("number") || s.Is("boolean") {
		return "many"
	}
	return 12345 // arrays, objects and responses
}

// TestHostileTargets puts nonsense into paths and queries of every operation.
func TestHostileTargets(t *testing.T) {
	t.Parallel()
	platform := platformtest.Start(t, platformtest.Options{DatabaseURL: postgrestest.New(t).URL()})
	scene := setScene(t, platform)
	db := platform.AdminPool(t)
	before := platformtest.SettledSnapshot(t, db)

	nonsense := []string{
		"%00", "%ff", "%c0%af", "..%2f..%2fetc%2fpasswd", "'%20or%201=1--", "$%7bjndi:ldap:x%7d", "-1", "0", "1e9",
		"99999999999999999999999", "%f0%9f%92%a5", strings.Repeat("a", 5000), "00000000-0000-0000-0000-000000000000", "null", "%20", "%0d%0aX-Evil:%201",
	}
	sent, refused := 0, 0
	check := func(op platformtest.Operation, path string) {
		response, err := scene.caller(op).Do(t.Context(), op.Method, path, nil)
		if !assert.NoError(t, err, "%s %s", op.Method, path) {
			return
		}
		sent++
		assert.Less(t, response.Status, 500, "%s %s: %s", op.Method, path, response.Body)
		assert.Empty(t, response.Header.Get("X-Evil"))
		if response.Status >= 400 {
			refused++
			_, err := response.Problem()
			assert.NoError(t, err, "%s %s", op.Method, path)
		}
	}
	for _, op := range platformtest.OperationsOf(t, platform) {
		for _, wrong := range op.PathParameters() {
			for _, text := range nonsense {
				check(op, op.Fill(func(name string) string {
					if name == wrong {
						return text
					}
					return scene.ids[name]
				}))
			}
		}
		if op.Method != http.MethodGet {
			continue
		}
		for _, p := range op.Parameters {
			if p.In == "query" {
				for _, text := range nonsense {
					check(op, scene.path(op)+"?"+p.Name+"="+text)
				}
			}
		}
	}
	assert.Empty(t, before.Diff(platformtest.SettledSnapshot(t, db)), "nonsense has left something behind")
	t.Logf("%d requests with nonsense in their targets, %d refused, none with 5xx", sent, refused)
}
