package scoring

import (
	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/assessment/sequence"
)

// newSequence starts a sequence from a seed, an item and the names of what it is
// for, which are mixed in by FNV-1a with 64 bits, each ended by a zero byte.
func newSequence(seed int64, item uuid.UUID, names ...string) *sequence.Sequence {
	const offset, prime = 14695981039346656037, 1099511628211
	hash := uint64(offset)
	for _, b := range item {
		hash = (hash ^ uint64(b)) * prime
	}
	hash *= prime
	for _, name := range names {
		for i := range len(name) {
			hash = (hash ^ uint64(name[i])) * prime
		}
		hash *= prime // the zero byte
	}
	return sequence.New(seed, hash)
}
