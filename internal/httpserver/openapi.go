package httpserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/problem"
)

// apiConfig configures huma for one module. Each module has a description of
// its own, with its own names for schemas; OpenAPI joins them.
func apiConfig(module string) huma.Config {
	jsonFormat := huma.Format{Marshal: writeBody, Unmarshal: json.Unmarshal}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI:    "3.1.0",
			Info:       &huma.Info{Title: module, Version: "0"},
			Components: &huma.Components{Schemas: huma.NewMapRegistry(schemaPrefix, newSchemaNamer(module))},
		},
		Formats:       map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat: "application/json",
	}
}

const schemaPrefix = "#/components/schemas/"

func writeBody(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// newSchemaNamer names the schemas of a module: its own types by its name and
// theirs, types of its sub-packages with the package's name between. Types that
// would get the same name are numbered.
func newSchemaNamer(module string) func(reflect.Type, string) string {
	names := map[string]reflect.Type{}
	known := map[reflect.Type]string{}
	return func(t reflect.Type, hint string) string {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch t { // what all modules share has one name
		case reflect.TypeFor[Problem]():
			return "Problem"
		case reflect.TypeFor[problem.FieldError]():
			return "FieldError"
		}
		if name, ok := known[t]; ok {
			return name
		}
		base := t.Name()
		if base == "" {
			base = hint
		} else {
			base = t.PkgPath() + "." + base
		}
		base = title(module) + typeName(base, module)
		name := base
		for n := 2; names[name] != nil; n++ {
			name = base + strconv.Itoa(n)
		}
		if t.Kind() == reflect.Struct {
			names[name], known[t] = t, name
		}
		return name
	}
}

// typeName makes a name of a type's full name and those of its arguments:
// "path/httpserver.List[path/content.course]" is "ListCourse" to content.
func typeName(full, module string) string {
	var name strings.Builder
	for part := range strings.FieldsFuncSeq(full, func(r rune) bool { return strings.ContainsRune("[]*,", r) }) {
		part = part[strings.LastIndexByte(part, '/')+1:]
		pkg, own, qualified := strings.Cut(part, ".")
		if !qualified {
			pkg, own = "", part
		}
		if pkg != module && pkg != "httpserver" {
			name.WriteString(title(pkg))
		}
		for word := range strings.FieldsFuncSeq(own, func(r rune) bool { return r == '-' || r == '.' || r == '·' }) {
			name.WriteString(title(word))
		}
	}
	return name.String()
}

func title(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// OpenAPI is the OpenAPI 3.1 description of all routes, indented, with every
// object in the same order each time.
func (s *Server) OpenAPI() ([]byte, error) { return s.openAPI() }

func (s *Server) buildOpenAPI() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	paths, schemas := map[string]map[string]any{}, map[string]any{}
	tags := []map[string]any{}
	for _, r := range s.routers {
		if len(r.api.OpenAPI().Paths)+len(r.raw) == 0 {
			continue
		}
		tags = append(tags, map[string]any{"name": r.module})
		for _, b := range r.raw {
			r.api.OpenAPI().AddOperation(r.rawOperation(b))
		}
		if err := merge(r.api.OpenAPI(), paths, schemas); err != nil {
			return nil, fmt.Errorf("describe the API of %s: %w", r.module, err)
		}
	}
	document := map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Lyceum", "version": s.options.Version,
			"description": "The HTTP API of the Lyceum learning platform. Errors are problems (RFC 9457) with stable types. " +
				"POST takes an Idempotency-Key; lists are read page by page with limit and cursor; times are RFC 3339 in UTC. " +
				"503 and 429 say in Retry-After when to try again.",
		},
		"tags": tags, "paths": paths,
		"components": map[string]any{
			"schemas": schemas,
			"securitySchemes": map[string]any{bearerScheme: map[string]any{
				"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
				"description": "An access token of POST /v1/auth/sign-in. x-permission names what the roles of its account must grant.",
			}},
		},
	}
	if s.options.PublicURL != "" {
		document["servers"] = []map[string]any{{"url": s.options.PublicURL}}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(document); err != nil {
		return nil, fmt.Errorf("write the OpenAPI description: %w", err)
	}
	return out.Bytes(), nil
}

// rawOperation describes a raw route as far as its route tells.
func (r *Router) rawOperation(b *boundRoute) *huma.Operation {
	op := r.operation(b)
	status := b.Status
	if status == 0 {
		status = http.StatusOK
	}
	op.Responses = map[string]*huma.Response{strconv.Itoa(status): {Description: http.StatusText(status)}}
	problems := r.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	for _, code := range op.Errors {
		op.Responses[strconv.Itoa(code)] = &huma.Response{Description: http.StatusText(code),
			Content: map[string]*huma.MediaType{(&Problem{}).ContentType(""): {Schema: problems}}}
	}
	for _, match := range parameter.FindAllString(b.Path, -1) {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: strings.Trim(match, "{}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
	return &op
}

// merge adds the description of one module to the whole.
func merge(module *huma.OpenAPI, paths map[string]map[string]any, schemas map[string]any) error {
	raw, err := json.Marshal(module)
	if err != nil {
		return err
	}
	var part struct {
		Paths      map[string]map[string]any `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // bounds beyond 2^53 stay what they are
	if err := decoder.Decode(&part); err != nil {
		return err
	}
	for path, item := range part.Paths {
		for _, operation := range item {
			if o, ok := operation.(map[string]any); ok {
				describeKey(o, item)
			}
		}
		paths[path] = item
	}
	for name, schema := range part.Components.Schemas {
		if other, ok := schemas[name]; ok && !reflect.DeepEqual(other, schema) {
			return fmt.Errorf("two schemas are called %s", name)
		}
		schemas[name] = schema
	}
	return nil
}

// describeKey adds Idempotency-Key to the parameters of a POST that takes it.
func describeKey(operation, item map[string]any) {
	post, ok := item["post"].(map[string]any)
	if !ok || post["operationId"] != operation["operationId"] || operation["x-permission"] == string(auth.Public) {
		return
	}
	parameters, _ := operation["parameters"].([]any)
	operation["parameters"] = append(parameters, map[string]any{
		"name": headerKey, "in": "header", "schema": map[string]any{"type": "string", "minLength": 1, "maxLength": maxKey},
		"description": "Makes the request take effect once, however often it is sent within 24 hours.",
	})
}
