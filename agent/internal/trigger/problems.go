package trigger

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/jsonpath"
	"github.com/gennaker/gennaker/agent/spel/javaregex"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// required are the members without which a trigger of a type never fires.
var required = map[string][]string{
	"jenkins": {"master", "job"}, "travis": {"master", "job"}, "gitlab-ci": {"master", "job"}, "concourse": {"master", "job"},
	"docker": {"account", "repository"}, "helm/oci": {"account", "repository"}, "helm": {"account"},
	"webhook": {"source"}, "cdevents": {"source"}, "git": {"source", "project", "slug"},
	"pubsub": {"pubsubSystem", "subscriptionName"}, "artifactory": {"artifactorySearchName"}, "nexus": {"nexusSearchName"},
	"pipeline": {"pipeline", "status"}, "cron": {"cronExpression"}, "plugin": nil, "manual": nil,
}

// GitSources are the code hosts whose webhooks are understood.
var GitSources = []string{"github", "gitlab", "stash", "bitbucket"}

// Problems says what keeps a trigger of a pipeline from firing, or from firing as it was meant: what is missing, and what is
// no pattern, path or schedule. zone is that of cron triggers that name none. The other triggers are not touched by it.
func Problems(pipeline spinnaker.Pipeline, t spinnaker.Trigger, zone string) []string {
	members, known := required[t.Type()]
	if !known {
		return []string{fmt.Sprintf("no event of this agent fires a trigger of type %q", t.Type())}
	}
	var problems []string
	for _, member := range members {
		if t.Text(member) == "" && len(t.Texts(member)) == 0 {
			problems = append(problems, member+": is missing: the trigger never fires")
		}
	}
	switch t.Type() {
	case "git":
		if source := t.Text("source"); source != "" && !slices.Contains(GitSources, strings.ToLower(source)) {
			problems = append(problems, fmt.Sprintf("source: found %q, expected one of %s", source, strings.Join(GitSources, ", ")))
		}
		problems = append(problems, patternProblem("branch", t.Text("branch"), "the trigger never fires")...)
	case "jenkins":
		problems = append(problems, jobProblems(t)...)
	case "docker", "helm/oci":
		problems = append(problems, patternProblem("tag", strings.TrimSpace(t.Text("tag")), "the trigger never fires")...)
	case "pipeline":
		for _, status := range t.Texts("status") {
			if !slices.Contains([]string{"successful", "failed", "canceled", "suspended"}, status) {
				problems = append(problems, fmt.Sprintf("status: found %q, expected successful, failed or canceled", status))
			}
		}
	case "cron":
		if t.Text("cronExpression") == "" {
			break
		}
		if _, err := Schedule(t, zone); err != nil {
			problems = append(problems, err.Error()+": the trigger never fires")
		}
	}
	problems = append(problems, constraintProblems(t)...)
	return append(problems, artifactProblems(pipeline, t)...)
}

// constraintProblems are those of the constraints on payloads and attributes.
func constraintProblems(t spinnaker.Trigger) []string {
	var problems []string
	paths := t.Type() == "webhook" || t.Type() == "cdevents"
	for _, member := range []string{"payloadConstraints", "attributeConstraints"} {
		constraints := t.Object(member)
		for _, key := range slices.Sorted(maps.Keys(constraints)) {
			where := fmt.Sprintf("%s[%q]", member, key)
			if _, err := jsonpath.Parse(key); err != nil && paths && strings.HasPrefix(key, "$") {
				problems = append(problems, fmt.Sprintf("%s: %v: the trigger never fires", where, err))
			}
			if pattern := constraints[key]; pattern != nil && (member == "payloadConstraints" || t.Type() != "cdevents") {
				problems = append(problems, patternProblem(where, javaText(pattern), "the trigger never fires")...)
			}
		}
	}
	return problems
}

// artifactProblems are those of the expected artifacts that the trigger names.
func artifactProblems(pipeline spinnaker.Pipeline, t spinnaker.Trigger) []string {
	var problems []string
	for _, id := range t.Texts("expectedArtifactIds") {
		at := slices.IndexFunc(pipeline.ExpectedArtifacts, func(e spinnaker.ExpectedArtifact) bool { return e.ID == id })
		if at < 0 {
			problems = append(problems, fmt.Sprintf("expectedArtifactIds: the pipeline has no expected artifact of id %q", id))
			continue
		}
		match := pipeline.ExpectedArtifacts[at].MatchArtifact
		if match == nil {
			continue
		}
		for _, field := range []struct{ name, pattern string }{{"type", match.Type}, {"name", match.Name}, {"version", match.Version},
			{"location", match.Location}, {"reference", match.Reference}} {
			problems = append(problems, patternProblem(fmt.Sprintf("expected artifact %q: %s", id, field.name), field.pattern, "it matches nothing but that text")...)
		}
	}
	return problems
}

// patternProblem says why a text is no pattern, and what follows from that.
func patternProblem(where, pattern, consequence string) []string {
	if _, err := javaregex.Compile(pattern); err != nil {
		return []string{fmt.Sprintf("%s: %v: %s", where, err, consequence)}
	}
	return nil
}
