package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest/naive"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest/naive/naivestage"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// TestNaive plays random worlds of one execution and compares how its stages end with what a naive model says. Nothing
// that may happen to the engine on the way changes that: steps that are lost and done again, results and timers that come
// twice, an execution that is read again from what the store keeps.
func TestNaive(t *testing.T) {
	compared, worlds := 0, 0
	forSeeds(t, func(seed uint64) {
		worlds++
		if play(t, seed) {
			compared++
		}
	})
	t.Logf("%d worlds, %d of them without two things at once", worlds, compared)
	if compared < worlds*3/4 {
		t.Errorf("only %d of %d worlds could be compared with the model", compared, worlds)
	}
}

// show is a world being played by the engine.
type show struct {
	t       *testing.T
	seed    uint64
	world   *naive.World
	random  *rand.Rand
	engine  *engine.Engine
	advance *engine.Advancer
	stages  *stage.Set
	ex      *engine.Execution
	now     time.Time
	ids     int
	ends    int
	log     []string
}

func play(t *testing.T, seed uint64) (compared bool) {
	t.Helper()
	world := naive.Random(seed, naive.Options{Stages: 40, Pipelines: 1, SkipAny: true})
	expected := naive.Play(world)
	s := &show{t: t, seed: seed, world: world, random: rand.New(rand.NewPCG(seed, 7)), engine: engine.New(spel.New(spel.Config{})), now: naive.Beginning()}
	var err error
	if s.stages, err = stage.NewSet(stage.Wait(), stage.ManualJudgment(nil), stage.ExecutionWindow(time.UTC), naivestage.Work("work"), naivestage.Work("far")); err != nil {
		t.Fatal(err)
	}
	for _, o := range world.Operations {
		s.until(naive.Beginning().Add(o.At))
		s.operate(o)
	}
	s.until(naive.Beginning().AddDate(1, 0, 0))
	if expected.Closest < time.Millisecond {
		return false
	}
	found, want := s.outcome().String(), expected.Outcomes["A"].String()
	if found != want {
		s.fail("found    %s\nexpected %s", found, want)
	}
	return true
}

func (s *show) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("seed %d: %s\n%s\n%s", s.seed, fmt.Sprintf(format, args...), s.world, strings.Join(s.log, "\n"))
}

func (s *show) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf("%-12s ", s.now.Sub(naive.Beginning()))+fmt.Sprintf(format, args...))
}

func (s *show) id() string {
	s.ids++
	return fmt.Sprint("id", s.ids)
}

func (s *show) operate(o naive.Operation) {
	s.note("%s", o)
	if o.Kind == "start" {
		pipeline, err := spinnaker.PipelineOf(s.world.Pipelines[0].JSON())
		if err != nil {
			s.t.Fatal(err)
		}
		if s.ex, err = s.engine.Launch(pipeline, nil, engine.LaunchOptions{}, s.now, s.id); err != nil {
			s.fail("launch: %v", err)
		}
		s.advance = s.engine.Advancer(s.ex)
		s.apply()
		return
	}
	event := engine.Event{Kind: engine.EventKind(o.Kind), User: "ann"}
	ref, values := o.Patch()
	if values != nil {
		event.Kind, event.Values = engine.EventPatch, values
	}
	if ref != "" {
		at := slices.IndexFunc(s.ex.Stages, func(one *spinnaker.Stage) bool { return one.RefID == ref })
		if at < 0 {
			return // a window that the stage has not come to
		}
		event.StageID = s.ex.Stages[at].ID
	}
	s.apply(event)
}

// until lets time pass, and does whatever is due on the way.
func (s *show) until(end time.Time) {
	for range 100_000 {
		next := s.due(end)
		if next == nil {
			s.now = end
			return
		}
		if at := s.ex.Work[next.ID].Due; at.After(s.now) {
			s.now = at
		}
		s.look(next)
	}
	s.fail("something is due again and again")
}

