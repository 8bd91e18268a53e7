package storetest

import (
	"cmp"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
)

func workTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"due stages come longest waiting first":              testDueStages,
		"a stage is claimed once":                            testClaimOnce,
		"only what is due is claimed, by who is alive":       testClaimRefused,
		"a released stage may be claimed again":              testRelease,
		"an old claim is worth nothing":                      testStaleClaims,
		"the dead lose their claims and leases":              testBury,
		"saving an execution leaves a claim alone":           testSaveClaimed,
		"a checkpoint replaces the state":                    testCheckpoint,
		"the next due time is that of work one could do":     testNextDue,
		"an incarnation is renewed by the database's time":   testRenew,
		"who leaves gives back claims and leases":            testLeave,
		"the claims of an incarnation are known":             testClaims,
		"a lease has one holder":                             testLease,
		"nothing is due a microsecond too early or too late": testDuePrecision,
	}
}

func claim(tb testing.TB, s store.Store, ref store.StageRef, incarnation string) store.Claim {
	tb.Helper()
	var claimed store.Claim
	update(tb, s, func(tx store.Tx) (err error) {
		claimed, err = tx.ClaimStage(ref, incarnation, base().Add(time.Hour))
		return err
	})
	return claimed
}

// wantStale runs a change that must be refused.
func wantStale(tb testing.TB, s store.Store, what string, change func(store.Tx) error) {
	tb.Helper()
	if err := s.Update(tb.Context(), change); !errors.Is(err, store.ErrStale) {
		tb.Errorf("%s: found error %v, expected one that is ErrStale", what, err)
	}
}

// holds fails unless the claim is the stage's present one. It leaves it alone: the change is rolled back.
func holds(tb testing.TB, s store.Store, claim store.Claim) {
	tb.Helper()
	back := errors.New("roll back")
	err := s.Update(tb.Context(), func(tx store.Tx) error { return cmp.Or(tx.ReleaseClaim(claim), back) })
	if !errors.Is(err, back) {
		tb.Errorf("claim %+v: found error %v, expected that it holds", claim, err)
	}
}

func dueStages(tb testing.TB, s store.Store, now time.Time, limit int) (ids []string) {
	tb.Helper()
	refs := read(tb, s, func(r store.Reader) ([]store.StageRef, error) { return r.DueStages(now, limit) })
	for _, ref := range refs {
		ids = append(ids, ref.ExecutionID+"/"+ref.StageID)
	}
	return ids
}

func testDueStages(t *testing.T, s store.Store) {
	dueStage(t, s, "x1", "a", base().Add(2*time.Second))
	dueStage(t, s, "x2", "a", base().Add(time.Second))
	dueStage(t, s, "x3", "a", base().Add(time.Hour))
	taken := dueStage(t, s, "x4", "a", base())
	idle := execution("x5", stage("idle"), stage("awaits"))
	*idle.Work["idle"] = engine.Work{Due: base()}
	*idle.Work["awaits"] = engine.Work{Phase: engine.PhaseRun, Awaits: "judgment"}
	save(t, s, idle)
	alive(t, s, "me")
	claim(t, s, taken, "me")

	now := base().Add(time.Minute)
	same(t, "due", dueStages(t, s, now, 10), []string{"x2/a", "x1/a"})
	same(t, "at most one", dueStages(t, s, now, 1), []string{"x2/a"})
	same(t, "before their time", dueStages(t, s, base(), 10), []string(nil))
}

func testClaimOnce(t *testing.T, s store.Store) {
	ref := dueStage(t, s, "ex", "a", base())
	alive(t, s, "me")
	var won, lost atomic.Int32
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			err := s.Update(t.Context(), func(tx store.Tx) error {
				_, err := tx.ClaimStage(ref, "me", base())
				return err
			})
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, store.ErrStale):
				lost.Add(1)
			default:
				t.Errorf("claim: %v", err)
			}
		})
	}
	group.Wait()
	same(t, "claims won", won.Load(), int32(1))
	same(t, "claims lost", lost.Load(), int32(9))
}

