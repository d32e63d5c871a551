package bus

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Contract is what a module declares it publishes and consumes. Start-up, the
// boundary tests, AsyncAPI and the topology graph are all made from it.
type Contract struct {
	Module    string
	Publishes []AnyTopic
	Consumers []Consumer
}

// Consumer is one independent reader of events with a position of its own: it
// is never delayed by another consumer, nor delays one. Events of one producer
// that share an aggregate reach it in order.
type Consumer struct {
	// Name is "<module>.<purpose>". It is a contract: a renamed consumer is a
	// new one, which reads everything again from the beginning.
	Name string
	// Purpose is one sentence for the generated documents.
	Purpose string
	// Reactions are the handlers, one per event type. Types without a reaction
	// are skipped.
	Reactions []Reaction
	// Reset empties what the consumer has built, in the transaction that sends
	// it back to the beginning. Nil means that the consumer cannot be replayed.
	Reset func(ctx context.Context, tx pgx.Tx) error
}

// Sources lists the producing modules that the consumer reads, sorted.
func (c Consumer) Sources() []string {
	var s []string
	for _, r := range c.Reactions {
		s = append(s, r.topic.Module())
	}
	slices.Sort(s)
	return slices.Compact(s)
}

var consumerName = regexp.MustCompile(`^[a-z][a-z0-9_]*\.[a-z][a-z0-9-]*$`)

// Check verifies the contracts of all modules against each other: a module has
// one contract, each topic is published once and by its owner, each consumed
// topic is published by somebody, consumer names are unique and begin with
// their module's name, and a consumer reacts to something, and once to an event
// type. It returns every violation, joined.
func Check(contracts ...Contract) error {
	var errs []error
	violation := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	modules, published, consumers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range contracts {
		if modules[c.Module] {
			violation("module %s has two contracts", c.Module)
		}
		modules[c.Module] = true
		for _, t := range c.Publishes {
			if t.Module() != c.Module {
				violation("module %s publishes %s, which belongs to module %s", c.Module, t.Type(), t.Module())
			}
			if published[t.Type()] {
				violation("%s is published twice", t.Type())
			}
			published[t.Type()] = true
		}
	}
	for _, c := range contracts {
		for _, consumer := range c.Consumers {
			if !strings.HasPrefix(consumer.Name, c.Module+".") || !consumerName.MatchString(consumer.Name) {
				violation("consumer %q of module %s must be named %s.<purpose>", consumer.Name, c.Module, c.Module)
			}
			if consumers[consumer.Name] {
				violation("consumer %q is declared twice", consumer.Name)
			}
			consumers[consumer.Name] = true
			if len(consumer.Reactions) == 0 {
				violation("consumer %q reacts to nothing", consumer.Name)
			}
			seen := map[string]bool{}
			for _, r := range consumer.Reactions {
				if seen[r.topic.Type()] {
					violation("consumer %q reacts twice to %s", consumer.Name, r.topic.Type())
				}
				seen[r.topic.Type()] = true
				if !published[r.topic.Type()] {
					violation("consumer %q waits for %s, which nobody publishes", consumer.Name, r.topic.Type())
				}
			}
		}
	}
	return errors.Join(errs...)
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error that no retry can cure: the event is set aside as a
// dead letter at once.
func Permanent(err error) error { return permanentError{err} }
