package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/gennaker/gennaker/agent/internal/store"
)

// Tokens implements store.Reader.
func (r *reader) Tokens() ([]store.Token, error) {
	return list(&r.scope, func(rows *sql.Rows) (token store.Token, err error) {
		var scopes []byte
		var created, expires sql.NullInt64
		if err := rows.Scan(&token.ID, &token.Name, &token.Hash, &scopes, &created, &expires); err != nil {
			return token, err
		}
		token.CreatedAt, token.ExpiresAt = timeOf(created), timeOf(expires)
		return token, json.Unmarshal(scopes, &token.Scopes)
	}, "SELECT id, name, hash, scopes, created_at, expires_at FROM token ORDER BY name, id")
}

// PutToken implements store.Tx.
func (t *tx) PutToken(token store.Token) error {
	scopes, err := textOf(token.Scopes)
	if err == nil {
		_, err = t.exec(`INSERT INTO token (id, name, hash, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, hash = excluded.hash, scopes = excluded.scopes,
				created_at = excluded.created_at, expires_at = excluded.expires_at`,
			token.ID, token.Name, token.Hash, scopes, t.orNow(token.CreatedAt), micros(token.ExpiresAt))
	}
	if err != nil {
		return fmt.Errorf("save token %q: %w", token.Name, err)
	}
	return nil
}

// DeleteToken implements store.Tx.
func (t *tx) DeleteToken(id string) error {
	if err := t.change(store.ErrNotFound, "DELETE FROM token WHERE id = $1", id); err != nil {
		return fmt.Errorf("delete token %q: %w", id, err)
	}
	return nil
}

// Audit implements store.Reader.
func (r *reader) Audit(limit int) ([]store.AuditRow, error) {
	return list(&r.scope, func(rows *sql.Rows) (row store.AuditRow, err error) {
		var at sql.NullInt64
		err = rows.Scan(&at, &row.User, &row.Action, &row.Target, &row.Detail, &row.Remote)
		row.At = timeOf(at)
		return row, err
	}, "SELECT at, user, action, target, detail, remote FROM audit ORDER BY seq DESC LIMIT $1", limited(limit))
}

// AddAudit implements store.Tx.
func (t *tx) AddAudit(row store.AuditRow) error {
	_, err := t.exec("INSERT INTO audit (at, user, action, target, detail, remote) VALUES ($1, $2, $3, $4, $5, $6)",
		t.orNow(row.At), row.User, row.Action, row.Target, row.Detail, row.Remote)
	if err != nil {
		return fmt.Errorf("add an audit row (%s %s by %s): %w", row.Action, row.Target, row.User, err)
	}
	return nil
}
