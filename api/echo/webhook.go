package echo

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// kindBuild is the type of the events of finished builds.
const kindBuild = "build"

// scmSources are the sources of webhooks of type git.
var scmSources = []string{"github", "gitlab", "stash", "bitbucket"}

// webhook serves POST /webhooks/{type}/{source}. Without a source in the path, the body names it.
//
// Source: spinnaker/spinnaker echo/echo-webhooks controllers/WebhooksController.groovy.
func (a *API) webhook(c *gin.Context) (any, error) {
	payload, err := readObject(c.Request)
	if err != nil {
		return nil, err
	}
	kind, source := c.Param("type"), c.Param("source")
	if strings.EqualFold(kind, "webhook") {
		kind = "webhook"
	}
	if source == "" {
		source, _ = payload["source"].(string)
	}
	if kind == "git" && !slices.Contains(scmSources, source) {
		return nil, spinnaker.Invalid("Invalid SCM handler source<%s>, expected one of %s", source, strings.Join(scmSources, ", "))
	}
	var receipt Receipt
	if strings.EqualFold(kind, kindBuild) {
		receipt, err = a.Intake.Build(c, payload)
	} else {
		receipt, err = a.Intake.Webhook(c, kind, source, payload)
	}
	if err != nil {
		return nil, err
	}
	out := gin.H{"eventProcessed": true, "eventId": receipt.EventID}
	if len(receipt.Executions) > 0 {
		out["executions"] = receipt.Executions
	}
	return out, nil
}

// event serves Echo's own door for events of other pollers: {"details":{"type":"build"},"content":{…}}.
func (a *API) event(c *gin.Context) (any, error) {
	event, err := readObject(c.Request)
	if err != nil {
		return nil, err
	}
	details, _ := event["details"].(map[string]any)
	if kind, _ := details["type"].(string); kind != kindBuild {
		return nil, spinnaker.Invalid("event: found details.type %q, expected \"build\"; send other events to /webhooks/{type}/{source}", kind)
	}
	_, err = a.Intake.Build(c, event)
	return nil, err
}

// readObject reads a body that is a JSON object, whatever its content type says, or a form whose `payload` is one, as
// GitHub sends it. An empty body is an empty object.
func readObject(r *http.Request) (map[string]any, error) {
	data, err := spinnaker.ReadBody(r)
	if err != nil {
		return nil, err
	}
	if payload, ok := formPayload(r, data); ok {
		data = payload
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return map[string]any{}, nil
	}
	var payload map[string]any
	if err := spinnaker.Decode(data, &payload); err != nil {
		return nil, spinnaker.Invalid("the webhook's body is not a JSON object: %v", err)
	}
	if payload == nil {
		return nil, spinnaker.Invalid("the webhook's body is null, expected a JSON object")
	}
	return payload, nil
}

// formPayload is the field `payload` of a form.
func formPayload(r *http.Request, data []byte) (payload []byte, ok bool) {
	const form = "application/x-www-form-urlencoded"
	if spinnaker.MediaType(r) != form || !bytes.HasPrefix(data, []byte("payload=")) {
		return nil, false
	}
	fields, err := url.ParseQuery(string(data))
	if err != nil {
		return nil, false
	}
	return []byte(fields.Get("payload")), true
}
