package jenkins

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// maxListed is how many builds Jenkins gives as "builds" at most; older ones
// are under "allBuilds".
const maxListed = 100

// maxDuration bounds absurd durations, so that times stay computable.
const maxDuration = 100 * 365 * 24 * time.Hour

// Run is a build as lists of builds show it.
type Run struct {
	RunState
	Duration        time.Duration `json:"duration"` // 0 until finished
	URL             string        `json:"url"`      // for links only
	DisplayName     string        `json:"displayName"`
	FullDisplayName string        `json:"fullDisplayName"`
	QueueID         int64         `json:"queueId"`
}

// Ended is when the build ended, by the master's clock.
func (r Run) Ended() time.Time { return r.Timestamp.Add(r.Duration) }

// Build is a build with everything that Igor tells of it (spinnaker/spinnaker
// igor GenericBuild), its parameters and its causes.
type Build struct {
	Run
	Job         string      `json:"job"` // full name, in the master's spelling
	Description string      `json:"description,omitempty"`
	Artifacts   []Artifact  `json:"artifacts"`
	Tests       []Tests     `json:"tests,omitempty"`
	SCM         []Revision  `json:"scm,omitempty"`
	Parameters  []Parameter `json:"parameters,omitempty"`
	Causes      []Cause     `json:"causes,omitempty"`
}

// Artifact is a file that a build archived.
type Artifact struct {
	FileName     string `json:"fileName"`     // last element of RelativePath
	DisplayPath  string `json:"displayPath"`  // shortened where unique
	RelativePath string `json:"relativePath"` // path in the archive
}

// Tests counts the results of one test report.
type Tests struct {
	Failed  int    `json:"failCount"`
	Skipped int    `json:"skipCount"`
	Total   int    `json:"totalCount"`
	URLName string `json:"urlName"`
}

// Revision is a source revision that the build checked out.
type Revision struct {
	Name      string `json:"name"`   // as Jenkins names it, such as "origin/feature/x"
	Branch    string `json:"branch"` // what follows the last slash of Name, as Igor cuts it
	SHA1      string `json:"sha1"`
	RemoteURL string `json:"remoteUrl,omitempty"` // without user and password
}

// Parameter is a parameter that the build ran with.
type Parameter struct {
	Name  string `json:"name"`
	Value any    `json:"value"` // string, bool or float64; nil for passwords and files
}

// Cause says why the build started.
type Cause struct {
	Description     string `json:"shortDescription"`
	UserID          string `json:"userId,omitempty"`
	UpstreamProject string `json:"upstreamProject,omitempty"`
	UpstreamBuild   int    `json:"upstreamBuild,omitempty"`
}

// History is the answer to Builds.
type History struct {
	Job        string // full name in the master's spelling
	NextNumber int
	Runs       []Run // newest first
}

const runFields = "number,building,result,timestamp,duration,url,displayName,fullDisplayName,queueId"

// Builds lists builds of a job, newest first, from the first-th newest (0 is
// the newest) up to but without the last-th. Beyond the newest 100 it makes
// Jenkins load every record on the way.
func (c *Client) Builds(ctx context.Context, job string, first, last int) (History, error) {
	about := call{op: "list builds of", job: job}
	list := "builds"
	if last > maxListed {
		list = "allBuilds"
	}
	tree := fmt.Sprintf("fullName,nextBuildNumber,%s[%s]{%d,%d}", list, runFields, max(first, 0), max(last, 0))
	answer, _, err := get[struct {
		FullName   string    `json:"fullName"`
		NextNumber int       `json:"nextBuildNumber"`
		Builds     []wireRun `json:"builds"`
		AllBuilds  []wireRun `json:"allBuilds"`
	}](ctx, c, about, jobPath(job)+"/", tree)
	if err != nil {
		return History{}, err
	}
	history := History{Job: answer.FullName, NextNumber: answer.NextNumber}
	for _, run := range append(answer.Builds, answer.AllBuilds...) {
		history.Runs = append(history.Runs, run.run())
	}
	return history, nil
}

// Build reads one build.
func (c *Client) Build(ctx context.Context, job string, number int) (Build, error) {
	const tree = runFields + ",description,artifacts[fileName,displayPath,relativePath]," +
		"actions[parameters[name,value],causes[shortDescription,userId,upstreamProject,upstreamBuild]," +
		"failCount,skipCount,totalCount,urlName,remoteUrls,lastBuiltRevision[branch[name,SHA1]],build[revision[branch[name,SHA1]]]]"
	answer, err := c.build(ctx, call{op: "read build", job: job, build: number}, tree)
	if err != nil {
		return Build{}, err
	}
	return answer.build(spelling(job, answer.URL)), nil
}

