package upkeep_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gennaker/gennaker/agent/internal/config"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
	"github.com/gennaker/gennaker/agent/internal/store/upkeep"
	"github.com/gennaker/gennaker/api/spinnaker"
)

const day = config.Duration(24 * time.Hour)

func update(t *testing.T, s store.Store, change func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// ran stores an execution that was built, and ended if it has ended, so long ago.
func ran(t *testing.T, s store.Store, id string, built, ended time.Duration, status spinnaker.Status, trigger spinnaker.Trigger) {
	t.Helper()
	now := time.Now()
	ex := &spinnaker.Execution{Type: spinnaker.PipelineExecution, ID: id, Application: "shop", Name: "deploy", PipelineConfigID: id,
		Status: status, BuildTime: spinnaker.MillisOf(now.Add(-built)), Trigger: trigger}
	if status.Complete() {
		ex.EndTime = spinnaker.MillisOf(now.Add(-ended))
	}
	update(t, s, func(tx store.Tx) error { return tx.SaveExecution(&engine.Execution{Execution: ex}) })
}

func executions(t *testing.T, s store.Store) string {
	t.Helper()
	var ids []string
	err := s.View(t.Context(), func(r store.Reader) error {
		found, err := r.Executions(store.ExecutionQuery{OldestFirst: true})
		for _, ex := range found {
			ids = append(ids, ex.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(ids, " ")
}

func round(t *testing.T, s store.Store, retention config.Retention, want upkeep.Deleted) {
	t.Helper()
	deleted, err := upkeep.New(upkeep.Options{Store: s, Retention: retention, Log: slog.New(slog.DiscardHandler)}).Round(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, deleted); diff != "" {
		t.Errorf("deleted (- wanted, + found)\n%s", diff)
	}
}

func TestExecutionsStayWhileSomebodyNeedsThem(t *testing.T) {
	s := sqlitetest.Open(t)
	const month = 30 * 24 * time.Hour
	ran(t, s, "over", month, month, spinnaker.Succeeded, nil)
	ran(t, s, "running", month, 0, spinnaker.Running, nil)
	ran(t, s, "just-ended", month, time.Minute, spinnaker.Terminal, nil)
	ran(t, s, "restarting", month, month, spinnaker.Terminal, nil)
	update(t, s, func(tx store.Tx) error { return tx.AddExecutionEvent("restarting", engine.Event{Kind: "restart"}) })
	ran(t, s, "child", month, month, spinnaker.Succeeded, spinnaker.Trigger{"type": "pipeline", "parentPipelineId": "running"})
	ran(t, s, "orphan", month, month, spinnaker.Succeeded, spinnaker.Trigger{"type": "pipeline", "parentPipelineId": "gone"})
	ran(t, s, "young", time.Hour*2, time.Hour*2, spinnaker.Succeeded, nil)

	round(t, s, config.Retention{}, upkeep.Deleted{})
	round(t, s, config.Retention{MinPerPipeline: 1}, upkeep.Deleted{})
	round(t, s, config.Retention{Executions: 7 * day, MinPerPipeline: 1}, upkeep.Deleted{})
	round(t, s, config.Retention{Executions: 7 * day}, upkeep.Deleted{Executions: 2})
	if got, want := executions(t, s), "running just-ended restarting child young"; got != want {
		t.Errorf("left are %q, expected %q", got, want)
	}
	round(t, s, config.Retention{Executions: 7 * day}, upkeep.Deleted{})
}

func TestManyExecutionsAreDeleted(t *testing.T) {
	s := sqlitetest.Open(t)
	const total, kept = 57, 20
	for i := range total {
		id := fmt.Sprintf("%02d", i)
		ended := time.Duration(total-i) * 24 * time.Hour
		ex := &spinnaker.Execution{Type: spinnaker.PipelineExecution, ID: id, PipelineConfigID: "p", Status: spinnaker.Succeeded,
			BuildTime: spinnaker.MillisOf(time.Now().Add(-ended))}
		update(t, s, func(tx store.Tx) error { return tx.SaveExecution(&engine.Execution{Execution: ex}) })
	}
	round(t, s, config.Retention{MaxPerPipeline: kept}, upkeep.Deleted{Executions: total - kept})
	if left := executions(t, s); !strings.HasPrefix(left, "37 38") {
		t.Errorf("left are %s", left)
	}
}

func TestRowsAreDeletedByTheirAge(t *testing.T) {
	s := sqlitetest.Open(t)
	const many = 1203 // more than two batches
	old := time.Now().Add(-48 * time.Hour)
	update(t, s, func(tx store.Tx) error {
		for i := range many {
			if err := tx.AddAudit(store.AuditRow{At: old, Action: "old"}); err != nil {
				return err
			}
			if err := tx.AddEvent(store.Event{ID: fmt.Sprint(i), ReceivedAt: old}); err != nil {
				return err
			}
		}
		return tx.AddAudit(store.AuditRow{Action: "new"})
	})
	ran(t, s, "over", 48*time.Hour, 48*time.Hour, spinnaker.Succeeded, nil)
	update(t, s, func(tx store.Tx) error { return tx.AddStart("young", "over") })

	round(t, s, config.Retention{StageLogs: day}, upkeep.Deleted{})
	round(t, s, config.Retention{Audit: day}, upkeep.Deleted{AuditRows: many})
	round(t, s, config.Retention{Events: 3 * day}, upkeep.Deleted{})
	round(t, s, config.Retention{Events: day}, upkeep.Deleted{Events: many})
	if got := executions(t, s); got != "over" {
		t.Errorf("executions left are %q", got)
	}
}
