package analytics

import (
	"time"

	"github.com/lyceum-lms/platform/internal/problem"
)

const (
	defaultDays = 30  // in a period without a beginning
	maxDays     = 366 // in any period
)

// dayOf is the UTC day that t falls on, as its midnight.
func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// period is a range of UTC days. Both ends belong to it.
type period struct{ From, To time.Time }

// parsePeriod reads a range of days. Without an end it ends today; without a
// beginning it has defaultDays days.
func parsePeriod(from, to string, today time.Time) (period, error) {
	p := period{To: dayOf(today)}
	var err error
	if to != "" {
		if p.To, err = parseDay("query.to", to); err != nil {
			return p, err
		}
	}
	p.From = p.To.AddDate(0, 0, 1-defaultDays)
	if from != "" {
		if p.From, err = parseDay("query.from", from); err != nil {
			return p, err
		}
	}
	switch days := int(p.To.Sub(p.From).Hours()/24) + 1; {
	case days < 1:
		return p, problem.InvalidField("query.from", "it is after the last day, %s", formatDay(p.To))
	case days > maxDays:
		return p, problem.InvalidField("query.from", "the period has %d days; at most %d are allowed", days, maxDays)
	}
	return p, nil
}

func parseDay(location, text string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.Year() < 1 {
		return time.Time{}, problem.InvalidField(location, "it is not a day such as 2026-01-31")
	}
	return day, nil
}

func formatDay(day time.Time) string { return day.Format(time.DateOnly) }
