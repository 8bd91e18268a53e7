package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

func accessTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"audit rows come newest first":                 testAudit,
		"an audit row gets the address of the request": testAuditRemote,
	}
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

func testAuditRemote(t *testing.T, s store.Store) {
	for _, ctx := range []context.Context{t.Context(), store.WithRemote(t.Context(), "10.0.0.7")} {
		for _, row := range []store.AuditRow{{Action: "given", Remote: "10.0.0.1"}, {Action: "not given"}} {
			if err := s.Update(ctx, func(tx store.Tx) error { return tx.AddAudit(row) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	var remotes []string
	for _, row := range read(t, s, func(r store.Reader) ([]store.AuditRow, error) { return r.Audit(0) }) {
		remotes = append(remotes, row.Remote)
	}
	same(t, "newest first", remotes, []string{"10.0.0.7", "10.0.0.1", "", "10.0.0.1"})
}
