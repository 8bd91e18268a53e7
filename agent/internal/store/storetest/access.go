package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

func accessTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"tokens are kept, replaced and deleted": testTokens,
		"audit rows come newest first":          testAudit,
	}
}

func testTokens(t *testing.T, s store.Store) {
	ci := store.Token{ID: "1", Name: "ci", Hash: []byte{1, 2, 0xff}, Scopes: []string{"trigger", "read"},
		CreatedAt: base(), ExpiresAt: base().Add(time.Hour)}
	ann := store.Token{ID: "2", Name: "ann", Hash: []byte{3}, Scopes: []string{"write"}, CreatedAt: base()}
	update(t, s, func(tx store.Tx) error { return errors.Join(tx.PutToken(ci), tx.PutToken(ann)) })
	same(t, "tokens", read(t, s, store.Reader.Tokens), []store.Token{ann, ci})
	ci.Scopes = []string{"read"}
	update(t, s, func(tx store.Tx) error { return errors.Join(tx.PutToken(ci), tx.DeleteToken("2")) })
	same(t, "tokens left", read(t, s, store.Reader.Tokens), []store.Token{ci})
	err := s.Update(t.Context(), func(tx store.Tx) error { return tx.DeleteToken("2") })
	same(t, "deleting again", errors.Is(err, store.ErrNotFound), true)
}

func testAudit(t *testing.T, s store.Store) {
	var want []store.AuditRow
	for i, user := range []string{"ann", "bob", "eve"} {
		row := store.AuditRow{At: base().Add(-time.Duration(i) * time.Hour), User: user, Action: "savePipeline", Target: "shop/deploy",
			Detail: "id 1", Remote: "10.0.0.1"}
		want = append([]store.AuditRow{row}, want...)
		update(t, s, func(tx store.Tx) error { return tx.AddAudit(row) })
	}
	get := func(limit int) []store.AuditRow {
		return read(t, s, func(r store.Reader) ([]store.AuditRow, error) { return r.Audit(limit) })
	}
	same(t, "all, by when they were written", get(0), want)
	same(t, "newest", get(1), want[:1])
	update(t, s, func(tx store.Tx) error { return audit(tx, "now") })
	same(t, "a row without a time gets one", get(1)[0].At.IsZero(), false)
}
