// Package sequence makes the numbers that follow from an attempt's seed.
package sequence

// Sequence is SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
// Number Generators", OOPSLA 2014). It is ours, and not math/rand's, because an
// attempt must show the same after any upgrade of Go. It is no secret.
type Sequence uint64

// New starts a sequence from a seed and a number that says what it is for.
func New(seed int64, purpose uint64) *Sequence {
	// The seed passes the mixer first: neighbouring seeds must not give
	// neighbouring states.
	s := Sequence(seed)
	s = Sequence(s.Next() ^ purpose)
	return &s
}

// Next is a number of 64 bits, all as likely.
func (s *Sequence) Next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Below is a number in [0, n) without bias. n is positive.
func (s *Sequence) Below(n uint64) uint64 {
	// The lowest 2^64 mod n values are refused, so that the rest divide evenly.
	for refused := -n % n; ; {
		if x := s.Next(); x >= refused {
			return x % n
		}
	}
}

// Shuffle permutes the elements of list at these positions (Fisher and Yates).
func (s *Sequence) Shuffle(list, positions []int) {
	for i := len(positions) - 1; i > 0; i-- {
		j := s.Below(uint64(i) + 1)
		list[positions[i]], list[positions[j]] = list[positions[j]], list[positions[i]]
	}
}
