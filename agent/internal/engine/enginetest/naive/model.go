package naive

import (
	"fmt"
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
	// opens and clean are points in time.
	opens, clean time.Duration
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
		at, act, quiet := m.next()
		if len(operations) > 0 && operations[0].At <= at {
			o := operations[0]
			operations = operations[1:]
			at, act, quiet = o.At, func() { m.operate(o) }, false
		}
		if act == nil {
			break
		}
		if !quiet {
			m.closest = min(m.closest, at-m.now)
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

// next finds what happens next. It is quiet when nothing else could have come first.
func (m *model) next() (at time.Duration, act func(), quiet bool) {
	at = never
	offer := func(when time.Duration, still bool, do func()) {
		switch {
		case when < at:
			at, act, quiet = when, do, still
		case when == at && when != never:
			quiet = quiet && still
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
			offer(max(m.now, n.opens), true, func() { m.work(n) })
		default:
			if n.part == works && n.Type != "pipeline" && n.Type != "judgment" {
				offer(m.now+max(0, n.left), n.left < 0, func() { m.worked(n, n.ends()) })
			}
			if n.limit != never {
				offer(m.now+max(0, n.limit), false, func() { m.timeout(n) })
			}
		}
	}
	return at, act, quiet
}

func (n *node) ends() string {
	if n.Type == "wait" {
		return succeeded
	}
	return n.Ends
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

func (m *model) changeRun(r *run) bool {
	if !r.started {
		if r.pipeline.Expires > 0 && m.now > r.pipeline.Expires && !r.begun {
			m.cancel(r)
			return true
		}
		r.started, r.status = true, running
		return true
	}
	busy := false
	for _, n := range r.nodes() {
		if n.status == running {
			busy = true
			if m.changeNode(n) {
				return true
			}
		}
	}
	for _, n := range r.nodes() {
		if n.turn() {
			m.start(n)
			return true
		}
	}
	if r.check {
		r.check = false
		m.evaluate(r)
		return true
	}
	for _, n := range r.nodes() {
		if n.status == running && n.part == begins {
			m.first(n)
			return true
		}
	}
	if r.final != "" && !busy {
		m.finish(r, r.final)
		return true
	}
	if !busy && !r.paused {
		final := r.outcome()
		if final == "" {
			final = terminal
		}
		m.finish(r, final)
		return true
	}
	return false
}

// changeNode goes on with a stage that runs, if the stages it has put in let it.
func (m *model) changeNode(n *node) bool {
	switch n.part {
	case works:
		switch {
		case n.run.paused:
		case n.child != nil && complete(n.child.status):
			m.confused = m.confused || n.run.told == m.now
			n.run.told = m.now
			m.worked(n, map[string]string{succeeded: succeeded, canceled: canceled}[n.child.status])
			return true
		case n.answer != "":
			m.worked(n, map[string]string{"continue": succeeded}[n.answer])
			return true
		case n.Type == "wait" && n.hurry:
			m.worked(n, succeeded)
			return true
		}
	case asks, hasAfter:
		switch {
		case n.kidFailed(n.part != asks):
			m.stop(n, n.kidsVerdict(), n.part == asks)
		case !n.kidsDone(n.part != asks):
			return false
		case n.part == asks:
			n.part = works
		default:
			m.end(n, n.verdict)
		}
		return true
	case hasFailed:
		failed := slices.ContainsFunc(n.kids, func(k *node) bool { return k.rescue && k.hasEndedBadly() })
		if failed || n.kidsDone(true) {
			m.stop(n, n.verdict, false)
			return true
		}
	case cleansUp:
		if n.clean <= m.now && !n.kidIs(running) {
			m.conclude(n, n.verdict)
			return true
		}
	}
	return false
}

// turn says whether a stage's time to start has come.
func (n *node) turn() bool {
	if n.status != notStarted || n.run.paused || n.run.canceled {
		return false
	}
	siblings := n.run.top
	if p := n.parent; p != nil {
		siblings = p.kids
		inTime := n.late && (p.part == hasAfter || p.part == hasFailed) || !n.late && p.part == asks
		if p.status != running || !inTime {
			return false
		}
	}
	there := 0
	for _, s := range siblings {
		if slices.Contains(n.Requires, s.Ref) {
			there++
			if !complete(s.status) || halts(s.status) {
				return false
			}
		}
	}
	return there > 0 || len(n.Requires) == 0
}

// start starts a stage, or skips it.
func (m *model) start(n *node) {
	if n.Disabled || n.skip || n.Expires > 0 && m.now > n.Expires {
		m.end(n, skipped)
		return
	}
	n.status, n.run.begun = running, true
	if n.Opens == n.Closes {
		m.work(n)
		return
	}
	n.part, n.opens = waitsForWindow, m.now
	for !n.open(n.opens) {
		n.opens = (n.opens/time.Minute + 1) * time.Minute
	}
}

// open says whether a stage's window is open. The last minute counts.
func (n *node) open(at time.Duration) bool {
	minute := int(at/time.Minute) % (24 * 60)
	from, to := n.Opens*60, n.Closes*60
	if from < to {
		return minute >= from && minute <= to
	}
	return minute >= from || minute <= to
}

// work begins a stage's own work.
func (m *model) work(n *node) {
	n.part, n.left, n.limit = begins, n.Takes, never
	if n.Type == "pipeline" {
		n.limit = childTime
	}
	if n.Timeout > 0 {
		n.limit = n.Timeout
	}
}

// first is the first step of a stage.
func (m *model) first(n *node) {
	n.part, n.after, n.upon = works, n.After, n.OnFailure
	if n.Type == "pipeline" && n.child == nil { // else it only watches the child that it has
		n.children++
		n.last = m.launch(fmt.Sprintf("%s/%s#%d", n.run.name, n.Ref, n.children), n.Child)
		n.last.parent = n
		if n.Leave {
			m.worked(n, succeeded)
		} else {
			n.child = n.last
		}
	}
	if len(n.Before) > 0 {
		n.part = asks
		n.add(n.Before, false)
	}
}

// add puts stages in before or after a stage.
func (n *node) add(list []Stage, late bool) {
	sign, number := "<", 0
	if late {
		sign = ">"
	}
	for _, k := range n.kids {
		if k.late == late {
			number++
		}
	}
	before := ""
	for _, s := range list {
		number++
		s.Ref, s.Type = fmt.Sprintf("%s%s%d", n.Ref, sign, number), "work"
		if before != "" && !s.Parallel {
			s.Requires = []string{before}
		}
		before = s.Ref
		n.kids = append(n.kids, &node{Stage: s, run: n.run, parent: n, late: late, status: notStarted})
	}
}

// worked takes the end of a stage's own work; "" is a failure.
func (m *model) worked(n *node, end string) {
	switch end {
	case "", terminal:
		end = n.failed(terminal)
	case canceled:
		end = n.failed(canceled)
	}
	m.conclude(n, end)
}

// failed is what a failure means by the stage's choice.
func (n *node) failed(status string) string {
	switch n.Choice {
	case "ignore":
		return ignored
	case "branch", "branchThenFail":
		return stopped
	default:
		return status
	}
}

func (m *model) timeout(n *node) {
	verdict := n.failed(terminal)
	switch {
	case n.part == hasFailed:
		verdict = n.verdict
	case n.Lucky:
		verdict = succeeded
	}
	m.stop(n, verdict, n.hasBegun())
}

// stop ends a stage before its time. What it has begun itself is cleaned up if it says so.
func (m *model) stop(n *node, verdict string, clean bool) {
	if n.status != running {
		return
	}
	if n.part == cleansUp {
		if verdict == canceled {
			n.verdict = verdict
		}
		return
	}
	n.part, n.verdict, n.limit, n.clean = cleansUp, verdict, never, m.now
	if clean && n.Type == "work" {
		n.clean += min(n.CleanUp, cleanUpTime)
	}
	if clean && n.child != nil {
		m.cancel(n.child)
	}
	for _, k := range n.kids {
		status := canceled
		if verdict == skipped {
			status = skipped
		}
		m.stop(k, status, k.hasBegun())
	}
}

// conclude goes on with a stage whose own work is over.
func (m *model) conclude(n *node, verdict string) {
	after, upon := n.after, n.upon
	n.verdict = verdict
	switch {
	case verdict == canceled, verdict == skipped, n.run.canceled:
		m.end(n, verdict)
	case halts(verdict) && len(upon) > 0:
		n.after, n.upon = nil, nil
		n.kids = slices.DeleteFunc(n.kids, func(k *node) bool { return k.status == notStarted })
		n.part = hasFailed
		n.add(upon, true)
		for _, k := range n.kids[len(n.kids)-len(upon):] {
			k.rescue = true
		}
	case !halts(verdict) && len(after) > 0:
		n.after = nil
		n.part = hasAfter
		n.add(after, true)
	default:
		m.end(n, verdict)
	}
}

// end ends a stage.
func (m *model) end(n *node, status string) {
	n.status, n.part, n.child = status, idle, nil
	if n.parent != nil {
		return
	}
	r := n.run
	dependents := slices.DeleteFunc(slices.Clone(r.top), func(d *node) bool { return !slices.Contains(d.Requires, n.Ref) })
	r.check = r.check || n.ending || halts(status) || len(dependents) == 0
	for _, d := range dependents {
		r.check = r.check || d.status == notStarted && d.blocked(r)
	}
	n.ending = false
}

// blocked says whether a stage waits for one that has halted.
func (n *node) blocked(r *run) bool {
	for _, up := range r.top {
		if slices.Contains(n.Requires, up.Ref) && (halts(up.status) || up.status == notStarted && up.blocked(r)) {
			return true
		}
	}
	return false
}

// outcome is what the stages make of an execution, "" when that is open.
func (r *run) outcome() string {
	has := func(test func(*node) bool) bool { return slices.ContainsFunc(r.top, test) }
	is := func(status string) bool { return has(func(n *node) bool { return n.status == status }) }
	result := ""
	switch {
	case is(terminal):
		return terminal
	case is(canceled):
		result = canceled
	case is(running):
	case has(func(n *node) bool { return n.status == notStarted && n.ready() }):
	case has(func(n *node) bool { return n.status == stopped && n.Choice == "branchThenFail" }):
		result = terminal
	case is(stopped):
		result = succeeded
	case !is(notStarted):
		result = succeeded
	}
	if r.canceled && result != "" {
		return canceled
	}
	return result
}

// ready says whether all that a stage requires has gone well.
func (n *node) ready() bool {
	stand := *n.run
	stand.paused, stand.canceled = false, false
	copied := *n
	copied.run = &stand
	return copied.turn()
}

// evaluate ends an execution if its stages say so.
func (m *model) evaluate(r *run) {
	switch final := r.outcome(); {
	case final == "":
	case final == succeeded:
		m.finish(r, final)
	default:
		m.stopRun(r, final)
	}
}

// stopRun cancels what goes on in an execution.
func (m *model) stopRun(r *run, final string) {
	r.paused, r.final = false, final
	for _, n := range r.top {
		if n.status == running {
			n.ending = true
			m.stop(n, canceled, n.hasBegun())
		}
	}
}

func (m *model) cancel(r *run) {
	if complete(r.status) || r.canceled {
		return
	}
	if r.waiting {
		m.touch(r)
	}
	m.supersede(r)
}

// supersede cancels an execution in the course of what happens to another one of its pipeline.
func (m *model) supersede(r *run) {
	r.canceled, r.waiting, r.started = true, false, true
	m.stopRun(r, canceled)
}

// touch notes that something happens to the slots of a pipeline. Two such things at once may come in either order.
func (m *model) touch(r *run) {
	if r.pipeline.Limit == 0 {
		return
	}
	at, before := m.touched[r.pipeline.ID]
	m.confused = m.confused || before && at == m.now
	m.touched[r.pipeline.ID] = m.now
}

// finish ends an execution and lets others start that wait for it.
func (m *model) finish(r *run, final string) {
	if r.canceled && final == succeeded {
		final = canceled
	}
	r.status, r.final, r.check, r.waiting = final, "", false, false
	r.ends++
	if r.begun {
		m.touch(r)
	}
	var parked []*run
	for _, o := range m.runs {
		if o.waiting && !complete(o.status) && o.pipeline.ID == r.pipeline.ID {
			parked = append(parked, o)
		}
	}
	if r.pipeline.ID == "" || len(parked) == 0 || !m.free(parked[0]) {
		return
	}
	if r.pipeline.Keep {
		for _, o := range parked {
			if m.free(o) {
				o.waiting = false
			}
		}
		return
	}
	newest := len(parked) - 1
	parked[newest].waiting = false
	for _, o := range parked[:newest] {
		if !o.canceled {
			m.supersede(o)
		}
	}
}

// free says whether an execution may run beside the others of its pipeline.
func (m *model) free(r *run) bool {
	others := 0
	for _, o := range m.runs {
		if o != r && o.pipeline.ID == r.pipeline.ID && !o.waiting && !complete(o.status) {
			others++
		}
	}
	return r.pipeline.Limit == 0 || others < r.pipeline.Limit
}

// launch starts an execution, or has it wait.
func (m *model) launch(name, pipeline string) *run {
	at := slices.IndexFunc(m.world.Pipelines, func(p Pipeline) bool { return p.ID == pipeline })
	r := &run{name: name, pipeline: m.world.Pipelines[at], status: notStarted, told: never}
	for _, s := range r.pipeline.Stages {
		r.top = append(r.top, &node{Stage: s, run: r, status: notStarted})
	}
	m.touch(r)
	r.waiting = !m.free(r)
	m.runs = append(m.runs, r)
	return r
}

// operate does what a user does.
func (m *model) operate(o Operation) {
	if o.Kind == "start" {
		m.launch(o.Execution, o.Pipeline)
		return
	}
	at := slices.IndexFunc(m.runs, func(r *run) bool { return r.name == o.Execution })
	if at < 0 {
		return
	}
	r := m.runs[at]
	n := r.stage(o.Stage)
	switch o.Kind {
	case "cancel":
		m.cancel(r)
	case "pause":
		r.paused = r.paused || r.status == running
	case "resume":
		r.paused = false
	case "restart":
		m.restart(r, n, false)
	case "skip":
		m.skip(n)
	case "open":
		n.opens = min(n.opens, m.now)
	case "continue", "stop":
		n.answer = o.Kind
	case "hurry":
		n.hurry = true
	}
}

func (m *model) skip(n *node) {
	switch {
	case complete(n.status):
	case n.status == notStarted:
		n.skip = true
	case n.part != cleansUp:
		m.stop(n, skipped, false)
	}
}

// restart runs an execution again from a stage; keep: one that only watches the child that it has. Who waited for the
// execution waits for it again.
func (m *model) restart(r *run, n *node, keep bool) {
	if r.canceled && !complete(r.status) || n.status == running {
		return
	}
	r.final = ""
	if complete(r.status) {
		m.touch(r)
		r.canceled, r.check, r.paused = false, false, false
		r.waiting = !m.free(r)
		r.status = running
		if r.waiting {
			r.status = notStarted
		}
		r.started = !r.waiting
	}
	last := n.last
	m.reset(n)
	if keep {
		n.child, n.last = last, last
	}
	if p := r.parent; p != nil && complete(p.run.status) {
		m.restart(p.run, p, true)
	}
}

// reset forgets that a stage has run, and those that come after it.
func (m *model) reset(n *node) {
	again := &node{Stage: n.Stage, run: n.run, status: notStarted, children: n.children}
	*n = *again
	for _, d := range n.run.top {
		if slices.Contains(d.Requires, n.Ref) && complete(d.status) {
			m.reset(d)
		}
	}
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

func (n *node) kidIs(statuses ...string) bool {
	return slices.ContainsFunc(n.kids, func(k *node) bool { return slices.Contains(statuses, k.status) })
}

// hasBegun says whether there may be something to clean up after a stage.
func (n *node) hasBegun() bool { return n.part == begins || n.part == works || n.part == asks }

func (n *node) hasEndedBadly() bool { return halts(n.status) || n.status == ignored }

func (n *node) kidFailed(late bool) bool {
	return slices.ContainsFunc(n.kids, func(k *node) bool { return k.late == late && k.hasEndedBadly() })
}

func (n *node) kidsDone(late bool) bool {
	return !slices.ContainsFunc(n.kids, func(k *node) bool { return k.late == late && !complete(k.status) })
}

// kidsVerdict is what the stages that a stage has put in make of it.
func (n *node) kidsVerdict() string {
	switch {
	case n.kidIs(terminal):
		return n.failed(terminal)
	case n.kidIs(stopped):
		return stopped
	case n.kidIs(canceled):
		return canceled
	default:
		return ignored
	}
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
