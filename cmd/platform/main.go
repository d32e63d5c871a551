// Command platform is Lyceum: the whole platform in one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	_ "time/tzdata" // the image has no zone files

	"github.com/alecthomas/kong"

	"github.com/lyceum-lms/platform/internal/app"
)

// cli is the command line. serve is what runs without a command.
type cli struct {
	app.Config
	ConfigFile kong.ConfigFlag `name:"config-file" env:"LYCEUM_CONFIG_FILE" help:"YAML file with flag names as keys. Environment and flags go before it." placeholder:"FILE"`

	Serve    serveCmd    `cmd:"" default:"withargs" help:"Run the platform. This is the default."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the database's schemas up to this release."`
	Import   importCmd   `cmd:"" help:"Import from other systems."`
	Events   eventsCmd   `cmd:"" help:"Look at the event bus and mend it."`
	Extract  extractCmd  `cmd:"" help:"Take a module out into a process, and onto a server, of its own."`
	Config_  configCmd   `cmd:"" name:"config" help:"Print the configuration in effect, secrets hidden."`
	MediaKey mediaKeyCmd `cmd:"" name:"media-key" help:"Print the key that signs media URLs, for --media-key of processes that run content and assessment apart."`
	Docs     docsCmd     `cmd:"" help:"Write the documents that are generated from the code, for developers."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// databaseCommands work on databases alone: how a process with the same
// configuration would reach the others does not matter to them.
var databaseCommands = []string{"migrate", "import course <file>", "import items <file>", "media-key", "docs", "version", "events topology", "extract <module>"}

func main() {
	// The first signal stops in order; a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:]))
}

// run returns the exit code: 0 for success, 1 for a failure, 2 for a mistake
// on the command line or in the configuration, and others that a command defines.
func run(ctx context.Context, args []string) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("platform"),
		kong.Description("Lyceum, a learning platform."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Configuration(yamlFile),
		kong.Vars{"max_pause": app.DefaultMaxPause.String()},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Exit(func(code int) { exit = code }),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, "platform:", err)
		return 2
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit // --help has been printed
	}
	if err == nil {
		err = c.Config.Validate()
	}
	if err == nil && !slices.Contains(databaseCommands, parsed.Command()) {
		err = c.Config.ValidateServing()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "platform: %v\nTry platform --help.\n", err)
		return 2
	}
	err = parsed.Run(c.Config)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = fmt.Errorf("interrupted before it was done: %w", err)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "platform: %v\n", err)
		var exit exitError
		if errors.As(err, &exit) {
			return exit.code
		}
		return 1
	}
	return 0
}

// exitError ends a command with an exit code of its own.
type exitError struct {
	code   int
	reason string
}

func (e exitError) Error() string { return e.reason }
