// Package naive is a second, slow and simple answer to the question how executions go: random pipelines, what their
// users do and when, and a model that says from that alone how every execution and every stage ends. It shares no code
// with the engine, and nothing of its way of working: time jumps from one thing that happens to the next, and after each
// the whole world is looked at again and again until nothing changes any more.
package naive

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// World is some pipelines and what their users do.
type World struct {
	Pipelines  []Pipeline
	Operations []Operation
}

// Pipeline is a pipeline. Limit is how many of its executions may run at the same time; 0 is any number. Expires is when
// an execution must have started, counted from the beginning of the world; 0 is any time.
type Pipeline struct {
	ID      string
	Limit   int
	Keep    bool
	Expires time.Duration
	Stages  []Stage
}

// Stage is a stage of the type work, wait, judgment or pipeline. A work stage does nothing until its time is over, and then
// ends as it is told to.
type Stage struct {
	Ref      string
	Requires []string
	Type     string
	Takes    time.Duration
	Ends     string
	// CleanUp is how long cleaning up takes when the stage is stopped.
	CleanUp time.Duration
	// Choice is what is to happen when the stage fails: "", halt, branch, branchThenFail or ignore.
	Choice string
	// Timeout is the most time that the stage may take; 0 is any.
	Timeout time.Duration
	// Lucky: a time-out counts as success.
	Lucky bool
	// Disabled: the stage's condition does not hold.
	Disabled bool
	// Expires is when the stage must have started, counted from the beginning of the world; 0 is any time.
	Expires time.Duration
	// Opens and Closes are the hours of the day between which the stage may start, if they differ.
	Opens, Closes int
	// Before, After and OnFailure are stages that the stage asks for in its first step.
	Before, After, OnFailure []Stage
	// Parallel: a stage that is asked for does not wait for the one before it.
	Parallel bool
	// Far: the work is done by a plugin, under a claim.
	Far bool
	// Child is the pipeline that a pipeline stage runs; Leave: it does not wait for it.
	Child string
	Leave bool
}

// Operation is what a user does.
type Operation struct {
	At time.Duration
	// Kind is start, cancel, pause, resume or restart; skip for a stage that runs a pipeline, hurry for one that waits, open
	// for the execution window of one, continue and stop for a judgment.
	Kind string
	// Execution is the name of the execution; start gives it. A child has the name of its parent, the stage's refId and
	// its number: A/3#1.
	Execution, Pipeline, Stage string
}

func (o Operation) String() string {
	return strings.TrimSpace(fmt.Sprintf("%-12s %s %s %s %s", o.At, o.Kind, o.Execution, o.Pipeline, o.Stage))
}

// String shows the world as its pipelines' JSON and its operations.
func (w *World) String() string {
	var b strings.Builder
	for _, p := range w.Pipelines {
		data, _ := json.Marshal(p.JSON())
		fmt.Fprintf(&b, "%s\n", data)
	}
	for _, o := range w.Operations {
		fmt.Fprintf(&b, "%s\n", o)
	}
	return b.String()
}

// JSON is the pipeline as the engine takes it.
func (p Pipeline) JSON() map[string]any {
	stages := []any{}
	for _, s := range p.Stages {
		stages = append(stages, s.JSON())
	}
	document := map[string]any{"application": "sim", "name": p.ID, "id": p.ID, "stages": stages, "keepWaitingPipelines": p.Keep}
	if p.Limit == 1 {
		document["limitConcurrent"] = true
	} else if p.Limit > 1 {
		document["maxConcurrentExecutions"] = p.Limit
	}
	if p.Expires > 0 {
		document["startTimeExpiry"] = Beginning().Add(p.Expires).UnixMilli()
	}
	return document
}

// Beginning is when worlds begin: as in the bubbles of testing/synctest.
func Beginning() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// JSON is the stage as the engine takes it.
func (s Stage) JSON() map[string]any {
	document := s.Context()
	document["refId"], document["type"], document["requisiteStageRefIds"] = s.Ref, s.Kind(), texts(s.Requires)
	return document
}

// Kind is the stage's type as the engine knows it.
func (s Stage) Kind() string {
	switch {
	case s.Far:
		return "far"
	case s.Type == "judgment":
		return "manualJudgment"
	default:
		return s.Type
	}
}

