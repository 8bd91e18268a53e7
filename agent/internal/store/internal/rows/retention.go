package rows

import (
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// ExpiredExecutions implements store.Reader.
func (r *Reader) ExpiredExecutions(keep store.ExecutionRetention, limit int) ([]string, error) {
	before := int64(-1)
	if !keep.Before.IsZero() {
		before = keep.Before.UnixMilli()
	}
	ids, err := list(&r.scope, scanned[string], selectExpired, before, keep.Newest, keep.Max, limited(limit))
	if err != nil {
		return nil, fmt.Errorf("find executions that are not kept: %w", err)
	}
	return ids, nil
}

const selectExpired = `SELECT id FROM (
		SELECT id, build_time, finished, row_number() OVER (
			PARTITION BY config_id, CASE config_id WHEN '' THEN type || '/' || application || '/' || name ELSE '' END
			ORDER BY build_time DESC, id DESC) AS place
		FROM execution) AS placed
	WHERE finished = 1 AND (build_time < $1 AND place > $2 OR $3 > 0 AND place > $3)
	ORDER BY build_time, id LIMIT $4`

// aged are the statements that delete the oldest rows of a kind.
var aged = map[store.Aged]string{
	store.AgedEvents: `DELETE FROM event WHERE id IN (SELECT id FROM event
		WHERE received_at < $1 AND id NOT IN (SELECT event_id FROM candidate) ORDER BY received_at LIMIT $2)`,
	store.AgedStarts: `DELETE FROM start WHERE key IN (SELECT key FROM start WHERE at < $1 ORDER BY at LIMIT $2)`,
	store.AgedStageLogs: `DELETE FROM stage_log WHERE (execution_id, stage_id, line) IN (
		SELECT execution_id, stage_id, line FROM stage_log AS line
		WHERE at < $1 AND EXISTS (SELECT 1 FROM execution WHERE id = line.execution_id AND finished = 1) ORDER BY at LIMIT $2)`,
	store.AgedAudit: `DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < $1 ORDER BY at LIMIT $2)`,
}

// DeleteAged implements store.Tx.
func (t *Tx) DeleteAged(kind store.Aged, before time.Time, limit int) (int, error) {
	statement, known := aged[kind]
	if !known {
		return 0, fmt.Errorf("delete what is old: %q is no kind of rows", kind)
	}
	deleted, err := t.exec(statement, before.UnixMicro(), limited(limit))
	if err != nil {
		return 0, fmt.Errorf("delete old %s: %w", kind, err)
	}
	return int(deleted), nil
}