func testClaimRefused(t *testing.T, s store.Store) {
	later := dueStage(t, s, "ex", "a", base().Add(time.Minute))
	alive(t, s, "me")
	cases := []struct {
		name        string
		ref         store.StageRef
		incarnation string
		now         time.Time
		want        error
	}{
		{"not yet due", later, "me", base(), store.ErrStale},
		{"an incarnation nobody knows", later, "ghost", base().Add(time.Hour), store.ErrStale},
		{"an unknown stage", store.StageRef{ExecutionID: "ex", StageID: "nope"}, "me", base(), store.ErrNotFound},
	}
	for _, c := range cases {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.ClaimStage(c.ref, c.incarnation, c.now)
			return err
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: found error %v, expected one that is %v", c.name, err, c.want)
		}
	}
}

func testRelease(t *testing.T, s store.Store) {
	ref := dueStage(t, s, "ex", "a", base())
	alive(t, s, "me", "you")
	first := claim(t, s, ref, "me")
	same(t, "first epoch", first.Epoch, int64(1))
	same(t, "due while claimed", dueStages(t, s, base(), 10), []string(nil))
	update(t, s, func(tx store.Tx) error { return tx.ReleaseClaim(first) })
	same(t, "due when released", dueStages(t, s, base(), 10), []string{"ex/a"})
	second := claim(t, s, ref, "you")
	same(t, "second claim", second, store.Claim{StageRef: ref, Incarnation: "you", Epoch: 2})
}

func testStaleClaims(t *testing.T, s store.Store) {
	ref := dueStage(t, s, "ex", "a", base())
	alive(t, s, "me")
	old := claim(t, s, ref, "me")
	update(t, s, func(tx store.Tx) error { return tx.ReleaseClaim(old) })
	present := claim(t, s, ref, "me")
	other := present
	other.Incarnation = "you"
	for name, stale := range map[string]store.Claim{"an old epoch": old, "another's name": other} {
		wantStale(t, s, name+" releases", func(tx store.Tx) error { return tx.ReleaseClaim(stale) })
		wantStale(t, s, name+" checkpoints", func(tx store.Tx) error { return tx.Checkpoint(stale, []byte("x")) })
	}
	holds(t, s, present)

	update(t, s, func(tx store.Tx) error { return tx.DeleteExecution("ex") })
	wantStale(t, s, "a stage that is gone", func(tx store.Tx) error { return tx.ReleaseClaim(present) })
}

func testBury(t *testing.T, s store.Store) {
	ref := dueStage(t, s, "ex", "a", base())
	kept := dueStage(t, s, "ex2", "a", base())
	alive(t, s, "dead")
	lost := claim(t, s, ref, "dead")
	update(t, s, func(tx store.Tx) error {
		_, err := tx.TakeLease("master", "dead")
		return err
	})
	var renewed time.Time
	update(t, s, func(tx store.Tx) error {
		renewed = tx.Now()
		return tx.Renew(store.Incarnation{ID: "living"})
	})
	held := claim(t, s, kept, "living")

	var buried []string
	update(t, s, func(tx store.Tx) (err error) {
		buried, err = tx.Bury(renewed)
		return err
	})
	same(t, "buried", buried, []string{"dead"})
	same(t, "due again", dueStages(t, s, base(), 10), []string{"ex/a"})
	wantStale(t, s, "the claim of the dead", func(tx store.Tx) error { return tx.ReleaseClaim(lost) })
	holds(t, s, held)
	wantStale(t, s, "a new claim of the dead", func(tx store.Tx) error {
		_, err := tx.ClaimStage(ref, "dead", base())
		return err
	})
	wantStale(t, s, "a new lease of the dead", func(tx store.Tx) error {
		_, err := tx.TakeLease("master", "dead")
		return err
	})
	update(t, s, func(tx store.Tx) error {
		lease, err := tx.TakeLease("master", "living")
		same(t, "lease taken over", lease, store.Lease{Name: "master", Incarnation: "living", Epoch: 2})
		return err
	})
	same(t, "epoch after the takeover", claim(t, s, ref, "living").Epoch, lost.Epoch+1)
}

