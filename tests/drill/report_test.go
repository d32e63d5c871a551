package drill

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lyceum-lms/platform/tests/load"
)

// report is what the drill prints in the end.
type report struct {
	notes []string
	steps []reportedStep
	all   load.Figures
	tally tally
	found load.Verdict
}

// reportedStep is what learners have seen of one step.
type reportedStep struct {
	name    string
	figures load.Figures
}

func (r *report) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *report) step(name string, seen load.Figures) {
	r.steps = append(r.steps, reportedStep{name, seen})
}

func (r *report) total(seen load.Figures) { r.all = seen }

func (r *report) events(y tally, v load.Verdict) { r.tally, r.found = y, v }

// String is the report.
func (r *report) String() string {
	var b strings.Builder
	for _, n := range r.notes {
		fmt.Fprintln(&b, n)
	}
	fmt.Fprintln(&b)
	r.writeSteps(&b)
	fmt.Fprintln(&b)
	r.writeEvents(&b)
	fmt.Fprintln(&b)
	fmt.Fprintf(&b, "acknowledged: %d enrolments, %d starts, %d saves, %d submissions; all are there: %t\n",
		r.found.Enrolments, r.found.Starts, r.found.Saves, r.found.Submissions, r.found.Lost == 0)
	fmt.Fprintf(&b, "failed %d   lost %d   doubled %d   dead letters %d   longest pause of a learner %s\n", r.all.Failed(),
		int64(r.found.Lost)+r.tally.lost(), int64(r.found.Doubled)+r.tally.doubled(), r.found.DeadLetters, short(r.all.LongestPause()))
	return b.String()
}

func (r *report) writeSteps(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "seconds\trequests\tfailed\t> %s\tmedian\tlongest pause\t  step\n", load.SlowAfter)
	for _, s := range append(r.steps, reportedStep{"ALL", r.all}) {
		f := s.figures
		fmt.Fprintf(w, "%.1f\t%d\t%d\t%d\t%s\t%s\t  %s\n", f.Elapsed.Seconds(), f.Requests, f.Failed(), f.Slow, short(f.Wait(0.5)), short(f.LongestPause()), s.name)
		if f.Failed() > 0 {
			fmt.Fprintf(w, "\t\t\t\t\t\t    %s\n", f.FailuresByKind())
		}
	}
	_ = w.Flush() // a strings.Builder takes everything
}

func (r *report) writeEvents(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "events of\tnumbered\ton Kafka\tsent again")
	for _, p := range r.tally.published {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\n", p.module, p.numbered, p.onKafka, p.again)
	}
	_ = w.Flush()
	fmt.Fprintln(b)
	fmt.Fprintln(w, "consumer\tevents\thandled")
	for _, h := range r.tally.handled {
		fmt.Fprintf(w, "%s\t%d\t%d\n", h.consumer, h.events, h.handled)
	}
	_ = w.Flush() // a strings.Builder takes everything
}

func short(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
