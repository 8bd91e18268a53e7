package echo

import (
	"context"
	"net/http"

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
	// Event returns a 404 for an unknown id.
	Event(ctx context.Context, id string) (Event, error)
	Events(ctx context.Context, query EventQuery) ([]Event, error)
}

// API serves Echo's paths.
type API struct {
	Intake Intake
}

// Register adds the routes.
func (a *API) Register(r gin.IRouter) {
	r.POST("/webhooks/:type", answer(a.webhook))
	r.POST("/webhooks/:type/:source", answer(a.webhook))
	r.POST("/", answer(a.event))
	r.GET("/gennaker/events", answer(a.events))
	r.GET("/gennaker/events/:id", answer(a.oneEvent))
}

// answer answers 200 with a value as JSON, nothing when it is nil, or an error.
func answer(h func(c *gin.Context) (any, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		value, err := h(c)
		switch {
		case err != nil:
			c.Error(err)
		case value == nil:
			c.Status(http.StatusOK)
		default:
			c.JSON(http.StatusOK, value)
		}
	}
}
