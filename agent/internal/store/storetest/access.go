package storetest

import (
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
)

func accessTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"audit rows come newest first": testAudit,
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
