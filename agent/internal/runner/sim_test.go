//go:build sim

package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest/naive"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest/naive/naivestage"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

var (
	simTime = flag.Duration("sim.time", time.Second, "how long to simulate random worlds")
	simSeed = flag.Uint64("sim.seed", 0, "simulate the one world with this seed")
)

// TestWorlds plays random worlds on a virtual clock: pipelines that run each other and wait for each other, users, agents
// that die at any call of the store, wake-ups that get lost, what users ask for coming twice. Whatever happens, every
// execution is accounted for at any time, and in the end all is as a naive model says that knows of none of it. It takes
// minutes under the race detector, and is run by `make sim`.
func TestWorlds(t *testing.T) {
	if *simSeed != 0 {
		playWorld(t, *simSeed, new(tally))
		return
	}
	const fixed, limit = 20, time.Minute
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
	t.Logf("%d worlds, %d of them compared with the model; %d executions, %d agents died, %d wake-ups were lost",
		worlds, compared, seen.executions.Load(), seen.deaths.Load(), seen.lost.Load())
	if worlds < fixed {
		return // too few on this machine for what follows to be sure
	}
	if compared < worlds/3 {
		t.Errorf("only %d of %d worlds could be compared with the model", compared, worlds)
	}
	if seen.deaths.Load() == 0 || seen.lost.Load() == 0 {
		t.Error("too little went wrong for the test to mean something")
	}
}

// tally counts what has happened in worlds.
type tally struct{ worlds, compared, executions, deaths, lost atomic.Int64 }

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
	})
}

const (
	// lookEvery is how often an agent looks for work that it was not told of: what a lost wake-up costs.
	lookEvery = 5 * time.Minute
	// deaths is how many agents die in a world at most.
	deaths = 20
)

// universe is a world being played by agents on a store.
type universe struct {
	t      *testing.T
	seed   uint64
	world  *naive.World
	random *rand.Rand
	disk   store.Store
	ids    map[string]string
	agent  *runner.Runner
	// stop ends the life of the agent; retired are the goroutines that have to be waited for in the end.
	stop    func()
	retired sync.WaitGroup
	// died says that the present agent is dead.
	died   chan struct{}
	killed int
	// commits counts what agents have written.
	commits atomic.Int64

	mu sync.Mutex
	// door is what the present agent has for a store.
	door *door
	// signals counts the wake-ups, lost those of them that did not get through the door; losing are their numbers.
	signals, lost int
	losing        []int
}

func newUniverse(t *testing.T, seed uint64) *universe {
	disk, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "gennaker.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	u := &universe{
		t: t, seed: seed, world: naive.Random(seed, naive.Options{Stages: 8, Pipelines: 3}), random: rand.New(rand.NewPCG(seed, 3)),
		disk: disk, ids: map[string]string{}, died: make(chan struct{}, 1),
	}
	for range max(0, u.random.IntN(6)-3) {
		u.losing = append(u.losing, u.random.IntN(60))
	}
	done := make(chan struct{})
	u.retired.Go(func() { u.forward(done) })
	u.live()
	t.Cleanup(func() {
		u.stop()
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
	for range 10 * 24 {
		u.until(time.Now().Add(time.Hour))
		if u.over() {
			break
		}
	}
	return u.compare()
}

// live begins the life of an agent.
func (u *universe) live() {
	d := &door{Store: u.disk, universe: u, due: make(chan struct{}, 1), lives: 1 << 30}
	if u.killed < deaths {
		d.lives = 1 + u.random.IntN(40)
	}
	u.mu.Lock()
	u.door = d
	u.mu.Unlock()
	for {
		options := testOptions(u.t, d, &far{universe: u, door: d}, naivestage.Work("work"), stage.ExecutionWindow(time.UTC))
		options.Log = slog.New(slog.DiscardHandler)
		options.Poll, options.Renew, options.DeadAfter, options.Drain = time.Hour, time.Hour, 4*time.Hour, time.Millisecond
		if len(u.losing) > 0 {
			options.Poll = lookEvery
		}
		r, err := runner.New(u.t.Context(), options)
		if errors.Is(err, errDead) {
			<-u.died
			d.revive()
			continue
		}
		if err != nil {
			u.t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		u.agent, u.stop = r, cancel
		u.retired.Go(func() {
			if err := r.Run(ctx); err != nil {
				u.t.Errorf("run: %v", err)
			}
		})
		return
	}
}

// until lets time pass. When the agent dies, another one begins its life at once.
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
		if u.alive() {
			return
		}
	}
}

