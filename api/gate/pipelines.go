package gate

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func (a *API) pipelineConfigs(c *gin.Context) (any, error) { return a.configs(c, app(c)) }

func (a *API) allPipelineConfigs(c *gin.Context) (any, error) { return a.configs(c, "") }

func (a *API) configs(c *gin.Context, application string) (any, error) {
	pipelines, err := a.Catalog.Pipelines(c, application)
	if err != nil {
		return nil, err
	}
	if pipelines == nil {
		pipelines = []spinnaker.Pipeline{}
	}
	return pipelines, nil
}

func (a *API) pipelineConfig(c *gin.Context) (any, error) {
	return a.Catalog.Pipeline(c, app(c), c.Param("name"))
}

func (a *API) pipelineHistory(c *gin.Context) (any, error) {
	limit, err := number(c, "limit", 20)
	if err != nil {
		return nil, err
	}
	return a.Catalog.PipelineHistory(c, c.Param("id"), int(limit))
}

// WarningsHeader carries what is odd about a saved pipeline, one header a finding: Gate's answer has an empty body.
const WarningsHeader = "X-Gennaker-Warning"

func warn(c *gin.Context, warnings []string) {
	for _, warning := range warnings {
		c.Writer.Header().Add(WarningsHeader, strings.ReplaceAll(warning, "\n", " "))
	}
}

func (a *API) savePipeline(c *gin.Context) (any, error) {
	var p spinnaker.Pipeline
	if err := body(c, &p, false); err != nil {
		return nil, err
	}
	_, warnings, err := a.Catalog.SavePipeline(c, a.User(c), p, flag(c, "staleCheck", false))
	warn(c, warnings)
	return nil, err
}

func (a *API) updatePipeline(c *gin.Context) (any, error) {
	var p spinnaker.Pipeline
	if err := body(c, &p, false); err != nil {
		return nil, err
	}
	stored, warnings, err := a.Catalog.UpdatePipeline(c, a.User(c), c.Param("id"), p, flag(c, "staleCheck", false))
	warn(c, warnings)
	if err != nil {
		return nil, err
	}
	return stored, nil
}

func (a *API) deletePipeline(c *gin.Context) (any, error) {
	return nil, a.Catalog.DeletePipeline(c, a.User(c), strings.ToLower(c.Param("id")), c.Param("name"))
}

func (a *API) reorderPipelines(c *gin.Context) (any, error) {
	var order struct {
		Application  string         `json:"application"`
		IDsToIndices map[string]int `json:"idsToIndices"`
	}
	if err := body(c, &order, false); err != nil {
		return nil, err
	}
	if order.Application == "" {
		return nil, spinnaker.Invalid("`application` is required field on request body")
	}
	if order.IDsToIndices == nil {
		return nil, spinnaker.Invalid("`idsToIndices` is required field on request body")
	}
	return nil, a.Catalog.ReorderPipelines(c, a.User(c), strings.ToLower(order.Application), order.IDsToIndices)
}

// startPipeline serves POST /pipelines/{app}/{nameOrId} and its deprecated form under /applications.
func (a *API) startPipeline(c *gin.Context) (any, error) {
	application := app(c)
	if application == "" {
		application = strings.ToLower(c.Param("id"))
	}
	_, id, err := a.start(c, application)
	if err != nil {
		return nil, err
	}
	return gin.H{"ref": "/pipelines/" + id}, nil
}

// startPipelineV2 is Deck's start: the same, with the event's id in the answer.
func (a *API) startPipelineV2(c *gin.Context) (any, error) {
	trigger, id, err := a.start(c, app(c))
	if err != nil {
		return nil, err
	}
	return gin.H{"ref": "/pipelines/" + id, "eventId": trigger.Text("eventId")}, nil
}

func (a *API) start(c *gin.Context, application string) (spinnaker.Trigger, string, error) {
	trigger := spinnaker.Trigger{}
	if err := body(c, &trigger, true); err != nil {
		return nil, "", err
	}
	p, err := a.Catalog.Pipeline(c, application, c.Param("name"))
	if err != nil {
		return nil, "", err
	}
	id, err := a.Executions.Start(c, a.User(c), p, trigger)
	return trigger, id, err
}

// startUnsaved serves POST /pipelines/start: a whole pipeline that need not be stored.
func (a *API) startUnsaved(c *gin.Context) (any, error) {
	var p spinnaker.Pipeline
	if err := body(c, &p, false); err != nil {
		return nil, err
	}
	if p.Application == "" {
		return nil, &spinnaker.Error{Status: http.StatusBadRequest, Message: "pipeline: `application` is missing"}
	}
	trigger, _ := p.Document["trigger"].(map[string]any)
	if trigger == nil {
		trigger = map[string]any{}
	}
	id, err := a.Executions.Start(c, a.User(c), p, trigger)
	if err != nil {
		return nil, err
	}
	return gin.H{"ref": "/pipelines/" + id}, nil
}
