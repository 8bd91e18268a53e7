package webhook

import (
	"strings"

	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Posted makes an event of what other pollers send to Echo's own door: finds of repository searches and releases of plugins,
// {"details": {"type", "attributes"}, "content"}.
//
// Source: spinnaker/spinnaker echo/echo-model trigger/ArtifactoryEvent.java, NexusEvent.java, PluginEvent.java.
func Posted(document map[string]any) (trigger.Event, error) {
	kind := strings.ToLower(textAt(document, "details.type"))
	content, _ := document["content"].(map[string]any)
	switch kind {
	case trigger.Artifactory, trigger.Nexus:
		event := trigger.Event{Type: kind, Source: textAt(content, "name")}
		if event.Source == "" {
			return event, spinnaker.Invalid("event: content.name: is missing: expected the name of the search")
		}
		found, there := content["artifact"].(map[string]any)
		if !there {
			return event, spinnaker.Invalid("event: content.artifact: is missing: expected the artifact that was found")
		}
		var err error
		if event.Artifacts, err = trigger.PayloadArtifacts(map[string]any{"artifacts": []any{found}}); err != nil {
			return event, spinnaker.Invalid("event: content.artifact: %v", err)
		}
		return event, nil
	case trigger.Plugin:
		return trigger.Event{Type: kind, Source: strings.ToUpper(attribute(document, "pluginEventType")), Payload: content}, nil
	default:
		return trigger.Event{}, spinnaker.Invalid("event: found details.type %q, expected build, manual, artifactory, nexus or plugin; "+
			"send other events to /webhooks/{type}/{source}", kind)
	}
}

// attribute is an attribute of an event's details, PUBLISHED for a plugin's event that does not say.
func attribute(document map[string]any, name string) string {
	switch v := at(document, "details.attributes."+name).(type) {
	case string:
		return v
	case []any:
		if len(v) > 0 {
			text, _ := v[0].(string)
			return text
		}
	}
	return "PUBLISHED"
}
