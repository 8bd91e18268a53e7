package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// Field managers. The client-side one is kubectl's, so that objects which kubectl or Spinnaker wrote and objects which
// we wrote are the same to whoever applies them next.
const (
	managerClientSide = "kubectl-client-side-apply"
	managerReplace    = "kubectl-replace"
	managerCreate     = "kubectl-create"
	managerServerSide = "gennaker"
)

const (
	// maxAnnotations is the API server's limit for all annotations of an object together, in bytes.
	maxAnnotations = 256 << 10
	// applyAttempts bounds how often one Apply starts over when others change the object meanwhile.
	applyAttempts = 3
)

// Action says what Apply did to an object.
type Action string

// The actions, in kubectl's words.
const (
	Created    Action = "created"
	Configured Action = "configured"
	Unchanged  Action = "unchanged"
)

// Result of Apply.
type Result struct {
	Action Action
	// Before is the object as it was found, nil if there was none; After is what the API server made of it.
	Before, After *unstructured.Unstructured
	// Warnings are the API server's, and ours.
	Warnings []string
}

// applier applies one object.
type applier struct {
	cluster *Cluster
	at      dynamic.ResourceInterface
	object  *unstructured.Unstructured
	dryRun  []string
	note    func(string)
}

// Apply brings an object into the cluster by its strategy. It writes nothing when nothing would change, and may be
// repeated. For StrategyRecreate the caller has deleted the old object: Apply creates, or applies to what is there.
func (c *Cluster) Apply(ctx context.Context, item manifest.Item) (Result, error) {
	return c.apply(ctx, item, nil)
}

// DryRun asks the API server what Apply would do, changing nothing.
func (c *Cluster) DryRun(ctx context.Context, item manifest.Item) (Result, error) {
	return c.apply(ctx, item, []string{metav1.DryRunAll})
}

func (c *Cluster) apply(ctx context.Context, item manifest.Item, dryRun []string) (Result, error) {
	at, err := c.at(ctx, item.Object.GroupVersionKind(), item.Object.GetNamespace())
	if err != nil {
		return Result{}, err
	}
	ctx, served := collectWarnings(ctx)
	var own []string
	a := &applier{
		cluster: c, at: at, object: item.Object.Unstructured, dryRun: dryRun,
		note: func(text string) { own = append(own, text) },
	}
	var result Result
	var before *unstructured.Unstructured // what the first attempt found: a later one may find half of its own work
	for attempt := 1; ; attempt++ {
		result, err = a.once(ctx, item.Strategy)
		if attempt == 1 {
			before = result.Before
		}
		if err == nil || attempt == applyAttempts || !a.stale(err) {
			break
		}
	}
	if err == nil {
		result.Before, result.Action = before, action(before, result.After)
	}
	result.Warnings = append(served.list(), own...)
	return result, err
}

// stale reports whether an attempt failed because the object appeared, vanished or changed meanwhile.
func (a *applier) stale(err error) bool {
	return Judge(err) == Conflicting || apierrors.IsAlreadyExists(err) || errors.Is(err, errVanished)
}

// errVanished means that an object was deleted between reading and writing it.
var errVanished = errors.New("the object was deleted at the same time")

// errTerminating means that an object of this name is being deleted.
var errTerminating = errors.New("an object of this name is still being deleted")

// IsTerminating reports whether an object could not be applied because an older one of its name is being deleted.
func IsTerminating(err error) bool { return errors.Is(err, errTerminating) }

func (a *applier) once(ctx context.Context, strategy manifest.Strategy) (Result, error) {
	live, err := a.at.Get(ctx, a.object.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		live, err = nil, nil
	}
	if err != nil {
		return Result{}, err
	}
	if live != nil && live.GetDeletionTimestamp() != nil && len(a.dryRun) == 0 {
		return Result{Before: live}, errTerminating
	}
	var after *unstructured.Unstructured
	switch strategy {
	case manifest.StrategyCreate:
		after, err = a.createOnce(ctx, live)
	case manifest.StrategyReplace:
		after, err = a.replace(ctx, live)
	case manifest.StrategyServerSide, manifest.StrategyServerSideForce:
		after, err = a.serverSide(ctx, live, strategy == manifest.StrategyServerSideForce)
	default:
		after, err = a.clientSide(ctx, live)
	}
	if err != nil {
		if live != nil && apierrors.IsNotFound(err) {
			err = fmt.Errorf("%w: %w", errVanished, err)
		}
		return Result{Before: live}, err
	}
	return Result{Before: live, After: after}, nil
}

