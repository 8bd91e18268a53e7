package ci

import (
	"context"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
)

const (
	// Time-outs of the tasks, as in Orca.
	startTimeout = 15 * time.Minute
	queueTimeout = 2 * time.Hour
	buildTimeout = 2 * time.Hour

	// settle is how long a build that may have been asked for is looked for before it counts as unknown, and a queue item
	// that Jenkins does not know before it counts as lost: Jenkins' lists lag behind.
	settle = 30 * time.Second
	// searchPause is the pause between two looks.
	searchPause = 3 * time.Second
)

// run is one step.
type run struct {
	host  *sdk.Host
	set   settings
	names taskNames
	st    state
	now   time.Time
	// context and outputs are what the response will carry.
	context, outputs map[string]any
	artifacts        []sdk.Artifact
}

// taskNames are the names of a stage's tasks, as Orca's.
type taskNames struct{ start, await, monitor, properties string }

// proceed does what can be done now. Each part returns a response, or nil when the next part can go on at once.
func (r *run) proceed(ctx context.Context) (*sdk.Response, error) {
	for _, part := range []func(context.Context) (*sdk.Response, error){r.start, r.await, r.monitor} {
		resp, err := part(ctx)
		if resp != nil || err != nil {
			return resp, err
		}
	}
	return r.respond(sdk.Succeeded, fmt.Sprintf("%s was started", r.buildName()))
}

// start asks for the build, once.
func (r *run) start(ctx context.Context) (*sdk.Response, error) {
	if r.st.QueueItem != 0 || r.st.Number != 0 {
		return nil, nil
	}
	began := r.st.begin(r.names.start, r.now)
	if r.st.Intent != nil {
		return r.search(ctx)
	}
	if r.now.Sub(began) > startTimeout {
		return r.fail(fmt.Sprintf("jenkins %q: no build of %q could be started within %s", r.set.Master, r.set.Job, startTimeout))
	}
	return r.request(ctx)
}

// request checkpoints the intent and asks for the build.
func (r *run) request(ctx context.Context) (*sdk.Response, error) {
	parameters, err := r.set.parameters()
	if err != nil {
		return nil, err
	}
	r.st.Intent = &intent{Master: r.set.Master, Job: r.set.Job, Parameters: parameters, At: r.now}
	if err := r.checkpoint(ctx); err != nil {
		r.st.Intent = nil
		return r.again(err)
	}
	item, err := r.host.StartBuild(ctx, r.set.Master, r.set.Job, parameters)
	switch {
	case sdk.OutcomeUnknown(err):
		r.host.Logger().Warn("the build may or may not have been asked for: looking for it", "error", err)
		return r.running(searchPause, fmt.Sprintf("Looking for the build that may have been started: %v", err))
	case err != nil:
		// It is certain that nothing was started.
		r.st.Intent = nil
		return r.again(err)
	}
	r.st.QueueItem = item.ID
	r.context["queuedBuild"] = item.ID
	r.host.Logger().Info("build asked for", "master", r.set.Master, "job", r.set.Job, "queue_item", item.ID)
	if err := r.checkpoint(ctx); err != nil {
		// Without it, a lost step has to search: slower, not wrong.
		r.host.Logger().Warn("queue item not checkpointed", "error", err)
	}
	return nil, nil
}

// search looks for what an earlier step may have started.
func (r *run) search(ctx context.Context) (*sdk.Response, error) {
	want := r.st.Intent
	found, err := r.findIntent(ctx)
	if err != nil {
		return r.againUntil(want.At.Add(startTimeout), err)
	}
	switch found.State {
	case sdk.BuildQueued, sdk.BuildStarted:
		r.take(found)
		return nil, nil
	case sdk.BuildCanceled:
		return r.canceledInQueue()
	case sdk.BuildNotFound:
		if r.now.Sub(want.At) < settle {
			return r.running(searchPause, "Looking for the build that may have been started")
		}
	}
	return r.undecided(ctx, found)
}

// findIntent looks for the build of the intent.
func (r *run) findIntent(ctx context.Context) (sdk.FoundBuild, error) {
	want := r.st.Intent
	return r.host.FindBuild(ctx, sdk.BuildQuery{
		Master: want.Master, Job: want.Job, After: want.At, Parameters: want.Parameters,
	})
}

// undecided ends the stage, or starts another build where the stage says so.
func (r *run) undecided(ctx context.Context, found sdk.FoundBuild) (*sdk.Response, error) {
	what := "no build of that time and with those parameters is in the queue or among the builds"
	if found.State == sdk.BuildAmbiguous {
		what = "several builds of that time have those parameters"
	}
	message := fmt.Sprintf("jenkins %q: outcome unknown: a build of %q may have been started at %s, but %s", r.st.Intent.Master,
		r.st.Intent.Job, r.st.Intent.At.UTC().Format(time.RFC3339), what)
	if r.set.RetryUnknownOutcome.isTrue() {
		r.host.Logger().Warn(message + ". Starting another one, because the stage says retryUnknownOutcome")
		r.st.Intent = nil
		return r.request(ctx)
	}
	return r.fail(message + ". Look at the job, then restart the stage or skip it; with retryUnknownOutcome: true the stage " +
		"starts another build by itself")
}

