package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
)

func updateTests(atOnce int) map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"a committed change is seen by later reads":             testCommitted,
		"a failed change leaves nothing":                        testFailed,
		"of many at once the failed ones leave nothing":         testGroup,
		"what waits for the commit is done after it":            testAfterCommit,
		"a panic is the caller's and leaves nothing":            testPanic,
		"a goroutine that ends inside leaves nothing":           testGoexit,
		"the context counts while waiting for the turn":         func(t *testing.T, s store.Store) { testContextQueued(t, s, atOnce) },
		"the context does not count once the change runs":       testContextRunning,
		"a view keeps its snapshot":                             testSnapshot,
		"a transaction sees its own changes, others do not yet": testOwnChanges,
		"a transaction is over when its function returns":       testOver,
		"the time stands still in a transaction and moves on":   testNow,
		"due is signalled for work, and for nothing else":       testDue,
		"every text is kept, if need be in a readable form":     testTexts,
		"a store that answers can be written to":                testPing,
		"a closed store refuses":                                testClosed,
	}
}

// audit adds a row that the tests recognise.
func audit(t store.Tx, action string) error { return t.AddAudit(store.AuditRow{Action: action}) }

func actions(tb testing.TB, s store.Store) []string {
	tb.Helper()
	var out []string
	for _, row := range read(tb, s, func(r store.Reader) ([]store.AuditRow, error) { return r.Audit(0) }) {
		out = append(out, row.Action)
	}
	slices.Sort(out)
	return out
}

func testCommitted(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error { return audit(tx, "one") })
	same(t, "rows", actions(t, s), []string{"one"})
}

func testAfterCommit(t *testing.T, s store.Store) {
	var seen []string
	look := func(name string) func() {
		return func() { seen = append(seen, fmt.Sprint(name, actions(t, s))) }
	}
	update(t, s, func(tx store.Tx) error {
		tx.AfterCommit(look("first "))
		tx.AfterCommit(look("second "))
		return audit(tx, "one")
	})
	same(t, "seen", seen, []string{"first [one]", "second [one]"})
	err := s.Update(t.Context(), func(tx store.Tx) error {
		tx.AfterCommit(look("third "))
		return errors.New("changed my mind")
	})
	same(t, "the second update failed", err != nil, true)
	same(t, "seen", len(seen), 2)
}

func testFailed(t *testing.T, s store.Store) {
	failure := errors.New("changed my mind")
	err := s.Update(t.Context(), func(tx store.Tx) error { return errors.Join(audit(tx, "one"), failure) })
	if !errors.Is(err, failure) {
		t.Fatalf("found error %v, expected the function's own", err)
	}
	same(t, "rows", actions(t, s), []string(nil))
}

