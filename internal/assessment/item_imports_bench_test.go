package assessment

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
)

// BenchmarkImportOf50000Items reads a file of 50,000 questions and brings them
// into a bank, and prints how many a second and how much the heap grew:
//
//	go test ./internal/assessment -run xxx -bench 50000 -benchtime 1x
func BenchmarkImportOf50000Items(b *testing.B) {
	const count = 50_000
	s := quiet(b)
	ada := s.person(s.organisation, auth.Instructor)
	file := manyQuestions(count)
	for b.Loop() {
		bank, _ := ada.bank("Large")
		im := ada.bring(bank, "large.gift", file)
		peak := watchHeap()
		began := time.Now()
		require.NoError(b, s.module.runImport(b.Context(), im.ImportID, false, nil))
		read := time.Since(began)
		require.Equal(b, count, ada.awaits(im, importRead).Found.New)
		ada.do(202, "POST", importPath(im)+"/confirm", map[string]any{}, nil)
		began = time.Now()
		require.NoError(b, s.module.runImport(b.Context(), im.ImportID, false, nil))
		applied := time.Since(began)
		require.Equal(b, count, ada.awaits(im, importDone).Brought.Created)
		b.ReportMetric(count/read.Seconds(), "read/s")
		b.ReportMetric(count/applied.Seconds(), "brought/s")
		b.ReportMetric(float64(peak()), "heap-MB")
	}
}

// watchHeap returns what the heap has grown by at most, in megabytes.
func watchHeap() func() uint64 {
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak uint64
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapInuse)
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	return func() uint64 {
		close(stop)
		watching.Wait()
		return (max(peak, before.HeapInuse) - before.HeapInuse) >> 20
	}
}
