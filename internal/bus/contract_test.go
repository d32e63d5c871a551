package bus_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus"
)

type fact struct{ ID uuid.UUID }

func define(module, name string) bus.Topic[fact] {
	return bus.Define(module, name, 1, bus.NoPersonalData, func(f fact) uuid.UUID { return f.ID })
}

func reactionTo(t bus.Topic[fact]) bus.Reaction {
	return bus.On(t, func(context.Context, pgx.Tx, bus.Delivery[fact]) error { return nil })
}

func TestCheckFindsEveryViolation(t *testing.T) {
	t.Parallel()
	born, died := define("users", "born"), define("users", "died")
	users := bus.Contract{Module: "users", Publishes: []bus.AnyTopic{born}}
	notify := func(consumers ...bus.Consumer) bus.Contract {
		return bus.Contract{Module: "notify", Consumers: consumers}
	}
	good := bus.Consumer{Name: "notify.births", Reactions: []bus.Reaction{reactionTo(born)}}
	for name, test := range map[string]struct {
		contracts []bus.Contract
		want      []string // empty: no violation
	}{
		"nothing wrong":      {[]bus.Contract{users, notify(good)}, nil},
		"no contracts":       {nil, nil},
		"foreign topic":      {[]bus.Contract{users, {Module: "notify", Publishes: []bus.AnyTopic{died}}}, []string{"notify publishes lyceum.users.died.v1, which belongs to module users"}},
		"published twice":    {[]bus.Contract{{Module: "users", Publishes: []bus.AnyTopic{born, born}}}, []string{"lyceum.users.born.v1 is published twice"}},
		"two contracts":      {[]bus.Contract{users, {Module: "users"}}, []string{"module users has two contracts"}},
		"orphan":             {[]bus.Contract{users, notify(bus.Consumer{Name: "notify.deaths", Reactions: []bus.Reaction{reactionTo(died)}})}, []string{`"notify.deaths" waits for lyceum.users.died.v1, which nobody publishes`}},
		"declared twice":     {[]bus.Contract{users, notify(good, good)}, []string{`"notify.births" is declared twice`}},
		"reacts twice":       {[]bus.Contract{users, notify(bus.Consumer{Name: "notify.births", Reactions: []bus.Reaction{reactionTo(born), reactionTo(born)}})}, []string{`"notify.births" reacts twice to lyceum.users.born.v1`}},
		"reacts to nothing":  {[]bus.Contract{users, notify(bus.Consumer{Name: "notify.births"})}, []string{`"notify.births" reacts to nothing`}},
		"name of another":    {[]bus.Contract{users, notify(bus.Consumer{Name: "users.births", Reactions: good.Reactions})}, []string{`"users.births" of module notify must be named notify.<purpose>`}},
		"name without a dot": {[]bus.Contract{users, notify(bus.Consumer{Name: "notify", Reactions: good.Reactions})}, []string{"must be named notify.<purpose>"}},
		"name without more":  {[]bus.Contract{users, notify(bus.Consumer{Name: "notify.", Reactions: good.Reactions})}, []string{"must be named notify.<purpose>"}},
		"all at once": {[]bus.Contract{{Module: "users", Publishes: []bus.AnyTopic{born, born}}, notify(good, good)},
			[]string{"published twice", "declared twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := bus.Check(test.contracts...)
			if len(test.want) == 0 {
				require.NoError(t, err)
			}
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}
