package poll_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// TestNothingLostNothingDoubled lets builds start, end in any order and be
// deleted, while requests fail, the agent dies before and after storing, and
// the master restarts. In the end each build that ended after the first sight
// of its job is stored exactly once.
func TestNothingLostNothingDoubled(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			newWorld(t, seed).run()
		})
	}
}

type world struct {
	*agent
	random  *rand.Rand
	jobs    []*jenkinstest.Job
	names   []string
	running []*build
	builds  []*build
	stored  map[string]int
}

type build struct {
	*jenkinstest.Build
	key     string
	deleted bool
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		agent:  newAgent(t, jenkinstest.Options{}, nil),
		random: rand.New(rand.NewPCG(seed, 7)), stored: map[string]int{},
	}
	for i := range 3 {
		kind := []jenkinstest.Kind{jenkinstest.Pipeline, jenkinstest.Pipeline, jenkinstest.Freestyle}[i]
		job := w.server.Job(fmt.Sprintf("team/job-%d", i), kind).SetConcurrent(true)
		job.FinishedTimes(w.random.IntN(3), "SUCCESS")
		w.jobs = append(w.jobs, job)
		w.names = append(w.names, fmt.Sprintf("team/job/job-%d", i))
	}
	return w
}

func (w *world) run() {
	w.store()
	for range 80 {
		w.server.Advance(time.Second)
		switch w.random.IntN(10) {
		case 0, 1, 2, 3:
			w.start(1 + w.random.IntN(3))
		case 4, 5, 6:
			w.end()
		case 7:
			w.start(30 * w.random.IntN(5))
		case 8:
			w.delete()
		case 9:
			w.server.Restart(2 * time.Second)
			w.dropAborted()
		}
		if w.random.IntN(3) == 0 {
			w.disturbedCycle()
		}
	}
	for len(w.running) > 0 {
		w.end()
	}
	w.server.Advance(time.Minute)
	for range 5 {
		w.store()
	}
	w.check()
}

func (w *world) start(n int) {
	job := w.random.IntN(len(w.jobs))
	for range n {
		b := w.jobs[job].Start(jenkinstest.StartOptions{})
		key := fmt.Sprintf("ci/team/job-%d#%d@%d", job, b.Number(), b.Started().UnixMilli())
		w.running = append(w.running, &build{Build: b, key: key})
		w.builds = append(w.builds, w.running[len(w.running)-1])
		if n > 3 {
			w.end()
		}
	}
}

func (w *world) end() {
	if len(w.running) == 0 {
		return
	}
	i := w.random.IntN(len(w.running))
	w.running[i].Finish("SUCCESS")
	w.running = slices.Delete(w.running, i, i+1)
}

// delete removes a build that still runs, so that no announcement is due.
func (w *world) delete() {
	if len(w.running) == 0 {
		return
	}
	i := w.random.IntN(len(w.running))
	w.running[i].Delete()
	w.running[i].deleted = true
	w.running = slices.Delete(w.running, i, i+1)
}

// dropAborted forgets the freestyle builds that a restart ended.
func (w *world) dropAborted() {
	w.running = slices.DeleteFunc(w.running, func(b *build) bool { return !b.Building() })
}

// disturbedCycle polls while some requests fail, and dies now and then.
func (w *world) disturbedCycle() {
	faults := []jenkinstest.Fault{{Drop: true}, {Truncate: 10}, {Status: 502}, {LoginPage: true}, {WrongTypes: true}, {Empty: true}}
	fault := faults[w.random.IntN(len(faults))]
	fault.Skip, fault.Times = w.random.IntN(12), 1+w.random.IntN(2)
	if w.random.IntN(2) == 0 {
		defer w.server.Faults.Add(fault)()
	}
	if w.random.IntN(4) > 0 {
		w.store()
		return
	}
	before := maps.Clone(w.states)
	if _, err := w.cycle(w.names...); err != nil {
		w.t.Logf("disturbed: %v", err)
	}
	w.states = before // died before the transaction
	w.restart()
}

func (w *world) store() {
	result, err := w.cycle(w.names...)
	if err != nil {
		w.t.Logf("failed cycle: %v", err)
	}
	last := map[string]int{}
	for _, e := range result.Events {
		w.stored[e.Key()]++
		if e.Build.Number <= last[e.FullName] {
			w.t.Errorf("%s #%d after #%d in one cycle", e.FullName, e.Build.Number, last[e.FullName])
		}
		last[e.FullName] = e.Build.Number
	}
}

func (w *world) check() {
	for _, b := range w.builds {
		switch n := w.stored[b.key]; {
		case b.deleted && n > 0, !b.deleted && n != 1:
			w.t.Errorf("%s (deleted: %t) is stored %d times", b.key, b.deleted, n)
		}
		delete(w.stored, b.key)
	}
	for key := range w.stored {
		w.t.Errorf("%s was there before the first sight", key)
	}
}
