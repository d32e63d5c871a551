package qti

// sequence is SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
// Number Generators", OOPSLA 2014). It is ours, and not math/rand's, because an
// attempt must show the same values after any upgrade of Go. It is no secret.
type sequence uint64

// What a sequence is for: drawing and scoring must not see the same numbers.
const (
	forDrawing = 0x647261772d717469
	forScoring = 0x73636f72652d7174
)

func newSequence(seed int64, purpose uint64) sequence {
	// The seed passes the mixer first: neighbouring seeds must not give
	// neighbouring states.
	s := sequence(seed)
	return sequence(s.next() ^ purpose)
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
