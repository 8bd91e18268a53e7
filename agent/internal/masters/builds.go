package masters

import (
	"context"
	"slices"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jobname"
)

// listedBuilds is how many builds of a job are listed.
const listedBuilds = 100

// JobNames lists the jobs of a master.
func (m *Masters) JobNames(ctx context.Context, master string) ([]string, error) {
	client, err := m.Client(master)
	if err != nil {
		return nil, err
	}
	listing, err := client.ListJobs(ctx, "", jenkins.MaxDepth)
	if err != nil {
		return nil, notFound(err, "Build master '%s' not found", master)
	}
	names := make([]string, len(listing.Jobs))
	for i, job := range listing.Jobs {
		names[i] = jobname.Igor(job.FullName)
	}
	slices.Sort(names)
	return names, nil
}

// Job reads a job's configuration in Igor's form.
//
// Source: spinnaker/spinnaker igor/igor-web jenkins/client/model/JobConfig.java.
func (m *Masters) Job(ctx context.Context, master, job string) (map[string]any, error) {
	client, err := m.Client(master)
	if err != nil {
		return nil, err
	}
	info, err := client.JobInfo(ctx, jobname.Full(job))
	if err != nil {
		return nil, notFound(err, "Job not found (controller: '%s', job: '%s')", master, job)
	}
	parameters := make([]any, len(info.Parameters))
	for i, p := range info.Parameters {
		definition := map[string]any{"name": p.Name, "type": p.Type, "description": p.Description, "defaultValue": p.Default,
			"defaultName": p.Name, "defaultParameterValue": map[string]any{"name": p.Name, "value": p.Default}}
		if len(p.Choices) > 0 {
			definition["choices"] = p.Choices
		}
		parameters[i] = definition
	}
	name := jobname.Igor(info.FullName)
	return map[string]any{"name": name, "displayName": name, "buildable": info.Buildable, "inQueue": info.InQueue,
		"parameterDefinitionList": parameters, "upstreamProjectList": []any{}, "downstreamProjectList": []any{}}, nil
}

// Builds lists the newest builds of a job in Igor's form, newest first.
func (m *Masters) Builds(ctx context.Context, master, job string) ([]map[string]any, error) {
	client, err := m.Client(master)
	if err != nil {
		return nil, err
	}
	history, err := client.Builds(ctx, jobname.Full(job), 0, listedBuilds)
	if err != nil {
		return nil, notFound(err, "Builds not found (controller: '%s', job: '%s')", master, job)
	}
	out := make([]map[string]any, len(history.Runs))
	for i, run := range history.Runs {
		out[i] = igorRun(run)
	}
	return out, nil
}
