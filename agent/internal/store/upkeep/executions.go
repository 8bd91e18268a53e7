package upkeep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// rest is how long an execution stays after its end, whatever the retention says: who follows it may see how it ended.
const rest = time.Hour

// executions deletes the finished executions that are not kept.
func (k *Keeper) executions(ctx context.Context) (int, error) {
	if k.Retention.Executions == 0 && k.Retention.MaxPerPipeline == 0 {
		return 0, nil
	}
	var expired []string
	err := k.Store.View(ctx, func(r store.Reader) (err error) {
		expired, err = r.ExpiredExecutions(k.keep(r.Now()), 0)
		return err
	})
	total := 0
	for batch := range slices.Chunk(expired, executionBatch) {
		if err != nil {
			break
		}
		deleted := 0
		err = k.Store.Update(ctx, func(tx store.Tx) (err error) {
			deleted, err = deleteExecutions(tx, batch)
			return err
		})
		if err == nil {
			total += deleted
		}
	}
	if err != nil {
		return total, fmt.Errorf("old executions: %w", err)
	}
	return total, nil
}

// keep is the retention as the store knows it.
func (k *Keeper) keep(now time.Time) store.ExecutionRetention {
	keep := store.ExecutionRetention{Newest: k.Retention.MinPerPipeline, Max: k.Retention.MaxPerPipeline}
	if age := time.Duration(k.Retention.Executions); age > 0 {
		keep.Before = now.Add(-age)
	}
	return keep
}

// deleteExecutions deletes those executions that are at rest, and says how many. The others are looked at again in a later
// round, also those that another agent is at or has deleted.
func deleteExecutions(tx store.Tx, ids []string) (int, error) {
	deleted := 0
	for _, id := range ids {
		ex, events, err := tx.TakeExecution(id, false)
		if errors.Is(err, store.ErrHeld) || errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return deleted, err
		}
		if len(events) > 0 {
			continue // it may be restarted
		}
		resting, err := atRest(tx, ex.Execution)
		if err != nil {
			return deleted, err
		}
		if !resting {
			continue
		}
		if err := tx.DeleteExecution(ex.ID); err != nil {
			return deleted, err
		}
		deleted++
	}
	return deleted, nil
}

// atRest says whether nobody has anything to do with an execution any more: it ended a while ago, and it is no child of an
// unfinished execution, which will ask how it ended.
func atRest(tx store.Tx, ex *spinnaker.Execution) (bool, error) {
	ended := max(ex.BuildTime, ex.EndTime).Time()
	if !ex.Status.Complete() || ended.After(tx.Now().Add(-rest)) {
		return false, nil
	}
	parent := ex.Trigger.Text("parentPipelineId")
	if parent == "" {
		return true, nil
	}
	found, err := tx.Executions(store.ExecutionQuery{IDs: []string{parent}, Brief: true})
	return err == nil && (len(found) == 0 || found[0].Status.Complete()), err
}
