package echo

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/answer"
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
	// EventID is "" where what came in only says where to look.
	EventID    string
	Executions []Started
	// Dropped says why it was no event; empty when it was accepted.
	Dropped string
}

// Hook is a webhook or a pushed message as it came in.
type Hook struct {
	// Kind and Source are the last two elements of the path: type and source, or message system and subscription.
	Kind, Source string
	Header       http.Header
	// Raw is the body as it came, Payload what it says.
	Raw     []byte
	Payload map[string]any
	// SignedIn says that the sender has an API token that may send events.
	SignedIn bool
}

// Subscription is a subscription whose messages are pushed to the agent.
type Subscription struct {
	System string `json:"pubsubSystem"`
	Name   string `json:"subscriptionName"`
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
	// MoreVerdicts says that there are more verdicts than these.
	MoreVerdicts bool `json:"moreVerdicts,omitempty"`
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
	// PipelineConfigID selects the verdicts of one pipeline, and the events that it has some on.
	PipelineConfigID string
	Page
}

// Page is a part of a list: Limit from the one after Offset.
type Page struct{ Offset, Limit int }

// Feed is how a registry, chart repository or Jenkins master that is looked at for events fares.
type Feed struct {
	// Kind is docker, ecr, helm or jenkins, Account the name of the account or master.
	Kind            string `json:"kind"`
	Account         string `json:"account"`
	IntervalSeconds int64  `json:"intervalSeconds"`
	// LastLook is when a cycle ended last, LastSuccess when the last one did that could look, NextLook when the next is due;
	// 0 before the first.
	LastLook    spinnaker.Millis `json:"lastLook"`
	LastSuccess spinnaker.Millis `json:"lastSuccess"`
	NextLook    spinnaker.Millis `json:"nextLook"`
	// Error is why the last cycle could not look.
	Error string `json:"error,omitempty"`
	// Items are how many repositories, charts or jobs are looked at, Failing how many of them have a problem; Problems names some.
	Items    int           `json:"items"`
	Failing  int           `json:"failing"`
	Problems []FeedProblem `json:"problems"`
	// Holder is the agent process that looks, by its id, and Host where it runs; empty when none does.
	Holder string `json:"holder,omitempty"`
	Host   string `json:"host,omitempty"`
}

// FeedProblem is what is wrong with one repository, chart or job.
type FeedProblem struct {
	Item  string `json:"item"`
	Error string `json:"error"`
}

// QuietPeriod is the time in which some triggers start nothing. Its times are -1 when there is none.
type QuietPeriod struct {
	Enabled   bool             `json:"enabled"`
	Now       bool             `json:"inQuietPeriod"`
	StartTime spinnaker.Millis `json:"startTime"`
	EndTime   spinnaker.Millis `json:"endTime"`
}

// Intake accepts events and explains them.
type Intake interface {
	// Webhook accepts a webhook, Message a pushed message: they are durable when it returns.
	Webhook(ctx context.Context, hook Hook) (Receipt, error)
	Message(ctx context.Context, hook Hook) (Receipt, error)
	// Build accepts a finished build in the form of Igor's build event.
	Build(ctx context.Context, event map[string]any) (Receipt, error)
	// Post accepts an event of another poller, of a type other than a build's.
	Post(ctx context.Context, user string, event map[string]any) (Receipt, error)
	// Event returns a 404 for an unknown id. The page is one of its verdicts.
	Event(ctx context.Context, id string, page Page) (Event, error)
	Events(ctx context.Context, query EventQuery) ([]Event, error)
	// Replay is Event with what the triggers would make of it now; nothing is started.
	Replay(ctx context.Context, id string) (Event, error)
	Subscriptions() []Subscription
	// Feeds says how each feed fares.
	Feeds(ctx context.Context) ([]Feed, error)
	QuietPeriod() QuietPeriod
	// DescribeCron says in words when a cron expression fires, or what is wrong with it.
	DescribeCron(expression string) (string, error)
}

// API serves Echo's paths.
type API struct {
	Intake Intake
	// User names the caller of a request; "" is one who has not signed in.
	User func(*gin.Context) string
}

// Register adds the routes.
func (a *API) Register(r gin.IRouter) {
	r.POST("/webhooks/:type", answer.OK(a.webhook))
	r.POST("/webhooks/:type/:source", answer.OK(a.webhook))
	r.POST("/", answer.OK(a.event))
	r.GET("/validateCronExpression", answer.OK(a.validateCron))
	r.GET("/cron/validate", answer.OK(a.cron))
	r.GET("/capabilities/quietPeriod", answer.OK(a.quietPeriod))
	r.GET("/pubsub/subscriptions", answer.OK(a.subscriptions))
	own := r.Group("/gennaker", versioned)
	own.POST("/pubsub/:system/:subscription", answer.OK(a.message))
	own.GET("/events", answer.OK(a.events))
	own.GET("/events/:id", answer.OK(a.oneEvent))
	own.GET("/events/:id/replay", answer.OK(a.replay))
	own.GET("/pipelines/:id/events", answer.OK(a.pipelineEvents))
	own.GET("/feeds", answer.OK(a.feeds))
}

// version of our own addresses: it rises when a member is removed or changes its meaning; new ones come at any time.
const version = "1"

func versioned(c *gin.Context) { c.Header("X-Gennaker-Api", version) }
