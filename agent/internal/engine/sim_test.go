package engine_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

var (
	simTime = flag.Duration("sim.time", time.Second, "how long to simulate random pipelines")
	simSeed = flag.Uint64("sim.seed", 0, "simulate the one pipeline with this seed")
)

// TestSimulation plays random pipelines on a virtual clock: graphs, failure choices, time-outs, inserted stages, retries,
// cancels, pauses, lost steps and needless timers. After every change invariants are checked, and the statuses are
// compared with those of a naive model that knows nothing of the engine.
func TestSimulation(t *testing.T) {
	forSeeds(t, func(seed uint64) { simulate(t, seed) })
}

// forSeeds plays the seed that was asked for; else 20 seeds that never change, and then fresh ones for a while.
func forSeeds(t *testing.T, one func(seed uint64)) {
	if *simSeed != 0 {
		one(*simSeed)
		return
	}
	for seed := uint64(1); seed <= 20; seed++ {
		one(seed)
	}
	fresh := uint64(time.Now().UnixNano())
	t.Logf("fresh seeds from %d", fresh)
	end := time.Now().Add(*simTime)
	for seed := fresh; !t.Failed(); seed++ {
		one(seed)
		if time.Now().After(end) {
			return
		}
	}
}

// world is a random pipeline under way.
type world struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand
	engine *engine.Engine
	ex     *engine.Execution
	model  *model
	clock  time.Time
	ids    int

	plans       map[string]*plan
	completions int
	log         []string
}

// plan is what a stage will do.
type plan struct {
	steps  int
	end    spinnaker.Status
	insert bool
}

func simulate(t *testing.T, seed uint64) {
	t.Helper()
	w := &world{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), engine: engine.New(spel.New(spel.Config{})),
		clock: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), plans: map[string]*plan{},
	}
	w.launch()
	w.advance()
	for round := 0; !w.ex.Status.Complete(); round++ {
		if round > 20_000 {
			w.fail("the execution does not end")
		}
		w.act()
		if t.Failed() {
			return
		}
	}
	if w.completions != 1 {
		w.fail("the end was published %d times", w.completions)
	}
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	last := w.log[max(0, len(w.log)-40):]
	w.t.Fatalf("seed %d: %s\n%s\n%s", w.seed, fmt.Sprintf(format, args...), strings.Join(last, "\n"), w.shown())
}

func (w *world) shown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", w.clock.Format(time.TimeOnly), w.ex.Status)
	for _, s := range w.ex.Stages {
		work, _ := json.Marshal(w.ex.Work[s.ID])
		fmt.Fprintf(&b, "  %-8s %-15s model %-15s after %v %s\n", s.RefID, s.Status, w.model.status[s.RefID], s.Requisites, work)
	}
	return b.String()
}

func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

// launch makes a random pipeline.
func (w *world) launch() {
	n := 1 + w.random.IntN(40)
	w.model = &model{status: map[string]spinnaker.Status{}, requires: map[string][]string{}, failAfter: map[string]bool{}}
	var stages []any
	for i := range n {
		ref := fmt.Sprint(i)
		context := map[string]any{"refId": ref, "type": "work"}
		var requires []any
		for range w.random.IntN(3) {
			if i > 0 {
				other := fmt.Sprint(w.random.IntN(i))
				requires = append(requires, other)
				w.model.requires[ref] = append(w.model.requires[ref], other)
			}
		}
		context["requisiteStageRefIds"] = requires
		switch w.random.IntN(5) {
		case 0:
			context["failPipeline"] = false
		case 1:
			context["failPipeline"], context["completeOtherBranchesThenFail"] = false, true
			w.model.failAfter[ref] = true
		case 2:
			context["continuePipeline"] = true
		}
		if w.chance(20) {
			context["stageTimeoutMs"] = w.random.IntN(60_000)
		}
		if w.chance(10) {
			context["stageEnabled"] = map[string]any{"type": "expression", "expression": "false"}
			w.model.skips = append(w.model.skips, ref)
		}
		w.plans[ref] = &plan{steps: 1 + w.random.IntN(4), end: spinnaker.Succeeded, insert: w.chance(15)}
		if w.chance(15) {
			w.plans[ref].end = []spinnaker.Status{spinnaker.Terminal, spinnaker.Stopped, spinnaker.Canceled, spinnaker.Skipped}[w.random.IntN(4)]
		}
		w.model.order = append(w.model.order, ref)
		w.model.status[ref] = spinnaker.NotStarted
		stages = append(stages, context)
	}
	pipeline, err := spinnaker.PipelineOf(map[string]any{"application": "shop", "name": "p", "stages": stages})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.ex, err = w.engine.Launch(pipeline, nil, engine.LaunchOptions{}, w.clock, w.id); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) id() string {
	w.ids++
	return fmt.Sprintf("id%d", w.ids)
}

