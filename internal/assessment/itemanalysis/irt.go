package itemanalysis

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Constants of the fit.
const (
	// The quadrature: 61 equally spaced abilities from -6 to 6, weighted by the
	// normal density, as in mirt. For an analytic integrand that vanishes at both
	// ends the equally spaced rule converges geometrically (Trefethen & Weideman
	// 2014): the poles of an item of slope a lie pi/a off the axis, so at the spacing
	// h = 0.2 the relative error is about exp(-2 pi^2 / (a h)), 10^-17 at a slope of 2.5,
	// 10^-9 at 5, 5 10^-5 at MaxSlope. Beyond 6 lie two learners in 10^9.
	QuadraturePoints = 61
	QuadratureReach  = 6.0
	// MaxSlope bounds slopes. An item that runs into it is all but a step: its
	// information lies between two quadrature points and more slope changes nothing.
	MaxSlope = 10.0
	// MaxIntercept bounds intercepts, in logits.
	MaxIntercept = 60.0
	// FlatSlope is a slope below which an item has no difficulty to speak of.
	FlatSlope = 0.01
	// MinIRTItems is the number of items from which two parameters an item are
	// identified.
	MinIRTItems = 3
	// AdvisedIRTLearners: with fewer learners slopes are too uncertain to select
	// items by (Hulin, Lissak & Drasgow 1982 ask for 500 at 30 items).
	AdvisedIRTLearners = 500
	// DefaultPassShare is the share of an item's maximum from which an answer
	// counts as right.
	DefaultPassShare = 0.5
	// DefaultMaxCycles bounds the EM cycles.
	DefaultMaxCycles = 500
)

// OmittedInIRT says what a blank means to the model.
type OmittedInIRT string

// The meanings of a blank. What was not given is never wrong.
const (
	OmittedIsWrong   OmittedInIRT = "wrong"
	OmittedIsIgnored OmittedInIRT = "ignored" // as if the item had not been given
)

// IRTOptions of FitIRT. The zero value is the default.
type IRTOptions struct {
	// PassShare dichotomises: an answer is right if its mark is at least this share
	// of the item's maximum, above 0 and at most 1. Default DefaultPassShare.
	PassShare float64
	Omitted   OmittedInIRT // default OmittedIsWrong
	MaxCycles int          // of EM; default DefaultMaxCycles
	// Abilities asks for an estimate for each learner.
	Abilities bool
}

func (o IRTOptions) withDefaults() (IRTOptions, error) {
	if o.PassShare == 0 {
		o.PassShare = DefaultPassShare
	}
	if o.Omitted == "" {
		o.Omitted = OmittedIsWrong
	}
	if o.MaxCycles == 0 {
		o.MaxCycles = DefaultMaxCycles
	}
	switch {
	case !(o.PassShare > 0 && o.PassShare <= 1):
		return o, errors.New("the share from which an answer is right must be above 0 and at most 1, for example 0.5")
	case o.Omitted != OmittedIsWrong && o.Omitted != OmittedIsIgnored:
		return o, fmt.Errorf("the rule %q for omitted marks is not known; use %q or %q", o.Omitted, OmittedIsWrong, OmittedIsIgnored)
	case o.MaxCycles < 0:
		return o, errors.New("the number of EM cycles must be positive")
	}
	return o, nil
}

// IRT is a two-parameter logistic model fitted to an exam.
type IRT struct {
	Model        string         `json:"model"`                    // what was fitted and how, a sentence
	Why          string         `json:"not_computable,omitempty"` // why there is no model at all
	Learners     int            `json:"learners"`
	Patterns     int            `json:"response_patterns"` // distinct ones
	PassShare    float64        `json:"pass_share"`
	OmittedMarks OmittedInIRT   `json:"omitted_marks"`
	Converged    bool           `json:"converged"`
	EMCycles     int            `json:"em_cycles"`
	NewtonSteps  int            `json:"newton_steps"`
	LogLik       Figure         `json:"log_likelihood"`
	Parameters   int            `json:"parameters"`
	AIC          Figure         `json:"aic"`
	BIC          Figure         `json:"bic"` // with the number of learners
	Reliability  Figure         `json:"marginal_reliability"`
	Items        []IRTItem      `json:"items"`
	LeftOut      []LeftOutItem  `json:"items_left_out"`
	Curve        []CurvePoint   `json:"test_information"`
	Abilities    []Ability      `json:"abilities,omitempty"`
	Notes        []string       `json:"notes"` // what to bear in mind, sentences
	estimates    []itemEstimate // of Items
}

// IRTItem are the parameters of an item with their standard errors.
type IRTItem struct {
	ItemID       string       `json:"item_id"`
	Label        string       `json:"label"`
	Position     int          `json:"position"` // in the exam, from 1
	Responses    int          `json:"responses"`
	ShareRight   Figure       `json:"share_right"`
	Slope        Figure       `json:"slope"` // a
	SlopeSE      Figure       `json:"slope_standard_error"`
	Difficulty   Figure       `json:"difficulty"` // b
	DifficultySE Figure       `json:"difficulty_standard_error"`
	Intercept    Figure       `json:"intercept"` // -ab
	InterceptSE  Figure       `json:"intercept_standard_error"`
	Curve        []CurvePoint `json:"curve"`
	Notes        []string     `json:"notes"`
}

// LeftOutItem is an item that the model says nothing about.
type LeftOutItem struct {
	ItemID string `json:"item_id"`
	Why    string `json:"why"`
}

