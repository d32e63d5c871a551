package users

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count outcomes. Their labels have a handful of values each.
type metrics struct {
	signIns   *prometheus.CounterVec // ok, refused, unconfirmed, throttled
	refreshes *prometheus.CounterVec // ok, unknown, revoked, expired, reused
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lyceum_users_sign_ins_total", Help: "Attempts to sign in, by outcome.",
		}, []string{"outcome"}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lyceum_users_refreshes_total", Help: "Refresh tokens presented, by outcome.",
		}, []string{"outcome"}),
	}
	for _, c := range []prometheus.Collector{m.signIns, m.refreshes} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of users: %w", err)
		}
	}
	return m, nil
}
