package contractdoc

import (
	"fmt"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus"
)

// Mermaid draws who consumes whose events, as a Mermaid flow chart: an arrow
// from producer to consumer for each event type.
func Mermaid(contracts ...bus.Contract) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, c := range contracts {
		fmt.Fprintf(&b, "  subgraph %s\n", c.Module)
		fmt.Fprintf(&b, "    %s_outbox[(outbox)]\n", c.Module)
		for _, consumer := range c.Consumers {
			fmt.Fprintf(&b, "    %s[%s]\n", node(consumer), consumer.Name)
		}
		b.WriteString("  end\n")
	}
	for _, c := range contracts {
		for _, consumer := range c.Consumers {
			for _, r := range consumer.Reactions {
				fmt.Fprintf(&b, "  %s_outbox -- %s --> %s\n", r.Topic().Module(), shortName(r.Topic()), node(consumer))
			}
		}
	}
	return b.String()
}

func node(c bus.Consumer) string { return strings.NewReplacer(".", "_", "-", "_").Replace(c.Name) }

// shortName is the event type without its prefix and producer.
func shortName(t bus.AnyTopic) string {
	return strings.TrimPrefix(t.Type(), "lyceum."+t.Module()+".")
}
