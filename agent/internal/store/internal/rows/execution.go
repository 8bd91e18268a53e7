package rows

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// Execution implements store.Reader.
func (r *Reader) Execution(id string) (*engine.Execution, error) { return r.execution(id, r.hold) }

// TakeExecution implements store.Tx.
func (t *Tx) TakeExecution(id string, wait bool) (*engine.Execution, []engine.Event, error) {
	hold := t.hold
	if !wait {
		hold = t.dialect.TryHold
	}
	var events []engine.Event
	ex, err := t.execution(id, hold, question{each(func(rows Rows) error {
		event, err := scanEngineEvent(rows)
		events = append(events, event)
		return err
	}), selectExecutionEvents, id})
	if wait || t.dialect.TryHold == "" || !errors.Is(err, store.ErrNotFound) {
		return ex, events, err
	}
	if _, err := one(&t.scope, notFound("execution", id), scanned[int], "SELECT 1 FROM execution WHERE id = $1", id); err != nil {
		return nil, nil, err
	}
	return nil, nil, fmt.Errorf("execution %q: %w", id, store.ErrHeld)
}

// execution reads an execution; hold is the lock that its row is read with, and more is asked along the way.
func (r *Reader) execution(id, hold string, more ...question) (*engine.Execution, error) {
	row, err := r.executionRow(id, hold, more...)
	if err != nil {
		return nil, err
	}
	ex, err := row.decode()
	if err != nil {
		return nil, fmt.Errorf("execution %q: %w", id, err)
	}
	return ex, nil
}

// executionRow reads an execution with all its stages and parts, in one round trip. The lock comes first: what is read
// after it stays as it is.
func (r *Reader) executionRow(id, hold string, more ...question) (*executionRow, error) {
	row := newExecutionRow()
	err := r.ask(each(row.scan), "SELECT id, head, stage_order, waiting FROM execution WHERE id = $1"+hold, id)
	for _, q := range more {
		err = errors.Join(err, r.ask(q.found, q.query, q.arg))
	}
	if err != nil {
		return nil, err
	}
	if err := r.fill(map[string]*executionRow{id: row}, "execution_id = $1", id, false); err != nil {
		return nil, fmt.Errorf("execution %q: %w", id, err)
	}
	if row.id == "" {
		return nil, notFound("execution", id)
	}
	if r.seen != nil {
		r.seen[id] = row
	}
	return row, nil
}

func scanExecution(rows Rows) (*executionRow, error) {
	row := newExecutionRow()
	return row, row.scan(rows)
}

func newExecutionRow() *executionRow {
	return &executionRow{parts: parts{}, stages: map[string]*stageRow{}}
}

func (row *executionRow) scan(rows Rows) error {
	var waiting int64
	err := rows.Scan(&row.id, &row.head, &row.order, &waiting)
	row.waiting = waiting != 0
	return err
}

// fill reads the stages of executions and the parts. among is the condition on execution_id; brief leaves out what may be
// large.
func (r *Reader) fill(executions map[string]*executionRow, among string, ids any, brief bool) error {
	state, kind := "state", ""
	if brief {
		state, kind = "NULL", " AND stage_id = '' AND name <> '"+partParent+"'"
	}
	err := r.ask(each(func(rows Rows) error {
		var execution, id string
		var kept []byte
		var due sql.NullInt64
		row := &stageRow{parts: parts{}}
		if err := rows.Scan(&execution, &id, &row.head, &row.work, &kept, &row.phase, &due); err != nil {
			return err
		}
		row.state = string(kept)
		if due.Valid {
			row.due = due.Int64
		}
		executions[execution].stages[id] = row
		return nil
	}), "SELECT execution_id, id, head, work, "+state+", phase, due_at FROM stage WHERE "+among, ids)
	if err != nil {
		return err
	}
	return r.read(each(func(rows Rows) error {
		var execution, stage, name, document string
		if err := rows.Scan(&execution, &stage, &name, &document); err != nil {
			return err
		}
		row := executions[execution]
		if stage == "" {
			row.parts[name] = document
		} else if of := row.stages[stage]; of != nil {
			of.parts[name] = document
		}
		return nil
	}), "SELECT execution_id, stage_id, name, document FROM part WHERE "+among+kind, ids)
}

// ExecutionByCorrelation implements store.Reader.
func (r *Reader) ExecutionByCorrelation(correlationID string) (string, error) {
	missing := notFound("execution with correlation id", correlationID)
	if correlationID == "" {
		return "", missing
	}
	return one(&r.scope, missing, scanned[string], selectCorrelation, correlationID)
}

// The second condition is what lets the partial index be used.
const selectCorrelation = `SELECT id FROM execution WHERE correlation_id = $1 AND correlation_id <> ''
	ORDER BY build_time, id LIMIT 1`

