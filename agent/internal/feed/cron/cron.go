package cron

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

const (
	// name is that of the lease, and of the state in the store.
	name = "feed/cron"
	// Misfire is how late a time may be found that still fires, as in Quartz.
	Misfire = time.Minute
	// tick is how often triggers are looked at that may have changed, idle how often a lease that another process holds.
	tick = time.Second
	idle = 5 * time.Second
	// batch is how many triggers are fired in one transaction.
	batch = 100
	// releaseTime bounds giving the lease back at the end.
	releaseTime = 5 * time.Second
)

// Options are what a Feed works with.
type Options struct {
	Store store.Store
	// Crons returns the live cron triggers, as of the reader's state.
	Crons func(r store.Reader) ([]trigger.Armed, error)
	// Accept takes an event in; PassOver one that is to start nothing, for a reason. Accepted is called once they are
	// durable.
	Accept   func(tx store.Tx, event trigger.Event, key string) error
	PassOver func(tx store.Tx, event trigger.Event, key, reason string) error
	Accepted func()
	// Zone is that of triggers that name none.
	Zone string
	// MakeUp is how long ago a missed time may be that is made up for; 0 makes up for none.
	MakeUp time.Duration
	// Incarnation is the agent process that holds the lease.
	Incarnation string
	Log         *slog.Logger
}

// Feed fires cron triggers.
type Feed struct {
	Options
	// epoch is that of the lease; plans are what is known of each trigger, nil while another process holds the lease.
	epoch int64
	plans map[string]*plan
}

// New makes a Feed.
func New(o Options) *Feed {
	o.Log = o.Log.With("feed", "cron")
	return &Feed{Options: o}
}

// Run fires triggers until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	defer f.release(ctx)
	told := ""
	for wait := time.Duration(0); ; {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		var err error
		if wait, err = f.cycle(ctx); ctx.Err() != nil {
			return nil
		}
		if err != nil && err.Error() != told {
			f.Log.Error("fire cron triggers", "error", err)
		}
		told = ""
		if err != nil {
			told = err.Error()
		}
	}
}

// cycle fires what is due, and says how long there is nothing to do.
func (f *Feed) cycle(ctx context.Context) (time.Duration, error) {
	held, err := f.hold(ctx)
	if err != nil || !held {
		return idle, err
	}
	var armed []trigger.Armed
	err = f.Store.View(ctx, func(r store.Reader) (err error) {
		armed, err = f.Crons(r)
		return err
	})
	if err != nil {
		return tick, fmt.Errorf("find the cron triggers: %w", err)
	}
	now := time.Now()
	changed, due := f.plan(armed, now)
	for len(changed)+len(due) > 0 {
		some := due[:min(len(due), batch)]
		if err := f.record(ctx, now, changed, some); errors.Is(err, store.ErrStale) {
			f.Log.Info("another process fires cron triggers now")
			f.plans = nil
			return idle, nil
		} else if err != nil {
			f.plans = nil // read again what is stored
			return tick, err
		}
		changed, due = nil, due[len(some):]
	}
	return f.rest(now), nil
}

// rest is how long nothing is due.
func (f *Feed) rest(now time.Time) time.Duration {
	wait := tick
	for _, p := range f.plans {
		if !p.never {
			wait = min(wait, p.next.Sub(now))
		}
	}
	return max(wait, 0)
}

// record takes in the times that are due, and stores up to when triggers have been looked at, in one transaction. changed
// are triggers that are new, have changed, or (nil) are gone.
func (f *Feed) record(ctx context.Context, now time.Time, changed map[string]*plan, due []*plan) error {
	states, err := rows(now, changed, due)
	if err != nil {
		return err
	}
	err = f.Store.Update(ctx, func(tx store.Tx) error {
		lease, err := tx.TakeLease(name, f.Incarnation)
		if err != nil {
			return fmt.Errorf("renew the lease: %w", err)
		}
		if lease.Epoch != f.epoch {
			return fmt.Errorf("the lease was another process's meanwhile: %w", store.ErrStale)
		}
		for _, p := range due {
			if err := f.fire(tx, p, now); err != nil {
				return fmt.Errorf("trigger %s of pipeline %q: %w", p.armed.Name, p.armed.Pipeline.Name, err)
			}
		}
		return tx.PutJobStates(name, states)
	})
	if err != nil {
		return err
	}
	for _, p := range due {
		p.look(now)
	}
	if len(due) > 0 {
		f.Accepted()
	}
	return nil
}

