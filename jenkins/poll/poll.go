package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jobname"
)

const (
	// DefaultParallel is how many jobs of a master are looked at at one time.
	DefaultParallel = 4
	// missesBeforeWarning is how many cycles in a row a job may be missing
	// before it is worth a word: permissions and folders change in steps.
	missesBeforeWarning = 3
	// slowJobs is how many jobs may run into the time limit before the whole
	// master counts as too slow.
	slowJobs = 3
	// tolerableSkew is how far a master's clock may be off unmentioned.
	tolerableSkew = 5 * time.Minute
)

// Options of a poller. Client is required.
type Options struct {
	Client *jenkins.Client
	// Details tells whether a finished build is worth reading in full, given its
	// job's full name and its result. Nil reads all.
	Details func(fullName, result string) bool
	// Backfill is the policy for builds found late; "" is Latest. A build is
	// late BackfillAfter its end; 0 is DefaultBackfillAfter.
	Backfill      Backfill
	BackfillAfter time.Duration

	Parallel int              // jobs looked at at one time; 0 is DefaultParallel
	Now      func() time.Time // our clock, to compare the master's with; nil is time.Now
	Log      *slog.Logger     // nil is silent
}

// Poller looks at one master. Its methods are for one caller at a time.
type Poller struct {
	client   *jenkins.Client
	details  func(fullName, result string) bool
	parallel int
	now      func() time.Time
	log      *slog.Logger

	backfill      Backfill
	backfillAfter time.Duration

	perFolder bool           // one list for all is too large
	misses    map[string]int // cycles in a row in which a job was not found
	turn      int            // counts cycles, to be fair to old open builds
	// since is when each pattern was looked at first, by the master's clock.
	since map[string]time.Time
}

