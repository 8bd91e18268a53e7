package main

import (
	"github.com/gennaker/gennaker/plugins/sdk"
)

// taskNames are the lines of the task list, as Spinnaker has them
// (orca-clouddriver pipeline/manifest/DeployManifestStage.java), with the phase that each stands for.
var taskNames = []struct {
	name  string
	phase phase
}{
	{"resolveDeploySourceManifest", phaseResolve},
	{"deployManifest", phasePreflight},
	{"monitorDeploy", phaseApply},
	{"promoteOutputs", phasePromote},
	{"waitForManifestToStabilize", phaseSettle},
	{"cleanupArtifacts", phaseCleanup},
}

// bindTask is the agent's part: it binds the expected artifacts when the stage has succeeded.
const bindTask = "bindProducedArtifacts"

// taskList is the task list at the end of a step.
func (s *state) taskList(status sdk.Status, message string) []sdk.Task {
	current := s.Phase
	if current == phasePrepare {
		current = phasePreflight
	}
	var tasks []sdk.Task
	for _, t := range taskNames {
		task := sdk.Task{Name: t.name}
		times := s.Tasks[t.phase]
		if before, ok := s.Tasks[phasePrepare]; ok && t.phase == phasePreflight {
			times.Start = before.Start
		}
		task.Start, task.End = times.Start, times.End
		switch {
		case t.phase == current && !times.Start.IsZero():
			task.Status, task.Message = status, message
		case !times.Start.IsZero():
			task.Status = sdk.Succeeded
		}
		tasks = append(tasks, task)
	}
	bind := sdk.Task{Name: bindTask}
	if status == sdk.Succeeded {
		end := s.Tasks[phaseCleanup].End
		bind.Status, bind.Start, bind.End = sdk.Succeeded, end, end
	}
	return append(tasks, bind)
}

// katoTasks is the list that scripts and UIs read under `kato.tasks` (orca-clouddriver model/Task.java): one entry,
// standing for the deploy.
func katoTasks(id string, out *sdk.Response) []any {
	completed := out.Status != sdk.Running
	failed := completed && out.Status != sdk.Succeeded
	entry := map[string]any{
		"id": id,
		"status": map[string]any{
			"completed": completed, "failed": failed, "retryable": false,
		},
		"history": []any{map[string]any{"phase": "DEPLOY_KUBERNETES_MANIFEST", "status": out.Message}},
	}
	if failed {
		entry["exception"] = map[string]any{
			"type": "EXCEPTION", "operation": "KubernetesDeployManifestOperation", "message": out.Message, "details": out.Errors,
		}
	}
	return []any{entry}
}
