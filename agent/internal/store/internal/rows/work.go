package rows

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
)

// DueStages implements store.Reader.
func (r *Reader) DueStages(now time.Time, limit int) ([]store.StageRef, error) {
	return list(&r.scope, func(rows Rows) (ref store.StageRef, err error) {
		err = rows.Scan(&ref.ExecutionID, &ref.StageID)
		return ref, err
	}, selectDueStages, now.UnixMicro(), limited(limit))
}

const selectDueStages = `SELECT execution_id, id FROM stage WHERE owner IS NULL AND due_at IS NOT NULL AND due_at <= $1
	ORDER BY due_at LIMIT $2`

const (
	selectNextStage     = "SELECT due_at FROM stage WHERE owner IS NULL AND due_at IS NOT NULL ORDER BY due_at LIMIT 1"
	selectNextCandidate = "SELECT due_at FROM candidate AS c WHERE " + headOfOrder + " ORDER BY due_at LIMIT 1"
)

// NextDue implements store.Reader.
func (r *Reader) NextDue() (time.Time, error) {
	stage, err := r.earliest(selectNextStage)
	if err != nil {
		return time.Time{}, err
	}
	candidate, err := r.earliest(selectNextCandidate)
	if err != nil {
		return time.Time{}, err
	}
	if stage.IsZero() || !candidate.IsZero() && candidate.Before(stage) {
		return candidate, nil
	}
	return stage, nil
}

func (r *Reader) earliest(query string) (time.Time, error) {
	due, err := list(&r.scope, scanned[sql.NullInt64], query)
	return timeOf(first(due)), err
}

// ClaimStage implements store.Tx.
func (t *Tx) ClaimStage(ref store.StageRef, incarnation string, now time.Time) (store.Claim, error) {
	epochs, err := list(&t.scope, scanned[int64], `UPDATE stage SET owner = $3, epoch = epoch + 1
		WHERE execution_id = $1 AND id = $2 AND owner IS NULL AND due_at IS NOT NULL AND due_at <= $4
			AND EXISTS (SELECT 1 FROM incarnation WHERE id = $3) RETURNING epoch`,
		ref.ExecutionID, ref.StageID, incarnation, now.UnixMicro())
	if err == nil && len(epochs) == 0 {
		err = t.whyNotClaimed(ref, incarnation)
	}
	if err != nil {
		return store.Claim{}, fmt.Errorf("claim stage %q of execution %q: %w", ref.StageID, ref.ExecutionID, err)
	}
	return store.Claim{StageRef: ref, Incarnation: incarnation, Epoch: epochs[0]}, nil
}

func (t *Tx) whyNotClaimed(ref store.StageRef, incarnation string) error {
	owner, err := one(&t.scope, store.ErrNotFound, scanned[sql.NullString],
		"SELECT owner FROM stage WHERE execution_id = $1 AND id = $2", ref.ExecutionID, ref.StageID)
	if err != nil {
		return err
	}
	if owner.Valid {
		return fmt.Errorf("claimed by incarnation %q: %w", owner.String, store.ErrStale)
	}
	if err := t.alive(incarnation); err != nil {
		return err
	}
	return fmt.Errorf("not due: %w", store.ErrStale)
}

// alive is store.ErrStale for an incarnation without a row. What such a one takes would never be released.
func (t *Tx) alive(incarnation string) error {
	_, err := one(&t.scope, fmt.Errorf("incarnation %q is not known or was declared dead: %w", incarnation, store.ErrStale),
		scanned[int], "SELECT 1 FROM incarnation WHERE id = $1", incarnation)
	return err
}

// stale is the error of a claim that is no longer its holder's.
func stale(claim store.Claim) error {
	return fmt.Errorf("incarnation %q, epoch %d, on stage %q of execution %q: %w",
		claim.Incarnation, claim.Epoch, claim.StageID, claim.ExecutionID, store.ErrStale)
}

// ReleaseClaim implements store.Tx.
func (t *Tx) ReleaseClaim(claim store.Claim) error {
	due, err := one(&t.scope, stale(claim), scanned[sql.NullInt64], `UPDATE stage SET owner = NULL
		WHERE execution_id = $1 AND id = $2 AND owner = $3 AND epoch = $4 RETURNING due_at`,
		claim.ExecutionID, claim.StageID, claim.Incarnation, claim.Epoch)
	if err != nil {
		return fmt.Errorf("release a claim: %w", err)
	}
	t.due = t.due || due.Valid
	return nil
}

// Checkpoint implements store.Tx.
func (t *Tx) Checkpoint(claim store.Claim, state []byte) error {
	if len(state) > engine.MaxState {
		return fmt.Errorf("checkpoint stage %q of execution %q: the state has %d bytes, at most %d are kept",
			claim.StageID, claim.ExecutionID, len(state), engine.MaxState)
	}
	if err := t.holdExecution(claim.ExecutionID); err != nil {
		return err
	}
	err := t.change(stale(claim), `UPDATE stage SET state = $5
		WHERE execution_id = $1 AND id = $2 AND owner = $3 AND epoch = $4`,
		claim.ExecutionID, claim.StageID, claim.Incarnation, claim.Epoch, state)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	delete(t.seen, claim.ExecutionID)
	return nil
}

