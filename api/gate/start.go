package gate

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// startPipeline serves POST /pipelines/{app}/{nameOrId} and its deprecated form under /applications.
func (a *API) startPipeline(c *gin.Context) (any, error) {
	application := app(c)
	if application == "" {
		application = strings.ToLower(c.Param("id"))
	}
	_, id, err := a.startStored(c, application)
	if err != nil {
		return nil, err
	}
	return object{"ref": "/pipelines/" + id}, nil
}

// startPipelineV2 is Deck's start: the same, with the event's id in the answer.
func (a *API) startPipelineV2(c *gin.Context) (any, error) {
	trigger, id, err := a.startStored(c, app(c))
	if err != nil {
		return nil, err
	}
	return object{"ref": "/pipelines/" + id, "eventId": trigger.Text("eventId")}, nil
}

func (a *API) startStored(c *gin.Context, application string) (trigger spinnaker.Trigger, id string, err error) {
	if err := body(c, &trigger, true); err != nil {
		return nil, "", err
	}
	p, err := a.Catalog.Pipeline(c, application, c.Param("name"))
	if err != nil {
		return nil, "", err
	}
	trigger = unwrapped(trigger)
	id, err = a.Executions.Start(c, a.caller(c), p, trigger)
	return trigger, id, err
}

// unwrapped takes the trigger out of the object into which newer versions of spin put it, and makes one where there is none.
func unwrapped(trigger spinnaker.Trigger) spinnaker.Trigger {
	if inner := trigger.Object("trigger"); inner != nil && len(trigger) == 1 {
		return inner
	}
	if trigger == nil {
		return spinnaker.Trigger{}
	}
	return trigger
}

// startUnsaved serves POST /pipelines/start: a whole pipeline that need not be stored.
func (a *API) startUnsaved(c *gin.Context) (any, error) {
	var p spinnaker.Pipeline
	if err := body(c, &p, false); err != nil {
		return nil, err
	}
	p.Application = strings.ToLower(p.Application)
	if p.Application == "" {
		return nil, spinnaker.Invalid("pipeline: `application` is missing")
	}
	trigger, _ := p.Document["trigger"].(map[string]any)
	id, err := a.Executions.Start(c, a.caller(c), p, unwrapped(spinnaker.Clone(trigger)))
	if err != nil {
		return nil, err
	}
	return object{"ref": "/pipelines/" + id}, nil
}

// caller is who sends the request, and with which client.
func (a *API) caller(c *gin.Context) Caller {
	origin := "api"
	if strings.EqualFold(c.GetHeader("X-RateLimit-App"), "deck") {
		origin = "deck"
	}
	return Caller{User: a.User(c), Origin: origin}
}
