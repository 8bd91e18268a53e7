package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/api/echo"
	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/scripts/demo/world"
)

const (
	// eventTimeout is how long the agent may take to see a build; runTimeout how long an execution may take.
	eventTimeout = 30 * time.Second
	runTimeout   = 10 * time.Minute
	lookInterval = 100 * time.Millisecond
)

// show is a running demo.
type show struct {
	*world.World
	agent *world.Agent
}

// say prints a line of the show.
func say(format string, args ...any) {
	fmt.Printf("%s  %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// findCluster returns the user's cluster or the test cluster, which is built if need be; meanwhile what needs no cluster is
// shown.
func (d *show) findCluster(ctx context.Context, kubeconfig string) (*world.Cluster, error) {
	if kubeconfig != "" {
		say("using the cluster of %s; the image is the public %s, so nothing is pushed and no registry is asked", kubeconfig, world.PublicImage)
		return world.OwnCluster(kubeconfig)
	}
	cluster, err := d.FindCluster(ctx)
	if cluster != nil || err != nil {
		return cluster, err
	}
	say("the test cluster is not built yet: that takes minutes, once; meanwhile, what needs no cluster")
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		cluster, err = d.BuildCluster(ctx, os.Stdout)
		return err
	})
	group.Go(func() error { return d.preview(ctx) })
	return cluster, group.Wait()
}

// startAgent starts an agent with a fresh store.
func (d *show) startAgent(ctx context.Context) (err error) {
	if d.agent, err = d.NewAgent(nil); err != nil {
		return err
	}
	began := time.Now()
	if err := d.agent.Start(ctx); err != nil {
		return err
	}
	say("Gennaker at %s, ready after %d ms", d.agent.URL, time.Since(began).Milliseconds())
	return nil
}

// preview shows what needs no cluster: the build is seen, matched and baked.
func (d *show) preview(ctx context.Context) (err error) {
	if err := d.startAgent(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.agent.Stop()) }()
	if err := d.save(ctx, d.PipelineConfig("preview", d.BakeStage())); err != nil {
		return err
	}
	execution, _, err := d.runBuild(ctx, world.PublicImage)
	if err != nil {
		return err
	}
	manifest, err := baked(execution)
	if err != nil {
		return err
	}
	say("the objects that will be deployed:")
	for _, object := range objectsIn(manifest) {
		fmt.Println("    " + object)
	}
	return nil
}

// baked is the manifest that the first stage of an execution produced.
func baked(execution *spinnaker.Execution) (string, error) {
	artifacts, _ := execution.Stages[0].Outputs["artifacts"].([]any)
	if len(artifacts) == 0 {
		return "", errors.New("the bake stage produced no artifact")
	}
	artifact, _ := artifacts[0].(map[string]any)
	reference, _ := artifact["reference"].(string)
	text, err := base64.StdEncoding.DecodeString(reference)
	return string(text), err
}

// deliver creates the pipeline, finishes a build and follows it until its image is deployed and tested.
func (d *show) deliver(ctx context.Context) (timings, error) {
	url, err := d.StandIn()
	if err != nil {
		return timings{}, err
	}
	say("%s answers in place of the Ingress, with the image it reads from the Deployment: no container runs behind the stand-in kubelet", url)
	if err := d.save(ctx, d.PipelineConfig(world.Pipeline, d.DeliveryStages(url)...)); err != nil {
		return timings{}, err
	}
	image, err := d.Cluster.Push(ctx, fmt.Sprintf("shipitclicker:%s-%d", world.SemVer, d.NextBuild()))
	if err != nil {
		return timings{}, err
	}
	say("image %s", image)
	execution, times, err := d.runBuild(ctx, image)
	if err != nil {
		return times, err
	}
	return times, d.printResult(ctx, execution, image)
}

// save creates the application and saves a pipeline, as spin does.
func (d *show) save(ctx context.Context, config map[string]any) error {
	task, err := d.agent.Client.Task(ctx, map[string]any{"application": world.Application, "description": "Create Application: " + world.Application,
		"job": []map[string]any{{"type": "createApplication", "application": map[string]any{"name": world.Application, "email": "demo@example.com", "cloudProviders": "kubernetes"}}}})
	if err != nil {
		return fmt.Errorf("create the application: %w", err)
	}
	err = d.poll(ctx, eventTimeout, "task "+task, func() (bool, error) {
		var status struct{ Status spinnaker.Status }
		err := d.agent.Client.Get(ctx, "/tasks/"+task, &status)
		if status.Status.Halt() {
			return false, fmt.Errorf("create the application: the task ended %s", status.Status)
		}
		return status.Status == spinnaker.Succeeded, err
	})
	if err != nil {
		return err
	}
	if err := d.agent.Client.SavePipeline(ctx, config); err != nil {
		return fmt.Errorf("save the pipeline: %w", err)
	}
	say("application %s and pipeline %s created through the Spinnaker API", world.Application, config["name"])
	return d.waitPolled(ctx)
}

