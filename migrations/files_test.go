package migrations_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/migrations"
)

var update = flag.Bool("update", false, "add new migration files to checksums.txt")

const checksumsFile = "checksums.txt"

// A migration that has been merged has run somewhere and never changes again.
// checksums.txt lists those. After adding a file:
//
//	go test ./migrations -run TestMergedMigrationsNeverChange -update
//
// which adds lines and never alters one. Before a file has been merged its line
// may be deleted by hand and made again.
func TestMergedMigrationsNeverChange(t *testing.T) {
	text, err := os.ReadFile(checksumsFile)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("%s has a malformed line %q", checksumsFile, line)
		}
		listed[name] = sum
	}
	for name, content := range sqlFiles(t) {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
		switch {
		case listed[name] == "" && *update:
			listed[name] = sum
		case listed[name] == "":
			t.Errorf("%s is not in %s: run go test ./migrations -run %s -update", name, checksumsFile, t.Name())
		case listed[name] != sum:
			t.Errorf("%s was changed after it was merged: put it back and write a new migration", name)
		}
	}
	for name := range listed {
		if _, err := fs.Stat(migrations.Files(), name); err != nil {
			t.Errorf("%s was removed after it was merged", name)
		}
	}
	if *update {
		var lines []string
		for name, sum := range listed {
			lines = append(lines, sum+"  "+name+"\n")
		}
		slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
		if err := os.WriteFile(checksumsFile, []byte(strings.Join(lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func sqlFiles(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(migrations.Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".sql" {
			return err
		}
		text, err := fs.ReadFile(migrations.Files(), name)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no migration files are embedded")
	}
	return all
}

func TestMigrationFilesKeepTheRules(t *testing.T) {
	for name, text := range sqlFiles(t) {
		for _, violation := range violations(name, text) {
			t.Errorf("%s: %s", name, violation)
		}
	}
}

// The rules are not trusted before each has been seen to refuse something.
func TestTheRulesRefuseViolations(t *testing.T) {
	for _, test := range []struct{ name, file, text, want string }{
		{"another schema", "users/0001_x.sql", "create view users.v as select * from content.courses", "content"},
		{"another schema, quoted", "users/0001_x.sql", `create view users.v as select * from "content"."courses"`, "content"},
		{"another schema in a reference", "users/0001_x.sql", "create table users.t(id uuid references assessment . items)", "assessment"},
		{"any module's schema in the template", "platform/0002_x.sql", "create table users.t()", "users"},
		{"unqualified table", "users/0001_x.sql", "create table if not exists t(id uuid)", "t"},
		{"unqualified partition", "users/0001_x.sql", "create unlogged table t partition of users.x default", "t"},
		{"unqualified index", "users/0001_x.sql", "create unique index concurrently i on t (id)", "t"},
		{"unqualified change", "users/0001_x.sql", "alter table only t add column x int", "t"},
		{"unqualified function", "users/0001_x.sql", "create or replace function f() returns int", "f"},
		{"unqualified view", "users/0001_x.sql", "create materialized view v as select 1", "v"},
		{"unqualified type", "users/0001_x.sql", "create type state as enum ('a')", "state"},
		{"time without a zone", "users/0001_x.sql", "create table users.t(at timestamp)", "timestamptz"},
		{"no number", "users/first.sql", "", "NNNN_name.sql"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := strings.Join(violations(test.file, "-- +goose Up\n"+test.text), "\n")
			if !strings.Contains(found, test.want) {
				t.Errorf("violations %q do not name %q", found, test.want)
			}
		})
	}
	harmless := `-- content.courses is somebody else's
		create table users.t (id uuid primary key, note text default 'content.of(the) note', at timestamptz);
		create index on users.t (note); comment on table users.t is 'see assessment.items';`
	if found := violations("users/0001_x.sql", "-- +goose Up\n"+harmless); len(found) > 0 {
		t.Errorf("harmless SQL is refused: %q", found)
	}
}

var (
	fileName  = regexp.MustCompile(`^\d{4}_[a-z0-9_]+\.sql$`)
	comments  = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/`)
	literals  = regexp.MustCompile(`'(?:[^']|'')*'`)
	bareTime  = regexp.MustCompile(`\btimestamp\b(\s+without\b|\s*[^\s(w]|\s*$)`)
	ifClauses = regexp.MustCompile(`\b(if not exists|if exists|concurrently|only)\b`)
	objects   = regexp.MustCompile(`\b(?:(?:create|alter|drop)\s+(?:or replace\s+|unlogged\s+|temp\s+|temporary\s+|materialized\s+)*` +
		`(?:table|view|function|procedure|type|domain|sequence)|create\s+(?:unique\s+)?index\b[^;(]*?\bon)\s+([a-z0-9_{}."]+)`)
	spaces = regexp.MustCompile(`\s+`)
)

// violations checks a migration file against the rules for its directory.
func violations(name, text string) (found []string) {
	dir, base := path.Split(name)
	module := strings.TrimSuffix(dir, "/")
	if !fileName.MatchString(base) {
		found = append(found, "its name is not NNNN_name.sql")
	}
	if !strings.Contains(text, "-- +goose Up") {
		found = append(found, "it lacks -- +goose Up")
	}
	// Names in literals and comments reach nothing, save in dynamic SQL, where
	// the owner role's lack of rights remains.
	sql := literals.ReplaceAllString(comments.ReplaceAllString(strings.ToLower(text), " "), "''")
	sql = ifClauses.ReplaceAllString(strings.ReplaceAll(sql, `"`, ""), " ")
	sql = spaces.ReplaceAllString(sql, " ")
	own := module
	if module == "platform" {
		own = "{{schema}}"
	}
	for _, other := range migrations.Modules() {
		if other != module && regexp.MustCompile(`\b`+other+` ?\. ?[a-z_]`).MatchString(sql) {
			found = append(found, "it names the schema "+other)
		}
	}
	for _, match := range objects.FindAllStringSubmatch(sql, -1) {
		if !strings.HasPrefix(match[1], own+".") {
			found = append(found, fmt.Sprintf("%q must be %s.%s", match[0], own, match[1]))
		}
	}
	if bareTime.MatchString(sql) {
		found = append(found, "it uses timestamp, not timestamptz")
	}
	return found
}
