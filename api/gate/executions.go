package gate

import (
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func (a *API) execution(c *gin.Context) (any, error) {
	execution, err := a.Executions.Execution(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	if execution.Type != spinnaker.PipelineExecution {
		return nil, spinnaker.NotFound("Pipeline not found (id: %s)", c.Param("id"))
	}
	return execution, nil
}

// executions serves GET /executions: by ids in their order, or the newest of each configuration.
func (a *API) executions(c *gin.Context) (any, error) {
	ids, configs := list(c, "executionIds"), list(c, "pipelineConfigIds")
	switch {
	case len(ids) > 0 && len(configs) > 0:
		return nil, spinnaker.Invalid("Only pipelineConfigIds OR executionIds can be specified")
	case len(ids) > 0:
		found, err := a.Executions.Executions(c, Query{IDs: ids, Limit: len(ids)})
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(found, func(x, y *spinnaker.Execution) int {
			return slices.Index(ids, x.ID) - slices.Index(ids, y.ID)
		})
		return shown(c, found, true), nil
	case len(configs) > 0:
		limit, err := number(c, "limit", 1)
		if err != nil {
			return nil, err
		}
		return a.newest(c, configs, int(limit))
	default:
		return []any{}, nil
	}
}

func (a *API) applicationPipelines(c *gin.Context) (any, error) {
	limit, err := number(c, "limit", 10)
	if err != nil {
		return nil, err
	}
	most, err := number(c, "pipelineLimit", math.MaxInt32)
	if err != nil {
		return nil, err
	}
	pipelines, err := a.Catalog.Pipelines(c, app(c))
	if err != nil {
		return nil, err
	}
	filter := strings.ToLower(c.Query("pipelineNameFilter"))
	var configs []string
	for _, p := range pipelines {
		if strings.Contains(strings.ToLower(p.Name), filter) && int64(len(configs)) < most {
			configs = append(configs, p.ID)
		}
	}
	return a.newest(c, configs, int(limit))
}

// newest lists up to limit of the newest executions of each configuration, by start time.
func (a *API) newest(c *gin.Context, configs []string, limit int) (any, error) {
	var all []*spinnaker.Execution
	if limit > 0 {
		for _, config := range configs {
			found, err := a.Executions.Executions(c, Query{Type: spinnaker.PipelineExecution,
				PipelineConfigIDs: []string{config}, Statuses: statuses(c), Limit: limit})
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	slices.SortFunc(all, func(x, y *spinnaker.Execution) int {
		if x.StartTime != y.StartTime {
			return int(x.StartTime - y.StartTime)
		}
		return strings.Compare(y.ID, x.ID)
	})
	return shown(c, all, true), nil
}

// search serves GET /applications/{app}/executions/search.
//
// Source: spinnaker/spinnaker orca/orca-web controllers/TaskController.groovy.
func (a *API) search(c *gin.Context) (any, error) {
	query := Query{Type: spinnaker.PipelineExecution, PipelineName: c.Query("pipelineName"), EventID: c.Query("eventId"),
		Statuses: statuses(c), OldestFirst: flag(c, "reverse", false)}
	if name := app(c); name != "*" {
		query.Application = name
	}
	if types := list(c, "triggerTypes"); !slices.Contains(types, "*") {
		query.TriggerTypes = types
	}
	bounds := []struct {
		key  string
		into *spinnaker.Millis
	}{{"triggerTimeStartBoundary", &query.BuiltFrom}, {"triggerTimeEndBoundary", &query.BuiltTo}}
	for _, bound := range bounds {
		value, err := number(c, bound.key, 0)
		if err != nil {
			return nil, err
		}
		if value < 0 {
			return nil, spinnaker.Invalid("%s must be >= 0: %s=%d", bound.key, bound.key, value)
		}
		*bound.into = spinnaker.Millis(value)
	}
	if query.BuiltTo != 0 && query.BuiltFrom > query.BuiltTo {
		return nil, spinnaker.Invalid("triggerTimeStartBoundary must be <= triggerTimeEndBoundary: triggerTimeStartBoundary=%d, triggerTimeEndBoundary=%d",
			query.BuiltFrom, query.BuiltTo)
	}
	start, err := number(c, "startIndex", 0)
	if err != nil {
		return nil, err
	}
	size, err := number(c, "size", 10)
	if err != nil {
		return nil, err
	}
	if start < 0 {
		return nil, spinnaker.Invalid("startIndex must be >= 0: startIndex=%d", start)
	}
	if size <= 0 {
		return nil, spinnaker.Invalid("size must be > 0: size=%d", size)
	}
	query.Offset, query.Limit = int(start), int(size)
	found, err := a.Executions.Executions(c, query)
	if err != nil {
		return nil, err
	}
	return shown(c, found, false), nil
}

// shown applies `expand`: without it, stages come without context, outputs and tasks.
func shown(c *gin.Context, executions []*spinnaker.Execution, expandByDefault bool) []*spinnaker.Execution {
	if executions == nil {
		executions = []*spinnaker.Execution{}
	}
	if flag(c, "expand", expandByDefault) {
		return executions
	}
	for _, execution := range executions {
		for _, stage := range execution.Stages {
			group, grouped := stage.Context["group"]
			stage.Context, stage.Outputs, stage.Tasks = map[string]any{}, nil, nil
			if grouped {
				stage.Context["group"] = group
			}
		}
	}
	return executions
}

func (a *API) cancel(c *gin.Context) (any, error) {
	return nil, a.Executions.Cancel(c, a.User(c), c.Param("id"), c.Query("reason"))
}

func (a *API) pause(c *gin.Context) (any, error) {
	return nil, a.Executions.Pause(c, a.User(c), c.Param("id"))
}

func (a *API) resume(c *gin.Context) (any, error) {
	return nil, a.Executions.Resume(c, a.User(c), c.Param("id"))
}

func (a *API) delete(c *gin.Context) (any, error) {
	return nil, a.Executions.Delete(c, a.User(c), c.Param("id"))
}

func (a *API) patchStage(c *gin.Context) (any, error) {
	var values map[string]any
	if err := body(c, &values, false); err != nil {
		return nil, err
	}
	return a.Executions.PatchStage(c, a.User(c), c.Param("id"), c.Param("stage"), values)
}

func (a *API) restartStage(c *gin.Context) (any, error) {
	return a.Executions.RestartStage(c, a.User(c), c.Param("id"), c.Param("stage"))
}

// evaluateExpression serves all forms: GET with a query, POST with text or {"expression": …}.
func (a *API) evaluateExpression(c *gin.Context) (any, error) {
	text := c.Query("expression")
	if text == "" && c.Request.Body != nil {
		data, err := io.ReadAll(c.Request.Body)
		if err != nil {
			return nil, spinnaker.Invalid("the request body did not arrive whole: %v", err)
		}
		text = string(data)
		var wrapped struct {
			Expression string `json:"expression"`
		}
		if json.Unmarshal(data, &wrapped) == nil && wrapped.Expression != "" {
			text = wrapped.Expression
		}
	}
	if text == "" {
		return nil, spinnaker.Invalid("expression is missing: give it as the query parameter `expression` or as the body")
	}
	result, detail, err := a.Executions.Evaluate(c, c.Param("id"), c.Param("stage"), text)
	if err != nil {
		return nil, err
	}
	if detail == nil {
		detail = map[string]any{}
	}
	return gin.H{"result": result, "detail": detail}, nil
}