// act does one random thing.
func (w *world) act() {
	switch {
	case w.chance(1) && w.chance(30):
		w.note("ann cancels")
		w.model.cancel()
		w.advance(engine.Event{Kind: engine.EventCancel, User: "ann"})
		return
	case w.ex.Status == spinnaker.Paused && w.chance(20):
		w.note("ann resumes")
		w.model.paused = false
		w.advance(engine.Event{Kind: engine.EventResume, User: "ann"})
		return
	case w.ex.Status == spinnaker.Running && w.chance(2) && !w.model.ending():
		w.note("ann pauses")
		w.model.paused = true
		w.advance(engine.Event{Kind: engine.EventPause, User: "ann"})
		return
	}
	if held := w.held(); len(held) > 0 && w.chance(20) {
		w.step(held[w.random.IntN(len(held))], engine.PhaseRun) // it was running when the execution was paused
		return
	}
	due := w.due()
	if len(due) == 0 || w.chance(20) {
		w.pass()
		return
	}
	stage := due[w.random.IntN(len(due))]
	work := w.ex.Work[stage.ID]
	if work.Phase == engine.PhaseTimer || w.chance(5) {
		w.note("timer %s", stage.RefID)
		w.advance(engine.Event{Kind: engine.EventTimer, StageID: stage.ID})
		return
	}
	if stage.Status.Complete() {
		w.fail("a step of stage %s is due although it has ended", stage.RefID)
	}
	if w.chance(10) {
		w.note("step %s/%d is lost in a crash", stage.RefID, work.Step)
		return
	}
	w.step(stage, work.Phase)
}

// step does a step of a stage and hands in its result, now and then twice.
func (w *world) step(stage *spinnaker.Stage, phase engine.Phase) {
	work := w.ex.Work[stage.ID]
	result := w.perform(stage, work, phase)
	w.note("step %s/%d %s: %s %s", stage.RefID, work.Step, phase, result.Status, result.Class)
	event := engine.Event{Kind: engine.EventResult, StageID: stage.ID, Result: &result, Phase: phase, Attempt: work.Attempt}
	w.advance(event)
	if w.chance(5) {
		event.Attempt++ // a result of another attempt means nothing
		w.advance(event)
	}
}

// due lists the stages that may be looked at.
func (w *world) due() []*spinnaker.Stage {
	var due []*spinnaker.Stage
	for _, s := range w.ex.Stages {
		if work := w.ex.Work[s.ID]; work != nil && work.Phase != engine.PhaseIdle && !work.Due.After(w.clock) {
			due = append(due, s)
		}
	}
	return due
}

// held lists the stages whose step a pause has set aside.
func (w *world) held() []*spinnaker.Stage {
	var held []*spinnaker.Stage
	for _, s := range w.ex.Stages {
		if work := w.ex.Work[s.ID]; work != nil && work.Held != nil && work.Held.Phase == engine.PhaseRun {
			held = append(held, s)
		}
	}
	return held
}

// pass lets time pass until something is due.
func (w *world) pass() {
	var next time.Time
	for _, s := range w.ex.Stages {
		if work := w.ex.Work[s.ID]; work != nil && work.Due.After(w.clock) && (next.IsZero() || work.Due.Before(next)) {
			next = work.Due
		}
	}
	if next.IsZero() || w.chance(30) {
		next = w.clock.Add(time.Duration(w.random.IntN(5000)) * time.Millisecond)
	}
	w.clock = next
}