func testGroup(t *testing.T, s store.Store) {
	failure := errors.New("every third fails")
	var want []string
	var group sync.WaitGroup
	for i := range 60 {
		name := fmt.Sprintf("%02d", i)
		if i%3 != 0 {
			want = append(want, name)
		}
		group.Go(func() {
			err := s.Update(t.Context(), func(tx store.Tx) error {
				if err := audit(tx, name); err != nil || i%3 != 0 {
					return err
				}
				return failure
			})
			if i%3 == 0 && !errors.Is(err, failure) || i%3 != 0 && err != nil {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	group.Wait()
	same(t, "rows", actions(t, s), want)
}

func testPanic(t *testing.T, s store.Store) {
	func() {
		defer func() { same(t, "what the caller recovers", recover(), any("out of my depth")) }()
		_ = s.Update(t.Context(), func(tx store.Tx) error {
			if err := audit(tx, "panicked"); err != nil {
				return err
			}
			panic("out of my depth")
		})
	}()
	update(t, s, func(tx store.Tx) error { return audit(tx, "after") })
	same(t, "rows", actions(t, s), []string{"after"})
}

func testGoexit(t *testing.T, s store.Store) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Update(t.Context(), func(tx store.Tx) error {
			if err := audit(tx, "ended"); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
	}()
	<-ended
	update(t, s, func(tx store.Tx) error { return audit(tx, "after") })
	same(t, "rows", actions(t, s), []string{"after"})
}

// occupy has as many updates run as can, until release is called.
func occupy(t *testing.T, s store.Store, atOnce int) (release func()) {
	inside, leave, left := make(chan struct{}), make(chan struct{}), make(chan error)
	for range atOnce {
		go func() {
			left <- s.Update(context.WithoutCancel(t.Context()), func(store.Tx) error {
				inside <- struct{}{}
				<-leave
				return nil
			})
		}()
	}
	for range atOnce {
		<-inside
	}
	return func() {
		close(leave)
		for range atOnce {
			if err := <-left; err != nil {
				t.Errorf("an update that held up others: %v", err)
			}
		}
	}
}

func testContextQueued(t *testing.T, s store.Store, atOnce int) {
	release := occupy(t, s, atOnce)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := s.Update(ctx, func(tx store.Tx) error { return audit(tx, "never") })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("found error %v, expected the context's", err)
	}
	release()
	update(t, s, func(tx store.Tx) error { return audit(tx, "after") })
	same(t, "rows", actions(t, s), []string{"after"})
}

func testContextRunning(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := s.Update(ctx, func(tx store.Tx) error {
		cancel()
		return audit(tx, "kept")
	})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	same(t, "rows", actions(t, s), []string{"kept"})
}

func testSnapshot(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error { return audit(tx, "before") })
	err := s.View(t.Context(), func(r store.Reader) error {
		first, err := r.Audit(0)
		if err != nil {
			return err
		}
		update(t, s, func(tx store.Tx) error { return audit(tx, "meanwhile") })
		second, err := r.Audit(0)
		same(t, "rows in the same view", len(second), len(first))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "rows afterwards", actions(t, s), []string{"before", "meanwhile"})
}

func testOwnChanges(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) error {
		if err := audit(tx, "mine"); err != nil {
			return err
		}
		own, err := tx.Audit(0)
		same(t, "rows inside", len(own), 1)
		same(t, "rows outside", actions(t, s), []string(nil))
		return err
	})
}

func testOver(t *testing.T, s store.Store) {
	var kept store.Tx
	update(t, s, func(tx store.Tx) error {
		kept = tx
		return nil
	})
	if err := audit(kept, "late"); err == nil {
		t.Error("a transaction wrote after its function had returned")
	}
	var reader store.Reader
	read(t, s, func(r store.Reader) (int, error) {
		reader = r
		return 0, nil
	})
	if _, err := reader.Audit(0); err == nil {
		t.Error("a view read after its function had returned")
	}
}

func testNow(t *testing.T, s store.Store) {
	var earlier, later time.Time
	update(t, s, func(tx store.Tx) error {
		earlier = tx.Now()
		if !tx.Now().Equal(earlier) {
			t.Error("the time moved inside a transaction")
		}
		return audit(tx, "one")
	})
	update(t, s, func(tx store.Tx) error {
		later = tx.Now()
		return nil
	})
	seen := read(t, s, func(r store.Reader) (time.Time, error) { return r.Now(), nil })
	if seen.Before(later) || seen.Location() != time.UTC {
		t.Errorf("a view is at %v, after an update at %v", seen, later)
	}
	if later.Before(earlier) {
		t.Errorf("the time went back from %v to %v", earlier, later)
	}
	if earlier.Location() != time.UTC {
		t.Errorf("the time is in %v, expected UTC", earlier.Location())
	}
}

func testDue(t *testing.T, s store.Store) {
	signalled := func() bool {
		select {
		case <-s.Due():
			return true
		default:
			return false
		}
	}
	ref := dueStage(t, s, "ex", "a", base())
	alive(t, s, "me")
	same(t, "signal after a due stage", signalled(), true)
	same(t, "signals are not queued", signalled(), false)

	update(t, s, func(tx store.Tx) error { return audit(tx, "nothing to do") })
	same(t, "signal after an audit row", signalled(), false)

	failure := errors.New("no")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.AddExecutionEvent("ex", engine.Event{Kind: engine.EventCancel}), failure)
	})
	same(t, "the function's error", errors.Is(err, failure), true)
	same(t, "signal after a rollback", signalled(), false)

	var claimed store.Claim
	claims := func(tx store.Tx) (err error) {
		claimed, err = tx.ClaimStage(ref, "me", base())
		return err
	}
	steps := []struct {
		name   string
		change func(store.Tx) error
		want   bool
	}{
		{"an execution's event", func(tx store.Tx) error {
			return tx.AddExecutionEvent("ex", engine.Event{Kind: engine.EventCancel})
		}, true},
		{"a candidate", func(tx store.Tx) error {
			return tx.AddCandidate(store.Candidate{ID: "c", Due: base(), Deadline: base()})
		}, true},
		{"a claim", claims, false},
		{"a release", func(tx store.Tx) error { return tx.ReleaseClaim(claimed) }, true},
		{"another claim", claims, false},
		{"a death", func(tx store.Tx) error {
			_, err := tx.Bury(tx.Now().Add(time.Second))
			return err
		}, true},
	}
	for _, step := range steps {
		update(t, s, step.change)
		same(t, "signal after "+step.name, signalled(), step.want)
	}
}

// What comes from outside, as a plugin's log, holds anything. Where it cannot be kept as it is, it is still found again by
// what it was stored under.
func testTexts(t *testing.T, s store.Store) {
	const odd = "nul \x00 and no UTF-8 \xff, \u00e4"
	update(t, s, func(tx store.Tx) error {
		return errors.Join(audit(tx, odd), tx.AddStart(odd, "ex"), tx.PutJobStates(odd, map[string][]byte{"job": []byte(odd)}))
	})
	kept := actions(t, s)
	if len(kept) != 1 || !strings.HasPrefix(kept[0], "nul ") || !strings.HasSuffix(kept[0], ", \u00e4") {
		t.Errorf("found %q", kept)
	}
	err := s.Update(t.Context(), func(tx store.Tx) error { return tx.AddStart(odd, "ex") })
	same(t, "the same key again", errors.Is(err, store.ErrExists), true)
	states := read(t, s, func(r store.Reader) (map[string][]byte, error) { return r.JobStates(odd) })
	same(t, "bytes", string(states["job"]), odd)
}

func testPing(t *testing.T, s store.Store) {
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func testClosed(t *testing.T, s store.Store) {
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	if err := s.Update(t.Context(), func(store.Tx) error { return nil }); err == nil {
		t.Error("a closed store ran an update")
	}
	if err := s.View(t.Context(), func(store.Reader) error { return nil }); err == nil {
		t.Error("a closed store ran a view")
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("a closed store says it can be written to")
	}
}