// due returns the stage that is due next, up to a time.
func (s *show) due(end time.Time) (first *spinnaker.Stage) {
	if s.ex == nil {
		return nil
	}
	for _, one := range s.ex.Stages {
		w := s.ex.Work[one.ID]
		if w == nil || w.Phase == engine.PhaseIdle || w.Due.After(end) {
			continue
		}
		if first == nil || w.Due.Before(s.ex.Work[first.ID].Due) {
			first = one
		}
	}
	return first
}

// look does what is to be done with a stage that is due.
func (s *show) look(one *spinnaker.Stage) {
	s.apply(engine.Event{Kind: engine.EventTimer, StageID: one.ID})
	w := s.ex.Work[one.ID]
	if s.ex.Stage(one.ID) == nil || w.Phase != engine.PhaseRun && w.Phase != engine.PhaseCancel || w.Due.After(s.now) {
		return
	}
	one = s.ex.Stage(one.ID)
	if one.Status.Complete() {
		s.fail("a step of stage %s is due although it has ended", one.RefID)
	}
	definition, ok := s.stages.Lookup(one.Type)
	if !ok {
		s.fail("no stage type %q", one.Type)
	}
	engine.BeginStep(s.ex, one)
	step := stage.Step{Execution: s.ex, Stage: one, Phase: w.Phase, Now: s.now, Expressions: spel.New(spel.Config{})}
	result, err := definition.Perform(s.t.Context(), step)
	if err != nil {
		s.fail("%v", err)
	}
	if s.random.IntN(10) == 0 {
		s.note("step %s/%d is lost", one.RefID, w.Step)
		return
	}
	s.note("step %s/%d %s: %s %s", one.RefID, w.Step, w.Phase, result.Status, result.RequeueAfter)
	event := engine.Event{Kind: engine.EventResult, StageID: one.ID, Phase: w.Phase, Attempt: w.Attempt, Result: &result}
	s.apply(event)
	if s.random.IntN(10) == 0 && s.ex.Stage(one.ID) != nil {
		event.Attempt = w.Attempt + 1 // a result of another attempt means nothing
		s.apply(event)
	}
}

// apply hands events to the engine and checks what came of it.
func (s *show) apply(events ...engine.Event) {
	if s.random.IntN(10) == 0 {
		s.reload()
	}
	if s.random.IntN(10) == 0 {
		for _, one := range s.ex.Stages {
			events = append(events, engine.Event{Kind: engine.EventTimer, StageID: one.ID})
		}
	}
	before := s.statuses()
	changes, err := s.advance.Advance(events, s.now, s.id)
	if err != nil {
		s.fail("%v", err)
	}
	if changes.Completed {
		s.ends++
	}
	if err := enginetest.Healthy(s.ex); err != nil {
		s.fail("%v", err)
	}
	for _, one := range s.ex.Stages {
		if before[one.ID] == spinnaker.NotStarted && one.Status == spinnaker.Running {
			s.startsInTime(one)
		}
		if before[one.ID] != one.Status {
			s.note("         stage %s is %s", one.RefID, one.Status)
		}
	}
}

func (s *show) statuses() map[string]spinnaker.Status {
	statuses := map[string]spinnaker.Status{}
	for _, one := range s.ex.Stages {
		statuses[one.ID] = one.Status
	}
	return statuses
}

// startsInTime checks that everything that a stage requires went well before it started.
func (s *show) startsInTime(one *spinnaker.Stage) {
	for _, other := range s.ex.Stages {
		if other.ParentStageID == one.ParentStageID && slices.Contains(one.Requisites, other.RefID) &&
			(!other.Status.Complete() || other.Status.Halt()) {
			s.fail("stage %s started although stage %s is %s", one.RefID, other.RefID, other.Status)
		}
	}
}

func (s *show) reload() {
	again, err := enginetest.Reload(s.ex)
	if err != nil {
		s.fail("%v", err)
	}
	s.ex, s.advance = again, s.engine.Advancer(again)
}

func (s *show) outcome() naive.Outcome {
	outcome := naive.Outcome{Status: string(s.ex.Status), Ends: s.ends, Stages: map[string]string{}}
	for _, one := range s.ex.Stages {
		if one.Type != engine.WindowType {
			outcome.Stages[one.RefID] = string(one.Status)
		}
	}
	return outcome
}
