package trigger

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Chart is a version of a chart that appeared in the index of a Helm repository, or whose archive changed.
type Chart struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Digest is the archive's SHA-256, as the index writes it.
	Digest string `json:"digest"`
}

// matchChart is the rule of type `helm`: exact account (the key), range of versions, artifact. The chart's name is no
// member of the trigger: expected artifacts narrow it down.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers eventhandlers/HelmEventHandler.java.
func matchChart(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event) Verdict {
	chart := event.Chart
	if chart == nil || chart.Name == "" || chart.Version == "" || chart.Digest == "" {
		return ignored("the event lacks the chart's name, version or digest")
	}
	if ok, reason := inRange(chart.Version, t.Text("version")); !ok {
		return ignored("chart %q: %s", chart.Name, reason)
	}
	artifacts := []spinnaker.Artifact{{Type: "helm/chart", Name: chart.Name, Version: chart.Version, Reference: event.Source,
		Metadata: map[string]any{"digest": chart.Digest}}}
	if ok, reason := artifactConstraint(pipeline, t, artifacts); !ok {
		return ignored("%s", reason)
	}
	return fires(Fires, fmt.Sprintf("account %q has chart %s %s (digest %s)", event.Source, chart.Name, chart.Version, chart.Digest), t, event,
		map[string]any{"artifactName": chart.Name, "version": chart.Version, "digest": chart.Digest, "artifacts": artifacts})
}

// inRange says whether a version satisfies an npm-style range, and why not. A blank range is satisfied by all versions, and
// pre-releases count by their place in the order only, as in semver4j.
func inRange(version, wanted string) (ok bool, reason string) {
	wanted = strings.TrimSpace(wanted)
	if wanted == "" {
		return true, ""
	}
	constraint, err := semver.NewConstraint(wanted)
	if err != nil {
		return false, fmt.Sprintf("the trigger's version %q is not a range of versions: %v", wanted, err)
	}
	constraint.IncludePrerelease = true
	parsed, err := semver.NewVersion(version)
	if err != nil {
		return false, fmt.Sprintf("its version %q is not a semantic version; the trigger wants %q", version, wanted)
	}
	return constraint.Check(parsed), fmt.Sprintf("its version is %q; the trigger wants %q", version, wanted)
}
