package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// longest bounds waits that end much earlier unless something hangs.
const longest = time.Minute

// place is an account outside: items that hold a counter, each count being news.
type place struct {
	mu     sync.Mutex
	counts map[string]int
	// fail is what a look at an item fails with, before is called before every look.
	fail   map[string]error
	before func(ctx context.Context, item string)
	looks  []string
}

func (p *place) Items(context.Context) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.counts)), nil
}

func (p *place) Look(ctx context.Context, item string, earlier []byte) (Seen, error) {
	if p.before != nil {
		p.before(ctx, item)
	}
	if ctx.Err() != nil {
		return Seen{}, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looks = append(p.looks, item)
	if err := p.fail[item]; err != nil {
		return Seen{}, err
	}
	now, seen := p.counts[item], 0
	state := fmt.Append(nil, now)
	if earlier == nil {
		return Seen{State: state}, nil
	}
	if err := json.Unmarshal(earlier, &seen); err != nil {
		return Seen{}, err
	}
	if seen == now {
		return Seen{}, nil
	}
	out := Seen{State: state}
	for number := seen + 1; number <= now; number++ {
		key := fmt.Sprintf("%s#%d", item, number)
		out.News = append(out.News, News{Event: trigger.Event{ID: key, Type: "test", Source: "acct", Name: item}, Key: key})
	}
	return out, nil
}

func (p *place) set(item string, count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[item] = count
}

func (p *place) ruin(item string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail[item] = err
}

// looked returns the looks since the last call.
func (p *place) looked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	looks := p.looks
	p.looks = nil
	return looks
}

// rig is a store with a place outside.
type rig struct {
	*testing.T
	place *place
	store *sqlite.Store
	log   *bytes.Buffer

	mu sync.Mutex
	// refuse is what the intake fails with.
	refuse error
}

func newRig(t *testing.T, items ...string) *rig {
	t.Helper()
	r := &rig{T: t, place: &place{counts: map[string]int{}, fail: map[string]error{}}, log: &bytes.Buffer{}}
	for _, item := range items {
		r.place.counts[item] = 0
	}
	r.store = sqlitetest.Open(t)
	return r
}

func (r *rig) update(change func(store.Tx) error) {
	r.Helper()
	if err := r.store.Update(r.Context(), change); err != nil {
		r.Fatal(err)
	}
}

// process is an agent's watcher of the place.
func (r *rig) process(incarnation string) *watcher {
	r.Helper()
	r.update(func(tx store.Tx) error { return tx.Renew(store.Incarnation{ID: incarnation}) })
	o := Options{Store: r.store, Incarnation: incarnation, Accepted: func() {}, Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Accept: func(tx store.Tx, event trigger.Event, key string) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			return errors.Join(r.refuse, tx.AddEvent(store.Event{ID: event.ID, Key: key, Type: event.Type, Source: event.Source, Name: event.Name, ReceivedAt: tx.Now(), Body: []byte("{}")}))
		}}
	return newWatcher(o, Account{Kind: "test", Name: "acct", Interval: time.Hour, Timeout: longest, Source: r.place})
}

// cycle has a process look once.
func (r *rig) cycle(w *watcher) {
	r.Helper()
	if _, err := w.cycle(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// events are the keys of the events taken in, sorted.
func (r *rig) events() []string {
	r.Helper()
	var keys []string
	err := r.store.View(r.Context(), func(reader store.Reader) error {
		events, err := reader.Events(store.EventQuery{})
		for _, event := range events {
			keys = append(keys, event.Key)
		}
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

// known says whether the state of an item is stored.
func (r *rig) known(item string) bool {
	r.Helper()
	var states map[string][]byte
	err := r.store.View(r.Context(), func(reader store.Reader) (err error) {
		states, err = reader.JobStates("feed/test/acct")
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return states[item] != nil
}