func testLeave(t *testing.T, s store.Store) {
	ref := dueStage(t, s, "ex", "a", base())
	alive(t, s, "me", "you")
	held := claim(t, s, ref, "me")
	update(t, s, func(tx store.Tx) error {
		_, err := tx.TakeLease("master", "me")
		return err
	})
	update(t, s, func(tx store.Tx) error { return errors.Join(tx.Leave("me"), tx.Leave("absent")) })
	wantStale(t, s, "the claim of one that left", func(tx store.Tx) error { return tx.ReleaseClaim(held) })
	same(t, "due again", dueStages(t, s, base(), 10), []string{"ex/a"})
	update(t, s, func(tx store.Tx) error {
		_, err := tx.TakeLease("master", "you")
		return err
	})
	known := read(t, s, store.Reader.Incarnations)
	same(t, "incarnations", len(known), 1)
	same(t, "who stays", known[0].ID, "you")
}

func testClaims(t *testing.T, s store.Store) {
	first, second := dueStage(t, s, "ex1", "a", base()), dueStage(t, s, "ex2", "b", base())
	other := dueStage(t, s, "ex3", "c", base())
	alive(t, s, "me", "you")
	want := []store.Claim{claim(t, s, first, "me"), claim(t, s, second, "me")}
	claim(t, s, other, "you")
	claims := func() []store.Claim {
		return read(t, s, func(r store.Reader) ([]store.Claim, error) { return r.ClaimsOf("me") })
	}
	same(t, "claims", claims(), want)
	update(t, s, func(tx store.Tx) error { return tx.ReleaseClaim(want[0]) })
	same(t, "claims left", claims(), want[1:])
}

func testSaveClaimed(t *testing.T, s store.Store) {
	ref := dueStage(t, s, "ex", "a", base())
	alive(t, s, "me")
	held := claim(t, s, ref, "me")
	update(t, s, func(tx store.Tx) error {
		ex, err := tx.Execution("ex")
		if err != nil {
			return err
		}
		ex.Stages[0].Context = map[string]any{"patched": true}
		ex.Work["a"].Phase, ex.Work["a"].Due = engine.PhaseCancel, base().Add(time.Second)
		return tx.SaveExecution(ex)
	})
	same(t, "due while claimed", dueStages(t, s, base().Add(time.Hour), 10), []string(nil))
	update(t, s, func(tx store.Tx) error { return tx.ReleaseClaim(held) })
	same(t, "due when released", dueStages(t, s, base().Add(time.Hour), 10), []string{"ex/a"})
}

func testCheckpoint(t *testing.T, s store.Store) {
	ref := dueStage(t, s, "ex", "a", base())
	alive(t, s, "me")
	held := claim(t, s, ref, "me")
	update(t, s, func(tx store.Tx) error {
		before, err := tx.Execution("ex")
		if err != nil {
			return err
		}
		if err := tx.Checkpoint(held, []byte("intent")); err != nil {
			return err
		}
		after, err := tx.Execution("ex")
		if err != nil {
			return err
		}
		same(t, "state before", before.Work["a"].State, []byte(nil))
		same(t, "state inside", after.Work["a"].State, []byte("intent"))
		after.Stages[0].Name = "renamed"
		return tx.SaveExecution(after)
	})
	found := load(t, s, "ex")
	same(t, "state", found.Work["a"].State, []byte("intent"))
	same(t, "name", found.Stages[0].Name, "renamed")
	err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Checkpoint(held, make([]byte, engine.MaxState+1)) })
	if err == nil {
		t.Error("a state over the bound was kept")
	}
}

