// Package boundary holds the tests of the laws that keep the modules apart.
package boundary

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/lyceum-lms/platform/"

var domainModules = []string{"users", "content", "assessment", "analytics", "notify"}

// rule forbids imports. importer and imported are paths below the module path.
type rule struct {
	name    string
	forbids func(importer, imported string) bool
	remedy  string
}

// within reports whether path is the package or below it.
func within(path, pkg string) bool { return path == pkg || strings.HasPrefix(path, pkg+"/") }

func domainModuleOf(path string) string {
	for _, m := range domainModules {
		if within(path, "internal/"+m) {
			return m
		}
	}
	return ""
}

var rules = []rule{
	{
		name: "no module imports another",
		forbids: func(importer, imported string) bool {
			from, to := domainModuleOf(importer), domainModuleOf(imported)
			return from != "" && to != "" && from != to
		},
		remedy: "publish an event",
	},
	{
		name: "only app, and its commands and tests, knows the modules",
		forbids: func(importer, imported string) bool {
			return domainModuleOf(imported) != "" && domainModuleOf(importer) == "" &&
				!within(importer, "internal/app") && !within(importer, "tests") && !within(importer, "bench")
		},
		remedy: "wire it in internal/app",
	},
	{
		name: "nobody but commands and whole-binary tests imports app",
		forbids: func(importer, imported string) bool {
			return within(imported, "internal/app") && !within(importer, "internal/app") &&
				!within(importer, "cmd/platform") && !within(importer, "tests") && !within(importer, "bench")
		},
		remedy: "take what you need as a constructor argument",
	},
	{
		name: "the published language knows the bus and nothing else of ours",
		forbids: func(importer, imported string) bool {
			return within(importer, "internal/bus/event") && imported != "internal/bus" && !within(imported, "internal/bus/event")
		},
		remedy: "payloads are flat structs of standard types",
	},
	{
		name: "the bus does not know what is said on it",
		forbids: func(importer, imported string) bool {
			return importer == "internal/bus" && within(imported, "internal/bus/event")
		},
		remedy: "topics are arguments",
	},
	{
		name: "pure packages have no database, HTTP or bus",
		forbids: func(importer, imported string) bool {
			pure := slices.ContainsFunc([]string{
				"internal/assessment/exact", "internal/assessment/qti", "internal/assessment/scoring", "internal/assessment/sequence", "internal/assessment/itemfile",
				"internal/content/olx", "internal/markup", "internal/xmlscan",
			}, func(pkg string) bool { return within(importer, pkg) })
			allowed := imported == "internal/bus/event" || imported == "internal/markup" || imported == "internal/xmlscan"
			return pure && domainModuleOf(imported) == "" && !allowed
		},
		remedy: "keep rules on plain types",
	},
}

func TestImportsKeepTheLaws(t *testing.T) {
	t.Parallel()
	root := os.DirFS(filepath.Join("..", ".."))
	for _, m := range domainModules {
		files, err := fs.Glob(root, "internal/"+m+"/*.go")
		require.NoError(t, err)
		require.NotEmpty(t, files, "module %s has no Go files: the test would prove nothing about it", m)
	}
	violations, err := check(root)
	require.NoError(t, err)
	require.Empty(t, violations)
}

// TestEveryRuleBites shows each rule one violation, behind a build tag for good measure.
func TestEveryRuleBites(t *testing.T) {
	t.Parallel()
	for _, v := range []struct{ rule, importer, imported string }{
		{rules[0].name, "internal/content/x.go", "internal/users"},
		{rules[0].name, "internal/notify/inbox/x.go", "internal/assessment/scoring"},
		{rules[1].name, "internal/httpserver/x.go", "internal/users"},
		{rules[2].name, "internal/users/x.go", "internal/app"},
		{rules[3].name, "internal/bus/event/x.go", "internal/postgres"},
		{rules[4].name, "internal/bus/x.go", "internal/bus/event"},
		{rules[5].name, "internal/assessment/scoring/x.go", "internal/postgres"},
		{rules[5].name, "internal/markup/x.go", "internal/httpserver"},
	} {
		source := fmt.Sprintf("//go:build integration\n\npackage x\n\nimport _ %q\n", modulePath+v.imported)
		found, err := check(fstest.MapFS{v.importer: {Data: []byte(source)}})
		require.NoError(t, err)
		require.Len(t, found, 1, "%s imports %s", v.importer, v.imported)
		require.Contains(t, found[0], v.rule)
	}
}

// check parses every Go file, whatever its build tags. It does not ask the go
// command, whose view depends on tags and whose answers tests cache.
func check(root fs.FS) (violations []string, err error) {
	err = fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		source, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		importer := filepath.ToSlash(filepath.Dir(path))
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imported, ours := strings.CutPrefix(imported, modulePath)
			if !ours {
				continue
			}
			for _, r := range rules {
				if r.forbids(importer, imported) && !harness(path, imported) {
					violations = append(violations, fmt.Sprintf("%s imports %s: %s; %s", path, imported, r.name, r.remedy))
				}
			}
		}
		return nil
	})
	return violations, err
}

// harness reports whether a test file of a pure package uses a test helper,
// which the rule about pure packages does not mean.
func harness(path, imported string) bool {
	return strings.HasSuffix(path, "_test.go") && (strings.HasSuffix(imported, "test") || imported == "internal/realfiles")
}
