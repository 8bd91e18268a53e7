package masters

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// longest bounds waits that end much earlier unless something hangs.
const longest = time.Minute

// serve starts a Jenkins double that ends with the test.
func serve(t *testing.T, o jenkinstest.Options) *jenkinstest.Server {
	t.Helper()
	server, err := jenkinstest.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// configured is the configuration of a master that the double is.
func configured(name string, server *jenkinstest.Server) config.Master {
	return config.Master{Name: name, Address: server.URL, Username: server.Admin.ID, Password: config.NewSecret(server.Admin.Token),
		PollInterval: config.Duration(10 * time.Millisecond), Timeout: config.Duration(longest)}
}

// connected is a master "ci" without a store: for reading builds.
func connected(t *testing.T, server *jenkinstest.Server) *Masters {
	t.Helper()
	m, err := New(Options{Masters: []config.Master{configured("ci", server)}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// clock is the real time, moved forward by tests.
type clock struct{ ahead atomic.Int64 }

func (c *clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// rig is an agent's part that polls a Jenkins double "ci" into a store.
type rig struct {
	t       *testing.T
	jenkins *jenkinstest.Server
	clock   *clock
	store   *sqlite.Store
	log     *bytes.Buffer
	// jobs are those that triggers name; broken is an error of the intake on builds of a number.
	jobs   []string
	broken map[int64]error
	// incarnation holds the lease; backfill is the policy of the master.
	incarnation, backfill string
	// before is called before every look, while its lease is held.
	before func()
	// woken counts the calls of Accepted.
	woken int

	masters *Masters
	watcher *watcher
}

func newRig(t *testing.T, jobs ...string) *rig {
	t.Helper()
	r := &rig{t: t, clock: &clock{}, log: &bytes.Buffer{}, jobs: jobs, broken: map[int64]error{}}
	r.jenkins = serve(t, jenkinstest.Options{Clock: r.clock})
	r.store = sqlitetest.Open(t)
	r.restart()
	return r
}

// restart is the death of the agent and the start of the next one, which knows only what was stored.
func (r *rig) restart() {
	r.t.Helper()
	r.incarnation += "i"
	r.update(func(tx store.Tx) error {
		if _, err := tx.Bury(tx.Now().Add(time.Hour)); err != nil {
			return err
		}
		return tx.Renew(store.Incarnation{ID: r.incarnation})
	})
	c := configured("ci", r.jenkins)
	c.Backfill = r.backfill
	r.begin(c)
}

// begin makes masters over the store as a new process would.
func (r *rig) begin(configured ...config.Master) {
	r.t.Helper()
	r.masters = r.process(r.incarnation, configured...)
	r.watcher = r.masters.newWatcher(r.masters.byName["ci"])
}

// process makes the masters of an agent.
func (r *rig) process(incarnation string, configured ...config.Master) *Masters {
	r.t.Helper()
	m, err := New(Options{Masters: configured, Store: r.store, Incarnation: incarnation,
		Jobs: func(context.Context, string) ([]string, error) {
			if r.before != nil {
				r.before()
			}
			return r.jobs, nil
		},
		Accept: r.accept, PassOver: r.passOver, Accepted: func() { r.woken++ },
		Log: slog.New(slog.NewTextHandler(r.log, nil))})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(m.Close)
	return m
}

// another is the watcher of a further agent beside the rig's.
func (r *rig) another(incarnation string) *watcher {
	r.t.Helper()
	r.update(func(tx store.Tx) error { return tx.Renew(store.Incarnation{ID: incarnation}) })
	m := r.process(incarnation, configured("ci", r.jenkins))
	return m.newWatcher(m.byName["ci"])
}

// lookBy has an agent's watcher look once; it must succeed.
func (r *rig) lookBy(w *watcher) {
	r.t.Helper()
	if err := r.tryBy(w); err != nil {
		r.t.Fatal(err)
	}
}

// tryBy has an agent's watcher look once.
func (r *rig) tryBy(w *watcher) error {
	ctx := r.t.Context()
	return w.hold(ctx, func() error { return w.cycle(ctx) })
}

// intake is a stored event of the rig.
type intake struct {
	trigger.Event
	PassedOver string `json:",omitempty"`
}

func (r *rig) accept(tx store.Tx, event trigger.Event, key string) error {
	return r.keep(tx, intake{Event: event}, key)
}

func (r *rig) passOver(tx store.Tx, event trigger.Event, key, reason string) error {
	return r.keep(tx, intake{event, reason}, key)
}

// keep stores an event; ids rise in the order of intake.
func (r *rig) keep(tx store.Tx, in intake, key string) error {
	if err := r.broken[in.Build.Number]; err != nil {
		return err
	}
	earlier, err := tx.Events(store.EventQuery{})
	if err != nil {
		return err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return tx.AddEvent(store.Event{ID: fmt.Sprintf("%06d", len(earlier)), Key: key, Type: in.Type, Source: in.Source,
		Name: in.Name, ReceivedAt: tx.Now(), Body: body})
}

// events are those taken in so far, in that order.
func (r *rig) events() []intake {
	r.t.Helper()
	var rows []store.Event
	err := r.store.View(r.t.Context(), func(reader store.Reader) (err error) {
		rows, err = reader.Events(store.EventQuery{})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.SortFunc(rows, func(a, b store.Event) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	events := make([]intake, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal(row.Body, &events[i]); err != nil {
			r.t.Fatal(err)
		}
	}
	return events
}

// want compares the builds taken in so far, such as "cart 1 SUCCESS".
func (r *rig) want(want ...string) {
	r.t.Helper()
	var got []string
	for _, event := range r.events() {
		text := fmt.Sprintf("%s %d %s", event.Name, event.Build.Number, event.Build.Result)
		if event.PassedOver != "" {
			text += " passed over"
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("taken in: %q\nwant: %q", got, want)
	}
}

// cycle looks at the master once; it must succeed.
func (r *rig) cycle() {
	r.t.Helper()
	r.lookBy(r.watcher)
}

func (r *rig) update(change func(store.Tx) error) {
	r.t.Helper()
	if err := r.store.Update(r.t.Context(), change); err != nil {
		r.t.Fatal(err)
	}
}

// states are the stored states of the jobs.
func (r *rig) states() map[string]string {
	r.t.Helper()
	states := map[string]string{}
	err := r.store.View(r.t.Context(), func(reader store.Reader) error {
		rows, err := reader.JobStates("ci")
		for job, row := range rows {
			states[job] = string(row)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return states
}
