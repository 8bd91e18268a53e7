package naive

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Options say what a random world may have.
type Options struct {
	// Stages is how many stages a pipeline has at most.
	Stages int
	// Pipelines is how many pipelines there are at most; with more than one they run each other, and several executions
	// of one may wait for each other.
	Pipelines int
	// SkipAny: any stage may be skipped by a user, not only one that runs a pipeline.
	SkipAny bool
}

// dice makes a world.
type dice struct {
	*rand.Rand
	Options
}

// Random makes the world of that seed.
func Random(seed uint64, o Options) *World {
	d := dice{rand.New(rand.NewPCG(seed, 0)), o}
	w := &World{}
	for i := range 1 + d.IntN(o.Pipelines) {
		w.Pipelines = append(w.Pipelines, d.pipeline(i))
	}
	starts := 1
	if o.Pipelines > 1 {
		starts += d.IntN(4)
	}
	for i := range starts {
		p := w.Pipelines[len(w.Pipelines)-1-i%len(w.Pipelines)]
		d.visit(w, fmt.Sprintf("%c", 'A'+i), p)
	}
	slices.SortFunc(w.Operations, func(a, b Operation) int { return int(a.At - b.At) })
	return w
}

func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// time is a length of time between two, to the millisecond.
func (d dice) time(from, to time.Duration) time.Duration {
	return from + time.Duration(d.Int64N(int64((to-from)/time.Millisecond)))*time.Millisecond
}

// pipeline is the nth pipeline. It runs earlier ones only.
func (d dice) pipeline(nth int) Pipeline {
	p := Pipeline{ID: fmt.Sprintf("p%d", nth), Keep: d.chance(50)}
	if d.Pipelines > 1 && d.chance(40) {
		p.Limit = 1 + d.IntN(2)
	}
	if d.chance(10) {
		p.Expires = d.time(0, 2*time.Hour)
	}
	for i := range 1 + d.IntN(d.Stages) {
		s := d.stage(fmt.Sprint(i+1), 3)
		s.Requires = d.requires(i)
		switch {
		case nth > 0 && d.chance(20):
			s = Stage{Ref: s.Ref, Requires: s.Requires, Type: "pipeline", Child: fmt.Sprintf("p%d", d.IntN(nth)),
				Leave: d.chance(20), Choice: s.Choice, Timeout: s.Timeout, Lucky: s.Lucky}
		case d.chance(10):
			s = Stage{Ref: s.Ref, Requires: s.Requires, Type: "wait", Takes: s.Takes, Choice: s.Choice, Timeout: s.Timeout}
		case d.chance(10):
			s = Stage{Ref: s.Ref, Requires: s.Requires, Type: "judgment", Choice: s.Choice, Timeout: d.time(time.Minute, 2*time.Hour), Lucky: s.Lucky}
		}
		s.Disabled = d.chance(5)
		if d.chance(5) {
			s.Expires = d.time(0, 3*time.Hour)
		}
		if d.chance(7) {
			s.Opens, s.Closes = d.IntN(24), d.IntN(24)
		}
		p.Stages = append(p.Stages, s)
	}
	return p
}

// requires chooses up to three earlier stages, and now and then one that is not there.
func (d dice) requires(earlier int) (refs []string) {
	for range d.IntN(4) {
		if earlier > 0 {
			refs = append(refs, fmt.Sprint(1+d.IntN(earlier)))
		}
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	if len(refs) > 0 && d.chance(3) {
		refs = append(refs, "nowhere")
	}
	return refs
}

// stage is a work stage.
func (d dice) stage(ref string, inserts int) Stage {
	s := Stage{Ref: ref, Type: "work", Takes: d.time(time.Second, time.Hour), Ends: succeeded, Far: d.chance(50)}
	s.Choice = []string{"", "", "branch", "branchThenFail", "ignore"}[d.IntN(5)]
	if d.chance(15) {
		s.Ends = []string{terminal, terminal, terminal, stopped, ignored, canceled, skipped}[d.IntN(7)]
	}
	if d.chance(30) {
		s.CleanUp = d.time(2*time.Second, 90*time.Second)
	}
	if d.chance(15) {
		s.Timeout, s.Lucky = d.time(time.Second, 90*time.Minute), d.chance(30)
	}
	if inserts == 0 || !d.chance(20) {
		return s
	}
	for _, list := range []*[]Stage{&s.Before, &s.After, &s.OnFailure} {
		for range d.IntN(inserts) {
			inserted := d.stage("", 0)
			inserted.Takes, inserted.Parallel = d.time(time.Second, 10*time.Minute), !s.Far && d.chance(40)
			*list = append(*list, inserted)
		}
	}
	return s
}

// visit has somebody start a pipeline, and do one thing and another to the execution and to what it starts.
func (d dice) visit(w *World, name string, p Pipeline) {
	at := d.time(time.Second, 20*time.Minute)
	w.Operations = append(w.Operations, Operation{At: at, Kind: "start", Execution: name, Pipeline: p.ID})
	touched := []string{name}
	for range d.IntN(5) {
		at += d.time(time.Second, 2*time.Hour)
		one, of := d.descend(w, name, p)
		if !slices.Contains(touched, one) {
			touched = append(touched, one)
		}
		for _, o := range d.whim(of) {
			at += o.At
			o.At, o.Execution = at, one
			w.Operations = append(w.Operations, o)
		}
	}
	// Whatever is paused goes on in the end.
	for _, one := range touched {
		at += d.time(time.Second, time.Hour)
		w.Operations = append(w.Operations, Operation{At: at, Kind: "resume", Execution: one})
	}
}

// descend chooses an execution or, now and then, one that a stage of it may have started.
func (d dice) descend(w *World, name string, p Pipeline) (string, Pipeline) {
	for d.chance(40) {
		var runs []Stage
		for _, s := range p.Stages {
			if s.Type == "pipeline" {
				runs = append(runs, s)
			}
		}
		if len(runs) == 0 {
			break
		}
		s := runs[d.IntN(len(runs))]
		name = fmt.Sprintf("%s/%s#1", name, s.Ref)
		p = w.Pipelines[slices.IndexFunc(w.Pipelines, func(p Pipeline) bool { return p.ID == s.Child })]
	}
	return name, p
}

// whim is what a user does to an execution of a pipeline, each thing so long after the one before.
func (d dice) whim(p Pipeline) []Operation {
	s := p.Stages[d.IntN(len(p.Stages))]
	switch n := d.IntN(12); {
	case n < 1:
		return []Operation{{Kind: "cancel"}}
	case n < 4:
		return []Operation{{Kind: "pause"}, {Kind: "resume", At: d.time(time.Second, 2*time.Hour)}}
	case n < 7:
		return []Operation{{Kind: "restart", Stage: s.Ref}}
	case s.Opens != s.Closes && n < 9:
		return []Operation{{Kind: "open", Stage: s.Ref}}
	case s.Type == "judgment":
		return []Operation{{Kind: []string{"continue", "continue", "stop"}[d.IntN(3)], Stage: s.Ref}}
	case s.Type == "wait" && n < 10:
		return []Operation{{Kind: "hurry", Stage: s.Ref}}
	case d.SkipAny || s.Type == "pipeline":
		return []Operation{{Kind: "skip", Stage: s.Ref}}
	default:
		return nil
	}
}
