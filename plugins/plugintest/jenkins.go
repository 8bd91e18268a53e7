package plugintest

import (
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// Jenkins is a table of builds that stages ask for and a test moves: a build is queued when a stage starts it, and stays
// so until the test Updates it.
type Jenkins struct {
	// Jobs are the jobs of each master, by the master's name.
	Jobs map[string][]string
	// BeforeStart is called before a build is queued, AfterStart afterwards. An error of one is what the stage gets: with
	// AfterStart it is a lost answer.
	BeforeStart, AfterStart func(JenkinsBuild) error
	// Unavailable, when not nil, is what every other question gets.
	Unavailable error

	mu     sync.Mutex
	builds []*JenkinsBuild
}

// JenkinsBuild is a row of the table.
type JenkinsBuild struct {
	Master, Job string
	Parameters  map[string]string
	// QueueItem counts from 1.
	QueueItem   int64
	RequestedAt time.Time
	// State is what FindBuild answers: queued at first. Why goes with it.
	State sdk.BuildState
	Why   string
	// Number is the build's own, once it is started.
	Number int64
	// Building, Result, URL and Info are what GetBuild answers.
	Building bool
	Result   string
	URL      string
	Info     map[string]any
	// Properties are the archived property files by name; others are missing.
	Properties map[string]sdk.BuildProperties
	// Stops counts how often the build or its queue item was stopped.
	Stops int
}

// Builds are all builds that were started, oldest first.
func (j *Jenkins) Builds() []JenkinsBuild {
	j.mu.Lock()
	defer j.mu.Unlock()
	var builds []JenkinsBuild
	for _, build := range j.builds {
		builds = append(builds, *build)
	}
	return builds
}

// Update changes the build of a queue item. It panics when there is none.
func (j *Jenkins) Update(queueItem int64, change func(*JenkinsBuild)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(j.builds[queueItem-1])
}

// Begin gives the build of a queue item its number and has it run.
func (j *Jenkins) Begin(queueItem, number int64) {
	j.Update(queueItem, func(b *JenkinsBuild) {
		b.State, b.Number, b.Building, b.Why = sdk.BuildStarted, number, true, ""
	})
}

// Finish ends the build of a queue item.
func (j *Jenkins) Finish(queueItem int64, result string) {
	j.Update(queueItem, func(b *JenkinsBuild) { b.Building, b.Result = false, result })
}

// Add puts a build into the table that no stage has started, and returns its queue item.
func (j *Jenkins) Add(b JenkinsBuild) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	b.QueueItem = int64(len(j.builds) + 1)
	if b.State == "" {
		b.State = sdk.BuildQueued
	}
	j.builds = append(j.builds, &b)
	return b.QueueItem
}

func (j *Jenkins) start(master, job string, parameters map[string]string) (JenkinsBuild, error) {
	build := JenkinsBuild{Master: master, Job: job, Parameters: parameters, RequestedAt: time.Now()}
	if err := j.check(master, job); err != nil {
		return JenkinsBuild{}, err
	}
	if j.BeforeStart != nil {
		if err := j.BeforeStart(build); err != nil {
			return JenkinsBuild{}, err
		}
	}
	build.QueueItem = j.Add(build)
	if j.AfterStart != nil {
		return build, j.AfterStart(build)
	}
	return build, nil
}

func (j *Jenkins) check(master, job string) error {
	if j == nil || j.Jobs[master] == nil {
		return status.Errorf(codes.NotFound, "no such master; the test's Host.Jenkins does not have it")
	}
	if !slices.Contains(j.Jobs[master], job) {
		return status.Errorf(codes.NotFound, "no such job; the test's Host.Jenkins does not have it")
	}
	return nil
}

// find returns the builds that fit.
func (j *Jenkins) find(fits func(*JenkinsBuild) bool) ([]JenkinsBuild, error) {
	if j == nil {
		return nil, status.Error(codes.NotFound, "no such master; the test's Host.Jenkins is nil")
	}
	if j.Unavailable != nil {
		return nil, j.Unavailable
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []JenkinsBuild
	for _, build := range j.builds {
		if fits(build) {
			found = append(found, *build)
		}
	}
	return found, nil
}

func (j *Jenkins) byItem(master, job string, queueItem int64) ([]JenkinsBuild, error) {
	return j.find(func(b *JenkinsBuild) bool { return b.Master == master && b.Job == job && b.QueueItem == queueItem })
}

func (j *Jenkins) byNumber(master, job string, number int64) (JenkinsBuild, error) {
	found, err := j.find(func(b *JenkinsBuild) bool { return b.Master == master && b.Job == job && b.Number == number })
	if err == nil && (number == 0 || len(found) == 0) {
		err = status.Error(codes.NotFound, "no such build")
	}
	if err != nil {
		return JenkinsBuild{}, err
	}
	return found[0], nil
}

func (j *Jenkins) byParameters(master, job string, after time.Time, parameters map[string]string) ([]JenkinsBuild, error) {
	return j.find(func(b *JenkinsBuild) bool {
		return b.Master == master && b.Job == job && !b.RequestedAt.Before(after) && maps.Equal(b.Parameters, parameters)
	})
}
