package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// maxOutputs bounds what the outputs repeat of the objects, in bytes of JSON.
const maxOutputs = 2 << 20

// promote publishes what was deployed (orca-clouddriver tasks/manifest/PromoteManifestKatoOutputsTask.java). It comes
// before the wait, so that the outputs are there when the rollout fails.
func (r *deploy) promote(ctx context.Context) error {
	set, err := r.set(ctx)
	if err != nil {
		return err
	}
	live, err := r.read(ctx, set.Items)
	if err != nil {
		return err
	}
	for key, value := range r.deployOutputs(set, live) {
		r.outputs[key], r.context[key] = value, value
	}
	r.artifacts = toArtifacts(set.Created)
	r.message = "deployed " + count(len(set.Items))
	now := time.Now()
	r.state.SettleSince = now
	r.state.enter(phaseSettle, now)
	return nil
}

// deployOutputs are the outputs by Spinnaker's keys, which contain dots.
func (r *deploy) deployOutputs(set *manifest.Set, live []*unstructured.Unstructured) map[string]any {
	names := make(map[string]any)
	var manifests []any
	for i, item := range set.Items {
		list, _ := names[item.Ref.Namespace].([]any)
		names[item.Ref.Namespace] = append(list, item.Ref.String())
		if live[i] != nil {
			manifests = append(manifests, published(live[i].Object))
		}
	}
	return map[string]any{
		"outputs.manifests":                r.bounded("outputs.manifests", manifests),
		"outputs.manifestNamesByNamespace": names,
		"outputs.boundArtifacts":           toArtifacts(set.Bound()),
		"outputs.createdArtifacts":         toArtifacts(set.Created),
	}
}

// bounded shortens objects to what names them when all of them together are too large for an execution.
func (r *deploy) bounded(key string, manifests []any) []any {
	text, err := json.Marshal(manifests)
	if err == nil && len(text) <= maxOutputs {
		return manifests
	}
	r.state.Warnings.add(fmt.Sprintf("%s holds only kinds and metadata: the objects are larger than %d bytes", key, maxOutputs))
	short := make([]any, 0, len(manifests))
	for _, m := range manifests {
		object, _ := m.(map[string]any)
		short = append(short, map[string]any{"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": object["metadata"]})
	}
	return short
}

// read reads objects from the cluster; one that is not there is nil.
func (r *deploy) read(ctx context.Context, items []manifest.Item) ([]*unstructured.Unstructured, error) {
	live := make([]*unstructured.Unstructured, len(items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, item := range items {
		group.Go(func() (err error) {
			live[i], err = r.cluster.Get(ctx, item.Object)
			return err
		})
	}
	return live, group.Wait()
}

// published is an object as executions may show it: without managed fields, and a Secret without its data and without
// the annotations that tell of it.
func published(object map[string]any) map[string]any {
	copied := (&unstructured.Unstructured{Object: object}).DeepCopy()
	copied.SetManagedFields(nil)
	if copied.GetKind() == "Secret" {
		delete(copied.Object, "data")
		delete(copied.Object, "stringData")
		annotations := copied.GetAnnotations()
		delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
		delete(annotations, "gennaker.io/content-hash")
		copied.SetAnnotations(annotations)
	}
	return copied.Object
}

func publishable(objects []manifest.Object) []any {
	list := make([]any, len(objects))
	for i, o := range objects {
		list[i] = published(o.Object)
	}
	return list
}

// toArtifacts is the way back from what binding looks at.
func toArtifacts(bindable []manifest.Artifact) []sdk.Artifact {
	artifacts := make([]sdk.Artifact, len(bindable))
	for i, a := range bindable {
		artifacts[i] = sdk.Artifact{Type: a.Type, Name: a.Name, Version: a.Version, Location: a.Location, Reference: a.Reference}
		if a.Account != "" {
			artifacts[i].Metadata = map[string]any{"account": a.Account}
		}
	}
	return artifacts
}

// withoutBodies leaves out what an embedded artifact carries in its reference.
func withoutBodies(artifacts []sdk.Artifact) []sdk.Artifact {
	list := make([]sdk.Artifact, len(artifacts))
	for i, a := range artifacts {
		if a.Type == "embedded/base64" {
			a.Reference = ""
		}
		list[i] = a
	}
	return list
}
