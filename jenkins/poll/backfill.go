package poll

import (
	"fmt"
	"slices"
	"time"
)

// DefaultBackfillAfter is how long after its end a build counts as found late.
// It is longer than the longest delay between two cycles.
const DefaultBackfillAfter = 10 * time.Minute

// Backfill says what becomes of builds that are found late, because the agent or
// the master was away or because no trigger named their job.
type Backfill string

// The policies of Backfill.
const (
	// Latest announces, of the late builds of one job, the newest of each
	// result, unless a newer build of that result is found in the same cycle.
	Latest Backfill = "latest"
	// All announces every late build.
	All Backfill = "all"
	// None announces no late build.
	None Backfill = "none"
)

// backfill drops the late builds that the policy passes over. over is sorted by
// number.
func (l *look) backfill(over []Open) []Open {
	var kept, passed []Open
	for i, open := range over {
		newer := slices.ContainsFunc(over[i+1:], func(later Open) bool { return later.Result == open.Result })
		switch {
		case l.p.backfill == All, !l.late(open), l.p.backfill == Latest && !newer:
			kept = append(kept, open)
		default:
			passed = append(passed, open)
			l.passed = append(l.passed, l.event(l.brief(open), fmt.Sprintf("found %s after its end and passed over (backfill %s)", l.age(open).Round(time.Second), l.p.backfill)))
		}
	}
	if len(passed) > 0 {
		l.problem(PassedOver, nil, "%d builds of %s ended more than %s before they were found and are passed over (backfill %s): #%d to #%d",
			len(passed), l.head.FullName, l.p.backfillAfter, l.p.backfill, passed[0].Number, passed[len(passed)-1].Number)
	}
	return kept
}

// late reports whether a build was found long after its end. A build that is
// only waiting for its details was found before.
func (l *look) late(open Open) bool { return l.age(open) > l.p.backfillAfter }

func (l *look) age(open Open) time.Duration {
	run, listed := l.runs[open.Number]
	if !listed || open.Tries > 0 {
		return 0
	}
	return l.date.Sub(run.Ended())
}
