package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
	"github.com/gennaker/gennaker/plugins/sdk"
)

// prepare decides everything about the objects before the first write: APIs, namespaces, versions, bindings, names.
func (r *deploy) prepare(ctx context.Context) error {
	var objects []manifest.Object
	if err := r.load(ctx, r.state.Objects, &objects); err != nil {
		return err
	}
	set, findings, err := r.prepareSet(ctx, objects)
	if err != nil {
		return err
	}
	r.state.Findings.add(findings...)
	for _, b := range set.Bindings {
		r.host.Logger().Info(fmt.Sprintf("bound %s at %s of %s (was %s)", b.Artifact, b.Path, b.Object, b.From))
	}
	if r.state.Set, err = r.store(ctx, set); err != nil {
		return err
	}
	r.state.Count = len(set.Items)
	r.message = fmt.Sprintf("checking %s before the first write", count(len(set.Items)))
	r.state.enter(phasePreflight, time.Now())
	return nil
}

// prepareSet returns the prepared objects and what is wrong with the others.
func (r *deploy) prepareSet(ctx context.Context, objects []manifest.Object) (*manifest.Set, []string, error) {
	selector, err := manifest.Selector(r.config.LabelSelectors.Selectors)
	if err != nil {
		return nil, nil, failed("%v", err)
	}
	opts, err := r.options()
	if err != nil {
		return nil, nil, err
	}
	scope, err := r.cluster.Scopes(ctx, objects)
	if err != nil {
		return nil, nil, err
	}
	removed := r.config.RemovedAPIs
	if removed == "" {
		removed = r.cluster.Settings.RemovedAPIs
	}
	arranged, warnings, wrong := r.cluster.Kinds.Arrange(objects, manifest.Arrangement{
		Scope: scope, Removed: removed, Namespace: r.config.NamespaceOverride, DefaultNamespace: r.cluster.Namespace,
	})
	r.state.Warnings.add(warnings...)
	live, err := r.cluster.Live(ctx, arranged, opts)
	if err != nil {
		return nil, nil, err
	}
	set, refused := r.cluster.Kinds.Prepare(arranged, opts, live)
	if err := r.selectItems(set, selector); err != nil {
		return nil, nil, err
	}
	return set, lines(errors.Join(wrong, refused)), nil
}

func (r *deploy) options() (manifest.Options, error) {
	required, err := r.requiredArtifacts()
	if err != nil {
		return manifest.Options{}, err
	}
	settings := r.cluster.Settings
	services, enable := r.config.services()
	managedBy := "spinnaker"
	if settings.ManagedBySuffix != "" {
		managedBy += "-" + settings.ManagedBySuffix
	}
	binding := r.config.EnableArtifactBinding.optional()
	return manifest.Options{
		Account:            r.cluster.Account,
		Moniker:            r.config.moniker(r.req.Application),
		Versioned:          r.config.Versioned.optional(),
		Binding:            binding == nil || *binding,
		Required:           toBind(required),
		Optional:           toBind(r.req.Artifacts),
		ImageNameOnly:      settings.DockerImageBinding == "match-name-only",
		SkipTemplateLabels: bool(r.config.SkipSpecTemplateLabels),
		SkipLabels:         settings.ApplyAppLabels != nil && !*settings.ApplyAppLabels,
		ManagedBy:          managedBy,
		Services:           services,
		EnableTraffic:      enable,
		NameSuffix:         r.nameSuffix,
	}, nil
}

// selectItems drops what the stage's label selectors do not match.
func (r *deploy) selectItems(set *manifest.Set, selector labels.Selector) error {
	if selector.Empty() {
		return nil
	}
	var items []manifest.Item
	var created []manifest.Artifact
	for _, item := range set.Items {
		if item.Strategy == manifest.StrategyReplace {
			return failed("label selectors not supported with replace strategy, not deploying")
		}
		if selector.Matches(labels.Set(item.Object.GetLabels())) {
			items = append(items, item)
			created = append(created, item.Artifact)
		}
	}
	if len(items) == 0 && !bool(r.config.AllowNothingSelected) {
		return failed("nothing deployed to account %s with label selector(s) %s", r.cluster.Account, selector)
	}
	set.Items, set.Created = items, created
	return nil
}

// nameSuffix is the end of a generated name: the same for every repetition of this attempt of the stage.
func (r *deploy) nameSuffix(position int) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789" // the API server's own: no vowels, no words
	const length = 5
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d/%d", r.req.ExecutionID, r.req.StageID, r.req.Attempt, position))
	suffix := make([]byte, length)
	for i := range suffix {
		suffix[i] = alphabet[int(sum[i])%len(alphabet)]
	}
	return string(suffix)
}

// toBind turns artifacts into what binding looks at.
func toBind(artifacts []sdk.Artifact) []manifest.Artifact {
	bindable := make([]manifest.Artifact, len(artifacts))
	for i, a := range artifacts {
		account, _ := a.Metadata["account"].(string)
		bindable[i] = manifest.Artifact{Type: a.Type, Name: a.Name, Version: a.Version, Location: a.Location, Reference: a.Reference, Account: account}
	}
	return bindable
}
