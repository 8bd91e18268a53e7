package feed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/agent/internal/health"
	"github.com/gennaker/gennaker/agent/internal/lease"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/jenkins/poll"
)

// parallel is how many items of an account are looked at at once: a few that hang do not hold up the others.
const parallel = 8

// watcher runs the feed of one account.
type watcher struct {
	Options
	Account
	lease *lease.Lease
	// items are what is known of each, while this process holds the lease.
	items map[string]*item
	// last is the item that was looked at last: the next cycle goes on after it, so that one that was cut short does not
	// favour anybody.
	last string
	// told is the last failure of a cycle.
	told string
	// health stores how the feed fares.
	health *health.Reporter
}

// item is what the watcher knows of one repository or index. It belongs to one look at a time.
type item struct {
	state []byte
	// failures are those in a row, due when it may be asked again, told the problem that was logged last.
	failures int
	due      time.Time
	told     string
}

func newWatcher(o Options, account Account) *watcher {
	o.Log = o.Log.With("feed", account.Kind, "account", account.Name)
	l := lease.New(o.Store, account.name(), o.Incarnation, o.Log)
	return &watcher{Options: o, Account: account, lease: l, health: health.NewReporter(o.Store, account.Subject(), l.Fence)}
}

func (w *watcher) run(ctx context.Context) {
	defer w.lease.Release(ctx)
	wait, failures := poll.Phase(w.name(), w.Interval), 0
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		began := time.Now()
		more, err := w.cycle(ctx)
		if ctx.Err() != nil {
			return
		}
		w.tell(&w.told, err, "look at the account")
		if err != nil {
			failures++
		} else {
			failures = 0
		}
		wait = w.next(time.Since(began), more, failures, err)
		w.report(ctx, err, wait)
	}
}

// next is how long to wait after a cycle. Successful ones keep the feed's own rhythm, failed ones are repeated ever more
// rarely and at no common moment.
func (w *watcher) next(took time.Duration, more bool, failures int, err error) time.Duration {
	busy := (*Busy)(nil)
	switch {
	case errors.As(err, &busy):
		return max(busy.For, poll.Jitter(poll.Delay(w.Interval, failures, err), rand.Float64()))
	case err != nil:
		return poll.Jitter(poll.Delay(w.Interval, failures, err), rand.Float64())
	case !w.lease.Held():
		return poll.Jitter(min(w.Interval, lease.Retry), rand.Float64())
	case more:
		return w.Interval / 10
	default:
		return max(w.Interval-took, w.Interval/10)
	}
}

// cycle looks at every item once. more says that some look was ended by a limit.
func (w *watcher) cycle(ctx context.Context) (more bool, err error) {
	if held, err := w.lease.Hold(ctx, w.load); err != nil || !held {
		return false, err
	}
	names, err := w.Source.Items(ctx)
	if err != nil {
		return false, err
	}
	if err = w.forget(ctx, names); err == nil {
		more, err = w.lookAtAll(ctx, w.order(names))
	}
	if w.lease.Lost(err) {
		return false, nil
	}
	return more, err
}

// load reads what the process before has stored.
func (w *watcher) load(r store.Reader) error {
	states, err := r.JobStates(w.name())
	if err != nil {
		return err
	}
	w.items = make(map[string]*item, len(states))
	for name, state := range states {
		w.items[name] = &item{state: state}
	}
	return w.health.Load(r)
}

// order is the order of this cycle: by name, beginning after the item that was looked at last.
func (w *watcher) order(names []string) []string {
	sorted := slices.Compact(slices.Sorted(slices.Values(names)))
	at, found := slices.BinarySearch(sorted, w.last)
	if found {
		at++
	}
	return slices.Concat(sorted[at:], sorted[:at])
}

// lookAtAll looks at the items that are due, until the account is busy or the lease is lost.
func (w *watcher) lookAtAll(ctx context.Context, names []string) (more bool, err error) {
	var mu sync.Mutex
	stopped := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return err != nil
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, name := range names {
		known := w.items[name]
		if known == nil {
			known = &item{}
			w.items[name] = known
		}
		if time.Now().Before(known.due) {
			continue
		}
		if stopped() || ctx.Err() != nil {
			break
		}
		w.last = name
		group.Go(func() error {
			again, failed := w.look(ctx, name, known)
			mu.Lock()
			defer mu.Unlock()
			more = more || again
			if err == nil {
				err = failed
			}
			return nil
		})
	}
	if failed := group.Wait(); failed != nil {
		return more, failed
	}
	return more, err
}

// look looks at one item and stores what it found. What is wrong with the item alone is its own affair; an error concerns
// the account.
func (w *watcher) look(ctx context.Context, name string, known *item) (more bool, err error) {
	bounded, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	seen, err := w.Source.Look(bounded, name, known.state)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if busy := (*Busy)(nil); errors.As(err, &busy) {
		return false, err
	}
	w.tell(&known.told, errors.Join(err, seen.Problem), "look at "+name)
	if err != nil {
		known.failures++
		known.due = time.Now().Add(poll.Jitter(poll.Delay(w.Interval, known.failures, err), rand.Float64()))
		return false, nil
	}
	known.failures, known.due = 0, time.Time{}
	if seen.State == nil {
		return seen.More, nil
	}
	if err := w.record(ctx, name, seen); err != nil {
		return false, fmt.Errorf("store what is new in %s: %w", name, err)
	}
	known.state = seen.State
	return seen.More, nil
}

// record takes news in and stores the state after them, in one transaction.
func (w *watcher) record(ctx context.Context, name string, seen Seen) error {
	err := w.Store.Update(ctx, func(tx store.Tx) error {
		if err := w.lease.Fence(tx); err != nil {
			return err
		}
		for _, news := range seen.News {
			if err := w.Accept(tx, news.Event, news.Key); err != nil {
				return fmt.Errorf("%s: %w", news.Key, err)
			}
		}
		return tx.PutJobStates(w.name(), map[string][]byte{name: seen.State})
	})
	if err != nil {
		return err
	}
	for _, news := range seen.News {
		w.Log.Info("something new", "type", news.Event.Type, "key", news.Key)
	}
	if len(seen.News) > 0 {
		w.Accepted()
	}
	return nil
}

// forget drops what is known of items that are no longer named: when they are named again, what came in between is not
// announced.
func (w *watcher) forget(ctx context.Context, names []string) error {
	gone := map[string][]byte{}
	for name := range w.items {
		if !slices.Contains(names, name) {
			gone[name] = nil
		}
	}
	if len(gone) == 0 {
		return nil
	}
	err := w.Store.Update(ctx, func(tx store.Tx) error {
		if err := w.lease.Fence(tx); err != nil {
			return err
		}
		return tx.PutJobStates(w.name(), gone)
	})
	if err != nil {
		return fmt.Errorf("forget what is no longer looked at: %w", err)
	}
	for name := range gone {
		delete(w.items, name)
	}
	return nil
}

// tell logs a problem that is not the one that was logged last.
func (w *watcher) tell(told *string, err error, doing string) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != *told {
		w.Log.Warn(doing, "error", text)
	}
	if text == "" && *told != "" {
		w.Log.Info(doing + ": works again")
	}
	*told = text
}
