package rows

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const eventColumns = "id, key, type, source, name, received_at, "

func scanEvent(rows Rows) (event store.Event, err error) {
	var received sql.NullInt64
	var body []byte
	err = rows.Scan(&event.ID, &event.Key, &event.Type, &event.Source, &event.Name, &received, &body)
	event.ReceivedAt, event.Body = timeOf(received), body
	return event, err
}

// Event implements store.Reader.
func (r *Reader) Event(id string) (store.Event, error) {
	return one(&r.scope, notFound("event", id), scanEvent, "SELECT "+eventColumns+"body FROM event WHERE id = $1", id)
}

// Events implements store.Reader.
func (r *Reader) Events(query store.EventQuery) ([]store.Event, error) {
	w := &where{}
	w.equal("type", query.Type)
	w.equal("source", query.Source)
	w.equal("name", query.Name)
	w.equal("key", query.Key)
	w.args = append(w.args, limited(query.Limit), query.Offset, query.BodiesOf)
	last := len(w.args)
	return list(&r.scope, scanEvent, fmt.Sprintf(`SELECT %sCASE WHEN $%d IN ('', type) THEN body END
		FROM event%s ORDER BY received_at DESC, id DESC LIMIT $%d OFFSET $%d`,
		eventColumns, last, w.clause(), last-2, last-1), w.args...)
}

