package jenkins

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Definition is a parameter that a job declares.
type Definition struct {
	Name        string
	Type        string // such as "StringParameterDefinition"
	Description string
	Choices     []string // of a choice parameter
	Default     any      // string, bool or float64; nil for passwords and files
}

// JobInfo is what is needed to start a job rightly.
type JobInfo struct {
	FullName   string // in the master's spelling
	Buildable  bool   // false for disabled jobs and for folders
	InQueue    bool
	NextNumber int
	Parameters []Definition
}

// JobInfo reads a job's parameters and whether it can be built.
func (c *Client) JobInfo(ctx context.Context, job string) (JobInfo, error) {
	const tree = "fullName,buildable,inQueue,nextBuildNumber," +
		"property[parameterDefinitions[name,type,description,choices,defaultParameterValue[value]]]"
	type definition struct {
		Name        string   `json:"name"`
		Type        string   `json:"type"`
		Description string   `json:"description"`
		Choices     []string `json:"choices"`
		Default     *struct {
			Value any `json:"value"`
		} `json:"defaultParameterValue"`
	}
	answer, _, err := get[struct {
		FullName   string `json:"fullName"`
		Buildable  bool   `json:"buildable"`
		InQueue    bool   `json:"inQueue"`
		NextNumber int    `json:"nextBuildNumber"`
		Property   []struct {
			Definitions []definition `json:"parameterDefinitions"`
		} `json:"property"`
	}](ctx, c, call{op: "read job", job: job}, jobPath(job)+"/", tree)
	if err != nil {
		return JobInfo{}, err
	}
	info := JobInfo{FullName: answer.FullName, Buildable: answer.Buildable, InQueue: answer.InQueue, NextNumber: answer.NextNumber}
	for _, property := range answer.Property {
		for _, d := range property.Definitions {
			parameter := Definition{Name: d.Name, Type: d.Type, Description: d.Description, Choices: d.Choices}
			if d.Default != nil {
				parameter.Default = d.Default.Value
			}
			info.Parameters = append(info.Parameters, parameter)
		}
	}
	return info, nil
}

// Queued is a build that was asked for.
type Queued struct {
	ID     int64 // of the queue item
	Merged bool  // an equal build was waiting already; this is its item
}

// StartBuild asks for a build of a job. It first checks that the job can be
// built and that the parameters fit, since Jenkins gives no reason when they
// do not; texts as in spinnaker/spinnaker igor BuildController. A failure with
// Error.Uncertain set may have queued the build: look for it before asking
// again.
func (c *Client) StartBuild(ctx context.Context, job string, parameters map[string]string) (Queued, error) {
	about := call{op: "start", job: job}
	info, err := c.JobInfo(ctx, job)
	if err != nil {
		return Queued{}, err
	}
	if reason := unfit(info, job, parameters); reason != "" {
		return Queued{}, c.failure(about, KindRejected, 0, reason)
	}
	path, form := jobPath(job)+"/build", url.Values{}
	if len(info.Parameters) > 0 {
		path += "WithParameters"
		for name, value := range parameters {
			form.Set(name, value)
		}
		if len(form) == 0 {
			form.Set("startedBy", "gennaker") // Jenkins wants one; unknown names are ignored
		}
	}
	response, err := c.post(ctx, about, path, form)
	if err != nil {
		return Queued{}, err
	}
	id := queueIDOf(response)
	if id == 0 {
		e := c.failure(about, KindBadAnswer, response.StatusCode, fmt.Sprintf("Could not find Location header for job '%s'", job))
		e.Uncertain = true
		return Queued{}, e
	}
	return Queued{ID: id, Merged: response.StatusCode == 303}, nil
}

// unfit says why Jenkins would refuse these parameters, "" when it would not.
func unfit(info JobInfo, job string, parameters map[string]string) string {
	if !info.Buildable {
		return fmt.Sprintf("Job '%s' is not buildable. It may be disabled.", job)
	}
	if len(info.Parameters) == 0 && len(parameters) > 0 {
		return fmt.Sprintf("job : %s, passing params to a job which doesn't need them", job)
	}
	for _, definition := range info.Parameters {
		value, given := parameters[definition.Name]
		if given && len(definition.Choices) > 0 && !slices.Contains(definition.Choices, value) {
			return fmt.Sprintf("`%s` is not a valid choice for `%s`. Valid choices are: %s",
				value, definition.Name, strings.Join(definition.Choices, ", "))
		}
	}
	return ""
}

// Unknown lists parameters that the job does not declare, sorted: Jenkins drops
// them without a word.
func (info JobInfo) Unknown(parameters map[string]string) []string {
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if !slices.ContainsFunc(info.Parameters, func(d Definition) bool { return d.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// Force is how hard StopBuild stops a pipeline build.
type Force string

// The ways to stop a build, gentlest first; the last two are for pipelines
// only. Wait 20 s between them.
const (
	Stop      Force = "stop"
	Terminate Force = "term"
	Kill      Force = "kill"
)

// StopBuild stops a running build; a finished one stays as it is.
func (c *Client) StopBuild(ctx context.Context, job string, number int, force Force) error {
	about := call{op: "stop build", job: job, build: number}
	_, err := c.post(ctx, about, buildPath(job, number)+"/"+string(force), nil)
	return err
}

// Describe sets the description of a build.
func (c *Client) Describe(ctx context.Context, job string, number int, text string) error {
	about := call{op: "describe build", job: job, build: number}
	_, err := c.post(ctx, about, buildPath(job, number)+"/submitDescription", url.Values{"description": {text}})
	return err
}
