package upgrade

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const jsonType = "application/json"

// api is what is compared of an OpenAPI document.
type api struct {
	Paths      map[string]map[string]*operation
	Components struct{ Schemas map[string]*schema }
}

type operation struct {
	Parameters  []parameter
	RequestBody *struct {
		Required bool
		Content  map[string]media
	} `json:"requestBody"`
	Responses map[string]struct{ Content map[string]media }
}

type parameter struct {
	Name     string
	In       string
	Required bool
}

type media struct{ Schema *schema }

type schema struct {
	Type       any    // a name, or a list of names
	Ref        string `json:"$ref"`
	Enum       []any
	Properties map[string]*schema
	Required   []string
	Items      *schema
}

func readAPI(t *testing.T, text []byte) *api {
	t.Helper()
	d := &api{}
	require.NoError(t, json.Unmarshal(text, d))
	require.Greater(t, len(d.Paths), 40, "paths of the OpenAPI document")
	return d
}

func (d *api) resolve(s *schema) *schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return d.Components.Schemas[name]
	}
	return s
}

var pathParameter = regexp.MustCompile(`\{[^}]+\}`)

// operations are all, by method and path, in which parameters have no names: they
// are nothing to a client.
func (d *api) operations() map[string]*operation {
	all := map[string]*operation{}
	for path, methods := range d.Paths {
		for method, o := range methods {
			all[strings.ToUpper(method)+" "+pathParameter.ReplaceAllString(path, "{}")] = o
		}
	}
	return all
}

// comparison collects what breaks clients between two documents.
type comparison struct {
	before, after *api
	found         []string
	under         []string // references that are being compared, against cycles
}

// apiBreaks lists what clients written for the one document miss in the other.
func apiBreaks(before, after *api) []string {
	c := &comparison{before: before, after: after}
	now := after.operations()
	for path, methods := range before.Paths {
		for method, was := range methods {
			name := strings.ToUpper(method) + " " + path
			if is, ok := now[strings.ToUpper(method)+" "+pathParameter.ReplaceAllString(path, "{}")]; ok {
				c.operation(name, was, is)
			} else {
				c.add("%s has gone", name)
			}
		}
	}
	slices.Sort(c.found)
	return slices.Compact(c.found)
}

func (c *comparison) add(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

func (c *comparison) operation(name string, was, is *operation) {
	for _, p := range was.Parameters {
		same := func(q parameter) bool { return q.In == p.In && q.Name == p.Name }
		if p.In != "path" && !slices.ContainsFunc(is.Parameters, same) {
			c.add("%s takes no %s parameter %s any more", name, p.In, p.Name)
		}
	}
	for _, p := range is.Parameters {
		needed := func(q parameter) bool { return q.In == p.In && q.Name == p.Name && q.Required }
		if p.In != "path" && p.Required && !slices.ContainsFunc(was.Parameters, needed) {
			c.add("%s needs the new %s parameter %s", name, p.In, p.Name)
		}
	}
	c.body(name, was, is)
	for status, answer := range was.Responses {
		if strings.HasPrefix(status, "2") {
			c.answer(name+" "+status, answer.Content, is.Responses[status].Content, status, is)
		}
	}
}

func (c *comparison) body(name string, was, is *operation) {
	switch {
	case is.RequestBody == nil:
		if was.RequestBody != nil {
			c.add("%s takes no body any more", name)
		}
	case was.RequestBody == nil:
		if is.RequestBody.Required {
			c.add("%s needs a body and did not", name)
		}
	default:
		if is.RequestBody.Required && !was.RequestBody.Required {
			c.add("%s needs a body and did not", name)
		}
		if a, b := was.RequestBody.Content[jsonType].Schema, is.RequestBody.Content[jsonType].Schema; a != nil && b != nil {
			c.request(name+" body ", a, b)
		}
	}
}

func (c *comparison) answer(place string, was, is map[string]media, status string, now *operation) {
	if _, ok := now.Responses[status]; !ok {
		c.add("%s has gone", place)
		return
	}
	a, b := was[jsonType].Schema, is[jsonType].Schema
	switch {
	case a == nil:
	case b == nil:
		c.add("%s has no JSON any more", place)
	default:
		c.response(place+" ", a, b)
	}
}

// within resolves both and compares them, unless that is under way already.
func (c *comparison) within(was, is *schema, compare func(was, is *schema)) {
	if was.Ref != "" {
		if slices.Contains(c.under, was.Ref) {
			return
		}
		c.under = append(c.under, was.Ref)
		defer func() { c.under = c.under[:len(c.under)-1] }()
	}
	compare(c.before.resolve(was), c.after.resolve(is))
}

// response: what was there is there, and of no kind that was not.
func (c *comparison) response(place string, was, is *schema) {
	c.within(was, is, func(was, is *schema) {
		if widened := missing(is.types(), was.types()); len(widened) > 0 {
			c.add("%s was %v and may be %v", strings.TrimSpace(place), was.types(), widened)
			return
		}
		for name, field := range was.Properties {
			now, ok := is.Properties[name]
			switch {
			case !ok:
				c.add("%s.%s has gone", place, name)
				continue
			case slices.Contains(was.Required, name) && !slices.Contains(is.Required, name):
				c.add("%s.%s was always there and need not be", place, name)
			}
			c.response(place+"."+name, field, now)
		}
		if was.Items != nil && is.Items != nil {
			c.response(place+"[]", was.Items, is.Items)
		}
	})
}

// request: what could be sent can be sent, and nothing more is needed.
func (c *comparison) request(place string, was, is *schema) {
	c.within(was, is, func(was, is *schema) {
		if refused := missing(was.types(), is.types()); len(refused) > 0 {
			c.add("%s could be %v", strings.TrimSpace(place), refused)
			return
		}
		if len(is.Enum) > 0 && (len(was.Enum) == 0 || len(missing(was.Enum, is.Enum)) > 0) {
			c.add("%s must be one of %v", strings.TrimSpace(place), is.Enum)
		}
		for name, field := range was.Properties {
			if now, ok := is.Properties[name]; ok {
				c.request(place+"."+name, field, now)
			} else {
				c.add("%s.%s has gone", place, name)
			}
		}
		for _, name := range missing(is.Required, was.Required) {
			c.add("%s.%s is needed and was not", place, name)
		}
		if was.Items != nil && is.Items != nil {
			c.request(place+"[]", was.Items, is.Items)
		}
	})
}

// types are the JSON types that a schema takes.
func (s *schema) types() []any {
	switch t := s.Type.(type) {
	case string:
		return []any{t}
	case []any:
		return t
	}
	return []any{"anything"}
}

// missing are those of a that are not in b.
func missing[T comparable](a, b []T) []T {
	in := map[T]bool{}
	for _, v := range b {
		in[v] = true
	}
	not := map[T]bool{}
	for _, v := range a {
		if !in[v] {
			not[v] = true
		}
	}
	return slices.Collect(maps.Keys(not))
}
