package jenkinstest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// phase of a build. Pipelines skip postBuild and finishing.
type phase int

const (
	notStarted phase = iota
	running
	postBuild // freestyle: still building, but with a result and artifacts appearing
	finishing // freestyle: no longer building, inProgress still true
	completed
)

// File is an artifact and how it is served.
type File struct {
	Path string
	Data []byte

	Late       time.Duration // listed and served only this long after the build's end
	ListedOnly bool          // in the list, but GET answers 404
	HTML       bool          // a login page with status 200 comes instead
	Status     int           // this status comes instead
	Truncate   int           // the connection ends after so many bytes; 0 is not
	PerSecond  int           // bytes per second of real time; 0 is unbounded
}

// Revision is what a build checked out.
type Revision struct {
	Branch string // as the Git plugin names it, such as "origin/main"
	SHA1   string
	Remote string
}

// Cause says why a build starts; exactly one field is set.
type Cause struct {
	User     string // by hand or token
	Upstream string // full name of another job, with number UpstreamBuild
	Indexing bool   // branch indexing
	SCM      bool   // polling
	Timer    bool

	UpstreamBuild int
}

// StartOptions of a build. The zero value is a build started by admin.
type StartOptions struct {
	Parameters map[string]string
	Causes     []Cause
	Revisions  []Revision
	Tests      *TestCount
}

// TestCount is the summary of a test report.
type TestCount struct {
	Failed, Skipped, Total int
	Failures               []TestFailure // those of Failed that the report shows
}

// TestFailure is a failed test of a report.
type TestFailure struct{ Class, Name, Details string }

// Build is a build of a job.
type Build struct {
	job       *item
	number    int
	queueID   int64
	phase     phase
	result    string
	started   time.Time
	ended     time.Time
	desc      string
	descSet   bool
	params    map[string]string
	causes    []Cause
	revisions []Revision
	tests     *TestCount
	files     []File
	log       strings.Builder // raw, with notes
	queued    bool            // from the queue: holds an executor
	plan      *Plan
}

func (it *item) start(now time.Time, o StartOptions) *Build {
	it.last++
	b := &Build{
		job: it, number: it.last, started: now, phase: running, queueID: it.server.nextItem,
		params: it.withDefaults(o.Parameters), causes: o.Causes, revisions: o.Revisions, tests: o.Tests,
	}
	it.server.nextItem++
	if len(b.causes) == 0 {
		b.causes = []Cause{{User: "admin"}}
	}
	for _, cause := range b.causes {
		b.log.WriteString(note(cause) + it.server.causeText(cause) + "\n")
	}
	it.builds = append(it.builds, b)
	return b
}

// withDefaults drops what the job does not declare and adds defaults.
func (it *item) withDefaults(given map[string]string) map[string]string {
	all := map[string]string{}
	for _, p := range it.params {
		all[p.Name] = p.Default
		if p.Type == "Choice" && len(p.Choices) > 0 {
			all[p.Name] = p.Choices[0]
		}
		if value, ok := given[p.Name]; ok {
			all[p.Name] = value
		}
	}
	return all
}

// note is the hidden part of a log line that Jenkins renders as a link.
func note(c Cause) string {
	if c.User == "" {
		return ""
	}
	return "\x1b[8mha:" + base64.StdEncoding.EncodeToString([]byte("note for "+c.User)) + "\x1b[0m"
}

func (s *Server) causeText(c Cause) string {
	switch {
	case c.Upstream != "":
		return fmt.Sprintf("Started by upstream project \"%s\" build number %d", c.Upstream, c.UpstreamBuild)
	case c.Indexing:
		return "Branch indexing"
	case c.SCM:
		return "Started by an SCM change"
	case c.Timer:
		return "Started by timer"
	default:
		return "Started by user " + c.User
	}
}

func (b *Build) building() bool { return b.phase < finishing }

// finish ends the build at a time.
func (b *Build) finish(at time.Time, result string) {
	if !b.building() {
		return
	}
	b.setResult(result)
	b.phase, b.ended = completed, at
	b.log.WriteString("Finished: " + b.result + "\n")
}

// setResult only makes a result worse, as Jenkins does.
func (b *Build) setResult(result string) {
	if severity(result) > severity(b.result) {
		b.result = result
	}
}

func severity(result string) int {
	return slices.Index([]string{"", "SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"}, result)
}

func (b *Build) displayName() string {
	return fmt.Sprintf("#%d", b.number)
}

func (b *Build) duration() time.Duration {
	if b.building() {
		return 0
	}
	return b.ended.Sub(b.started)
}

// estimated is the mean of the last three good builds in ms, -1 without any.
func (b *Build) estimated() int64 {
	var sum, n int64
	for _, other := range slices.Backward(b.job.builds) {
		if n < 3 && !other.building() && severity(other.result) <= severity("UNSTABLE") {
			sum += other.duration().Milliseconds()
			n++
		}
	}
	if n == 0 {
		return -1
	}
	return sum / n
}

// listed are the artifacts that the list shows now, sorted by path.
func (b *Build) listed(now time.Time) []File {
	var files []File
	for _, f := range b.files {
		if b.here(f, now) {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, c File) int { return strings.Compare(a.Path, c.Path) })
	return files
}

func (b *Build) here(f File, now time.Time) bool {
	return f.Late == 0 || !b.building() && !now.Before(b.ended.Add(f.Late))
}

func (b *Build) locked(f func(now time.Time)) { b.job.server.locked(f) }

// Number is the build's number.
func (b *Build) Number() int { return b.number }

// Started is when the build started.
func (b *Build) Started() time.Time { return b.started }

// AddArtifact archives a file; one of the same path is replaced.
func (b *Build) AddArtifact(f File) *Build {
	b.locked(func(time.Time) {
		b.files = slices.DeleteFunc(b.files, func(old File) bool { return old.Path == f.Path })
		b.files = append(b.files, f)
	})
	return b
}

// AppendLog writes to the console log.
func (b *Build) AppendLog(text string) {
	b.locked(func(time.Time) { b.log.WriteString(text) })
}

// SetResult sets a result while the build still runs: a freestyle build then is
// in its post-build actions.
func (b *Build) SetResult(result string) {
	b.locked(func(time.Time) {
		b.setResult(result)
		if b.job.kind == Freestyle && b.phase < postBuild {
			b.phase = postBuild
		}
	})
}

// Finish ends the build.
func (b *Build) Finish(result string) {
	b.locked(func(now time.Time) { b.finish(now, result) })
}

// Step moves the build one phase on; a result it needs is SUCCESS.
func (b *Build) Step() {
	b.locked(func(now time.Time) {
		switch {
		case b.phase == completed:
			return
		case b.job.kind != Freestyle && b.phase >= running:
			b.finish(now, "SUCCESS")
			return
		case b.phase == running:
			b.setResult("SUCCESS")
		case b.phase == postBuild:
			b.ended = now
		}
		b.phase++
	})
}

// Delete removes the build.
func (b *Build) Delete() {
	b.locked(func(time.Time) { b.remove() })
}

func (b *Build) remove() {
	b.job.builds = slices.DeleteFunc(b.job.builds, func(other *Build) bool { return other == b })
}

// paramNames in the order of declaration.
func (b *Build) paramNames() []string {
	var names []string
	for _, p := range b.job.params {
		if _, ok := b.params[p.Name]; ok {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return slices.Sorted(maps.Keys(b.params))
	}
	return names
}

// Building reports whether the build still runs.
func (b *Build) Building() bool {
	var building bool
	b.locked(func(time.Time) { building = b.building() })
	return building
}
