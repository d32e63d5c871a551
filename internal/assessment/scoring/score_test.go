package scoring

import (
	"encoding/json"
	"math/big"
	"testing"
)

func TestScoresPrintWithFourPlacesRoundedHalfToEven(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, d int64
		want string
	}{
		{0, 1, "0"}, {1, 1, "1"}, {5, 2, "2.5"}, {1, 3, "0.3333"}, {2, 3, "0.6667"},
		{1, 20000, "0"}, {3, 20000, "0.0002"}, {5, 20000, "0.0002"}, {7, 20000, "0.0004"},
		{100001, 2000000000, "0.0001"}, {199999, 20000, "10"}, {1999999, 200000, "10"},
		{10, 1, "10"}, {1000, 1, "1000"}, {123456789, 10000, "12345.6789"}, {1, 10, "0.1"},
	} {
		if got := FromRat(big.NewRat(c.n, c.d)).String(); got != c.want {
			t.Errorf("%d/%d prints as %q, want %q", c.n, c.d, got, c.want)
		}
	}
	if got := (Score{}).String(); got != "0" {
		t.Errorf("the zero value prints as %q", got)
	}
}

func TestParseScoreAcceptsOnlyPlainDecimals(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0", "1", "2.5", "007", "999999999.999999999", "0.0001"} {
		if _, err := ParseScore(s); err != nil {
			t.Errorf("ParseScore(%q): %v", s, err)
		}
	}
	for _, s := range []string{"", ".", "1.", ".5", "-1", "+1", "1e3", "0x1", "1/3", "1_0", " 1", "1 ", "NaN", "Inf", "1,5", "٣", "1000000000", "0.0000000001", "1.2.3"} {
		if got, err := ParseScore(s); err == nil {
			t.Errorf("ParseScore(%q) = %v, want an error", s, got)
		}
	}
}

func TestScoreIsAStringInJSON(t *testing.T) {
	t.Parallel()
	var v struct{ S Score }
	if err := json.Unmarshal([]byte(`{"S":"1.50"}`), &v); err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(v); err != nil || string(got) != `{"S":"1.5"}` {
		t.Errorf("Marshal: %s, %v", got, err)
	}
	for _, bad := range []string{`{"S":1.5}`, `{"S":"x"}`} {
		if err := json.Unmarshal([]byte(bad), &v); err == nil {
			t.Errorf("Unmarshal(%s) succeeded", bad)
		}
	}
}

func TestScoreArithmeticLeavesItsOperandsAlone(t *testing.T) {
	t.Parallel()
	third := ratio(1, 3)
	if sum := third.Add(third).Add(third); sum.Cmp(ratio(1, 1)) != 0 {
		t.Errorf("three thirds are %v", sum)
	}
	third.Rat().SetInt64(7)
	if third.Cmp(ratio(1, 3)) != 0 {
		t.Errorf("a caller changed a score to %v", third)
	}
	if (Score{}).Add(Score{}).Cmp(Score{}) != 0 || !(Score{}).IsZero() {
		t.Error("the zero value is not zero")
	}
}
