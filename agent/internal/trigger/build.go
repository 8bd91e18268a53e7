package trigger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
	"github.com/gennaker/gennaker/jenkins/jobname"
)

// buildJob is the job of a build trigger. Concourse's is team/pipeline/job.
func buildJob(t spinnaker.Trigger) string {
	job := t.Text("job")
	if t.Type() != "concourse" || strings.Count(job, "/") == 2 || job == "" {
		return job
	}
	group := cmp.Or(t.Text("project"), t.Text("pipeline"))
	if team := t.Text("team"); !strings.Contains(group, "/") {
		group = team + "/" + group
	}
	return group + "/" + job
}

// JobPattern is the pattern of jobs that a build trigger means; "" when it means the one job that it names.
func JobPattern(t spinnaker.Trigger) string {
	if on, _ := t["jobPattern"].(bool); on && t.Type() == "jenkins" {
		return t.Text("job")
	}
	return ""
}

// MeansJob says whether the trigger's job, a name or a pattern, is the one of this name in Igor's form.
func MeansJob(t spinnaker.Trigger, job string) bool {
	if pattern := JobPattern(t); pattern != "" {
		return jobname.Match(jobname.Full(pattern), jobname.Full(job))
	}
	return buildJob(t) == job
}

// jobProblems are those of a trigger's job.
func jobProblems(t spinnaker.Trigger) []string {
	pattern := JobPattern(t)
	if err := jobname.CheckPattern(pattern); err != nil {
		return []string{fmt.Sprintf("job: %v: the trigger never fires", err)}
	}
	if job := t.Text("job"); t.Type() == "jenkins" && pattern == "" && jobname.IsPattern(job) {
		return []string{fmt.Sprintf("job: %q is taken for a name and no job can have it: the trigger never fires; \"jobPattern\": true makes it a pattern", job)}
	}
	return nil
}

// matchBuild is the rule of types `jenkins`, `travis`, `gitlab-ci` and `concourse`: master and job (found by the key), result,
// property constraints, artifacts.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers eventhandlers/BuildEventHandler.java.
func matchBuild(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event, facts *Facts, with *patterns) Verdict {
	build := event.Build
	if build.Reported && t.Type() == "jenkins" {
		return ignored("master %q is not in jenkins.masters: what an event says of its builds is not believed", event.Source)
	}
	wanted := t.Texts("resultStatuses")
	if len(wanted) == 0 {
		wanted = []string{"SUCCESS"}
	}
	if !slices.Contains(wanted, build.Result) {
		return ignored("build %d of job %q on master %q ended %s; the trigger fires on %s",
			build.Number, event.Name, event.Source, build.Result, strings.Join(wanted, ", "))
	}
	file, constraints := t.Text("propertyFile"), t.Object("payloadConstraints")
	if file != "" && build.Reported {
		facts = &Facts{PropertiesError: fmt.Sprintf("property file %q cannot be read: builds of %q are known from events only", file, event.Source)}
	}
	if file != "" && facts == nil {
		return Verdict{Outcome: NeedsFacts, PropertyFile: file,
			Reason: fmt.Sprintf("waiting for property file %q of build %d of job %q on master %q",
				file, build.Number, event.Name, event.Source)}
	}
	if facts == nil {
		facts = &Facts{}
	}
	if strict, _ := t["strict"].(bool); strict && facts.PropertiesError != "" {
		return fires(Refused, facts.PropertiesError, t, event, firedBy(t, event, facts))
	}
	if ok, reason := constraintsHold(constraints, facts.Properties, "property", with); !ok {
		if facts.PropertiesError != "" {
			reason += ": " + facts.PropertiesError
		}
		return ignored("%s", reason)
	}
	if ok, reason := artifactConstraint(pipeline, t, build.Artifacts); !ok {
		if build.Incomplete != "" {
			reason += ": the build's details could not be read: " + build.Incomplete
		}
		return ignored("%s", reason)
	}
	reason := fmt.Sprintf("build %d of job %q on master %q ended %s", build.Number, event.Name, event.Source, build.Result)
	if facts.PropertiesError != "" {
		reason += ", started without properties: " + facts.PropertiesError
	}
	if build.Incomplete != "" {
		reason += ", started without the build's details: " + build.Incomplete
	}
	return fires(Fires, reason, t, event, firedBy(t, event, facts))
}

// firedBy is what an event of a build adds to the trigger that it fires. The job is the build's, also where the trigger has a
// pattern.
func firedBy(t spinnaker.Trigger, event Event, facts *Facts) map[string]any {
	data := buildData(event.Build, facts)
	if JobPattern(t) != "" {
		data["job"] = event.Name
	}
	return data
}

// AddBuild adds what a build fires a trigger with to one that was started by hand.
func AddBuild(t spinnaker.Trigger, build BuildInfo, facts Facts) error {
	return add(t, buildData(&build, &facts))
}

// buildData is what a build adds to the trigger that it fires. A property file that could not be read leaves
// `properties` out and says why in `propertiesError`; the build's own data stay. `buildInfoError` says why those are
// incomplete.
func buildData(build *BuildInfo, facts *Facts) map[string]any {
	data := map[string]any{
		"buildNumber": build.Number, "link": build.URL, "buildInfo": build.Info, "hash": nil, "tag": nil,
		"artifacts": present(build.Artifacts),
	}
	if facts.Properties != nil {
		data["properties"] = facts.Properties
	}
	if facts.PropertiesError != "" {
		data["propertiesError"] = facts.PropertiesError
	}
	if build.Incomplete != "" {
		data["buildInfoError"] = build.Incomplete
	}
	return data
}

// present turns a nil list into an empty one: `artifacts` is always there.
func present(artifacts []spinnaker.Artifact) []spinnaker.Artifact {
	if artifacts == nil {
		return []spinnaker.Artifact{}
	}
	return artifacts
}
