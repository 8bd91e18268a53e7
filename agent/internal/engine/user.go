package engine

import (
	"strings"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// User is as whom a stage runs, or the execution as a whole when stage is nil: who judged in the nearest judgment before it
// that hands the judge on, else the user of the execution.
//
// Source: spinnaker/spinnaker orca/orca-queue q/handler/AuthenticationAware.kt, orca/orca-echo
// echo/pipeline/ManualJudgmentStage.groovy, authenticatedUser.
func User(ex *spinnaker.Execution, stage *spinnaker.Stage) string {
	judged := false
	for _, s := range ex.Stages {
		judged = judged || handsOn(s)
	}
	if stage == nil || !judged {
		return ex.Authentication.User
	}
	for _, ancestor := range Ancestors(ex, stage) {
		if handsOn(ancestor) {
			return ancestor.LastModified.User
		}
	}
	return ex.Authentication.User
}

// handsOn says whether the stages after a stage run as who judged in it.
func handsOn(stage *spinnaker.Stage) bool {
	decision, _ := stage.Context[judgmentKey].(string)
	return stage.Type == JudgmentType && stage.Status == spinnaker.Succeeded && flag(stage, "propagateAuthenticationContext") &&
		strings.EqualFold(strings.TrimSpace(decision), "continue") && stage.LastModified != nil && stage.LastModified.User != ""
}

// JudgmentType is the type of the stage in which a person decides.
const JudgmentType = "manualJudgment"

// judgmentKey is the member of a judgment's context that is the decision.
const judgmentKey = "judgmentStatus"

// judgmentRules are the members of a judgment's context that say who may judge, and what follows. Nobody changes them
// while it waits.
var judgmentRules = [...]string{"preventSelfApproval", "selectedStageRoles", "requiredJudgmentRoles", "propagateAuthenticationContext"}

// PatchProblem says why values can not be merged into a stage's context, or "".
func PatchProblem(stage *spinnaker.Stage, values map[string]any) string {
	if stage.Type != JudgmentType {
		return ""
	}
	for _, key := range judgmentRules {
		if _, changes := values[key]; changes {
			return "a judgment's " + key + " can not be changed while it waits: change the pipeline, and start it again"
		}
	}
	return ""
}
