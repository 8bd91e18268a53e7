package jenkinstest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Kind is the kind of an item.
type Kind int

// Kinds of jobs. Folders and multibranch projects have methods of their own.
const (
	Freestyle Kind = iota
	Pipeline
	folderKind
	multiBranchKind
)

// item is a job or a folder.
type item struct {
	server   *Server
	kind     Kind
	parent   *item // nil for the root
	name     string
	display  string // the branch of a branch job; else the name
	children []*item
	builds   []*Build // by number
	last     int      // highest number ever given
	disabled bool
	parallel bool // concurrent builds
	params   []Parameter
	runs     func(number int, parameters map[string]string) Plan
}

func (it *item) isFolder() bool { return it.kind >= folderKind }

// fullName joins the names with "/".
func (it *item) fullName() string {
	if it.parent == nil {
		return ""
	}
	if it.parent.parent == nil {
		return it.name
	}
	return it.parent.fullName() + "/" + it.name
}

func (it *item) fullDisplay() string {
	if it.parent == nil || it.parent.parent == nil {
		return it.display
	}
	return it.parent.fullDisplay() + " » " + it.display
}

// path is the escaped path below the context path, with a slash at the end.
func (it *item) path() string {
	if it.parent == nil {
		return ""
	}
	return it.parent.path() + "job/" + url.PathEscape(it.name) + "/"
}

// child looks a name up as Jenkins does: without case, and in a multibranch
// project by branch too.
func (it *item) child(name string) *item {
	for _, c := range it.children {
		if strings.EqualFold(c.name, name) || it.kind == multiBranchKind && strings.EqualFold(c.display, name) {
			return c
		}
	}
	return nil
}

func (it *item) build(number int) *Build {
	at, found := slices.BinarySearchFunc(it.builds, number, func(b *Build, n int) int { return b.number - n })
	if !found {
		return nil
	}
	return it.builds[at]
}

// newest gives the build with the highest number that fits.
func (it *item) newest(fits func(*Build) bool) *Build {
	for _, b := range slices.Backward(it.builds) {
		if fits(b) {
			return b
		}
	}
	return nil
}

func (it *item) remove() {
	it.parent.children = slices.DeleteFunc(it.parent.children, func(c *item) bool { return c == it })
}

func (it *item) add(child *item) {
	child.parent, child.server = it, it.server
	at, _ := slices.BinarySearchFunc(it.children, child, func(a, b *item) int { return strings.Compare(a.name, b.name) })
	it.children = slices.Insert(it.children, at, child)
}

// walk visits all jobs below.
func (it *item) walk(visit func(*item)) {
	if !it.isFolder() {
		visit(it)
	}
	for _, c := range it.children {
		c.walk(visit)
	}
}

// make finds or makes the item of a path, with folders on the way.
func (s *Server) make(path string, kind Kind) *item {
	it := s.root
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		next := it.child(segment)
		if next == nil {
			next = &item{kind: folderKind, name: segment, display: segment}
			if i == len(segments)-1 {
				next.kind = kind
			}
			it.add(next)
		}
		it = next
	}
	return it
}

// Folder finds or makes a folder. Names are separated by "/".
func (s *Server) Folder(path string) {
	s.locked(func(time.Time) { s.make(path, folderKind) })
}

// Job finds or makes a job, with the folders it needs.
func (s *Server) Job(path string, kind Kind) *Job {
	var j *Job
	s.locked(func(time.Time) { j = &Job{s.make(path, kind)} })
	return j
}

// Branch finds or makes the job of a branch in a multibranch project, which is
// made too. The branch may hold any character.
func (s *Server) Branch(project, branch string) *Job {
	var j *Job
	s.locked(func(time.Time) {
		parent := s.make(project, multiBranchKind)
		it := parent.child(branch)
		if it == nil {
			it = &item{kind: Pipeline, name: branchName(branch), display: branch}
			parent.add(it)
		}
		j = &Job{it}
	})
	return j
}

