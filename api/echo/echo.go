package echo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// Started is an execution that an event started at once.
type Started struct {
	Application string `json:"application"`
	Pipeline    string `json:"pipeline"`
	Ref         string `json:"ref"`
}

// Receipt is what became of an accepted event.
type Receipt struct {
	EventID    string
	Executions []Started
}

// Event is an accepted event with the verdicts on it.
type Event struct {
	ID         string           `json:"id"`
	Type       string           `json:"type"`
	Source     string           `json:"source"`
	Name       string           `json:"name,omitempty"`
	Number     int64            `json:"number,omitempty"`
	Key        string           `json:"key"`
	ReceivedAt spinnaker.Millis `json:"receivedAt"`
	Verdicts   []Verdict        `json:"verdicts"`
}

// Verdict says what a trigger made of an event.
type Verdict struct {
	Application      string           `json:"application"`
	Pipeline         string           `json:"pipeline"`
	PipelineConfigID string           `json:"pipelineConfigId"`
	Trigger          string           `json:"trigger"`
	Outcome          string           `json:"outcome"`
	Reason           string           `json:"reason"`
	ExecutionID      string           `json:"executionId,omitempty"`
	At               spinnaker.Millis `json:"at"`
}

// EventQuery selects events. Empty fields do not restrict.
type EventQuery struct {
	Type, Source, Name string
	// Number is a build's number; 0 does not restrict.
	Number int64
	Limit  int
}

// Intake accepts events and explains them.
type Intake interface {
	// Webhook accepts a webhook's body: it is durable when Webhook returns.
	Webhook(ctx context.Context, kind, source string, payload map[string]any) (Receipt, error)
	// Build accepts a finished build in the form of Igor's build event.
	Build(ctx context.Context, event map[string]any) (Receipt, error)
	Event(ctx context.Context, id string) (Event, error)
	Events(ctx context.Context, query EventQuery) ([]Event, error)
}

// API serves Echo's paths.
type API struct {
	Intake Intake
}

// Register adds the routes.
func (a *API) Register(r gin.IRouter) {
	r.POST("/webhooks/:type", a.webhook)
	r.POST("/webhooks/:type/:source", a.webhook)
	r.POST("/", a.event)
	r.GET("/gennaker/events", a.events)
	r.GET("/gennaker/events/:id", a.oneEvent)
}

// webhook serves POST /webhooks/{type}/{source}. Without a source in the path, the body names it.
func (a *API) webhook(c *gin.Context) {
	payload, err := object(c)
	if err != nil {
		c.Error(err)
		return
	}
	source := c.Param("source")
	if source == "" {
		source, _ = payload["source"].(string)
	}
	receipt, err := a.Intake.Webhook(c, c.Param("type"), source, payload)
	if err != nil {
		c.Error(err)
		return
	}
	answer := gin.H{"eventProcessed": true, "eventId": receipt.EventID}
	if len(receipt.Executions) > 0 {
		answer["executions"] = receipt.Executions
	}
	c.JSON(http.StatusOK, answer)
}

// event serves Echo's own door for events of other pollers: {"details":{"type":"build"},"content":{…}}.
func (a *API) event(c *gin.Context) {
	event, err := object(c)
	if err != nil {
		c.Error(err)
		return
	}
	details, _ := event["details"].(map[string]any)
	if kind, _ := details["type"].(string); kind != "build" {
		c.Error(spinnaker.Invalid("event: found details.type %q, expected \"build\"; send other events to /webhooks/{type}/{source}", kind))
		return
	}
	if _, err := a.Intake.Build(c, event); err != nil {
		c.Error(err)
		return
	}
	c.Status(http.StatusOK)
}

func (a *API) oneEvent(c *gin.Context) {
	event, err := a.Intake.Event(c, c.Param("id"))
	if err != nil {
		c.Error(err)
		return
	}
	c.JSON(http.StatusOK, event)
}

// events serves GET /gennaker/events?type=build&source=MASTER&name=JOB&number=N&limit=.
func (a *API) events(c *gin.Context) {
	query := EventQuery{Type: c.Query("type"), Source: c.Query("source"), Name: c.Query("name"), Limit: 50}
	for key, into := range map[string]func(int64){
		"number": func(n int64) { query.Number = n },
		"limit":  func(n int64) { query.Limit = int(n) },
	} {
		value := c.Query(key)
		if value == "" {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 1 {
			c.Error(spinnaker.Invalid("query parameter %s: found %q, expected a whole number from 1", key, value))
			return
		}
		into(n)
	}
	events, err := a.Intake.Events(c, query)
	if err != nil {
		c.Error(err)
		return
	}
	if events == nil {
		events = []Event{}
	}
	c.JSON(http.StatusOK, events)
}

// object reads the body as a JSON object, whatever its content type says; an empty body is an empty object.
func object(c *gin.Context) (map[string]any, error) {
	data, err := io.ReadAll(c.Request.Body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &spinnaker.Error{Status: http.StatusRequestEntityTooLarge,
			Message: "the webhook's body is larger than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes"}
	}
	if err != nil {
		return nil, spinnaker.Invalid("the webhook's body did not arrive whole: %v", err)
	}
	if strings.TrimSpace(string(data)) == "" {
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
