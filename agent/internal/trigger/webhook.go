package trigger

import (
	"encoding/json"
	"fmt"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// matchWebhook is the rule of type `webhook`: exact source (the key), payload constraints, artifacts.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers eventhandlers/WebhookEventHandler.java.
func matchWebhook(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event, with *patterns) Verdict {
	if ok, reason := payloadConstraintsHold(t.Object("payloadConstraints"), event.Payload, with); !ok {
		return ignored("%s", reason)
	}
	artifacts, err := carried(event, event.Payload)
	if err != nil {
		return ignored("webhook body: %v", err)
	}
	if ok, reason := artifactConstraint(pipeline, t, artifacts); !ok {
		return ignored("%s%s", reason, because(event.ArtifactsError))
	}
	data := map[string]any{"payload": asRead{event.Payload}, "parameters": asRead{event.Payload["parameters"]}, "artifacts": present(artifacts)}
	return fires(Fires, fmt.Sprintf("webhook from source %q", event.Source)+because(event.ArtifactsError), t, event, data)
}

// carried are the artifacts that an event brings along: those that its body lists, else those it was turned into.
func carried(event Event, body map[string]any) ([]spinnaker.Artifact, error) {
	artifacts, err := PayloadArtifacts(body)
	if err != nil || len(artifacts) > 0 {
		return artifacts, err
	}
	return event.Artifacts, nil
}

// because appends an explanation to a reason, if there is one.
func because(explanation string) string {
	if explanation == "" {
		return ""
	}
	return ": " + explanation
}

// PayloadArtifacts reads the artifacts that a webhook's body or a manual start brings along.
func PayloadArtifacts(payload map[string]any) ([]spinnaker.Artifact, error) {
	value, ok := payload["artifacts"]
	if !ok || value == nil {
		return nil, nil
	}
	if _, isList := value.([]any); !isList {
		return nil, fmt.Errorf("artifacts: found %s, expected a list of artifacts", javaText(value))
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("artifacts: %w", err)
	}
	var artifacts []spinnaker.Artifact
	if err := spinnaker.Decode(data, &artifacts); err != nil {
		return nil, fmt.Errorf("artifacts: expected each to be an artifact: %w", err)
	}
	return artifacts, nil
}
