package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// result is one figure beside its yardstick.
type result struct {
	What   string  `json:"what"`
	Figure float64 `json:"figure"`
	Unit   string  `json:"unit"`
	// Latencies are in milliseconds; zero if the figure has none.
	P50 float64 `json:"p50_ms,omitempty"`
	P95 float64 `json:"p95_ms,omitempty"`
	P99 float64 `json:"p99_ms,omitempty"`
	Max float64 `json:"max_ms,omitempty"`

	Yardstick      string    `json:"yardstick"`
	YardstickValue float64   `json:"yardstick_value"`
	YardstickRuns  []float64 `json:"yardstick_runs,omitempty"`
	// Ratio says how many times as good as the yardstick the figure is, so more
	// is better, whatever the unit.
	Ratio float64 `json:"ratio"`
	// Goal is empty where nothing was promised.
	Goal    string `json:"goal,omitempty"`
	Reached bool   `json:"reached"`
	// Probe is single-client one-row commits per second, in the same minute.
	Probe float64  `json:"fsync_probe_per_second"`
	Notes []string `json:"notes,omitempty"`
}

func (r *result) latencies(m measured) {
	r.P50, r.P95, r.P99, r.Max = milliseconds(m.p50), milliseconds(m.p95), milliseconds(m.p99), milliseconds(m.max)
}

func (r *result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// beside compares the figure with the mean of the yardstick's runs.
func (r *result) beside(yardstick string, runs ...float64) {
	r.Yardstick, r.YardstickRuns, r.YardstickValue = yardstick, runs, mean(runs)
	r.Ratio = r.Figure / r.YardstickValue
}

// atLeast is beside for a figure whose ratio must reach goal.
func (r *result) atLeast(goal float64, yardstick string, runs ...float64) {
	r.beside(yardstick, runs...)
	r.Goal, r.Reached = fmt.Sprintf(">= %.1f x", goal), r.Ratio >= goal
}

// errMissing says what a scenario needs that is not here.
type errMissing struct{ error }

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// report is what a run found.
type report struct {
	At       time.Time `json:"at"`
	Machine  string    `json:"machine"`
	Database string    `json:"database"`
	Duration string    `json:"duration"`
	Learners int       `json:"learners"`
	Accounts int       `json:"accounts"`
	Results  []result  `json:"results"`
	// Skipped are scenarios for which something is missing here, and what.
	Skipped []string `json:"skipped,omitempty"`
}

func newReport(ctx context.Context, b *bench) *report {
	r := &report{At: time.Now().UTC().Truncate(time.Second), Machine: machine(), Duration: b.duration.String(),
		Learners: b.learners, Accounts: b.accounts}
	var version, fsync, commit string
	err := b.admin.QueryRow(ctx, `select current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')`).
		Scan(&version, &fsync, &commit)
	if r.Database = fmt.Sprintf("PostgreSQL %s, fsync %s, synchronous_commit %s", version, fsync, commit); err != nil {
		r.Database = "PostgreSQL, settings unknown: " + err.Error()
	}
	return r
}

// print writes the table for people.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s  %s\n%s; loads of %s, %d learners, %d accounts.\n", r.At.Format(time.RFC3339), r.Machine, r.Database,
		r.Duration, r.Learners, r.Accounts)
	fmt.Fprintln(out, "The load generator shares the CPUs with the platform and its database: compare ratios, not figures.")
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "what\tfigure\tp50\tp95\tp99\tmax ms\tyardstick\tratio\tgoal\treached\tprobe/s\t")
	for _, v := range r.Results {
		times := "-\t-\t-\t-"
		if v.Max > 0 {
			times = fmt.Sprintf("%.2f\t%.2f\t%.2f\t%.1f", v.P50, v.P95, v.P99, v.Max)
		}
		goal, reached := v.Goal, "no"
		switch {
		case v.Goal == "":
			goal, reached = "-", "-"
		case v.Reached:
			reached = "yes"
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%s %s\t%.2f\t%s\t%s\t%.0f\t\n", v.What, number(v.Figure), v.Unit, times,
			number(v.YardstickValue), v.Yardstick, v.Ratio, goal, reached, v.Probe)
	}
	_ = w.Flush() // to a terminal or a pipe: nobody to tell
	for _, s := range r.Skipped {
		fmt.Fprintf(out, "\nskipped: %s\n", s)
	}
	for _, v := range r.Results {
		fmt.Fprintf(out, "\n%s\n", v.What)
		if len(v.YardstickRuns) > 1 {
			var runs []string
			for _, y := range v.YardstickRuns {
				runs = append(runs, number(y))
			}
			fmt.Fprintf(out, "  yardstick before and after: %s\n", strings.Join(runs, ", "))
		}
		for _, n := range v.Notes {
			fmt.Fprintf(out, "  %s\n", n)
		}
	}
}

// number has three digits that mean something.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// write writes the results for machines.
func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

func decode(body []byte, out any) error {
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("decode an answer: %w", err)
	}
	return nil
}
