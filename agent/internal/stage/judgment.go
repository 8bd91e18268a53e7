package stage

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// judgmentTime is how long a judgment is awaited when the pipeline does not say.
const judgmentTime = 3 * 24 * time.Hour

// Roles says which roles a user has, and whether the user is an administrator, who has all of them. known is false where
// nobody says who has which: then every user may judge, as in Spinnaker without its authorisation service.
type Roles func(user string) (held []string, admin, known bool)

// lacks says whether a user has none of some roles, when it takes one. Spinnaker writes the names of roles in lower case,
// whatever their source does.
//
// Source: spinnaker/spinnaker fiat/fiat-core model/resources/Role.java.
func (r Roles) lacks(user string, required []string) bool {
	if len(required) == 0 || r == nil {
		return false
	}
	held, admin, known := r(user)
	return known && !admin && !slices.ContainsFunc(held, func(role string) bool {
		return slices.ContainsFunc(required, func(asked string) bool { return strings.EqualFold(asked, role) })
	})
}

// ManualJudgment is the stage type "manualJudgment": a person says whether the pipeline goes on. roles may be nil.
//
// Source: spinnaker/spinnaker orca/orca-echo echo/pipeline/ManualJudgmentStage.groovy.
func ManualJudgment(roles Roles) Definition {
	return Definition{
		Type: engine.JudgmentType, Tasks: []string{"waitForJudgment"}, Timeout: judgmentTime,
		Run:      func(_ context.Context, c Context) engine.Result { return judge(c, roles) },
		Validate: validateJudgment,
	}
}

// awaitsJudgment is the event that a judgment waits for.
const awaitsJudgment = "judgment"

// The notifications of a judgment.
const (
	judgmentAwaited   = "manualJudgment"
	judgmentContinued = "manualJudgmentContinue"
	judgmentStopped   = "manualJudgmentStop"
)

// judgmentState is what a judgment remembers.
type judgmentState struct {
	// Notified is when people were last told that it waits, in milliseconds since 1970.
	Notified int64 `json:"notified"`
}

func judge(c Context, roles Roles) engine.Result {
	decision := strings.ToLower(text(c.Config, "judgmentStatus"))
	if decision != "continue" && decision != "stop" {
		return awaitJudgment(c)
	}
	judge := ""
	if modified := c.Stage.LastModified; modified != nil {
		judge = modified.User
	}
	if refusal := mayNotJudge(c, judge, roles); refusal != "" {
		result := awaitJudgment(c)
		result.Warnings = []string{refusal}
		result.Context = map[string]any{"judgmentStatus": ""}
		return result
	}
	result, told := succeeded(), judgmentContinued
	if decision == "stop" {
		by := ""
		if judge != "" {
			by = " by " + judge
		}
		result, told = failed("the judgment was to stop%s", by), judgmentStopped
	}
	if send, _ := engine.Bool(c.Config["sendNotifications"]); send {
		result.Notifications = []string{told}
	}
	return result
}

// awaitJudgment waits, and tells people so: once, or as often as one of the stage's notifications asks for.
func awaitJudgment(c Context) engine.Result {
	result := engine.Result{Status: spinnaker.Running, Awaits: awaitsJudgment}
	var state judgmentState
	if len(c.Work.State) > 0 {
		if err := json.Unmarshal(c.Work.State, &state); err != nil {
			return failed("read the state of the judgment: %v", err)
		}
	}
	every := noticeEvery(c.Config)
	next := time.UnixMilli(state.Notified).Add(every)
	if state.Notified == 0 || every > 0 && !c.Now.Before(next) {
		state.Notified = c.Now.UnixMilli()
		next = c.Now.Add(every)
		result.Notifications = []string{judgmentAwaited}
	}
	if every > 0 {
		result.RequeueAfter = next.Sub(c.Now)
	}
	kept, err := json.Marshal(state)
	if err != nil {
		return failed("keep the state of the judgment: %v", err)
	}
	result.State = kept
	return result
}

// shortestNotice bounds how often people are told that a judgment waits.
const shortestNotice = time.Minute

// noticeEvery is the shortest notifyEveryMs of a stage's notifications; 0 is once.
func noticeEvery(config map[string]any) time.Duration {
	var shortest time.Duration
	for _, notification := range objects(config, "notifications") {
		every, ok := engine.Span(notification["notifyEveryMs"], time.Millisecond)
		if ok && every > 0 && (shortest == 0 || every < shortest) {
			shortest = max(every, shortestNotice)
		}
	}
	return shortest
}

// mayNotJudge says why a user's judgment does not count, or "".
func mayNotJudge(c Context, user string, roles Roles) string {
	who := user
	if who == "" {
		who = "nobody, which stands in the pipeline itself," // it may be that of who starts it
	}
	if prevent, _ := engine.Bool(c.Config["preventSelfApproval"]); prevent && (user == "" || user == c.Execution.Trigger.Text("user")) {
		return "the judgment of " + who + " does not count: who started the pipeline may not approve it (preventSelfApproval)"
	}
	required := texts(c.Config, "requiredJudgmentRoles")
	if len(required) == 0 {
		required = texts(c.Config, "selectedStageRoles")
	}
	if !roles.lacks(user, required) {
		return ""
	}
	return "the judgment of " + who + " does not count: it takes one of the roles " + strings.Join(required, ", ")
}

func validateJudgment(config map[string]any) []string {
	f := saving(config)
	for _, input := range f.objects("judgmentInputs") {
		if input.missing("value") {
			input.wrong("value", "it is missing: which choice is it?")
		}
	}
	for _, key := range []string{"preventSelfApproval", "propagateAuthenticationContext", "sendNotifications"} {
		f.flag(key)
	}
	for _, notification := range f.objects("notifications") {
		notification.span("notifyEveryMs", time.Millisecond, "milliseconds")
	}
	f.list("selectedStageRoles")
	f.list("requiredJudgmentRoles")
	return *f.found
}
