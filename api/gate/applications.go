package gate

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

func (a *API) applications(c *gin.Context) (any, error) {
	all, err := a.Catalog.Applications(c)
	if err != nil {
		return nil, err
	}
	out := make([]spinnaker.Application, 0, len(all))
	for _, application := range all {
		if owner := c.Query("owner"); owner != "" && !strings.EqualFold(owner, spinnaker.Trigger(application).Text("email")) {
			continue
		}
		out = append(out, application)
	}
	return out, nil
}

func (a *API) application(c *gin.Context) (any, error) {
	application, err := a.Catalog.Application(c, app(c))
	if err != nil {
		return nil, err
	}
	return gin.H{"name": application.Name(), "attributes": application, "clusters": gin.H{}}, nil
}

func (a *API) submitTask(c *gin.Context) (any, error) {
	var task Task
	if err := body(c, &task, false); err != nil {
		return nil, err
	}
	task.Application = strings.ToLower(task.Application)
	if len(task.Jobs) == 0 {
		return nil, spinnaker.Invalid("task: `job` is missing or empty, expected a list of at least one job with a `type`")
	}
	id, err := a.Executions.Submit(c, a.User(c), task)
	if err != nil {
		return nil, err
	}
	return gin.H{"ref": "/tasks/" + id}, nil
}

func (a *API) task(c *gin.Context) (any, error) {
	execution, err := a.Executions.Execution(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	if execution.Type != spinnaker.Orchestration {
		return nil, spinnaker.NotFound("No ORCHESTRATION found for %s", c.Param("id"))
	}
	return taskOf(execution), nil
}

func (a *API) tasks(c *gin.Context) (any, error) {
	limit, err := number(c, "limit", 3500)
	if err != nil {
		return nil, err
	}
	page, err := number(c, "page", 1)
	if err != nil {
		return nil, err
	}
	found, err := a.Executions.Executions(c, Query{Type: spinnaker.Orchestration, Application: app(c),
		Statuses: statuses(c), Limit: int(limit), Offset: int(max(page-1, 0) * limit)})
	if err != nil {
		return nil, err
	}
	out := make([]gin.H, len(found))
	for i, execution := range found {
		out[i] = taskOf(execution)
	}
	return out, nil
}

// taskOf shows an orchestration as a task.
//
// Source: spinnaker/spinnaker orca/orca-web controllers/TaskController.groovy.
func taskOf(execution *spinnaker.Execution) gin.H {
	steps, variables := []spinnaker.Task{}, []gin.H{}
	seen := map[string]int{}
	for _, stage := range execution.Stages {
		steps = append(steps, stage.Tasks...)
		for key, value := range stage.Context {
			if at, again := seen[key]; again {
				if value != nil && value != "" {
					variables[at]["value"] = value
				}
				continue
			}
			seen[key] = len(variables)
			variables = append(variables, gin.H{"key": key, "value": value})
		}
	}
	task := gin.H{
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
