package masters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/health"
	"github.com/gennaker/gennaker/agent/internal/lease"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/jenkins/jobname"
	"github.com/gennaker/gennaker/jenkins/poll"
)

// Run polls all masters until ctx ends, each at its own pace.
func (m *Masters) Run(ctx context.Context) error {
	if len(m.byName) == 0 {
		return nil
	}
	var group errgroup.Group
	group.Go(func() error { m.hear(ctx); return nil })
	for _, found := range m.byName {
		group.Go(func() error { m.watch(ctx, found); return nil })
	}
	return group.Wait()
}

// watcher polls one master while its process holds the master's lease.
type watcher struct {
	*Masters
	master *master
	poller *poll.Poller
	lease  *lease.Lease
	// states are those of the jobs, as they are stored.
	states map[string]poll.JobState
	// eager are jobs to be looked at outside the rhythm, by full name.
	eager map[string]*eager
	// at is when the next cycle begins; failures are those in a row.
	at       time.Time
	failures int
	// health stores how the master fares; jobs are how many the last cycle looked at, problems what was wrong with some.
	health   *health.Reporter
	jobs     int
	problems []health.Problem
	// told are the problems of the last cycle, so that each is logged once.
	told map[string]bool
}

func (m *Masters) newWatcher(found *master) *watcher {
	l := lease.New(m.Store, leaseOf(found.Name), m.Incarnation, m.Log)
	return &watcher{Masters: m, master: found, eager: map[string]*eager{}, told: map[string]bool{},
		lease: l, health: health.NewReporter(m.Store, Subject(found.Master), l.Fence)}
}

func (m *Masters) watch(ctx context.Context, found *master) {
	w := m.newWatcher(found)
	defer w.lease.Release(ctx)
	w.at = time.Now().Add(poll.Phase(found.Name, w.interval()))
	for {
		timer := time.NewTimer(time.Until(w.due()))
		wished := false
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-found.nudge:
			timer.Stop()
			wished = true
		case <-timer.C:
		}
		if w.turn(ctx, wished); ctx.Err() != nil {
			return
		}
	}
}

func (w *watcher) interval() time.Duration {
	return w.master.PollInterval.Or(config.DefaultPollInterval)
}

// due is when there is something to do. A master that fails is asked for nothing out of turn.
func (w *watcher) due() time.Time {
	due := w.at
	if w.failures > 0 {
		return due
	}
	for _, e := range w.eager {
		if e.due.Before(due) {
			due = e.due
		}
	}
	return due
}

// turn does what is due, and before that, if somebody wishes it, finds out what is. Unless another process has the master.
func (w *watcher) turn(ctx context.Context, wished bool) {
	began := time.Now()
	inTurn := !began.Before(w.at)
	err := w.hold(ctx, func() error {
		if wished {
			if err := w.listen(ctx); err != nil {
				return err
			}
		}
		switch {
		case inTurn:
			return w.cycle(ctx)
		case w.failures == 0:
			return w.lookAtEager(ctx)
		default:
			return nil
		}
	})
	if ctx.Err() != nil {
		return
	}
	switch {
	case err != nil:
		w.failures++
		w.Log.Warn("poll Jenkins", "master", w.master.Name, "failures", w.failures, "error", err)
		w.at = time.Now().Add(next(w.interval(), 0, w.failures, err))
		w.report(ctx, err)
	case !w.lease.Held():
		w.failures = 0
		w.at = time.Now().Add(poll.Jitter(min(w.interval(), lease.Retry), rand.Float64()))
	case inTurn:
		w.failures = 0
		w.at = time.Now().Add(next(w.interval(), time.Since(began), 0, nil))
		w.report(ctx, nil)
	}
}

// hold does something if the process has the master or gets it.
func (w *watcher) hold(ctx context.Context, do func() error) error {
	held, err := w.lease.Hold(ctx, w.load)
	if err == nil && held {
		err = do()
	}
	if w.lease.Lost(err) {
		err = nil
	}
	if !w.lease.Held() {
		w.states = nil
		clear(w.eager)
	}
	return err
}

// next is how long to wait after a cycle. Successful ones keep the master's own rhythm, however long they take; failed ones
// are repeated ever more rarely and at no common moment.
func next(interval, took time.Duration, failures int, err error) time.Duration {
	if err == nil {
		return max(interval-took, interval/10)
	}
	return poll.Jitter(poll.Delay(interval, failures, err), rand.Float64())
}

