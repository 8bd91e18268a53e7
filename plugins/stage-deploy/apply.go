package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/gennaker/gennaker/plugins/internal/kube"
	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// shortPause is how long to wait for what takes the cluster a moment.
const shortPause = 500 * time.Millisecond

// apply brings the objects into the cluster, one after the other in their order.
func (r *deploy) apply(ctx context.Context) error {
	set, err := r.set(ctx)
	if err != nil {
		return err
	}
	defined := manifest.Definitions(objectsOf(set))
	for r.state.Next < len(set.Items) {
		if r.spent() {
			break
		}
		item := set.Items[r.state.Next]
		applied, err := r.applyItem(ctx, item)
		_, willBe := defined[item.Object.GroupVersionKind()]
		switch {
		case err != nil && kube.IsNoKind(err) && willBe:
			return r.notYet(fmt.Sprintf("%s: its definition is not established yet", item.Ref))
		case err != nil && (kube.TooEarly(err) || kube.IsTerminating(err)):
			return r.notYet(fmt.Sprintf("%s: %v", item.Ref, err))
		case err != nil && kube.Judge(err) == kube.Refused:
			return r.applyFailure(set, item, err)
		case err != nil:
			return err
		case !applied:
			return nil
		}
		r.state.Next++
		r.state.Deleting = ""
	}
	r.message = fmt.Sprintf("deployed %d of %d objects", r.state.Next, len(set.Items))
	if r.state.Next == len(set.Items) {
		r.state.enter(phasePromote, time.Now())
	}
	return nil
}

// applyItem applies one object; it is not applied yet while an old object is being deleted.
func (r *deploy) applyItem(ctx context.Context, item manifest.Item) (applied bool, err error) {
	if item.Strategy == manifest.StrategyRecreate {
		gone, err := r.makeRoom(ctx, item)
		if err != nil || !gone {
			return false, err
		}
	}
	result, err := r.cluster.Apply(ctx, item)
	for _, warning := range result.Warnings {
		r.state.Warnings.add(place(item) + ": " + warning)
	}
	if err != nil {
		return false, err
	}
	r.host.Logger().Info(fmt.Sprintf("%s: %s", item.Ref.In(), result.Action))
	return true, nil
}

// noneThere stands for the UID of an object that was not there.
const noneThere types.UID = "none"

// makeRoom deletes the object that is there, once: the state names it before it is deleted, so that a repeated step
// does not delete its successor.
func (r *deploy) makeRoom(ctx context.Context, item manifest.Item) (gone bool, err error) {
	live, err := r.cluster.Get(ctx, item.Object)
	if err != nil {
		return false, err
	}
	uid := noneThere
	if live != nil {
		uid = live.GetUID()
	}
	switch {
	case r.state.Deleting == "":
		r.state.Deleting = uid
		r.message = fmt.Sprintf("%s is to be created anew", item.Ref)
		return false, nil
	case live == nil, r.state.Deleting != uid: // the second: created by a step whose answer was lost
		return true, nil
	}
	if err := r.cluster.Delete(ctx, item.Object, uid); err != nil {
		return false, err
	}
	return false, r.notYet(fmt.Sprintf("%s is being deleted", item.Ref))
}

// notYet has the step repeated in a moment, for no longer than the stage may last.
func (r *deploy) notYet(why string) error {
	if !time.Now().Before(r.deadline()) {
		return failed("%s; given up after %s", why, r.config.stableTimeout())
	}
	r.message, r.pause = why, shortPause
	return nil
}

// applyFailure says what failed, and what was deployed before.
func (r *deploy) applyFailure(set *manifest.Set, item manifest.Item, err error) error {
	reasons := []string{fmt.Sprintf("Deploy failed for manifest: %s. Error: %s", item.Ref, r.cluster.Explain(err))}
	if r.state.Next > 0 {
		reasons = append(reasons, "Deployed before that: "+names(set.Items[:r.state.Next]))
	}
	if left := set.Items[r.state.Next+1:]; len(left) > 0 {
		reasons = append(reasons, "Not deployed: "+names(left))
	}
	return &failure{message: strings.Join(reasons, ". "), reasons: reasons}
}

// count is a number of objects for people.
func count(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}

// names lists objects for people.
func names(items []manifest.Item) string {
	const shown = 20
	var texts []string
	for i, item := range items {
		if i == shown {
			texts = append(texts, fmt.Sprintf("and %d more", len(items)-shown))
			break
		}
		texts = append(texts, item.Ref.String())
	}
	return strings.Join(texts, ", ")
}

func objectsOf(set *manifest.Set) []manifest.Object {
	objects := make([]manifest.Object, len(set.Items))
	for i, item := range set.Items {
		objects[i] = item.Object
	}
	return objects
}
