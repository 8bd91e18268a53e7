package masters

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/jenkins/poll"
)

// maxEvents is how many builds a transaction takes in before the next one begins: after a long absence there may be very
// many, and one long transaction would hold up all other work.
const maxEvents = 100

// parts cuts what a cycle found into results that can be stored one after the other. Each holds whole jobs, so that every
// cursor moves together with the builds that it passes; only its last job takes it over the limit.
func parts(result poll.Result, limit int) iter.Seq[poll.Result] {
	return func(yield func(poll.Result) bool) {
		events, passedOver := byJob(result.Events), byJob(result.PassedOver)
		part := poll.Result{States: map[string]poll.JobState{}}
		for _, job := range slices.Sorted(maps.Keys(result.States)) {
			part.States[job] = result.States[job]
			part.Events = append(part.Events, events[strings.ToLower(job)]...)
			part.PassedOver = append(part.PassedOver, passedOver[strings.ToLower(job)]...)
			if len(part.Events)+len(part.PassedOver) < limit {
				continue
			}
			if !yield(part) {
				return
			}
			part = poll.Result{States: map[string]poll.JobState{}}
		}
		if len(part.States) > 0 {
			yield(part)
		}
	}
}

// byJob groups builds by their job. The case of a name may differ between Jenkins' answers.
func byJob(events []poll.Event) map[string][]poll.Event {
	grouped := map[string][]poll.Event{}
	for _, event := range events {
		job := strings.ToLower(event.FullName)
		grouped[job] = append(grouped[job], event)
	}
	return grouped
}
