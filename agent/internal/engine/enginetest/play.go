package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Step runs a step of a stage in the agent itself, or says that the script does.
type Step func(ex *engine.Execution, stage *spinnaker.Stage, phase engine.Phase, now time.Time) (engine.Result, bool)

// Run plays every case that matches the pattern. step may be nil.
func Run(t *testing.T, pattern string, step Step) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases match %s (%v)", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			play(t, txtar.Parse(data), step)
		})
	}
}

func play(t *testing.T, archive *txtar.Archive, step Step) {
	t.Helper()
	g := &game{t: t, step: step, clock: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	g.launched = g.clock
	g.expressions = spel.New(spel.Config{Now: func() time.Time { return g.clock }})
	g.engine = engine.New(g.expressions)
	var script string
	for _, file := range archive.Files {
		var err error
		switch file.Name {
		case "pipeline.json":
			err = g.pipeline.UnmarshalJSON(file.Data)
		case "trigger.json":
			err = spinnaker.Decode(file.Data, &g.trigger)
		case "script":
			script = string(file.Data)
		default:
			err = fmt.Errorf("unknown file")
		}
		if err != nil {
			t.Fatalf("%s: %v", file.Name, err)
		}
	}
	commands, err := parse(script)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		if err := g.do(c); err != nil {
			t.Fatalf("script %s: %v\n%s", c, err, g.state())
		}
	}
}

// game is a case under way.
type game struct {
	t      *testing.T
	step   Step
	engine *engine.Engine
	// expressions is the language of the stages' contexts.
	expressions *spel.Engine
	pipeline    spinnaker.Pipeline
	trigger     spinnaker.Trigger
	ex          *engine.Execution

	clock, launched time.Time
	lastID          int

	refused       string
	notifications []string
	completions   int
}

func (g *game) id() string {
	g.lastID++
	return fmt.Sprintf("id%03d", g.lastID)
}

func (g *game) do(c command) error {
	switch c.word(0) {
	case "clock":
		at, err := time.Parse(time.RFC3339, c.word(1))
		g.clock, g.launched = at, at
		return err
	case "start":
		return g.start(c)
	case "launch":
		return g.failLaunch(c)
	case "at":
		offset, err := time.ParseDuration(c.word(1))
		if err != nil {
			return err
		}
		return g.passUntil(g.launched.Add(offset))
	case "slot":
		return g.advance(engine.Event{Kind: engine.EventSlot})
	case "expect":
		return g.expect(c)
	case "begin", "late", "clean":
		return g.outOfTurn(c)
	}
	if stage := g.stage(c.word(0)); stage != nil {
		return g.stageCommand(stage, c)
	}
	return g.userCommand(c)
}

// failLaunch launches a pipeline that can not be launched, and goes on with the record of it.
func (g *game) failLaunch(c command) error {
	_, err := g.engine.Launch(g.pipeline, g.trigger, engine.LaunchOptions{}, g.clock, g.id)
	if err != nil {
		g.ex = g.engine.LaunchFailed(g.pipeline, g.trigger, engine.LaunchOptions{}, g.clock, g.id, err)
	}
	return same("error", fmt.Sprint(err), c.word(2))
}

func (g *game) start(c command) error {
	ex, err := g.engine.Launch(g.pipeline, g.trigger, engine.LaunchOptions{}, g.clock, g.id)
	if err != nil {
		return err
	}
	g.ex = ex
	ex.Waiting = c.word(1) == "waiting"
	return g.advance()
}

func (g *game) userCommand(c command) error {
	event := engine.Event{User: c.word(0)}
	switch c.word(1) {
	case "cancels":
		event.Kind, event.Reason = engine.EventCancel, c.word(2)
	case "pauses":
		event.Kind = engine.EventPause
	case "resumes":
		event.Kind = engine.EventResume
	case "restarts":
		event.Kind = engine.EventRestart
	case "patches":
		event.Kind = engine.EventPatch
		if err := spinnaker.Decode([]byte(c.word(3)), &event.Values); err != nil {
			return err
		}
	default:
		return fmt.Errorf("there is no such command, and no stage with that refId")
	}
	if c.word(1) == "restarts" || c.word(1) == "patches" {
		stage := g.stage(c.word(2))
		if stage == nil {
			return fmt.Errorf("no stage has the refId %q", c.word(2))
		}
		event.StageID = stage.ID
	}
	switch option := c.word(3); {
	case c.word(1) != "restarts" || option == "":
	case strings.HasPrefix(option, "{"):
		if err := spinnaker.Decode([]byte(option), &event.Values); err != nil {
			return err
		}
	default:
		event.Values = map[string]any{option: true}
	}
	return g.advance(event)
}

