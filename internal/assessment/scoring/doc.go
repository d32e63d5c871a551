// Package scoring turns a response into a score. It is pure: no clock, no
// database, no network, no locale, no globals that change. The same item, the
// same response and the same seed give the same result for ever, on every
// platform, which is what lets an attempt be graded again.
//
// Three things enter from outside and all three are taken to be hostile: items
// (Parse), stored or received responses (ParseResponse, Item.Check) and seeds.
// Score is total: whatever the response holds, the result lies between the item's
// least score and its maximum, and the work done is bounded.
//
// event.ItemV1 is the model of an item, and its comments say what each field
// means. Here is how what they leave open is decided.
//
// # Shares
//
// An item's weight is divided among its parts by their weights. Scores are exact
// rationals until they are printed, so a fully right item scores exactly its
// weight even when it has three parts. A part's credit is held within its bounds,
// the sum of the parts between the item's least score and its weight. An item
// none of whose parts weighs anything weighs nothing, whatever it says.
//
// # What counts
//
//   - An unanswered part earns nothing under every rule, and costs nothing.
//     Ticking nothing is not answering: a blank response would otherwise earn the
//     credit of all the wrong choices that it left. A question whose right answer
//     is "none" needs a choice that says so. An item that is not answered at all
//     scores nothing even if its program would have it otherwise.
//   - A response that Check refuses earns nothing.
//   - Every decision counts (EDC): (right choices ticked + wrong choices left) /
//     all choices. edX rounds this to hundredths; we do not. Halves: no error 1;
//     one error 1/2 if there are at least three choices; two errors 1/4 if there
//     are at least five; otherwise nothing.
//   - Orders: what is given beyond the right order counts among the places, and
//     is never right.
//   - Every pair: right pairs given / right pairs. If more are given than are
//     right, each wrong one takes 1 / targets off, so that giving all pairs does
//     not pay. In an association every two choices count for one target.
//   - Points: an area counts once, as in QTI's mapResponsePoint, and a point in
//     several counts for the first. Polygons are filled by the even-odd rule; edges
//     belong to their area.
//   - Numbers: |response - value| <= tolerance, the bound included. A percent
//     tolerance is a share of |value|. edX's default of 0.001% is the exception:
//     there it is a share of the larger of |response| and |value|. Of "1200" two,
//     three or four figures may be significant; expressions have no number of
//     figures or decimals.
//   - Units stand after the number or before it. "5 km" is not a number of "m":
//     letters beside a unit make it another word. The name of a unit is compared
//     exactly.
//   - Texts: white space is trimmed at both ends; the first matching rule counts.
//     Normalised texts lose their accents (Unicode's nonspacing marks) and
//     punctuation wherever it stands; signs such as + are no punctuation.
//   - Formulas are compared at points of their domain, which follow from the item
//     and the part: nobody has kinder ones. If a range has numbers of both signs,
//     so have the points, in all combinations of up to three variables by default.
//     A point where the key has no value is drawn again; where the key has one and
//     the response has none, the response is wrong.
//   - Variables are drawn from the seed, each from random numbers of its own. If an
//     expression or a number of the key has no value for what was drawn, all are
//     drawn again.
//   - What people mark counts as nothing until they have (Result.NeedsMarking,
//     Item.ScoreMarks). The best levels of a rubric are full credit.
//   - A program scores the item as a whole: SCORE / ProgramV1.Max, of the weight.
//     If nothing sets SCORE, or people are to, the parts are marked by people.
//
// # Where the rules come from
//
// Those of choices, numbers and texts are Open edX's ("Building and Running an
// Open edX Course": "Awarding Partial Credit for a Problem", "Numerical Input",
// "Text Input"; "Open edX Learner's Guide": "Entering Mathematical and Scientific
// Expressions"), those of credits that add up, of wildcards, units and calculated
// questions Moodle's, those of pairs, areas and sliders QTI's.
//
// # Where they differ from edX
//
//   - "3*-2^2" is -12, as mathematics and most languages have it; edX reads a
//     sign that follows an operator into the number and gets 12.
//   - Complex numbers are not supported: "sqrt(-1)" is not a number.
//   - Integers, decimals, + - * / and whole powers are exact: "0.1+0.2" equals
//     0.3 under a tolerance of zero. Everything else is IEEE 754 double
//     arithmetic; comparisons with such a value allow one part in 10^12 more
//     than the key says, which hides the last bits where platforms may differ.
//   - Text is compared after Unicode normalisation (NFC), so that an "é" typed as
//     two code points equals one typed as one.
//   - A comma is not a decimal point (edX refuses it too): "1,234" is 1.234 to
//     one reader and 1234 to another. The response is not a number, and the
//     result says why.
package scoring
