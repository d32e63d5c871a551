// Package qti runs the logic of items in the format QTI (1EdTech/IMS "Question
// and Test Interoperability", versions 2.0, 2.1, 2.2 and 3.0): declarations,
// template processing and response processing, and the outcome processing of
// tests. It knows nothing of bodies, of how an item looks or of files.
//
//	program, err := qti.Parse(source)      // once for an item
//	template, err := program.Draw(seed)    // once for an attempt
//	outcomes, trace, err := program.Score(template, responses)
//
// It is pure: no clock, no database, no network, no locale, no globals that
// change. The same program, seed and responses give the same outcomes for ever,
// on every platform. Items and responses are taken to be hostile: there is no
// panic and a run ends after 100,000 steps, in which large numbers, long texts
// and large containers count for more.
//
// # Numbers
//
// Sums, products and quotients of decimals are exact, so that a third and two
// thirds are one point. Real functions are float64; comparisons with what they
// gave allow one part in 10^12. What cannot be computed (a division by zero, a
// root of -1, a number beyond float64) is NULL.
//
// # NULL
//
// As the specification has it: and, or, not and anyN are three-valued,
// operators with NULL in them are NULL, a condition that is NULL is not fulfilled, empty
// texts and empty containers are NULL. Numeric outcomes without a default start
// at zero.
//
// # What cannot be run
//
// Custom operators that are not known, fragments and templates in other files,
// expressions and rules that are none: Program.Unsupported names each with its
// line. The expression is NULL and the rule is left out; the rest runs. Since a
// condition that is NULL does not hold, an item that depends on such an operator
// scores as if what the operator asks had not come true.
//
// # Tolerance
//
// The specification demands that types agree; items do not. A typed text that is
// a numeral is a number where a number is compared or computed with. An outcome
// is given the type and cardinality of its declaration where that loses nothing;
// a fraction of a point in an integer outcome is kept. An outcome that is set and
// not declared comes into being. Several correct values of a single response are
// alternatives. A single response that arrives as several pairs stays several.
// Names are those of QTI 2 and 3 alike, in any namespace.
package qti
