package naive

import (
	"math"
	"slices"
	"time"
)

const (
	notStarted = "NOT_STARTED"
	running    = "RUNNING"
	paused     = "PAUSED"
	succeeded  = "SUCCEEDED"
	ignored    = "FAILED_CONTINUE"
	terminal   = "TERMINAL"
	canceled   = "CANCELED"
	stopped    = "STOPPED"
	skipped    = "SKIPPED"

	never = time.Duration(math.MaxInt64)
	// cleanUpTime bounds a clean-up, childTime a stage that waits for a child.
	cleanUpTime = time.Minute
	childTime   = 12 * time.Hour
)

// part is what a stage is doing.
type part int

const (
	idle part = iota
	waitsForWindow
	// begins: its first step comes next.
	begins
	// works: its own time passes. asks: so it does, but the stages before it come first.
	works
	asks
	hasAfter
	hasFailed
	cleansUp
)

// model is a world under way.
type model struct {
	world *World
	now   time.Duration
	runs  []*run
	// closest is the shortest time between two things that happened, of which one might have changed the other.
	closest time.Duration
	// confused says that two things happened at once whose order is left open.
	confused bool
	// touched is when something last happened to the slots of a pipeline, by its id.
	touched map[string]time.Duration
}

// run is an execution.
type run struct {
	name     string
	pipeline Pipeline
	status   string
	started  bool
	waiting  bool
	canceled bool
	paused   bool
	// check: an end has come that may be the end of all.
	check bool
	// final is what the execution ends as, once nothing goes on any more.
	final string
	// ends is how often it has ended; begun says that a stage of it has ever started.
	ends  int
	begun bool
	// told is when the end of a child last changed something in it.
	told time.Duration
	// parent is the stage that has started it.
	parent *node
	top    []*node
}

// node is a stage.
type node struct {
	Stage
	run    *run
	parent *node
	// late: it runs after its parent, not before.
	late   bool
	status string
	part   part
	// left is how much of its own work is left, limit how much time; both stand still while the execution is paused.
	left, limit time.Duration
	// opens and clean are points in time; opened: a user has opened the window.
	opens, clean time.Duration
	opened       bool
	verdict      string
	ending       bool
	skip         bool
	// rescue: it was put in because its parent failed.
	rescue bool
	// after and upon are what is to be put in when the work is over.
	after, upon []Stage
	kids        []*node
	// child is what the stage waits for, last the last execution that it has started; children counts those.
	child, last *run
	children    int
	// answer is what a user said of a judgment, hurry that a user does not want to wait.
	answer string
	hurry  bool
}

// Result is what a model says.
type Result struct {
	Outcomes map[string]Outcome
	// Closest is the shortest time between two things that happened. What does things later than that may end elsewhere.
	Closest time.Duration
}

// Play plays a world to its end.
func Play(w *World) Result {
	m := &model{world: w, closest: never, touched: map[string]time.Duration{}}
	operations := slices.Clone(w.Operations)
	m.settle()
	for {
		at, act, quiet, tied := m.next()
		if len(operations) > 0 && operations[0].At <= at {
			o := operations[0]
			operations = operations[1:]
			at, act, quiet, tied = o.At, func() { m.operate(o) }, false, o.At == at
		}
		if act == nil {
			break
		}
		if !quiet {
			m.closest = min(m.closest, at-m.now)
		}
		if tied { // the first may keep the other from happening
			m.closest = 0
		}
		m.pass(at - m.now)
		act()
		m.settle()
	}
	if m.confused {
		m.closest = 0
	}
	return Result{Outcomes: m.outcomes(), Closest: m.closest}
}

// next finds what happens next. It is quiet when nothing else could have come first, tied when something else comes at the same
// time, and not both are quiet.
func (m *model) next() (at time.Duration, act func(), quiet, tied bool) {
	at = never
	offer := func(when time.Duration, still bool, do func()) {
		switch {
		case when < at:
			at, act, quiet, tied = when, do, still, false
		case when == at && when != never:
			quiet = quiet && still
			tied = !quiet
		}
	}
	for _, n := range m.nodes() {
		switch {
		case n.status != running:
		case n.part == cleansUp:
			if n.clean > m.now {
				offer(n.clean, false, func() {})
			}
		case n.run.paused:
		case n.part == waitsForWindow:
			offer(max(m.now, n.opens), true, func() { m.enter(n) })
		default:
			if n.part == works && n.Type != "pipeline" && n.Type != "judgment" {
				offer(m.now+max(0, n.left), n.left < 0, func() { m.worked(n, n.ends()) })
			}
			if n.limit != never {
				offer(m.now+max(0, n.limit), false, func() { m.timeout(n) })
			}
		}
	}
	return at, act, quiet, tied
}

// pass lets time pass.
func (m *model) pass(d time.Duration) {
	m.now += d
	for _, n := range m.nodes() {
		if n.status != running || n.run.paused || n.part == cleansUp || n.part == waitsForWindow {
			continue
		}
		if n.part == works || n.part == asks {
			n.left -= d
		}
		if n.limit != never {
			n.limit -= d
		}
	}
}

// settle looks at everything until nothing changes any more.
func (m *model) settle() {
	for range 1_000_000 {
		if !m.change() {
			return
		}
	}
	panic("the world does not come to rest")
}

// change makes one change that is due, if there is one.
func (m *model) change() bool {
	for _, r := range m.runs {
		if !complete(r.status) && !r.waiting && m.changeRun(r) {
			return true
		}
	}
	return false
}

func (r *run) stage(ref string) *node {
	for _, n := range r.top {
		if n.Ref == ref {
			return n
		}
	}
	return nil
}

func (r *run) nodes() []*node {
	var all []*node
	for _, n := range r.top {
		all = append(append(all, n), n.kids...)
	}
	return all
}

func (m *model) nodes() []*node {
	var all []*node
	for _, r := range m.runs {
		if !complete(r.status) {
			all = append(all, r.nodes()...)
		}
	}
	return all
}

func complete(status string) bool {
	return slices.Contains([]string{succeeded, ignored, terminal, canceled, stopped, skipped}, status)
}

func halts(status string) bool { return status == terminal || status == canceled || status == stopped }

// outcomes tells how everything ended.
func (m *model) outcomes() map[string]Outcome {
	out := map[string]Outcome{}
	for _, r := range m.runs {
		o := Outcome{Status: r.status, Ends: r.ends, Stages: map[string]string{}}
		if r.paused && !complete(r.status) {
			o.Status = paused
		}
		for _, n := range r.nodes() {
			o.Stages[n.Ref] = n.status
		}
		out[r.name] = o
	}
	return out
}
