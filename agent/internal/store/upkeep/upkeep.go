package upkeep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/store"
)

const (
	// interval is the time between two rounds.
	interval = 10 * time.Minute
	// bodyAge is how old bodies are that are deleted when nothing refers to them.
	bodyAge = time.Hour
	// rowBatch is how many small rows one update deletes, executionBatch how many executions with all that is theirs.
	rowBatch       = 500
	executionBatch = 10
)

// Options of a Keeper.
type Options struct {
	Store     store.Store
	Retention config.Retention
	Log       *slog.Logger
}

// Keeper does the upkeep of a store.
type Keeper struct{ Options }

// New makes a Keeper.
func New(o Options) *Keeper { return &Keeper{o} }

// Run does a round at once and then at intervals, until ctx ends. What a round could not do is logged and left to the next.
func (k *Keeper) Run(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		deleted, err := k.Round(ctx)
		if err != nil && ctx.Err() == nil {
			k.Log.Error("delete what is not kept any longer", "error", err)
		}
		if deleted != (Deleted{}) {
			k.Log.Info("deleted what is not kept any longer", "executions", deleted.Executions, "events", deleted.Events,
				"starts", deleted.Starts, "stageLogLines", deleted.StageLogLines, "auditRows", deleted.AuditRows, "bodies", deleted.Bodies)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Deleted counts what a round deleted.
type Deleted struct {
	Executions, Events, Starts, StageLogLines, AuditRows, Bodies int
}

// Round deletes all that is not kept now. A failure of one kind does not keep the others from being deleted.
func (k *Keeper) Round(ctx context.Context) (Deleted, error) {
	var d Deleted
	var errs []error
	count := func(into *int) func(int, error) {
		return func(n int, err error) { *into, errs = n, append(errs, err) }
	}
	count(&d.Executions)(k.executions(ctx))
	count(&d.Events)(k.rows(ctx, store.AgedEvents, k.Retention.Events))
	count(&d.Starts)(k.rows(ctx, store.AgedStarts, k.Retention.Events))
	count(&d.StageLogLines)(k.rows(ctx, store.AgedStageLogs, k.Retention.StageLogs))
	count(&d.AuditRows)(k.rows(ctx, store.AgedAudit, k.Retention.Audit))
	count(&d.Bodies)(k.Store.CollectBlobs(ctx, bodyAge))
	return d, errors.Join(errs...)
}

// rows deletes the rows of a kind that are older than age; without an age, none.
func (k *Keeper) rows(ctx context.Context, kind store.Aged, age config.Duration) (int, error) {
	if age == 0 {
		return 0, nil
	}
	for total := 0; ; {
		deleted := 0
		err := k.Store.Update(ctx, func(tx store.Tx) (err error) {
			deleted, err = tx.DeleteAged(kind, tx.Now().Add(-time.Duration(age)), rowBatch)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("old %s: %w", kind, err)
		}
		if total += deleted; deleted < rowBatch {
			return total, nil
		}
	}
}
