package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// decideParallel is how many candidates are looked up at once.
	decideParallel = 16
	// lookupTimeout bounds one look outside.
	lookupTimeout = 30 * time.Second
	// idleCheck is how often candidates are looked for without being woken.
	idleCheck = 5 * time.Second
	// firstRetry and lastRetry bound the growing pause between two looks for one property file.
	firstRetry = 500 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// Run decides candidates until ctx ends.
func (i *Inbox) Run(ctx context.Context) error {
	for {
		next, err := i.decideDue(ctx)
		if err != nil && ctx.Err() == nil {
			i.Log.Error("decide candidates", "error", err)
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-i.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// decideDue decides all candidates that are due and says how long there is nothing to do.
func (i *Inbox) decideDue(ctx context.Context) (time.Duration, error) {
	for {
		ended := i.ended.Load()
		var now time.Time
		var heads []store.Candidate
		err := i.Store.View(ctx, func(r store.Reader) (err error) {
			now = r.Now()
			heads, err = r.DueCandidates(now.Add(idleCheck), decideParallel*4)
			return err
		})
		if err != nil {
			return idleCheck, fmt.Errorf("list candidates: %w", err)
		}
		if len(heads) > 0 {
			i.decided.Store(ended)
		}
		next, group := idleCheck, errgroup.Group{}
		group.SetLimit(decideParallel)
		decided := false
		for _, c := range heads {
			if wait := c.Due.Sub(now); wait > 0 {
				next = min(next, wait)
				continue
			}
			decided = true
			group.Go(func() error {
				if err := i.decide(ctx, c); err != nil && ctx.Err() == nil {
					return fmt.Errorf("candidate %s: %w", c.ID, err)
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil || !decided || ctx.Err() != nil {
			return next, err
		}
	}
}

// decide looks up what a candidate waits for and settles it, or puts it off.
func (i *Inbox) decide(ctx context.Context, c store.Candidate) error {
	event, key, err := i.event(ctx, c.EventID)
	if err != nil {
		return err
	}
	facts, lookupErr, mayCome, err := i.lookUp(ctx, event, c.Fired.Text("propertyFile"))
	if err != nil {
		return err
	}
	return i.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Candidate(c.ID); errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		if lookupErr != nil && mayCome && tx.Now().Before(c.Deadline) {
			return putOff(tx, c, lookupErr)
		}
		return i.settleCandidate(tx, c, event, key, facts)
	})
}

// lookUp finds out what a trigger on an event needs to know: the build's property file, or the execution that ended. failed
// is why the file cannot be read, mayCome that it could be there a little later.
func (i *Inbox) lookUp(ctx context.Context, event trigger.Event, file string) (facts *trigger.Facts, failed error, mayCome bool, err error) {
	if event.Type == trigger.Pipeline {
		facts, err = i.parent(ctx, event.Ended.ExecutionID)
		return facts, nil, false, err
	}
	lookup, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	properties, mayCome, failed := i.Builds.Properties(lookup, event.Source, event.Name, event.Build.Number, file)
	if ctx.Err() != nil {
		return nil, nil, false, ctx.Err()
	}
	if failed != nil {
		return &trigger.Facts{PropertiesError: failed.Error()}, failed, mayCome, nil
	}
	return &trigger.Facts{Properties: properties}, nil, false, nil
}

// parent reads the execution that ended.
func (i *Inbox) parent(ctx context.Context, id string) (*trigger.Facts, error) {
	facts := &trigger.Facts{}
	err := i.Store.View(ctx, func(r store.Reader) error {
		ended, err := r.Execution(id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			facts.Parent = ended.Execution
		}
		return err
	})
	return facts, err
}

// putOff has a candidate looked at again later, with growing pauses, and once more at its deadline. Its verdict says so.
func putOff(tx store.Tx, c store.Candidate, cause error) error {
	c.Attempts++
	c.LastError = cause.Error()
	pause := min(firstRetry<<min(c.Attempts-1, 10), lastRetry)
	c.Due = tx.Now().Add(pause)
	if c.Due.After(c.Deadline) {
		c.Due = c.Deadline
	}
	if err := tx.PutCandidate(c); err != nil {
		return err
	}
	verdicts, err := tx.Verdicts(store.VerdictQuery{EventID: c.EventID, PipelineConfigID: c.PipelineConfigID})
	if err != nil {
		return err
	}
	for _, verdict := range verdicts {
		if verdict.Trigger != c.Trigger || verdict.Outcome != store.Undecided {
			continue
		}
		verdict.Reason = fmt.Sprintf("waiting until %s for property file %q: %v",
			c.Deadline.UTC().Format("15:04:05 MST"), c.Fired.Text("propertyFile"), cause)
		verdict.At = tx.Now()
		return tx.PutVerdict(bounded(verdict))
	}
	return nil
}

// settleCandidate decides a candidate with the pipeline as it is now.
func (i *Inbox) settleCandidate(tx store.Tx, c store.Candidate, event trigger.Event, key string, facts *trigger.Facts) error {
	if err := tx.DeleteCandidate(c.ID); err != nil {
		return err
	}
	armed, _, err := i.Triggers.Armed(tx, event.Key())
	if err != nil {
		return err
	}
	for _, a := range armed {
		if a.Pipeline.ID != c.PipelineConfigID || a.Name != c.Trigger {
			continue
		}
		_, err := i.settle(tx, event, key, a, a.Match(event, facts), func(row store.Verdict) error { return tx.PutVerdict(bounded(row)) })
		return err
	}
	row := store.Verdict{EventID: event.ID, PipelineConfigID: c.PipelineConfigID, Trigger: c.Trigger, Outcome: store.Ignored,
		Reason: "the pipeline or its trigger was changed, disabled or deleted while the event waited", At: tx.Now()}
	p, err := tx.Pipeline(c.PipelineConfigID)
	if err == nil {
		row.Application, row.Pipeline = p.Application, p.Name
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return tx.PutVerdict(bounded(row))
}

// event reads an accepted event back.
func (i *Inbox) event(ctx context.Context, id string) (event trigger.Event, key string, err error) {
	err = i.Store.View(ctx, func(r store.Reader) error {
		row, err := r.Event(id)
		if err != nil {
			return err
		}
		key = row.Key
		event, err = decodeEvent(row.Body)
		return err
	})
	return event, key, err
}

func decodeEvent(body json.RawMessage) (trigger.Event, error) {
	var event trigger.Event
	if err := spinnaker.Decode(body, &event); err != nil {
		return trigger.Event{}, fmt.Errorf("decode a stored event: %w", err)
	}
	return event, nil
}