// AddEvent implements store.Tx.
func (t *Tx) AddEvent(event store.Event) error {
	key := event.Key
	if key == "" {
		key = event.ID
	}
	err := t.change(exists("event with key", key), `INSERT INTO event (id, key, type, source, name, received_at, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		event.ID, key, event.Type, event.Source, event.Name, t.orNow(event.ReceivedAt), string(event.Body))
	if err != nil {
		return fmt.Errorf("add event %q: %w", event.ID, err)
	}
	return nil
}

// Verdicts implements store.Reader.
func (r *Reader) Verdicts(query store.VerdictQuery) ([]store.Verdict, error) {
	w := &where{}
	w.equal("event_id", query.EventID)
	w.equal("config_id", query.PipelineConfigID)
	w.args = append(w.args, limited(query.Limit), query.Offset)
	return list(&r.scope, func(rows Rows) (v store.Verdict, err error) {
		var at sql.NullInt64
		err = rows.Scan(&v.EventID, &v.PipelineConfigID, &v.Trigger, &v.Application, &v.Pipeline, &v.Outcome, &v.Reason,
			&v.ExecutionID, &at)
		v.At = timeOf(at)
		return v, err
	}, fmt.Sprintf(`SELECT event_id, config_id, trigger_name, application, pipeline, outcome, reason, execution_id, at
		FROM verdict%s ORDER BY at DESC, %s DESC LIMIT $%d OFFSET $%d`, w.clause(), r.dialect.RowID, len(w.args)-1, len(w.args)), w.args...)
}

const insertVerdict = `INSERT INTO verdict (event_id, config_id, trigger_name, application, pipeline, outcome, reason,
	execution_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

func (t *Tx) verdictColumns(v store.Verdict) []any {
	return []any{v.EventID, v.PipelineConfigID, v.Trigger, v.Application, v.Pipeline, string(v.Outcome), v.Reason, v.ExecutionID, t.orNow(v.At)}
}

// AddVerdict implements store.Tx.
func (t *Tx) AddVerdict(v store.Verdict) error {
	if err := t.queue(insertVerdict, t.verdictColumns(v)...); err != nil {
		return fmt.Errorf("first verdict on event %q by trigger %q of pipeline %q: %w", v.EventID, v.Trigger, v.PipelineConfigID, err)
	}
	return nil
}

// PutVerdict implements store.Tx.
func (t *Tx) PutVerdict(v store.Verdict) error {
	err := t.putVerdict(v)
	if err != nil {
		return fmt.Errorf("verdict on event %q by trigger %q of pipeline %q: %w", v.EventID, v.Trigger, v.PipelineConfigID, err)
	}
	return nil
}

func (t *Tx) putVerdict(v store.Verdict) error {
	if _, err := t.Event(v.EventID); err != nil {
		return err
	}
	return t.change(store.ErrExists, insertVerdict+`
		ON CONFLICT (event_id, config_id, trigger_name) DO UPDATE SET application = excluded.application,
			pipeline = excluded.pipeline, outcome = excluded.outcome, reason = excluded.reason,
			execution_id = excluded.execution_id, at = excluded.at
		WHERE verdict.outcome = 'undecided'`, t.verdictColumns(v)...)
}

// headOfOrder holds for a candidate c that no other of its order comes before.
const headOfOrder = `(c.order_key = '' OR NOT EXISTS (SELECT 1 FROM candidate AS before
	WHERE before.order_key = c.order_key AND (before.sequence, before.id) < (c.sequence, c.id)))`

const candidateColumns = `c.id, c.event_id, c.config_id, c.trigger_name, c.fired, c.start_key, c.order_key, c.sequence, c.due_at,
	c.deadline_at, c.attempts, c.last_error`

func scanCandidate(rows Rows) (c store.Candidate, err error) {
	var fired []byte
	var due, deadline sql.NullInt64
	err = rows.Scan(&c.ID, &c.EventID, &c.PipelineConfigID, &c.Trigger, &fired, &c.StartKey, &c.Order, &c.Sequence, &due,
		&deadline, &c.Attempts, &c.LastError)
	if err != nil {
		return c, err
	}
	c.Due, c.Deadline = timeOf(due), timeOf(deadline)
	if err := spinnaker.Decode(fired, &c.Fired); err != nil {
		return c, fmt.Errorf("candidate %q: read the stored trigger: %w", c.ID, err)
	}
	return c, nil
}

// Candidate implements store.Reader.
func (r *Reader) Candidate(id string) (store.Candidate, error) {
	return one(&r.scope, notFound("candidate", id), scanCandidate,
		"SELECT "+candidateColumns+" FROM candidate AS c WHERE id = $1"+r.hold, id)
}

// DueCandidates implements store.Reader.
func (r *Reader) DueCandidates(now time.Time, limit int) ([]store.Candidate, error) {
	return list(&r.scope, scanCandidate, "SELECT "+candidateColumns+" FROM candidate AS c WHERE due_at <= $1 AND "+headOfOrder+
		" ORDER BY due_at, id LIMIT $2", now.UnixMicro(), limited(limit))
}

// AddCandidate implements store.Tx.
func (t *Tx) AddCandidate(c store.Candidate) error {
	return t.saveCandidate(c, "add", store.ErrExists, `INSERT INTO candidate (id, event_id, config_id, trigger_name, fired,
			start_key, order_key, sequence, due_at, deadline_at, attempts, last_error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`)
}

// PutCandidate implements store.Tx.
func (t *Tx) PutCandidate(c store.Candidate) error {
	return t.saveCandidate(c, "replace", store.ErrNotFound, `UPDATE candidate SET event_id = $2, config_id = $3,
			trigger_name = $4, fired = $5, start_key = $6, order_key = $7, sequence = $8, due_at = $9, deadline_at = $10,
			attempts = $11, last_error = $12
		WHERE id = $1`)
}

func (t *Tx) saveCandidate(c store.Candidate, verb string, unchanged error, statement string) error {
	fired, err := textOf(c.Fired)
	if err == nil {
		err = t.change(unchanged, statement, c.ID, c.EventID, c.PipelineConfigID, c.Trigger, fired, c.StartKey, c.Order,
			c.Sequence, t.orNow(c.Due), t.orNow(c.Deadline), c.Attempts, c.LastError)
	}
	if err != nil {
		return fmt.Errorf("%s candidate %q: %w", verb, c.ID, err)
	}
	t.due = true
	return nil
}

// DeleteCandidate implements store.Tx. The next of its order may be due now.
func (t *Tx) DeleteCandidate(id string) error {
	deleted, err := t.exec("DELETE FROM candidate WHERE id = $1", id)
	if err != nil {
		return fmt.Errorf("delete candidate %q: %w", id, err)
	}
	t.due = t.due || deleted > 0
	return nil
}

// AddStart implements store.Tx.
func (t *Tx) AddStart(key, executionID string) error {
	inserted, err := t.exec("INSERT INTO start (key, execution_id, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		key, executionID, micros(t.Now()))
	if err != nil {
		return fmt.Errorf("add start %q: %w", key, err)
	}
	if inserted > 0 {
		return nil
	}
	before, err := one(&t.scope, store.ErrNotFound, scanned[string], "SELECT execution_id FROM start WHERE key = $1", key)
	if err != nil {
		return fmt.Errorf("add start %q: %w", key, err)
	}
	return fmt.Errorf("start %q: execution %q: %w", key, before, store.ErrExists)
}

// JobStates implements store.Reader.
func (r *Reader) JobStates(master string) (map[string][]byte, error) {
	states := map[string][]byte{}
	err := r.read(each(func(rows Rows) error {
		var job string
		var state []byte
		err := rows.Scan(&job, &state)
		if state == nil {
			state = []byte{} // an empty state is one
		}
		states[job] = state
		return err
	}), "SELECT job, state FROM job_state WHERE master = $1", master)
	if err != nil {
		return nil, fmt.Errorf("master %q: read the state of its jobs: %w", master, err)
	}
	return states, nil
}

// PutJobStates implements store.Tx.
func (t *Tx) PutJobStates(master string, states map[string][]byte) error {
	for job, state := range states {
		var err error
		if state == nil {
			_, err = t.exec("DELETE FROM job_state WHERE master = $1 AND job = $2", master, job)
		} else {
			_, err = t.exec(`INSERT INTO job_state (master, job, state) VALUES ($1, $2, $3)
				ON CONFLICT (master, job) DO UPDATE SET state = excluded.state`, master, job, state)
		}
		if err != nil {
			return fmt.Errorf("master %q: remember the state of job %q: %w", master, job, err)
		}
	}
	return nil
}
