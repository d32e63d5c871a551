package scoring

import "strings"

// worth is a credit in words.
func worth(credit Score) string {
	switch {
	case credit.IsZero():
		return "no credit"
	case credit.isWhole():
		return "full credit"
	case credit.Sign() < 0:
		return "a penalty of " + credit.neg().String() + " of the credit"
	}
	return credit.String() + " of the credit"
}

// shownTerms is how many terms of a sum are written out.
const shownTerms = 10

// addition is a sum of credits with its derivation.
type addition struct {
	total Score
	terms int
	text  strings.Builder
}

func (a *addition) add(credit Score) {
	a.total = a.total.Add(credit)
	a.terms++
	switch {
	case a.terms > shownTerms:
		return
	case a.terms == 1:
	case credit.Sign() < 0:
		a.text.WriteString(" - ")
		credit = credit.neg()
	default:
		a.text.WriteString(" + ")
	}
	a.text.WriteString(credit.String())
}

// how is "0.5 - 0.25, which earns 0.25 of the credit".
func (a *addition) how() string {
	text := a.text.String()
	switch {
	case a.terms == 0:
		text = "there are none"
	case a.terms > shownTerms:
		text += " and so on"
	}
	return text + ", which earns " + worth(a.total)
}