// ExecutionByCorrelation implements store.Tx: nobody else starts one of that correlation before the transaction ends.
func (t *Tx) ExecutionByCorrelation(correlationID string) (string, error) {
	if correlationID == "" {
		return t.Reader.ExecutionByCorrelation(correlationID)
	}
	if err := t.turns(t.dialect.Turns, "correlation "+correlationID); err != nil {
		return "", err
	}
	return t.Reader.ExecutionByCorrelation(correlationID)
}

// Slots implements store.Reader.
func (r *Reader) Slots(pipelineConfigID string) ([]store.Slot, error) {
	return list(&r.scope, func(rows Rows) (slot store.Slot, err error) {
		var waiting, built int64
		err = rows.Scan(&slot.ExecutionID, &slot.Status, &waiting, &built)
		slot.Waiting = waiting != 0
		slot.BuildTime = spinnaker.Millis(built).Time()
		return slot, err
	}, selectSlots, pipelineConfigID)
}

const selectSlots = `SELECT id, status, waiting, build_time FROM execution
	WHERE config_id = $1 AND finished = 0 ORDER BY build_time, id`

// LockSlots implements store.Tx.
func (t *Tx) LockSlots(pipelineConfigID string, only bool) error {
	statement := t.dialect.Turns
	if !only {
		statement = t.dialect.Together
	}
	return t.turns(statement, "slots "+pipelineConfigID)
}

// ExecutionEvents implements store.Reader.
func (r *Reader) ExecutionEvents(executionID string) ([]engine.Event, error) {
	events, err := list(&r.scope, scanEngineEvent, selectExecutionEvents, executionID)
	if err != nil {
		return nil, fmt.Errorf("read the events of execution %q: %w", executionID, err)
	}
	return events, nil
}

const selectExecutionEvents = "SELECT id, event FROM execution_event WHERE execution_id = $1 ORDER BY id"

func scanEngineEvent(rows Rows) (event engine.Event, err error) {
	var id int64
	var text []byte
	if err := rows.Scan(&id, &text); err != nil {
		return event, err
	}
	err = spinnaker.Decode(text, &event)
	event.ID = id
	return event, err
}

// PendingExecutions implements store.Reader.
func (r *Reader) PendingExecutions(limit int) ([]string, error) {
	return list(&r.scope, scanned[string],
		"SELECT execution_id FROM execution_event GROUP BY execution_id ORDER BY min(id) LIMIT $1", limited(limit))
}

// StageLog implements store.Reader.
func (r *Reader) StageLog(executionID, stageID string, offset, limit int) ([]store.LogLine, error) {
	return list(&r.scope, func(rows Rows) (line store.LogLine, err error) {
		var at sql.NullInt64
		err = rows.Scan(&at, &line.Level, &line.Text)
		line.Time = timeOf(at)
		return line, err
	}, `SELECT at, level, text FROM stage_log WHERE execution_id = $1 AND stage_id = $2 AND line >= $3
		ORDER BY line LIMIT $4`, executionID, stageID, offset, limited(limit))
}

// DeleteExecution implements store.Tx.
func (t *Tx) DeleteExecution(id string) error {
	delete(t.seen, id)
	err := t.change(notFound("execution", id), "DELETE FROM execution WHERE id = $1", id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("delete execution %q: %w", id, err)
	}
	return err
}

// AddExecutionEvent implements store.Tx.
func (t *Tx) AddExecutionEvent(executionID string, event engine.Event) error {
	text, err := textOf(event)
	if err != nil {
		return fmt.Errorf("add an event to execution %q: %w", executionID, err)
	}
	err = t.change(notFound("execution", executionID),
		"INSERT INTO execution_event (execution_id, event) SELECT id, $2 FROM execution WHERE id = $1", executionID, text)
	if err != nil {
		return fmt.Errorf("add event %q: %w", event.Kind, err)
	}
	t.due = true
	return nil
}

// ConsumeExecutionEvents implements store.Tx.
func (t *Tx) ConsumeExecutionEvents(executionID string, ids []int64) error {
	for _, id := range ids {
		err := t.queue("DELETE FROM execution_event WHERE execution_id = $1 AND id = $2", executionID, id)
		if err != nil {
			return fmt.Errorf("consume the events of execution %q: %w", executionID, err)
		}
	}
	return nil
}

// AppendStageLog implements store.Tx.
func (t *Tx) AppendStageLog(executionID, stageID string, lines []store.LogLine) error {
	for _, line := range lines {
		err := t.change(notFound("stage", stageID), `INSERT INTO stage_log (execution_id, stage_id, line, at, level, text)
			SELECT execution_id, id, (SELECT coalesce(max(line) + 1, 0) FROM stage_log WHERE execution_id = $1 AND stage_id = $2),
				$3, $4, $5 FROM stage WHERE execution_id = $1 AND id = $2`,
			executionID, stageID, t.orNow(line.Time), line.Level, line.Text)
		if err != nil {
			return fmt.Errorf("append to the log of execution %q: %w", executionID, err)
		}
	}
	return nil
}
