package echo

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// kindBuild is the type of the events of finished builds.
const kindBuild = "build"

// webhook serves POST /webhooks/{type}/{source}. Without a source in the path, the body names it.
//
// Source: spinnaker/spinnaker echo/echo-webhooks controllers/WebhooksController.groovy.
func (a *API) webhook(c *gin.Context) (any, error) {
	hook, err := a.read(c, c.Param("type"), c.Param("source"))
	if err != nil {
		return nil, err
	}
	if hook.Source == "" {
		hook.Source, _ = hook.Payload["source"].(string)
	}
	var receipt Receipt
	if strings.EqualFold(hook.Kind, kindBuild) && hook.SignedIn {
		receipt, err = a.Intake.Build(c, hook.Payload)
	} else {
		receipt, err = a.Intake.Webhook(c, hook)
	}
	return receiptOf(receipt, err)
}

// message serves POST /gennaker/pubsub/{system}/{subscription}.
func (a *API) message(c *gin.Context) (any, error) {
	hook, err := a.read(c, c.Param("system"), c.Param("subscription"))
	if err != nil {
		return nil, err
	}
	return receiptOf(a.Intake.Message(c, hook))
}

// read reads a request with a body.
func (a *API) read(c *gin.Context, kind, source string) (Hook, error) {
	raw, payload, err := readObject(c.Request)
	return Hook{Kind: kind, Source: source, Header: c.Request.Header, Raw: raw, Payload: payload, SignedIn: a.User(c) != ""}, err
}

func receiptOf(receipt Receipt, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if receipt.Dropped != "" {
		return gin.H{"eventProcessed": false, "reason": receipt.Dropped}, nil
	}
	out := gin.H{"eventProcessed": true}
	if receipt.EventID != "" {
		out["eventId"] = receipt.EventID
	}
	if len(receipt.Executions) > 0 {
		out["executions"] = receipt.Executions
	}
	return out, nil
}

// event serves Echo's own door for events of other pollers: {"details":{"type":"build"},"content":{…}}.
func (a *API) event(c *gin.Context) (any, error) {
	_, event, err := readObject(c.Request)
	if err != nil {
		return nil, err
	}
	details, _ := event["details"].(map[string]any)
	if kind, _ := details["type"].(string); kind == kindBuild {
		_, err = a.Intake.Build(c, event)
	} else {
		_, err = a.Intake.Post(c, a.User(c), event)
	}
	return nil, err
}

// readObject reads a body that is a JSON object, whatever its content type says, or a form whose `payload` is one, as
// GitHub sends it. An empty body is an empty object. raw is the body as it came.
func readObject(r *http.Request) (raw []byte, payload map[string]any, err error) {
	raw, err = spinnaker.ReadBody(r)
	if err != nil {
		return nil, nil, err
	}
	data := raw
	if payload, ok := formPayload(r, data); ok {
		data = payload
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return raw, map[string]any{}, nil
	}
	if err := spinnaker.DecodeForeign(data, &payload); err != nil {
		return nil, nil, spinnaker.Invalid("the webhook's body is not a JSON object: %v", err)
	}
	if payload == nil {
		return nil, nil, spinnaker.Invalid("the webhook's body is null, expected a JSON object")
	}
	return raw, payload, nil
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