func (u *universe) alive() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.door.isDead()
}

func (u *universe) replace() {
	u.killed++
	u.stop()
	u.live()
}

// operate does what a user does. Who gets no answer asks again.
func (u *universe) operate(o naive.Operation) {
	if o.Kind == "start" {
		err := u.disk.Update(u.t.Context(), func(tx store.Tx) (err error) {
			u.ids[o.Execution], _, err = u.agent.Start(tx, runner.Start{Pipeline: u.pipeline(o.Pipeline), Trigger: spinnaker.Trigger{"user": "ann"}})
			return err
		})
		if err != nil {
			u.t.Fatal(err)
		}
		return
	}
	for {
		err := u.ask(o)
		var refused *spinnaker.Error
		if err == nil && u.random.IntN(5) > 0 || errors.As(err, &refused) {
			return
		}
		if err != nil && !errors.Is(err, errDead) {
			u.t.Fatalf("%s: %v", o, err)
		}
		synctest.Wait()
		select {
		case <-u.died:
			u.replace()
		default:
		}
	}
}

func (u *universe) ask(o naive.Operation) error {
	ctx, id := u.t.Context(), u.ids[o.Execution]
	stageID := ""
	if o.Stage != "" {
		for _, s := range u.execution(id).Stages {
			if s.RefID == o.Stage {
				stageID = s.ID
			}
		}
	}
	switch o.Kind {
	case "cancel":
		return u.agent.Cancel(ctx, id, "ann", "enough")
	case "pause":
		return u.agent.Pause(ctx, id, "ann")
	case "resume":
		return u.agent.Resume(ctx, id, "ann")
	case "restart":
		return u.agent.Restart(ctx, id, stageID, "ann", false)
	default:
		return u.agent.Patch(ctx, id, stageID, "ann", map[string]any{"manualSkip": true})
	}
}

func (u *universe) pipeline(id string) spinnaker.Pipeline {
	at := slices.IndexFunc(u.world.Pipelines, func(p naive.Pipeline) bool { return p.ID == id })
	p, err := spinnaker.PipelineOf(u.world.Pipelines[at].JSON())
	if err != nil {
		u.t.Fatal(err)
	}
	return p
}

// forward hands wake-ups on to the present agent, but for some.
func (u *universe) forward(done chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-u.disk.Due():
		}
		u.mu.Lock()
		u.signals++
		if slices.Contains(u.losing, u.signals) {
			u.lost++
		} else {
			select {
			case u.door.due <- struct{}{}:
			default:
			}
		}
		u.mu.Unlock()
	}
}

// door is the store as an agent has it: after some calls the agent is dead, before, during or after one of them.
type door struct {
	store.Store
	universe *universe
	due      chan struct{}

	mu    sync.Mutex
	lives int
	dead  bool
}

func (d *door) isDead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// revive gives the agent some more calls: it died before it began to work.
func (d *door) revive() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead, d.lives = false, 40
}

func (d *door) Due() <-chan struct{} { return d.due }

func (d *door) View(ctx context.Context, read func(store.Reader) error) error {
	if d.isDead() {
		return errDead
	}
	return d.Store.View(ctx, read)
}

// call counts a call. The last one fails in one of three ways.
func (d *door) call() (before, during, after bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return true, false, false
	}
	d.lives--
	switch {
	case d.lives > 0:
		return false, false, false
	case d.lives%3 == 0:
		before = true
	default:
		during = d.lives%2 == 0
		after = !during
	}
	return before, during, after
}

func (d *door) die() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dead {
		d.dead = true
		d.universe.died <- struct{}{}
	}
	return errDead
}

func (d *door) Update(ctx context.Context, change func(store.Tx) error) error {
	before, during, after := d.call()
	if before {
		return d.die()
	}
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		if d.isDead() {
			return errDead
		}
		if err := change(tx); err != nil {
			return err
		}
		if during {
			return errDead
		}
		return nil
	})
	if during || after {
		return d.die()
	}
	if err == nil {
		d.universe.account()
	}
	return err
}

