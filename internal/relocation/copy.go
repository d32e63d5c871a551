package relocation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// copied are the tables whose rows the cut itself copies: all for method dump,
// otherwise those that replication does not bring.
func (m *Move) copied(all []table) []table {
	if m.o.Method == Dump {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(t table) bool { return !t.unlogged })
}

// emptyCopied removes what an earlier cut has copied.
func (m *Move) emptyCopied(ctx context.Context, all []table) error {
	copied := m.copied(all)
	if len(copied) == 0 {
		return nil
	}
	if _, err := m.target.conn.Exec(ctx, `truncate `+qualifiedList(m.o.Module, copied)); err != nil {
		return fmt.Errorf("empty the target's tables: %w", err)
	}
	return nil
}

// copyTables fills empty tables at the target with the rows at the source, in one
// transaction. Nobody may be writing to the source.
func (m *Move) copyTables(ctx context.Context, all []table) error {
	sorted, err := inOrder(ctx, m.source.conn, m.o.Module, m.copied(all))
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, m.target.conn, func(pgx.Tx) error {
		for _, t := range sorted {
			if err := m.copyTable(ctx, t); err != nil {
				return fmt.Errorf("copy table %s: %w", t.name, err)
			}
		}
		return nil
	})
}

// copyTable streams a table from one end to the other, as text, which all
// versions of the server read alike.
func (m *Move) copyTable(ctx context.Context, t table) error {
	read, write := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		_, err := m.source.conn.PgConn().CopyTo(ctx, write, fmt.Sprintf(`copy (select %s from %s) to stdout`, t.columnList(), qualified(m.o.Module, t.name)))
		_ = write.CloseWithError(err) // nil is the end of the file
		sent <- err
	}()
	_, err := m.target.conn.PgConn().CopyFrom(ctx, read, fmt.Sprintf(`copy %s (%s) from stdin`, qualified(m.o.Module, t.name), t.columnList()))
	_ = read.CloseWithError(err) // ends the sender, if it has not ended
	if sendErr := <-sent; sendErr != nil && !errors.Is(sendErr, io.ErrClosedPipe) {
		return errors.Join(sendErr, err)
	}
	return err
}

// copySequences sets the target's sequences to where the source's are.
func (m *Move) copySequences(ctx context.Context) error {
	names, err := sequences(ctx, m.source.conn, m.o.Module)
	if err != nil || len(names) == 0 {
		return err
	}
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf(`select %s, last_value, is_called from %s`, literal(name), qualified(m.o.Module, name)))
	}
	rows, err := m.source.conn.Query(ctx, strings.Join(parts, " union all "))
	if err != nil {
		return fmt.Errorf("read the sequences: %w", err)
	}
	var name string
	var last int64
	var called bool
	var sets []string
	if _, err := pgx.ForEachRow(rows, []any{&name, &last, &called}, func() error {
		sets = append(sets, fmt.Sprintf(`pg_catalog.setval(%s, %d, %t)`, literal(qualified(m.o.Module, name)), last, called))
		return nil
	}); err != nil {
		return fmt.Errorf("read the sequences: %w", err)
	}
	if _, err := m.target.conn.Exec(ctx, `select `+strings.Join(sets, ", ")); err != nil {
		return fmt.Errorf("set the sequences: %w", err)
	}
	return nil
}
