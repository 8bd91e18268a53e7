package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gennaker/gennaker/plugins/internal/kube"
	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// letters of state.Settled.
const (
	isWaiting = 'w'
	isStable  = 's'
	isFailed  = 'f'
)

// sight is what one look at an object told.
type sight struct {
	letter byte
	// message says what it waits for, or why it failed; hint what keeps its Pods from running meanwhile.
	message, hint string
}

// settle looks at the objects that are not stable yet (orca-clouddriver
// tasks/manifest/WaitForManifestStableTask.java). Unlike Spinnaker it fails as soon as one object has failed, and an
// object has failed when its Pods cannot run.
func (r *deploy) settle(ctx context.Context) error {
	set, err := r.set(ctx)
	if err != nil {
		return err
	}
	if r.state.Settled == "" {
		r.state.Settled = strings.Repeat(string(isWaiting), len(set.Items))
	}
	sights, err := r.look(ctx, set)
	if err != nil {
		return err
	}
	settled := []byte(r.state.Settled)
	for i, s := range sights {
		settled[i] = s.letter
	}
	r.state.Settled = string(settled)
	return r.conclude(set, sights)
}

// look judges every object that has not settled. What it remembers of ailing objects is written after all are judged.
func (r *deploy) look(ctx context.Context, set *manifest.Set) ([]sight, error) {
	sights := make([]sight, len(set.Items))
	sick := make([]ailing, len(set.Items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, item := range set.Items {
		if r.state.Settled[i] != isWaiting {
			sights[i] = sight{letter: r.state.Settled[i]}
			continue
		}
		sick[i] = r.state.Ailing[i]
		group.Go(func() (err error) {
			sights[i], err = r.judge(ctx, item, &sick[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	r.state.Ailing = nil
	for i, a := range sick {
		if a.Reason != "" {
			r.state.ail(i, a)
		}
	}
	return sights, nil
}

// judge looks at one object.
func (r *deploy) judge(ctx context.Context, item manifest.Item, sick *ailing) (sight, error) {
	live, err := r.cluster.Get(ctx, item.Object)
	if err != nil {
		return sight{}, err
	}
	if live == nil {
		return vanished(item), nil
	}
	status := r.cluster.StatusOf(live)
	custom := !r.cluster.Kinds.Native(live.GroupVersionKind())
	if status.Stable && !status.Failed || custom && bool(r.config.IgnoreCustomResourceStatus) {
		*sick = ailing{}
		return sight{letter: isStable}, nil
	}
	problems, err := r.cluster.Problems(ctx, live, r.config.restarts())
	if err != nil && kube.Judge(err) != kube.Refused {
		return sight{}, err
	}
	if err != nil { // not allowed to read Pods: the workload's own status must do
		problems = nil
	}
	if status.Failed {
		return sight{letter: isFailed, message: r.explain(ctx, live, status.Message, problems)}, nil
	}
	if r.hopeless(problems, sick) {
		return sight{letter: isFailed, message: r.explain(ctx, live, "", problems)}, nil
	}
	s := sight{letter: isWaiting, message: status.Message}
	if len(problems) > 0 {
		s.hint = problems[0].Message
	}
	return s, nil
}

// vanished judges an object that is not there any more. A Job that deletes itself when it is done is done.
func vanished(item manifest.Item) sight {
	if _, ok, err := unstructured.NestedFieldNoCopy(item.Object.Object, "spec", "ttlSecondsAfterFinished"); ok && err == nil {
		return sight{letter: isStable}
	}
	return sight{letter: isFailed, message: "was deleted after it was deployed"}
}

// hopeless decides whether the worst problem is worth waiting for.
func (r *deploy) hopeless(problems []kube.Problem, sick *ailing) bool {
	if len(problems) == 0 || problems[0].Severity == kube.Passing {
		*sick = ailing{}
		return false
	}
	if problems[0].Severity == kube.Final {
		return true
	}
	if sick.Reason == "" {
		*sick = ailing{Reason: problems[0].Reason, Since: r.began}
	}
	return r.began.Sub(sick.Since) >= r.config.grace()
}

// explain joins what is known of a failure: the object's own message, the container's, and the last lines of its log.
func (r *deploy) explain(ctx context.Context, live *unstructured.Unstructured, message string, problems []kube.Problem) string {
	if len(problems) == 0 {
		return message
	}
	text := problems[0].Message
	if message != "" {
		text = message + ": " + text
	}
	log, err := r.cluster.LastLines(ctx, live.GetNamespace(), problems[0])
	if err != nil {
		r.host.Logger().Debug(err.Error())
	}
	if len(log) > 0 {
		text += "; the last lines of its log: " + strings.Join(log, " | ")
	}
	return text
}

// conclude says how the wait goes on.
func (r *deploy) conclude(set *manifest.Set, sights []sight) error {
	var stable, broken []any
	var waiting, reasons []string
	for i, s := range sights {
		ref := set.Items[i].Ref
		where := fmt.Sprintf("'%s' in '%s' for account %s: ", ref, ref.Namespace, r.cluster.Account)
		entry := map[string]any{"manifestName": ref.String(), "location": ref.Namespace}
		switch s.letter {
		case isStable:
			stable = append(stable, entry)
		case isFailed:
			broken = append(broken, entry)
			reasons = append(reasons, where+s.message)
		default:
			waiting = append(waiting, where+waitText(s))
		}
	}
	r.context["stableManifests"], r.context["failedManifests"] = stable, broken
	r.context["messages"] = append(append([]string{}, reasons...), waiting...)
	now := time.Now()
	switch {
	case len(reasons) > 0:
		return &failure{message: firstOf(reasons), reasons: append(reasons, stillWaiting(waiting)...)}
	case len(waiting) == 0:
		r.message = "stable: " + count(len(set.Items))
		r.state.enter(phaseCleanup, now)
		return nil
	case !now.Before(r.deadline()):
		text := fmt.Sprintf("not stable after %s: %s", r.config.stableTimeout(), firstOf(waiting))
		return &failure{message: text, reasons: waiting}
	default:
		r.message = fmt.Sprintf("%d of %d objects are stable; %s", len(stable), len(set.Items), firstOf(waiting))
		r.pause = settlePause(now.Sub(r.state.SettleSince))
		return nil
	}
}

func waitText(s sight) string {
	text := "waiting for manifest to stabilize"
	for _, more := range []string{s.message, s.hint} {
		if more != "" {
			text += ": " + more
		}
	}
	return text
}

func stillWaiting(waiting []string) []string {
	if len(waiting) == 0 {
		return nil
	}
	return []string{"not stable yet: " + count(len(waiting))}
}

// settlePause is short at first, because most rollouts are, and grows to Spinnaker's interval.
func settlePause(waited time.Duration) time.Duration {
	switch {
	case waited < 15*time.Second:
		return 500 * time.Millisecond
	case waited < 2*time.Minute:
		return 2 * time.Second
	default:
		return 5 * time.Second
	}
}
