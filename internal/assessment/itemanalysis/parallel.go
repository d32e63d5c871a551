package itemanalysis

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// inParallel runs task(0) to task(n-1) on all processors. Tasks write to places
// of their own and the caller adds up in the order of their numbers, so the
// result does not depend on the number of processors.
func inParallel(ctx context.Context, n int, task func(i int)) error {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				task(int(i))
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("analyse marks: %w", err)
	}
	return nil
}
