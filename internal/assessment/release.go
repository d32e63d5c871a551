package assessment

import (
	"time"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// visibility is what the reader of a graded attempt sees beside its score and
// the score of each item, which are always shown.
type visibility struct {
	Parts    bool // which parts are right
	Feedback bool // the author's feedback on the chosen answers
	Key      bool // the right answers, explanations, and how each score came about
}

// situation is what release decides on.
type situation struct {
	Policy event.ReleasePolicy
	DueAt  *time.Time
	Now    time.Time
	// Staff is true when the reader teaches the course.
	Staff bool
	// FullScore is true when the attempt has earned all there is.
	FullScore bool
	// OpenAttempt is true while another attempt of the learner is in progress.
	OpenAttempt bool
	// MayTryAgain is true while the learner could start another attempt.
	MayTryAgain bool
}

// release decides what the reader of a graded attempt may see. Staff see all.
//
//   - never: neither parts nor feedback nor key.
//   - submitted: all.
//   - after_due: which parts are right; the rest when the due time has come. An
//     assessment without a due time never gets there, as in Open edX.
//   - last: parts and feedback; the key when the learner has everything right or
//     has no attempt left, be it in progress or yet to start.
func release(s situation) visibility {
	all := visibility{Parts: true, Feedback: true, Key: true}
	if s.Staff {
		return all
	}
	switch s.Policy {
	case event.ReleaseSubmitted:
		return all
	case event.ReleaseAfterDue:
		if s.DueAt != nil && !s.Now.Before(*s.DueAt) {
			return all
		}
		return visibility{Parts: true}
	case event.ReleaseLast:
		return visibility{Parts: true, Feedback: true, Key: s.FullScore || !s.OpenAttempt && !s.MayTryAgain}
	}
	return visibility{}
}
