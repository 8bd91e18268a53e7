package rows

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
)

// SaveExecution implements store.Tx. What is stored is what this transaction read last, or is read now.
func (t *Tx) SaveExecution(ex *engine.Execution) error {
	if err := t.saveExecution(ex); err != nil {
		return fmt.Errorf("save execution %q: %w", ex.ID, err)
	}
	return nil
}

// AddExecution implements store.Tx.
func (t *Tx) AddExecution(ex *engine.Execution) error {
	row, err := encode(ex)
	if err == nil {
		err = t.write(ex, row, nil)
	}
	if err != nil {
		return fmt.Errorf("add execution %q: %w", ex.ID, err)
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
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return t.write(ex, row, stored)
}

// write writes what differs from what is stored, which is nil for a new execution.
func (t *Tx) write(ex *engine.Execution, row, stored *executionRow) error {
	if err := t.writeHead(ex, row, stored); err != nil {
		return err
	}
	if stored == nil {
		stored = &executionRow{}
	}
	var stages, parts [][]any
	if err := t.writeParts(ex.ID, "", row.parts, stored.parts, &parts); err != nil {
		return err
	}
	for id, stage := range row.stages {
		before := stored.stages[id]
		if before == nil {
			before = &stageRow{}
			stages = append(stages, stage.columns(ex.ID, id))
			t.due = t.due || stage.due != nil
		} else if err := t.updateStage(ex.ID, id, stage, before); err != nil {
			return fmt.Errorf("stage %q: %w", id, err)
		}
		if err := t.writeParts(ex.ID, id, stage.parts, before.parts, &parts); err != nil {
			return fmt.Errorf("stage %q: %w", id, err)
		}
	}
	if err := t.insert("stage (execution_id, id, head, work, state, phase, due_at)", stages); err != nil {
		return err
	}
	if err := t.insert("part (execution_id, stage_id, name, document)", parts); err != nil {
		return err
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

func (t *Tx) writeHead(ex *engine.Execution, row, stored *executionRow) error {
	finished, waiting := flag(ex.Status.Complete()), flag(ex.Waiting)
	switch {
	case stored == nil:
		return t.queue(`INSERT INTO execution (id, type, application, name, config_id, status, finished, waiting, build_time,
				trigger_type, event_id, correlation_id, head, stage_order)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			ex.ID, string(ex.Type), ex.Application, ex.Name, ex.PipelineConfigID, string(ex.Status), finished, waiting,
			int64(ex.BuildTime), ex.Trigger.Type(), ex.Trigger.Text("eventId"), ex.Trigger.Text("correlationId"),
			row.head, row.order)
	case row.head != stored.head || row.order != stored.order || row.waiting != stored.waiting:
		return t.queue("UPDATE execution SET status = $2, finished = $3, waiting = $4, head = $5, stage_order = $6 WHERE id = $1",
			ex.ID, string(ex.Status), finished, waiting, row.head, row.order)
	default:
		return nil
	}
}

// maxInsert is how many rows a statement inserts at most: a power of two.
const maxInsert = 16

// insert adds rows to columns of a table. It does so by powers of two: the different statements stay few.
func (t *Tx) insert(columns string, rows [][]any) error {
	for len(rows) > 0 {
		some := rows[:min(maxInsert, 1<<(bits.Len(uint(len(rows)))-1))]
		rows = rows[len(some):]
		var statement strings.Builder
		statement.WriteString("INSERT INTO " + columns + " VALUES")
		args := make([]any, 0, len(some)*len(some[0]))
		for _, row := range some {
			separator := " ("
			if len(args) > 0 {
				separator = ", ("
			}
			for _, value := range row {
				args = append(args, value)
				fmt.Fprintf(&statement, "%s$%d", separator, len(args))
				separator = ", "
			}
			statement.WriteByte(')')
		}
		if err := t.queue(statement.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

// writeParts writes the parts that differ and deletes those that are gone. New ones are only added to the rows to insert.
func (t *Tx) writeParts(executionID, stageID string, parts, stored parts, insert *[][]any) error {
	for name, document := range parts {
		before, there := stored[name]
		switch {
		case !there:
			*insert = append(*insert, []any{executionID, stageID, name, document})
		case before != document:
			err := t.queue("UPDATE part SET document = $4 WHERE execution_id = $1 AND stage_id = $2 AND name = $3",
				executionID, stageID, name, document)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
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

// columns are what the row of a stage holds.
func (row *stageRow) columns(executionID, id string) []any {
	return []any{executionID, id, row.head, row.work, []byte(row.state), row.phase, row.due}
}

// updateStage writes a stage if it differs. A claim on it stays what it is.
func (t *Tx) updateStage(executionID, id string, row, stored *stageRow) error {
	if row.head == stored.head && row.work == stored.work && row.state == stored.state && row.due == stored.due {
		return nil
	}
	t.due = t.due || row.due != nil
	return t.queue("UPDATE stage SET head = $3, work = $4, state = $5, phase = $6, due_at = $7 WHERE execution_id = $1 AND id = $2",
		row.columns(executionID, id)...)
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
