package platformtest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Operation is one operation of the API as its OpenAPI document has it.
type Operation struct {
	Method     string
	Path       string // with {parameters}
	ID         string
	Permission string
	Parameters []Parameter
	// Body is the schema of the JSON body, with references resolved; nil if the
	// operation takes none.
	Body         *Schema
	BodyRequired bool
}

// Parameter is one of the path, the query or a header.
type Parameter struct {
	Name     string
	In       string
	Required bool
	Schema   Schema
}

// Schema is what tests look at of a JSON schema.
type Schema struct {
	Type       any                // a name, or a list of names
	Format     string             `json:"format"`
	Ref        string             `json:"$ref"`
	Enum       []any              `json:"enum"`
	Properties map[string]*Schema `json:"properties"`
	Required   []string           `json:"required"`
	Items      *Schema            `json:"items"`
	MinLength  int                `json:"minLength"`
}

// Is reports whether the schema takes the JSON type.
func (s *Schema) Is(kind string) bool {
	switch t := s.Type.(type) {
	case string:
		return t == kind
	case []any:
		return slices.Contains(t, any(kind))
	}
	return false
}

// OperationsOf reads the OpenAPI document that the platform serves.
func OperationsOf(t testing.TB, p *Platform) []Operation {
	t.Helper()
	type media struct{ Schema *Schema }
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Permission  string `json:"x-permission"`
			Parameters  []Parameter
			RequestBody *struct {
				Required bool
				Content  map[string]media
			} `json:"requestBody"`
		}
		Components struct{ Schemas map[string]*Schema }
	}
	if err := json.Unmarshal(p.Stranger().Get(t, "/openapi.json", nil).Body, &document); err != nil {
		t.Fatal(err)
	}
	var resolve func(s *Schema) *Schema
	resolve = func(s *Schema) *Schema {
		if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
			return resolve(document.Components.Schemas[name])
		}
		for name, p := range s.Properties {
			s.Properties[name] = resolve(p)
		}
		if s.Items != nil {
			s.Items = resolve(s.Items)
		}
		return s
	}
	var all []Operation
	for path, methods := range document.Paths {
		for method, o := range methods {
			op := Operation{
				Method: strings.ToUpper(method), Path: path, ID: o.OperationID, Permission: o.Permission, Parameters: o.Parameters,
			}
			if o.RequestBody != nil {
				if m, ok := o.RequestBody.Content["application/json"]; ok && m.Schema != nil {
					op.Body, op.BodyRequired = resolve(m.Schema), o.RequestBody.Required
				}
			}
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b Operation) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	if len(all) < 50 {
		t.Fatalf("the OpenAPI document has only %d operations", len(all))
	}
	return all
}

var pathParameter = regexp.MustCompile(`\{([^}]+)\}`)

// PathParameters are the names in the path, in order.
func (o Operation) PathParameters() []string {
	var names []string
	for _, m := range pathParameter.FindAllStringSubmatch(o.Path, -1) {
		names = append(names, m[1])
	}
	return names
}

// Fill puts values into the path.
func (o Operation) Fill(value func(name string) string) string {
	return pathParameter.ReplaceAllStringFunc(o.Path, func(p string) string { return value(strings.Trim(p, "{}")) })
}
