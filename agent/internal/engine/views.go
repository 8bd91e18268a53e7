package engine

import (
	"encoding/json"
	"fmt"

	"github.com/gennaker/gennaker/agent/spel"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Env is what the expressions of a stage see; of the execution as a whole when stage is nil.
func Env(ex *spinnaker.Execution, stage *spinnaker.Stage) *spel.Env { return newViews(ex).env(stage) }

// views is an execution as expressions see it.
type views struct {
	ex     *spinnaker.Execution
	seen   *spel.Execution
	stages map[string]*spel.Stage
}

func newViews(ex *spinnaker.Execution) *views {
	v := &views{ex: ex, stages: make(map[string]*spel.Stage, len(ex.Stages)), seen: &spel.Execution{
		Orchestration: ex.Type == spinnaker.Orchestration, ID: ex.ID, Application: ex.Application, Name: ex.Name,
		PipelineConfigID: ex.PipelineConfigID, SpelEvaluator: "v4",
		Trigger: map[string]any(ex.Trigger), TemplateVariables: ex.TemplateVariables,
		More: func() any { return executionFields(ex) },
	}}
	for _, s := range ex.Stages {
		view := &spel.Stage{
			ID: s.ID, RefID: s.RefID, Type: s.Type, Name: s.Name, RequisiteStageRefIDs: s.Requisites,
			ParentStageID: s.ParentStageID, SyntheticStageOwner: string(s.Owner),
			More: func() any { return stageFields(s) },
		}
		v.stages[s.ID] = view
		v.seen.Stages = append(v.seen.Stages, view)
	}
	return v
}

// env brings the views up to date and returns what a stage sees.
func (v *views) env(stage *spinnaker.Stage) *spel.Env {
	v.seen.Status = string(v.ex.Status)
	for i, s := range v.ex.Stages {
		view := v.seen.Stages[i]
		view.Context, view.Outputs, view.Status = s.Context, s.Outputs, string(s.Status)
	}
	env := &spel.Env{Execution: v.seen, User: User(v.ex, stage)}
	if stage != nil {
		env.Stage = v.stages[stage.ID]
	}
	return env
}

// executionFields are the members of an execution that expressions read besides the ones that the language knows.
func executionFields(ex *spinnaker.Execution) map[string]any {
	accounts := make([]any, len(ex.Authentication.AllowedAccounts))
	for i, account := range ex.Authentication.AllowedAccounts {
		accounts[i] = account
	}
	return map[string]any{
		"authentication": map[string]any{"user": ex.Authentication.User, "allowedAccounts": accounts},
		"buildTime":      millis(ex.BuildTime), "startTime": millis(ex.StartTime), "endTime": millis(ex.EndTime),
		"startTimeExpiry": millis(ex.StartTimeExpiry), "origin": ex.Origin, "description": ex.Description,
		"rootId": ex.RootID, "canceled": ex.Canceled, "canceledBy": ex.CanceledBy,
		"cancellationReason": ex.CancellationReason, "limitConcurrent": ex.LimitConcurrent,
		"keepWaitingPipelines": ex.KeepWaitingPipelines, "notifications": ex.Notifications,
	}
}

func stageFields(stage *spinnaker.Stage) map[string]any {
	tasks := make([]any, len(stage.Tasks))
	for i, task := range stage.Tasks {
		tasks[i] = map[string]any{
			"id": task.ID, "name": task.Name, "status": string(task.Status), "startTime": millis(task.StartTime),
			"endTime": millis(task.EndTime), "implementingClass": task.ImplementingClass,
		}
	}
	return map[string]any{
		"startTime": millis(stage.StartTime), "endTime": millis(stage.EndTime),
		"startTimeExpiry": millis(stage.StartTimeExpiry), "scheduledTime": millis(stage.ScheduledTime), "tasks": tasks,
	}
}

func millis(m spinnaker.Millis) any {
	if m == 0 {
		return nil
	}
	return json.Number(fmt.Sprint(int64(m)))
}
