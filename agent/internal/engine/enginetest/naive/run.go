package naive

import "slices"

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
	if r.canceled && result == succeeded {
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
