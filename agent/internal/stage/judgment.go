package stage

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// judgmentTime is how long a judgment is awaited when the pipeline does not say.
const judgmentTime = 3 * 24 * time.Hour

// Roles says which roles a user has, and whether the user is an administrator. ok is false when roles are unknown:
// then every user may judge, as in Spinnaker without its authorisation service.
type Roles func(user string) (roles []string, admin, ok bool)

// ManualJudgment is the stage type "manualJudgment": a person says whether the pipeline goes on. roles may be nil.
//
// Source: spinnaker/spinnaker orca/orca-echo echo/pipeline/ManualJudgmentStage.groovy.
func ManualJudgment(roles Roles) Definition {
	return Definition{
		Type: "manualJudgment", Tasks: []string{"waitForJudgment"}, Timeout: judgmentTime,
		Run: func(_ context.Context, c Context) engine.Result { return judge(c, roles) },
	}
}

// awaitsJudgment is the event that a judgment waits for.
const awaitsJudgment = "judgment"

func judge(c Context, roles Roles) engine.Result {
	decision := strings.ToLower(text(c.Config, "judgmentStatus"))
	if decision != "continue" && decision != "stop" {
		return engine.Result{Status: spinnaker.Running, Awaits: awaitsJudgment}
	}
	judge := ""
	if modified := c.Stage.LastModified; modified != nil {
		judge = modified.User
	}
	if refusal := mayNotJudge(c, judge, roles); refusal != "" {
		return engine.Result{
			Status: spinnaker.Running, Awaits: awaitsJudgment, Warnings: []string{refusal},
			Context: map[string]any{"judgmentStatus": ""},
		}
	}
	if decision == "stop" {
		by := ""
		if judge != "" {
			by = " by " + judge
		}
		return failed("the judgment was to stop%s", by)
	}
	result := succeeded()
	if propagate, _ := engine.Bool(c.Config["propagateAuthenticationContext"]); propagate {
		result.User = judge
	}
	return result
}

// mayNotJudge says why a user's judgment does not count, or "".
func mayNotJudge(c Context, user string, roles Roles) string {
	if prevent, _ := engine.Bool(c.Config["preventSelfApproval"]); prevent && user == c.Execution.Trigger.Text("user") {
		return "the judgment of " + user + " does not count: who started the pipeline may not approve it (preventSelfApproval)"
	}
	required := append(texts(c.Config, "selectedStageRoles"), texts(c.Config, "requiredJudgmentRoles")...)
	if len(required) == 0 || roles == nil {
		return ""
	}
	held, admin, known := roles(user)
	if admin || !known || slices.ContainsFunc(held, func(role string) bool { return slices.Contains(required, role) }) {
		return ""
	}
	return "the judgment of " + user + " does not count: it takes one of the roles " + strings.Join(required, ", ")
}
