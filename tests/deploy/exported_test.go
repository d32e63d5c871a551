// Package deploy_test holds what is in deploy/ to what the platform really
// exports: every metric and label that a rule, a test of a rule or a panel
// names.
package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/app"
	"github.com/lyceum-lms/platform/internal/postgres/postgrestest"
)

// metric is one that Prometheus knows.
type metric struct {
	labels []string
	// anyLabel is true where they are not for us to say.
	anyLabel bool
	// kind is known of those that have a value in a process that runs nothing.
	kind *dto.MetricType
}

// metrics by their names in expressions.
type metrics map[string]metric

var description = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: .*, constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// exported is everything that processes of the platform register: one that runs
// all modules and has to do with Kafka, and one that only forwards. A registry
// tells of all its metrics, while a scrape shows those that have a value.
func exported(t testing.TB) metrics {
	t.Helper()
	all := metrics{}
	database := postgrestest.New(t)
	for _, args := range [][]string{
		{"--bus", "kafka", "--kafka-brokers", "127.0.0.1:9", "--database-url", database.URL()},
		{"--modules", "none", "--upstream", "users=http://127.0.0.1:9", "--upstream", "content=http://127.0.0.1:9"},
	} {
		var cfg app.Config
		parser, err := kong.New(&cfg)
		require.NoError(t, err)
		_, err = parser.Parse(append(args, "--data-dir", t.TempDir()))
		require.NoError(t, err)
		require.NoError(t, app.WithMetrics(t.Context(), cfg, func(reg *prometheus.Registry) error {
			all.add(t, reg)
			return nil
		}))
	}
	return all
}

func (m metrics) add(t testing.TB, reg *prometheus.Registry) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	kinds := map[string]*dto.MetricType{}
	for _, f := range families {
		kinds[f.GetName()] = f.GetType().Enum()
	}
	descs := make(chan *prometheus.Desc)
	var reading sync.WaitGroup
	reading.Go(func() { reg.Describe(descs); close(descs) })
	for d := range descs {
		parts := description.FindStringSubmatch(d.String())
		if parts == nil {
			t.Errorf("a description is not of the form that is expected: %s", d)
			continue
		}
		known := metric{labels: []string{"job", "instance", "process"}, kind: kinds[parts[1]]}
		for _, l := range strings.Split(parts[2]+","+parts[3], ",") {
			if name, _, _ := strings.Cut(l, "="); name != "" {
				known.labels = append(known.labels, strings.TrimSpace(name))
			}
		}
		m[parts[1]] = known
	}
	reading.Wait()
}

// of finds a metric by a name as it stands in an expression: that of a
// histogram's part, too.
func (m metrics) of(name string) (metric, bool) {
	if known, ok := m[name]; ok {
		whole := known.kind == nil || *known.kind != dto.MetricType_HISTOGRAM && *known.kind != dto.MetricType_SUMMARY
		return known, whole
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, cut := strings.CutSuffix(name, suffix)
		known, ok := m[base]
		if !cut || !ok || strings.HasSuffix(base, "_total") {
			continue
		}
		if known.kind != nil && *known.kind != dto.MetricType_HISTOGRAM && (*known.kind != dto.MetricType_SUMMARY || suffix == "_bucket") {
			continue
		}
		if suffix == "_bucket" {
			known.labels = append(slices.Clone(known.labels), "le")
		}
		return known, true
	}
	return metric{}, false
}

// check reports what an expression names that is not there.
func (m metrics) check(t testing.TB, where, text string) expression {
	t.Helper()
	e := parse(t, text)
	groupable := []string{}
	for _, s := range e.selectors {
		known, ok := m.of(s.name)
		if !ok {
			t.Errorf("%s: no process exports %s, and no rule records it", where, s.name)
			continue
		}
		groupable = append(groupable, known.labels...)
		for _, l := range s.labels {
			if !known.anyLabel && !slices.Contains(known.labels, l) {
				t.Errorf("%s: %s has no label %s", where, s.name, l)
			}
		}
		if known.anyLabel {
			groupable = append(groupable, e.grouped...)
		}
	}
	for _, l := range e.grouped {
		if !slices.Contains(groupable, l) {
			t.Errorf("%s: nothing in %s has the label %s", where, text, l)
		}
	}
	return e
}

// prometheusOwn are the metrics that Prometheus makes.
func prometheusOwn() metrics {
	return metrics{
		"up":     {labels: []string{"job", "instance", "process"}},
		"ALERTS": {anyLabel: true},
	}
}

func TestAMisspeltNameIsFound(t *testing.T) {
	t.Parallel()
	histogram, gauge := dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE
	known := metrics{
		"lyceum_seconds": {labels: []string{"module"}, kind: &histogram},
		"lyceum_other":   {labels: []string{"module"}}, // it has no value yet
		"lyceum_level":   {labels: []string{"module"}, kind: &gauge},
		"lyceum_total":   {labels: []string{"module"}},
	}
	for text, sound := range map[string]bool{
		`sum by (module, le) (rate(lyceum_seconds_bucket{le="1"}[5m]))`: true,
		`lyceum_other_count / lyceum_other_sum + lyceum_other`:          true,
		`lyceum_levels`:             false,
		`lyceum_level_count`:        false,
		`lyceum_seconds`:            false, // which of its parts?
		`lyceum_total_sum`:          false,
		`lyceum_level{le="1"}`:      false,
		`lyceum_level{modul="a"}`:   false,
		`sum by (x) (lyceum_level)`: false,
	} {
		found := &recorder{TB: t}
		known.check(found, "here", text)
		require.Equal(t, sound, !found.failed, text)
	}
}

// recorder is a test that is expected to fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
