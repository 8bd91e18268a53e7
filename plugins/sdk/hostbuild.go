package sdk

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// QueueItem is a Jenkins build that was asked for.
type QueueItem struct {
	// ID is the number of the item in the master's queue.
	ID int64
	// RequestedAt is when the master was asked, by the agent's clock.
	RequestedAt time.Time
}

// StartBuild asks one of the agent's Jenkins masters to build a job. It cannot be repeated safely: Checkpoint the
// intent first; after a lost step, or an error of which OutcomeUnknown is true, look with FindBuild for what it may
// have done.
func (h *Host) StartBuild(ctx context.Context, master, job string, params map[string]string) (QueueItem, error) {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	out, err := h.client.StartBuild(ctx, &stagev1.StartBuildRequest{
		Call: h.call, Master: master, Job: job, Parameters: params,
	})
	if err != nil {
		return QueueItem{}, hostError(fmt.Sprintf("jenkins %q: start a build of %q", master, job), err)
	}
	return QueueItem{ID: out.GetQueueItem(), RequestedAt: timeFromProto(out.GetRequestedAt())}, nil
}

// BuildQuery looks for a build: the one of a queue item or, with QueueItem 0, one of the job that was asked for after a
// time with equal parameters.
type BuildQuery struct {
	Master, Job string
	QueueItem   int64
	After       time.Time
	Parameters  map[string]string
}

// BuildState says what became of a build that was asked for.
type BuildState string

// The states.
const (
	BuildQueued   BuildState = "queued"
	BuildStarted  BuildState = "started"
	BuildCanceled BuildState = "canceled"
	// BuildNotFound: neither in the queue nor among the builds.
	BuildNotFound BuildState = "not found"
	// BuildAmbiguous: several builds fit.
	BuildAmbiguous BuildState = "ambiguous"
)

// FoundBuild is the answer to a BuildQuery.
type FoundBuild struct {
	State BuildState
	// QueueItem is the item's number when it is known.
	QueueItem int64
	// Number is the build's number when it is started.
	Number int64
	// Why is Jenkins' or the agent's explanation, for example why an item still waits.
	Why string
}

// FindBuild looks for a build that was asked for.
func (h *Host) FindBuild(ctx context.Context, query BuildQuery) (FoundBuild, error) {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	in := &stagev1.FindBuildRequest{
		Call: h.call, Master: query.Master, Job: query.Job, QueueItem: query.QueueItem, Parameters: query.Parameters,
	}
	if !query.After.IsZero() {
		in.After = timestamppb.New(query.After)
	}
	out, err := h.client.FindBuild(ctx, in)
	if err != nil {
		return FoundBuild{}, hostError(fmt.Sprintf("jenkins %q: find the build of %q", query.Master, query.Job), err)
	}
	found := FoundBuild{QueueItem: out.GetQueueItem(), Number: out.GetNumber(), Why: out.GetWhy()}
	switch out.GetState() {
	case stagev1.FindBuildResponse_STATE_QUEUED:
		found.State = BuildQueued
	case stagev1.FindBuildResponse_STATE_STARTED:
		found.State = BuildStarted
	case stagev1.FindBuildResponse_STATE_CANCELED:
		found.State = BuildCanceled
	case stagev1.FindBuildResponse_STATE_NOT_FOUND:
		found.State = BuildNotFound
	case stagev1.FindBuildResponse_STATE_AMBIGUOUS:
		found.State = BuildAmbiguous
	default:
		return FoundBuild{}, fmt.Errorf("jenkins %q: find the build of %q: the agent answered state %s, which this "+
			"plugin does not know", query.Master, query.Job, out.GetState())
	}
	return found, nil
}

// Build is the state of a Jenkins build.
type Build struct {
	Building bool
	// Result is Jenkins' word; empty while the build runs.
	Result string
	// URL is the build's page.
	URL string
	// Info is the build in the form of Igor's build status, as pipelines see it.
	Info map[string]any
}

// GetBuild reads a build.
func (h *Host) GetBuild(ctx context.Context, master, job string, number int64) (Build, error) {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	what := fmt.Sprintf("jenkins %q: build %d of %q", master, number, job)
	out, err := h.client.GetBuild(ctx, &stagev1.GetBuildRequest{Call: h.call, Master: master, Job: job, Number: number})
	if err != nil {
		return Build{}, hostError(what, err)
	}
	info, err := decodeObject(out.GetInfoJson())
	if err != nil {
		return Build{}, fmt.Errorf("%s: the agent's answer: %w", what, err)
	}
	return Build{Building: out.GetBuilding(), Result: out.GetResult(), URL: out.GetUrl(), Info: info}, nil
}

// StopBuild stops a build or, with number 0, removes a queue item. A build that has ended and an item that has left the
// queue are no error.
func (h *Host) StopBuild(ctx context.Context, master, job string, number, queueItem int64) error {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	_, err := h.client.StopBuild(ctx, &stagev1.StopBuildRequest{
		Call: h.call, Master: master, Job: job, Number: number, QueueItem: queueItem,
	})
	if err != nil {
		return hostError(fmt.Sprintf("jenkins %q: stop build %d (queue item %d) of %q", master, number, queueItem, job), err)
	}
	return nil
}

// PropertiesState tells a file without properties from no file.
type PropertiesState string

// The states.
const (
	PropertiesFound     PropertiesState = "found"
	PropertiesMissing   PropertiesState = "missing"
	PropertiesEmpty     PropertiesState = "empty"
	PropertiesMalformed PropertiesState = "malformed"
)

// BuildProperties is a build's archived property file.
type BuildProperties struct {
	State      PropertiesState
	Properties map[string]any
	// Detail says what came back when there are no properties.
	Detail string
}

// BuildProperties reads a build's archived property file (.properties, .yml, .yaml or .json).
func (h *Host) BuildProperties(ctx context.Context, master, job string, number int64, file string) (BuildProperties, error) {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	what := fmt.Sprintf("jenkins %q: file %q of build %d of %q", master, file, number, job)
	out, err := h.client.GetBuildProperties(ctx, &stagev1.GetBuildPropertiesRequest{
		Call: h.call, Master: master, Job: job, Number: number, File: file,
	})
	if err != nil {
		return BuildProperties{}, hostError(what, err)
	}
	properties, err := decodeObject(out.GetPropertiesJson())
	if err != nil {
		return BuildProperties{}, fmt.Errorf("%s: the agent's answer: %w", what, err)
	}
	result := BuildProperties{Properties: properties, Detail: out.GetDetail()}
	switch out.GetState() {
	case stagev1.GetBuildPropertiesResponse_STATE_FOUND:
		result.State = PropertiesFound
	case stagev1.GetBuildPropertiesResponse_STATE_MISSING:
		result.State = PropertiesMissing
	case stagev1.GetBuildPropertiesResponse_STATE_EMPTY:
		result.State = PropertiesEmpty
	case stagev1.GetBuildPropertiesResponse_STATE_MALFORMED:
		result.State = PropertiesMalformed
	default:
		return BuildProperties{}, fmt.Errorf("%s: the agent answered state %s, which this plugin does not know",
			what, out.GetState())
	}
	return result, nil
}
