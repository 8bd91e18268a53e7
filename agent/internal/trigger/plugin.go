package trigger

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// pluginFields are what a release of a plugin adds to the trigger that it fires.
var pluginFields = [...]string{"pluginId", "description", "provider", "version", "releaseDate", "requires", "parsedRequires",
	"binaryUrl", "sha512sum", "preferred"}

// pluginEventType is the event that a trigger of type `plugin` means; PUBLISHED when it names none.
func pluginEventType(named string) string { return strings.ToUpper(cmp.Or(named, "PUBLISHED")) }

// matchPlugin is the rule of type `plugin`: the type of event (the key) is all that counts.
//
// Source: spinnaker/spinnaker echo/echo-pipelinetriggers eventhandlers/PluginEventHandler.java.
func matchPlugin(t spinnaker.Trigger, event Event) Verdict {
	data := map[string]any{}
	for _, field := range pluginFields {
		if value := event.Payload[field]; value != nil {
			data[field] = value
		}
	}
	release := spinnaker.Trigger(event.Payload)
	reason := fmt.Sprintf("plugin %q version %q: %s", release.Text("pluginId"), release.Text("version"), event.Source)
	return fires(Fires, reason, t, event, data)
}
