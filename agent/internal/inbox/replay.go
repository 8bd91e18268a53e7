package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

// Outcomes of a replay, beside store.Ignored.
const (
	// WouldFire: the event would start the pipeline.
	WouldFire store.Outcome = "would fire"
	// WouldFail: the trigger means the event, and the start would fail.
	WouldFail store.Outcome = "would fail"
)

// Replay says what the triggers as they are now would make of an event, looking up what they need. It starts and stores
// nothing.
func (i *Inbox) Replay(ctx context.Context, id string) (Explained, error) {
	out := Explained{}
	var event trigger.Event
	var armed, off []trigger.Armed
	var now time.Time
	err := i.Store.View(ctx, func(r store.Reader) (err error) {
		if out.Event, err = r.Event(id); err != nil {
			return err
		}
		now = r.Now()
		if event, err = decodeEvent(out.Body); err != nil {
			return err
		}
		if event.Complete() != nil {
			return nil
		}
		armed, off, err = i.Triggers.Armed(r, event.Key())
		return err
	})
	if err != nil {
		return out, err
	}
	if event.Build != nil {
		out.Number = event.Build.Number
	}
	for _, a := range off {
		out.Verdicts = append(out.Verdicts, would(event, a, trigger.Verdict{Reason: disabled(a)}))
	}
	for _, a := range armed {
		verdict := a.Match(event, nil)
		if verdict.Outcome == trigger.NeedsFacts {
			facts, _, _, err := i.lookUp(ctx, event, verdict.PropertyFile)
			if err != nil {
				return out, fmt.Errorf("pipeline %q of %q, trigger %s: %w", a.Pipeline.Name, a.Pipeline.Application, a.Name, err)
			}
			verdict = a.Match(event, facts)
		}
		if quiet := i.QuietPeriod.covers(a, now); quiet != "" && verdict.Outcome != trigger.Ignored {
			verdict = trigger.Verdict{Reason: verdict.Reason + quiet}
		}
		out.Verdicts = append(out.Verdicts, would(event, a, verdict))
	}
	return out, nil
}

func would(event trigger.Event, a trigger.Armed, v trigger.Verdict) store.Verdict {
	outcome := store.Ignored
	switch v.Outcome {
	case trigger.Fires:
		outcome = WouldFire
	case trigger.Refused:
		outcome = WouldFail
	}
	return store.Verdict{EventID: event.ID, Application: a.Pipeline.Application, Pipeline: a.Pipeline.Name,
		PipelineConfigID: a.Pipeline.ID, Trigger: a.Name, Outcome: outcome, Reason: v.Reason}
}
