// Package itemanalysis says how an exam and each of its items did: classical
// item analysis, a two-parameter item response model, and flags in words for a
// teacher. It is pure: marks go in, figures come out. No clock, no database, no
// network, no locale, no globals that change. The same marks give the same
// figures whatever the order of the learners and the number of processors.
//
//	marks, err := itemanalysis.New(items)       // or ReadCSV
//	err = marks.Add("learner", row)             // once per learner
//	report, err := itemanalysis.Analyse(ctx, marks, itemanalysis.Options{})
//	model, err := itemanalysis.FitIRT(ctx, marks, itemanalysis.IRTOptions{})
//
// # Units
//
// Facility, discrimination, efficiency, weights and shares are fractions: 0.5,
// not 50 %. Means, standard deviations and standard errors are in marks. Abilities and
// difficulties are in standard deviations of the ability of the learners in
// the analysis, slopes in logits per such unit (D = 1; divide a slope by 1.702
// for the normal-ogive metric).
//
// A figure that the marks do not determine is not a number but a reason, see
// Figure: neither NaN nor an infinity leaves this package.
//
// # Marks that are not there
//
// A learner who was given an item and left it blank has an omitted mark. It
// counts as zero marks, as it did in the exam; OmittedDropsLearner leaves out
// every learner with a blank instead. A learner who was not given an item (items
// drawn from a pool) is in none of that item's figures, and is never counted
// as wrong. Alpha and what follows from it want everybody to have been given
// every item.
//
// # Classical statistics
//
// With x the marks of an item, T a learner's total, R = T - x the rest, n learners,
// k items; variances V and covariances C have the divisor n - 1.
//
//   - Facility: mean(x) / maximum (Lord & Novick 1968, section 15.3, for items
//     of one mark; Moodle, "Quiz statistics calculations", in general).
//   - Discrimination: the correlation r(x, R), "corrected item-total", with the
//     item itself left out of the criterion (Henrysson 1963; Moodle's
//     discrimination index). ItemTotal is r(x, T).
//   - Upper-lower: (mean of x in the upper 27 % - in the lower 27 %) / maximum
//     (Kelley 1939; Ebel 1954). The groups have round(0.27 n) places. Learners
//     who tie for the last places share them equally, each counting in part, so
//     the index does not depend on the order of the learners.
//   - Discriminative efficiency: C(x, R) / Cmax(x, R), where Cmax is the
//     covariance after both have been sorted: the best that these marks could do
//     (Moodle, "Quiz statistics calculations").
//   - Intended weight: maximum / sum of maxima. Effective weight:
//     sqrt C(x, T) / sum over items of sqrt C(x, T), items whose covariance is
//     negative left out of the sum (Moodle, same page).
//   - Alpha: k/(k-1) * (1 - sum V(x) / V(T)) (Cronbach 1951; for items of one
//     mark it is Kuder & Richardson's formula 20, 1937). Its interval is Feldt's:
//     1 - (1-alpha) F, with F the quantiles of the F distribution with n-1 and
//     (n-1)(k-1) degrees of freedom (Feldt 1965; Feldt, Woodruff & Salih 1987,
//     formulas 6 and 7). It supposes items and learners without interaction
//     and normal errors: for a handful of right-or-wrong items it is approximate.
//   - Standard error of measurement: sd(T) sqrt(1-alpha); error ratio:
//     sqrt(1-alpha) (Lord & Novick 1968, section 3.4; Moodle).
//   - Skewness and kurtosis: k3/k2^1.5 and k4/k2^2 of Fisher's k-statistics
//     (1929), zero for a normal distribution, as in Moodle, SAS and SPSS.
//   - Point-biserial of an option: the correlation of having chosen it with T and,
//     corrected, with R.
//
// # The item response model
//
// P(right | ability) = 1 / (1 + exp(-a (ability - b))), ability standard normal
// (Birnbaum 1968), fitted by marginal maximum likelihood with the EM algorithm
// (Bock & Aitkin 1981): see FitIRT.
//
// # References
//
// Birnbaum, A. (1968) in Lord & Novick. Bock, R. D. & Aitkin, M. (1981)
// Psychometrika 46, 443-459. Bock, R. D. & Lieberman, M. (1970) Psychometrika
// 35, 179-197. Bock, R. D. & Mislevy, R. J. (1982) Applied Psychological
// Measurement 6, 431-444. Cronbach, L. J. (1951) Psychometrika 16, 297-334. Ebel,
// R. L. (1954) Educational and Psychological Measurement 14, 352-364. Ebel,
// R. L. & Frisbie, D. A. (1991) Essentials of Educational Measurement, 5th ed.
// Feldt, L. S. (1965) Psychometrika 30, 357-370. Feldt, L. S., Woodruff, D. J. &
// Salih, F. A. (1987) Applied Psychological Measurement 11, 93-103. Fisher,
// R. A. (1929) Proc. London Math. Soc. 30, 199-238. Haladyna, T. M. & Downing,
// S. M. (1993) Educational and Psychological Measurement 53, 999-1010. Henrysson,
// S. (1963) Psychometrika 28, 211-218. Kelley, T. L. (1939) Journal of
// Educational Psychology 30, 17-24. Kuder, G. F. & Richardson, M. W. (1937)
// Psychometrika 2, 151-160. Lord, F. M. & Novick, M. R. (1968) Statistical
// Theories of Mental Test Scores. Louis, T. A. (1982) JRSS B 44, 226-233. MoodleDocs,
// "Quiz statistics calculations" and "Quiz report statistics". Swineford, F.
// (1974) The Test Analysis Manual, ETS SR-74-06. Trefethen, L. N. & Weideman,
// J. A. C. (2014) SIAM Review 56, 385-458. Varadhan, R. & Roland, C. (2008)
// Scandinavian Journal of Statistics 35, 335-353.
package itemanalysis
