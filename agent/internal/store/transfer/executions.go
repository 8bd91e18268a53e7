package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
)

// logPage is how many lines of a stage's log are read and written at once.
const logPage = 2000

// executions copies the executions one after the other, each with all that is its own. The bodies come first: while the
// execution is not there, nothing can refer to them, so its rows are made in a first update without them.
func (t *transfer) executions(ctx context.Context) error {
	for after := ""; ; {
		var ids []string
		err := t.from.View(ctx, func(r store.Reader) (err error) {
			ids, err = r.ExecutionIDs(after, page)
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := t.execution(ctx, id); err != nil {
				return fmt.Errorf("execution %q: %w", id, err)
			}
			after = id
		}
		t.progress(t.copied)
	}
}

func (t *transfer) execution(ctx context.Context, id string) error {
	var ex *engine.Execution
	var events []engine.Event
	var bodies []store.KeptBlob
	err := t.from.View(ctx, func(r store.Reader) (err error) {
		if ex, err = r.Execution(id); err != nil {
			return err
		}
		if events, err = r.ExecutionEvents(id); err != nil {
			return err
		}
		bodies, err = r.KeptBlobs(id)
		return err
	})
	if err != nil {
		return err
	}
	err = t.to.Update(ctx, func(tx store.Tx) error {
		if err := tx.SaveExecution(ex); err != nil {
			return err
		}
		for _, event := range events {
			if err := tx.AddExecutionEvent(id, event); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, stage := range ex.Stages {
		if err := t.log(ctx, id, stage.ID); err != nil {
			return fmt.Errorf("log of stage %q: %w", stage.ID, err)
		}
	}
	for _, body := range bodies {
		if err := t.body(ctx, body); err != nil {
			return fmt.Errorf("body %s: %w", body.SHA256, err)
		}
		t.copied.Bodies++
	}
	t.copied.Executions++
	return nil
}

func (t *transfer) log(ctx context.Context, id, stageID string) error {
	for offset := 0; ; offset += logPage {
		var lines []store.LogLine
		err := t.from.View(ctx, func(r store.Reader) (err error) {
			lines, err = r.StageLog(id, stageID, offset, logPage)
			return err
		})
		if err != nil || len(lines) == 0 {
			return err
		}
		if err := t.to.Update(ctx, func(tx store.Tx) error { return tx.AppendStageLog(id, stageID, lines) }); err != nil {
			return err
		}
	}
}

// body copies a body, and sees that it arrives as what it was.
func (t *transfer) body(ctx context.Context, kept store.KeptBlob) (err error) {
	stream, blob, err := t.from.OpenBlob(ctx, kept.SHA256)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	copied, err := t.to.PutBlob(ctx, kept.BlobRef, blob.MediaType, stream, blob.Size)
	if err == nil && copied != blob {
		err = fmt.Errorf("it came out as %s with %d bytes, expected %d: the source is damaged", copied.SHA256, copied.Size, blob.Size)
	}
	return err
}
