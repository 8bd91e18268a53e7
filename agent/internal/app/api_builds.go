package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jobname"
	"github.com/gennaker/gennaker/jenkins/properties"
)

// builds are the masters as Gate's and Igor's handlers see them.
type builds struct{ *agent }

func (b builds) Masters() []string { return b.masters.Masters() }

func (b builds) Jobs(ctx context.Context, master string) ([]string, error) {
	return b.masters.JobNames(ctx, master)
}

func (b builds) Job(ctx context.Context, master, job string) (map[string]any, error) {
	return b.masters.Job(ctx, master, job)
}

func (b builds) Builds(ctx context.Context, master, job string) ([]map[string]any, error) {
	return b.masters.Builds(ctx, master, job)
}

func (b builds) Build(ctx context.Context, master, job string, number int64) (map[string]any, error) {
	build, err := b.masters.Build(ctx, master, job, number)
	return build.Info, err
}

func (b builds) Properties(ctx context.Context, master, job string, number int64, file string) (map[string]any, error) {
	values, _, err := b.masters.Properties(ctx, master, job, number, file)
	return values, answered(err)
}

func (b builds) Start(ctx context.Context, user, master, job string, parameters map[string]string) (item int64, err error) {
	client, err := b.masters.Client(master)
	if err != nil {
		return 0, err
	}
	queued, err := client.StartBuild(ctx, jobname.Full(job), parameters)
	if err != nil {
		return 0, answered(err)
	}
	return queued.ID, b.audited(ctx, user, "startBuild", master+"/"+job, fmt.Sprintf("queue item %d", queued.ID))
}

func (b builds) Queued(ctx context.Context, master string, item int64) (map[string]any, error) {
	client, err := b.masters.Client(master)
	if err != nil {
		return nil, err
	}
	queued, err := client.QueueItem(ctx, item)
	if jenkins.KindOf(err) == jenkins.KindNotFound {
		return nil, spinnaker.NotFound("Queued job '%d' not found for master '%s'.", item, master)
	}
	if err != nil {
		return nil, answered(err)
	}
	shown := map[string]any{"number": queued.ID}
	if queued.Build != 0 {
		shown["executable"] = map[string]any{"number": queued.Build}
	}
	return shown, nil
}

func (b builds) Stop(ctx context.Context, user, master, job string, item, number int64) error {
	client, err := b.masters.Client(master)
	if err != nil {
		return err
	}
	if number == 0 {
		err = client.CancelQueueItem(ctx, item)
	} else {
		err = client.StopBuild(ctx, jobname.Full(job), int(number), jenkins.Stop)
	}
	if err != nil {
		return answered(err)
	}
	return b.audited(ctx, user, "stopBuild", master+"/"+job, fmt.Sprintf("build %d, queue item %d", number, item))
}

func (b builds) Describe(ctx context.Context, user, master, job string, number int64, text string) error {
	client, err := b.masters.Client(master)
	if err != nil {
		return err
	}
	if err := client.Describe(ctx, jobname.Full(job), int(number), text); err != nil {
		return answered(err)
	}
	return b.audited(ctx, user, "describeBuild", fmt.Sprintf("%s/%s/%d", master, job, number), text)
}

// answered gives an error of Jenkins the status that the API answers with.
func answered(err error) error {
	failed := (*jenkins.Error)(nil)
	if !errors.As(err, &failed) {
		return err
	}
	status := http.StatusBadGateway
	switch {
	case failed.Kind == jenkins.KindNotFound, errors.Is(err, properties.ErrMissing):
		status = http.StatusNotFound
	case failed.Kind == jenkins.KindRejected:
		status = http.StatusBadRequest
	}
	return &spinnaker.Error{Status: status, Message: err.Error()}
}
