package stage

import (
	"context"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Wait is the stage type "wait": it lets a time pass, or ends when a user says so. The time counts from when the
// stage's own step began, after its execution window.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/WaitStage.java, tasks/WaitTask.java.
func Wait() Definition {
	return Definition{Type: "wait", Tasks: []string{"wait"}, Run: wait, Validate: func(config map[string]any) []string {
		f := saving(config)
		f.span("waitTime", time.Second, "seconds")
		f.flag("skipRemainingWait")
		return *f.found
	}}
}

// awaitsSkip is the event that ends a wait early.
const awaitsSkip = "skipRemainingWait"

func wait(_ context.Context, c Context) engine.Result {
	if skip, _ := engine.Bool(c.Config["skipRemainingWait"]); skip {
		return succeeded()
	}
	until := c.Work.Began
	if raw := c.Config["waitTime"]; raw != nil {
		length, ok := engine.Span(raw, time.Second)
		if !ok {
			return failed("waitTime is %v, which is not a number of seconds: correct the stage's waitTime", raw)
		}
		until = until.Add(length)
	}
	return waitUntil(c.Now, until)
}

func waitUntil(now, until time.Time) engine.Result {
	if !now.Before(until) {
		return succeeded()
	}
	return engine.Result{Status: spinnaker.Running, RequeueAfter: until.Sub(now), Awaits: awaitsSkip}
}

// WaitUntil is the stage type "waitUntil": it ends at a point in time, given in milliseconds since 1970.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/WaitUntilStage.java.
func WaitUntil() Definition {
	return Definition{Type: "waitUntil", Tasks: []string{"waitUntil"}, Validate: func(config map[string]any) []string {
		f := saving(config)
		if f.missing("epochMillis") {
			f.wrong("epochMillis", "it is missing: until when is to be waited, in milliseconds since 1970?")
		}
		f.span("epochMillis", time.Millisecond, "milliseconds since 1970")
		return *f.found
	}, Run: func(_ context.Context, c Context) engine.Result {
		raw := c.Config["epochMillis"]
		at, ok := engine.Moment(raw)
		if !ok {
			return failed("epochMillis is %s, which is no time in milliseconds since 1970: correct the stage's epochMillis", shown(raw))
		}
		if skip, _ := engine.Bool(c.Config["skipRemainingWait"]); skip {
			return succeeded()
		}
		return waitUntil(c.Now, at)
	}}
}

// shown is a JSON value as an error message shows it.
func shown(value any) string {
	if value == nil {
		return "missing"
	}
	return fmt.Sprintf("%q", fmt.Sprint(value))
}
