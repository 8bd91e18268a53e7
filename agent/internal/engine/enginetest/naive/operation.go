package naive

import "slices"

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
		n.opens, n.opened = min(n.opens, m.now), true
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
