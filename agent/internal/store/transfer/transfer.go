package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// page is how many rows are read and written at once.
const page = 500

// Counts say how much was copied.
type Counts struct {
	Applications, PipelineVersions, Executions, Bodies, Events, Candidates, Starts, Jobs, AuditRows int
}

// transfer is a copy under way.
type transfer struct {
	from, to store.Store
	// copied is given to progress after each page.
	copied   Counts
	progress func(Counts)
}

// Copy copies everything that from keeps into to, which must be empty, and calls progress now and then. No agent may use
// either of them meanwhile. What belongs to a running agent is left out: incarnations, leases and claims; the next agent
// takes up the unfinished executions. A start is taken for one that happens now, so that retention keeps it a while longer.
//
// A copy that fails leaves a part of everything behind: empty the target before the next attempt.
func Copy(ctx context.Context, from, to store.Store, progress func(Counts)) (Counts, error) {
	t := &transfer{from: from, to: to, progress: progress}
	steps := []struct {
		what string
		copy func(context.Context) error
	}{
		{"look into the target", t.refuseFull},
		{"applications", t.applications},
		{"pipelines", t.pipelines},
		{"executions", t.executions},
		{"events", t.events},
		{"candidates", t.candidates},
		{"starts", t.starts},
		{"states of Jenkins jobs", t.jobs},
		{"audit rows", t.audit},
	}
	for _, step := range steps {
		if err := step.copy(ctx); err != nil {
			return t.copied, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return t.copied, nil
}

// ErrFull is the error of a target that keeps anything.
var ErrFull = errors.New("it is not empty: copy into a new store")

// refuseFull refuses a target that keeps anything: its rows would mix with those that are copied.
func (t *transfer) refuseFull(ctx context.Context) error {
	return t.to.View(ctx, func(r store.Reader) error {
		applications, err := r.Applications()
		if err != nil {
			return err
		}
		versions, err := r.PipelineVersions(0, 1)
		if err != nil {
			return err
		}
		executions, err := r.ExecutionIDs("", 1)
		if err != nil {
			return err
		}
		events, err := r.EventIDs("", 1)
		if err != nil {
			return err
		}
		if len(applications)+len(versions)+len(executions)+len(events) > 0 {
			return ErrFull
		}
		return nil
	})
}

// pages reads page after page and writes each in one update, until one is not full. read returns the rows after the last
// one that it returned.
func pages[T any](ctx context.Context, t *transfer, count *int, read func(store.Reader) ([]T, error), write func(store.Tx, T) error) error {
	for {
		var rows []T
		err := t.from.View(ctx, func(r store.Reader) (err error) {
			rows, err = read(r)
			return err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		err = t.to.Update(ctx, func(tx store.Tx) error {
			for _, row := range rows {
				if err := write(tx, row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		*count += len(rows)
		t.progress(t.copied)
	}
}
