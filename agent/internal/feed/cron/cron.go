package cron

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/gennaker/gennaker/agent/internal/lease"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

const (
	// name is that of the lease, and of the state in the store.
	name = "feed/cron"
	// Misfire is how late a time may be found that still fires, as in Quartz.
	Misfire = time.Minute
	// tick is how often triggers are looked at that may have changed.
	tick = time.Second
	// batch is how many triggers are fired in one transaction.
	batch = 100
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
	lease *lease.Lease
	// plans are what is known of each trigger, while this process holds the lease.
	plans map[string]*plan
}

// New makes a Feed.
func New(o Options) *Feed {
	o.Log = o.Log.With("feed", "cron")
	return &Feed{Options: o, lease: lease.New(o.Store, name, o.Incarnation, o.Log)}
}

// Run fires triggers until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	defer f.lease.Release(ctx)
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
	held, err := f.lease.Hold(ctx, f.load)
	if err != nil || !held {
		return lease.Retry, err
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
		if err := f.record(ctx, now, changed, some); f.lease.Lost(err) {
			return lease.Retry, nil
		} else if err != nil {
			f.lease.Drop() // read again what is stored
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
		if err := f.lease.Fence(tx); err != nil {
			return err
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

// load reads what the process before has stored.
func (f *Feed) load(r store.Reader) error {
	rows, err := r.JobStates(name)
	if err != nil {
		return err
	}
	f.plans = make(map[string]*plan, len(rows))
	for id, row := range rows {
		var known state
		if err := json.Unmarshal(row, &known); err != nil {
			return fmt.Errorf("read the state of trigger %q: %w", id, err)
		}
		f.plans[id] = &plan{id: id, spec: known.Spec, at: known.At, never: true}
	}
	return nil
}
