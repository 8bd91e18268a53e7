package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/postgres"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// hang bounds what should happen soon.
const hang = 2 * time.Minute

// replicas opens the stores of so many agents on one database.
func replicas(t *testing.T, n int) []store.Store {
	t.Helper()
	url := cluster.Database(t)
	var stores []store.Store
	for range n {
		stores = append(stores, openAt(t, postgres.Options{URL: url, Connections: connections}))
	}
	return stores
}

func update(tb testing.TB, s store.Store, change func(store.Tx) error) {
	tb.Helper()
	if err := s.Update(tb.Context(), change); err != nil {
		tb.Fatal(err)
	}
}

func view(tb testing.TB, s store.Store, read func(store.Reader) error) {
	tb.Helper()
	if err := s.View(tb.Context(), read); err != nil {
		tb.Fatal(err)
	}
}

// execution makes a running execution of a pipeline with a due stage "a".
func execution(id string) *engine.Execution {
	return &engine.Execution{
		Execution: &spinnaker.Execution{ID: id, PipelineConfigID: "config", Status: spinnaker.Running,
			Trigger: spinnaker.Trigger{}, Stages: []*spinnaker.Stage{{ID: "a", Outputs: map[string]any{}}}},
		Work: map[string]*engine.Work{"a": {Phase: engine.PhaseRun, Due: time.Unix(0, 0)}},
	}
}

// together has each of the stores run work so many times, all at the same time, and returns the errors.
func together(stores []store.Store, times int, work func(s store.Store, n int) error) (errs []error) {
	var group sync.WaitGroup
	var mu sync.Mutex
	for i, s := range stores {
		for j := range times {
			group.Go(func() {
				err := work(s, i*times+j)
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			})
		}
	}
	group.Wait()
	return errs
}

// count counts the errors that are nil, and those that are want; any other fails the test.
func count(t *testing.T, errs []error, want error) (succeeded, refused int) {
	t.Helper()
	for _, err := range errs {
		switch {
		case err == nil:
			succeeded++
		case want != nil && errors.Is(err, want):
			refused++
		default:
			t.Error(err)
		}
	}
	return succeeded, refused
}

// What one update read of an execution by its id, no other has changed when it is saved.
func TestNoChangeOfAnExecutionIsLost(t *testing.T) {
	stores := replicas(t, 2)
	update(t, stores[0], func(tx store.Tx) error { return tx.SaveExecution(execution("ex")) })
	const times = 15
	errs := together(stores, times, func(s store.Store, n int) error {
		return s.Update(t.Context(), func(tx store.Tx) error {
			ex, err := tx.Execution("ex")
			if err != nil {
				return err
			}
			ex.Stages[0].Outputs[fmt.Sprint(n)] = true
			return tx.SaveExecution(ex)
		})
	})
	count(t, errs, nil)
	view(t, stores[1], func(r store.Reader) error {
		ex, err := r.Execution("ex")
		if err == nil && len(ex.Stages[0].Outputs) != 2*times {
			t.Errorf("found %d changes, expected %d", len(ex.Stages[0].Outputs), 2*times)
		}
		return err
	})
}

// Each event is consumed by an update that has seen it.
func TestNoEventIsLost(t *testing.T) {
	stores := replicas(t, 2)
	update(t, stores[0], func(tx store.Tx) error { return tx.SaveExecution(execution("ex")) })
	const times = 20
	var mu sync.Mutex
	seen := map[string]int{}
	consume := func(s store.Store) error {
		var users []string
		err := s.Update(t.Context(), func(tx store.Tx) error {
			users = nil
			if _, err := tx.Execution("ex"); err != nil {
				return err
			}
			events, err := tx.ExecutionEvents("ex")
			var ids []int64
			for _, event := range events {
				ids, users = append(ids, event.ID), append(users, event.User)
			}
			return errors.Join(err, tx.ConsumeExecutionEvents("ex", ids))
		})
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, user := range users {
			seen[user]++
		}
		return nil
	}
	errs := together(stores, times, func(s store.Store, n int) error {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			return tx.AddExecutionEvent("ex", engine.Event{Kind: engine.EventPatch, User: fmt.Sprint(n)})
		})
		return errors.Join(err, consume(s))
	})
	count(t, append(errs, consume(stores[0])), nil)
	for n := range 2 * times {
		if times := seen[fmt.Sprint(n)]; times != 1 {
			t.Errorf("event %d was consumed %d times", n, times)
		}
	}
}

