package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/postgres"
	"github.com/lyceum-lms/platform/internal/relocation"
	"github.com/lyceum-lms/platform/migrations"
)

// finding is what a check of the plan has found.
type finding struct {
	ok   bool
	what string
	todo string // what is missing, if it is
}

// extractionStep is a step of taking a module out, the same for the plan on the
// terminal and for the runbook.
type extractionStep struct {
	title    string
	text     string
	commands []string
	// check looks at the present configuration; nil where there is nothing to see.
	check func(x *extraction, ctx context.Context) []finding
}

// extraction is one module that is taken out of a configuration.
type extraction struct {
	cfg      Config
	module   string
	target   string // the administrator's URL of the module's own server; empty if it stays
	platform *platform
	admin    string
	all      []bus.Contract
	// unreachable says why the database could not be opened.
	unreachable error
}

// remaining are the modules that stay where they are.
func (x *extraction) remaining() []string {
	return slices.DeleteFunc(slices.Clone(moduleNames), func(m string) bool { return m == x.module })
}

func (x *extraction) signsMedia() bool { return x.module == "content" || x.module == "assessment" }

// steps are the whole way out and back. The names in capitals are places of the
// operator's.
func (x *extraction) steps() []extractionStep {
	own := fmt.Sprintf("platform --modules %s --bus kafka --kafka-brokers BROKERS", x.module)
	if x.module != "users" {
		own += " --upstream users=http://FRONT"
	}
	rest := fmt.Sprintf("platform --modules %s --bus kafka --kafka-brokers BROKERS --upstream %s=http://OWN", strings.Join(x.remaining(), ","), x.module)
	steps := []extractionStep{
		{title: "Events go by Kafka", check: (*extraction).checkKafka,
			text: "Modules in different processes reach each other by Kafka alone. First give all processes the brokers and leave the bus in process: " +
				"the topics fill with the history. When nothing waits any more, switch the bus, replica by replica; both kinds share the work.",
			commands: []string{"platform --bus in-process --kafka-brokers BROKERS", "platform --bus kafka --kafka-brokers BROKERS"}},
		{title: "Nothing waits in the outbox", check: (*extraction).checkDrained,
			text: "What the module has emitted is on Kafka, but for what is emitted this moment. This is no condition for correctness, but a module " +
				"that cannot publish should be mended before it is moved."},
		{title: "Who depends on it", check: (*extraction).checkConsumers,
			text: "These consumers read the module's events, and it reads those of others. None of them changes: positions are in the consumers' own schemas."},
		{title: "Schemas are up to date", check: (*extraction).checkSchema,
			text: "The database has every migration of this release.", commands: []string{"platform migrate"}},
	}
	if x.signsMedia() {
		steps = append(steps, extractionStep{title: "The key of media URLs is shared", check: (*extraction).checkMediaKey,
			text:     "Content and assessment sign URLs of files with one key. Give the one in use to the processes of both, so that no URL that is out breaks.",
			commands: []string{"LYCEUM_MEDIA_KEY=$(platform media-key)"}},
			extractionStep{title: "The files are within reach",
				text: "Content and assessment keep files, each in its own part of one store: those of courses, and those of item banks and attempts. Give the " +
					"module's own process the --blob-url of the others; without one it is the directory blobs in their data directory. Moving the schema moves no files.",
				commands: []string{"LYCEUM_BLOB_URL=file:///SHARED/blobs"}})
	}
	steps = append(steps,
		extractionStep{title: "Start the module's own process",
			text: "On the same database, beside the others: it is one more replica of the module, and shares positions, locks and jobs with them. " +
				"It verifies access tokens with the keys of users. The front's network is among its --trusted-proxies. Wait until it is ready (/readyz on its operations listener).",
			commands: []string{own + " --trusted-proxies FRONT_NETWORK"}},
		extractionStep{title: "Move the paths, and stop the module elsewhere", check: (*extraction).checkUpstream,
			text: "Replace the other processes one by one, each stopped with SIGTERM and a --drain-delay, by processes that do not run the module and " +
				"pass its paths on. Requests under way are finished where they are.",
			commands: []string{rest}},
		extractionStep{title: "Move the data to a server of its own (may be left out)", check: (*extraction).checkTarget,
			text: "Start a second process of the module that leads to the new server and waits for its schema, and give the fronts both addresses. Then move " +
				"the schema: its rows are copied and followed by logical replication while learners work (--method logical; wal_level=logical at the old server, " +
				"which the new one must reach), or copied at once (--method dump, for small schemas). At the end writers wait while the last rows arrive and both " +
				"sides are compared: measured and printed, at most " + inSeconds(DefaultMaxPause) + " (--max-pause) or the move is given up and the old side goes on. After it the old side is shut out; " +
				"its process answers 503 module-moved, and the fronts repeat what is idempotent at the new one. Then stop the old process.",
			commands: []string{
				fmt.Sprintf("MODULE_LOGIN=$(platform extract %s --move-to TARGET_ADMIN_URL --login)", x.module),
				fmt.Sprintf("%s --%s-database-url \"$MODULE_LOGIN\" --await-database --listen OWN2 --trusted-proxies FRONT_NETWORK", own, x.module),
				strings.Replace(rest, "http://OWN", "http://OWN,http://OWN2", 1),
				fmt.Sprintf("platform extract %s --move-to TARGET_ADMIN_URL", x.module),
			}},
		extractionStep{title: "If something goes wrong",
			text: "A move that was interrupted, even by kill -9, is continued by the same command, or given up: the old side serves again, and the half copy is removed. " +
				"Until the old side is shut every failure leaves it serving. Should the new server be lost for good before it has served, --target-lost gives the move " +
				"up without it.",
			commands: []string{
				fmt.Sprintf("platform extract %s --move-to TARGET_ADMIN_URL --abort", x.module),
				fmt.Sprintf("platform extract %s --move-to TARGET_ADMIN_URL --abort --target-lost", x.module),
			}},
		extractionStep{title: "Back again",
			text: "The same way in the other direction: a process on the old server that waits, the move from the new server to the old one (what was left " +
				"there, shut, is replaced), the fronts replaced by processes that run everything, and the module's own process stopped.",
			commands: []string{
				fmt.Sprintf("platform extract %s --from TARGET_ADMIN_URL --move-to ADMIN_URL", x.module),
				"platform --bus kafka --kafka-brokers BROKERS",
			}},
	)
	for _, s := range steps {
		for i, c := range s.commands {
			s.commands[i] = x.filled(c)
		}
	}
	return steps
}

