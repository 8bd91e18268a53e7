package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gennaker/gennaker/plugins/internal/kube"
	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// preflight checks every object, and every image, before the first write, and reports everything it finds at once.
func (r *deploy) preflight(ctx context.Context) error {
	set, err := r.set(ctx)
	if err != nil {
		return err
	}
	check := r.cluster.NewPreflight(set)
	for r.state.Next < len(set.Items) {
		if r.spent() {
			r.message = fmt.Sprintf("checked %d of %d objects", r.state.Next, r.state.Count)
			return nil
		}
		end := min(r.state.Next+parallel, len(set.Items))
		if err := r.checkItems(ctx, check, set.Items[r.state.Next:end]); err != nil {
			return err
		}
		r.state.Next = end
	}
	if err := r.checkImages(ctx, set); err != nil {
		return err
	}
	if !r.state.Findings.empty() {
		reasons := r.state.Findings.list()
		return &failure{message: fmt.Sprintf("Nothing was deployed. Checked before the first write: %s", firstOf(reasons)), reasons: reasons}
	}
	if len(set.Items) == 0 {
		r.state.Warnings.add("there is nothing to deploy")
	}
	r.message = "deploying " + count(len(set.Items))
	r.state.enter(phaseApply, time.Now())
	return nil
}

// verdicts checks objects, several at once. They come in the order of the objects.
func verdicts(ctx context.Context, check *kube.Preflight, items []manifest.Item) ([]kube.Verdict, error) {
	found := make([]kube.Verdict, len(items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, item := range items {
		group.Go(func() (err error) {
			found[i], err = check.Check(ctx, item)
			return err
		})
	}
	return found, group.Wait()
}

// checkItems checks some objects and remembers what was found.
func (r *deploy) checkItems(ctx context.Context, check *kube.Preflight, items []manifest.Item) error {
	verdicts, err := verdicts(ctx, check, items)
	if err != nil {
		return err
	}
	for i, verdict := range verdicts {
		where := place(items[i])
		for _, finding := range verdict.Findings {
			r.state.Findings.add(where + ": " + finding)
		}
		for _, warning := range verdict.Warnings {
			r.state.Warnings.add(where + ": " + warning)
		}
		if verdict.Unchecked != "" {
			r.host.Logger().Info(fmt.Sprintf("%s could not be checked beforehand: %s", where, verdict.Unchecked))
		}
	}
	return nil
}

// place names an object and where it was written.
func place(item manifest.Item) string { return fmt.Sprintf("%s (%s)", item.Ref, item.Object.Origin) }

// checkImages asks the registries for the images. A registry that cannot be asked stops nothing.
func (r *deploy) checkImages(ctx context.Context, set *manifest.Set) error {
	images := r.cluster.Kinds.Images(objectsOf(set))
	findings, warnings := make([]string, len(images)), make([]string, len(images))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, reference := range images {
		group.Go(func() error {
			image, err := r.host.ResolveImage(ctx, reference)
			switch {
			case err != nil:
				warnings[i] = fmt.Sprintf("image %s could not be looked up: %v", reference, err)
			case image.Known && !image.Found:
				findings[i] = fmt.Sprintf("image %s is not in the registry", reference)
				if image.Detail != "" {
					findings[i] += ": " + image.Detail
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range images {
		if findings[i] != "" {
			r.state.Findings.add(findings[i])
		}
		if warnings[i] != "" {
			r.state.Warnings.add(warnings[i])
		}
	}
	return nil
}
