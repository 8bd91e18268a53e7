package inbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Triggers finds the triggers that could mean an event, as of the reader's state.
type Triggers interface {
	// Those that are off would mean it, were they or their pipelines not disabled.
	Armed(r store.Reader, key trigger.Key) (live, off []trigger.Armed, err error)
}

// Start is a pipeline to be started.
type Start struct {
	Pipeline spinnaker.Pipeline
	Trigger  spinnaker.Trigger
	User     string
	// Origin is the client that asked for it, empty for events.
	Origin string
	// Failure, when set, has the execution recorded as failed at its start for that reason.
	Failure string
	// Alone says that nothing else is started in the transaction, but for what the end of an execution starts.
	Alone bool
}

// Starter launches executions inside a transaction.
type Starter interface {
	// Start stores the execution and returns its id. An execution that fails at its start is stored all the same;
	// failure then says why.
	Start(tx store.Tx, start Start) (executionID, failure string, err error)
}

// Builds looks up builds on the Jenkins masters.
type Builds interface {
	// Properties reads a property file of a build. When it could be there a little later, mayCome is true.
	Properties(ctx context.Context, master, job string, number int64, file string) (properties map[string]any, mayCome bool, err error)
	// Build reads a finished build.
	Build(ctx context.Context, master, job string, number int64) (trigger.BuildInfo, error)
	// PropertyFileTimeout is how long a property file of the master may be late.
	PropertyFileTimeout(master string) time.Duration
}

// Options are what an Inbox works with.
type Options struct {
	Store    store.Store
	Triggers Triggers
	Starter  Starter
	Builds   Builds
	NewID    func() string
	// QuietPeriod holds for starts by events, not for those by hand.
	QuietPeriod QuietPeriod
	Log         *slog.Logger
}

// Inbox accepts events.
type Inbox struct {
	Options
	wake chan struct{}
	// ended counts the ends of executions that were taken in, perhaps by transactions that came to nothing; decided is what
	// it was when candidates were found last.
	ended, decided atomic.Uint64
}

// New makes an Inbox. Candidates are decided while Run runs.
func New(o Options) *Inbox {
	return &Inbox{Options: o, wake: make(chan struct{}, 1)}
}

// Receipt is what became of an accepted event at once.
type Receipt struct {
	EventID string
	// Duplicate: the event was accepted before, under that id; nothing was done again.
	Duplicate bool
	Started   []Started
	// undecided: some trigger waits for what has to be looked up.
	undecided bool
}

// Started is an execution that was started.
type Started struct {
	Application, Pipeline, ExecutionID string
}

// Accept makes an event durable with all that follows from it. key makes it unique; empty means it is.
func (i *Inbox) Accept(ctx context.Context, event trigger.Event, key string) (Receipt, error) {
	var receipt Receipt
	// A large body is encoded before the transaction, which others may wait for.
	kept, err := i.write(event)
	if err == nil {
		err = i.Store.Update(ctx, func(tx store.Tx) (err error) {
			receipt, err = i.accept(tx, kept, key)
			return err
		})
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("accept %s event from %q: %w", event.Type, event.Source, err)
	}
	if receipt.undecided {
		i.Wake()
	}
	return receipt, nil
}

// AcceptIn is Accept inside a transaction of the caller, who calls Wake once it is committed.
func (i *Inbox) AcceptIn(tx store.Tx, event trigger.Event, key string) (Receipt, error) {
	kept, err := i.write(event)
	if err != nil {
		return Receipt{}, err
	}
	return i.accept(tx, kept, key)
}

// written is an event with an id, as it is stored.
type written struct {
	trigger.Event
	body []byte
}

// write makes an event ready for being stored.
func (i *Inbox) write(event trigger.Event) (written, error) {
	if err := event.Complete(); err != nil {
		return written{}, err
	}
	if event.ID == "" {
		event.ID = i.NewID()
	}
	body, err := json.Marshal(event)
	if err != nil {
		return written{}, fmt.Errorf("encode the event: %w", err)
	}
	return written{event, body}, nil
}

func (i *Inbox) accept(tx store.Tx, event written, key string) (Receipt, error) {
	if key == "" {
		key = event.ID
	}
	armed, first, err := i.keep(tx, event, key)
	if errors.Is(err, store.ErrExists) {
		return duplicate(tx, key)
	}
	if err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{EventID: event.ID}
	for _, a := range armed {
		verdict := a.Match(event.Event, nil)
		receipt.undecided = receipt.undecided || verdict.Outcome == trigger.NeedsFacts
		started, err := i.settle(tx, event.Event, key, a, verdict, first.put)
		if err != nil {
			return Receipt{}, fmt.Errorf("pipeline %q of %q, trigger %s: %w", a.Pipeline.Name, a.Pipeline.Application, a.Name, err)
		}
		if started != nil {
			receipt.Started = append(receipt.Started, *started)
		}
	}
	return receipt, first.end()
}

// keep makes an event durable, with the verdicts of the triggers that are off, and returns those that could mean it, and
// where their first verdicts go. An event of that key that is there already is store.ErrExists.
func (i *Inbox) keep(tx store.Tx, event written, key string) ([]trigger.Armed, *firstVerdicts, error) {
	err := tx.AddEvent(store.Event{ID: event.ID, Key: key, Type: event.Type, Source: event.Source, Name: event.Name,
		ReceivedAt: tx.Now(), Body: event.body})
	if err != nil {
		return nil, nil, err
	}
	armed, off, err := i.Triggers.Armed(tx, event.Key())
	if err != nil {
		return nil, nil, fmt.Errorf("find the triggers for %v: %w", event.Key(), err)
	}
	first := &firstVerdicts{tx: tx, eventID: event.ID}
	for _, a := range off {
		row := verdict(tx, event.ID, a)
		row.Reason = disabled(a)
		if err := first.put(row); err != nil {
			return nil, nil, err
		}
	}
	return armed, first, nil
}