// branchName escapes what a job name cannot hold, as the Branch API plugin
// does.
func branchName(branch string) string {
	return strings.NewReplacer("/", "%2F", "%", "%25", "#", "%23", `\`, "%5C", "?", "%3F").Replace(branch)
}

// Parameter is a declared parameter of a job.
type Parameter struct {
	Name        string
	Type        string // String, Choice, Boolean, Text or Password
	Description string
	Default     string
	Choices     []string // of a Choice; the first is the default
}

// Plan is what a build started from the queue does by itself.
type Plan struct {
	Takes     time.Duration
	Result    string // "" is SUCCESS
	Log       []string
	Artifacts []File
}

// Job is a job of the server.
type Job struct{ it *item }

func (j *Job) locked(f func(now time.Time)) { j.it.server.locked(f) }

// FullName is the name with folders, such as "svc/feature%2Fx".
func (j *Job) FullName() string {
	var name string
	j.locked(func(time.Time) { name = j.it.fullName() })
	return name
}

// SetParameters declares the job's parameters.
func (j *Job) SetParameters(parameters ...Parameter) *Job {
	j.locked(func(time.Time) { j.it.params = parameters })
	return j
}

// SetConcurrent allows builds side by side.
func (j *Job) SetConcurrent(on bool) *Job {
	j.locked(func(time.Time) { j.it.parallel = on })
	return j
}

// Runs makes builds from the queue run by a plan. plan must not use the server.
// Without it they run until they are finished by hand.
func (j *Job) Runs(plan func(number int, parameters map[string]string) Plan) *Job {
	j.locked(func(time.Time) { j.it.runs = plan })
	return j
}

// Disable switches the job off.
func (j *Job) Disable() { j.locked(func(time.Time) { j.it.disabled = true }) }

// Delete removes the job with its builds.
func (j *Job) Delete() { j.locked(func(time.Time) { j.it.remove() }) }

// Recreate deletes the job and makes it anew: no builds, numbers from 1.
func (j *Job) Recreate() {
	j.locked(func(time.Time) { j.it.builds, j.it.last = nil, 0 })
}

// Rename gives the job another name in its folder.
func (j *Job) Rename(name string) {
	j.locked(func(time.Time) { j.it.rename(name) })
}

func (it *item) rename(name string) {
	parent := it.parent
	it.remove()
	it.name, it.display = name, name
	parent.add(it)
}

// Move puts the job into a folder, which is made when needed.
func (j *Job) Move(folder string) {
	j.locked(func(time.Time) {
		j.it.remove()
		j.it.server.make(folder, folderKind).add(j.it)
	})
}

// SetNextNumber sets the number of the next build, as a restored master or an
// administrator does.
func (j *Job) SetNextNumber(n int) { j.locked(func(time.Time) { j.it.last = n - 1 }) }

// DeleteBuilds removes the builds from..to, both included.
func (j *Job) DeleteBuilds(from, to int) {
	j.locked(func(time.Time) {
		j.it.builds = slices.DeleteFunc(j.it.builds, func(b *Build) bool { return from <= b.number && b.number <= to })
	})
}

// Build gives the build of a number, nil when there is none.
func (j *Job) Build(number int) *Build {
	var b *Build
	j.locked(func(time.Time) { b = j.it.build(number) })
	return b
}

// Start starts a build now, without the queue.
func (j *Job) Start(options StartOptions) *Build {
	var b *Build
	j.locked(func(now time.Time) { b = j.it.start(now, options) })
	return b
}

// Finished starts a build and finishes it at once.
func (j *Job) Finished(result string, artifacts ...File) *Build {
	b := j.Start(StartOptions{})
	for _, a := range artifacts {
		b.AddArtifact(a)
	}
	b.Finish(result)
	return b
}

// FinishedTimes is Finished n times over.
func (j *Job) FinishedTimes(n int, result string) {
	for range n {
		j.Finished(result)
	}
}

func (it *item) String() string { return fmt.Sprintf("%s (%d builds)", it.fullName(), len(it.builds)) }
