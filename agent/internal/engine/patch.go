package engine

import (
	"fmt"
	"slices"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// manualSkip is the context key by which a user skips a running stage.
const manualSkip = "manualSkip"

// patch merges what a user sent into a stage's context and makes the stage look at it at once.
func (a *advance) patch(stage *spinnaker.Stage, event Event) {
	if stage.Status.Complete() {
		a.refuse(event, fmt.Sprintf("stage %q has ended already with status %s", stage.Name, stage.Status))
		return
	}
	w := a.work(stage)
	if otherJudge(stage, event) {
		a.set(stage, w, judgmentKey, "")
	}
	for key, value := range event.Values {
		a.set(stage, w, key, value)
	}
	a.set(stage, w, "lastModifiedBy", event.User)
	stage.LastModified = &spinnaker.LastModified{
		User: event.User, AllowedAccounts: []string{}, LastModifiedTime: spinnaker.MillisOf(a.now),
	}
	switch {
	case !active(stage):
	case flag(stage, manualSkip):
		a.stopChildren(stage, spinnaker.Skipped)
	default:
		a.wake(stage)
	}
}

// otherJudge says whether a user changes a judgment on which another one has decided already, but not come to act yet: the
// decision would count as that of who changed it last.
func otherJudge(stage *spinnaker.Stage, event Event) bool {
	_, decides := event.Values[judgmentKey]
	decision, _ := stage.Context[judgmentKey].(string)
	return stage.Type == JudgmentType && !decides && decision != "" && (stage.LastModified == nil || stage.LastModified.User != event.User)
}

func (a *advance) set(stage *spinnaker.Stage, w *Work, key string, value any) {
	stage.Context[key] = value
	delete(w.Written, key)
	if !slices.Contains(w.Patched, key) {
		w.Patched = append(w.Patched, key)
	}
}

// childEnded wakes a stage whose child execution has ended.
func (a *advance) childEnded(stage *spinnaker.Stage, _ Event) {
	if active(stage) {
		a.wake(stage)
	}
}
