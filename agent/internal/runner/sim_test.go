package runner_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest/naive"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest/naive/naivestage"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
	"github.com/gennaker/gennaker/api/spinnaker"
)

var (
	simTime = flag.Duration("sim.time", 5*time.Second, "how long to simulate random worlds")
	simSeed = flag.Uint64("sim.seed", 0, "simulate the one world with this seed")
)

// TestWorlds plays random worlds on a virtual clock: pipelines that run each other and wait for each other, users, agents
// that die at any call of the store or stand still for longer than they may, wake-ups that get lost, what users ask for
// coming twice. Whatever happens, every execution is accounted for at any time, its end is published once, and in the end
// all is as a naive model says that knows of none of it. `make sim` plays for longer.
func TestWorlds(t *testing.T) {
	if *simSeed != 0 {
		playWorld(t, *simSeed, new(tally))
		return
	}
	const fixed, limit = 20, 40 * time.Second
	var seen tally
	began := time.Now()
	t.Run("fixed", func(t *testing.T) {
		for seed := uint64(1); seed <= fixed; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				if time.Since(began) < limit { // a slow machine plays fewer
					playWorld(t, seed, &seen)
				}
			})
		}
	})
	fresh := uint64(time.Now().UnixNano())
	t.Logf("fresh seeds from %d", fresh)
	for end, seed := time.Now().Add(*simTime), fresh; !t.Failed(); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playWorld(t, seed, &seen) })
		if time.Now().After(end) {
			break
		}
	}
	worlds, compared := seen.worlds.Load(), seen.compared.Load()
	t.Logf("%d worlds, %d of them compared with the model; %d executions, %d agents died, %d stood still, %d wake-ups were lost",
		worlds, compared, seen.executions.Load(), seen.deaths.Load(), seen.stalls.Load(), seen.lost.Load())
	if worlds < fixed {
		return // too few on this machine for what follows to be sure
	}
	if compared < worlds/4 {
		t.Errorf("only %d of %d worlds could be compared with the model", compared, worlds)
	}
	if seen.deaths.Load() == 0 || seen.lost.Load() == 0 {
		t.Error("too little went wrong for the test to mean something")
	}
}

// tally counts what has happened in worlds.
type tally struct{ worlds, compared, executions, deaths, stalls, lost atomic.Int64 }

func playWorld(t *testing.T, seed uint64, seen *tally) {
	synctest.Test(t, func(t *testing.T) {
		u := newUniverse(t, seed)
		seen.worlds.Add(1)
		if u.play() {
			seen.compared.Add(1)
		}
		seen.executions.Add(int64(len(u.executions())))
		seen.deaths.Add(int64(u.killed))
		seen.lost.Add(int64(u.lost))
		seen.stalls.Add(int64(u.stalls))
	})
}

const (
	// lookEvery is how often an agent looks for work that it was not told of, in worlds that lose wake-ups.
	lookEvery = 20 * time.Second
	// deaths is how many agents die in a world at most. Where there are two of them, fewer: what one had claimed stays so
	// until it counts as dead, which is late for the model.
	deaths, deathsOfTwo = 20, 3
	// renewOfTwo and deadAfterOfTwo are Renew and DeadAfter where there are two agents.
	renewOfTwo, deadAfterOfTwo = 10 * time.Minute, 30 * time.Minute
)

// universe is a world being played by agents on a store.
type universe struct {
	t      *testing.T
	seed   uint64
	world  *naive.World
	random *rand.Rand
	disk   store.Store
	// ids are those of the executions that users have started, by name.
	ids map[string]string
	// retired are the goroutines that have to be waited for in the end.
	retired sync.WaitGroup
	// died says that an agent is dead. Of those that have lived so many were killed, of the most that may be.
	died         chan struct{}
	killed, most int
	// commits counts what agents have written, named the ids that they have given out.
	commits, named atomic.Int64

	mu sync.Mutex
	// doors are what the present agents, one or two, have for a store.
	doors []*door
	// signals counts the wake-ups, lost those of them that did not get through to the agents: one in so many (losing), and so many
	// in all (lose).
	signals, lost, losing, lose int
	// stalls counts how often the process of an agent stood still.
	stalls int
	// deaf is since when no agent knows of work, missed for how long that was in all, and how long work lay with the dead.
	deaf   time.Time
	missed time.Duration
	// telling are the ends that updates under way publish, published how often those that were committed did.
	telling   map[store.Tx][]string
	published map[string]int
}