func (g *game) stageCommand(stage *spinnaker.Stage, c command) error {
	phase := engine.PhaseRun
	var r engine.Result
	rest := c.word(2)
	switch verb := c.word(1); {
	case verb == "succeeds":
		r.Status = spinnaker.Succeeded
		if rest != "" {
			if err := spinnaker.Decode([]byte(rest), &r.Outputs); err != nil {
				return err
			}
		}
	case verb == "fails" && rest == "finally":
		r = engine.Result{Status: spinnaker.Terminal, Class: engine.ClassFailed, Message: c.word(3), Final: true}
	case verb == "fails":
		r = engine.Result{Status: spinnaker.Terminal, Class: engine.ClassFailed, Message: rest}
	case verb == "is" && rest == "retried":
		r = engine.Result{Status: spinnaker.Running, Class: engine.ClassRetryable, Message: c.word(3)}
	case verb == "is" && rest == "canceled":
		r = engine.Result{Status: spinnaker.Canceled, Message: c.word(3)}
	case verb == "runs":
		pause, err := time.ParseDuration(rest)
		if err != nil {
			return err
		}
		r = engine.Result{Status: spinnaker.Running, RequeueAfter: pause}
	case verb == "awaits":
		r = engine.Result{Status: spinnaker.Running, Awaits: rest}
	case verb == "ends":
		if err := spinnaker.Decode([]byte(rest), &r); err != nil {
			return err
		}
	case verb == "cleans":
		phase, r.Status = engine.PhaseCancel, spinnaker.Canceled
	default:
		return fmt.Errorf("a stage can not %q", verb)
	}
	w := g.ex.Work[stage.ID]
	if w.Phase != phase && w.Held == nil {
		return fmt.Errorf("the phase of stage %s is %q, not %q", stage.RefID, w.Phase, phase)
	}
	engine.BeginStep(g.ex, stage)
	if phase == engine.PhaseRun && r.Evaluated == nil {
		evaluation := engine.EvaluateContext(context.Background(), g.expressions, g.ex, stage, nil)
		r.Evaluated, r.Literals = evaluation.Context, evaluation.Literals
	}
	return g.advance(engine.Event{Kind: engine.EventResult, StageID: stage.ID, Result: &r, Phase: phase, Attempt: w.Attempt})
}

// outOfTurn handles the commands about steps that run while other things happen.
func (g *game) outOfTurn(c command) error {
	words := c.words[1:]
	if c.word(0) == "clean" {
		words = c.words[2:] // clean up
	}
	if len(words) == 0 || g.stage(words[0]) == nil {
		return fmt.Errorf("which stage?")
	}
	stage := g.stage(words[0])
	if c.word(0) == "begin" {
		engine.BeginStep(g.ex, stage)
		return nil
	}
	event := engine.Event{Kind: engine.EventResult, StageID: stage.ID, Phase: engine.PhaseRun, Result: &engine.Result{},
		Attempt: g.ex.Work[stage.ID].Attempt}
	if c.word(0) == "clean" {
		event.Phase = engine.PhaseCancel
	}
	if len(words) == 4 && words[1] == "attempt" {
		if _, err := fmt.Sscan(words[2], &event.Attempt); err != nil {
			return err
		}
	}
	if err := spinnaker.Decode([]byte(words[len(words)-1]), event.Result); err != nil {
		return err
	}
	return g.advance(event)
}

// advance applies events, and runs what the agent itself runs until nothing of that is due.
func (g *game) advance(events ...engine.Event) error {
	for i := range events {
		events[i].At = g.clock
	}
	for range 1000 {
		if err := g.once(events); err != nil {
			return err
		}
		event, due := g.ownStep()
		if !due {
			return Healthy(g.ex)
		}
		events = []engine.Event{event}
	}
	return fmt.Errorf("after 1000 steps something is still due at once")
}

func (g *game) once(events []engine.Event) error {
	changes, err := g.engine.Advance(g.ex, events, g.clock, g.id)
	if err != nil {
		return err
	}
	for _, n := range changes.Notifications {
		name := strings.TrimPrefix(n.Type, "orca:")
		if stage := g.ex.Stage(n.StageID); stage != nil {
			name += ":" + stage.RefID
		}
		g.notifications = append(g.notifications, name)
	}
	if changes.Completed {
		g.completions++
	}
	for _, refusal := range changes.Refused {
		g.refused = refusal.Reason
	}
	g.ex, err = Reload(g.ex)
	return err
}

