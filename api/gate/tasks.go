package gate

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// submitTask serves POST /tasks and its deprecated form under /applications.
func (a *API) submitTask(c *gin.Context) (any, error) {
	var task Task
	if err := body(c, &task, false); err != nil {
		return nil, err
	}
	if name := app(c); name != "" {
		task.Application = name
	}
	task.Application = strings.ToLower(task.Application)
	if len(task.Jobs) == 0 {
		return nil, spinnaker.Invalid("task: `job` is missing or empty, expected a list of at least one job with a `type`")
	}
	id, err := a.Executions.Submit(c, a.User(c), task)
	if err != nil {
		return nil, err
	}
	return object{"ref": "/tasks/" + id}, nil
}

func (a *API) task(c *gin.Context) (any, error) {
	execution, err := a.find(c, spinnaker.Orchestration, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return taskOf(execution), nil
}

func (a *API) cancelTask(c *gin.Context) (any, error) { return nil, a.cancelOne(c, c.Param("id")) }

func (a *API) cancelTasks(c *gin.Context) (any, error) {
	for _, id := range list(c, "ids") {
		if err := a.cancelOne(c, id); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (a *API) cancelOne(c *gin.Context, id string) error {
	if _, err := a.find(c, spinnaker.Orchestration, id); err != nil {
		return err
	}
	return a.Executions.Cancel(c, a.User(c), id, c.Query("reason"))
}

func (a *API) deleteTask(c *gin.Context) (any, error) {
	if _, err := a.find(c, spinnaker.Orchestration, c.Param("id")); err != nil {
		return nil, err
	}
	return nil, a.Executions.Delete(c, a.User(c), c.Param("id"))
}

func (a *API) tasks(c *gin.Context) (any, error) {
	limit, err := count(c, "limit", 3500)
	if err != nil {
		return nil, err
	}
	page, err := count(c, "page", 1)
	if err != nil {
		return nil, err
	}
	wanted, err := statuses(c)
	if err != nil {
		return nil, err
	}
	out := []object{}
	if limit == 0 {
		return out, nil
	}
	found, err := a.Executions.Executions(c, Query{Type: spinnaker.Orchestration, Application: app(c), Statuses: wanted,
		BuiltFrom: spinnaker.MillisOf(time.Now().Add(-history)), Limit: limit, Offset: max(page-1, 0) * limit})
	if err != nil {
		return nil, err
	}
	for _, execution := range found {
		out = append(out, taskOf(execution))
	}
	return out, nil
}

// taskOf shows an orchestration as a task.
//
// Source: spinnaker/spinnaker orca/orca-web controllers/TaskController.groovy.
func taskOf(execution *spinnaker.Execution) object {
	steps, merged := []spinnaker.Task{}, map[string]any{}
	for _, stage := range execution.Stages {
		steps = append(steps, stage.Tasks...)
		for key, value := range stage.Context {
			if _, there := merged[key]; there && (value == nil || value == "") {
				continue
			}
			merged[key] = value
		}
	}
	variables := []object{}
	for _, key := range slices.Sorted(maps.Keys(merged)) {
		variables = append(variables, object{"key": key, "value": merged[key]})
	}
	task := object{
		"id": execution.ID, "name": execution.Description, "application": execution.Application,
		"status": execution.Status, "buildTime": execution.BuildTime, "steps": steps, "variables": variables,
		"execution": execution,
	}
	if execution.StartTime != 0 {
		task["startTime"] = execution.StartTime
	}
	if execution.EndTime != 0 {
		task["endTime"] = execution.EndTime
	}
	return task
}