func newUniverse(t *testing.T, seed uint64) *universe {
	disk, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "gennaker.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	options := naive.Options{Stages: 8, Pipelines: 3}
	if seed%10 == 0 {
		// Rarely, since two things then nearly always happen at about the same time.
		options = naive.Options{Stages: 24, Pipelines: 2}
	}
	u := &universe{
		t: t, seed: seed, world: naive.Random(seed, options), random: rand.New(rand.NewPCG(seed, 3)),
		disk: disk, ids: map[string]string{}, died: make(chan struct{}, 1),
		most: deaths, doors: make([]*door, 1), telling: map[store.Tx][]string{}, published: map[string]int{},
	}
	if u.random.IntN(4) == 0 {
		u.most, u.doors = deathsOfTwo, make([]*door, 2)
	}
	if u.random.IntN(2) == 0 {
		u.losing, u.lose = 1+u.random.IntN(6), 1+u.random.IntN(8)
	}
	done := make(chan struct{})
	for at := range u.doors {
		u.live(at)
	}
	u.retired.Go(func() { u.forward(done) })
	t.Cleanup(func() {
		for _, d := range u.doors {
			d.stop()
		}
		close(done)
		u.retired.Wait()
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	return u
}

// play plays the world, and says whether its end could be compared with the model's.
func (u *universe) play() (compared bool) {
	for _, p := range u.world.Pipelines {
		if err := u.disk.Update(u.t.Context(), func(tx store.Tx) error { return tx.PutPipeline(u.pipeline(p.ID)) }); err != nil {
			u.t.Fatal(err)
		}
	}
	for _, o := range u.world.Operations {
		u.until(naive.Beginning().Add(o.At))
		u.operate(o)
	}
	u.hearAll()
	for range 10 * 24 {
		u.until(time.Now().Add(time.Hour))
		if u.over() {
			break
		}
	}
	if !u.over() {
		u.t.Errorf("seed %d: something never ends\n%s", u.seed, u.world)
	}
	u.audit()
	return u.compare()
}

// live begins the life of an agent in a place.
func (u *universe) live(at int) {
	d := &door{Store: u.disk, universe: u, due: make(chan struct{}, 1), gone: make(chan struct{}), stop: func() {}, lives: 1 << 30, end: ending(u.random.IntN(3))}
	if u.killed < u.most {
		d.lives = 1 + u.random.IntN(40)
	}
	if len(u.doors) > 1 && u.random.IntN(3) == 0 {
		d.stalls = 1 + u.random.IntN(60)
	}
	u.mu.Lock()
	u.doors[at] = d
	u.mu.Unlock()
	for {
		options := testOptions(u.t, d, &far{universe: u, door: d}, naivestage.Work("work"), stage.ExecutionWindow(time.UTC))
		options.Log = slog.New(slog.DiscardHandler)
		options.NewID = func() string { return fmt.Sprintf("%026d", u.named.Add(1)) }
		options.Poll, options.Renew, options.DeadAfter, options.Drain = time.Hour, time.Hour, 4*time.Hour, time.Millisecond
		if len(u.doors) > 1 {
			options.Exclusive, options.Renew, options.DeadAfter = false, renewOfTwo, deadAfterOfTwo
		}
		options.Ended = func(tx store.Tx, ex *spinnaker.Execution) error { return u.tell(tx, ex, "end") }
		options.Notify = func(tx store.Tx, ex *spinnaker.Execution, changes []engine.Notification) error {
			for _, change := range changes {
				if change.Type == "orca:pipeline:complete" || change.Type == "orca:pipeline:failed" {
					return u.tell(tx, ex, "notification")
				}
			}
			return nil
		}
		if u.loses() {
			options.Poll = lookEvery
		}
		r, err := runner.New(u.t.Context(), options)
		if errors.Is(err, errDead) {
			d.revive()
			continue
		}
		if err != nil {
			u.t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		d.agent, d.incarnation = r, options.Incarnation.ID
		d.stop = func() { close(d.gone); cancel() }
		u.retired.Go(func() {
			if err := r.Run(ctx); err != nil {
				u.t.Errorf("run: %v", err)
			}
		})
		return
	}
}

// until lets time pass. When an agent dies, another one takes its place at once.
func (u *universe) until(end time.Time) {
	for {
		timer := time.NewTimer(time.Until(end))
		select {
		case <-u.died:
			timer.Stop()
			u.replace()
			continue
		case <-timer.C:
		}
		synctest.Wait()
		if !u.replace() {
			return
		}
	}
}

// replace gives the places of dead agents to others, and says whether there were any.
func (u *universe) replace() (any bool) {
	for at, d := range u.doors {
		if d.isDead() {
			u.replaceAt(at)
			any = true
		}
	}
	return any
}

func (u *universe) replaceAt(at int) {
	u.killed++
	u.doors[at].stop()
	if len(u.doors) > 1 && u.leftWork(u.doors[at].incarnation) {
		u.mu.Lock()
		u.missed += deadAfterOfTwo + renewOfTwo
		u.mu.Unlock()
	}
	u.live(at)
}

// leftWork says whether an agent has claims.
func (u *universe) leftWork(incarnation string) bool {
	var claims []store.Claim
	err := u.disk.View(u.t.Context(), func(r store.Reader) (err error) {
		claims, err = r.ClaimsOf(incarnation)
		return err
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return len(claims) > 0
}

// anyone is the door of an agent that a user turns to.
func (u *universe) anyone() *door { return u.doors[u.random.IntN(len(u.doors))] }

// operate does what a user does. Who gets no answer asks again.
func (u *universe) operate(o naive.Operation) {
	again := o.Kind != "restart" && u.random.IntN(5) == 0 // the second of two restarts would find what the first has made
	for !u.done(o) {
		err := u.ask(o)
		var refused *spinnaker.Error
		switch {
		case errors.As(err, &refused), err == nil && !again:
			return
		case err != nil && !errors.Is(err, errDead):
			u.t.Fatalf("%s: %v", o, err)
		}
		again = again && err != nil
		synctest.Wait()
		u.replace()
	}
}

// done says whether a restart has taken place, or is about to, although who asked for it was not told.
func (u *universe) done(o naive.Operation) (done bool) {
	id := u.find(o.Execution)
	if o.Kind != "restart" || id == "" {
		return false
	}
	ref := u.stageID(id, o.Stage)
	err := u.disk.View(u.t.Context(), func(r store.Reader) error {
		ex, err := r.Execution(id)
		if err != nil {
			return err
		}
		details, _ := ex.Stage(ref).Context["restartDetails"].(map[string]any)
		at, _ := engine.Number(details["restartTime"])
		events, err := r.ExecutionEvents(id)
		done = int64(at) == time.Now().UnixMilli() || slices.ContainsFunc(events, func(e engine.Event) bool { return e.Kind == engine.EventRestart && e.StageID == ref })
		return err
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return done
}

func (u *universe) ask(o naive.Operation) error {
	asked := u.anyone()
	if o.Kind == "start" {
		return asked.Update(u.t.Context(), func(tx store.Tx) (err error) {
			start := runner.Start{Pipeline: u.pipeline(o.Pipeline), Trigger: spinnaker.Trigger{"user": "ann", "correlationId": o.Execution},
				Alone: u.random.IntN(2) == 0}
			u.ids[o.Execution], _, err = asked.agent.Start(tx, start)
			return err
		})
	}
	ctx, id := u.t.Context(), u.find(o.Execution)
	ref, values := o.Patch()
	stageID := u.stageID(id, ref)
	if id == "" || ref != "" && stageID == "" {
		return nil // no such execution, or no such window
	}
	switch {
	case values != nil:
		return asked.agent.Patch(ctx, id, stageID, "ann", values)
	case o.Kind == "cancel":
		return asked.agent.Cancel(ctx, id, "ann", "enough")
	case o.Kind == "pause":
		return asked.agent.Pause(ctx, id, "ann")
	case o.Kind == "resume":
		return asked.agent.Resume(ctx, id, "ann")
	default:
		return asked.agent.Restart(ctx, id, stageID, "ann", false)
	}
}

// find returns the id of the execution with a name in the model, or "".
func (u *universe) find(name string) string {
	if id, ok := u.ids[name]; ok {
		return id
	}
	for id, other := range u.names() {
		if other == name {
			return id
		}
	}
	return ""
}

// stageID returns the id of a stage of an execution, or "".
func (u *universe) stageID(id, ref string) string {
	if id == "" || ref == "" {
		return ""
	}
	for _, s := range u.execution(id).Stages {
		if s.RefID == ref {
			return s.ID
		}
	}
	return ""
}

func (u *universe) pipeline(id string) spinnaker.Pipeline {
	at := slices.IndexFunc(u.world.Pipelines, func(p naive.Pipeline) bool { return p.ID == id })
	p, err := spinnaker.PipelineOf(u.world.Pipelines[at].JSON())
	if err != nil {
		u.t.Fatal(err)
	}
	return p
}

// tell notes that an update publishes the end of an execution.
func (u *universe) tell(tx store.Tx, ex *spinnaker.Execution, what string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.telling[tx] = append(u.telling[tx], what+" "+endOf(ex))
	return nil
}

// endOf names an end of an execution: when it was, and after which restarts. After one that had to wait, both may be at once.
func endOf(ex *spinnaker.Execution) string {
	var restarts []string
	for _, s := range ex.Stages {
		if details, ok := s.Context["restartDetails"].(map[string]any); ok {
			restarts = append(restarts, fmt.Sprintf("%s at %v", s.RefID, details["restartTime"]))
		}
	}
	return fmt.Sprintf("of %s at %d, restarted %q", ex.ID, ex.EndTime, restarts)
}

// told notes that an update has ended, which was committed or undone.
func (u *universe) told(tx store.Tx, committed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if committed {
		for _, what := range u.telling[tx] {
			u.published[what]++
		}
	}
	delete(u.telling, tx)
}

// audit checks that the end of everything was published, and nothing twice.
func (u *universe) audit() {
	for _, ex := range u.executions() {
		end := endOf(ex)
		if u.published["end "+end] == 0 || ex.Status != spinnaker.Canceled && u.published["notification "+end] == 0 {
			u.t.Errorf("seed %d: the end %s (%s) was not published, or nobody was notified of it", u.seed, end, ex.Status)
		}
	}
	for what, times := range u.published {
		if times != 1 {
			u.t.Errorf("seed %d: the %s was published %d times", u.seed, what, times)
		}
	}
}

// account checks, now and then, that every execution that is not over has something to do, or waits for
// something with a name.
func (u *universe) account() {
	if u.commits.Add(1)%20 != 0 {
		return
	}
	err := u.disk.View(context.Background(), func(r store.Reader) error {
		all, err := r.Executions(store.ExecutionQuery{Brief: true, Statuses: []spinnaker.Status{spinnaker.NotStarted, spinnaker.Running, spinnaker.Paused}})
		if err != nil {
			return err
		}
		for _, one := range all {
			ex, err := r.Execution(one.ID)
			if err != nil {
				return err
			}
			events, err := r.ExecutionEvents(one.ID)
			if err != nil {
				return err
			}
			if err := enginetest.Healthy(ex); err != nil && len(events) == 0 {
				u.t.Errorf("seed %d: %s of %s: %v", u.seed, ex.ID, ex.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		u.t.Error(err)
	}
}

func (u *universe) execution(id string) *engine.Execution {
	var ex *engine.Execution
	err := u.disk.View(context.Background(), func(r store.Reader) (err error) {
		ex, err = r.Execution(id)
		return err
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return ex
}

func (u *universe) executions() []*spinnaker.Execution {
	var all []*spinnaker.Execution
	err := u.disk.View(context.Background(), func(r store.Reader) (err error) {
		all, err = r.Executions(store.ExecutionQuery{OldestFirst: true})
		return err
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return all
}

func (u *universe) over() bool {
	return !slices.ContainsFunc(u.executions(), func(ex *spinnaker.Execution) bool { return !ex.Status.Complete() })
}

// compare compares how all has ended with what the model says. What things at about the same time make of each other is
// left open for as long as the agent did not know of work because wake-ups were lost.
func (u *universe) compare() bool {
	result := naive.Play(u.world)
	found := u.outcomes()
	if late := time.Millisecond + u.missed; result.Closest <= late {
		return false
	}
	for name, expected := range result.Outcomes {
		if found[name].String() != expected.String() {
			u.t.Errorf("seed %d: %s:\nfound    %s\nexpected %s", u.seed, name, found[name], expected)
		}
		delete(found, name)
	}
	for name, outcome := range found {
		u.t.Errorf("seed %d: found an execution %s that the model does not know: %s", u.seed, name, outcome)
	}
	if u.t.Failed() {
		u.t.Logf("after %d deaths\n%s", u.killed, u.world)
	}
	return true
}

// names are the names that all executions have in the model, by their ids.
func (u *universe) names() map[string]string {
	names, children := map[string]string{}, map[string]int{}
	for name, id := range u.ids {
		names[id] = name
	}
	byID := map[string]*spinnaker.Execution{}
	for _, ex := range u.executions() {
		byID[ex.ID] = ex
		if parent := byID[ex.Trigger.Text("parentPipelineId")]; parent != nil {
			stageID := ex.Trigger.Text("parentPipelineStageId")
			children[stageID]++
			names[ex.ID] = fmt.Sprintf("%s/%s#%d", names[parent.ID], parent.Stage(stageID).RefID, children[stageID])
		}
	}
	return names
}

// outcomes are how all executions have ended, by their names in the model.
func (u *universe) outcomes() map[string]naive.Outcome {
	names, out := u.names(), map[string]naive.Outcome{}
	for _, ex := range u.executions() {
		outcome := naive.Outcome{Status: string(ex.Status), Stages: map[string]string{}}
		for what := range u.published {
			if strings.HasPrefix(what, "end of "+ex.ID+" ") {
				outcome.Ends++
			}
		}
		for _, s := range ex.Stages {
			if s.Type != engine.WindowType {
				outcome.Stages[s.RefID] = string(s.Status)
			}
		}
		out[names[ex.ID]] = outcome
	}
	return out
}
