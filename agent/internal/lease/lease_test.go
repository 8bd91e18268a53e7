package lease_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/lease"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
)

// rig is a store with two agent processes.
type rig struct {
	*testing.T
	store    *sqlite.Store
	one, two *lease.Lease
	// loads counts how often a process read what is stored.
	loads int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s := sqlitetest.Open(t)
	r := &rig{T: t, store: s}
	log := slog.New(slog.DiscardHandler)
	r.one, r.two = lease.New(s, "thing", "one", log), lease.New(s, "thing", "two", log)
	r.update(func(tx store.Tx) error {
		return errors.Join(tx.Renew(store.Incarnation{ID: "one"}), tx.Renew(store.Incarnation{ID: "two"}))
	})
	return r
}

func (r *rig) update(change func(store.Tx) error) {
	r.Helper()
	if err := r.store.Update(r.Context(), change); err != nil {
		r.Fatal(err)
	}
}

// holds checks whether a process gets or has the lease, and how often what is stored was read by then.
func (r *rig) holds(l *lease.Lease, want bool, loads int) {
	r.Helper()
	held, err := l.Hold(r.Context(), func(store.Reader) error { r.loads++; return nil })
	if err != nil || held != want || l.Held() != want || r.loads != loads {
		r.Errorf("held %v (%v) after %d loads, %v; want %v after %d", held, l.Held(), r.loads, err, want, loads)
	}
}

func TestOneHolds(t *testing.T) {
	r := newRig(t)
	r.holds(r.one, true, 1)
	r.holds(r.one, true, 1)
	r.holds(r.two, false, 1)
	r.update(r.one.Fence)
	if err := r.store.Update(t.Context(), r.two.Fence); !r.two.Lost(err) {
		t.Errorf("who never had the lease passes the fence: %v", err)
	}
	r.one.Drop()
	r.holds(r.one, true, 2)
	r.one.Release(t.Context())
	r.holds(r.two, true, 3)
	r.holds(r.one, false, 3)
}

func TestTheDeadHoldNothing(t *testing.T) {
	r := newRig(t)
	r.holds(r.one, true, 1)
	r.update(func(tx store.Tx) error {
		_, err := tx.Bury(tx.Now().Add(1))
		return errors.Join(err, tx.Renew(store.Incarnation{ID: "two"}))
	})
	r.holds(r.two, true, 2)
	if err := r.store.Update(t.Context(), r.one.Fence); !r.one.Lost(err) || r.one.Held() {
		t.Errorf("the dead process passes the fence: %v", err)
	}
}

func TestWhoGotTheLeaseBackBeganUnderAnotherOne(t *testing.T) {
	r := newRig(t)
	r.holds(r.one, true, 1)
	r.update(func(tx store.Tx) error { return tx.ReleaseLease("thing", "one") })
	r.holds(r.two, true, 2)
	r.two.Release(t.Context())
	if err := r.store.Update(t.Context(), r.one.Fence); !errors.Is(err, store.ErrStale) {
		t.Errorf("error %v", err)
	}
	r.holds(r.one, true, 3)
}

func TestWhatCannotBeLoadedIsNotHeld(t *testing.T) {
	r := newRig(t)
	broken := errors.New("broken")
	if held, err := r.one.Hold(t.Context(), func(store.Reader) error { return broken }); held || !errors.Is(err, broken) || r.one.Held() {
		t.Errorf("held %v, %v", held, err)
	}
	r.holds(r.two, true, 1)
}