// New makes a poller; it asks nothing yet.
func New(o Options) *Poller {
	p := &Poller{client: o.Client, details: o.Details, parallel: o.Parallel, now: o.Now, log: o.Log,
		backfill: cmp.Or(o.Backfill, Latest), backfillAfter: o.BackfillAfter, misses: map[string]int{}, since: map[string]time.Time{}}
	if p.details == nil {
		p.details = func(string, string) bool { return true }
	}
	if p.parallel <= 0 {
		p.parallel = DefaultParallel
	}
	if p.backfillAfter <= 0 {
		p.backfillAfter = DefaultBackfillAfter
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.log = p.log.With("master", o.Client.Name())
	return p
}

// Result is what a cycle found.
type Result struct {
	// Events are the builds to announce, in the order of numbers within a job.
	Events []Event
	// States are the states that changed, by full name. They must be stored
	// together with the events.
	States map[string]JobState
	// PassedOver are builds that the backfill policy does not announce, without
	// their details; Incomplete says why.
	PassedOver []Event
	Problems   []Problem

	Date    time.Time     // the master's clock; zero when it sent none
	Skew    time.Duration // the master's clock minus ours
	Session string        // changes when the master restarts
}

// Cycle looks once at some jobs. Jobs are named as in triggers ("shop/job/cart")
// or by full name; a name with "*" is a pattern (see Match), "**" being all jobs
// of the master. states are the known states by full name.
//
// An error means that the master as a whole could not be asked, or not to the
// end; what the result holds is right even then and must be stored. Failures of
// single jobs are problems of the result.
func (p *Poller) Cycle(ctx context.Context, jobs []string, states map[string]JobState) (Result, error) {
	p.turn++
	result := Result{States: map[string]JobState{}}
	want := selectJobs(jobs)
	seen, err := p.list(ctx, want)
	if err != nil {
		return result, err
	}
	p.setClock(&result, seen)
	if result.Skew.Abs() > tolerableSkew {
		result.Problems = append(result.Problems, Problem{Kind: Skew, Text: skewText(p.client.Name(), result.Skew)})
	}
	heads := p.pick(want, seen, states, &result)
	err = p.lookAt(ctx, heads, states, &result)
	p.remember(want.patterns, result.Date)
	return result, err
}

// remember notes since when patterns are looked at without a break.
func (p *Poller) remember(patterns []string, date time.Time) {
	maps.DeleteFunc(p.since, func(pattern string, _ time.Time) bool { return !slices.Contains(patterns, pattern) })
	for _, pattern := range patterns {
		if p.since[pattern].IsZero() {
			p.since[pattern] = date
		}
	}
}

// Look looks once at single jobs, given by their full names, because somebody
// says that something happened to them. It asks for each by itself and not for
// the list. What is found, and what an error means, is as for Cycle; a job that
// is not there is left to the next cycle.
func (p *Poller) Look(ctx context.Context, fullNames []string, states map[string]JobState) (Result, error) {
	result := Result{States: map[string]JobState{}}
	listings := make([]jenkins.Listing, len(fullNames))
	var group errgroup.Group
	group.SetLimit(p.parallel)
	for i, name := range fullNames {
		group.Go(func() (err error) {
			listings[i], err = p.client.ListJob(ctx, name)
			if err != nil && !masterWide(err) {
				p.log.Debug("look at a job", "job", name, "error", err)
				return nil
			}
			return err
		})
	}
	err := group.Wait()
	var heads []jenkins.Head
	for _, listing := range listings {
		heads = append(heads, listing.Jobs...)
		if !listing.Date.IsZero() || result.Date.IsZero() {
			p.setClock(&result, listing)
		}
	}
	if err != nil || len(heads) == 0 {
		return result, err
	}
	err = p.lookAt(ctx, heads, states, &result)
	return result, err
}

// setClock notes what a list says of the master's clock.
func (p *Poller) setClock(result *Result, seen jenkins.Listing) {
	if seen.Date.IsZero() {
		result.Date = p.now()
		return
	}
	result.Date, result.Session = seen.Date, seen.Session
	result.Skew = seen.Date.Sub(p.now()).Round(time.Second)
}

func skewText(master string, skew time.Duration) string {
	direction := "ahead"
	if skew < 0 {
		direction = "behind"
	}
	return fmt.Sprintf("Clock of %s is %d min %s", master, int(skew.Abs().Minutes()), direction)
}

// list asks for the jobs, with one request unless the answer would be too large.
func (p *Poller) list(ctx context.Context, want selection) (jenkins.Listing, error) {
	var all jenkins.Listing
	for _, s := range want.scopes(p.perFolder) {
		listing, err := p.listScope(ctx, s)
		if kind := jenkins.KindOf(err); !p.perFolder && (kind == jenkins.KindTooLarge || kind == jenkins.KindLongQuery) {
			p.log.Warn("job list too large, asking per folder from now on", "error", err)
			p.perFolder = true
			return p.list(ctx, want)
		}
		if err != nil {
			return jenkins.Listing{}, err
		}
		all.Jobs = append(all.Jobs, listing.Jobs...)
		all.TooDeep = append(all.TooDeep, listing.TooDeep...)
		all.Date, all.Session = listing.Date, listing.Session
	}
	return all, nil
}

// listScope takes a folder that is not found for an empty one, after making
// sure that there is a Jenkins at all.
func (p *Poller) listScope(ctx context.Context, s scope) (jenkins.Listing, error) {
	listing, err := p.client.ListJobs(ctx, s.folder, s.depth)
	if s.folder == "" || jenkins.KindOf(err) != jenkins.KindNotFound {
		return listing, err
	}
	root, err := p.client.ListJobs(ctx, "", 1)
	return jenkins.Listing{Date: root.Date, Session: root.Session}, err
}

// pick gives the heads of the selected jobs, sorted, and says what is missing.
func (p *Poller) pick(want selection, seen jenkins.Listing, states map[string]JobState, result *Result) []jenkins.Head {
	byName := make(map[string]jenkins.Head, len(seen.Jobs))
	for _, head := range seen.Jobs {
		byName[strings.ToLower(head.FullName)] = head
	}
	picked := map[string]jenkins.Head{}
	for _, name := range slices.Sorted(maps.Keys(want.exact)) {
		head, ok := byName[strings.ToLower(name)]
		if !ok {
			p.missing(name, seen, states, result)
			continue
		}
		delete(p.misses, name)
		if head.FullName != name {
			result.Problems = append(result.Problems, Problem{Job: name, Kind: Spelling,
				Text: fmt.Sprintf("Job %s is called %s on %s; write it that way", name, head.FullName, p.client.Name())})
		}
		picked[head.FullName] = head
	}
	if len(want.patterns) > 0 {
		for _, head := range seen.Jobs {
			if want.matches(head.FullName) {
				picked[head.FullName] = head
			}
		}
		for _, folder := range seen.TooDeep {
			result.Problems = append(result.Problems, Problem{Job: folder, Kind: TooDeep,
				Text: fmt.Sprintf("%s is nested deeper than %d levels", folder, jenkins.MaxDepth)})
		}
	}
	return slices.SortedFunc(maps.Values(picked), func(a, b jenkins.Head) int { return cmp.Compare(a.FullName, b.FullName) })
}

func (p *Poller) missing(name string, seen jenkins.Listing, states map[string]JobState, result *Result) {
	state, known := states[name]
	if known && state.Missing.IsZero() {
		state.Missing = result.Date
		result.States[name] = state
	}
	p.misses[name]++
	if p.misses[name] < missesBeforeWarning {
		return
	}
	if successor := lookAlike(state, seen); successor != "" {
		result.Problems = append(result.Problems, Problem{Job: name, Kind: Renamed,
			Text: fmt.Sprintf("Job %s vanished from %s; %s looks like its new name", name, p.client.Name(), successor)})
		return
	}
	result.Problems = append(result.Problems, Problem{Job: name, Kind: NotFound,
		Text: fmt.Sprintf("Job %s not found on %s, or the user may not read it", name, p.client.Name())})
}

// lookAlike finds the job whose newest build is the last one known of a job
// that vanished.
func lookAlike(gone JobState, seen jenkins.Listing) string {
	if gone.LastNumber == 0 {
		return ""
	}
	for _, head := range seen.Jobs {
		if head.Last != nil && head.Last.Number == gone.LastNumber && head.Last.Timestamp.Equal(gone.LastStart) {
			return head.FullName
		}
	}
	return ""
}

// lookAt examines the jobs to which something happened, a few at a time. After
// a failure of the master it begins no further job.
func (p *Poller) lookAt(ctx context.Context, heads []jenkins.Head, states map[string]JobState, result *Result) error {
	busy := slices.DeleteFunc(heads, func(head jenkins.Head) bool {
		state, known := states[head.FullName]
		return known && state.quiet(head) && !state.restarted(head)
	})
	looks := make([]*look, len(busy))
	for i, head := range busy {
		state, known := states[head.FullName]
		looks[i] = &look{p: p, head: head, old: state, known: known, date: result.Date}
		if !known {
			looks[i].news, looks[i].states = p.newsOf(head), states
		}
	}
	err := p.runAll(ctx, looks)
	for _, l := range looks {
		result.Events = append(result.Events, l.events...)
		result.PassedOver = append(result.PassedOver, l.passed...)
		result.Problems = append(result.Problems, l.problems...)
		if l.done && (!l.known || !l.state.equal(l.old)) {
			result.States[l.head.FullName] = l.state
		}
	}
	return err
}

// newsOf says from when on the builds of a job that was never seen are news:
// since a pattern that it fits is looked at. It is zero when they are none.
func (p *Poller) newsOf(head jenkins.Head) time.Time {
	var first time.Time
	for pattern, since := range p.since {
		if jobname.Match(pattern, head.FullName) && (first.IsZero() || since.Before(first)) {
			first = since
		}
	}
	return first
}

// renamed reports whether some of a job's builds are known as another job's.
func renamed(runs []jenkins.Run, states map[string]JobState) bool {
	for _, state := range states {
		if slices.ContainsFunc(runs, func(run jenkins.Run) bool {
			return run.Number == state.LastNumber && run.Timestamp.Equal(state.LastStart)
		}) {
			return true
		}
	}
	return false
}

func (p *Poller) runAll(ctx context.Context, looks []*look) error {
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		next    int
		slow    int
		failure error
	)
	take := func() *look {
		mu.Lock()
		defer mu.Unlock()
		if failure != nil || next == len(looks) {
			return nil
		}
		next++
		return looks[next-1]
	}
	report := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if jenkins.KindOf(err) == jenkins.KindTimeout {
			if slow++; slow < slowJobs {
				return
			}
		}
		failure = errors.Join(failure, err)
	}
	for range min(p.parallel, len(looks)) {
		workers.Go(func() {
			for l := take(); l != nil; l = take() {
				if err := l.run(ctx); err != nil {
					report(err)
				}
			}
		})
	}
	workers.Wait()
	return failure
}