// ownStep runs a due step that the agent runs itself.
func (g *game) ownStep() (engine.Event, bool) {
	if g.step == nil {
		return engine.Event{}, false
	}
	for _, stage := range g.ex.Stages {
		w := g.ex.Work[stage.ID]
		if w == nil || w.Due.After(g.clock) || w.Phase != engine.PhaseRun && w.Phase != engine.PhaseCancel {
			continue
		}
		engine.BeginStep(g.ex, stage)
		if result, own := g.step(g.ex, stage, w.Phase, g.clock); own {
			return engine.Event{Kind: engine.EventResult, StageID: stage.ID, Result: &result, Phase: w.Phase,
				Attempt: w.Attempt, At: g.clock}, true
		}
	}
	return engine.Event{}, false
}

// passUntil lets time pass: whatever becomes due on the way happens at its time.
func (g *game) passUntil(end time.Time) error {
	if end.Before(g.clock) {
		return fmt.Errorf("the time is past already")
	}
	for range 10000 {
		next, stage := g.nextDue(end)
		if stage == nil {
			g.clock = end
			return nil
		}
		g.clock = next
		if err := g.advance(engine.Event{Kind: engine.EventTimer, StageID: stage.ID}); err != nil {
			return err
		}
	}
	return fmt.Errorf("time does not pass: something is due again and again")
}

// nextDue returns the stage that is due next after the present time, up to end.
func (g *game) nextDue(end time.Time) (time.Time, *spinnaker.Stage) {
	var first *spinnaker.Stage
	at := end
	for _, stage := range g.ex.Stages {
		w := g.ex.Work[stage.ID]
		if w == nil || w.Phase == engine.PhaseIdle {
			continue
		}
		due := w.Due
		if !due.After(g.clock) {
			due = w.Deadline // the step is late; the time-out comes all the same
		}
		if due.After(g.clock) && !due.After(at) && (first == nil || due.Before(at)) {
			first, at = stage, due
		}
	}
	return at, first
}

// Reload returns an execution as the store gives it back: it goes through JSON.
func Reload(ex *engine.Execution) (*engine.Execution, error) {
	shown, err := json.Marshal(ex.Execution)
	if err != nil {
		return nil, err
	}
	work, err := json.Marshal(ex.Work)
	if err != nil {
		return nil, err
	}
	again := &engine.Execution{Execution: &spinnaker.Execution{}, Waiting: ex.Waiting}
	if err := json.Unmarshal(shown, again.Execution); err != nil {
		return nil, err
	}
	return again, spinnaker.Decode(work, &again.Work)
}

// Healthy checks what must hold whenever Advance is done: an execution under way has something to do or waits for an
// event with a name, and one that has ended has nothing to do.
func Healthy(ex *engine.Execution) error {
	if ex.Status.Complete() {
		for _, stage := range ex.Stages {
			if w := ex.Work[stage.ID]; !stage.Status.Complete() && stage.Status != spinnaker.NotStarted || w != nil && w.Phase != engine.PhaseIdle {
				return fmt.Errorf("the execution has ended, but stage %s is %s with phase %q", stage.RefID, stage.Status, w.Phase)
			}
		}
		return nil
	}
	busy := ex.Waiting || ex.Status == spinnaker.Paused
	for _, stage := range ex.Stages {
		w := ex.Work[stage.ID]
		if w == nil {
			continue
		}
		busy = busy || w.Phase != engine.PhaseIdle || w.Awaits != ""
		if w.Phase != engine.PhaseIdle && (w.Due.IsZero() || stage.Status != spinnaker.Running && stage.Status != spinnaker.Paused) {
			return fmt.Errorf("stage %s is %s with phase %q, due %s", stage.RefID, stage.Status, w.Phase, w.Due)
		}
	}
	if !busy {
		return fmt.Errorf("the execution is %s, but nothing is due and nothing is awaited", ex.Status)
	}
	return nil
}

func (g *game) stage(ref string) *spinnaker.Stage {
	if g.ex == nil {
		return nil
	}
	for _, stage := range g.ex.Stages {
		if stage.RefID == ref {
			return stage
		}
	}
	return nil
}
