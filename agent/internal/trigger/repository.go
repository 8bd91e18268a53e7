package trigger

import (
	"fmt"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// searchField is where a trigger of type `artifactory` or `nexus` names the search whose finds it means.
func searchField(triggerType string) string { return triggerType + "SearchName" }

// matchRepository is the rule of types `artifactory` and `nexus`: exact name of the search (the key), artifacts.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers eventhandlers/ArtifactoryEventHandler.java,
// NexusEventHandler.java.
func matchRepository(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event) Verdict {
	if ok, reason := artifactConstraint(pipeline, t, event.Artifacts); !ok {
		return ignored("%s", reason)
	}
	reason := fmt.Sprintf("%s search %q found %s", event.Type, event.Source, describeArtifacts(event.Artifacts))
	return fires(Fires, reason, t, event, map[string]any{"artifacts": present(event.Artifacts)})
}
