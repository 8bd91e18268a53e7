package naive

import (
	"fmt"
	"slices"
	"time"
)

func (n *node) ends() string {
	if n.Type == "wait" {
		return succeeded
	}
	return n.Ends
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
		case n.kidFailed(n.part != asks) && n.kidBegins(n.part != asks):
			return false
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
	n.part, n.opened = waitsForWindow, false
	n.await(m.now)
}

// await finds when a stage's window is open next.
func (n *node) await(now time.Duration) {
	for n.opens = now; !n.open(n.opens); {
		n.opens = (n.opens/time.Minute + 1) * time.Minute
	}
}

// enter begins a stage's own work unless its window has closed meanwhile.
func (m *model) enter(n *node) {
	if n.opened || n.open(m.now) {
		m.work(n)
		return
	}
	n.await(m.now)
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
	if n.Type == "pipeline" && n.child != nil && n.Leave { // it has its child, and does not watch it
		m.worked(n, skipped)
	} else if n.Type == "pipeline" && n.child == nil { // else it only watches the child that it has
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
	if n.status != running || n.part == cleansUp {
		return
	}
	if n.part == hasFailed && verdict != skipped {
		verdict = n.verdict
	}
	clean = clean && halts(verdict)
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
		if verdict == skipped && k.status == notStarted {
			k.status = skipped
		}
		m.stop(k, status, k.hasBegun())
	}
}

// conclude goes on with a stage whose own work is over.
func (m *model) conclude(n *node, verdict string) {
	after, upon := n.after, n.upon
	n.verdict = verdict
	switch {
	case verdict == canceled, verdict == skipped, n.run.canceled, n.ending, n.parent != nil && n.parent.part == cleansUp:
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

func (n *node) kidIs(statuses ...string) bool {
	return slices.ContainsFunc(n.kids, func(k *node) bool { return slices.Contains(statuses, k.status) })
}

// hasBegun says whether there may be something to clean up after a stage.
func (n *node) hasBegun() bool { return n.part == begins || n.part == works || n.part == asks }

func (n *node) hasEndedBadly() bool { return halts(n.status) || n.status == ignored }

func (n *node) kidFailed(late bool) bool {
	return slices.ContainsFunc(n.kids, func(k *node) bool { return k.late == late && k.hasEndedBadly() })
}

// kidBegins says whether one of the stages that were put in has yet to make its first step, or ends with it.
func (n *node) kidBegins(late bool) bool {
	return slices.ContainsFunc(n.kids, func(k *node) bool {
		return k.late == late && k.status == running && (k.part == begins || k.part == works && k.Takes <= 0)
	})
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