// filled is a command with what the present configuration says.
func (x *extraction) filled(command string) string {
	if len(x.cfg.KafkaBrokers) > 0 {
		command = strings.ReplaceAll(command, "BROKERS", strings.Join(x.cfg.KafkaBrokers, ","))
	}
	if p := x.cfg.KafkaPrefix; p != "" && p != "lyceum" {
		command = strings.ReplaceAll(command, "--kafka-brokers", "--kafka-prefix "+p+" --kafka-brokers")
	}
	return command
}

// DefaultMaxPause is the longest pause for writers if nothing else is said.
const DefaultMaxPause = relocation.DefaultMaxPause

// inSeconds is a time for people.
func inSeconds(d time.Duration) string { return fmt.Sprintf("%g seconds", d.Seconds()) }

func (x *extraction) checkKafka(context.Context) []finding {
	return []finding{
		{ok: len(x.cfg.KafkaBrokers) > 0, what: "brokers are configured", todo: "set --kafka-brokers"},
		{ok: x.cfg.Bus == busKafka, what: "the bus is Kafka", todo: "set --bus kafka, after the topics have been filled"},
	}
}

func (x *extraction) checkDrained(ctx context.Context) []finding {
	if x.platform == nil {
		return []finding{{what: "nothing waits", todo: x.unreachable.Error()}}
	}
	n, err := x.platform.bus.Unpublished(ctx, x.module)
	if err != nil {
		return []finding{{what: "nothing waits", todo: err.Error()}}
	}
	return []finding{{ok: n < 1000, what: fmt.Sprintf("%d events of %s wait to be published", n, x.module),
		todo: "see why: lyceum_bus_forward_lag_seconds, and the log of the processes that run it"}}
}