// spelling gives a job's full name as the master spells it, which may differ in
// case from what was asked. Only the address of a build tells it; an address
// that names another job is not believed.
func spelling(job, buildURL string) string {
	u, err := url.Parse(buildURL)
	if err != nil {
		return job
	}
	segments := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	names := make([]string, strings.Count(job, "/")+1)
	first := len(segments) - 1 - 2*len(names) // of "job/a/job/b/12"
	if first < 0 {
		return job
	}
	for i := range names {
		if names[i], err = url.PathUnescape(segments[first+2*i+1]); err != nil {
			return job
		}
	}
	if name := strings.Join(names, "/"); strings.EqualFold(name, job) {
		return name
	}
	return job
}

// RunOf reads one build without what makes Jenkins touch its disk.
func (c *Client) RunOf(ctx context.Context, job string, number int) (Run, error) {
	answer, err := c.build(ctx, call{op: "read state of build", job: job, build: number}, runFields)
	if err != nil {
		return Run{}, err
	}
	return answer.run(), nil
}

func (c *Client) build(ctx context.Context, about call, tree string) (wireRun, error) {
	answer, _, err := get[wireRun](ctx, c, about, buildPath(about.job, about.build)+"/", tree)
	if err != nil {
		return wireRun{}, err
	}
	if answer.Number != about.build {
		return wireRun{}, c.failure(about, KindBadAnswer, 0, fmt.Sprintf("%s answered build #%d", c.name, answer.Number))
	}
	return answer, nil
}

func buildPath(job string, number int) string {
	return fmt.Sprintf("%s/%d", jobPath(job), number)
}

func (w wireRun) run() Run {
	return Run{
		RunState: w.state(),
		Duration: time.Duration(min(max(w.Duration, 0), maxDuration.Milliseconds())) * time.Millisecond,
		URL:      w.URL, DisplayName: w.DisplayName, FullDisplayName: w.FullDisplayName, QueueID: w.QueueID,
	}
}

func (w wireRun) build(job string) Build {
	b := Build{Run: w.run(), Job: job, Artifacts: w.Artifacts}
	if w.Description != nil {
		b.Description = *w.Description
	}
	for _, action := range w.Actions {
		action.addTo(&b)
	}
	return b
}

// wireAction has the fields of all actions we read; most actions have none.
type wireAction struct {
	Parameters []Parameter   `json:"parameters"`
	Causes     []Cause       `json:"causes"`
	Failed     int           `json:"failCount"`
	Skipped    int           `json:"skipCount"`
	Total      *int          `json:"totalCount"`
	URLName    string        `json:"urlName"`
	RemoteURLs []string      `json:"remoteUrls"`
	Last       *wireRevision `json:"lastBuiltRevision"`
	Marked     *struct {
		Revision *wireRevision `json:"revision"`
	} `json:"build"`
}

type wireRevision struct {
	Branches []struct {
		Name string `json:"name"`
		SHA1 string `json:"SHA1"`
	} `json:"branch"`
}

func (a wireAction) addTo(b *Build) {
	b.Parameters = append(b.Parameters, a.Parameters...)
	b.Causes = append(b.Causes, a.Causes...)
	if a.Total != nil {
		b.Tests = append(b.Tests, Tests{Failed: a.Failed, Skipped: a.Skipped, Total: *a.Total, URLName: a.URLName})
	}
	a.addRevision(b, a.Last)
	if a.Marked != nil {
		a.addRevision(b, a.Marked.Revision)
	}
}

// addRevision adds the branches of a checkout, once per commit.
func (a wireAction) addRevision(b *Build, revision *wireRevision) {
	if revision == nil {
		return
	}
	remote := ""
	if len(a.RemoteURLs) > 0 {
		remote = withoutUser(a.RemoteURLs[0])
	}
	for _, branch := range revision.Branches {
		if b.hasRevision(branch.SHA1) {
			continue
		}
		b.SCM = append(b.SCM, Revision{
			Name: branch.Name, Branch: branch.Name[strings.LastIndexByte(branch.Name, '/')+1:],
			SHA1: branch.SHA1, RemoteURL: remote,
		})
	}
}

func (b *Build) hasRevision(sha1 string) bool {
	for _, revision := range b.SCM {
		if revision.SHA1 == sha1 {
			return true
		}
	}
	return false
}

// withoutUser drops credentials that people put into remote addresses. The
// short form git@host:path is no URL and holds none.
func withoutUser(remote string) string {
	u, err := url.Parse(remote)
	if err != nil || u.User == nil {
		return remote
	}
	if _, secret := u.User.Password(); !secret && u.Scheme == "ssh" {
		return remote
	}
	u.User = nil
	return u.String()
}
