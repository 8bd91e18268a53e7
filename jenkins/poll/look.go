package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jobname"
)

const (
	pageSize    = 100 // what Jenkins lists at once
	pageOverlap = 5   // new builds shift the window between two pages
	maxPages    = 5
	// maxSingly is how many open builds too old for the list are asked for one
	// by one in a cycle.
	maxSingly = 20
	// maxTries is how often the details of one build may fail before it is
	// announced without them.
	maxTries = 3
	// maxOpen is how many builds of one job are waited for.
	maxOpen = 1000
)

// look is the examination of one job in one cycle.
type look struct {
	p     *Poller
	head  jenkins.Head
	old   JobState
	known bool
	date  time.Time
	// news is from when on the builds of a job that is not known are to be
	// announced, zero for none; states are those of all jobs then.
	news   time.Time
	states map[string]JobState

	runs   map[int]jenkins.Run // listed builds
	lowest int                 // lowest listed number; 0 when none is listed
	all    bool                // the list went to the job's oldest build

	state    JobState // after the look
	done     bool     // state and events count
	events   []Event
	passed   []Event
	problems []Problem
}

// run gives an error for failures of the master as a whole; those of the job
// become problems.
func (l *look) run(ctx context.Context) error {
	err := l.examine(ctx)
	if err == nil {
		return nil
	}
	if masterWide(err) && jenkins.KindOf(err) != jenkins.KindTimeout {
		return err
	}
	l.problem(Failed, err, "%v", err)
	if masterWide(err) {
		return err
	}
	return nil
}

func masterWide(err error) bool {
	var own *jenkins.Error
	return errors.As(err, &own) && own.MasterWide()
}

func (l *look) problem(kind ProblemKind, err error, format string, args ...any) {
	l.problems = append(l.problems, Problem{Job: l.head.FullName, Kind: kind, Text: fmt.Sprintf(format, args...), Err: err})
}

func (l *look) examine(ctx context.Context) error {
	if !l.known {
		return l.firstSight(ctx)
	}
	if l.old.restarted(l.head) {
		return l.restart(ctx)
	}
	if err := l.list(ctx); err != nil {
		return err
	}
	if same, listed := l.runs[l.old.LastNumber]; listed && !same.Timestamp.Equal(l.old.LastStart) {
		return l.restart(ctx) // made anew, and already past the old number
	}
	return l.advance(ctx)
}

// firstSight remembers where the job stands. Builds that run will be announced,
// and those that began after a pattern of the job's was looked at.
func (l *look) firstSight(ctx context.Context) error {
	l.state = JobState{Job: l.head.FullName, Since: l.date}
	last := l.head.Last
	if last == nil {
		l.done = true
		return nil
	}
	runs := []jenkins.Run{{RunState: *last}}
	if last.Number > 1 || !last.Finished() {
		history, err := l.p.client.Builds(ctx, l.head.FullName, 0, min(last.Number, pageSize))
		if err != nil {
			return err
		}
		runs = history.Runs
	}
	if !l.news.IsZero() && last.Timestamp.After(l.news) && !renamed(runs, l.states) {
		return l.appear(ctx, runs)
	}
	for _, run := range runs {
		l.see(run)
		if !run.Finished() {
			l.state.Open = append(l.state.Open, openOf(run))
		}
	}
	l.boundOpen()
	l.done = true
	return nil
}

// appear announces the builds of a job that came while its like were looked
// for: those that began since then. A branch's first build is no less than its
// second.
func (l *look) appear(ctx context.Context, runs []jenkins.Run) error {
	l.runs, l.all = map[int]jenkins.Run{}, true
	for _, run := range runs {
		l.runs[run.Number] = run
		if !run.Timestamp.After(l.news) {
			l.see(run)
		}
	}
	l.old = l.state
	return l.advance(ctx)
}

func (l *look) restart(ctx context.Context) error {
	l.problem(Restarted, nil, "Build numbers of %s started again at %d; its builds so far are not announced", l.head.FullName, max(l.head.NextNumber, 1))
	return l.firstSight(ctx)
}

// see moves the highest number up.
func (l *look) see(run jenkins.Run) {
	if run.Number > l.state.LastNumber {
		l.state.LastNumber, l.state.LastStart = run.Number, run.Timestamp
	}
}

// list reads the builds from the newest down to the last one known, and to open
// ones that a page can still reach.
func (l *look) list(ctx context.Context) error {
	l.runs = map[int]jenkins.Run{}
	top := l.old.LastNumber
	if l.head.Last != nil {
		top = max(top, l.head.Last.Number)
	}
	floor := l.old.LastNumber
	if len(l.old.Open) > 0 && top-l.old.Open[0].Number < pageSize {
		floor = min(floor, l.old.Open[0].Number)
	}
	from, size := 0, min(max(top-floor+1, 1), pageSize)
	for range maxPages {
		history, err := l.p.client.Builds(ctx, l.head.FullName, from, from+size)
		if err != nil {
			return err
		}
		for _, run := range history.Runs {
			l.runs[run.Number] = run
			if l.lowest == 0 || run.Number < l.lowest {
				l.lowest = run.Number
			}
		}
		if l.all = len(history.Runs) < size; l.all || l.lowest <= floor {
			return nil
		}
		from += size - min(pageOverlap, size-1)
		size = pageSize
	}
	return nil
}

