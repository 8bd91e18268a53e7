package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/scripts/demo/world"
)

const (
	// jobs are how many the master has, each with a pipeline; earlierBuilds how many builds each has at first.
	jobs          = 500
	earlierBuilds = 3
	// folder holds the jobs.
	folder = "bench"
	// finished is how many builds finish, one after the other, with a random pause of up to longestPause between two.
	finished     = 120
	longestPause = 200 * time.Millisecond
	// pollInterval is that of the world's master; allowance what may come on top of it.
	pollInterval = time.Second
	allowance    = 500 * time.Millisecond
	// settleTime bounds the first looks at all jobs, and the last starts.
	settleTime = time.Minute
)

// buildKey names a build.
type buildKey struct{ job, number string }

// buildLatency measures the time from the end of a Jenkins build to the start of the execution that it triggers, its
// property file read.
func buildLatency(ctx context.Context) ([]row, error) {
	return withRig(ctx, func(r *rig) ([]row, error) {
		masters, err := r.prepareJobs(ctx)
		if err != nil {
			return nil, err
		}
		ends, err := finishBuilds(ctx, masters)
		if err != nil {
			return nil, err
		}
		latencies, err := r.latencies(ctx, ends)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("build finished → execution started, %d jobs, %d builds: ", jobs, finished)
		return []row{
			heldAgainst(name+"p95", quantile(latencies, 0.95), " (poll interval + 0.5 s)", pollInterval+allowance),
			heldAgainst(name+"median", quantile(latencies, 0.5), " (poll interval)", pollInterval),
		}, nil
	})
}

// prepareJobs makes the jobs and their pipelines and waits until the agent knows all of them.
func (r *rig) prepareJobs(ctx context.Context) ([]*jenkinstest.Job, error) {
	all := make([]*jenkinstest.Job, jobs)
	for i := range all {
		name := fmt.Sprintf("service-%03d", i)
		all[i] = r.Jenkins.Job(folder+"/"+name, jenkinstest.Pipeline)
		all[i].FinishedTimes(earlierBuilds, "SUCCESS")
		err := r.save(ctx, object{"name": name, "stages": waits(1), "triggers": []object{{"type": "jenkins", "enabled": true,
			"master": world.Master, "job": folder + "/job/" + name, "propertyFile": "build.properties"}}})
		if err != nil {
			return nil, err
		}
	}
	// The first list may belong to a look that began before the last pipeline was saved, the second one is about all jobs,
	// and the look is over when the third comes.
	const lists = 3
	r.Jenkins.Log.Reset()
	return all, until(ctx, settleTime, "the first looks at all jobs", func() (bool, error) {
		return r.Jenkins.Log.Count("GET", "/job/"+folder+"/api/json") >= lists, nil
	})
}

// finishBuilds finishes builds of random jobs at random moments and returns when.
func finishBuilds(ctx context.Context, all []*jenkinstest.Job) (map[buildKey]time.Time, error) {
	random := rand.New(rand.NewPCG(1, 2))
	ends := make(map[buildKey]time.Time, finished)
	for range finished {
		if err := pause(ctx, time.Duration(random.Int64N(int64(longestPause)))); err != nil {
			return nil, err
		}
		index := random.IntN(len(all))
		end := time.Now()
		build := all[index].Finished("SUCCESS", jenkinstest.File{Path: "build.properties", Data: []byte("imageName=shop:1\n")})
		ends[buildKey{fmt.Sprintf("%s/job/service-%03d", folder, index), fmt.Sprint(build.Number())}] = end
	}
	return ends, nil
}

// latencies waits for the executions of the builds and compares their start times with the builds' ends.
func (r *rig) latencies(ctx context.Context, ends map[buildKey]time.Time) ([]time.Duration, error) {
	var executions []spinnaker.Execution
	address := fmt.Sprintf("/applications/%s/executions/search?size=%d", application, 10*finished)
	err := until(ctx, settleTime, fmt.Sprintf("%d executions", len(ends)), func() (bool, error) {
		executions = nil
		err := r.agent.Client.Get(ctx, address, &executions)
		return len(executions) >= len(ends), err
	})
	if err != nil {
		return nil, err
	}
	var latencies []time.Duration
	for _, execution := range executions {
		end, ok := ends[buildKey{execution.Trigger.Text("job"), execution.Trigger.Text("buildNumber")}]
		if !ok {
			return nil, fmt.Errorf("execution %s was started by build %s of %s, which nobody finished", execution.ID,
				execution.Trigger.Text("buildNumber"), execution.Trigger.Text("job"))
		}
		latencies = append(latencies, execution.StartTime.Time().Sub(end))
	}
	return latencies, nil
}
