package notify_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/bus/event"
)

// traces counts the rows that name the account, but for the list of the erased.
func (w *world) traces(l learner) int {
	w.t.Helper()
	var n int
	require.NoError(w.t, w.admin.QueryRow(w.t.Context(), `
		select (select count(*) from notify.contacts where account_id = $1)
			+ (select count(*) from notify.notifications where account_id = $1)
			+ (select count(*) from notify.preferences where account_id = $1)`, l.AccountID).Scan(&n))
	return n
}

func TestNothingOfAnErasedAccountStaysOrComesBack(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t)
	l, other := w.learner(), w.learner()
	for _, who := range []learner{l, other} {
		tell(w, event.ContactChanged, w.contact(who, "ada@example.org", true))
		tell(w, event.LearnerEnrolled, w.enrolled(who, "Tides"))
		w.call(who, http.StatusOK, "PUT", preferencesPath, preferences{[]preference{{"attempt_graded", "mail", false}}}, nil)
	}
	require.Positive(t, w.traces(l))
	tell(w, event.AccountErased, event.AccountErasedV1{AccountID: l.AccountID, OrganisationID: w.org, At: time.Now()})
	require.Zero(t, w.traces(l))

	// Another module's event about the account comes later, and its last token
	// is still good.
	tell(w, event.LearnerEnrolled, w.enrolled(l, "Currents"))
	w.call(l, http.StatusGone, "PUT", preferencesPath, preferences{[]preference{}}, nil)
	require.Zero(t, w.traces(l))

	// The mail that was waiting finds nobody; the other one is sent.
	w.start(w.m)
	w.eventually(func() bool { return w.deliveries(other)["sent"] == 1 }, "the other's mail is sent")
	w.eventually(func() bool {
		var open int
		require.NoError(t, w.admin.QueryRow(t.Context(), `
			select count(*) from notify.river_job where kind = 'notify.send_mail' and state <> 'completed'`).Scan(&open))
		return open == 0
	}, "no mail job is left")
	require.Len(t, w.mails.all(), 1)
	require.Positive(t, w.traces(other))
}

// Notifications are written by other consumers than the one that erases, at the
// same time.
func TestErasureAndNotificationsMayRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var learners []learner
	for range 60 {
		learners = append(learners, w.learner())
	}
	for _, l := range learners {
		emit(w, event.LearnerEnrolled, w.enrolled(l, "Tides"))
		emit(w, event.AccountErased, event.AccountErasedV1{AccountID: l.AccountID, OrganisationID: w.org, At: time.Now()})
		emit(w, event.LearnerEnrolled, w.enrolled(l, "Currents"))
	}
	w.bus.Drain()
	for _, l := range learners {
		require.Zero(t, w.traces(l))
	}
}