func (x *extraction) checkConsumers(context.Context) (found []finding) {
	for _, c := range x.all {
		for _, consumer := range c.Consumers {
			switch reads := consumer.Sources(); {
			case c.Module == x.module:
				found = append(found, finding{ok: true, what: fmt.Sprintf("%s reads %s", consumer.Name, strings.Join(reads, " and "))})
			case slices.Contains(reads, x.module):
				found = append(found, finding{ok: true, what: fmt.Sprintf("%s reads %s", consumer.Name, x.module)})
			}
		}
	}
	return found
}

func (x *extraction) checkSchema(ctx context.Context) (found []finding) {
	if x.platform == nil {
		return []finding{{what: "the schema can be looked at", todo: x.unreachable.Error()}}
	}
	lines, err := migrations.Report(ctx, x.platform.db.pools[x.module].Pool, x.module)
	if err != nil {
		return []finding{{what: "the schema can be looked at", todo: err.Error()}}
	}
	for _, l := range lines {
		found = append(found, finding{ok: !l.Behind(), what: fmt.Sprintf("%s/%s is at %d of %d", l.Module, l.Line, l.Applied, l.Known), todo: "platform migrate"})
	}
	return found
}

func (x *extraction) checkMediaKey(context.Context) []finding {
	return []finding{{ok: x.cfg.MediaKey != "", what: "--media-key is set", todo: "set it to what platform media-key prints, in the processes of content and assessment"}}
}

func (x *extraction) checkUpstream(context.Context) []finding {
	upstreams, err := x.cfg.upstreams()
	if err != nil {
		return []finding{{what: "--upstream can be read", todo: err.Error()}}
	}
	if len(upstreams[x.module]) > 0 {
		return []finding{{ok: true, what: fmt.Sprintf("this configuration passes %s on to %s", x.module, upstreams[x.module][0].Redacted())}}
	}
	return []finding{{ok: true, what: fmt.Sprintf("this configuration runs %s itself, as it does before this step", x.module)}}
}

func (x *extraction) checkTarget(ctx context.Context) (found []finding) {
	if x.target == "" {
		return nil
	}
	move, err := relocation.Open(ctx, relocation.Options{Source: x.admin, Target: x.target, Module: x.module})
	if err != nil {
		return []finding{{what: "both servers can be reached", todo: err.Error()}}
	}
	defer move.Close(ctx)
	checked, err := move.Check(ctx)
	if err != nil {
		return []finding{{what: "both servers can be looked at", todo: err.Error()}}
	}
	for _, f := range checked {
		what := f.What
		if f.OK && f.Note != "" {
			what += ": " + f.Note
		}
		found = append(found, finding{ok: f.OK, what: what, todo: f.Note})
	}
	return found
}

// ErrNotReadyToExtract is what Plan returns when a condition is not met.
var ErrNotReadyToExtract = errors.New("something is missing")

// Plan writes the steps of taking a module out of the present configuration,
// with what is met and what is missing. target is the administrator's URL of
// the server that the data are to move to, empty if they stay.
func Plan(ctx context.Context, cfg Config, module, target string, out io.Writer) error {
	if !slices.Contains(moduleNames, module) {
		return fmt.Errorf("there is no module %q; the modules are %s", module, strings.Join(moduleNames, ", "))
	}
	x := &extraction{cfg: cfg, module: module, target: target}
	var err error
	if x.all, err = Contracts(); err != nil {
		return err
	}
	// What is looked at is the module's database, wherever the module runs.
	cfg.LogLevel, cfg.Modules = "error", []string{module}
	if cfg.Upstream = nil; module != "users" {
		cfg.Upstream = []string{"users=http://127.0.0.1"} // nobody asks for its keys
	}
	if cfg.Bus != busKafka {
		cfg.Modules, cfg.Upstream = moduleNames, nil
	}
	var missing error
	err = with(ctx, cfg, func(ctx context.Context, p *platform) error { return p.connect(ctx, publicURL(cfg, cfg.Listen), false) },
		func(ctx context.Context, p *platform) error {
			x.platform = p
			if x.admin = string(cfg.DatabaseURL); p.db.embedded != nil {
				x.admin = p.db.embedded.URL()
			}
			missing = x.write(ctx, out)
			return nil
		})
	if x.platform == nil {
		x.unreachable = err
		return x.write(ctx, out)
	}
	return errors.Join(missing, err)
}

