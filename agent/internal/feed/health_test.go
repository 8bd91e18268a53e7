package feed

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/health"
	"github.com/gennaker/gennaker/agent/internal/store"
)

// health is how the place's feed fares, by the store.
func (r *rig) health(w *watcher) health.Health {
	r.Helper()
	all, err := New(w.Options, []Account{w.Account}).Health(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return all[0]
}

// turn has a process look once and report, as run does.
func (r *rig) turn(w *watcher) {
	r.Helper()
	_, err := w.cycle(r.Context())
	w.report(r.Context(), err, time.Hour)
}

func TestHealth(t *testing.T) {
	r := newRig(t, "a", "b")
	w := r.process("one")
	var told []health.Health
	w.Looked = func(h health.Health) { told = append(told, h) }
	if h := r.health(w); h.Kind != "test" || h.Name != "acct" || h.Interval != time.Hour || !h.LookedAt.IsZero() || h.Holder != "" {
		t.Errorf("before the first look: %+v", h)
	}

	r.turn(w)
	first := r.health(w)
	if first.LookedAt.IsZero() || !first.SucceededAt.Equal(first.LookedAt) || !first.NextAt.Equal(first.LookedAt.Add(time.Hour)) ||
		first.Items != 2 || first.Failing != 0 || first.Error != "" || first.Holder != "one" {
		t.Errorf("after a look: %+v", first)
	}

	r.place.ruin("b", errors.New("no such repository"))
	r.turn(w)
	if h := r.health(w); h.Failing != 1 || !slices.Equal(h.Problems, []health.Problem{{Item: "b", Error: "no such repository"}}) || h.Error != "" || h.SucceededAt.Before(first.SucceededAt) {
		t.Errorf("with a broken repository: %+v", h)
	}

	r.place.ruin("a", &Busy{Err: errors.New("too many requests")})
	r.turn(w)
	failed := r.health(w)
	if failed.Error != "too many requests" || !failed.SucceededAt.Before(failed.LookedAt) || failed.Failing != 1 {
		t.Errorf("with an account that is busy: %+v", failed)
	}
	if len(told) != 3 || told[2].Error != failed.Error {
		t.Errorf("%d looks were told of: %+v", len(told), told)
	}

	// Who takes over knows when a look succeeded last.
	r.update(func(tx store.Tx) error { return tx.Leave("one") })
	next := r.process("two")
	r.turn(next)
	if h := r.health(next); h.Holder != "two" || h.Error == "" || !h.SucceededAt.Equal(failed.SucceededAt) {
		t.Errorf("after a takeover: %+v, before: %+v", h, failed)
	}
	// Who does not look has nothing to say.
	r.turn(w)
	if h := r.health(next); h.Holder != "two" {
		t.Errorf("after a look of who is gone: %+v", h)
	}
}

// A feed that looks all the time does not write all the time.
func TestHealthIsStoredWhenItChanges(t *testing.T) {
	r := newRig(t, "a")
	w := r.process("one")
	r.turn(w)
	first := r.health(w)
	w.report(t.Context(), nil, time.Second)
	if h := r.health(w); !h.LookedAt.Equal(first.LookedAt) && h.LookedAt.Sub(first.LookedAt) < health.Interval {
		t.Errorf("%+v was stored, expected still %+v", h, first)
	}
}
