package relocation

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// stage is where a move is, as both ends tell.
type stage int

const (
	fresh      stage = iota // nothing is done that counts
	filling                 // the target is being filled, the source serves
	sourceShut              // the target has everything, nobody serves
	finished                // the target serves
)

// position is the stage and what an earlier run has left.
type position struct {
	stage   stage
	earlier string
}

// refusal is a state of the ends that a move must not begin or go on from.
type refusal struct{ text string }

func (r refusal) Error() string { return r.text }

func refuse(format string, args ...any) error { return refusal{fmt.Sprintf(format, args...)} }

// stage reads the standings of both ends and finds out where the move is. It
// takes over the id and the method of an earlier run that is gone on with.
func (m *Move) stage(ctx context.Context) (position, error) {
	source, exists, err := m.source.standing(ctx)
	if err != nil {
		return position{}, err
	}
	if !exists {
		return position{}, refuse("the source (%s) has no schema %s", m.source.place, m.o.Module)
	}
	target, targetExists, err := m.target.standing(ctx)
	if err != nil {
		return position{}, err
	}
	same := targetExists && source.Move != "" && source.Move == target.Move
	switch source.State {
	case postgres.Left:
		return m.stageAfterLeaving(source, target, same)
	case postgres.Preparing, postgres.Receiving, postgres.Complete:
		return position{}, refuse("the source (%s) is itself being filled from %s: end or abort that move first", m.source.place, source.Peer)
	case postgres.Leaving:
		if same && (target.State == postgres.Receiving || target.State == postgres.Complete) {
			if Method(source.Method) == m.o.Method {
				m.id = source.Move
				return position{filling, fmt.Sprintf("an earlier run began this move on %s; it goes on", source.At.Format("2006-01-02 15:04:05 MST"))}, nil
			}
			return position{fresh, fmt.Sprintf("an earlier run began by method %s; it begins anew", source.Method)}, nil
		}
		if source.Peer != m.target.place {
			return position{}, refuse("module %s is on its way to %s: end that move or abort it first", m.o.Module, source.Peer)
		}
		if !targetExists || target.Shut() {
			return position{fresh, "an earlier run did not get far; it begins anew"}, nil
		}
	}
	return m.stageOfTarget(ctx, target, targetExists)
}

func (m *Move) stageAfterLeaving(source, target postgres.Standing, same bool) (position, error) {
	if same {
		m.id, m.o.Method = source.Move, Method(source.Method)
		switch target.State {
		case postgres.Complete:
			return position{sourceShut, "an earlier run shut the source and did not open the target; that is done now"}, nil
		case postgres.Arrived:
			return position{finished, "the module has been moved already"}, nil
		case postgres.Preparing:
			return position{}, refuse("an abort of this move was begun: abort it again")
		}
	}
	return position{}, refuse("module %s was moved from here to %s on %s, and what is here is kept as it was: name that as the source",
		m.o.Module, source.Peer, source.At.Format("2006-01-02"))
}

// stageOfTarget decides whether what is at the target may be replaced.
func (m *Move) stageOfTarget(ctx context.Context, target postgres.Standing, exists bool) (position, error) {
	switch {
	case !exists:
		return position{}, nil
	case target.State == postgres.Left:
		return position{fresh, fmt.Sprintf("the target's schema was left on %s; it is replaced", target.At.Format("2006-01-02"))}, nil
	case target.Shut() && target.Peer != m.source.place:
		return position{}, refuse("the target (%s) is being filled from %s: end that move or abort it first", m.target.place, target.Peer)
	case target.Shut():
		return position{fresh, "the target has what an earlier run left; it is replaced"}, nil
	}
	unused, err := m.target.unused(ctx)
	if err != nil {
		return position{}, err
	}
	if !unused {
		return position{}, refuse("the target (%s) has a schema %s that is in use and holds data: name an empty database", m.target.place, m.o.Module)
	}
	return position{fresh, "the target's schema has never been used; it is replaced"}, nil
}

// unused reports whether the schema at this end has never said or handled
// anything, as a schema that has been migrated and no more.
func (e *end) unused(ctx context.Context) (bool, error) {
	var relations int
	var migrated bool
	err := e.conn.QueryRow(ctx, `
		select count(*), to_regclass($1 || '.event_heads') is not null and to_regclass($1 || '.outbox') is not null
			and to_regclass($1 || '.consumer_positions') is not null and to_regclass($1 || '.event_log') is not null
		from pg_class where relnamespace = (select oid from pg_namespace where nspname = $1)`, e.module).Scan(&relations, &migrated)
	if err != nil {
		return false, fmt.Errorf("look at the schema of the %s: %w", e.name, err)
	}
	if !migrated {
		return relations == 0, nil
	}
	var used bool
	err = e.conn.QueryRow(ctx, fmt.Sprintf(`
		select exists (select from %[1]s.event_heads where seq > 0) or exists (select from %[1]s.outbox) or exists (select from %[1]s.event_log)
			or exists (select from %[1]s.consumer_positions where seq > 0)`, e.module)).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("look at the schema of the %s: %w", e.name, err)
	}
	return !used, nil
}

// newID makes the name of a move.
func newID() (string, error) {
	var b [6]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make a name for the move: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