func TestAStageIsClaimedByOneReplica(t *testing.T) {
	stores := replicas(t, 2)
	const executions = 20
	update(t, stores[0], func(tx store.Tx) error {
		for n := range executions {
			if err := tx.SaveExecution(execution(fmt.Sprint(n))); err != nil {
				return err
			}
		}
		return errors.Join(tx.Renew(store.Incarnation{ID: "me"}), tx.Renew(store.Incarnation{ID: "you"}))
	})
	errs := together(stores, executions, func(s store.Store, n int) error {
		who := []string{"me", "you"}[n/executions]
		return s.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.ClaimStage(store.StageRef{ExecutionID: fmt.Sprint(n % executions), StageID: "a"}, who, time.Now())
			return err
		})
	})
	won, lost := count(t, errs, store.ErrStale)
	if won != executions || lost != executions {
		t.Errorf("%d claims were won and %d lost, expected %d each", won, lost, executions)
	}
}

// Of many that decide by the same thing at the same time, one is the first.
func TestOnlyOneIsFirst(t *testing.T) {
	errTaken := errors.New("taken")
	taken := func(found bool, err error) error {
		if err == nil && found {
			return errTaken
		}
		return err
	}
	cases := []struct {
		name    string
		refused error
		change  func(tx store.Tx, n int) error
	}{
		{"a start of a correlation", errTaken, func(tx store.Tx, n int) error {
			_, err := tx.ExecutionByCorrelation("job-7")
			if !errors.Is(err, store.ErrNotFound) {
				return taken(err == nil, err)
			}
			ex := execution(fmt.Sprint("correlated", n))
			ex.Trigger["correlationId"] = "job-7"
			return tx.SaveExecution(ex)
		}},
		{"the slot of a pipeline", errTaken, func(tx store.Tx, n int) error {
			if err := tx.LockSlots("limited", true); err != nil {
				return err
			}
			slots, err := tx.Slots("limited")
			if err := taken(len(slots) > 0, err); err != nil {
				return err
			}
			ex := execution(fmt.Sprint("slot", n))
			ex.PipelineConfigID = "limited"
			return tx.SaveExecution(ex)
		}},
		{"a start key", store.ErrExists, func(tx store.Tx, n int) error { return tx.AddStart("key", fmt.Sprint(n)) }},
		{"an event", store.ErrExists, func(tx store.Tx, n int) error {
			return tx.AddEvent(store.Event{ID: fmt.Sprint(n), Key: "build", Body: []byte("{}")})
		}},
		{"a pipeline's name", store.ErrExists, func(tx store.Tx, n int) error {
			var p spinnaker.Pipeline
			if err := p.UnmarshalJSON(fmt.Appendf(nil, `{"id":"%d","application":"shop","name":"Deploy"}`, n)); err != nil {
				return err
			}
			return tx.PutPipeline(p)
		}},
		{"a lease", store.ErrStale, func(tx store.Tx, n int) error {
			who := fmt.Sprint("agent", n)
			if err := tx.Renew(store.Incarnation{ID: who}); err != nil {
				return err
			}
			_, err := tx.TakeLease("ci", who)
			return err
		}},
		{"who decides a candidate", store.ErrNotFound, func(tx store.Tx, n int) error {
			if _, err := tx.Candidate("c"); err != nil {
				return err
			}
			return tx.DeleteCandidate("c")
		}},
	}
	stores := replicas(t, 2)
	update(t, stores[0], func(tx store.Tx) error { return tx.AddCandidate(store.Candidate{ID: "c"}) })
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			const times = 6
			errs := together(stores, times, func(s store.Store, n int) error {
				return s.Update(t.Context(), func(tx store.Tx) error { return c.change(tx, n) })
			})
			if first, refused := count(t, errs, c.refused); first != 1 || refused != 2*times-1 {
				t.Errorf("%d were first and %d refused, expected 1 and %d", first, refused, 2*times-1)
			}
		})
	}
}

