package rows

import (
	"errors"
	"fmt"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
)

// SaveExecution implements store.Tx. What is stored is what this transaction read last, or is read now.
func (t *Tx) SaveExecution(ex *engine.Execution) error {
	if ex.ID == "" {
		return errors.New("save an execution: it has no id")
	}
	if err := t.saveExecution(ex); err != nil {
		return fmt.Errorf("save execution %q: %w", ex.ID, err)
	}
	return nil
}

func (t *Tx) saveExecution(ex *engine.Execution) error {
	row, err := encode(ex)
	if err != nil {
		return err
	}
	stored := t.seen[ex.ID]
	if stored == nil {
		stored, err = t.executionRow(ex.ID, t.hold)
		if errors.Is(err, store.ErrNotFound) {
			stored, err = &executionRow{}, nil
		}
		if err != nil {
			return err
		}
	}
	if err := t.saveHead(ex, row, stored); err != nil {
		return err
	}
	if err := t.saveParts(ex.ID, "", row.parts, stored.parts); err != nil {
		return err
	}
	for id, stage := range row.stages {
		if err := t.saveStage(ex.ID, id, stage, stored.stages[id]); err != nil {
			return fmt.Errorf("stage %q: %w", id, err)
		}
	}
	for id := range stored.stages {
		if row.stages[id] == nil {
			if err := t.deleteStage(ex.ID, id); err != nil {
				return fmt.Errorf("stage %q: %w", id, err)
			}
		}
	}
	t.seen[ex.ID] = row
	return nil
}

func (t *Tx) saveHead(ex *engine.Execution, row, stored *executionRow) error {
	if row.head == stored.head && row.order == stored.order && row.waiting == stored.waiting &&
		row.parts[partTrigger] == stored.parts[partTrigger] {
		return nil
	}
	return t.queue(`INSERT INTO execution (id, type, application, name, config_id, status, finished, waiting, build_time,
			trigger_type, event_id, correlation_id, head, stage_order)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (id) DO UPDATE SET type = excluded.type, application = excluded.application, name = excluded.name,
			config_id = excluded.config_id, status = excluded.status, finished = excluded.finished,
			waiting = excluded.waiting, build_time = excluded.build_time, trigger_type = excluded.trigger_type,
			event_id = excluded.event_id, correlation_id = excluded.correlation_id, head = excluded.head,
			stage_order = excluded.stage_order`,
		ex.ID, string(ex.Type), ex.Application, ex.Name, ex.PipelineConfigID, string(ex.Status), flag(ex.Status.Complete()),
		flag(ex.Waiting), int64(ex.BuildTime), ex.Trigger.Type(), ex.Trigger.Text("eventId"), ex.Trigger.Text("correlationId"),
		row.head, row.order)
}

// saveParts writes the parts that differ and deletes those that are gone.
func (t *Tx) saveParts(executionID, stageID string, parts, stored parts) error {
	for name, document := range parts {
		if before, there := stored[name]; there && before == document {
			continue
		}
		err := t.queue(`INSERT INTO part (execution_id, stage_id, name, document) VALUES ($1, $2, $3, $4)
			ON CONFLICT (execution_id, stage_id, name) DO UPDATE SET document = excluded.document`,
			executionID, stageID, name, document)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name := range stored {
		if _, there := parts[name]; there {
			continue
		}
		err := t.queue("DELETE FROM part WHERE execution_id = $1 AND stage_id = $2 AND name = $3", executionID, stageID, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// saveStage writes a stage if it differs. A claim on it stays what it is.
func (t *Tx) saveStage(executionID, id string, row, stored *stageRow) error {
	if stored == nil {
		stored = &stageRow{}
	}
	if row.head != stored.head || row.work != stored.work || row.state != stored.state || row.due != stored.due {
		err := t.queue(`INSERT INTO stage (execution_id, id, head, work, state, phase, due_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (execution_id, id) DO UPDATE SET head = excluded.head, work = excluded.work, state = excluded.state,
				phase = excluded.phase, due_at = excluded.due_at`,
			executionID, id, row.head, row.work, []byte(row.state), row.phase, row.due)
		if err != nil {
			return err
		}
		t.due = t.due || row.due != nil
	}
	return t.saveParts(executionID, id, row.parts, stored.parts)
}

// deleteStage deletes a stage with its log, parts and references to bodies.
func (t *Tx) deleteStage(executionID, id string) error {
	for _, statement := range []string{
		"DELETE FROM stage WHERE execution_id = $1 AND id = $2",
		"DELETE FROM part WHERE execution_id = $1 AND stage_id = $2",
		"DELETE FROM blob_ref WHERE execution_id = $1 AND stage_id = $2",
	} {
		if err := t.queue(statement, executionID, id); err != nil {
			return err
		}
	}
	return nil
}