// Context is the stage's context.
func (s Stage) Context() map[string]any {
	context := map[string]any{"takes": s.Takes.Milliseconds(), "ends": s.Ends, "cleanUp": s.CleanUp.Milliseconds()}
	if s.Type == "wait" {
		context["waitTime"] = fmt.Sprint(s.Takes.Seconds())
	}
	switch s.Choice {
	case "branch":
		context["failPipeline"] = false
	case "branchThenFail":
		context["failPipeline"], context["completeOtherBranchesThenFail"] = false, true
	case "ignore":
		context["continuePipeline"] = true
	}
	if s.Timeout > 0 {
		context["stageTimeoutMs"] = s.Timeout.Milliseconds()
	}
	if s.Lucky {
		context["markSuccessfulOnTimeout"] = true
	}
	if s.Disabled {
		context["stageEnabled"] = map[string]any{"type": "expression", "expression": "1 == 2"}
	}
	if s.Expires > 0 {
		context["startTimeExpiry"] = Beginning().Add(s.Expires).UnixMilli()
	}
	if s.Opens != s.Closes {
		context["restrictExecutionDuringTimeWindow"] = true
		context["restrictedExecutionWindow"] = map[string]any{"whitelist": []any{
			map[string]any{"startHour": s.Opens, "startMin": 0, "endHour": s.Closes, "endMin": 0}}}
	}
	for key, list := range map[string][]Stage{"before": s.Before, "after": s.After, "onFailure": s.OnFailure} {
		var contexts []any
		for _, inserted := range list {
			context := inserted.Context()
			context["parallel"], context["kind"] = inserted.Parallel, inserted.Kind()
			contexts = append(contexts, context)
		}
		if contexts != nil {
			context[key] = contexts
		}
	}
	if s.Type == "pipeline" {
		context["pipeline"], context["waitForCompletion"], context["skippable"] = s.Child, !s.Leave, true
	}
	return context
}

func texts(list []string) []any {
	out := []any{}
	for _, text := range list {
		out = append(out, text)
	}
	return out
}

// Answer is what a work stage says at the end of a step. An empty status means that it looks again after a while.
type Answer struct {
	Status                   string
	Again                    time.Duration
	Before, After, OnFailure []map[string]any
}

// Work is a step of a work stage with that context: the nth of its attempt, that long after its steps began.
func Work(context map[string]any, step int, elapsed time.Duration) Answer {
	var answer Answer
	if step == 1 {
		answer.Before, answer.After, answer.OnFailure = objects(context["before"]), objects(context["after"]), objects(context["onFailure"])
	}
	if takes := duration(context["takes"]); elapsed < takes {
		answer.Again = takes - elapsed
		return answer
	}
	answer.Status, _ = context["ends"].(string)
	return answer
}

// CleanUp is a clean-up step of a work stage, that long after it was stopped: how long to wait, or 0 when it is done.
func CleanUp(context map[string]any, elapsed time.Duration) time.Duration {
	return max(0, duration(context["cleanUp"])-elapsed)
}

func duration(value any) time.Duration {
	var n int64
	if _, err := fmt.Sscan(fmt.Sprint(value), &n); err != nil {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

func objects(value any) []map[string]any {
	var out []map[string]any
	list, _ := value.([]any)
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			out = append(out, object)
		}
	}
	return out
}

// Patch is what an operation sets in the context of a stage, nil for an operation that sets nothing. The stage is that of
// the refId, which for a window is not the operation's own.
func (o Operation) Patch() (ref string, values map[string]any) {
	switch o.Kind {
	case "skip":
		return o.Stage, map[string]any{"manualSkip": true}
	case "hurry":
		return o.Stage, map[string]any{"skipRemainingWait": true}
	case "open":
		return o.Stage + "<0", map[string]any{"skipRemainingWait": true}
	case "continue", "stop":
		return o.Stage, map[string]any{"judgmentStatus": o.Kind}
	default:
		return o.Stage, nil
	}
}

// Outcome is how an execution ended: its status, how often its end was published, and the status of each stage by refId.
type Outcome struct {
	Status string
	Ends   int
	Stages map[string]string
}

func (o Outcome) String() string {
	var parts []string
	for ref, status := range o.Stages {
		parts = append(parts, ref+"="+status)
	}
	slices.Sort(parts)
	return fmt.Sprintf("%s (ended %d times) %s", o.Status, o.Ends, strings.Join(parts, " "))
}
