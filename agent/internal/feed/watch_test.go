package feed

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/store"
)

func (r *rig) wantEvents(want ...string) {
	r.Helper()
	if diff := cmp.Diff(want, r.events()); diff != "" {
		r.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestFirstLookRecordsLaterLooksAnnounce(t *testing.T) {
	r := newRig(t, "a", "b")
	r.place.set("a", 3)
	w := r.process("one")
	r.cycle(w)
	r.wantEvents()
	r.place.set("a", 5)
	r.cycle(w)
	r.cycle(w)
	r.wantEvents("a#4", "a#5")
	next := r.process("one")
	r.place.set("b", 1)
	r.cycle(next)
	r.wantEvents("a#4", "a#5", "b#1")
}

func TestStateMovesWithTheEvents(t *testing.T) {
	r := newRig(t, "a")
	w := r.process("one")
	r.cycle(w)
	r.place.set("a", 1)
	r.refuse = errors.New("the disk is full")
	if _, err := w.cycle(t.Context()); err == nil || err.Error() != "store what is new in a: a#1: the disk is full" {
		t.Errorf("error %v", err)
	}
	r.wantEvents()
	r.refuse = nil
	r.cycle(w)
	r.wantEvents("a#1")
}

func TestOneProcessLooks(t *testing.T) {
	r := newRig(t, "a")
	first, second := r.process("one"), r.process("two")
	r.cycle(first)
	r.place.looked()
	r.cycle(second)
	if looks := r.place.looked(); len(looks) != 0 {
		t.Errorf("the second process looked at %v", looks)
	}
	r.place.set("a", 1)
	r.update(func(tx store.Tx) error {
		if err := tx.Renew(store.Incarnation{ID: "two"}); err != nil {
			return err
		}
		_, err := tx.Bury(tx.Now())
		return err
	})
	r.cycle(second)
	r.wantEvents("a#1")
	r.place.looked()
	r.cycle(first)
	if looks := r.place.looked(); len(looks) != 0 {
		t.Errorf("the dead process looked at %v", looks)
	}
}

func TestWhoLostTheLeaseStoresNothing(t *testing.T) {
	r := newRig(t, "a")
	first, second := r.process("one"), r.process("two")
	r.cycle(first)
	r.place.set("a", 1)
	r.place.before = func(context.Context, string) {
		r.place.before = nil
		r.update(func(tx store.Tx) error { return tx.ReleaseLease(first.name(), "one") })
		r.cycle(second)
		r.update(func(tx store.Tx) error { return tx.ReleaseLease(first.name(), "two") })
	}
	r.cycle(first)
	r.wantEvents("a#1")
	if first.lease.Held() {
		t.Error("the first process still believes that it holds the lease")
	}
	if !strings.Contains(r.log.String(), "another process holds the lease now") {
		t.Errorf("log:\n%s", r.log)
	}
	r.cycle(first)
	r.wantEvents("a#1")
}

func TestAnItemThatHangsDelaysNoOther(t *testing.T) {
	r := newRig(t, "a", "b", "c", "hanging")
	w := r.process("one")
	r.cycle(w)
	for _, item := range []string{"a", "b", "c"} {
		r.place.set(item, 1)
	}
	ctx, release := context.WithCancel(t.Context())
	r.place.before = func(_ context.Context, item string) {
		if item == "hanging" {
			<-ctx.Done()
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := w.cycle(t.Context())
		ended <- err
	}()
	deadline := time.Now().Add(longest)
	for len(r.events()) < 3 && time.Now().Before(deadline) {
		select {
		case err := <-ended:
			t.Fatalf("the cycle ended, error %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	r.wantEvents("a#1", "b#1", "c#1")
	release()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestABrokenItemIsAskedMoreRarely(t *testing.T) {
	r := newRig(t, "a", "broken")
	r.place.ruin("broken", errors.New(`account "acct": broken answered 500`))
	w := r.process("one")
	r.cycle(w)
	r.place.looked()
	r.cycle(w)
	if diff := cmp.Diff([]string{"a"}, r.place.looked()); diff != "" {
		t.Errorf("looks (-want +got):\n%s", diff)
	}
	w.items["broken"].due = time.Time{}
	r.cycle(w)
	r.place.ruin("broken", nil)
	w.items["broken"].due = time.Time{}
	r.cycle(w)
	r.place.set("broken", 1)
	r.cycle(w)
	r.wantEvents("broken#1")
	if n := strings.Count(r.log.String(), "broken answered 500"); n != 1 {
		t.Errorf("the problem was logged %d times, want once:\n%s", n, r.log)
	}
	if !strings.Contains(r.log.String(), "look at broken: works again") {
		t.Errorf("log:\n%s", r.log)
	}
}

func TestCyclesKeepTheirRhythm(t *testing.T) {
	r := newRig(t, "a")
	w := r.process("one")
	r.cycle(w)
	w.Account.Interval = 30 * time.Second
	for _, c := range []struct {
		took time.Duration
		more bool
		want time.Duration
	}{{0, false, 30 * time.Second}, {20 * time.Second, false, 10 * time.Second}, {time.Minute, false, 3 * time.Second}, {0, true, 3 * time.Second}} {
		if got := w.next(c.took, c.more, 0, nil); got != c.want {
			t.Errorf("after a cycle of %v (more: %v) the next one comes after %v, want %v", c.took, c.more, got, c.want)
		}
	}
	for failures := 1; failures < 20; failures++ {
		if got := w.next(0, false, failures, errors.New("broken")); got < 24*time.Second || got > 6*time.Minute {
			t.Errorf("after %d failures the next cycle comes after %v", failures, got)
		}
	}
}

func TestABusyAccountIsLeftAlone(t *testing.T) {
	items := strings.Split("a b c d e f g h i j k l", " ")
	r := newRig(t, items...)
	w := r.process("one")
	r.place.before = func(_ context.Context, item string) {
		if item == "b" {
			r.place.ruin("b", &Busy{For: time.Hour, Err: errors.New("429 Too Many Requests")})
		}
	}
	_, err := w.cycle(t.Context())
	if err == nil || err.Error() != "429 Too Many Requests" {
		t.Fatalf("error %v", err)
	}
	if wait := w.next(0, false, 1, err); wait < time.Hour {
		t.Errorf("the next cycle comes after %v, want at least the hour asked for", wait)
	}
	last := w.last
	r.place.before = nil
	r.place.ruin("b", nil)
	r.place.looked()
	w.Account.Interval = time.Hour
	if next := w.order(items)[0]; next <= last && last != "l" {
		t.Errorf("after %s the next cycle begins with %s", last, next)
	}
	r.cycle(w)
	if looks := r.place.looked(); len(looks) != len(items) {
		t.Errorf("looks %v", looks)
	}
}

func TestForgottenWhatNobodyNames(t *testing.T) {
	r := newRig(t, "a", "b")
	w := r.process("one")
	r.cycle(w)
	delete(r.place.counts, "b")
	r.cycle(w)
	r.place.set("b", 7)
	r.cycle(w)
	r.wantEvents()
	r.place.set("b", 8)
	r.cycle(r.process("one"))
	r.wantEvents("b#8")
}

// The whole loop: a feed runs, ends, and gives its lease to the next process at once.
func TestRun(t *testing.T) {
	r := newRig(t, "a")
	run := func(incarnation string, until func() bool) {
		w := r.process(incarnation)
		account := w.Account
		account.Interval = 10 * time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- New(w.Options, []Account{account}).Run(ctx) }()
		deadline := time.Now().Add(longest)
		for !until() && time.Now().Before(deadline) {
			select {
			case err := <-ended:
				t.Fatalf("ended early: %v", err)
			case <-time.After(time.Millisecond):
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	run("one", func() bool { return r.known("a") })
	r.place.set("a", 1)
	run("two", func() bool { return len(r.events()) > 0 })
	r.wantEvents("a#1")
}
