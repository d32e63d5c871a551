// Package scoring turns a response into a score. It is pure: no clock, no
// database, no network, no locale, no globals that change. The same item and
// the same response give the same result for ever, on every platform, which is
// what lets an attempt be graded again.
//
// Three things enter from outside and all three are taken to be hostile: items
// (Parse), stored or received responses (ParseResponse, Item.Check) and seeds.
// Score is total: whatever the response holds, the result lies between zero and
// the item's maximum, and the work done is bounded.
//
// # Shares
//
// An item's weight is divided equally among its parts. Scores are exact
// rationals until they are printed, so a fully right item scores exactly its
// weight even when it has three parts.
//
// # Where the rules come from
//
// Items are mostly imported from Open edX, so the rules are those of its
// documentation ("Building and Running an Open edX Course": "Awarding Partial
// Credit for a Problem", "Numerical Input", "Text Input"; "Open edX Learner's
// Guide": "Entering Mathematical and Scientific Expressions"):
//
//   - Every decision counts (EDC): (right choices ticked + wrong choices left) /
//     all choices. edX rounds this to hundredths; we do not.
//   - Halves: no error 1; one error 1/2 if there are at least three choices; two
//     errors 1/4 if there are at least five; otherwise nothing.
//   - An unanswered part earns nothing under every rule. Ticking nothing is not
//     answering, as in edX: a blank EDC response would otherwise earn the credit
//     of all the wrong choices it left. A question whose right answer is "none"
//     needs a choice that says so.
//   - Numerical: |response - value| <= tolerance, the bound included. A percent
//     tolerance is a share of |value|. edX's default of 0.001% is the exception:
//     there it is a share of the larger of |response| and |value|.
//   - Text: white space is trimmed at both ends; the first matching rule counts.
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
