package ci

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/gennaker/gennaker/plugins/sdk"
)

const (
	// propertyGrace is how long an archived file may be late.
	propertyGrace = 15 * time.Second
	// propertyPause is the pause between two reads, maxPropertyFailures how many may fail in a row, as in Orca.
	propertyPause       = 5 * time.Second
	maxPropertyFailures = 5
)

// monitor waits for the build's end and takes over what it made.
func (r *run) monitor(ctx context.Context) (*sdk.Response, error) {
	if !r.set.waits() {
		return nil, nil
	}
	began := r.st.begin(r.names.monitor, r.now)
	build, err := r.host.GetBuild(ctx, r.set.Master, r.set.Job, r.st.Number)
	limit := r.limit(buildTimeout)
	if err != nil {
		return r.againUntil(began.Add(limit), err)
	}
	r.showBuild(build)
	if build.Building || build.Result == "" || build.Result == "NOT_BUILT" {
		waited := r.now.Sub(began)
		if waited > limit {
			return r.fail(fmt.Sprintf("%s has not ended within %s: %s", r.buildName(), limit, console(build)))
		}
		return r.running(buildPause(waited), fmt.Sprintf("%s is running: %s", r.buildName(), console(build)))
	}
	r.outputs["buildInfo"] = r.context["buildInfo"]
	r.takeArtifacts(build)
	resp, err := r.properties(ctx, build)
	if resp != nil || err != nil {
		return resp, err
	}
	return r.end(build)
}

// showBuild puts the build where Spinnaker's UI looks for it.
func (r *run) showBuild(build sdk.Build) {
	info := maps.Clone(build.Info)
	if info == nil {
		info = map[string]any{}
	}
	info["building"] = build.Building
	info["number"] = r.st.Number
	info["url"] = build.URL
	if build.Result != "" {
		info["result"] = build.Result
	}
	r.context["buildInfo"] = info
	r.context["buildNumber"] = r.st.Number
	r.context["consoleUrl"] = console(build)
}

// console is the address of the build's log.
func console(build sdk.Build) string {
	if build.URL == "" {
		return "Jenkins gave no address of its page"
	}
	if build.URL[len(build.URL)-1] == '/' {
		return build.URL + "console"
	}
	return build.URL + "/console"
}

// buildPause asks often at first: a tenth of the time that the build has taken so far, within a second and ten.
func buildPause(waited time.Duration) time.Duration {
	return min(max(waited/10, time.Second), 10*time.Second)
}

// end maps the build's result as Orca's MonitorJenkinsJobTask does.
func (r *run) end(build sdk.Build) (*sdk.Response, error) {
	message := fmt.Sprintf("%s: %s: %s", r.buildName(), build.Result, console(build))
	if r.succeeded(build) {
		return r.respond(sdk.Succeeded, message)
	}
	switch build.Result {
	case "UNSTABLE":
		return r.fail(message, "Job is unstable")
	case "ABORTED":
		resp, err := r.respond(sdk.Canceled, message)
		if err == nil {
			resp.Errors = []string{"Job was aborted (see Jenkins)"}
		}
		return resp, err
	case "FAILURE":
		return r.fail(message, "Job failed (see Jenkins)")
	}
	return r.fail(fmt.Sprintf("%s ended with the result %q, which this stage does not know: %s", r.buildName(), build.Result,
		console(build)))
}

func (r *run) succeeded(build sdk.Build) bool {
	return build.Result == "SUCCESS" || build.Result == "UNSTABLE" && r.set.MarkUnstableAsSuccessful.isTrue()
}

// properties reads the property file. A build that failed may have none; one that did not must have it.
func (r *run) properties(ctx context.Context, build sdk.Build) (*sdk.Response, error) {
	if r.set.PropertyFile == "" {
		return nil, nil
	}
	required := r.succeeded(build)
	if required {
		r.st.begin(r.names.properties, r.now)
	}
	read, err := r.host.BuildProperties(ctx, r.set.Master, r.set.Job, r.st.Number, r.set.PropertyFile)
	if err == nil && read.State == sdk.PropertiesFound && len(read.Properties) > 0 {
		r.takeProperties(read.Properties)
		return nil, nil
	}
	if !required {
		return nil, nil
	}
	if err != nil {
		return r.propertiesUnread(err)
	}
	r.st.Failures = 0
	if read.State == sdk.PropertiesMissing && r.missingFor() < propertyGrace {
		return r.running(propertyPause, fmt.Sprintf("%s has not archived %q yet", r.buildName(), r.set.PropertyFile))
	}
	expected := fmt.Sprintf("Expected properties file %s but it was either missing, empty or contained invalid syntax",
		r.set.PropertyFile)
	message := fmt.Sprintf("%s: the archived file %q is %s", r.buildName(), r.set.PropertyFile, stateInWords(read))
	return r.fail(message, expected, message)
}

func stateInWords(read sdk.BuildProperties) string {
	state := string(read.State)
	if read.State == sdk.PropertiesFound {
		state = string(sdk.PropertiesEmpty)
	}
	if read.Detail != "" {
		return state + ": " + read.Detail
	}
	return state
}

// propertiesUnread tolerates a few failures in a row.
func (r *run) propertiesUnread(err error) (*sdk.Response, error) {
	if !sdk.IsRetryable(err) {
		return r.fail(err.Error())
	}
	if r.st.Failures++; r.st.Failures > maxPropertyFailures {
		return r.fail(fmt.Sprintf("%d attempts in a row failed: %v", r.st.Failures, err))
	}
	return r.running(propertyPause, err.Error())
}

// takeProperties flattens the properties into context and outputs, as Orca does.
func (r *run) takeProperties(properties map[string]any) {
	for _, into := range []map[string]any{r.context, r.outputs} {
		maps.Copy(into, properties)
		into["propertyFileContents"] = properties
	}
}

// takeArtifacts turns the build's archived files into artifacts of type jenkins/file.
func (r *run) takeArtifacts(build sdk.Build) {
	text, err := json.Marshal(build.Info["artifacts"])
	if err != nil {
		return // it came as JSON
	}
	var files []struct {
		FileName     string `json:"fileName"`
		DisplayPath  string `json:"displayPath"`
		RelativePath string `json:"relativePath"`
	}
	if err := json.Unmarshal(text, &files); err != nil {
		r.host.Logger().Warn("the build's list of artifacts cannot be read", "error", err)
		return
	}
	for _, file := range files {
		r.artifacts = append(r.artifacts, sdk.Artifact{
			Type: "jenkins/file", Name: r.set.Job, Version: fmt.Sprint(r.st.Number), Reference: file.RelativePath,
			Metadata: map[string]any{
				"fileName": file.FileName, "displayPath": file.DisplayPath, "relativePath": file.RelativePath, "decorated": false,
			},
		})
	}
}
