package cron_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/agent/internal/catalog"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/feed/cron"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a store with a catalog. Time in it is that of the test's bubble, which begins at midnight, 2000-01-01 UTC.
type world struct {
	t       *testing.T
	store   store.Store
	catalog *catalog.Catalog
	// broken has taking an event in fail.
	broken atomic.Bool
}

type anyStage struct{}

func (anyStage) ValidateStage(context.Context, string, map[string]any) (bool, []string) {
	return true, nil
}

// inWorld runs a test on virtual time.
func inWorld(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		s := sqlitetest.Open(t)
		test(&world{t: t, store: s, catalog: catalog.New(s, anyStage{}, "UTC")})
	})
}

// save saves a pipeline with a cron trigger "c"; members are further ones of the trigger.
func (w *world) save(id, expression, members string) {
	w.t.Helper()
	document := fmt.Sprintf(`{"id":%q,"application":"shop","name":%q,"triggers":[{"type":"cron","enabled":true,"id":"c","cronExpression":%q%s}]}`,
		id, id, expression, members)
	var p spinnaker.Pipeline
	if err := p.UnmarshalJSON([]byte(document)); err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := w.catalog.SavePipelineNow(w.t.Context(), "ann", p, false); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) options(incarnation string) cron.Options {
	keep := func(tx store.Tx, event trigger.Event, key, body string) error {
		if w.broken.Load() {
			return errors.New("the disk is full")
		}
		err := tx.AddEvent(store.Event{ID: key, Key: key, Type: event.Type, Source: event.Source, Name: event.Name, Body: []byte(body)})
		if errors.Is(err, store.ErrExists) {
			return nil
		}
		return err
	}
	return cron.Options{Store: w.store, Crons: w.catalog.Crons, Zone: "UTC", Incarnation: incarnation, Log: slog.New(slog.DiscardHandler),
		Accepted: func() {},
		Accept: func(tx store.Tx, event trigger.Event, key string) error {
			what := "fires"
			if event.Tick.Late {
				what = "makes up"
			}
			return keep(tx, event, key, fmt.Sprintf(`{"what":%q,"due":%q}`, what, event.Tick.Due.UTC().Format(time.RFC3339)))
		},
		PassOver: func(tx store.Tx, event trigger.Event, key, reason string) error {
			return keep(tx, event, key, fmt.Sprintf(`{"what":%q,"due":%q}`, reason, event.Tick.Due.UTC().Format(time.RFC3339)))
		}}
}

// run runs a feed; the function returned stops it.
func (w *world) run(o cron.Options) (stop func()) {
	w.t.Helper()
	if err := w.store.Update(w.t.Context(), func(tx store.Tx) error { return tx.Renew(store.Incarnation{ID: o.Incarnation}) }); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- cron.New(o).Run(ctx) }()
	synctest.Wait()
	return func() {
		w.t.Helper()
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

// events are all that was taken in, oldest first, as "pipeline time: what".
func (w *world) events() (out []string) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		events, err := r.Events(store.EventQuery{})
		for _, event := range slices.Backward(events) {
			var body struct{ What, Due string }
			if err := spinnaker.Decode(event.Body, &body); err != nil {
				return err
			}
			out = append(out, fmt.Sprintf("%s %s: %s", event.Source, body.Due, body.What))
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) same(want ...string) {
	w.t.Helper()
	got := w.events()
	if len(want) == 0 && len(got) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("events (-want +got):\n%s", diff)
	}
}

// passed lets time pass.
func passed(d time.Duration) {
	time.Sleep(d) // virtual
	synctest.Wait()
}

// Each trigger fires at its times, in its zone, and once.
func TestFires(t *testing.T) {
	inWorld(t, func(w *world) {
		w.save("berlin", "0 0 3 * * ?", `,"timezone":"Europe/Berlin"`)
		w.save("utc", "0 0 3 * * ?", "")
		w.save("on Sundays", "0 0 3 ? * SUN", "") // this is a Saturday
		w.save("broken", "0 0 3 * *", "")
		stop := w.run(w.options("a"))
		passed(4 * time.Hour)
		stop()
		w.same("berlin 2000-01-01T02:00:00Z: fires", "utc 2000-01-01T03:00:00Z: fires")
	})
}

// A trigger that is changed, disabled or deleted counts anew, and fires no time from before.
func TestChanges(t *testing.T) {
	inWorld(t, func(w *world) {
		w.save("p", "0 0 * * * ?", "")
		stop := w.run(w.options("a"))
		passed(90 * time.Minute)
		w.save("p", "0 15 * * * ?", "")
		passed(time.Hour)
		w.save("p", "0 15 * * * ?", `,"enabled":false`)
		passed(2 * time.Hour)
		w.save("p", "0 15 * * * ?", "")
		passed(time.Hour)
		stop()
		w.same("p 2000-01-01T01:00:00Z: fires", "p 2000-01-01T02:15:00Z: fires", "p 2000-01-01T05:15:00Z: fires")
	})
}

// The first look at a trigger fires nothing of before; a restart goes on where it ended.
func TestRestart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.save("p", "0 0 * * * ?", "")
		passed(3 * time.Hour)
		w.run(w.options("a"))()
		w.same()
		passed(time.Hour - 30*time.Second)
		w.run(w.options("b"))() // before 04:00
		passed(50 * time.Second)
		w.run(w.options("c"))() // 20 s after
		w.same("p 2000-01-01T04:00:00Z: fires")
		w.run(w.options("d"))()
		passed(130 * time.Minute)
		w.run(w.options("e"))() // at 06:10: 05:00 and 06:00 were missed
		w.same("p 2000-01-01T04:00:00Z: fires",
			`p 2000-01-01T06:00:00Z: 2000-01-01T06:00:00Z was a time of "0 0 * * * ?" in zone UTC, seen 10m20s later: too late to fire`)
	})
}

