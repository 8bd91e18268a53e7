package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/engine/enginetest/naive"
	"github.com/gennaker/gennaker/agent/internal/runner"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

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
		if u.lost < u.lose && u.signals%u.losing == 0 {
			u.lost++
			if u.deaf.IsZero() {
				u.deaf = time.Now()
			}
		} else {
			for _, d := range u.doors {
				select {
				case d.due <- struct{}{}:
				default:
				}
			}
		}
		u.mu.Unlock()
	}
}

// loses says whether wake-ups are still to be lost.
func (u *universe) loses() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.lost < u.lose
}

// hearAll ends the losing of wake-ups, and gives the agents' places to others that need not look so often.
func (u *universe) hearAll() {
	u.mu.Lock()
	looks := u.lost < u.lose
	u.lose = u.lost
	u.mu.Unlock()
	for at := range u.doors {
		if looks {
			u.replaceAt(at)
		}
	}
}

// looked notes that the agent looks for work, whether it was told of it or not.
func (u *universe) looked() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.deaf.IsZero() {
		u.missed += time.Since(u.deaf)
		u.deaf = time.Time{}
	}
}

// door is the store as an agent has it: after some calls the agent is dead.
type door struct {
	store.Store
	universe *universe
	due      chan struct{}
	end      ending
	// agent, stop and incarnation are set when the agent has begun to work.
	agent       *runner.Runner
	stop        func()
	incarnation string

	mu    sync.Mutex
	lives int
	dead  bool
	// calls counts the calls of the store. With the one numbered stalls the agent's process stands still for a while: all its
	// calls wait until awake.
	calls, stalls int
	awake         time.Time
	// gone is closed when the agent is to end.
	gone chan struct{}
}

// ending is when an agent dies: before its last call of the store, during it, so that it is undone, or after it.
type ending int

const (
	before ending = iota
	during
	after
)

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

// wait counts a call, and waits while the process stands still.
func (d *door) wait() {
	d.mu.Lock()
	d.calls++
	if d.calls == d.stalls {
		d.awake = time.Now().Add(2 * deadAfterOfTwo)
		d.universe.stalled()
	}
	still := time.NewTimer(time.Until(d.awake))
	d.mu.Unlock()
	select {
	case <-still.C:
	case <-d.gone:
	}
}

// stalled notes that the process of an agent stands still, until after it counts as dead.
func (u *universe) stalled() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stalls++
	u.missed += 3 * deadAfterOfTwo
}

func (d *door) View(ctx context.Context, read func(store.Reader) error) error {
	d.wait()
	if d.last() || d.isDead() {
		return d.die()
	}
	return d.Store.View(ctx, func(r store.Reader) error { return read(attentive{r, d.universe}) })
}

// attentive is a reader that notices when an agent looks for work.
type attentive struct {
	store.Reader
	universe *universe
}

func (a attentive) PendingExecutions(limit int) ([]string, error) {
	a.universe.looked()
	return a.Reader.PendingExecutions(limit)
}

// last counts a call, and says whether it is the agent's last one.
func (d *door) last() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lives--
	return d.lives == 0
}

func (d *door) die() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	select {
	case d.universe.died <- struct{}{}:
	default:
	}
	return errDead
}

func (d *door) Update(ctx context.Context, change func(store.Tx) error) error {
	d.wait()
	last := d.last()
	if d.isDead() || last && d.end == before {
		return d.die()
	}
	var in store.Tx
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		in = tx
		if d.isDead() {
			return errDead
		}
		if err := change(tx); err != nil {
			return err
		}
		if last && d.end == during {
			return errDead
		}
		return nil
	})
	d.universe.told(in, err == nil)
	if err == nil {
		d.universe.account()
	}
	if last {
		return d.die()
	}
	return err
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
