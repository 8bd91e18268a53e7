package runner_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// mortal is the store as an agent sees it that may die: from then on none of its changes reaches the file.
type mortal struct {
	store.Store
	dead atomic.Bool
	// commits counts the updates that went through.
	commits atomic.Int64
}

var errDead = errors.New("this agent is dead")

func (m *mortal) Update(ctx context.Context, change func(store.Tx) error) error {
	err := m.Store.Update(ctx, func(tx store.Tx) error {
		if m.dead.Load() {
			return errDead
		}
		return change(tx)
	})
	if err == nil {
		m.commits.Add(1)
	}
	return err
}

// TestResumeAfterCrash: the next incarnation repeats the step with the checkpointed state and the same key.
func TestResumeAfterCrash(t *testing.T) {
	s := openStore(t)
	first := &mortal{Store: s}
	reached := make(chan string, 1)
	var one *bench
	hang := &plugins{run: func(ctx context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		if err := one.runner.Checkpoint(ctx, request.GetExecutionId(), request.GetStageId(), []byte("asked for a build")); err != nil {
			return nil, err
		}
		reached <- request.GetIdempotencyKey()
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	one = start(t, first, hang, func(o *runner.Options) { o.Drain = time.Millisecond })
	id := one.launch(pipeline(t, oneWork), nil)
	key := <-reached
	first.dead.Store(true)

	resumed := make(chan *stagev1.RunRequest, 1)
	two := start(t, s, &plugins{run: func(_ context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		resumed <- request
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
	}})
	ex := two.ended(id)
	expect(t, "statuses", statuses(ex), "SUCCEEDED 1=SUCCEEDED")
	request := <-resumed
	expect(t, "state", string(request.GetState()), "asked for a build")
	expect(t, "key", request.GetIdempotencyKey(), key)
	one.stop()
}

// TestStaleClaim: an agent that was counted as dead finds its claim void: its checkpoint and its result do not count.
func TestStaleClaim(t *testing.T) {
	s := openStore(t)
	first := &mortal{Store: s}
	begun, release := make(chan *stagev1.RunRequest, 1), make(chan struct{})
	one := start(t, first, &plugins{run: func(_ context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		begun <- request
		<-release
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_TERMINAL, Message: "from the dead"}, nil
	}})
	id := one.launch(pipeline(t, oneWork), nil)
	request := <-begun

	second := make(chan struct{})
	two := start(t, s, &plugins{run: func(context.Context, *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		<-second
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
	}})
	err := one.runner.Checkpoint(t.Context(), id, request.GetStageId(), []byte("late"))
	if !errors.Is(err, store.ErrStale) {
		t.Errorf("checkpoint under a void claim: found %v, expected %v", err, store.ErrStale)
	}
	close(release)
	one.eventually("done with its step", func() bool { return one.runner.Stats().FreeSteps == 64 })
	one.stop()
	expect(t, "statuses after the dead one's result", statuses(two.execution(id)), "RUNNING 1=RUNNING")
	close(second)
	expect(t, "statuses", statuses(two.ended(id)), "SUCCEEDED 1=SUCCEEDED")
}

// TestTakeOver: an agent takes over from another one that does not renew its lease any more.
func TestTakeOver(t *testing.T) {
	s := openStore(t)
	first := &mortal{Store: s}
	begun := make(chan struct{}, 1)
	short := func(o *runner.Options) {
		o.Exclusive, o.Renew, o.DeadAfter, o.Poll, o.Drain = false, 20*time.Millisecond, 200*time.Millisecond, 50*time.Millisecond, time.Millisecond
	}
	cut := make(chan error, 1)
	one := start(t, first, &plugins{run: func(ctx context.Context, _ *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		begun <- struct{}{}
		<-ctx.Done()
		cut <- context.Cause(ctx)
		return nil, ctx.Err()
	}}, short)
	id := one.launch(pipeline(t, oneWork), nil)
	<-begun
	var took time.Time
	two := start(t, s, &plugins{run: func(context.Context, *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		took = time.Now()
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
	}}, short)
	died := time.Now()
	first.dead.Store(true)
	expect(t, "statuses", statuses(two.ended(id)), "SUCCEEDED 1=SUCCEEDED")
	if after := took.Sub(died); after < 100*time.Millisecond {
		t.Errorf("the step was taken over after %s, while its agent still counted as alive", after)
	}
	select {
	case <-cut:
	default:
		t.Error("the dead agent's step went on after the take-over")
	}
}

// TestStopAbandonsSteps: a step that does not end in time when the agent stops is free at once for the next agent.
func TestStopAbandonsSteps(t *testing.T) {
	s := openStore(t)
	begun := make(chan struct{}, 1)
	one := start(t, s, &plugins{run: func(ctx context.Context, _ *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}}, func(o *runner.Options) { o.Drain = 10 * time.Millisecond })
	id := one.launch(pipeline(t, oneWork), nil)
	<-begun
	one.stop()
	err := s.View(t.Context(), func(r store.Reader) error {
		due, err := r.DueStages(time.Now(), 10)
		if len(due) != 1 {
			t.Errorf("after the stop %d stages are due, expected 1", len(due))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	two := start(t, s, &plugins{run: succeed}, func(o *runner.Options) { o.Exclusive = false })
	expect(t, "statuses", statuses(two.ended(id)), "SUCCEEDED 1=SUCCEEDED")
}

// TestStopWaitsForSteps: a step that ends in time when the agent stops is recorded.
func TestStopWaitsForSteps(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	b := start(t, openStore(t), &plugins{run: func(context.Context, *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		close(begun)
		<-release
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
	}}, func(o *runner.Options) { o.Drain = 10 * time.Second })
	id := b.launch(pipeline(t, oneWork), nil)
	<-begun
	stopped := make(chan struct{})
	go func() {
		b.stop()
		close(stopped)
	}()
	close(release)
	<-stopped
	expect(t, "statuses", statuses(b.execution(id)), "SUCCEEDED 1=SUCCEEDED")
}

// TestKills runs pipelines through agents that die at random moments: none is lost, doubled or stuck, and every effect
// carries the same key when it is repeated.
func TestKills(t *testing.T) {
	const pipelines, kills = 20, 12
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := openStore(t)

	var mu sync.Mutex
	effects := map[string]int{}
	work := &plugins{run: func(ctx context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		mu.Lock()
		effects[request.GetIdempotencyKey()]++
		mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
		if request.GetStep() < 3 {
			return &stagev1.RunResponse{Status: stagev1.Status_STATUS_RUNNING, State: fmt.Appendf(nil, "%s%d", request.GetState(), request.GetStep()),
				RequeueAfter: durationpb.New(time.Millisecond)}, nil
		}
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED, OutputsJson: fmt.Sprintf(`{"seen":%q}`, request.GetState())}, nil
	}}
	definition := pipeline(t, `{"application":"shop","name":"p","id":"p","limitConcurrent":false,"stages":[
	  {"refId":"1","type":"wait","waitTime":0},
	  {"refId":"2","type":"work","requisiteStageRefIds":["1"]},
	  {"refId":"3","type":"work","requisiteStageRefIds":["1"]},
	  {"refId":"4","type":"evaluateVariables","variables":[{"key":"a","value":"${seen}"}],"requisiteStageRefIds":["2","3"]},
	  {"refId":"5","type":"work","requisiteStageRefIds":["4"]}]}`)

	var ids []string
	for kill := range kills + 1 {
		agent := &mortal{Store: s}
		b := start(t, agent, work, func(o *runner.Options) { o.Drain = time.Millisecond })
		for kill == 0 && len(ids) < pipelines {
			ids = append(ids, b.launch(definition, spinnaker.Trigger{"n": len(ids)}))
		}
		if kill < kills {
			<-time.After(time.Duration(random.IntN(15)) * time.Millisecond)
			agent.dead.Store(true)
			b.stop()
			continue
		}
		for _, id := range ids {
			ex := b.ended(id)
			expect(t, "statuses", statuses(ex), "SUCCEEDED 1=SUCCEEDED 2=SUCCEEDED 3=SUCCEEDED 4=SUCCEEDED 5=SUCCEEDED")
			expect(t, "output", fmt.Sprint(stageOf(ex, "4").Outputs["a"]), "12")
			expectSteps(t, ex, effects, &mu)
		}
	}
}

// expectSteps checks that each of the three steps of the work stages was done, and nothing else.
func expectSteps(t *testing.T, ex *engine.Execution, effects map[string]int, mu *sync.Mutex) {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	for _, ref := range []string{"2", "3", "5"} {
		for step := 1; step <= 3; step++ {
			key := fmt.Sprintf("%s/%s/1/%d", ex.ID, stageOf(ex, ref).ID, step)
			if effects[key] == 0 {
				t.Errorf("step %s was never done", key)
			}
			delete(effects, key)
		}
	}
	for key := range effects {
		if len(key) > len(ex.ID) && key[:len(ex.ID)] == ex.ID {
			t.Errorf("step %s was done although it is none", key)
		}
	}
}

// repeating is the store as an agent sees it whose updates collide with others': each function runs once in vain.
type repeating struct{ store.Store }

var errCollision = errors.New("another transaction was in the way")

func (r repeating) Update(ctx context.Context, change func(store.Tx) error) error {
	err := r.Store.Update(ctx, func(tx store.Tx) error { return cmp.Or(change(tx), errCollision) })
	if !errors.Is(err, errCollision) {
		return err
	}
	return r.Store.Update(ctx, change)
}

// TestUpdatesRunAgain: an update that is run again does what it does once.
func TestUpdatesRunAgain(t *testing.T) {
	var mu sync.Mutex
	effects := map[string]int{}
	b := start(t, repeating{openStore(t)}, &plugins{run: func(_ context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		mu.Lock()
		defer mu.Unlock()
		effects[request.GetIdempotencyKey()]++
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_SUCCEEDED}, nil
	}})
	p := pipeline(t, `{"application":"shop","name":"p","id":"p","limitConcurrent":true,"keepWaitingPipelines":true,"stages":[
	  {"refId":"1","type":"wait","waitTime":0},
	  {"refId":"2","type":"work","requisiteStageRefIds":["1"]},
	  {"refId":"3","type":"manualJudgment","requisiteStageRefIds":["2"]},
	  {"refId":"4","type":"work","requisiteStageRefIds":["3"]}]}`)
	trigger := spinnaker.Trigger{"type": "manual"}
	ids := []string{b.launch(p, trigger), b.launch(p, trigger)}
	for _, id := range ids {
		ex := b.until(id, "waiting for a judgment", func(ex *engine.Execution) bool {
			return stageOf(ex, "3") != nil && stageOf(ex, "3").Status == spinnaker.Running
		})
		err := b.runner.Patch(t.Context(), id, stageOf(ex, "3").ID, "ann", map[string]any{"judgmentStatus": "continue"})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "statuses", statuses(b.ended(id)), "SUCCEEDED 1=SUCCEEDED 2=SUCCEEDED 3=SUCCEEDED 4=SUCCEEDED")
	}
	expect(t, "trigger", fmt.Sprint(len(trigger)), "1")
	mu.Lock()
	defer mu.Unlock()
	if len(effects) != 4 {
		t.Errorf("%d steps had effects, expected 4: %v", len(effects), effects)
	}
	for key, times := range effects {
		if times != 1 {
			t.Errorf("step %s acted %d times, expected once", key, times)
		}
	}
}
