package app

import (
	"maps"
	"slices"

	"github.com/gennaker/gennaker/agent/internal/config"
)

// describeWebhooks lists the preconfigured webhooks as Deck reads them: it hides the fields that they fix.
//
// Source: spinnaker/spinnaker orca/orca-web controllers/PreconfiguredWebhookController.groovy, and
// orca/orca-webhook webhook/config/WebhookProperties.java.
func describeWebhooks(list []config.PreconfiguredWebhook) []map[string]any {
	var described []map[string]any
	for _, webhook := range list {
		if webhook.Disabled() {
			continue
		}
		fixed := webhook.Fixed()
		properties := slices.Collect(maps.Keys(fixed))
		if len(webhook.CustomHeaders) > 0 {
			properties = append(properties, "customHeaders")
		}
		slices.Sort(properties)
		described = append(described, map[string]any{
			"type": webhook.Type, "label": webhook.Label, "description": webhook.Description,
			"waitForCompletion": webhook.WaitForCompletion, "preconfiguredProperties": properties,
			"noUserConfigurableFields": leavesNothing(webhook, properties),
			"parameters":               append([]config.PreconfiguredParameter{}, webhook.Parameters...),
			"parameterData":            parameterDataOf(webhook), "producesArtifacts": false, "permissions": permissionsOf(webhook),
		})
	}
	return described
}

// parameterDataOf is what a webhook says of its parameters' values, or nil.
func parameterDataOf(webhook config.PreconfiguredWebhook) any {
	if len(webhook.ParameterData) == 0 {
		return nil
	}
	return webhook.ParameterData
}

// permissionsOf are a webhook's permissions, or nil.
func permissionsOf(webhook config.PreconfiguredWebhook) any {
	if len(webhook.Permissions.Read)+len(webhook.Permissions.Write) == 0 {
		return nil
	}
	return webhook.Permissions
}

// leavesNothing says whether a webhook fixes all that a stage could say.
func leavesNothing(webhook config.PreconfiguredWebhook, properties []string) bool {
	if webhook.WaitForCompletion == nil {
		return false
	}
	all := []string{"url", "customHeaders", "method", "payload"}
	if *webhook.WaitForCompletion {
		all = append(all, "failFastStatusCodes", "statusUrlResolution", "statusJsonPath", "progressJsonPath", "successStatuses",
			"canceledStatuses", "terminalStatuses", "cancelEndpoint", "cancelMethod", "cancelPayload", "waitBeforeMonitor", "retryStatusCodes")
		if webhook.StatusURLResolution == "webhookResponse" {
			all = append(all, "statusUrlJsonPath")
		}
	}
	return !slices.ContainsFunc(all, func(key string) bool { return !slices.Contains(properties, key) })
}
