package postgres

import (
	"context"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// Claim is something to be recorded together with the first effect of a
// request, whichever transaction that turns out to be: see WithClaim.
type Claim struct {
	record func(ctx context.Context, tx pgx.Tx) error
	state  atomic.Int32
}

const (
	claimOpen int32 = iota
	claimTaken
	claimKept
)

type claimKey struct{}

// WithClaim returns a context in which the first InTx runs record at the start
// of its transaction. An error of record rolls the transaction back and is
// returned by InTx. If the transaction does not commit, the next InTx records
// again. While one transaction is recording, another that runs at the same time
// in the same context does not.
func WithClaim(ctx context.Context, record func(ctx context.Context, tx pgx.Tx) error) (context.Context, *Claim) {
	c := &Claim{record: record}
	return context.WithValue(ctx, claimKey{}, c), c
}

// Kept reports whether a transaction with the claim in it has committed. It is
// false when the outcome of the commit is unknown.
func (c *Claim) Kept() bool { return c.state.Load() == claimKept }

// takeClaim returns the claim of ctx if this transaction is to record it, and
// nil otherwise. The methods below do nothing on nil.
func takeClaim(ctx context.Context) *Claim {
	c, ok := ctx.Value(claimKey{}).(*Claim)
	if !ok || !c.state.CompareAndSwap(claimOpen, claimTaken) {
		return nil
	}
	return c
}

func (c *Claim) make(ctx context.Context, tx pgx.Tx) error {
	if c == nil {
		return nil
	}
	return c.record(ctx, tx)
}

func (c *Claim) keep() {
	if c != nil {
		c.state.Store(claimKept)
	}
}

func (c *Claim) giveBack() {
	if c != nil {
		c.state.CompareAndSwap(claimTaken, claimOpen)
	}
}
