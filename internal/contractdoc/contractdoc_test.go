package contractdoc_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus"
	"github.com/lyceum-lms/platform/internal/contractdoc"
)

type enrolled struct {
	LearnerID uuid.UUID `json:"learner_id"`
	Seats     []seat    `json:"seats,omitempty"`
	At        time.Time `json:"at"`
}

type seat struct {
	Row int `json:"row"`
}

type moved struct {
	ID    uuid.UUID `json:"id"`
	Email string    `json:"email"`
}

var (
	enrolledTopic = bus.Define("content", "learner-enrolled", 1, bus.NoPersonalData, func(e enrolled) uuid.UUID { return e.LearnerID })
	movedTopic    = bus.Define("users", "contact-changed", 2, bus.ContactFacts, func(e moved) uuid.UUID { return e.ID })
)

func react[T any](topic bus.Topic[T]) bus.Reaction {
	return bus.On(topic, func(context.Context, pgx.Tx, bus.Delivery[T]) error { return nil })
}

func contracts() []bus.Contract {
	return []bus.Contract{
		{Module: "users", Publishes: []bus.AnyTopic{movedTopic}},
		{Module: "content", Publishes: []bus.AnyTopic{enrolledTopic}},
		{Module: "notify", Consumers: []bus.Consumer{
			{Name: "notify.inbox-lines", Purpose: "Writes lines.", Reactions: []bus.Reaction{react(enrolledTopic), react(movedTopic)},
				Reset: func(context.Context, pgx.Tx) error { return nil }},
			{Name: "notify.mail", Purpose: "Sends mail.", Reactions: []bus.Reaction{react(enrolledTopic)}},
		}},
	}
}

// references collects every $ref in a document.
func references(v any) (all []string) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if text, ok := value.(string); ok && key == "$ref" {
				all = append(all, text)
				continue
			}
			all = append(all, references(value)...)
		}
	case []any:
		for _, value := range v {
			all = append(all, references(value)...)
		}
	}
	return all
}

// resolve follows a JSON pointer (RFC 6901) in a URI fragment.
func resolve(doc map[string]any, reference string) (any, bool) {
	path, ok := strings.CutPrefix(reference, "#/")
	if !ok {
		return nil, false
	}
	var at any = doc
	for _, step := range strings.Split(path, "/") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]; !ok {
			return nil, false
		}
	}
	return at, true
}

func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	body, err := contractdoc.AsyncAPI("7", contracts()...)
	require.NoError(t, err)
	again, err := contractdoc.AsyncAPI("7", contracts()...)
	require.NoError(t, err)
	require.Equal(t, string(body), string(again), "two runs differ: the document cannot be diffed")

	var doc map[string]any
	require.NoError(t, json.Unmarshal(body, &doc))
	require.Equal(t, "3.0.0", doc["asyncapi"])
	found := references(doc)
	require.NotEmpty(t, found)
	for _, r := range found {
		_, ok := resolve(doc, r)
		require.True(t, ok, "%s leads nowhere", r)
	}
	_, ok := resolve(doc, "#/components/messages/nobody")
	require.False(t, ok, "the check must be able to fail")

	at := func(path string) any {
		t.Helper()
		v, ok := resolve(doc, path)
		require.True(t, ok, path)
		return v
	}
	require.Equal(t, "lyceum.content", at("#/channels/content/address"))
	require.EqualValues(t, bus.Partitions, at("#/channels/content/bindings/kafka/partitions"))
	require.Equal(t, "send", at("#/operations/content.publish/action"))
	require.Equal(t, "receive", at("#/operations/notify.inbox-lines.users/action"))
	require.Equal(t, "receive", at("#/operations/notify.inbox-lines.content/action"), "one operation per source")
	require.Equal(t, "Sends mail.", at("#/operations/notify.mail.content/summary"))
	// AsyncAPI 3: an operation's messages are those of its own channel.
	for name, operation := range at("#/operations").(map[string]any) {
		channel := operation.(map[string]any)["channel"].(map[string]any)["$ref"].(string)
		for _, m := range operation.(map[string]any)["messages"].([]any) {
			require.True(t, strings.HasPrefix(m.(map[string]any)["$ref"].(string), channel+"/messages/"), name)
		}
	}
	payload, ok := resolve(doc, at("#/components/messages/lyceum.content.learner-enrolled.v1/payload/$ref").(string))
	require.True(t, ok)
	require.NotContains(t, payload, "additionalProperties", "an event may be extended, and its readers must bear it")
	properties := payload.(map[string]any)["properties"].(map[string]any)
	require.Equal(t, "uuid", properties["learner_id"].(map[string]any)["format"])
	require.Equal(t, "date-time", properties["at"].(map[string]any)["format"])

	require.Contains(t, at("#/components/messages/lyceum.users.contact-changed.v2"), "tags", "personal data are marked")
	require.NotContains(t, at("#/components/messages/lyceum.content.learner-enrolled.v1"), "tags")
}

func TestMermaid(t *testing.T) {
	t.Parallel()
	chart := contractdoc.Mermaid(contracts()...)
	lines := strings.Split(strings.TrimSpace(chart), "\n")
	require.Equal(t, "flowchart LR", lines[0])
	for _, want := range []string{
		"  content_outbox -- learner-enrolled.v1 --> notify_inbox_lines",
		"  users_outbox -- contact-changed.v2 --> notify_inbox_lines",
		"  content_outbox -- learner-enrolled.v1 --> notify_mail",
		"    notify_inbox_lines[notify.inbox-lines]",
	} {
		require.Contains(t, lines, want)
	}
	require.Equal(t, strings.Count(chart, "subgraph"), strings.Count(chart, "  end\n"))
	// Both ends of an arrow are drawn.
	arrow := regexp.MustCompile(`^  (\w+) -- [\w.-]+ --> (\w+)$`)
	arrows := 0
	for _, line := range lines {
		if m := arrow.FindStringSubmatch(line); m != nil {
			arrows++
			require.Contains(t, chart, "    "+m[1]+"[")
			require.Contains(t, chart, "    "+m[2]+"[")
		}
	}
	require.Equal(t, 3, arrows)
}

func TestPage(t *testing.T) {
	t.Parallel()
	all := contracts()
	users := contractdoc.Page(all[0], []contractdoc.Route{{"GET", "/v1/me", "public", "Who am I?"}}, all...)
	require.Contains(t, users, "| `GET /v1/me` | `public` | Who am I? |")
	require.Contains(t, users, "| `lyceum.users.contact-changed.v2` (personal data) | id, email | `notify.inbox-lines` |")
	require.Contains(t, users, "## Consumes\n\nNothing.")
	notify := contractdoc.Page(all[2], nil, all...)
	require.Contains(t, notify, "## Publishes\n\nNothing.")
	require.Contains(t, notify, "| `notify.inbox-lines` | `lyceum.content.learner-enrolled.v1`, `lyceum.users.contact-changed.v2` | yes | Writes lines. |")
	require.Contains(t, notify, "| `notify.mail` | `lyceum.content.learner-enrolled.v1` | no | Sends mail. |")
}
