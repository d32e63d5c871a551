package scoring

import "github.com/google/uuid"

// sequence is SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
// Number Generators", OOPSLA 2014). It is ours, and not math/rand's, because an
// attempt must show the same order after any upgrade of Go. It is no secret.
type sequence uint64

// newSequence starts a sequence from a seed, an item and the names of what it is
// for, which are mixed in by FNV-1a with 64 bits, each ended by a zero byte.
func newSequence(seed int64, item uuid.UUID, names ...string) *sequence {
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
	// The seed passes the mixer first: neighbouring seeds must not give
	// neighbouring states.
	s := sequence(seed)
	s = sequence(s.next() ^ hash)
	return &s
}

func (s *sequence) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is a number in [0, n) without bias. n is positive.
func (s *sequence) below(n uint64) uint64 {
	// The lowest 2^64 mod n values are refused, so that the rest divide evenly.
	for refused := -n % n; ; {
		if x := s.next(); x >= refused {
			return x % n
		}
	}
}

// shuffle permutes the elements of list at these positions (Fisher and Yates).
func (s *sequence) shuffle(list, positions []int) {
	for i := len(positions) - 1; i > 0; i-- {
		j := s.below(uint64(i) + 1)
		list[positions[i]], list[positions[j]] = list[positions[j]], list[positions[i]]
	}
}