// action compares by content: a version also changes when a controller writes the status meanwhile.
func action(before, after *unstructured.Unstructured) Action {
	switch {
	case before == nil:
		return Created
	case before == after, same(before, after):
		return Unchanged
	default:
		return Configured
	}
}

// createOnce creates an object whose name was made from its generateName: if it is there, an earlier try of this
// very deploy made it.
func (a *applier) createOnce(ctx context.Context, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if live != nil {
		return live, nil
	}
	return a.create(ctx, a.object, managerCreate)
}

func (a *applier) create(ctx context.Context, o *unstructured.Unstructured, manager string) (*unstructured.Unstructured, error) {
	return a.at.Create(ctx, o, metav1.CreateOptions{
		DryRun: a.dryRun, FieldManager: manager, FieldValidation: metav1.FieldValidationStrict,
	})
}

// replace puts the object in place of the live one, as `kubectl replace` does, and creates it where there is none.
func (a *applier) replace(ctx context.Context, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if live == nil {
		return a.create(ctx, a.object, managerReplace)
	}
	return a.update(ctx, withBookkeeping(a.object, live), live.GetResourceVersion(), managerReplace)
}

// bookkeeping begins the annotations in which the deployment controller keeps notes.
const bookkeeping = "deployment.kubernetes.io/"

// withBookkeeping keeps what the deployment controller notes in annotations: it would write them again at once.
func withBookkeeping(o, live *unstructured.Unstructured) *unstructured.Unstructured {
	o = o.DeepCopy()
	annotations := o.GetAnnotations()
	for key, value := range live.GetAnnotations() {
		if _, own := annotations[key]; strings.HasPrefix(key, bookkeeping) && !own {
			if annotations == nil {
				annotations = make(map[string]string)
			}
			annotations[key] = value
		}
	}
	o.SetAnnotations(annotations)
	return o
}

// update writes a whole object, provided that it still has the given version.
func (a *applier) update(ctx context.Context, o *unstructured.Unstructured, version, manager string) (*unstructured.Unstructured, error) {
	o = o.DeepCopy()
	o.SetResourceVersion(version)
	return a.at.Update(ctx, o, metav1.UpdateOptions{
		DryRun: a.dryRun, FieldManager: manager, FieldValidation: metav1.FieldValidationStrict,
	})
}

func (a *applier) patch(ctx context.Context, kind types.PatchType, patch []byte, manager string) (*unstructured.Unstructured, error) {
	return a.at.Patch(ctx, a.object.GetName(), kind, patch, metav1.PatchOptions{
		DryRun: a.dryRun, FieldManager: manager, FieldValidation: metav1.FieldValidationStrict,
	})
}

// Get reads an object; it is nil when there is none.
func (c *Cluster) Get(ctx context.Context, o manifest.Object) (*unstructured.Unstructured, error) {
	at, err := c.at(ctx, o.GroupVersionKind(), o.GetNamespace())
	if err != nil {
		return nil, err
	}
	live, err := at.Get(ctx, o.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return live, err
}

// Delete deletes one very object, in the background as kubectl does; one that is gone already is no error.
func (c *Cluster) Delete(ctx context.Context, o manifest.Object, uid types.UID) error {
	at, err := c.at(ctx, o.GroupVersionKind(), o.GetNamespace())
	if err != nil {
		return err
	}
	background := metav1.DeletePropagationBackground
	err = at.Delete(ctx, o.GetName(), metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &uid},
		PropagationPolicy: &background,
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // a conflict means that the name has another object by now
		return nil
	}
	return err
}
