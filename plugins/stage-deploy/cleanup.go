package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gennaker/gennaker/plugins/internal/manifest"
)

// cleanup deletes versions beyond those that an object's annotation, or the account, says to keep
// (orca-clouddriver tasks/manifest/CleanupArtifactsTask.java), and ends the stage.
func (r *deploy) cleanup(ctx context.Context) error {
	set, err := r.set(ctx)
	if err != nil {
		return err
	}
	for ; r.state.Next < len(set.Items); r.state.Next++ {
		if r.spent() {
			r.message = "deleting old versions"
			return nil
		}
		if err := r.cleanupItem(ctx, set.Items[r.state.Next]); err != nil {
			return err
		}
	}
	r.message = fmt.Sprintf("deployed %s: %s", count(len(set.Items)), names(set.Items))
	r.done = true
	r.state.close(time.Now())
	return nil
}

func (r *deploy) cleanupItem(ctx context.Context, item manifest.Item) error {
	keep, limited, err := manifest.MaxVersions(item.Object)
	if err != nil {
		return failed("%v", err)
	}
	if !limited && r.cluster.Settings.MaxVersionHistory != nil {
		keep, limited = *r.cluster.Settings.MaxVersionHistory, true
	}
	if item.Artifact.Version == "" || !limited {
		return nil
	}
	surplus, err := r.cluster.DeleteSurplus(ctx, item, keep)
	if len(surplus.Deleted) > 0 {
		r.host.Logger().Info(fmt.Sprintf("deleted old versions of %s: %s", item.Artifact.Name, strings.Join(surplus.Deleted, ", ")))
	}
	if len(surplus.Kept) > 0 {
		r.host.Logger().Info(fmt.Sprintf("kept old versions of %s, %s: %s", item.Artifact.Name, strings.Join(surplus.Kept, ", "), surplus.Why))
	}
	return err
}
