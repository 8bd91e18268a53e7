package kube

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
)

// serverSide applies by server-side apply. What client-side apply owned before becomes ours first: else fields that
// leave the manifest would stay in the object for ever.
func (a *applier) serverSide(ctx context.Context, live *unstructured.Unstructured, force bool) (*unstructured.Unstructured, error) {
	if live != nil {
		upgrade, err := csaupgrade.UpgradeManagedFieldsPatch(live, clientSideManagers(live), managerServerSide)
		if err != nil {
			return nil, fmt.Errorf("take over from client-side apply: %w", err)
		}
		switch {
		case len(upgrade) == 0:
		case len(a.dryRun) > 0:
			force = true // the fields would be ours by then
		default:
			if _, err := a.patch(ctx, types.JSONPatchType, upgrade, managerServerSide); err != nil {
				return nil, fmt.Errorf("take over from client-side apply: %w", err)
			}
			a.note("the object was applied client-side before: its fields were taken over for server-side apply")
		}
	}
	text, err := json.Marshal(a.object.Object)
	if err != nil {
		return nil, err
	}
	return a.at.Patch(ctx, a.object.GetName(), types.ApplyPatchType, text, metav1.PatchOptions{
		DryRun: a.dryRun, FieldManager: managerServerSide, Force: &force, FieldValidation: metav1.FieldValidationStrict,
	})
}

// clientSideManagers lists the managers that applied the object client-side; "kubectl" is what kubectl called itself
// before 1.18.
func clientSideManagers(live *unstructured.Unstructured) sets.Set[string] {
	managers := sets.New[string]()
	for _, entry := range live.GetManagedFields() {
		if entry.Operation == metav1.ManagedFieldsOperationUpdate && entry.Subresource == "" &&
			(entry.Manager == managerClientSide || entry.Manager == "kubectl") {
			managers.Insert(entry.Manager)
		}
	}
	return managers
}

// appliedServerSide reports whether we applied the object server-side before.
func appliedServerSide(live *unstructured.Unstructured) bool {
	for _, entry := range live.GetManagedFields() {
		if ownApply(entry) {
			return true
		}
	}
	return false
}

func ownApply(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == managerServerSide && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

// leaveServerSide hands an object back to client-side apply: one last server-side apply removes what left the
// manifest, then the ownership is given up. It returns the object as it is then.
func (a *applier) leaveServerSide(ctx context.Context) (*unstructured.Unstructured, error) {
	live, err := a.serverSide(ctx, nil, true)
	if err != nil {
		return nil, fmt.Errorf("hand over to client-side apply: %w", err)
	}
	var kept []metav1.ManagedFieldsEntry
	for _, entry := range live.GetManagedFields() {
		if !ownApply(entry) {
			kept = append(kept, entry)
		}
	}
	if len(kept) == 0 {
		kept = []metav1.ManagedFieldsEntry{{}} // an empty list would be taken for "no change"
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/managedFields", "value": kept},
		{"op": "replace", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
	})
	if err != nil {
		return nil, err
	}
	live, err = a.patch(ctx, types.JSONPatchType, patch, managerClientSide)
	if err != nil {
		return nil, fmt.Errorf("hand over to client-side apply: %w", err)
	}
	a.note("the object was applied server-side before: it was handed over to client-side apply")
	return live, nil
}
