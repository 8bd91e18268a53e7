package masters

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jobname"
)

// FoundState says where a build that was asked for is.
type FoundState int

// The states.
const (
	// NotFound: neither in the queue nor among the builds.
	NotFound FoundState = iota
	Queued
	Started
	Canceled
	// Ambiguous: several builds fit.
	Ambiguous
)

// Found is what became of a build that was asked for.
type Found struct {
	State     FoundState
	QueueItem int64
	Number    int64
	// Why says in Jenkins' words why it waits, or in ours what was found.
	Why string
}

const (
	// searchedBuilds is how many of a job's newest builds are looked through.
	searchedBuilds = 20
	// clockSkew is how far a master's clock may be behind ours when builds are looked for by time.
	clockSkew = 30 * time.Second
)

// FindBuild follows a queue item to its build or, with item 0, looks for a build of the job that was asked for after a
// time with these parameters.
func (m *Masters) FindBuild(ctx context.Context, master, job string, item int64, after time.Time, parameters map[string]string) (Found, error) {
	client, err := m.Client(master)
	if err != nil {
		return Found{}, err
	}
	if item != 0 {
		return followItem(ctx, client, jobname.Full(job), item)
	}
	return search(ctx, client, jobname.Full(job), after.Add(-clockSkew), parameters)
}

func followItem(ctx context.Context, client *jenkins.Client, job string, id int64) (Found, error) {
	item, err := client.QueueItem(ctx, id)
	switch {
	case jenkins.KindOf(err) == jenkins.KindNotFound:
		run, ok, err := client.BuildOfQueueItem(ctx, job, id)
		if err != nil || !ok {
			return Found{State: NotFound, QueueItem: id}, err
		}
		return Found{State: Started, QueueItem: id, Number: int64(run.Number)}, nil
	case err != nil:
		return Found{}, err
	case item.Cancelled:
		return Found{State: Canceled, QueueItem: id}, nil
	case item.Build > 0:
		return Found{State: Started, QueueItem: id, Number: int64(item.Build)}, nil
	default:
		return Found{State: Queued, QueueItem: id, Why: item.Why}, nil
	}
}

// search looks through the queue and the newest builds.
func search(ctx context.Context, client *jenkins.Client, job string, after time.Time, parameters map[string]string) (Found, error) {
	var fits []Found
	queue, err := client.Queue(ctx)
	if err != nil {
		return Found{}, err
	}
	for _, item := range queue {
		if item.Since.Before(after) || !isJob(item.TaskURL, job) || !sameQueued(item.Params, parameters) {
			continue
		}
		fits = append(fits, Found{State: Queued, QueueItem: item.ID, Why: item.Why})
	}
	history, err := client.Builds(ctx, job, 0, searchedBuilds)
	if err != nil {
		return Found{}, err
	}
	for _, run := range history.Runs {
		if run.Timestamp.Before(after) {
			continue
		}
		build, err := client.Build(ctx, job, run.Number)
		if err != nil {
			return Found{}, err
		}
		if sameBuilt(build.Parameters, parameters) {
			fits = append(fits, Found{State: Started, QueueItem: run.QueueID, Number: int64(run.Number)})
		}
	}
	switch len(fits) {
	case 0:
		return Found{State: NotFound}, nil
	case 1:
		return fits[0], nil
	default:
		return Found{State: Ambiguous, Why: fmt.Sprintf("%d builds of %s with these parameters were asked for since %s",
			len(fits), job, after.Format(time.RFC3339))}, nil
	}
}

// isJob says whether the address of a job is that of the job with this full name, whatever host the master believes to
// have.
func isJob(address, fullName string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	at := strings.Index(path, "/job/")
	if at < 0 {
		return false
	}
	var want strings.Builder
	for segment := range strings.SplitSeq(fullName, "/") {
		want.WriteString("/job/" + url.PathEscape(segment))
	}
	return path[at:] == want.String()
}

// sameQueued compares a queue item's "NAME=value" lines with the parameters asked for. Jenkins drops undeclared ones and
// adds defaults, so only names that both have count.
func sameQueued(lines string, parameters map[string]string) bool {
	given := map[string]string{}
	for line := range strings.Lines(lines) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			given[name] = value
		}
	}
	return agree(given, parameters)
}

func sameBuilt(built []jenkins.Parameter, parameters map[string]string) bool {
	given := map[string]string{}
	for _, p := range built {
		if p.Value != nil {
			given[p.Name] = fmt.Sprint(p.Value)
		}
	}
	return agree(given, parameters)
}

// agree says whether no name has different values.
func agree(given, wanted map[string]string) bool {
	shared := maps.Clone(wanted)
	maps.DeleteFunc(shared, func(name, _ string) bool { _, there := given[name]; return !there })
	for name, value := range shared {
		if given[name] != value {
			return false
		}
	}
	return true
}
