package relocation

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lyceum-lms/platform/internal/postgres"
)

// Abort gives up a move that is not finished: the source serves, or serves
// again, and what the move has made is removed. The target is first made unfit
// to be opened. It returns ErrNothingToAbort if no move is under way.
func (m *Move) Abort(ctx context.Context) error {
	source, exists, err := m.source.standing(ctx)
	if err != nil {
		return err
	}
	target, targetExists, err := m.target.standing(ctx)
	if err != nil {
		return err
	}
	same := source.Move != "" && source.Move == target.Move
	half := target.State == postgres.Preparing || target.State == postgres.Receiving || target.State == postgres.Complete
	switch {
	case !exists:
		return refuse("the source (%s) has no schema %s", m.source.place, m.o.Module)
	case source.State == postgres.Left && same && target.State == postgres.Arrived:
		return refuse("the move is finished and the target serves: to come back, move the module from %s to %s", m.target.place, m.source.place)
	case source.State == postgres.Left && !(same && half):
		return refuse("module %s left for %s, and the target named is not the other end of that move", m.o.Module, source.Peer)
	case targetExists && half && !same && target.Peer != m.source.place:
		return refuse("the target is being filled from %s, which is another move", target.Peer)
	case source.State == postgres.Leaving && source.Peer != m.target.place && !same:
		return refuse("module %s is on its way to %s: name that as the target", m.o.Module, source.Peer)
	case source.State != postgres.Leaving && source.State != postgres.Left && !half:
		return errors.Join(ErrNothingToAbort, m.cleanUp(ctx))
	}
	m.id, m.o.Method = source.Move, Method(source.Method)
	if half {
		// Not what a run would open or go on with, and still of this move.
		if err := m.mark(ctx, m.target, m.target.conn, postgres.Preparing); err != nil {
			return err
		}
	}
	if err := m.serveAgain(ctx); err != nil {
		return err
	}
	if err := m.cleanUp(ctx); err != nil {
		return fmt.Errorf("the source serves, but cleaning up failed (abort again): %w", err)
	}
	if half {
		if _, err := m.target.conn.Exec(ctx, `drop schema if exists `+m.o.Module+` cascade`); err != nil {
			return fmt.Errorf("the source serves, but the half copy at the target could not be dropped (abort again): %w", err)
		}
	}
	m.tell(CleanedUp, "the source serves, and the target is empty")
	return nil
}

// serveAgain gives the source back to the module.
func (m *Move) serveAgain(ctx context.Context) error {
	return m.withTurn(ctx, m.source, func(conn *pgx.Conn) error {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if err := postgres.GiveTables(ctx, tx, m.o.Module); err != nil {
				return err
			}
			if err := postgres.LetConnect(ctx, tx, m.o.Module, m.source.database, true); err != nil {
				return err
			}
			return postgres.WriteStanding(ctx, tx, m.o.Module, postgres.Standing{})
		})
		if err != nil {
			return fmt.Errorf("let the module use the source again: %w", err)
		}
		return nil
	})
}

// AbandonTarget is Abort for a target that is lost for good: only the source is
// looked at. Who calls it vouches that the target never served, or its data
// since then are lost.
func AbandonTarget(ctx context.Context, o Options) error {
	source, err := openEnd(ctx, "source", o.Source, o.Module)
	if err != nil {
		return err
	}
	defer func() { _ = source.conn.Close(context.WithoutCancel(ctx)) }()
	m := &Move{o: o, source: source}
	standing, _, err := source.standing(ctx)
	if err != nil {
		return err
	}
	if standing.State != postgres.Leaving && standing.State != postgres.Left {
		return ErrNothingToAbort
	}
	if err := m.serveAgain(ctx); err != nil {
		return err
	}
	if err := m.cleanUpSource(ctx, ""); err != nil {
		return fmt.Errorf("the source serves, but cleaning up failed (abort again): %w", err)
	}
	m.tell(CleanedUp, "the source serves")
	return nil
}
