package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
)

// windowTime is how long a stage waits for its execution window at the most.
const windowTime = 7 * 24 * time.Hour

// ExecutionWindow is the stage type that the engine inserts before a stage that is restricted to certain times. Days
// and hours are those of the zone given.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/RestrictExecutionDuringTimeWindow.java. The jitter counts from
// the opening of the window here, so that what waited over night does not start all at once in the morning.
func ExecutionWindow(zone *time.Location) Definition {
	return Definition{
		Type: engine.WindowType, Tasks: []string{"suspendExecutionDuringTimeWindow", "waitForJitter"}, Timeout: windowTime,
		Run: func(_ context.Context, c Context) engine.Result { return awaitWindow(c, zone) },
	}
}

// windowState is what a window stage remembers.
type windowState struct {
	// Opened is when the window was found open, in milliseconds since 1970: the jitter counts from it. 0: it was not yet.
	Opened int64 `json:"opened"`
}

// awaitWindow looks anew each time: a window may have opened and closed while the execution was paused, or the agent away.
func awaitWindow(c Context, zone *time.Location) engine.Result {
	if skip, _ := engine.Bool(c.Config["skipRemainingWait"]); skip {
		return succeeded()
	}
	var state windowState
	if len(c.Work.State) > 0 {
		if err := json.Unmarshal(c.Work.State, &state); err != nil {
			return failed("read the state of the execution window: %v", err)
		}
	}
	config, _ := c.Config["restrictedExecutionWindow"].(map[string]any)
	delay := jitter(config, c)
	if state.Opened != 0 {
		if until := time.UnixMilli(state.Opened).Add(delay); c.Now.Before(until) {
			return waitUntil(c.Now, until)
		}
		// The jitter may end behind the window in which it began.
		began := c.Now.Add(-delay).In(zone)
		if opens, err := opening(config, began); err == nil && opens.Equal(began) {
			return succeeded()
		}
	}
	opens, err := opening(config, c.Now.In(zone))
	if err != nil {
		result := failed("Exception occurred while calculating time window: %v", err)
		result.Context = map[string]any{"failureReason": result.Message}
		return result
	}
	switch {
	case opens.After(c.Now):
		return heldUntil(c, opens, windowState{}, delay)
	case delay > 0:
		return heldUntil(c, opens.Add(delay), windowState{Opened: opens.UnixMilli()}, 0)
	default:
		return succeeded()
	}
}

// heldUntil looks again at a time; that much later the stage will start.
func heldUntil(c Context, at time.Time, state windowState, later time.Duration) engine.Result {
	kept, err := json.Marshal(state)
	if err != nil {
		return failed("keep the state of the execution window: %v", err)
	}
	result := waitUntil(c.Now, at)
	result.State, result.Scheduled = kept, at.Add(later)
	return result
}

// jitter is how long after the opening a stage starts. It is spread by the stage's id, so that it stays the same when
// it is computed again.
func jitter(config map[string]any, c Context) time.Duration {
	options, _ := config["jitter"].(map[string]any)
	enabled, _ := engine.Bool(options["enabled"])
	longest, _ := engine.Span(options["maxDelay"], time.Second)
	shortest, _ := engine.Span(options["minDelay"], time.Second)
	if skip, _ := engine.Bool(options["skipManual"]); !enabled || longest <= 0 || skip && c.Execution.Trigger.Type() == "manual" {
		return 0
	}
	if longest <= shortest {
		return longest
	}
	hash := fnv.New64a()
	fmt.Fprint(hash, c.Stage.ID)
	steps := uint64((longest-shortest)/time.Second) + 1
	return shortest + time.Duration(hash.Sum64()%steps)*time.Second
}

// errNoWindow has Orca's text.
var errNoWindow = errors.New("Incorrect time windows specified") //lint:ignore ST1005 Spinnaker's users know this text

// span is a part of a day, from a minute up to another one that is still inside.
type span struct{ fromHour, fromMinute, toHour, toMinute int }

// opening returns when a window is open at or after now, in now's zone.
func opening(config map[string]any, now time.Time) (time.Time, error) {
	days, err := weekdays(config["days"])
	if err != nil {
		return time.Time{}, err
	}
	spans, err := spansOf(config["whitelist"])
	if err != nil {
		return time.Time{}, err
	}
	if len(days) == 0 && len(spans) == 0 {
		return time.Time{}, errNoWindow
	}
	if len(spans) == 0 {
		spans = []span{{0, 0, 23, 59}}
	}
	const week = 7
	for offset := range week + 1 {
		day := now.AddDate(0, 0, offset)
		if len(days) > 0 && !days[day.Weekday()] {
			continue
		}
		if at, open := openingOn(day, spans, now); open {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("no window opens within a week")
}

// CheckWindow says what is wrong with an execution window, or nil: one that never opens is wrong.
func CheckWindow(config map[string]any) error {
	_, err := opening(config, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	return err
}

// openingOn returns when the first of the spans of a day is open at or after now.
func openingOn(day time.Time, spans []span, now time.Time) (first time.Time, open bool) {
	year, month, date := day.Date()
	at := func(hour, minute int) time.Time {
		return time.Date(year, month, date, hour, minute, 0, 0, day.Location())
	}
	for _, s := range spans {
		begin, end := at(s.fromHour, s.fromMinute), at(s.toHour, s.toMinute).Add(time.Minute)
		if !now.Before(end) {
			continue
		}
		if begin.Before(now) {
			begin = now
		}
		if !open || begin.Before(first) {
			first, open = begin, true
		}
	}
	return first, open
}

// weekdays reads the days of a window: 1 is Sunday, 7 is Saturday. None means every day.
func weekdays(value any) (map[time.Weekday]bool, error) {
	listed, _ := value.([]any)
	days := map[time.Weekday]bool{}
	for _, item := range listed {
		n, ok := engine.Number(item)
		if !ok || n != float64(int(n)) || n < 1 || n > 7 {
			return nil, fmt.Errorf("day %v is none: use 1 (Sunday) to 7 (Saturday)", item)
		}
		days[time.Weekday(int(n)-1)] = true
	}
	return days, nil
}

// spansOf reads the hours of a window. One that ends on the next day becomes two.
func spansOf(value any) ([]span, error) {
	listed, _ := value.([]any)
	var spans []span
	for i, item := range listed {
		object, _ := item.(map[string]any)
		var s span
		for _, part := range []struct {
			into  *int
			key   string
			below float64
		}{{&s.fromHour, "startHour", 24}, {&s.fromMinute, "startMin", 60}, {&s.toHour, "endHour", 24}, {&s.toMinute, "endMin", 60}} {
			n, ok := engine.Number(object[part.key])
			if object[part.key] == nil && part.below == 60 {
				n, ok = 0, true
			}
			if !ok || n < 0 || n >= part.below {
				return nil, fmt.Errorf("%s of window %d is %v: use 0 to %v", part.key, i+1, object[part.key], part.below-1)
			}
			*part.into = int(n)
		}
		switch {
		case s.fromHour > s.toHour:
			spans = append(spans, span{0, 0, s.toHour, s.toMinute}, span{s.fromHour, s.fromMinute, 23, 59})
		case s.fromHour == s.toHour && s.fromMinute > s.toMinute:
			return nil, fmt.Errorf("window %d ends before it begins", i+1)
		default:
			spans = append(spans, s)
		}
	}
	return spans, nil
}
