package trigger

import (
	"cmp"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/trigger/quartz"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Tick says that the time of a cron trigger has come.
type Tick struct {
	// Expression and Zone are what the time was worked out from, Due is that time.
	Expression string    `json:"expression"`
	Zone       string    `json:"zone"`
	Due        time.Time `json:"due"`
	// Late is set where the time was missed and is made up for.
	Late bool `json:"late,omitempty"`
}

// Schedule is the plan of a cron trigger: its expression, and its zone or else the one given.
func Schedule(t spinnaker.Trigger, zone string) (*quartz.Expression, error) {
	zone = cmp.Or(t.Text("timezone"), zone)
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" {
		return nil, fmt.Errorf("timezone: found %q, expected a zone such as Europe/Berlin", zone)
	}
	expression, err := quartz.Parse(t.Text("cronExpression"), t.Text("id"), location)
	if err != nil {
		return nil, fmt.Errorf("cronExpression: %w", err)
	}
	return expression, nil
}

// matchCron is the rule of type `cron`. The event is for one trigger of one pipeline: a copy of the pipeline, whose trigger
// has the same id, is not meant.
func matchCron(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event) Verdict {
	tick := event.Tick
	if pipeline.ID != event.Source {
		return ignored("the time is that of the trigger %q of pipeline %q", event.Name, event.Source)
	}
	reason := fmt.Sprintf("%s is a time of %q in zone %s", tick.Due.Format(time.RFC3339), tick.Expression, tick.Zone)
	if tick.Late {
		reason += "; it was missed and is made up for"
	}
	return fires(Fires, reason, t, event, map[string]any{})
}
