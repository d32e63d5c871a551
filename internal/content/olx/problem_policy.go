package olx

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/markup"
)

// weight is the item's maximum score: what the author set, else a point for
// each input. The share of responses that cannot be answered is left out.
func (r *problemReader) weight() string {
	all, answerable, uneven := new(big.Rat), new(big.Rat), false
	for _, resp := range r.responses {
		for i := range max(1, len(resp.inputs)) {
			points := big.NewRat(1, 1)
			if i < len(resp.inputs) {
				if d, ok := decimal(resp.inputs[i].get("points")); ok {
					points = rational(d)
					uneven = uneven || points.Cmp(big.NewRat(1, 1)) != 0
				}
			}
			all.Add(all, points)
			if resp.reason == "" {
				answerable.Add(answerable, points)
			}
		}
	}
	if uneven && len(r.parts) > 1 {
		r.simplify(r.e.node, "points of single inputs", "the parts of a problem count the same")
	}
	total := all
	if value := strings.Trim(r.e.get("weight"), `"`); value != "" && value != "null" {
		d, ok := decimal(value)
		if ok {
			total = rational(d)
		} else {
			r.simplify(r.e.node, fmt.Sprintf("weight %q", value), "it is not a number; each input counts one point")
		}
	}
	if all.Sign() == 0 || answerable.Cmp(all) == 0 {
		return decimalOf(total)
	}
	share := new(big.Rat).Quo(answerable, all)
	return decimalOf(share.Mul(share, total))
}

// release maps showanswer, which says when a learner sees the key.
func (r *problemReader) release() (event.ReleasePolicy, string) {
	show := orElse(strings.ToLower(r.e.set["showanswer"]), "finished")
	policy, why := event.ReleaseLast, ""
	switch show {
	case "always":
		policy, why = event.ReleaseSubmitted, "the key is shown once an attempt is graded, not before"
	case "attempted", "attempted_no_past_due":
		policy = event.ReleaseSubmitted
	case "after_attempts", "after_some_number_of_attempts":
		policy = event.ReleaseSubmitted
		if count(r.e.set["attempts_before_showanswer_button"]) > 1 {
			why = "the key is shown after the first attempt"
		}
	case "answered", "finished", "correct_or_past_due", "closed", "after_all_attempts", "after_all_attempts_or_correct":
		if show == "closed" && r.e.set["max_attempts"] == "" {
			policy = event.ReleaseAfterDue
		}
	case "past_due":
		policy = event.ReleaseAfterDue
	case "never":
		policy = event.ReleaseNever
	default:
		why = "the value is not known; the key is shown when all is right or no attempt is left"
	}
	switch r.e.set["show_correctness"] {
	case "never":
		policy = event.ReleaseNever
	case "past_due":
		if policy != event.ReleaseNever {
			policy = event.ReleaseAfterDue
		}
	}
	if attempts := r.e.set["max_attempts"]; attempts != "" && count(attempts) == 0 {
		r.simplify(r.e.node, "max_attempts "+strconv.Quote(markup.Shorten(attempts, 40)), "it is not a number of attempts; there is no limit")
	}
	if why != "" {
		r.simplify(r.e.node, "showanswer "+strconv.Quote(markup.Shorten(show, 40)), why)
	}
	return policy, show
}