// advance brings the state up to date and announces what ended.
func (l *look) advance(ctx context.Context) error {
	l.state = l.old
	l.state.Missing = time.Time{}
	l.state.Open = nil
	known, err := l.updateOpen(ctx)
	if err != nil {
		return err
	}
	l.reportSkipped()
	var over []Open
	for _, open := range append(known, l.fresh()...) {
		if open.Result != "" {
			over = append(over, open)
		} else {
			l.state.Open = append(l.state.Open, open)
		}
	}
	slices.SortFunc(over, byNumber)
	err = l.announce(ctx, l.backfill(over))
	l.boundOpen()
	l.done = true
	return err
}

func byNumber(a, b Open) int { return cmp.Compare(a.Number, b.Number) }

// fresh gives the builds that were not known before.
func (l *look) fresh() []Open {
	var fresh []Open
	for number, run := range l.runs {
		if number > l.old.LastNumber {
			l.see(run)
			fresh = append(fresh, openOf(run))
		}
	}
	return fresh
}

func openOf(run jenkins.Run) Open {
	open := Open{Number: run.Number, Start: run.Timestamp}
	if run.Finished() {
		open.Result = run.Result
	}
	return open
}

// reportSkipped tells of new builds that are older than what the pages show.
func (l *look) reportSkipped() {
	if skipped := l.lowest - l.old.LastNumber - 1; !l.all && skipped > 0 {
		l.problem(Skipped, nil, "%d builds of %s were skipped: #%d to #%d went by unseen",
			skipped, l.head.FullName, l.old.LastNumber+1, l.lowest-1)
	}
}

// updateOpen looks the open builds up: in the list, or by themselves when they
// are older than what it shows. Builds that are gone are left out.
func (l *look) updateOpen(ctx context.Context) ([]Open, error) {
	var known, deep []Open
	for _, open := range l.old.Open {
		run, listed := l.runs[open.Number]
		switch {
		case open.Result != "":
			known = append(known, open)
		case listed:
			known = append(known, openOf(run))
		case l.all || open.Number > l.lowest:
			l.deleted(open)
		default:
			deep = append(deep, open)
		}
	}
	for i, open := range deep {
		// Of many, each cycle asks for the next few.
		if turn := (i + l.p.turn*maxSingly) % len(deep); turn >= maxSingly {
			known = append(known, open)
			continue
		}
		run, err := l.p.client.RunOf(ctx, l.head.FullName, open.Number)
		switch {
		case jenkins.KindOf(err) == jenkins.KindNotFound:
			l.deleted(open)
		case err != nil:
			return nil, err
		default:
			known = append(known, openOf(run))
		}
	}
	return known, nil
}

func (l *look) deleted(open Open) {
	l.problem(Deleted, nil, "Build %s #%d was deleted before its end was seen", l.head.FullName, open.Number)
}

// boundOpen sorts the open builds and gives the oldest up when they are too many.
func (l *look) boundOpen() {
	slices.SortFunc(l.state.Open, byNumber)
	if excess := len(l.state.Open) - maxOpen; excess > 0 {
		l.problem(Skipped, nil, "%d builds of %s were skipped: more than %d are running, the oldest since #%d",
			excess, l.head.FullName, maxOpen, l.state.Open[0].Number)
		l.state.Open = slices.Clone(l.state.Open[excess:])
	}
}

// announce makes events of builds that ended, oldest first. A build whose
// details cannot be read now stays open, and so do those after it: pipelines
// start in the order of builds.
func (l *look) announce(ctx context.Context, over []Open) error {
	for i, open := range over {
		build, incomplete, err := l.read(ctx, open)
		if err == nil {
			l.events = append(l.events, l.event(build, incomplete))
			continue
		}
		over[i].Tries++
		l.state.Open = append(l.state.Open, over[i:]...)
		return err
	}
	return nil
}

// read gives the details of a finished build. When they cannot be had for good,
// it gives what the list said and the reason; an error means to try again.
func (l *look) read(ctx context.Context, open Open) (build jenkins.Build, incomplete string, err error) {
	if !l.p.details(l.head.FullName, open.Result) {
		return l.brief(open), "", nil
	}
	build, err = l.p.client.Build(ctx, l.head.FullName, open.Number)
	if err == nil && build.Finished() && build.Timestamp.Equal(open.Start) {
		return build, "", nil
	}
	if err == nil {
		err = fmt.Errorf("jenkins %q: build %q #%d ended, but now reads otherwise", l.p.client.Name(), l.head.FullName, open.Number)
	}
	if l.worthRetrying(err, open) {
		return jenkins.Build{}, "", err
	}
	l.problem(Incomplete, err, "Build %s #%d is announced without artifacts and parameters: %v", l.head.FullName, open.Number, err)
	return l.brief(open), err.Error(), nil
}

// brief is a build as the list shows it.
func (l *look) brief(open Open) jenkins.Build {
	run, listed := l.runs[open.Number]
	if !listed {
		run.RunState = jenkins.RunState{Number: open.Number, Timestamp: open.Start, Result: open.Result}
	}
	return jenkins.Build{Run: run, Job: l.head.FullName}
}

// worthRetrying reports whether a build waits for another cycle. A build that
// hangs Jenkins each time must not hold up those after it for ever.
func (l *look) worthRetrying(err error, open Open) bool {
	switch kind := jenkins.KindOf(err); {
	case kind == jenkins.KindNotFound:
		return false
	case masterWide(err) && kind != jenkins.KindTimeout:
		return true
	default:
		return open.Tries+1 < maxTries
	}
}

func (l *look) event(build jenkins.Build, incomplete string) Event {
	return Event{
		Master: l.p.client.Name(), Job: jobname.Igor(build.Job), FullName: build.Job, Build: build,
		Age: max(l.date.Sub(build.Ended()), 0), Incomplete: incomplete,
	}
}
