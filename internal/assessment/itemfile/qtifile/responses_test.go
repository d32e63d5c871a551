package qtifile

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lyceum-lms/platform/internal/assessment/scoring"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// someResponse is a response to some of the parts of an item that has its keys,
// right and wrong by chance.
func someResponse(random *rand.Rand, made *event.ItemV1) scoring.Response {
	r := scoring.Response{}
	for i := range made.Parts {
		if p := &made.Parts[i]; random.IntN(8) > 0 {
			r[p.PartID] = partResponse(random, p)
		}
	}
	return r
}

func partResponse(random *rand.Rand, p *event.PartV1) scoring.PartResponse {
	pick := func(n int) int { return random.IntN(max(n, 1)) }
	switch {
	case isSingle(p.Kind):
		return scoring.PartResponse{Choices: []string{p.Choices[pick(len(p.Choices))].ChoiceID}}
	case isSet(p.Kind), p.Kind == event.Ordering:
		return scoring.PartResponse{Choices: someChoices(random, p)}
	case isPairs(p.Kind):
		return scoring.PartResponse{Pairs: somePairs(random, p)}
	}
	switch p.Kind {
	case event.Point:
		return scoring.PartResponse{Points: somePoints(random, p)}
	case event.Numerical, event.Slider:
		return scoring.PartResponse{Text: someNumber(random, p)}
	case event.Text:
		if len(p.Texts) > 0 && random.IntN(4) > 0 {
			s := strings.ReplaceAll(p.Texts[pick(len(p.Texts))].Pattern, "*", "x")
			return scoring.PartResponse{Text: []string{s, strings.ToUpper(s), " " + s, s + "e", strings.ToLower(s)}[pick(5)]}
		}
		return scoring.PartResponse{Text: "something else"}
	}
	return scoring.PartResponse{}
}

// someChoices prefers those of the key.
func someChoices(random *rand.Rand, p *event.PartV1) []string {
	var ids []string
	for _, c := range p.Choices {
		ids = append(ids, c.ChoiceID)
	}
	random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	if p.Kind == event.Ordering {
		if len(p.Orders) > 0 && random.IntN(3) > 0 {
			ids = slices.Clone(p.Orders[random.IntN(len(p.Orders))])
			if len(ids) > 1 && random.IntN(2) == 0 {
				i, j := random.IntN(len(ids)), random.IntN(len(ids))
				ids[i], ids[j] = ids[j], ids[i]
			}
		}
		if p.MaxChoices == 0 {
			return ids
		}
	} else if random.IntN(2) == 0 {
		ids = rightOf(p)
		for _, c := range p.Choices {
			if random.IntN(5) == 0 && !slices.Contains(ids, c.ChoiceID) {
				ids = append(ids, c.ChoiceID)
			}
		}
	}
	most := len(ids)
	if p.MaxChoices > 0 {
		most = min(most, p.MaxChoices)
	}
	if most == 0 || random.IntN(3) > 0 {
		return ids[:most]
	}
	return ids[:1+random.IntN(most)]
}

func somePairs(random *rand.Rand, p *event.PartV1) [][2]string {
	var all [][2]string
	for _, k := range p.Pairs {
		all = append(all, [2]string{k.ChoiceID, k.TargetID})
	}
	for range 3 {
		others := len(p.Targets)
		if p.Kind == event.Association {
			others = len(p.Choices)
		}
		i, j := random.IntN(len(p.Choices)), random.IntN(others)
		pair := [2]string{p.Choices[i].ChoiceID, ""}
		if p.Kind == event.Association {
			pair[1] = p.Choices[j].ChoiceID
		} else {
			pair[1] = p.Targets[j].TargetID
		}
		all = append(all, pair)
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+random.IntN(len(all))]
}

func somePoints(random *rand.Rand, p *event.PartV1) [][2]int {
	var out [][2]int
	for range 1 + random.IntN(max(p.MaxChoices, 1)) {
		out = append(out, [2]int{random.IntN(p.Image.Width + 1), random.IntN(p.Image.Height + 1)})
		if len(p.Areas) > 0 && random.IntN(3) > 0 {
			if c := p.Areas[random.IntN(len(p.Areas))].Area.Coords; len(c) > 1 {
				out[len(out)-1] = [2]int{c[0], c[1]}
			}
		}
	}
	return out
}

func someNumber(random *rand.Rand, p *event.PartV1) string {
	if len(p.Numbers) == 0 || random.IntN(6) == 0 {
		return strconv.Itoa(random.IntN(2000))
	}
	k := p.Numbers[random.IntN(len(p.Numbers))]
	for _, near := range []string{k.Value, k.Low, k.High} {
		r, ok := constant(near)
		if !ok {
			continue
		}
		f, _ := r.Float64()
		f += []float64{0, 0, 0.001, -0.001, 0.5, -0.5, 1, -1, 2, 3}[random.IntN(10)]
		if p.Kind == event.Slider {
			f = float64(int(f))
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return "0"
}

// asProgram reads an item again and keeps its processing as it is.
func asProgram(t testing.TB, name string, data []byte) *event.ItemV1 {
	t.Helper()
	root, _, err := readTree(bytesSource(name, data).Reader())
	if err != nil {
		t.Fatal(err)
	}
	it := &item{ctx: t.Context(), cleaner: markup.New(markup.Options{Placeholders: true, Math: true}), root: root}
	it.declare()
	it.readBody()
	it.unbound()
	if it.err != nil || len(it.parts) == 0 || !it.processed() {
		return nil
	}
	made := &event.ItemV1{Source: "x", Title: "x", BodyHTML: it.body}
	it.labels()
	if !it.program(made) {
		t.Fatalf("%s: no program: %v", name, it.lines)
	}
	made.MinScore = "-100"
	return made
}

// sameScores compares two items by what many responses score.
func sameScores(t testing.TB, a, b *event.ItemV1, keys *event.ItemV1, n int) {
	t.Helper()
	x, y := ready(t, a), ready(t, b)
	if x.MaxScore().Cmp(y.MaxScore()) != 0 {
		t.Errorf("the maximum is %s and %s", x.MaxScore(), y.MaxScore())
	}
	samePoints(t, a, b, keys, n)
}

// samePoints is sameScores whatever the maximum is.
func samePoints(t testing.TB, a, b *event.ItemV1, keys *event.ItemV1, n int) {
	t.Helper()
	x, y := ready(t, a), ready(t, b)
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		r := someResponse(random, keys)
		if x.Check(r) != nil {
			continue
		}
		if err := y.Check(r); err != nil {
			t.Fatalf("%v: %v", r, err)
		}
		p, q := x.Score(r, 3), y.Score(r, 3)
		if p.Score.Cmp(q.Score) != 0 {
			t.Fatalf("%+v scores %s and %s:\n%s\n%s\n%+v", r, p.Score, q.Score, p.How, q.How, p.Parts)
		}
	}
}

// TestNativeKeysAreExact: where the logic of an item was given up for native
// keys, every response scores as by the logic.
func TestNativeKeysAreExact(t *testing.T) {
	files, _ := filepath.Glob("testdata/items/*.xml")
	compared := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		t.Run(name, func(t *testing.T) {
			native := ownItem(t, name).Item
			if native == nil || native.Program != nil {
				return
			}
			program := asProgram(t, name, readData(t, file))
			if program == nil {
				return
			}
			compared++
			sameScores(t, native, program, native, 300)
		})
	}
	if compared < 10 {
		t.Errorf("only %d items were compared", compared)
	}
}
