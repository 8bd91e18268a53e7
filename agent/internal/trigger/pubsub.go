package trigger

import (
	"fmt"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// pubsubKey is the key of a pubsub trigger: system and subscription in any case.
func pubsubKey(t spinnaker.Trigger) (Key, bool) {
	system, subscription := t.Text("pubsubSystem"), t.Text("subscriptionName")
	return Key{Pubsub, strings.ToLower(system), strings.ToLower(subscription)}, system != "" && subscription != ""
}

// matchPubsub is the rule of type `pubsub`: system and subscription (the key), attributes, payload, artifacts.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers eventhandlers/PubsubEventHandler.java.
func matchPubsub(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event, with *patterns) Verdict {
	attributes := map[string]any{}
	for name, values := range event.Attributes {
		attributes[name] = strings.Join(values, ",")
	}
	if ok, reason := constraintsHold(t.Object("attributeConstraints"), attributes, "attribute", with); !ok {
		return ignored("%s", reason)
	}
	if ok, reason := constraintsHold(t.Object("payloadConstraints"), event.Payload, "payload", with); !ok {
		return ignored("%s", reason)
	}
	artifacts, err := messageArtifacts(event)
	if err != nil {
		return ignored("message: %v", err)
	}
	if ok, reason := artifactConstraint(pipeline, t, artifacts); !ok {
		return ignored("%s%s", reason, because(event.ArtifactsError))
	}
	data := map[string]any{"payload": asRead{event.Payload}, "parameters": asRead{event.Payload["parameters"]}, "artifacts": present(artifacts)}
	message := spinnaker.Trigger(event.Payload)
	if link, text := message.Text("link"), message.Text("linkText"); strings.TrimSpace(link) != "" && strings.TrimSpace(text) != "" {
		data["link"], data["linkText"] = link, text
	}
	reason := fmt.Sprintf("message of subscription %q of %s", event.Name, event.Source)
	return fires(Fires, reason+because(event.ArtifactsError), t, event, data)
}

// messageArtifacts are those that the subscription's template made of a message, else those that the message lists.
func messageArtifacts(event Event) ([]spinnaker.Artifact, error) {
	if len(event.Artifacts) > 0 {
		return event.Artifacts, nil
	}
	return PayloadArtifacts(event.Payload)
}