// maxIgnored is how many verdicts on one event are kept that started nothing.
const maxIgnored = 1000

// firstVerdicts stores the first verdicts on an event. All are kept that start something, or may; of the others, a bounded
// number.
type firstVerdicts struct {
	tx               store.Tx
	eventID          string
	ignored, dropped int
}

func (f *firstVerdicts) put(row store.Verdict) error {
	if row.Outcome == store.Ignored {
		if f.ignored == maxIgnored {
			f.dropped++
			return nil
		}
		f.ignored++
	}
	return f.tx.AddVerdict(bounded(row))
}

// end says how many verdicts were not kept.
func (f *firstVerdicts) end() error {
	if f.dropped == 0 {
		return nil
	}
	return f.tx.AddVerdict(store.Verdict{EventID: f.eventID, Outcome: store.Ignored, At: f.tx.Now(),
		Reason: fmt.Sprintf("%d more triggers did not fire; of one event, %d such verdicts are kept", f.dropped, maxIgnored)})
}

// disabled says why a trigger is not asked.
func disabled(a trigger.Armed) string {
	if a.Pipeline.Disabled {
		return "the pipeline is disabled"
	}
	return "the trigger is disabled"
}

// verdict is a verdict yet without reason.
func verdict(tx store.Tx, eventID string, a trigger.Armed) store.Verdict {
	return store.Verdict{EventID: eventID, Application: a.Pipeline.Application, Pipeline: a.Pipeline.Name,
		PipelineConfigID: a.Pipeline.ID, Trigger: a.Name, Outcome: store.Ignored, At: tx.Now()}
}

// longestReason bounds a verdict's reason, in bytes.
const longestReason = 4 << 10

// bounded is a verdict with a reason of bounded size.
func bounded(row store.Verdict) store.Verdict {
	if len(row.Reason) > longestReason {
		row.Reason = strings.ToValidUTF8(row.Reason[:longestReason], "") + "…"
	}
	return row
}

// duplicate is the receipt for an event that was accepted before.
func duplicate(r store.Reader, key string) (Receipt, error) {
	earlier, err := r.Events(store.EventQuery{Key: key, Limit: 1})
	if err != nil || len(earlier) == 0 {
		return Receipt{Duplicate: true}, err
	}
	return Receipt{EventID: earlier[0].ID, Duplicate: true}, nil
}

// settle writes down, with put, what a trigger makes of an event and starts the pipeline if it fires.
func (i *Inbox) settle(tx store.Tx, event trigger.Event, key string, a trigger.Armed, v trigger.Verdict,
	put func(store.Verdict) error) (*Started, error) {
	row := verdict(tx, event.ID, a)
	row.Reason = v.Reason
	startKey := key + "\x00" + a.Pipeline.ID + "\x00" + a.Name
	switch v.Outcome {
	case trigger.NeedsFacts:
		row.Outcome = store.Undecided
		if err := tx.AddCandidate(i.candidate(tx, event, a, startKey)); err != nil {
			return nil, err
		}
	case trigger.Fires, trigger.Refused:
		if quiet := i.QuietPeriod.covers(a, tx.Now()); quiet != "" {
			row.Reason += quiet
			break
		}
		started, err := i.start(tx, a, v, startKey, &row)
		if err != nil {
			return nil, err
		}
		return started, put(row)
	}
	return nil, put(row)
}

// start launches the pipeline of a trigger that fired and completes the verdict.
func (i *Inbox) start(tx store.Tx, a trigger.Armed, v trigger.Verdict, startKey string, row *store.Verdict) (*Started, error) {
	start := Start{Pipeline: a.Pipeline, Trigger: v.Fired, User: cmp.Or(a.Trigger.Text("runAsUser"), v.User)}
	if v.Outcome == trigger.Refused {
		start.Failure = v.Reason
	}
	id, failure, err := i.Starter.Start(tx, start)
	if err != nil {
		return nil, err
	}
	if err := tx.AddStart(startKey, id); err != nil {
		return nil, err
	}
	row.Outcome, row.ExecutionID = store.Fired, id
	if failure != "" {
		row.Outcome = store.Failed
		row.Reason += "; the start failed: " + failure
	}
	i.Log.Info("trigger fired", "application", a.Pipeline.Application, "pipeline", a.Pipeline.Name, "execution", id,
		"outcome", row.Outcome, "reason", row.Reason)
	return &Started{a.Pipeline.Application, a.Pipeline.Name, id}, nil
}

// candidate keeps a start that waits for a property file, or for its turn.
func (i *Inbox) candidate(tx store.Tx, event trigger.Event, a trigger.Armed, startKey string) store.Candidate {
	c := store.Candidate{ID: i.NewID(), EventID: event.ID, PipelineConfigID: a.Pipeline.ID, Trigger: a.Name,
		Fired: a.Trigger, StartKey: startKey, Due: tx.Now(), Deadline: tx.Now()}
	if event.Type == trigger.Build {
		c.Order, c.Sequence = a.Pipeline.ID+"\x00"+event.Source+"\x00"+event.Name, event.Build.Number
		c.Deadline = tx.Now().Add(i.Builds.PropertyFileTimeout(event.Source))
	}
	return c
}

// Wake has due candidates looked at now.
func (i *Inbox) Wake() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}
