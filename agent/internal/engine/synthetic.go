package engine

import (
	"fmt"
	"slices"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// WindowType is the type of the synthetic stage that holds another one until its execution window opens.
const WindowType = "restrictExecutionDuringTimeWindow"

// windowOf returns the window stage that a stage is to wait for.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/RestrictExecutionDuringTimeWindow.java.
func windowOf(stage *spinnaker.Stage) (Inserted, bool) {
	if !flag(stage, WindowType) || stage.Type == WindowType {
		return Inserted{}, false
	}
	return Inserted{
		Owner: spinnaker.StageBefore,
		Type:  WindowType,
		Name:  WindowType,
		Context: map[string]any{
			"restrictedExecutionWindow": spinnaker.Clone(stage.Context["restrictedExecutionWindow"]),
		},
	}, true
}

// ownerOf returns the side of a stage that is under way in one of its parts, or "".
func ownerOf(part Part) spinnaker.Owner {
	switch part {
	case PartBefore:
		return spinnaker.StageBefore
	case PartAfter, PartFailure:
		return spinnaker.StageAfter
	default:
		return ""
	}
}

// insertBefore adds synthetic stages before the next own step of a stage and starts them.
func (a *advance) insertBefore(stage *spinnaker.Stage, list []Inserted) {
	a.insert(stage, PartBefore, spinnaker.StageBefore, list)
}

// insert adds synthetic stages to a stage, which waits for them in the given part of its life.
func (a *advance) insert(parent *spinnaker.Stage, part Part, owner spinnaker.Owner, list []Inserted) {
	a.work(parent).Part = part
	a.await(parent, "")
	added := a.create(parent, owner, list)
	a.index()
	for _, child := range added {
		if len(child.Requisites) == 0 {
			a.startStage(child)
		}
	}
}

// create makes the stages and puts them next to their parent in the execution's list.
func (a *advance) create(parent *spinnaker.Stage, owner spinnaker.Owner, list []Inserted) []*spinnaker.Stage {
	present := len(a.synthetics(parent, owner))
	sign := "<"
	if owner == spinnaker.StageAfter {
		sign = ">"
	}
	var added []*spinnaker.Stage
	for i, inserted := range list {
		number := present + i
		if owner == spinnaker.StageAfter || inserted.Type != WindowType && !a.hasWindow(parent) {
			number++
		}
		child := &spinnaker.Stage{
			ID: a.ids(), RefID: fmt.Sprintf("%s%s%d", parent.RefID, sign, number),
			Type: inserted.Type, Name: inserted.Name, Status: spinnaker.NotStarted,
			ParentStageID: parent.ID, Owner: owner,
			Context: spinnaker.Clone(inserted.Context), Outputs: map[string]any{},
		}
		if child.Name == "" {
			child.Name = child.Type
		}
		if child.Context == nil {
			child.Context = map[string]any{}
		}
		if len(added) > 0 && !inserted.Parallel {
			child.Requisites = []string{added[len(added)-1].RefID}
		}
		added = append(added, child)
	}
	at := a.place(parent, owner)
	a.ex.Stages = slices.Insert(a.ex.Stages, at, added...)
	return added
}

// hasWindow says whether a stage's first synthetic is its execution window, which has the number 0.
func (a *advance) hasWindow(parent *spinnaker.Stage) bool {
	before := a.synthetics(parent, spinnaker.StageBefore)
	return len(before) > 0 && before[0].Type == WindowType
}

// removeUnstarted takes away the synthetic stages of a failed stage that will never run.
func (a *advance) removeUnstarted(parent *spinnaker.Stage) {
	a.ex.Stages = slices.DeleteFunc(a.ex.Stages, func(s *spinnaker.Stage) bool {
		unstarted := s.ParentStageID == parent.ID && s.Status == spinnaker.NotStarted
		if unstarted {
			delete(a.ex.Work, s.ID)
		}
		return unstarted
	})
	a.index()
}

// place returns where a parent's next synthetic stage belongs in the execution's list: right before the parent, or
// behind the parent and all that follows it already.
func (a *advance) place(parent *spinnaker.Stage, owner spinnaker.Owner) int {
	at := slices.Index(a.ex.Stages, parent)
	if owner == spinnaker.StageBefore {
		return at
	}
	for at++; at < len(a.ex.Stages) && a.within(a.ex.Stages[at], parent); at++ {
	}
	return at
}

// within says whether a stage belongs to another one, at whatever depth.
func (a *advance) within(stage, ancestor *spinnaker.Stage) bool {
	for stage != nil {
		if stage.ParentStageID == ancestor.ID {
			return true
		}
		stage = a.byID[stage.ParentStageID]
	}
	return false
}

// childDone continues a parent when one of its synthetic stages has ended.
func (a *advance) childDone(parent, child *spinnaker.Stage) {
	if !active(parent) {
		return
	}
	w := a.work(parent)
	switch {
	case w.Part == PartCancel:
		a.finishCancel(parent)
	case w.Part == PartFailure && (failed(child) || a.allDone(parent, child.Owner)):
		a.stopChildren(parent, w.Verdict) // the failure that brought these stages here still counts
	case w.Part != PartFailure && slices.ContainsFunc(a.synthetics(parent, child.Owner), failed):
		a.childFailed(parent, child.Owner)
	case a.allDone(parent, child.Owner):
		a.continueParent(parent)
	default:
		for _, sibling := range a.downstream(child) {
			a.startStage(sibling)
		}
	}
}

// failed says whether a synthetic stage has ended in a way that ends its parent.
func failed(child *spinnaker.Stage) bool {
	return child.Status.Halt() || child.Status == spinnaker.FailedContinue && !flag(child, allowSiblings)
}

// stepped comes back to a parent that has waited for the first step of one of its synthetic stages to fail with another one.
func (a *advance) stepped(child *spinnaker.Stage) {
	parent := a.byID[child.ParentStageID]
	if parent == nil || !active(child) || !active(parent) || ownerOf(a.work(parent).Part) != child.Owner || a.work(parent).Part == PartFailure {
		return
	}
	if slices.ContainsFunc(a.synthetics(parent, child.Owner), failed) {
		a.childFailed(parent, child.Owner)
	}
}

// allowSiblings is the option of a synthetic stage after whose failure, if it is ignored, its siblings and its parent go on.
//
// Source: spinnaker/spinnaker orca/orca-core pipeline/model/StageExecutionImpl.java.
const allowSiblings = "allowSiblingStagesToContinueOnFailure"

func (a *advance) allDone(parent *spinnaker.Stage, owner spinnaker.Owner) bool {
	for _, child := range a.synthetics(parent, owner) {
		if !child.Status.Complete() {
			return false
		}
	}
	return true
}

// continueParent goes on with a stage when one side of its synthetic stages has gone well.
func (a *advance) continueParent(parent *spinnaker.Stage) {
	w := a.work(parent)
	switch {
	case w.Part == PartAfter:
		a.complete(parent, w.Verdict)
	case w.Began.IsZero():
		a.beginMain(parent)
	default:
		w.Part = PartMain
		a.nextStep(parent, a.now)
	}
}

// withChildren weakens a status by those of a stage's synthetic stages: a failure that was ignored shows.
func (a *advance) withChildren(parent *spinnaker.Stage, status spinnaker.Status) spinnaker.Status {
	for _, child := range a.children(parent.ID) {
		if child.Status == spinnaker.FailedContinue && status == spinnaker.Succeeded {
			return spinnaker.FailedContinue
		}
	}
	return status
}

// childFailed ends a stage by the statuses of its synthetic stages. Those that have begun together with the one that failed say
// first what they have to say: the verdict does not depend on their order.
func (a *advance) childFailed(parent *spinnaker.Stage, owner spinnaker.Owner) {
	if slices.ContainsFunc(a.synthetics(parent, owner), a.beginning) {
		return
	}
	children := a.children(parent.ID)
	has := func(status spinnaker.Status) bool {
		return slices.ContainsFunc(children, func(s *spinnaker.Stage) bool { return s.Status == status })
	}
	verdict := spinnaker.FailedContinue
	switch {
	case has(spinnaker.Terminal):
		verdict = failureStatus(parent, spinnaker.Terminal)
	case has(spinnaker.Stopped):
		verdict = spinnaker.Stopped
	case has(spinnaker.Canceled):
		verdict = spinnaker.Canceled
	}
	a.stop(parent, verdict)
}

// beginning says whether a stage's first step is due.
func (a *advance) beginning(stage *spinnaker.Stage) bool {
	w := a.work(stage)
	return active(stage) && w.Part == PartMain && w.Step == 1 && w.Phase == PhaseRun && !w.Due.After(a.now)
}
