// Command bench measures the platform and prints, for every figure, its ratio to
// a yardstick that was measured in the same run on the same machine. See
// README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	scenario string
	duration time.Duration
	learners int
	accounts int
	jsonFile string
	dir      string
	binary   string
	profiles string
}

// scenarios in the order in which they are run.
var scenarios = []struct {
	name     string
	platform bool // needs the platform and its school
	run      func(ctx context.Context, b *bench) ([]result, error)
}{
	{"sign-in", true, signIns},
	{"unit-read", true, unitReads},
	{"exam", true, examFlows},
	{"split", true, splits},
	{"saves", true, saves}, // leaves attempts open
	{"events", false, events},
	{"events-kafka", false, eventsOnKafka},
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == bareServerCommand {
		fmt.Fprintln(os.Stderr, "bench:", serveBytes(os.Args[2]))
		os.Exit(1)
	}
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := execute(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.scenario, "scenario", "all", "what to measure: all, or some of "+strings.Join(names, ",")+", separated by commas")
	flags.DurationVar(&o.duration, "duration", 10*time.Second, "how long each load lasts; yardsticks are measured for half as long before and after it")
	flags.IntVar(&o.learners, "learners", 256, "learners who save at the same time")
	flags.IntVar(&o.accounts, "accounts", 50_000, "accounts in the database, loaded with one common password")
	flags.StringVar(&o.jsonFile, "json", "", "file for the results as JSON")
	flags.StringVar(&o.dir, "dir", "", "directory for a data directory that is removed at the end; its disk is the one measured (default: the system's for temporary files)")
	flags.StringVar(&o.binary, "binary", "", "platform binary to measure (default: built from this module)")
	flags.StringVar(&o.profiles, "profiles", "", "directory for a CPU profile of each load; costs a little speed")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.duration < time.Second || o.duration > 5*time.Minute {
		return o, errors.New("--duration is not between 1s and 5m")
	}
	if o.learners < 1 || o.learners > 800 {
		return o, errors.New("--learners is not between 1 and 800: the platform sheds more than 1024 exam requests at once")
	}
	if o.accounts < o.learners || o.accounts > 20_000_000 {
		return o, errors.New("--accounts is not between --learners and 20,000,000")
	}
	if o.scenario == "all" {
		o.scenario = strings.Join(names, ",")
	}
	for name := range strings.SplitSeq(o.scenario, ",") {
		if !slices.Contains(names, name) {
			return o, fmt.Errorf("--scenario: there is no %q", name)
		}
	}
	return o, nil
}

// execute runs the chosen scenarios and reports them. A goal that is missed is
// a finding and no error.
func execute(ctx context.Context, o options) (err error) {
	wanted := strings.Split(o.scenario, ",")
	wantPlatform := false
	for _, s := range scenarios {
		wantPlatform = wantPlatform || s.platform && slices.Contains(wanted, s.name)
	}
	b, err := start(ctx, o, wantPlatform)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	rep := newReport(ctx, b)
	for _, s := range scenarios {
		if !slices.Contains(wanted, s.name) {
			continue
		}
		b.say("%s", s.name)
		found, err := s.run(ctx, b)
		var missing errMissing
		switch {
		case errors.As(err, &missing):
			b.say("%s is skipped: %v", s.name, missing)
			rep.Skipped = append(rep.Skipped, s.name+": "+missing.Error())
		case err != nil:
			return fmt.Errorf("scenario %s: %w", s.name, err)
		}
		rep.Results = append(rep.Results, found...)
	}
	rep.print(os.Stdout)
	if o.jsonFile == "" {
		return nil
	}
	return rep.write(o.jsonFile)
}