// ran stores a run of a pipeline that has started now.
func (w *world) ran(pipeline string) {
	w.t.Helper()
	err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
		now := spinnaker.MillisOf(tx.Now())
		return tx.SaveExecution(&engine.Execution{Work: map[string]*engine.Work{}, Execution: &spinnaker.Execution{Type: spinnaker.PipelineExecution,
			ID: fmt.Sprint(pipeline, now), Application: "shop", PipelineConfigID: pipeline, BuildTime: now, StartTime: now, Status: spinnaker.Succeeded}})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A missed time is made up for where that is asked for: the last one, if it is not too old, if the pipeline has run before and
// has not since.
func TestMakeUp(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, id := range []string{"ran", "never ran", "ran since", "long ago"} {
			expression := "0 0/5 * * * ?"
			if id == "long ago" {
				expression = "0 10 0 * * ?"
			}
			w.save(id, expression, "")
		}
		o := w.options("a")
		o.MakeUp = 10 * time.Minute
		w.run(o)()
		passed(time.Minute)
		w.ran("ran")
		w.ran("ran since")
		w.ran("long ago")
		passed(26 * time.Minute) // 00:27
		w.ran("ran since")
		w.run(o)()
		var got []string
		for _, event := range w.events() {
			event, _, _ = strings.Cut(event, " in zone")
			got = append(got, event)
		}
		slices.Sort(got)
		want := []string{
			`long ago 2000-01-01T00:10:00Z: 2000-01-01T00:10:00Z was a time of "0 10 0 * * ?"`,
			`never ran 2000-01-01T00:25:00Z: 2000-01-01T00:25:00Z was a time of "0 0/5 * * * ?"`,
			`ran 2000-01-01T00:25:00Z: makes up`,
			`ran since 2000-01-01T00:25:00Z: 2000-01-01T00:25:00Z was a time of "0 0/5 * * * ?"`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// A trigger of every second that was not looked at for a long time fires the times of the last minute.
func TestEverySecond(t *testing.T) {
	inWorld(t, func(w *world) {
		w.save("p", "* * * * * ?", "")
		w.run(w.options("a"))()
		passed(30 * 24 * time.Hour)
		w.run(w.options("a"))()
		fired, passedOver := 0, 0
		for _, event := range w.events() {
			if strings.HasSuffix(event, ": fires") {
				fired++
			} else {
				passedOver++
			}
		}
		if fired != 60 || passedOver != 1 {
			t.Errorf("%d fired and %d passed over, want 60 and 1", fired, passedOver)
		}
	})
}

// Of two processes one fires. When it dies, the other goes on where it ended: nothing is lost, nothing doubled.
func TestTwoProcesses(t *testing.T) {
	inWorld(t, func(w *world) {
		w.save("p", "0 * * * * ?", "")
		first, second := w.options("first"), w.options("second")
		by := map[string]int{}
		for _, o := range []*cron.Options{&first, &second} {
			accept, who := o.Accept, o.Incarnation
			o.Accept = func(tx store.Tx, event trigger.Event, key string) error {
				by[who]++
				return accept(tx, event, key)
			}
		}
		stopFirst := w.run(first)
		stopSecond := w.run(second)
		passed(5*time.Minute - time.Second)
		if by["first"] != 4 || by["second"] != 0 {
			t.Errorf("fired: %v", by)
		}
		// The first is thought dead while it is slow, and its lease goes over.
		if err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
			if err := tx.Renew(store.Incarnation{ID: "second"}); err != nil {
				return err
			}
			_, err := tx.Bury(tx.Now())
			return err
		}); err != nil {
			t.Fatal(err)
		}
		passed(5 * time.Minute)
		stopFirst()
		stopSecond()
		if by["first"] != 4 || by["second"] != 5 {
			t.Errorf("fired: %v", by)
		}
		if events := w.events(); len(events) != 9 {
			t.Errorf("%d events: %v", len(events), events)
		}
	})
}

// What could not be stored is tried again, and fires once.
func TestStoreFails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.save("p", "0 0 * * * ?", "")
		stop := w.run(w.options("a"))
		w.broken.Store(true)
		passed(time.Hour + 10*time.Second)
		w.same()
		w.broken.Store(false)
		passed(10 * time.Second)
		stop()
		w.same("p 2000-01-01T01:00:00Z: fires")
	})
}

// A clock that was set back far does not silence triggers until it has caught up.
func TestClockSetBack(t *testing.T) {
	inWorld(t, func(w *world) {
		w.save("p", "0 0 * * * ?", "")
		future := fmt.Sprintf(`{"spec":"0 0 * * * ? in UTC","at":%q}`, time.Now().Add(24*time.Hour).Format(time.RFC3339))
		if err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
			return tx.PutJobStates("feed/cron", map[string][]byte{"p/c": []byte(future)})
		}); err != nil {
			t.Fatal(err)
		}
		stop := w.run(w.options("a"))
		passed(time.Hour + time.Second)
		stop()
		w.same("p 2000-01-01T01:00:00Z: fires")
	})
}