func testNextDue(t *testing.T, s store.Store) {
	next := func() time.Time { return read(t, s, store.Reader.NextDue) }
	same(t, "nothing to do", next().IsZero(), true)
	candidate := func(id, order string, sequence int64, due time.Time) {
		update(t, s, func(tx store.Tx) error {
			return tx.AddCandidate(store.Candidate{ID: id, Order: order, Sequence: sequence, Due: due, Deadline: due})
		})
	}
	candidate("c1", "job", 1, base().Add(time.Hour))
	same(t, "a candidate", next(), base().Add(time.Hour))
	candidate("c2", "job", 2, base())
	same(t, "a candidate behind another", next(), base().Add(time.Hour))
	ref := dueStage(t, s, "ex", "a", base().Add(time.Minute))
	same(t, "a stage", next(), base().Add(time.Minute))
	alive(t, s, "me")
	claim(t, s, ref, "me")
	same(t, "a claimed stage", next(), base().Add(time.Hour))
}

func testRenew(t *testing.T, s store.Store) {
	agent := store.Incarnation{ID: "me", Host: "h", PID: 7, Version: "1.2", StartedAt: base()}
	var first, second time.Time
	renew := func(at *time.Time) {
		update(t, s, func(tx store.Tx) error {
			*at = tx.Now()
			agent.RenewedAt = base() // not taken from the caller
			return tx.Renew(agent)
		})
	}
	renew(&first)
	renew(&second)
	agent.RenewedAt = second
	same(t, "incarnations", read(t, s, store.Reader.Incarnations), []store.Incarnation{agent})
	if second.Before(first) {
		t.Errorf("renewed at %v after %v", second, first)
	}
}

func testLease(t *testing.T, s store.Store) {
	alive(t, s, "me", "you")
	take := func(incarnation string) (lease store.Lease) {
		update(t, s, func(tx store.Tx) (err error) {
			lease, err = tx.TakeLease("ci", incarnation)
			return err
		})
		return lease
	}
	get := func() (store.Lease, error) {
		var lease store.Lease
		err := s.View(t.Context(), func(r store.Reader) (err error) {
			lease, err = r.Lease("ci")
			return err
		})
		return lease, err
	}
	_, err := get()
	same(t, "nobody's lease", errors.Is(err, store.ErrNotFound), true)
	mine := store.Lease{Name: "ci", Incarnation: "me", Epoch: 1}
	same(t, "taken", take("me"), mine)
	same(t, "renewed", take("me"), mine)
	found, err := get()
	same(t, "read", found, mine)
	same(t, "error", err, error(nil))
	wantStale(t, s, "a second holder", func(tx store.Tx) error {
		_, err := tx.TakeLease("ci", "you")
		return err
	})
	wantStale(t, s, "a release by another", func(tx store.Tx) error { return tx.ReleaseLease("ci", "you") })
	update(t, s, func(tx store.Tx) error { return tx.ReleaseLease("ci", "me") })
	wantStale(t, s, "a second release", func(tx store.Tx) error { return tx.ReleaseLease("ci", "me") })
	same(t, "taken by the next", take("you"), store.Lease{Name: "ci", Incarnation: "you", Epoch: 2})
}

func testDuePrecision(t *testing.T, s store.Store) {
	due := base().Add(1500 * time.Nanosecond)
	ref := dueStage(t, s, "ex", "a", due)
	same(t, "just before", dueStages(t, s, due.Add(-time.Nanosecond), 10), []string(nil))
	next := read(t, s, store.Reader.NextDue)
	if next.Before(due) || next.After(due.Add(time.Microsecond)) {
		t.Errorf("next due at %v, expected within a microsecond after %v", next, due)
	}
	same(t, "at the next due time", dueStages(t, s, next, 10), []string{"ex/a"})
	alive(t, s, "me")
	update(t, s, func(tx store.Tx) error {
		_, err := tx.ClaimStage(ref, "me", next)
		return err
	})
}
