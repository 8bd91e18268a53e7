package runner

import (
	"maps"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Stats says what the runner has done since it was made, and what it is doing.
type Stats struct {
	// RunningSteps run outside transactions; FreeSteps more may begin.
	RunningSteps, FreeSteps int
	// Turns and FailedTurns count transactions, Steps what ran outside of them.
	Turns, FailedTurns, Steps int64
	// Ended counts the executions that ended, by status.
	Ended map[spinnaker.Status]int64
	// Renewed is when the store last learnt that this agent is alive.
	Renewed time.Time
}

// Stats returns the present figures.
func (r *Runner) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	stats := r.stats
	stats.Ended = maps.Clone(stats.Ended)
	stats.RunningSteps, stats.FreeSteps, stats.Renewed = len(r.running), len(r.stepSlots), r.renewed
	return stats
}

// count adds a turn that was committed.
func (r *Runner) count(t *turn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Turns++
	r.stats.Steps += int64(len(t.claimed))
	if t.ended {
		if r.stats.Ended == nil {
			r.stats.Ended = map[spinnaker.Status]int64{}
		}
		r.stats.Ended[t.ex.Status]++
	}
}
