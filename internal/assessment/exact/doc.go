// Package exact holds the numbers that scores and answers are computed with, and
// the arithmetic expressions that learners and authors write.
//
// A Number is an exact rational as long as only integers, decimals, + - * / and
// whole powers had a part in it: 0.1 + 0.2 is 0.3. Where a real function such as
// sin had a part, or where an exact value would need too many digits, it is a
// float64, and says so (Exact). NaN and the infinities are not numbers; what
// would give one is an error.
//
// There are two languages of expressions. Evaluate and CompileAnswer take what
// learners type, which is what Open edX accepts ("Open edX Learner's Guide":
// "Entering Mathematical and Scientific Expressions"). Compile takes what authors
// write: the same, and the functions and operators of Moodle's calculated
// questions (Moodle documentation: "Calculated question type"), whose log is the
// natural logarithm. Learners do not have log, because to half of them it is the
// decimal one.
//
// The package is pure, and the work that any input causes is bounded.
package exact