// waitPolled waits until the agent has looked at the job twice: builds from before its first look are not events.
func (d *show) waitPolled(ctx context.Context) error {
	d.Jenkins.Log.Reset()
	return d.poll(ctx, eventTimeout, "a first look at Jenkins", func() (bool, error) {
		return d.Jenkins.Log.Count("GET", "/api/json") >= 2, nil
	})
}

// runBuild finishes a Jenkins build and follows the execution that it starts.
func (d *show) runBuild(ctx context.Context, image string) (*spinnaker.Execution, timings, error) {
	number := d.FinishBuild(image)
	times := timings{finished: time.Now()}
	say("Jenkins finished build %d of %s, which archives build.properties and helm.tar.gz", number, world.BuildJob)
	event, verdict, err := d.waitStarted(ctx, number)
	if err != nil {
		return nil, times, err
	}
	times.seen = event.ReceivedAt.Time()
	say("%s: %s → %s", verdict.Pipeline, verdict.Reason, d.agent.Client.ExecutionURL(verdict.ExecutionID))
	execution, err := d.follow(ctx, verdict.ExecutionID)
	if err != nil {
		return nil, times, err
	}
	times.add(execution)
	if execution.Status != spinnaker.Succeeded {
		return nil, times, errors.New(execution.Failure())
	}
	return execution, times, nil
}

// waitStarted waits for the verdict on a build.
func (d *show) waitStarted(ctx context.Context, number int) (event echo.Event, verdict echo.Verdict, err error) {
	path := fmt.Sprintf("/gennaker/events?type=build&source=%s&name=%s&number=%d", world.Master, world.BuildJob, number)
	err = d.poll(ctx, eventTimeout, fmt.Sprintf("the agent's verdict on build %d", number), func() (bool, error) {
		var events []echo.Event
		if err := d.agent.Client.Get(ctx, path, &events); err != nil || len(events) == 0 {
			return false, err
		}
		event = events[0]
		// Of several pipelines on the job, follow the one that was saved last.
		for _, v := range event.Verdicts {
			if v.Outcome == "undecided" {
				return false, nil
			}
			if v.ExecutionID != "" && (verdict.ExecutionID == "" || v.Pipeline == world.Pipeline) {
				verdict = v
			}
		}
		if verdict.ExecutionID == "" {
			return false, fmt.Errorf("build %d started nothing: %+v", number, event.Verdicts)
		}
		return true, nil
	})
	return event, verdict, err
}

// follow prints an execution as it goes until it is complete.
func (d *show) follow(ctx context.Context, id string) (execution *spinnaker.Execution, err error) {
	shown := map[string]string{}
	err = d.poll(ctx, runTimeout, "execution "+id, func() (bool, error) {
		if execution, err = d.agent.Client.Execution(ctx, id); err != nil {
			return false, err
		}
		for _, stage := range execution.Stages {
			line := stage.Progress()
			if stage.Status != spinnaker.NotStarted && shown[stage.ID] != line {
				shown[stage.ID] = line
				say("  %-10s %s", stage.Name, line)
			}
		}
		return execution.Status.Complete(), nil
	})
	return execution, err
}

// printResult shows what is in the cluster now and checks the image.
func (d *show) printResult(ctx context.Context, execution *spinnaker.Execution, image string) error {
	objects, err := d.Cluster.Deployed(ctx)
	if err != nil {
		return err
	}
	say("objects in namespace %s:", world.Namespace)
	for _, object := range objects {
		fmt.Printf("    %s/%s\n", strings.ToLower(object.GetKind()), object.GetName())
	}
	deployed, err := d.Cluster.Image(ctx)
	if err != nil {
		return err
	}
	say("image in the Deployment: %s", deployed)
	if deployed != image {
		return fmt.Errorf("the Deployment runs %s, the build made %s", deployed, image)
	}
	return nil
}

func (d *show) printKept() {
	fmt.Printf(`
still running until Ctrl-C:
  Gennaker   %s
  Jenkins    %s (user %s)
  log        %s
  export KUBECONFIG=%s
`, d.agent.URL, d.Jenkins.URL, d.Jenkins.Admin.ID, d.agent.LogFile, d.Cluster.Kubeconfig)
}

// poll looks until done, an error, or the time is over. Only the agent's own answers count as errors.
func (d *show) poll(ctx context.Context, limit time.Duration, what string, look func() (done bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		done, err := look()
		if err != nil || done {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("waited %v for %s", limit, what)
		}
	}
}