// rows are the states to be stored.
func rows(now time.Time, changed map[string]*plan, due []*plan) (map[string][]byte, error) {
	states := make(map[string][]byte, len(changed)+len(due))
	for id, p := range changed {
		if p == nil {
			states[id] = nil
			continue
		}
		var err error
		if states[id], err = json.Marshal(state{p.spec, p.at}); err != nil {
			return nil, fmt.Errorf("encode the state of trigger %q: %w", id, err)
		}
	}
	for _, p := range due {
		var err error
		if states[p.id], err = json.Marshal(state{p.spec, now}); err != nil {
			return nil, fmt.Errorf("encode the state of trigger %q: %w", p.id, err)
		}
	}
	return states, nil
}

// fire takes in the times of a trigger that have come since they were looked at last: each that is not too late, and of
// those that are, the last.
func (f *Feed) fire(tx store.Tx, p *plan, now time.Time) error {
	if missed, ok := p.missed(now); ok {
		event := p.event(missed)
		makeUp, err := f.madeUp(tx, p, missed, now)
		if err != nil {
			return err
		}
		if event.Tick.Late = makeUp; makeUp {
			err = f.Accept(tx, event, p.key(missed))
		} else {
			err = f.PassOver(tx, event, p.key(missed), fmt.Sprintf("%s was a time of %q in zone %s, seen %s later: too late to fire",
				missed.Format(time.RFC3339), event.Tick.Expression, event.Tick.Zone, now.Sub(missed).Round(time.Second)))
		}
		if err != nil {
			return err
		}
	}
	for _, at := range p.times(now) {
		if err := f.Accept(tx, p.event(at), p.key(at)); err != nil {
			return err
		}
	}
	return nil
}

// madeUp says whether a time that was missed is made up for: when it was not long ago, and the pipeline has run before, but
// not since.
//
// Source: spinnaker/spinnaker echo/echo-scheduler MissedPipelineTriggerCompensationJob.java.
func (f *Feed) madeUp(tx store.Tx, p *plan, missed, now time.Time) (bool, error) {
	if f.MakeUp == 0 || missed.Before(now.Add(-f.MakeUp)) {
		return false, nil
	}
	const look = 20
	runs, err := tx.Executions(store.ExecutionQuery{PipelineConfigIDs: []string{p.armed.Pipeline.ID}, Limit: look, Brief: true})
	if err != nil {
		return false, fmt.Errorf("look for earlier runs: %w", err)
	}
	var last time.Time
	for _, run := range runs {
		if started := run.StartTime.Time(); run.StartTime != 0 && started.After(last) {
			last = started
		}
	}
	return !last.IsZero() && last.Before(missed), nil
}

// hold makes sure of the lease. Whoever gets it reads what the holder before has stored. False means that another process
// holds it.
func (f *Feed) hold(ctx context.Context) (bool, error) {
	if f.plans != nil {
		return true, nil // what is recorded is fenced by the epoch
	}
	var lease store.Lease
	err := f.Store.View(ctx, func(r store.Reader) (err error) {
		lease, err = r.Lease(name)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, fmt.Errorf("read the lease: %w", err)
	}
	if err == nil && lease.Incarnation != f.Incarnation {
		return false, nil
	}
	var rows map[string][]byte
	err = f.Store.Update(ctx, func(tx store.Tx) (err error) {
		if lease, err = tx.TakeLease(name, f.Incarnation); err != nil {
			return err
		}
		rows, err = tx.JobStates(name)
		return err
	})
	if errors.Is(err, store.ErrStale) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("take the lease: %w", err)
	}
	return true, f.load(lease.Epoch, rows)
}

// load takes over what is stored.
func (f *Feed) load(epoch int64, rows map[string][]byte) error {
	plans := make(map[string]*plan, len(rows))
	for id, row := range rows {
		var known state
		if err := json.Unmarshal(row, &known); err != nil {
			return fmt.Errorf("read the state of trigger %q: %w", id, err)
		}
		plans[id] = &plan{id: id, spec: known.Spec, at: known.At, never: true}
	}
	f.epoch, f.plans = epoch, plans
	return nil
}

// release gives the lease back, so that another process need not wait until this one is known to be dead.
func (f *Feed) release(ctx context.Context) {
	if f.plans == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	err := f.Store.Update(ctx, func(tx store.Tx) error { return tx.ReleaseLease(name, f.Incarnation) })
	if err != nil && !errors.Is(err, store.ErrStale) {
		f.Log.Warn("give the lease back", "error", err)
	}
}
