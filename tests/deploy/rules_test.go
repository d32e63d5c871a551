package deploy_test

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// ruleFile is deploy/prometheus/rules.yml.
type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// ruleTests are deploy/prometheus/rules_test.yml.
type ruleTests struct {
	RuleFiles          []string `yaml:"rule_files"`
	EvaluationInterval string   `yaml:"evaluation_interval"`
	Tests              []struct {
		Name        string `yaml:"name"`
		Interval    string `yaml:"interval"`
		InputSeries []struct {
			Series string `yaml:"series"`
			Values string `yaml:"values"`
		} `yaml:"input_series"`
		Alerts []struct {
			Alertname string      `yaml:"alertname"`
			EvalTime  string      `yaml:"eval_time"`
			Expected  []yaml.Node `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
		Expressions []struct {
			Expr     string `yaml:"expr"`
			EvalTime string `yaml:"eval_time"`
			Expected []struct {
				Labels string  `yaml:"labels"`
				Value  float64 `yaml:"value"`
			} `yaml:"exp_samples"`
		} `yaml:"promql_expr_test"`
	} `yaml:"tests"`
}

func inRepository(elem ...string) string {
	return filepath.Join(append([]string{"..", ".."}, elem...)...)
}

func readYAML(t testing.TB, out any, elem ...string) {
	t.Helper()
	file, err := os.Open(inRepository(elem...))
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(out), filepath.Join(elem...))
}

func readRules(t testing.TB) ruleFile {
	t.Helper()
	var f ruleFile
	readYAML(t, &f, "deploy", "prometheus", "rules.yml")
	require.NotEmpty(t, f.Groups)
	return f
}

// level is the first part of a recorded name: the labels that are left.
func level(record string) []string {
	first, _, _ := strings.Cut(record, ":")
	if first == "platform" {
		return nil
	}
	return strings.Split(first, "_")
}

// withRecorded adds what rules record.
func (m metrics) withRecorded(f ruleFile) metrics {
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				m[r.Record] = metric{labels: level(r.Record)}
			}
		}
	}
	for name, own := range prometheusOwn() {
		m[name] = own
	}
	return m
}

func TestRulesAndPanelsNameWhatThePlatformExports(t *testing.T) {
	t.Parallel()
	rules, dashboard := readRules(t), readDashboard(t)
	known := exported(t).withRecorded(rules)
	t.Run("rules", func(t *testing.T) {
		t.Parallel()
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				e := known.check(t, r.Record+r.Alert, r.Expr)
				known.checkTexts(t, r, e)
			}
		}
	})
	t.Run("tests of the rules", func(t *testing.T) {
		t.Parallel()
		var tests ruleTests
		readYAML(t, &tests, "deploy", "prometheus", "rules_test.yml")
		for _, test := range tests.Tests {
			for _, s := range test.InputSeries {
				known.check(t, test.Name, s.Series)
			}
			for _, e := range test.Expressions {
				known.check(t, test.Name, e.Expr)
			}
		}
	})
	t.Run("panels", func(t *testing.T) {
		t.Parallel()
		for where, expr := range dashboard.expressions(t) {
			known.check(t, where, expr)
		}
	})
}

var inTemplate = regexp.MustCompile(`\$labels\.([a-zA-Z_]+)`)

// checkTexts finds labels that a text shows and that the alert does not have.
func (m metrics) checkTexts(t testing.TB, r rule, e expression) {
	t.Helper()
	labels := slices.Clone(e.grouped)
	for _, s := range e.selectors {
		known, _ := m.of(s.name)
		labels = append(labels, known.labels...)
	}
	for _, text := range r.Annotations {
		for _, shown := range inTemplate.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(labels, shown[1]) {
				t.Errorf("%s: the text %q shows the label %s, which nothing in the expression has", r.Alert, text, shown[1])
			}
		}
	}
}

const runbook = "https://github.com/lyceum-lms/platform/blob/main/docs/runbooks/alerts.md#"

// Whoever is woken must find out what to do.
func TestEveryAlertSaysWhatToDo(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(inRepository("docs", "runbooks", "alerts.md"))
	require.NoError(t, err)
	var chapters []string
	for _, line := range strings.Split(string(text), "\n") {
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			chapters = append(chapters, heading)
		}
	}
	var alerts []string
	for _, g := range readRules(t).Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				require.NotEmpty(t, r.Record)
				continue
			}
			alerts = append(alerts, r.Alert)
			require.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
			require.NotEmpty(t, r.Annotations["summary"], r.Alert)
			require.NotEmpty(t, r.Annotations["description"], r.Alert)
			require.Equal(t, runbook+strings.ToLower(r.Alert), r.Annotations["runbook_url"], r.Alert)
			require.NotEmpty(t, r.For, "%s: one bad look must not wake anybody", r.Alert)
		}
	}
	require.ElementsMatch(t, alerts, chapters, "the chapters of docs/runbooks/alerts.md are the alerts")
}

var link = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)

// At night nobody searches.
func TestLinksOfTheRunbookLeadSomewhere(t *testing.T) {
	t.Parallel()
	const page = "alerts.md"
	folder := inRepository("docs", "runbooks")
	text, err := os.ReadFile(filepath.Join(folder, page))
	require.NoError(t, err)
	links := link.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, links)
	for _, l := range links {
		target, err := os.ReadFile(filepath.Join(folder, cmp.Or(l[1], page)))
		require.NoError(t, err, l[0])
		if l[2] == "" {
			continue
		}
		found := false
		for _, line := range strings.Split(string(target), "\n") {
			heading := strings.TrimLeft(line, "#")
			found = found || heading != line && strings.ReplaceAll(strings.ToLower(strings.TrimSpace(heading)), " ", "-") == l[2]
		}
		require.True(t, found, "%s: there is no such heading", l[0])
	}
}

// An alert that was never seen to fire, or never to keep still, is not tested.
func TestEveryAlertIsTested(t *testing.T) {
	t.Parallel()
	var tests ruleTests
	readYAML(t, &tests, "deploy", "prometheus", "rules_test.yml")
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, a := range test.Alerts {
			fires[a.Alertname] = fires[a.Alertname] || len(a.Expected) > 0
			silent[a.Alertname] = silent[a.Alertname] || len(a.Expected) == 0
		}
		for _, e := range test.Expressions {
			name := regexp.MustCompile(`alertname=~?"([^"]*)"`).FindStringSubmatch(e.Expr)
			if name == nil {
				continue
			}
			meant := regexp.MustCompile("^(?:" + name[1] + ")$")
			for _, alert := range readRules(t).alerts() {
				if !meant.MatchString(alert) {
					continue
				}
				expected := false
				for _, s := range e.Expected {
					expected = expected || strings.Contains(s.Labels, `alertname="`+alert+`"`)
				}
				fires[alert] = fires[alert] || expected
				silent[alert] = silent[alert] || !expected
			}
		}
	}
	for _, alert := range readRules(t).alerts() {
		require.True(t, fires[alert], "%s: no test expects it to fire", alert)
		require.True(t, silent[alert], "%s: no test expects it to keep still", alert)
	}
}

func (f ruleFile) alerts() []string {
	var all []string
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				all = append(all, r.Alert)
			}
		}
	}
	return all
}

// The rules ask for the job by its name.
func TestTheExampleScrapesTheJobOfTheRules(t *testing.T) {
	t.Parallel()
	var config struct {
		RuleFiles []string `yaml:"rule_files"`
		Scrape    []struct {
			JobName string `yaml:"job_name"`
		} `yaml:"scrape_configs"`
	}
	text, err := os.ReadFile(inRepository("deploy", "prometheus", "prometheus.yml"))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &config))
	require.Equal(t, []string{"rules.yml"}, config.RuleFiles)
	require.Len(t, config.Scrape, 1)
	jobs := regexp.MustCompile(`job="([^"]*)"`)
	rules, err := os.ReadFile(inRepository("deploy", "prometheus", "rules.yml"))
	require.NoError(t, err)
	for _, asked := range jobs.FindAllStringSubmatch(string(rules), -1) {
		require.Equal(t, config.Scrape[0].JobName, asked[1])
	}
}
