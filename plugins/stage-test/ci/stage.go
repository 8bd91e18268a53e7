package ci

import (
	"context"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
)

// Jenkins is the stage type `jenkins`: it starts a job and, unless told otherwise, waits for its end.
type Jenkins struct{}

// Info implements sdk.Stage.
func (Jenkins) Info() sdk.Info {
	return sdk.Info{
		Type:          "jenkins",
		Description:   "Runs a Jenkins job and takes over its properties and artifacts.",
		ConfigSchema:  jenkinsSchema,
		OutputsSchema: outputsSchema,
	}
}

// Validate implements sdk.Stage.
func (Jenkins) Validate(config sdk.Config) []sdk.FieldError {
	return validate(config, jenkinsFields())
}

func jenkinsFields() []field {
	return append([]field{
		{"master", true, textField()},
		{"job", true, textField()},
		{"parameters", false, objectField()},
	}, commonFields()...)
}

// commonFields are those of both stage types.
func commonFields() []field {
	return []field{
		{"propertyFile", false, textField()},
		{"waitForCompletion", false, flagField()},
		{"markUnstableAsSuccessful", false, flagField()},
		{"retryUnknownOutcome", false, flagField()},
		{"stageTimeoutMs", false, millisField()},
	}
}

// Run implements sdk.Stage.
func (Jenkins) Run(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	r, err := newRun(req, jenkinsTasks(), jenkinsFields())
	if err != nil {
		return nil, err
	}
	return r.proceed(ctx)
}

// Cancel implements sdk.Canceler.
func (Jenkins) Cancel(ctx context.Context, req *sdk.Request) (*sdk.Response, error) {
	if len(req.State) == 0 {
		return &sdk.Response{Status: sdk.Canceled}, nil
	}
	r, err := newRun(req, jenkinsTasks(), jenkinsFields())
	if err != nil {
		return nil, err
	}
	return r.cancel(ctx)
}

func jenkinsTasks() taskNames {
	return taskNames{
		start: "startJenkinsJob", await: "waitForJenkinsJobStart", monitor: "monitorJenkinsJob",
		properties: "getBuildProperties",
	}
}

func newRun(req *sdk.Request, names taskNames, fields []field) (*run, error) {
	r := &run{
		host: req.Host, names: names, now: time.Now(),
		context: map[string]any{}, outputs: map[string]any{},
	}
	if wrong := validate(req.Config, fields); len(wrong) > 0 {
		return nil, &sdk.ConfigError{Path: wrong[0].Path, Message: wrong[0].Message}
	}
	if err := req.Config.Decode(&r.set); err != nil {
		return nil, err
	}
	var err error
	r.st, err = readState(req.State)
	return r, err
}

// cancel stops what was started, as far as that is known.
func (r *run) cancel(ctx context.Context) (*sdk.Response, error) {
	if err := r.locate(ctx); err != nil {
		return r.again(err)
	}
	if r.st.Number == 0 && r.st.QueueItem == 0 {
		if r.st.Intent == nil {
			return r.respond(sdk.Canceled, "")
		}
		return r.respond(sdk.Canceled, fmt.Sprintf("jenkins %q: a build of %q may have been started, but none was found to "+
			"stop. Look at the job", r.st.Intent.Master, r.st.Intent.Job))
	}
	if err := r.stop(ctx); err != nil {
		return r.again(err)
	}
	r.host.Logger().Info("build stopped", "master", r.set.Master, "job", r.set.Job, "build", r.st.Number,
		"queue_item", r.st.QueueItem)
	return r.respond(sdk.Canceled, "The Jenkins build was stopped")
}

// stop stops the build, or the queue item and the build that it may have become meanwhile.
func (r *run) stop(ctx context.Context) error {
	if r.st.Number == 0 {
		if err := r.host.StopBuild(ctx, r.set.Master, r.set.Job, 0, r.st.QueueItem); err != nil {
			return err
		}
		if err := r.locate(ctx); err != nil || r.st.Number == 0 {
			return err
		}
	}
	return r.host.StopBuild(ctx, r.set.Master, r.set.Job, r.st.Number, r.st.QueueItem)
}

// locate finds out what became of the request, if the last step did not know.
func (r *run) locate(ctx context.Context) error {
	var found sdk.FoundBuild
	var err error
	switch {
	case r.st.Number != 0:
		return nil
	case r.st.QueueItem != 0:
		found, err = r.host.FindBuild(ctx, sdk.BuildQuery{
			Master: r.set.Master, Job: r.set.Job, QueueItem: r.st.QueueItem,
		})
	case r.st.Intent != nil:
		found, err = r.findIntent(ctx)
	}
	if err == nil {
		r.take(found)
	}
	return err
}

// take remembers the numbers of a build that was found.
func (r *run) take(found sdk.FoundBuild) {
	if found.State != sdk.BuildStarted && found.State != sdk.BuildQueued {
		return
	}
	r.st.Number = found.Number
	if found.QueueItem != 0 {
		r.st.QueueItem = found.QueueItem
	}
}