// perform is what a stage does in a step.
func (w *world) perform(stage *spinnaker.Stage, work *engine.Work, phase engine.Phase) engine.Result {
	if phase == engine.PhaseCancel {
		if w.chance(20) {
			return engine.Result{Status: spinnaker.Running, Class: engine.ClassRetryable, Message: "away"}
		}
		return engine.Result{Status: spinnaker.Canceled}
	}
	if w.chance(10) {
		return engine.Result{Status: spinnaker.Running, Class: engine.ClassRetryable, Message: "away", Timeout: time.Hour}
	}
	p := w.plans[stage.RefID]
	if p == nil { // inserted
		p = &plan{steps: 1, end: spinnaker.Succeeded}
		if w.chance(10) {
			p.end = spinnaker.Terminal
		}
	}
	if work.Step < p.steps {
		result := engine.Result{Status: spinnaker.Running, RequeueAfter: time.Duration(w.random.IntN(10_000)) * time.Millisecond}
		if p.insert && work.Step == 1 {
			for range 1 + w.random.IntN(3) {
				owner := []spinnaker.Owner{spinnaker.StageBefore, spinnaker.StageAfter}[w.random.IntN(2)]
				result.Insert = append(result.Insert, engine.Inserted{Owner: owner, Type: "check", Parallel: w.chance(50),
					OnFailure: owner == spinnaker.StageAfter && w.chance(50)})
			}
		}
		return result
	}
	return engine.Result{Status: p.end, Message: "as planned"}
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, w.clock.Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// advance applies events and checks what came of it.
func (w *world) advance(events ...engine.Event) {
	w.t.Helper()
	changes, err := w.engine.Advance(w.ex, events, w.clock, w.id)
	if err != nil {
		w.fail("advance: %v", err)
	}
	if changes.Completed {
		w.completions++
	}
	if w.chance(20) {
		w.reload()
	}
	w.healthy()
	w.compare()
}

// reload forgets all that the store does not keep.
func (w *world) reload() {
	shown, _ := json.Marshal(w.ex.Execution)
	work, _ := json.Marshal(w.ex.Work)
	again := &engine.Execution{Execution: &spinnaker.Execution{}}
	if err := json.Unmarshal(shown, again.Execution); err != nil {
		w.fail("%v", err)
	}
	if err := json.Unmarshal(work, &again.Work); err != nil {
		w.fail("%v", err)
	}
	w.ex = again
}

// healthy checks that an execution under way has something to do, and one that has ended has nothing.
func (w *world) healthy() {
	w.t.Helper()
	busy := false
	for _, s := range w.ex.Stages {
		work := w.ex.Work[s.ID]
		if work == nil {
			continue
		}
		if work.Phase != engine.PhaseIdle || work.Awaits != "" {
			busy = true
			if s.Status != spinnaker.Running && s.Status != spinnaker.Paused {
				w.fail("stage %s is %s and still has something to do", s.RefID, s.Status)
			}
		}
		if work.Phase != engine.PhaseIdle && work.Due.IsZero() {
			w.fail("stage %s has the phase %q and is never due", s.RefID, work.Phase)
		}
	}
	if w.ex.Status == spinnaker.Paused {
		return // it waits for its user
	}
	if busy == w.ex.Status.Complete() {
		w.fail("the execution is %s; has it something to do? %v", w.ex.Status, busy)
	}
}

// compare tells the model which stages have ended, and compares all statuses with its own.
func (w *world) compare() {
	w.t.Helper()
	for _, s := range w.ex.Stages {
		if s.ParentStageID == "" && s.Status.Complete() {
			w.model.ended(s.RefID, s.Status)
		}
	}
	w.model.settle()
	for _, s := range w.ex.Stages {
		if s.ParentStageID != "" {
			continue
		}
		found := s.Status
		if found == spinnaker.Paused {
			found = spinnaker.Running
		}
		if expected := w.model.status[s.RefID]; found != expected && !(w.model.ending() && expected == spinnaker.Running) {
			w.fail("stage %s is %s, the model says %s", s.RefID, found, expected)
		}
	}
	found := w.ex.Status
	if found == spinnaker.Paused {
		found = spinnaker.Running
	}
	if expected := w.model.result(); found != expected {
		w.fail("the execution is %s, the model says %s", found, expected)
	}
}

// model is the naive view of an execution: statuses of its top-level stages, and rules said in the fewest words.
type model struct {
	order     []string
	status    map[string]spinnaker.Status
	requires  map[string][]string
	failAfter map[string]bool
	skips     []string
	canceled  bool
	paused    bool
}

func (m *model) cancel() { m.canceled = true }

// ended notes that a stage has ended.
func (m *model) ended(ref string, status spinnaker.Status) { m.status[ref] = status }

func (m *model) any(statuses ...spinnaker.Status) bool {
	return slices.ContainsFunc(m.order, func(ref string) bool { return slices.Contains(statuses, m.status[ref]) })
}

// ending: nothing new starts.
func (m *model) ending() bool { return m.canceled || m.any(spinnaker.Terminal, spinnaker.Canceled) }

// settle starts what can start.
func (m *model) settle() {
	for again := !m.ending() && !m.paused; again; {
		again = false
		for _, ref := range m.order {
			if m.status[ref] != spinnaker.NotStarted {
				continue
			}
			ready := !slices.ContainsFunc(m.requires[ref], func(required string) bool {
				return !slices.Contains([]spinnaker.Status{spinnaker.Succeeded, spinnaker.FailedContinue, spinnaker.Skipped}, m.status[required])
			})
			switch {
			case !ready:
			case slices.Contains(m.skips, ref):
				m.status[ref] = spinnaker.Skipped
				again = true
			default:
				m.status[ref] = spinnaker.Running
			}
		}
	}
}

// result is the status of the execution.
func (m *model) result() spinnaker.Status {
	switch {
	case m.any(spinnaker.Running):
		return spinnaker.Running
	case m.any(spinnaker.Terminal):
		return spinnaker.Terminal
	case m.canceled, m.any(spinnaker.Canceled):
		return spinnaker.Canceled
	case m.paused && m.couldStart():
		return spinnaker.Running
	}
	for ref := range m.failAfter {
		if m.status[ref] == spinnaker.Stopped {
			return spinnaker.Terminal
		}
	}
	return spinnaker.Succeeded
}

// couldStart says whether something would start if the execution were not paused.
func (m *model) couldStart() bool {
	before := fmt.Sprint(m.status)
	again := *m
	again.paused, again.status = false, map[string]spinnaker.Status{}
	for ref, status := range m.status {
		again.status[ref] = status
	}
	again.settle()
	return fmt.Sprint(again.status) != before
}
