package rows

import (
	"database/sql"
	"fmt"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// Audit implements store.Reader.
func (r *Reader) Audit(limit int) ([]store.AuditRow, error) {
	return list(&r.scope, func(rows Rows) (row store.AuditRow, err error) {
		var at sql.NullInt64
		err = rows.Scan(&at, &row.User, &row.Action, &row.Target, &row.Detail, &row.Remote)
		row.At = timeOf(at)
		return row, err
	}, `SELECT at, "user", action, target, detail, remote FROM audit ORDER BY seq DESC LIMIT $1`, limited(limit))
}

// AddAudit implements store.Tx.
func (t *Tx) AddAudit(row store.AuditRow) error {
	if row.Remote == "" {
		row.Remote = store.Remote(t.ctx)
	}
	err := t.queue(`INSERT INTO audit (at, "user", action, target, detail, remote) VALUES ($1, $2, $3, $4, $5, $6)`,
		t.orNow(row.At), row.User, row.Action, row.Target, row.Detail, row.Remote)
	if err != nil {
		return fmt.Errorf("add an audit row (%s %s by %s): %w", row.Action, row.Target, row.User, err)
	}
	return nil
}