// holdExecution keeps others from holding the execution, as everybody does who writes the rows of its stages.
func (t *Tx) holdExecution(id string) error {
	if t.hold == "" {
		return nil
	}
	return t.queue("SELECT 1 FROM execution WHERE id = $1"+t.hold, id)
}

// Incarnations implements store.Reader.
func (r *Reader) Incarnations() ([]store.Incarnation, error) {
	return list(&r.scope, func(rows Rows) (i store.Incarnation, err error) {
		var started, renewed sql.NullInt64
		err = rows.Scan(&i.ID, &i.Host, &i.PID, &i.Version, &started, &renewed)
		i.StartedAt, i.RenewedAt = timeOf(started), timeOf(renewed)
		return i, err
	}, "SELECT id, host, pid, version, started_at, renewed_at FROM incarnation ORDER BY started_at, id")
}

// Renew implements store.Tx.
func (t *Tx) Renew(i store.Incarnation) error {
	if i.ID == "" {
		return errors.New("renew an incarnation: it has no id")
	}
	_, err := t.exec(`INSERT INTO incarnation (id, host, pid, version, started_at, renewed_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET renewed_at = excluded.renewed_at`,
		i.ID, i.Host, i.PID, i.Version, t.orNow(i.StartedAt), micros(t.Now()))
	if err != nil {
		return fmt.Errorf("renew incarnation %q: %w", i.ID, err)
	}
	return nil
}

// Bury implements store.Tx. The references to an incarnation release its claims and leases.
func (t *Tx) Bury(before time.Time) ([]string, error) {
	query := "DELETE FROM incarnation WHERE id IN (SELECT id FROM incarnation WHERE renewed_at < $1" +
		t.dialect.Unused + ") RETURNING id"
	dead, err := list(&t.scope, scanned[string], query, before.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("bury incarnations: %w", err)
	}
	t.due = t.due || len(dead) > 0
	return dead, nil
}

// Leave implements store.Tx.
func (t *Tx) Leave(incarnation string) error {
	left, err := t.exec("DELETE FROM incarnation WHERE id = $1", incarnation)
	if err != nil {
		return fmt.Errorf("incarnation %q leaves: %w", incarnation, err)
	}
	t.due = t.due || left > 0
	return nil
}

// ClaimsOf implements store.Reader.
func (r *Reader) ClaimsOf(incarnation string) ([]store.Claim, error) {
	return list(&r.scope, func(rows Rows) (store.Claim, error) {
		claim := store.Claim{Incarnation: incarnation}
		return claim, rows.Scan(&claim.ExecutionID, &claim.StageID, &claim.Epoch)
	}, "SELECT execution_id, id, epoch FROM stage WHERE owner = $1 ORDER BY execution_id, id", incarnation)
}

// Lease implements store.Reader.
func (r *Reader) Lease(name string) (store.Lease, error) {
	return one(&r.scope, notFound("lease", name), func(rows Rows) (lease store.Lease, err error) {
		lease.Name = name
		err = rows.Scan(&lease.Incarnation, &lease.Epoch)
		return lease, err
	}, "SELECT incarnation, epoch FROM lease WHERE name = $1 AND incarnation IS NOT NULL", name)
}

// TakeLease implements store.Tx.
func (t *Tx) TakeLease(name, incarnation string) (store.Lease, error) {
	lease, err := t.takeLease(name, incarnation)
	if err != nil {
		return store.Lease{}, fmt.Errorf("take lease %q: %w", name, err)
	}
	return lease, nil
}

func (t *Tx) takeLease(name, incarnation string) (store.Lease, error) {
	if err := t.alive(incarnation); err != nil {
		return store.Lease{}, err
	}
	held, err := t.Lease(name)
	if err == nil && held.Incarnation == incarnation {
		return held, nil
	}
	if err == nil {
		return store.Lease{}, fmt.Errorf("held by incarnation %q: %w", held.Incarnation, store.ErrStale)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return store.Lease{}, err
	}
	epoch, err := one(&t.scope, store.ErrStale, scanned[int64], `INSERT INTO lease (name, incarnation, epoch) VALUES ($1, $2, 1)
		ON CONFLICT (name) DO UPDATE SET incarnation = excluded.incarnation, epoch = lease.epoch + 1
		WHERE lease.incarnation IS NULL RETURNING epoch`, name, incarnation)
	return store.Lease{Name: name, Incarnation: incarnation, Epoch: epoch}, err
}

// ReleaseLease implements store.Tx.
func (t *Tx) ReleaseLease(name, incarnation string) error {
	err := t.change(fmt.Errorf("incarnation %q: %w", incarnation, store.ErrStale),
		"UPDATE lease SET incarnation = NULL WHERE name = $1 AND incarnation = $2", name, incarnation)
	if err != nil {
		return fmt.Errorf("release lease %q: %w", name, err)
	}
	return nil
}
