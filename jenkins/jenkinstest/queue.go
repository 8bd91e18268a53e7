package jenkinstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

type queueState int

const (
	waiting queueState = iota
	blocked
	buildable
	left
)

func (q queueState) class() string {
	return "hudson.model.Queue$" + [...]string{"WaitingItem", "BlockedItem", "BuildableItem", "LeftItem"}[q]
}

// queueItem is a build that was asked for.
type queueItem struct {
	id        int64
	job       *item
	params    map[string]string
	causes    []Cause
	state     queueState
	since     time.Time // entered the queue
	due       time.Time // end of the quiet period
	ready     time.Time // left the quiet period
	gone      time.Time // left the queue
	cancelled bool
	build     *Build
}

// enqueue asks for a build; merged tells that an equal one waits already.
func (s *Server) enqueue(now time.Time, job *item, params map[string]string, cause Cause, delay time.Duration) (q *queueItem, merged bool) {
	params = job.withDefaults(params)
	for _, q := range s.queue {
		if q.job == job && q.state != left && maps.Equal(q.params, params) {
			q.causes = append(q.causes, cause)
			return q, true
		}
	}
	q = &queueItem{id: s.nextItem, job: job, params: params, causes: []Cause{cause}, since: now, due: now.Add(delay)}
	s.nextItem++
	s.queue = append(s.queue, q)
	return q, false
}

func (s *Server) queued(id int64) *queueItem {
	for _, q := range s.queue {
		if q.id == id {
			return q
		}
	}
	return nil
}

func (s *Server) cancel(q *queueItem, now time.Time) {
	if q.state != left {
		q.state, q.cancelled, q.gone = left, true, now
	}
}

// settle brings the queue and planned builds up to date.
func (s *Server) settle(now time.Time) {
	for s.endPlanned(now) || s.startDue(now) {
	}
	s.queue = slices.DeleteFunc(s.queue, func(q *queueItem) bool {
		return q.state == left && now.Sub(q.gone) > s.opts.LeftItemTTL
	})
}

// endPlanned finishes the builds whose plan says so; it reports whether any.
func (s *Server) endPlanned(now time.Time) bool {
	ended := false
	for _, q := range s.queue {
		b := q.build
		if b == nil || b.plan == nil || !b.building() || now.Before(b.started.Add(b.plan.Takes)) {
			continue
		}
		for _, line := range b.plan.Log {
			b.log.WriteString(line + "\n")
		}
		b.files = append(b.files, b.plan.Artifacts...)
		result := b.plan.Result
		if result == "" {
			result = "SUCCESS"
		}
		b.finish(b.started.Add(b.plan.Takes), result)
		ended = true
	}
	return ended
}

// startDue moves items on; it reports whether a build started.
func (s *Server) startDue(now time.Time) bool {
	if !slices.ContainsFunc(s.queue, func(q *queueItem) bool { return q.state != left }) {
		return false
	}
	busy := s.busy()
	for _, q := range s.queue {
		if q.state == left || now.Before(q.due) {
			continue
		}
		if q.state == waiting {
			q.ready = q.due
		}
		switch {
		case !q.job.parallel && q.job.newest((*Build).building) != nil:
			q.state = blocked
		case s.quieting, busy >= max(s.opts.Executors, 0):
			q.state = buildable
		default:
			s.begin(q, now)
			return true
		}
	}
	return false
}

func (s *Server) busy() int {
	n := 0
	s.root.walk(func(job *item) {
		for _, b := range job.builds {
			if b.queued && b.building() {
				n++
			}
		}
	})
	return n
}

// begin turns an item into a build. Without having waited it starts the moment
// it was due.
func (s *Server) begin(q *queueItem, now time.Time) {
	at := now
	if q.state == waiting {
		at = q.due
	}
	b := q.job.start(at, StartOptions{Parameters: q.params, Causes: q.causes})
	s.nextItem-- // the item has its id already
	b.queueID, b.queued = q.id, true
	q.state, q.gone, q.build = left, at, b
	if q.job.runs != nil {
		plan := q.job.runs(b.number, maps.Clone(b.params))
		b.plan = &plan
	}
}

// why says why an item waits.
func (q *queueItem) why(now time.Time) any {
	switch q.state {
	case waiting:
		return fmt.Sprintf("In the quiet period. Expires in %.1f sec", q.due.Sub(now).Seconds())
	case blocked:
		return fmt.Sprintf("Build #%d is already in progress (ETA: N/A)", q.job.newest((*Build).building).number)
	case buildable:
		if q.job.server.quieting {
			return "Jenkins is about to shut down"
		}
		return "Waiting for next available executor"
	default:
		return nil
	}
}

// paramText is the params field: one line each, passwords masked.
func (q *queueItem) paramText() string {
	var text strings.Builder
	for _, p := range q.job.params {
		value := q.params[p.Name]
		if p.Type == "Password" {
			value = "****"
		}
		text.WriteString("\n" + p.Name + "=" + value)
	}
	return text.String()
}
