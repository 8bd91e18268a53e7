package runner

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/stage"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// Plugins are the stage plugins.
type Plugins interface {
	// Lookup describes a stage type, aliases resolved; false when no plugin provides it now.
	Lookup(stageType string) (StageType, bool)
	// Types names all stage types that plugins provide.
	Types() []string
	// Run and Cancel hand a step to the plugin of the request's type. An error is one of the transport: the plugin
	// is gone, or did not answer in time.
	Run(ctx context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error)
	Cancel(ctx context.Context, request *stagev1.RunRequest) (*stagev1.RunResponse, error)
}

// StageType is what a plugin declares of a stage type.
type StageType struct {
	Type string
	// MaxStep is the longest that one step takes; zero means 10 s.
	MaxStep time.Duration
	// Timeout is how long the stage may take in all when the pipeline does not say; zero means no limit.
	Timeout time.Duration
	// OwnExpressions names the members of the context whose expressions the plugin evaluates itself.
	OwnExpressions []string
}

// Options are what a runner is made of. Zero durations and counts take the defaults.
type Options struct {
	Store   store.Store
	Plugins Plugins
	Stages  *stage.Set
	// Decisions is the expression language for use inside transactions: it opens no connection. Expressions is the
	// whole language, for steps outside of them.
	Decisions, Expressions *spel.Engine
	// NewID makes the ids of executions and stages.
	NewID func() string
	Log   *slog.Logger
	// Incarnation is this life of the agent. Exclusive says that no other agent can be alive on this store, as the
	// lock on an SQLite file proves: what earlier ones had claimed is free at once. DeadAfter is the same on all others.
	Incarnation store.Incarnation
	Exclusive   bool
	// Ended is called in the transaction in which an execution ended, once for each end, also of one that could not be
	// launched or was canceled before it started. An execution that is restarted ends again: its id and EndTime name an
	// end. Ended may start other executions with tx. An error undoes the transaction, which is tried again later.
	Ended func(tx store.Tx, ex *spinnaker.Execution) error
	// Notify is called in the transaction of each change that people may want to hear of.
	Notify func(tx store.Tx, ex *spinnaker.Execution, changes []engine.Notification) error
	// Finished is called after that transaction, with the execution as it ended. It must not block, and may be nil.
	Finished func(ex *spinnaker.Execution)

	// Due is called when the store has signalled that something has become due, which need not be a stage. It may be nil.
	Due func()

	// MaxSteps is how many steps run at the same time, MaxTurns how many transactions are under way.
	MaxSteps, MaxTurns int
	// MaxWaiting is how many executions of a pipeline may wait for a slot.
	MaxWaiting int
	// Poll is how often work is looked for without a signal.
	Poll time.Duration
	// Renew is how often the incarnation says that it is alive, DeadAfter how long it counts as such. Dead ones are looked for
	// twice as often.
	Renew, DeadAfter time.Duration
	// Drain is how long running steps have to end when the runner stops.
	Drain time.Duration
	// Grace is how long a stage waits for somebody to provide its type.
	Grace time.Duration
}

func (o *Options) setDefaults() {
	setDefault(&o.MaxSteps, 64)
	setDefault(&o.MaxTurns, 32)
	setDefault(&o.MaxWaiting, 50)
	setDefault(&o.Poll, 2*time.Second)
	setDefault(&o.Renew, 2*time.Second)
	setDefault(&o.DeadAfter, 12*time.Second)
	setDefault(&o.Drain, 12*time.Second)
	setDefault(&o.Grace, 20*time.Second)
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// Runner makes executions go on.
type Runner struct {
	Options
	engine *engine.Engine

	// wake asks the loop to look for work again.
	wake chan struct{}
	// stepSlots holds a token for each step that may still begin, turnSlots bounds the transactions under way.
	stepSlots, turnSlots chan struct{}
	// late counts the looks in a row that found something late; only the loop uses it.
	late int
	// turns and steps are the goroutines that Run waits for.
	turns, steps sync.WaitGroup
	// turning is held for reading during each turn.
	turning sync.RWMutex

	mu sync.Mutex
	// active are the executions that have a turn; true has the loop look again after it.
	active map[string]bool
	// failing are the executions whose last turn failed.
	failing map[string]failing
	// running are the steps that run outside transactions.
	running map[store.StageRef]*step
	// missing says since when a stage's type was looked for in vain.
	missing map[store.StageRef]time.Time
	// timer is when the loop looks for work at the latest.
	timer time.Time
	// soonest is the earliest time to come at which a turn found its execution due again. The store's own answer may be
	// hidden by work of others that is late.
	soonest time.Time
	// open says that steps may begin: from when Run begins to when it is to end.
	open bool
	// renewed is when this incarnation last told the store that it is alive; lapse cuts its steps short when it does not
	// any more.
	renewed time.Time
	lapse   *time.Timer
	// ahead is how far the store's clock is before this process's.
	ahead time.Duration
	// working are the claims that a goroutine of this process works on, with their epochs; orphans are claims that seem to
	// be worked on by nobody, and since when.
	working map[store.StageRef]int64
	orphans map[store.Claim]time.Time
	stats   Stats
}

// failing is an execution whose turns fail: it gets the next one after a pause that grows.
type failing struct {
	times int
	until time.Time
}

// New registers this incarnation of the agent, frees what dead ones had claimed, and returns a runner.
func New(ctx context.Context, options Options) (*Runner, error) {
	options.setDefaults()
	if options.Store == nil || options.Stages == nil || options.NewID == nil || options.Incarnation.ID == "" {
		return nil, errors.New("runner: store, stages, ids and incarnation are required")
	}
	r := &Runner{
		Options: options, engine: engine.New(options.Decisions),
		wake:      make(chan struct{}, 1),
		stepSlots: make(chan struct{}, options.MaxSteps), turnSlots: make(chan struct{}, options.MaxTurns),
		active: map[string]bool{}, failing: map[string]failing{},
		running: map[store.StageRef]*step{}, missing: map[store.StageRef]time.Time{},
		working: map[store.StageRef]int64{}, orphans: map[store.Claim]time.Time{},
	}
	for range options.MaxSteps {
		r.stepSlots <- struct{}{}
	}
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Run works until ctx ends. Steps that are running then get the time of Drain to end; what has not ended after it is
// left to the next incarnation.
func (r *Runner) Run(ctx context.Context) error {
	r.setOpen(true)
	// Results are recorded and the incarnation is kept alive until the last step has ended.
	alive, die := context.WithCancel(context.WithoutCancel(ctx))
	var renewing sync.WaitGroup
	renewing.Go(func() { r.keepAlive(alive) })
	renewing.Go(func() { r.takeOver(alive) })

	r.loop(ctx)

	// No turn is under way when steps can begin no more: those that have begun are all known.
	r.turning.Lock()
	r.setOpen(false)
	r.turning.Unlock()
	r.turns.Wait()
	abandon := time.AfterFunc(r.Drain, func() { r.cutSteps(errStopping) })
	r.steps.Wait()
	abandon.Stop()
	die()
	renewing.Wait()
	return nil
}

// clock is the store's time: that of claims and due times. The clocks of the agents may differ.
func (r *Runner) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Add(r.ahead)
}

func (r *Runner) setOpen(open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = open
}

func (r *Runner) isOpen() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

// errStopping is why steps are cut short when the agent stops.
var errStopping = errors.New("the agent is stopping")

// signal asks the loop to look for work.
func (r *Runner) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
