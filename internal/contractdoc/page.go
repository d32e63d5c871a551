package contractdoc

import (
	"fmt"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus"
)

// Route is one HTTP operation of a module, as its page lists it.
type Route struct{ Method, Path, Permission, Summary string }

// Page is a module's reference page in Markdown: what it serves, publishes and
// consumes, and who listens to it.
func Page(c bus.Contract, routes []Route, all ...bus.Contract) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Module %s\n\nGenerated from the code by `make generate`; do not edit.\n", c.Module)
	b.WriteString("\n## HTTP\n\n| Operation | Permission | |\n|---|---|---|\n")
	for _, r := range routes {
		fmt.Fprintf(&b, "| `%s %s` | `%s` | %s |\n", r.Method, r.Path, r.Permission, r.Summary)
	}
	b.WriteString("\n## Publishes\n\n")
	if len(c.Publishes) == 0 {
		b.WriteString("Nothing.\n")
	} else {
		b.WriteString("| Event | Fields | Consumers |\n|---|---|---|\n")
	}
	for _, t := range c.Publishes {
		note := ""
		if t.HoldsPersonalData() {
			note = " (personal data)"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | %s |\n", t.Type(), note,
			strings.Join(fieldNames(t.PayloadType()), ", "), strings.Join(consumersOf(t, all), ", "))
	}
	b.WriteString("\n## Consumes\n\n")
	if len(c.Consumers) == 0 {
		b.WriteString("Nothing.\n")
	} else {
		b.WriteString("| Consumer | Events | Replay | Purpose |\n|---|---|---|---|\n")
	}
	for _, consumer := range c.Consumers {
		var types []string
		for _, r := range consumer.Reactions {
			types = append(types, "`"+r.Topic().Type()+"`")
		}
		replay := "no"
		if consumer.Reset != nil {
			replay = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", consumer.Name, strings.Join(types, ", "), replay, consumer.Purpose)
	}
	return b.String()
}

func consumersOf(t bus.AnyTopic, all []bus.Contract) []string {
	var names []string
	for _, c := range all {
		for _, consumer := range c.Consumers {
			for _, r := range consumer.Reactions {
				if r.Topic().Type() == t.Type() {
					names = append(names, "`"+consumer.Name+"`")
				}
			}
		}
	}
	return names
}
