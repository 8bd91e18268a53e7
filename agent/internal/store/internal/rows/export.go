package rows

import (
	"database/sql"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// ExecutionIDs implements store.Exporter.
func (r *Reader) ExecutionIDs(after string, limit int) ([]string, error) {
	return list(&r.scope, scanned[string], "SELECT id FROM execution WHERE id > $1 ORDER BY id LIMIT $2", after, limited(limit))
}

// KeptBlobs implements store.Exporter.
func (r *Reader) KeptBlobs(executionID string) ([]store.KeptBlob, error) {
	return list(&r.scope, func(rows Rows) (kept store.KeptBlob, err error) {
		kept.ExecutionID = executionID
		return kept, rows.Scan(&kept.StageID, &kept.Attempt, &kept.SHA256)
	}, `SELECT stage_id, attempt, sha256 FROM blob_ref JOIN blob ON blob.id = blob_id WHERE execution_id = $1
		ORDER BY stage_id, attempt, sha256`, executionID)
}

// PipelineVersions implements store.Exporter.
func (r *Reader) PipelineVersions(after int64, limit int) ([]store.PipelineVersion, error) {
	return list(&r.scope, func(rows Rows) (version store.PipelineVersion, err error) {
		var text []byte
		if err := rows.Scan(&version.Sequence, &text); err != nil {
			return version, err
		}
		version.Pipeline, err = pipelineOf(text)
		return version, err
	}, "SELECT seq, document FROM pipeline_version WHERE seq > $1 ORDER BY seq LIMIT $2", after, limited(limit))
}

// EventIDs implements store.Exporter.
func (r *Reader) EventIDs(after string, limit int) ([]string, error) {
	return list(&r.scope, scanned[string], "SELECT id FROM event WHERE id > $1 ORDER BY id LIMIT $2", after, limited(limit))
}

// Candidates implements store.Exporter.
func (r *Reader) Candidates(after string, limit int) ([]store.Candidate, error) {
	return list(&r.scope, scanCandidate, "SELECT "+candidateColumns+" FROM candidate AS c WHERE id > $1 ORDER BY id LIMIT $2",
		after, limited(limit))
}

// Starts implements store.Exporter.
func (r *Reader) Starts(after string, limit int) ([]store.Start, error) {
	return list(&r.scope, func(rows Rows) (start store.Start, err error) {
		var at sql.NullInt64
		err = rows.Scan(&start.Key, &start.ExecutionID, &at)
		start.At = timeOf(at)
		return start, err
	}, "SELECT key, execution_id, at FROM start WHERE key > $1 ORDER BY key LIMIT $2", after, limited(limit))
}

// PolledMasters implements store.Exporter.
func (r *Reader) PolledMasters() ([]string, error) {
	return list(&r.scope, scanned[string], "SELECT DISTINCT master FROM job_state ORDER BY master")
}

// AuditAfter implements store.Exporter.
func (r *Reader) AuditAfter(after int64, limit int) (found []store.AuditRow, last int64, err error) {
	last = after
	found, err = list(&r.scope, func(rows Rows) (row store.AuditRow, err error) {
		var at sql.NullInt64
		err = rows.Scan(&last, &at, &row.User, &row.Action, &row.Target, &row.Detail, &row.Remote)
		row.At = timeOf(at)
		return row, err
	}, `SELECT seq, at, "user", action, target, detail, remote FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limited(limit))
	return found, last, err
}

// Claims implements store.Exporter.
func (r *Reader) Claims() ([]store.Claim, error) {
	return list(&r.scope, func(rows Rows) (claim store.Claim, err error) {
		return claim, rows.Scan(&claim.ExecutionID, &claim.StageID, &claim.Incarnation, &claim.Epoch)
	}, "SELECT execution_id, id, owner, epoch FROM stage WHERE owner IS NOT NULL ORDER BY execution_id, id")
}

// Leases implements store.Exporter.
func (r *Reader) Leases() ([]store.Lease, error) {
	return list(&r.scope, func(rows Rows) (lease store.Lease, err error) {
		return lease, rows.Scan(&lease.Name, &lease.Incarnation, &lease.Epoch)
	}, "SELECT name, incarnation, epoch FROM lease WHERE incarnation IS NOT NULL ORDER BY name")
}
