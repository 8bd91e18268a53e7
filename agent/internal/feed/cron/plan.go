package cron

import (
	"cmp"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/agent/internal/trigger/quartz"
)

// state is what is stored of a trigger.
type state struct {
	// Spec is what its times follow from. Another one counts anew.
	Spec string `json:"spec"`
	// At is up to when its times have been looked at.
	At time.Time `json:"at"`
}

// plan is what is known of a trigger.
type plan struct {
	// id names the trigger among all.
	id       string
	armed    trigger.Armed
	schedule *quartz.Expression
	spec     string
	at       time.Time
	// next is the first time after at; never that there is none.
	next  time.Time
	never bool
}

// clockStep is how far in the future a time may be up to which a trigger was looked at. It is farther when the clock has been
// set back: then the trigger counts anew, and does not wait for the clock to catch up.
const clockStep = 5 * time.Minute

// plan brings the plans up to date with the triggers. It returns those that have to be stored (nil: removed), and those of
// which a time has come.
func (f *Feed) plan(armed []trigger.Armed, now time.Time) (changed map[string]*plan, due []*plan) {
	changed = map[string]*plan{}
	seen := make(map[string]bool, len(armed))
	for _, a := range armed {
		id := a.Pipeline.ID + "/" + a.Trigger.Text("id")
		if seen[id] {
			continue
		}
		p, err := f.update(id, a, now)
		if err != nil {
			continue // said when the pipeline was saved
		}
		seen[id] = true
		if p.at.Equal(now) {
			changed[id] = p
		}
		if !p.never && !p.next.After(now) {
			due = append(due, p)
		}
	}
	for id := range f.plans {
		if !seen[id] {
			delete(f.plans, id)
			changed[id] = nil
		}
	}
	return changed, due
}

// update brings the plan of one trigger up to date.
func (f *Feed) update(id string, a trigger.Armed, now time.Time) (*plan, error) {
	spec := fmt.Sprintf("%s in %s", a.Trigger.Text("cronExpression"), cmp.Or(a.Trigger.Text("timezone"), f.Zone))
	p := f.plans[id]
	if p != nil && (p.spec != spec || p.at.After(now.Add(clockStep))) {
		p = nil
	}
	if p != nil && p.schedule != nil {
		p.armed = a
		return p, nil
	}
	schedule, err := trigger.Schedule(a.Trigger, f.Zone)
	if err != nil {
		return nil, err
	}
	if p == nil {
		p = &plan{id: id, spec: spec, at: now}
		f.plans[id] = p
	}
	p.armed, p.schedule = a, schedule
	p.look(p.at)
	return p, nil
}

// look moves the time up to which the trigger was looked at.
func (p *plan) look(at time.Time) {
	next, ok := p.schedule.Next(at)
	p.at, p.next, p.never = at, next, !ok
}

// times are those that have come and are not too late, oldest first.
func (p *plan) times(now time.Time) []time.Time {
	from := p.at
	if early := now.Add(-Misfire); early.After(from) {
		from = early
	}
	return p.between(from, now)
}

// between are the times after one time, up to another.
func (p *plan) between(from, to time.Time) (times []time.Time) {
	for {
		next, ok := p.schedule.Next(from)
		if !ok || next.After(to) {
			return times
		}
		times, from = append(times, next), next
	}
}

// missed is the last of the times that have come and are too late. It looks back ever farther, so that a trigger that fires
// every second costs no more after a long night than others.
func (p *plan) missed(now time.Time) (time.Time, bool) {
	to := now.Add(-Misfire)
	for _, back := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour, 1 << 62} {
		from := to.Add(-back)
		if from.Before(p.at) {
			from = p.at
		}
		if times := p.between(from, to); len(times) > 0 {
			return times[len(times)-1], true
		}
		if from.Equal(p.at) {
			break
		}
	}
	return time.Time{}, false
}

func (p *plan) event(at time.Time) trigger.Event {
	return trigger.Event{Type: trigger.Cron, Source: p.armed.Pipeline.ID, Name: p.armed.Trigger.Text("id"),
		Tick: &trigger.Tick{Expression: p.schedule.String(), Zone: p.schedule.Zone().String(), Due: at}}
}

// key makes a time of a trigger unique.
func (p *plan) key(at time.Time) string { return fmt.Sprintf("cron\x00%s\x00%d", p.id, at.Unix()) }
