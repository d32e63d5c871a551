package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// dashboard is what matters to us of Grafana's model.
type dashboard struct {
	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Annotations   struct {
		List []struct {
			Name string `json:"name"`
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []struct {
			Name  string          `json:"name"`
			Type  string          `json:"type"`
			Query json.RawMessage `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Grid        struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Datasource struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	} `json:"datasource"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

func readDashboard(t testing.TB) dashboard {
	t.Helper()
	text, err := os.ReadFile(inRepository("deploy", "grafana", "lyceum.json"))
	require.NoError(t, err)
	var d dashboard
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

var labelValues = regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)

// expressions are all queries, by where they stand.
func (d dashboard) expressions(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all[fmt.Sprintf("panel %q %s", p.Title, target.RefID)] = target.Expr
		}
	}
	for _, a := range d.Annotations.List {
		all["annotation "+a.Name] = a.Expr
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		var query struct{ Query string }
		require.NoError(t, json.Unmarshal(v.Query, &query), v.Name)
		parts := labelValues.FindStringSubmatch(query.Query)
		require.NotNil(t, parts, "variable %s: %s", v.Name, query.Query)
		all["variable "+v.Name] = fmt.Sprintf("group by (%s) (%s)", parts[2], parts[1])
	}
	return all
}

func TestEveryPanelExplainsItself(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	require.NotEmpty(t, d.UID, "a dashboard without one is another with each start of Grafana")
	ids, titles := map[int]bool{}, map[string]bool{}
	for _, p := range d.Panels {
		require.NotEmpty(t, p.Title)
		require.False(t, ids[p.ID], "%s: the id %d is taken", p.Title, p.ID)
		require.False(t, titles[p.Title], "two panels are called %q", p.Title)
		ids[p.ID], titles[p.Title] = true, true
		if p.Type == "row" {
			continue
		}
		require.NotEmpty(t, p.Description, p.Title)
		require.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		require.Equal(t, "${datasource}", p.Datasource.UID, "%s: another installation's data source has another uid", p.Title)
		refs := map[string]bool{}
		for _, target := range p.Targets {
			require.NotEmpty(t, target.Expr, p.Title)
			require.False(t, refs[target.RefID], "%s: two queries %s", p.Title, target.RefID)
			refs[target.RefID] = true
		}
	}
}

func TestPanelsDoNotCoverEachOther(t *testing.T) {
	t.Parallel()
	taken := map[[2]int]string{}
	for _, p := range readDashboard(t).Panels {
		require.Positive(t, p.Grid.W*p.Grid.H, p.Title)
		require.LessOrEqual(t, p.Grid.X+p.Grid.W, 24, "%s: a row has 24 columns", p.Title)
		for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
			for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%q covers %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

var variable = regexp.MustCompile(`\$\{?(\w+)\}?`)

func TestEveryVariableIsDefined(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	known := map[string]bool{"__rate_interval": true}
	for _, v := range d.Templating.List {
		known[v.Name] = true
	}
	require.True(t, known["datasource"])
	for where, expr := range d.expressions(t) {
		for _, used := range variable.FindAllStringSubmatch(expr, -1) {
			require.True(t, known[used[1]], "%s: $%s is not defined", where, used[1])
		}
	}
}

// promtool reads rules, so that is what the queries are given to it as.
func TestTheQueriesOfPanelsAreSoundPromQL(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not here; .ci/run builds it")
	}
	type record struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	type group struct {
		Name  string   `yaml:"name"`
		Rules []record `yaml:"rules"`
	}
	var queries []record
	for where, expr := range readDashboard(t).expressions(t) {
		expr = strings.ReplaceAll(expr, "$__rate_interval", "1m")
		queries = append(queries, record{
			Record: "panel:" + regexp.MustCompile(`\W+`).ReplaceAllString(where, "_"),
			Expr:   variable.ReplaceAllString(expr, ".*"),
		})
	}
	text, err := yaml.Marshal(map[string][]group{"groups": {{"panels", queries}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "panels.yml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestProvisioningLeadsToTheDashboard(t *testing.T) {
	t.Parallel()
	var providers struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name           string            `yaml:"name"`
			Folder         string            `yaml:"folder"`
			Type           string            `yaml:"type"`
			AllowUIUpdates bool              `yaml:"allowUiUpdates"`
			Options        map[string]string `yaml:"options"`
		} `yaml:"providers"`
	}
	readYAML(t, &providers, "deploy", "grafana", "provisioning", "dashboards", "lyceum.yml")
	require.Len(t, providers.Providers, 1)
	require.NotEmpty(t, providers.Providers[0].Options["path"])
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name      string            `yaml:"name"`
			Type      string            `yaml:"type"`
			Access    string            `yaml:"access"`
			URL       string            `yaml:"url"`
			IsDefault bool              `yaml:"isDefault"`
			JSONData  map[string]string `yaml:"jsonData"`
		} `yaml:"datasources"`
	}
	readYAML(t, &sources, "deploy", "grafana", "provisioning", "datasources", "prometheus.yml")
	require.Len(t, sources.Datasources, 1)
	require.Equal(t, "prometheus", sources.Datasources[0].Type)
}
