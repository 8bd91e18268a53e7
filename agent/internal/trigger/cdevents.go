package trigger

import (
	"fmt"
	"maps"
	"net/textproto"
	"slices"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// matchCDEvent is the rule of type `cdevents`: exact source (the key), headers, payload constraints, artifacts. Parameters
// and artifacts come from the event's customData.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers eventhandlers/CDEventsWebhookEventHandler.java.
func matchCDEvent(pipeline spinnaker.Pipeline, t spinnaker.Trigger, event Event, with *patterns) Verdict {
	wanted := t.Object("attributeConstraints")
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		values := event.Attributes[textproto.CanonicalMIMEHeaderKey(name)]
		want := javaText(wanted[name])
		if len(values) == 0 {
			return ignored("header %q is missing; the trigger wants %q", name, want)
		}
		if !slices.Contains(values, want) {
			return ignored("header %q is %s; the trigger wants %q", name, quoteAll(values), want)
		}
	}
	if ok, reason := payloadConstraintsHold(t.Object("payloadConstraints"), event.Payload, with); !ok {
		return ignored("%s", reason)
	}
	custom, _ := event.Payload["customData"].(map[string]any)
	artifacts, err := carried(event, custom)
	if err != nil {
		return ignored("customData: %v", err)
	}
	if ok, reason := artifactConstraint(pipeline, t, artifacts); !ok {
		return ignored("%s", reason)
	}
	data := map[string]any{"payload": asRead{event.Payload}, "parameters": asRead{custom["parameters"]}, "artifacts": present(artifacts)}
	return fires(Fires, fmt.Sprintf("CDEvent from source %q", event.Source), t, event, data)
}
