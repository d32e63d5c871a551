package itemanalysis

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// simulate makes marks by the two-parameter model from a seed: right or wrong, an
// item's options chosen at random among the wrong ones where options are wanted.
func simulate(t testing.TB, learners int, true2PL []itemEstimate, options int, seed uint64) *Marks {
	t.Helper()
	items := make([]Item, len(true2PL))
	for j := range items {
		items[j] = Item{ID: fmt.Sprintf("item %d", j+1), Max: 1}
		for o := range options {
			items[j].Options = append(items[j].Options, Option{ID: string(rune('A' + o)), Key: o == 0})
		}
	}
	m := newMarks(t, items)
	r := rand.New(rand.NewPCG(seed, seed))
	row := make([]Mark, len(items))
	for i := range learners {
		ability := r.NormFloat64()
		for j, e := range true2PL {
			row[j] = Mark{}
			choice := 0
			if r.Float64() < e.probability(ability) {
				row[j].Score = 1
			} else {
				choice = 1 + r.IntN(max(options-1, 1))
			}
			if options > 0 {
				row[j].Chosen = []string{items[j].Options[choice].ID}
			}
		}
		add(t, m, fmt.Sprint(i), row)
	}
	return m
}

// ladder are k items of slopes from 0.5 to 2 and difficulties from -2 to 2.
func ladder(k int) []itemEstimate {
	items := make([]itemEstimate, k)
	for j := range items {
		slope := 0.5 + 1.5*float64(j*7%k)/float64(k-1)
		difficulty := -2 + 4*float64(j)/float64(k-1)
		items[j] = itemEstimate{slope, -slope * difficulty}
	}
	return items
}

// Issue 4 asks for less than 10 s on two cores.
func BenchmarkAnalyse100000x40(b *testing.B) {
	m := simulate(b, 100_000, ladder(40), 5, 1)
	b.ReportAllocs()
	for b.Loop() {
		analyse(b, m, Options{})
	}
}

// Issue 4 asks for less than 20 s on two cores.
func BenchmarkIRT10000x40(b *testing.B) {
	m := simulate(b, 10_000, ladder(40), 0, 1)
	b.ReportAllocs()
	var r *IRT
	for b.Loop() {
		r = fitIRT(b, m, IRTOptions{Abilities: true})
	}
	if !r.Converged || math.IsNaN(*r.LogLik.Value) {
		b.Fatal(r.Notes)
	}
	b.ReportMetric(float64(r.EMCycles), "EM-cycles")
}

func BenchmarkReadCSV(b *testing.B) {
	var written bytes.Buffer
	if err := WriteMarksCSV(&written, simulate(b, 20_000, ladder(40), 0, 1)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(written.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadCSV(bytes.NewReader(written.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