// cycle looks once at all jobs that triggers name and stores what it found.
func (w *watcher) cycle(ctx context.Context) error {
	jobs, err := w.Jobs(ctx, w.master.Name)
	if err != nil {
		return fmt.Errorf("find the jobs that triggers name: %w", err)
	}
	result, err := w.poller.Cycle(ctx, jobs, w.states)
	w.told = w.tell(result.Problems)
	w.jobs, w.problems = len(jobs), nil
	for _, problem := range result.Problems {
		w.problems = append(w.problems, health.Problem{Item: problem.Job, Error: problem.Error()})
	}
	if err := errors.Join(err, w.store(ctx, result)); err != nil {
		return err
	}
	return w.looked(ctx, slices.Collect(maps.Keys(w.eager)))
}

// store stores what was found, a part after the other.
func (w *watcher) store(ctx context.Context, result poll.Result) error {
	for part := range parts(result, maxEvents) {
		if err := w.record(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// load reads what the process that had the master before knew.
func (w *watcher) load(r store.Reader) error {
	rows, err := r.JobStates(w.master.Name)
	if err != nil {
		return fmt.Errorf("read the states of the jobs: %w", err)
	}
	states := make(map[string]poll.JobState, len(rows))
	for name, row := range rows {
		var state poll.JobState
		if err := json.Unmarshal(row, &state); err != nil {
			// Better to begin anew with one job than to look at none.
			w.Log.Error("what is stored of a job cannot be read: builds that ended since the last look start nothing",
				"master", w.master.Name, "job", name, "error", err)
			continue
		}
		states[name] = state
	}
	w.states = states
	// What an earlier poller has seen is out of date: another process had the master meanwhile.
	w.poller = poll.New(poll.Options{Client: w.master.client, Backfill: poll.Backfill(w.master.Backfill), Log: w.Log})
	return w.health.Load(r)
}

// record takes builds in and moves the cursor past them, in one transaction.
func (w *watcher) record(ctx context.Context, result poll.Result) error {
	rows := make(map[string][]byte, len(result.States))
	for name, state := range result.States {
		row, err := json.Marshal(state)
		if err != nil {
			return err
		}
		rows[name] = row
	}
	err := w.Store.Update(ctx, func(tx store.Tx) error {
		if err := w.lease.Fence(tx); err != nil {
			return err
		}
		for _, event := range result.PassedOver {
			if err := w.PassOver(tx, eventOf(event), event.Key(), passedOver(event)); err != nil {
				return fmt.Errorf("build %d of job %q: %w", event.Build.Number, event.Job, err)
			}
		}
		for _, event := range result.Events {
			if err := w.Accept(tx, eventOf(event), event.Key()); err != nil {
				return fmt.Errorf("build %d of job %q: %w", event.Build.Number, event.Job, err)
			}
		}
		return tx.PutJobStates(w.master.Name, rows)
	})
	if err != nil {
		return fmt.Errorf("store the builds of master %q: %w", w.master.Name, err)
	}
	maps.Copy(w.states, result.States)
	for _, event := range result.Events {
		w.recent.add(build{event.Master, event.Job, int64(event.Build.Number)}, event.Build.Artifacts)
		w.Log.Info("build finished", "master", event.Master, "job", event.Job, "build", event.Build.Number,
			"result", event.Build.Result, "age", event.Age)
	}
	if len(result.Events) > 0 {
		w.Accepted()
	}
	return nil
}

// tell logs problems that the last cycle did not have, and returns all of them.
func (w *watcher) tell(problems []poll.Problem) map[string]bool {
	told := map[string]bool{}
	for _, problem := range problems {
		text := problem.Error()
		if !w.told[text] {
			w.Log.Warn("poll Jenkins", "master", w.master.Name, "job", problem.Job, "kind", problem.Kind, "error", text)
		}
		told[text] = true
	}
	return told
}

// passedOver says why a build starts nothing.
func passedOver(event poll.Event) string {
	return fmt.Sprintf("build %d of job %q on master %q was %s. Start the pipeline by hand if it should run for this build",
		event.Build.Number, event.Job, event.Master, event.Incomplete)
}

func eventOf(event poll.Event) trigger.Event {
	info := buildInfo(event.Build)
	info.Incomplete = event.Incomplete
	return trigger.Event{Type: trigger.Build, Source: event.Master, Name: event.Job, Build: &info}
}

// Event reads a build that somebody says has finished, with the key under which polling would announce it.
func (m *Masters) Event(ctx context.Context, master, job string, number int64) (event trigger.Event, key string, err error) {
	client, err := m.Client(master)
	if err != nil {
		return trigger.Event{}, "", err
	}
	build, err := client.Build(ctx, jobname.Full(job), int(number))
	if err != nil {
		return trigger.Event{}, "", notFound(err, "Build not found (controller: '%s', job: '%s', build: %d)", master, job, number)
	}
	found := poll.Event{Master: master, Job: jobname.Igor(build.Job), FullName: build.Job, Build: build}
	return eventOf(found), found.Key(), nil
}