func (x *extraction) write(ctx context.Context, out io.Writer) error {
	missing := 0
	fmt.Fprintf(out, "Taking %s out\n", x.module)
	for i, s := range x.steps() {
		fmt.Fprintf(out, "\n%d. %s\n   %s\n", i+1, s.title, s.text)
		for _, c := range s.commands {
			fmt.Fprintf(out, "     %s\n", c)
		}
		if s.check == nil {
			continue
		}
		for _, f := range s.check(x, ctx) {
			if f.ok {
				fmt.Fprintf(out, "   ok       %s\n", f.what)
				continue
			}
			missing++
			fmt.Fprintf(out, "   missing  %s: %s\n", f.what, f.todo)
		}
	}
	if missing > 0 {
		return fmt.Errorf("%w: %d conditions are not met", ErrNotReadyToExtract, missing)
	}
	return nil
}

// Relocation is a move at the command line.
type Relocation struct {
	Module string
	// From and To are the administrators' URLs; From defaults to that of the
	// configuration.
	From, To string
	// FromAsSeen is From as the target's server reaches it, if that differs.
	FromAsSeen string
	Method     string
	// MaxPause is the longest pause for writers. Default: DefaultMaxPause.
	MaxPause time.Duration
	Abort    bool
	// TargetLost aborts without the target, which is gone for good.
	TargetLost bool
}

// ModuleLogin is the URL with which a module logs in to a server, given that of
// its administrator. It holds a password.
func ModuleLogin(cfg Config, module, admin string) (string, error) {
	if !slices.Contains(moduleNames, module) {
		return "", fmt.Errorf("there is no module %q; the modules are %s", module, strings.Join(moduleNames, ", "))
	}
	return derivedURL(admin, module, cfg)
}

// Relocate moves a module's schema, or gives a move up, and tells out.
func Relocate(ctx context.Context, cfg Config, r Relocation, out io.Writer) (err error) {
	if r.From == "" {
		var embedded *postgres.Embedded
		if r.From, embedded, err = adminURL(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))); err != nil {
			return err
		}
		if embedded != nil {
			defer func() { err = errors.Join(err, embedded.Stop(context.WithoutCancel(ctx))) }()
		}
	}
	begin := time.Now()
	o := relocation.Options{
		Source: r.From, Target: r.To, SourceFromTarget: r.FromAsSeen, Module: r.Module, Secret: string(cfg.RoleSecret),
		Method: relocation.Method(r.Method), MaxPause: r.MaxPause,
		Progress: func(p relocation.Progress) {
			fmt.Fprintf(out, "%8s  %-16s %s\n", time.Since(begin).Round(time.Millisecond), p.Step, p.Text)
		},
	}
	if r.Abort && r.TargetLost {
		return relocation.AbandonTarget(ctx, o)
	}
	if r.Abort {
		move, err := relocation.Open(ctx, o)
		if err != nil {
			return err
		}
		defer move.Close(ctx)
		return move.Abort(ctx)
	}
	result, err := relocation.Run(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s has moved: %d rows in %d tables (%d MB). Writers waited %s.\n", r.Module, result.Rows, result.Tables,
		result.Bytes>>20, result.Pause.Round(time.Millisecond))
	return nil
}

// extractionRunbook is the same text for every module, for people to read
// before they need it.
func extractionRunbook() []byte {
	var b strings.Builder
	b.WriteString("# Extract a module\n\nGenerated from the code by `make generate`; do not edit. `platform extract MODULE --plan` prints this for one\n" +
		"module, and checks each condition against the present configuration (`--to URL` also those of a move of its data).\n")
	x := &extraction{module: "assessment"}
	for i, s := range x.steps() {
		fmt.Fprintf(&b, "\n## %d. %s\n\n%s\n", i+1, s.title, s.text)
		if len(s.commands) > 0 {
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.Join(s.commands, "\n"))
		}
	}
	b.WriteString("\n## Other modules\n\nThe commands are those for assessment; put another name in its place. The key of media URLs matters to content and\n" +
		"assessment only, and the process of users needs no upstream for the keys of access tokens.\n")
	return []byte(b.String())
}