// account checks, after every few commits, that every execution that is not over has something to do, or waits for
// something with a name.
func (u *universe) account() {
	if u.commits.Add(1)%5 != 0 {
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
// left open when wake-ups were lost, which made some late.
func (u *universe) compare() bool {
	result := naive.Play(u.world)
	found := u.outcomes()
	if late := time.Millisecond + time.Duration(u.lost)*lookEvery; result.Closest <= late {
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

// outcomes gives all executions the names that they have in the model.
func (u *universe) outcomes() map[string]naive.Outcome {
	names, children, out := map[string]string{}, map[string]int{}, map[string]naive.Outcome{}
	for name, id := range u.ids {
		names[id] = name
	}
	all := u.executions()
	byID := map[string]*spinnaker.Execution{}
	for _, ex := range all {
		byID[ex.ID] = ex
		if parent := byID[ex.Trigger.Text("parentPipelineId")]; parent != nil {
			stageID := ex.Trigger.Text("parentPipelineStageId")
			children[stageID]++
			names[ex.ID] = fmt.Sprintf("%s/%s#%d", names[parent.ID], parent.Stage(stageID).RefID, children[stageID])
		}
		outcome := naive.Outcome{Status: string(ex.Status), Stages: map[string]string{}}
		for _, s := range ex.Stages {
			if s.Type != engine.WindowType {
				outcome.Stages[s.RefID] = string(s.Status)
			}
		}
		out[names[ex.ID]] = outcome
	}
	return out
}

// far is a plugin host whose only stage does as the world's stages do.
type far struct {
	*universe
	door *door
}

func (f *far) Lookup(stageType string) (runner.StageType, bool) {
	return runner.StageType{Type: "far"}, stageType == "far"
}

func (f *far) Types() []string { return []string{"far"} }

// work is the engine's bookkeeping of the stage of a request. No step runs of a stage that is over.
func (f *far) work(request *stagev1.RunRequest) (engine.Work, map[string]any, error) {
	if f.door.isDead() {
		return engine.Work{}, nil, errDead
	}
	ex := f.execution(request.GetExecutionId())
	one := ex.Stage(request.GetStageId())
	if one == nil || one.Status.Complete() || ex.Work[one.ID].Attempt != int(request.GetAttempt()) {
		// A stage that was skipped or restarted since the step was claimed has lost its claim to it, and no time has passed.
		return engine.Work{}, nil, errDead
	}
	var context map[string]any
	err := spinnaker.Decode([]byte(request.GetConfigJson()), &context)
	return *ex.Work[one.ID], context, err
}

func (f *far) Run(_ context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	work, context, err := f.work(request)
	if err != nil {
		return nil, err
	}
	answer := naive.Work(context, int(request.GetStep()), time.Since(work.Began))
	response := &stagev1.RunResponse{Status: stagev1.Status_STATUS_RUNNING, RequeueAfter: durationpb.New(answer.Again)}
	if answer.Status != "" {
		response.Status = stagev1.Status(stagev1.Status_value["STATUS_"+answer.Status])
	}
	for position, contexts := range map[stagev1.InsertedStage_Position][]map[string]any{
		stagev1.InsertedStage_POSITION_BEFORE: answer.Before, stagev1.InsertedStage_POSITION_AFTER: answer.After,
		stagev1.InsertedStage_POSITION_ON_FAILURE: answer.OnFailure,
	} {
		for _, context := range contexts {
			data, err := json.Marshal(context)
			if err != nil {
				return nil, err
			}
			response.Insert = append(response.Insert, &stagev1.InsertedStage{
				Position: position, Type: fmt.Sprint(context["kind"]), ContextJson: string(data)})
		}
	}
	return response, nil
}

func (f *far) Cancel(_ context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
	work, context, err := f.work(request)
	if err != nil {
		return nil, err
	}
	if left := naive.CleanUp(context, time.Since(work.Deadline.Add(-time.Minute))); left > 0 {
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_RUNNING, RequeueAfter: durationpb.New(left)}, nil
	}
	return &stagev1.RunResponse{Status: stagev1.Status_STATUS_CANCELED}, nil
}