// await follows the queue item to its build.
func (r *run) await(ctx context.Context) (*sdk.Response, error) {
	began := r.st.begin(r.names.await, r.now)
	if r.st.Number != 0 {
		r.context["buildNumber"] = r.st.Number
		return nil, nil
	}
	found, err := r.host.FindBuild(ctx, sdk.BuildQuery{Master: r.set.Master, Job: r.set.Job, QueueItem: r.st.QueueItem})
	limit := r.limit(queueTimeout)
	if err != nil {
		return r.againUntil(began.Add(limit), err)
	}
	waited := r.now.Sub(began)
	if found.State != sdk.BuildNotFound {
		r.st.MissingSince = time.Time{}
	}
	switch found.State {
	case sdk.BuildStarted:
		r.st.Number = found.Number
		r.context["buildNumber"] = found.Number
		r.host.Logger().Info("build started", "master", r.set.Master, "job", r.set.Job, "build", found.Number)
		return nil, nil
	case sdk.BuildCanceled:
		return r.canceledInQueue()
	case sdk.BuildQueued:
		if waited > limit {
			return r.fail(fmt.Sprintf("jenkins %q: the build of %q was still in the queue after %s: %s", r.set.Master,
				r.set.Job, limit, found.Why))
		}
		return r.running(queuePause(waited), found.Why)
	}
	if r.missingFor() < settle {
		return r.running(searchPause, fmt.Sprintf("Queue item %d is not to be found yet", r.st.QueueItem))
	}
	return r.fail(fmt.Sprintf("jenkins %q: queue item %d of %q is gone and no build carries it. Look at the job: the item may "+
		"have been lost in a restart of Jenkins", r.set.Master, r.st.QueueItem, r.set.Job))
}

func (r *run) canceledInQueue() (*sdk.Response, error) {
	return r.respond(sdk.Canceled, fmt.Sprintf("jenkins %q: the build of %q was canceled in the queue", r.set.Master, r.set.Job))
}

// missingFor is how long something has been looked for in vain.
func (r *run) missingFor() time.Duration {
	if r.st.MissingSince.IsZero() {
		r.st.MissingSince = r.now
	}
	return r.now.Sub(r.st.MissingSince)
}

// limit is a time-out, or the one of the stage.
func (r *run) limit(timeout time.Duration) time.Duration {
	if r.set.StageTimeout > 0 {
		return time.Duration(r.set.StageTimeout)
	}
	return timeout
}

// queuePause asks every second in the first minute.
func queuePause(waited time.Duration) time.Duration {
	if waited < time.Minute {
		return time.Second
	}
	return 10 * time.Second
}

func (r *run) buildName() string {
	return fmt.Sprintf("jenkins %q: build %d of %q", r.set.Master, r.st.Number, r.set.Job)
}

func (r *run) checkpoint(ctx context.Context) error {
	text, err := r.st.encode()
	if err != nil {
		return err
	}
	return r.host.Checkpoint(ctx, text)
}

// again answers an error with the state kept: one that passes by itself has the step repeated.
func (r *run) again(err error) (*sdk.Response, error) {
	resp, encodeErr := r.respond(sdk.Running, err.Error())
	if encodeErr != nil {
		return nil, encodeErr
	}
	if !sdk.IsRetryable(err) {
		resp.Tasks = r.st.tasks(sdk.Terminal, err.Error(), r.now)
	}
	return resp, err
}

// againUntil answers an error of a question, which does no harm when it is asked again: so it is until the time is over,
// unless the agent refused it.
func (r *run) againUntil(end time.Time, err error) (*sdk.Response, error) {
	if sdk.OutcomeUnknown(err) {
		err = sdk.Retryable(err)
	}
	if sdk.IsRetryable(err) && r.now.After(end) {
		return r.fail(fmt.Sprintf("the time is over, and the last attempt failed: %v", err))
	}
	return r.again(err)
}

func (r *run) running(pause time.Duration, message string) (*sdk.Response, error) {
	resp, err := r.respond(sdk.Running, message)
	if err != nil {
		return nil, err
	}
	resp.RequeueAfter = pause
	return resp, nil
}

// fail ends the stage; errors are Orca's words for it, if there are any.
func (r *run) fail(message string, errors ...string) (*sdk.Response, error) {
	resp, err := r.respond(sdk.Terminal, message)
	if err != nil {
		return nil, err
	}
	resp.Errors = errors
	if len(errors) == 0 {
		resp.Errors = []string{message}
	}
	return resp, nil
}

func (r *run) respond(status sdk.Status, message string) (*sdk.Response, error) {
	text, err := r.st.encode()
	if err != nil {
		return nil, err
	}
	return &sdk.Response{
		Status: status, Message: message, State: text,
		Context: r.context, Outputs: r.outputs, Artifacts: r.artifacts,
		Tasks: r.st.tasks(status, message, r.now),
	}, nil
}