// An execution that another replica is at is not waited for by who may leave it to that one.
func TestHeldExecution(t *testing.T) {
	stores := replicas(t, 2)
	update(t, stores[0], func(tx store.Tx) error { return tx.SaveExecution(execution("ex")) })
	update(t, stores[0], func(tx store.Tx) error {
		if _, err := tx.Execution("ex"); err != nil {
			return err
		}
		err := stores[1].Update(t.Context(), func(other store.Tx) error {
			_, _, err := other.TakeExecution("ex", false)
			return err
		})
		if !errors.Is(err, store.ErrHeld) {
			t.Errorf("found error %v, expected one that is ErrHeld", err)
		}
		// Users' events are not held up.
		return stores[1].Update(t.Context(), func(other store.Tx) error {
			return other.AddExecutionEvent("ex", engine.Event{Kind: engine.EventCancel})
		})
	})
}

// Updates that wait for each other are told apart and run again: both are kept.
func TestDeadlock(t *testing.T) {
	stores := replicas(t, 2)
	update(t, stores[0], func(tx store.Tx) error {
		return errors.Join(tx.SaveExecution(execution("0")), tx.SaveExecution(execution("1")))
	})
	var inside sync.WaitGroup
	inside.Add(2)
	errs := together(stores, 1, func(s store.Store, n int) error {
		first := true
		return s.Update(t.Context(), func(tx store.Tx) error {
			if _, err := tx.Execution(fmt.Sprint(n)); err != nil {
				return err
			}
			if first {
				first = false
				inside.Done()
				inside.Wait()
			}
			if _, err := tx.Execution(fmt.Sprint(1 - n)); err != nil {
				return err
			}
			return tx.AddAudit(store.AuditRow{Action: fmt.Sprint(n)})
		})
	})
	count(t, errs, nil)
	view(t, stores[0], func(r store.Reader) error {
		audit, err := r.Audit(0)
		if len(audit) != 2 {
			t.Errorf("found %d rows, expected 2", len(audit))
		}
		return err
	})
	if repeated := stores[0].Stats().Repeated + stores[1].Stats().Repeated; repeated == 0 {
		t.Error("nothing was run again")
	}
}

// An incarnation that is in the middle of a claim does not keep others from renewing and burying.
func TestBuryPassesOverWhoIsClaiming(t *testing.T) {
	stores := replicas(t, 2)
	update(t, stores[0], func(tx store.Tx) error {
		return errors.Join(tx.SaveExecution(execution("ex")), tx.Renew(store.Incarnation{ID: "claims"}),
			tx.Renew(store.Incarnation{ID: "dead"}))
	})
	bury := func() (ids []string) {
		update(t, stores[1], func(tx store.Tx) (err error) {
			ids, err = tx.Bury(tx.Now().Add(time.Hour))
			return err
		})
		return ids
	}
	update(t, stores[0], func(tx store.Tx) error {
		_, err := tx.ClaimStage(store.StageRef{ExecutionID: "ex", StageID: "a"}, "claims", time.Now())
		if found := bury(); !slices.Equal(found, []string{"dead"}) {
			t.Errorf("meanwhile %q were buried, expected only the dead one", found)
		}
		return err
	})
	if found := bury(); !slices.Equal(found, []string{"claims"}) {
		t.Errorf("afterwards %q were buried", found)
	}
	view(t, stores[1], func(r store.Reader) error {
		claims, err := r.ClaimsOf("claims")
		if len(claims) != 0 {
			t.Errorf("the buried one still has %v", claims)
		}
		return err
	})
}

// An announcement wakes the other replicas, and not who made it.
func TestAnnounce(t *testing.T) {
	stores := replicas(t, 3)
	for _, s := range stores {
		await(t, s, "that it listens") // it looks for work once it does
	}
	for range 5 {
		stores[0].Announce()
	}
	await(t, stores[1], "the announcement")
	await(t, stores[2], "the announcement")
	select {
	case <-stores[0].Due():
		t.Error("the replica that announced work was woken itself")
	default:
	}
}

// await waits for a store's signal.
func await(t *testing.T, s store.Store, what string) {
	t.Helper()
	select {
	case <-s.Due():
	case <-time.After(hang):
		t.Fatalf("no signal of %s", what)
	}
}
