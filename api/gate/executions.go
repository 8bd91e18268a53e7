package gate

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// history is how far back lists go; oldRuns is how many runs of a pipeline are shown that has none since then.
	history = 14 * 24 * time.Hour
	oldRuns = 2
)

// find returns the execution with that id, if it is of that type.
func (a *API) find(c *gin.Context, kind spinnaker.ExecutionType, id string) (*spinnaker.Execution, error) {
	execution, err := a.Executions.Execution(c, id)
	if isNotFound(err) || err == nil && execution.Type != kind {
		return nil, spinnaker.NotFound("No %s found for %s", kind, id)
	}
	return execution, err
}

// execution serves GET /pipelines/{id}.
func (a *API) execution(c *gin.Context) (any, error) {
	execution, err := a.find(c, spinnaker.PipelineExecution, c.Param("id"))
	if isNotFound(err) {
		return nil, spinnaker.NotFound("Pipeline not found (id: %s)", c.Param("id"))
	}
	if err != nil {
		return nil, err
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
		expand := flag(c, "expand", true)
		found, err := a.Executions.Executions(c, Query{IDs: ids, Limit: len(ids), Brief: !expand})
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(found, func(x, y *spinnaker.Execution) int {
			return cmp.Compare(slices.Index(ids, x.ID), slices.Index(ids, y.ID))
		})
		return shown(found, expand), nil
	case len(configs) > 0:
		limit, err := count(c, "limit", 1)
		if err != nil {
			return nil, err
		}
		return a.newest(c, configs, limit)
	default:
		return []any{}, nil
	}
}

// applicationPipelines serves GET /applications/{app}/pipelines: the newest executions of its configurations.
func (a *API) applicationPipelines(c *gin.Context) (any, error) {
	limit, err := count(c, "limit", 10)
	if err != nil {
		return nil, err
	}
	most, err := number(c, "pipelineLimit", math.MaxInt64)
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
	return a.newest(c, configs, limit)
}

// newest lists up to limit of the newest executions of each configuration, by start time.
//
// Source: spinnaker/spinnaker orca/orca-web controllers/TaskController.groovy, filterPipelinesByHistoryCutoff.
func (a *API) newest(c *gin.Context, configs []string, limit int) (any, error) {
	wanted, err := statuses(c)
	if err != nil {
		return nil, err
	}
	expand := flag(c, "expand", true)
	var all []*spinnaker.Execution
	if limit == 0 {
		configs = nil
	}
	for _, config := range configs {
		found, err := a.Executions.Executions(c, Query{Type: spinnaker.PipelineExecution,
			PipelineConfigIDs: []string{config}, Statuses: wanted, Limit: limit, Brief: !expand})
		if err != nil {
			return nil, err
		}
		all = append(all, recent(found, time.Now())...)
	}
	slices.SortFunc(all, func(x, y *spinnaker.Execution) int {
		return cmp.Or(cmp.Compare(x.StartTime, y.StartTime), strings.Compare(y.ID, x.ID))
	})
	return shown(all, expand), nil
}

// recent are the executions, newest first, that have not started or have since the history began; without any, the
// newest of the older ones.
func recent(executions []*spinnaker.Execution, now time.Time) []*spinnaker.Execution {
	since := spinnaker.MillisOf(now.Add(-history))
	var out []*spinnaker.Execution
	for _, execution := range executions {
		if execution.StartTime == 0 || execution.StartTime > since {
			out = append(out, execution)
		}
	}
	if out == nil {
		return executions[:min(len(executions), oldRuns)]
	}
	return out
}

// shown applies `expand`: without it, stages come without context, outputs and tasks, and so do those of the executions
// that started this one.
func shown(executions []*spinnaker.Execution, expand bool) []*spinnaker.Execution {
	if executions == nil {
		return []*spinnaker.Execution{}
	}
	if expand {
		return executions
	}
	for _, execution := range executions {
		for _, stage := range execution.Stages {
			stage.Context, stage.Outputs, stage.Tasks = grouped(stage.Context), nil, nil
		}
		emptyParents(execution.Trigger)
	}
	return executions
}

// emptyParents empties the stages of the execution that started the one of the trigger, and of those before it.
func emptyParents(trigger map[string]any) {
	parent, _ := trigger["parentExecution"].(map[string]any)
	if parent == nil {
		return
	}
	stages, _ := parent["stages"].([]any)
	for _, item := range stages {
		if stage, ok := item.(map[string]any); ok {
			before, _ := stage["context"].(map[string]any)
			stage["context"], stage["outputs"], stage["tasks"] = grouped(before), object{}, []any{}
		}
	}
	if above, ok := parent["trigger"].(map[string]any); ok {
		emptyParents(above)
	}
}

// grouped is what is left of a stage's context in lists.
func grouped(context map[string]any) map[string]any {
	if group, there := context["group"]; there {
		return map[string]any{"group": group}
	}
	return map[string]any{}
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
	return a.Executions.RestartStage(c, a.User(c), c.Param("id"), c.Param("stage"), c.Query("reevaluate") == "true")
}
