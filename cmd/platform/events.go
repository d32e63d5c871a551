package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/app"
	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/contractdoc"
)

type eventsCmd struct {
	Topology    topologyCmd    `cmd:"" help:"Print who consumes whose events, as a Mermaid flow chart."`
	Lag         lagCmd         `cmd:"" help:"Print how far each consumer is behind."`
	DeadLetters deadLettersCmd `cmd:"" help:"List the events that could not be handled."`
	Retry       retryCmd       `cmd:"" help:"Have dead letters handled again by the running platform."`
	Discard     discardCmd     `cmd:"" help:"Close dead letters that nobody will handle."`
	Replay      replayCmd      `cmd:"" help:"Rebuild a consumer from the beginning of the retained events."`
	Resend      resendCmd      `cmd:"" help:"Publish a module's retained log to Kafka again, for a topic that was lost."`
	Tail        tailCmd        `cmd:"" help:"Print events as they are published, on either transport."`
}

type topologyCmd struct{}

func (topologyCmd) Run() error {
	contracts, err := app.Contracts()
	if err != nil {
		return err
	}
	fmt.Print(contractdoc.Mermaid(contracts...))
	return nil
}

type lagCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (l lagCmd) Run(ctx context.Context, c app.Config) error {
	return app.WithBus(ctx, c, func(ctx context.Context, b *bus.Bus) error {
		lags, err := b.Lag(ctx)
		if err != nil {
			return err
		}
		if l.JSON {
			return printJSON(lags)
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "CONSUMER\tSOURCE\tEVENTS\tBEHIND")
		for _, lag := range lags {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", lag.Consumer, lag.Source, lag.Events, lag.Behind.Round(time.Millisecond))
		}
		return w.Flush()
	})
}

type deadLettersCmd struct {
	Limit int  `default:"100" help:"At most this many per module."`
	JSON  bool `name:"json" help:"Print JSON, with the events."`
}

func (d deadLettersCmd) Run(ctx context.Context, c app.Config) error {
	return app.WithBus(ctx, c, func(ctx context.Context, b *bus.Bus) error {
		letters, err := b.DeadLetters(ctx, d.Limit)
		if err != nil {
			return err
		}
		if d.JSON {
			return printJSON(append([]bus.DeadLetter{}, letters...)) // none is [], not null
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tCONSUMER\tEVENT\tATTEMPTS\tFAILED\tERROR")
		for _, l := range letters {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%.120s\n", l.ID, l.Consumer, l.EventType, l.Attempts,
				l.FailedAt.UTC().Format(time.RFC3339), l.Error)
		}
		return w.Flush()
	})
}

type retryCmd struct {
	Consumer string    `required:"" help:"Consumer whose dead letters to retry." placeholder:"NAME"`
	ID       uuid.UUID `name:"id" help:"Only this dead letter. Default: all of the consumer." placeholder:"UUID"`
}

func (r retryCmd) Run(ctx context.Context, c app.Config) error {
	return app.WithBus(ctx, c, func(ctx context.Context, b *bus.Bus) error {
		n, err := b.Retry(ctx, r.Consumer, r.ID)
		if err != nil {
			return err
		}
		if n == 0 && r.ID != uuid.Nil {
			return fmt.Errorf("no dead letter of %s that waits has the id %s", r.Consumer, r.ID)
		}
		fmt.Printf("%d dead letters will be handled again by the running platform.\n", n)
		return nil
	})
}

type discardCmd struct {
	Consumer string    `required:"" help:"Consumer whose dead letters to close." placeholder:"NAME"`
	ID       uuid.UUID `name:"id" xor:"which" help:"This dead letter." placeholder:"UUID"`
	All      bool      `xor:"which" help:"All of the consumer."`
}

func (d discardCmd) Run(ctx context.Context, c app.Config) error {
	if d.ID == uuid.Nil && !d.All {
		return errors.New("say which: --id or --all")
	}
	return app.WithBus(ctx, c, func(ctx context.Context, b *bus.Bus) error {
		n, err := b.Discard(ctx, d.Consumer, d.ID)
		if err != nil {
			return err
		}
		fmt.Printf("%d dead letters are closed.\n", n)
		return nil
	})
}

type resendCmd struct {
	Module string `required:"" help:"Module whose log to publish again." placeholder:"NAME"`
}

func (r resendCmd) Run(ctx context.Context, c app.Config) error {
	return app.WithBus(ctx, c, func(ctx context.Context, b *bus.Bus) error {
		if err := b.Resend(ctx, r.Module); err != nil {
			return err
		}
		fmt.Printf("The running platform publishes the log of %s again. Consumers pass over what they have handled.\n", r.Module)
		return nil
	})
}

type tailCmd struct {
	Module []string `help:"Only events of these modules. Default: all that this configuration reads or runs." placeholder:"NAME"`
	Type   string   `help:"Only types with this text in them, such as attempt." placeholder:"TEXT"`
	JSON   bool     `name:"json" help:"Print JSON, an event a line."`
}

func (t tailCmd) Run(ctx context.Context, c app.Config) error {
	line := json.NewEncoder(os.Stdout)
	return app.WithBus(ctx, c, func(ctx context.Context, b *bus.Bus) error {
		return b.Tail(ctx, t.Module, func(e bus.Envelope) error {
			if !strings.Contains(e.Type, t.Type) {
				return nil
			}
			if t.JSON {
				return line.Encode(e)
			}
			_, err := fmt.Printf("%s  %-10s %2d/%-8d %-44s %s  %s\n", e.OccurredAt.UTC().Format("15:04:05.000"), e.Source,
				e.Partition, e.Seq, e.Type, e.Key, e.Payload)
			return err
		})
	})
}

type replayCmd struct {
	Consumer string `required:"" help:"Consumer to rebuild." placeholder:"NAME"`
}

func (r replayCmd) Run(ctx context.Context, c app.Config) error {
	return app.WithBus(ctx, c, func(ctx context.Context, b *bus.Bus) error {
		if err := b.Replay(ctx, r.Consumer); err != nil {
			return err
		}
		fmt.Printf("%s starts again from the beginning. Watch it with: platform events lag\n", r.Consumer)
		return nil
	})
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
