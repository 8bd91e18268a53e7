package inbox

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/trigger"
)

// QuietPeriod is a time in which triggers of some types do not start the pipelines that respect it. What they would have
// started is passed over.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers QuietPeriodIndicator.java.
type QuietPeriod struct {
	// Start and End belong to the period; without a Start there is none.
	Start, End time.Time
	// Types are types of triggers, in any case.
	Types []string
}

// Holds says whether a time belongs to the period.
func (q QuietPeriod) Holds(at time.Time) bool {
	return !q.Start.IsZero() && !at.Before(q.Start) && !at.After(q.End)
}

// covers says why a trigger does not start its pipeline at a time, or "".
func (q QuietPeriod) covers(a trigger.Armed, at time.Time) string {
	respected, _ := a.Pipeline.Document["respectQuietPeriod"].(bool)
	if !respected || !q.Holds(at) ||
		!slices.ContainsFunc(q.Types, func(kind string) bool { return strings.EqualFold(kind, a.Trigger.Type()) }) {
		return ""
	}
	return fmt.Sprintf("; it is passed over: the pipeline respects the quiet period from %s to %s, in which triggers of type %q start nothing",
		q.Start.Format(time.RFC3339), q.End.Format(time.RFC3339), a.Trigger.Type())
}