// CurvePoint is a point of an item characteristic and information curve, or of the
// test's, where the expected score is the sum of the probabilities.
type CurvePoint struct {
	Ability       float64 `json:"ability"`
	Expected      float64 `json:"expected_score"` // the probability of a right answer
	Information   float64 `json:"information"`
	StandardError *Figure `json:"standard_error,omitempty"` // of the test's curve: 1/sqrt(information)
}

// Ability is the estimate for a learner.
type Ability struct {
	Learner     string `json:"learner"`
	Right       int    `json:"right"`
	Answered    int    `json:"answered"`
	EAP         Figure `json:"eap"` // mean of the posterior (Bock & Mislevy 1982)
	PosteriorSD Figure `json:"posterior_sd"`
	ML          Figure `json:"ml"` // of maximum likelihood
	MLError     Figure `json:"ml_standard_error"`
}

// FitIRT fits the two-parameter logistic model by marginal maximum likelihood.
//
// Ability is standard normal and integrated over by quadrature, see
// QuadraturePoints. The EM algorithm of Bock & Aitkin (1981) works on the distinct
// response patterns; its M-step is a Newton-Raphson logistic regression per item.
// Cycles are accelerated by squared extrapolation (Varadhan & Roland 2008, scheme
// S3), which is undone where it lowers the likelihood. When a cycle changes no
// parameter by more than 0.001, or after MaxCycles, Newton steps with the observed
// information go on until one moves no parameter by 1e-7: EM alone stops early
// where it is slow. A fit that does not get there says that it has not converged.
//
// Standard errors come from the inverse of the full observed information matrix
// of the marginal likelihood, computed exactly by Louis' formula (1982); that of
// a difficulty -d/a by the delta method.
//
// Items that everybody gets right, or nobody, have no finite estimates and
// are left out. Slopes are bounded by MaxSlope.
func FitIRT(ctx context.Context, marks *Marks, options IRTOptions) (*IRT, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &IRT{
		Model: fmt.Sprintf("Two-parameter logistic model (D = 1), ability standard normal, marginal maximum likelihood by EM (Bock & Aitkin 1981), %d equally spaced quadrature points from %g to %g.",
			QuadraturePoints, -QuadratureReach, QuadratureReach),
		PassShare: options.PassShare, OmittedMarks: options.Omitted,
		Items: []IRTItem{}, LeftOut: []LeftOutItem{}, Curve: []CurvePoint{}, Notes: []string{},
	}
	d := dichotomise(marks, options)
	r.LeftOut, r.Notes = append(r.LeftOut, d.leftOut...), append(r.Notes, d.notes...)
	if r.Why = d.unfit(); r.Why != "" {
		r.setNotComputable()
		return r, nil
	}
	p := groupPatterns(d)
	r.Learners, r.Patterns = p.learners, p.distinct
	f := newFit(p)
	if err := f.run(ctx, options.MaxCycles); err != nil {
		return nil, err
	}
	r.set(d, f)
	if err := r.setAbilities(ctx, marks, d, options.Abilities); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *IRT) setNotComputable() {
	none := notComputable(r.Why)
	r.LogLik, r.AIC, r.BIC, r.Reliability = none, none, none, none
}

// set takes over the outcome of the fit.
func (r *IRT) set(d *dichotomy, f *fit) {
	r.Converged, r.EMCycles, r.NewtonSteps = f.converged, f.cycles, f.newtonSteps
	r.estimates = f.estimates
	r.Parameters = 2 * len(f.estimates)
	r.LogLik = figure(f.logLik)
	r.AIC = figure(2*float64(r.Parameters) - 2*f.logLik)
	r.BIC = figure(math.Log(float64(r.Learners))*float64(r.Parameters) - 2*f.logLik)
	errs := f.standardErrors()
	for place, item := range d.items {
		r.Items = append(r.Items, r.item(d, item, f.estimates[place], errs[place]))
	}
	r.Curve = r.testCurve()
	if !f.converged {
		r.Notes = append(r.Notes, fmt.Sprintf("The fit has not converged (%s): the figures are provisional.", f.unconverged))
	}
	if r.Learners < AdvisedIRTLearners {
		r.Notes = append(r.Notes, fmt.Sprintf("There are %d learners; with fewer than %d slopes and difficulties are uncertain: look at their standard errors.", r.Learners, AdvisedIRTLearners))
	}
}

func (r *IRT) item(d *dichotomy, item int, e itemEstimate, se itemErrors) IRTItem {
	source := d.marks.items[item]
	it := IRTItem{
		ItemID: source.ID, Label: source.Label, Position: item + 1,
		Responses: d.answered[item], ShareRight: figure(float64(d.right[item]) / float64(d.answered[item])),
		Slope: figure(e.slope), SlopeSE: se.slope, Intercept: figure(e.intercept), InterceptSE: se.intercept,
		Difficulty: figure(-e.intercept / e.slope), DifficultySE: se.difficulty,
		Curve: e.curve(), Notes: []string{},
	}
	switch {
	case math.Abs(e.slope) < FlatSlope:
		flat := notComputable("the slope is practically zero: the item does not depend on ability")
		it.Difficulty, it.DifficultySE = flat, flat
		it.Notes = append(it.Notes, "The item does not depend on ability.")
	case e.atBound():
		it.Notes = append(it.Notes, fmt.Sprintf("The estimates ran into their bounds (slope %g, intercept %g): the item is all but a step, or too few learners decide it. Do not rely on it.", MaxSlope, MaxIntercept))
	case e.slope < 0:
		it.Notes = append(it.Notes, "The slope is negative: abler learners do worse. Check the key.")
	}
	return it
}
