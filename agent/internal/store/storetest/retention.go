package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func retentionTests() map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"executions are kept by age and number":             testExpiredExecutions,
		"tasks are counted by application and name":         testExpiredTasks,
		"events are deleted by age, but for candidates'":    testAgedEvents,
		"starts are deleted by age":                         testAgedStarts,
		"audit rows are deleted by age":                     testAgedAudit,
		"log lines of finished executions are deleted":      testAgedStageLogs,
		"rows are deleted so many at a time, the old first": testAgedBatches,
		"an unknown kind is refused":                        testAgedUnknown,
	}
}

// built stores an execution of a pipeline that was built some hours after base.
func built(tb testing.TB, s store.Store, id, pipeline string, hours int, status spinnaker.Status) {
	tb.Helper()
	ex := execution(id, stage("a"))
	ex.PipelineConfigID, ex.Status = pipeline, status
	ex.BuildTime = spinnaker.MillisOf(base().Add(time.Duration(hours) * time.Hour))
	save(tb, s, ex)
}

func expired(tb testing.TB, s store.Store, keep store.ExecutionRetention, limit int) []string {
	tb.Helper()
	return read(tb, s, func(r store.Reader) ([]string, error) { return r.ExpiredExecutions(keep, limit) })
}

func testExpiredExecutions(t *testing.T, s store.Store) {
	for hours := range 4 {
		built(t, s, fmt.Sprint("p", hours), "p", hours, spinnaker.Succeeded)
	}
	built(t, s, "q0", "q", 0, spinnaker.Terminal)
	built(t, s, "q1", "q", 1, spinnaker.Canceled)
	built(t, s, "r0", "r", 0, spinnaker.Running)
	built(t, s, "r1", "r", 1, spinnaker.NotStarted)
	built(t, s, "r2", "r", 2, spinnaker.Succeeded)
	late := base().Add(100 * time.Hour)
	cases := []struct {
		name  string
		keep  store.ExecutionRetention
		limit int
		want  []string
	}{
		{"all", store.ExecutionRetention{}, 0, nil},
		{"all, however many are kept whatever their age", store.ExecutionRetention{Newest: 1}, 0, nil},
		{"by age", store.ExecutionRetention{Before: base().Add(2 * time.Hour)}, 0, []string{"p0", "q0", "p1", "q1"}},
		{"the newest of each whatever their age", store.ExecutionRetention{Before: late, Newest: 1}, 0, []string{"p0", "q0", "p1", "p2"}},
		{"unfinished ones never, though they count", store.ExecutionRetention{Before: late}, 0,
			[]string{"p0", "q0", "p1", "q1", "p2", "r2", "p3"}},
		{"by number", store.ExecutionRetention{Max: 2}, 0, []string{"p0", "p1"}},
		{"by age or number", store.ExecutionRetention{Before: base().Add(time.Hour), Max: 3}, 0, []string{"p0", "q0"}},
		{"so many at a time", store.ExecutionRetention{Before: late}, 3, []string{"p0", "q0", "p1"}},
	}
	for _, c := range cases {
		same(t, c.name, expired(t, s, c.keep, c.limit), c.want)
	}
}

func testExpiredTasks(t *testing.T, s store.Store) {
	for i, of := range []struct{ application, name string }{{"shop", "save"}, {"shop", "save"}, {"shop", "delete"}, {"cart", "save"}} {
		ex := execution(fmt.Sprint(i), stage("a"))
		ex.Type, ex.PipelineConfigID, ex.Status = spinnaker.Orchestration, "", spinnaker.Succeeded
		ex.Application, ex.Name = of.application, of.name
		ex.BuildTime += spinnaker.Millis(i)
		save(t, s, ex)
	}
	same(t, "one of each", expired(t, s, store.ExecutionRetention{Max: 1}, 0), []string{"0"})
}

// deleteAged deletes rows that must be deletable.
func deleteAged(tb testing.TB, s store.Store, kind store.Aged, before time.Time, limit int) (deleted int) {
	tb.Helper()
	update(tb, s, func(tx store.Tx) (err error) {
		deleted, err = tx.DeleteAged(kind, before, limit)
		return err
	})
	return deleted
}

func testAgedEvents(t *testing.T, s store.Store) {
	for i, id := range []string{"old", "waiting", "new"} {
		at := base().Add(time.Duration(i) * time.Minute)
		update(t, s, func(tx store.Tx) error {
			return errors.Join(tx.AddEvent(store.Event{ID: id, Type: "webhook", ReceivedAt: at, Body: []byte("{}")}),
				tx.PutVerdict(store.Verdict{EventID: id, Trigger: "#0", Outcome: store.Ignored, At: at}))
		})
	}
	update(t, s, func(tx store.Tx) error {
		return tx.AddCandidate(store.Candidate{ID: "c", EventID: "waiting", Due: base(), Deadline: base()})
	})
	same(t, "deleted", deleteAged(t, s, store.AgedEvents, base().Add(2*time.Minute), 0), 1)
	var left []string
	for _, event := range read(t, s, func(r store.Reader) ([]store.Event, error) { return r.Events(store.EventQuery{}) }) {
		left = append(left, event.ID)
	}
	same(t, "events left", left, []string{"new", "waiting"})
	same(t, "verdicts left", len(read(t, s, func(r store.Reader) ([]store.Verdict, error) { return r.Verdicts(store.VerdictQuery{}) })), 2)
	update(t, s, func(tx store.Tx) error { return tx.DeleteCandidate("c") })
	same(t, "once it is decided", deleteAged(t, s, store.AgedEvents, base().Add(2*time.Minute), 0), 1)
}

func testAgedStarts(t *testing.T, s store.Store) {
	var now time.Time
	update(t, s, func(tx store.Tx) error {
		now = tx.Now()
		return tx.AddStart("key", "ex")
	})
	same(t, "not old", deleteAged(t, s, store.AgedStarts, now, 0), 0)
	same(t, "old", deleteAged(t, s, store.AgedStarts, now.Add(time.Second), 0), 1)
	update(t, s, func(tx store.Tx) error { return tx.AddStart("key", "another") })
}

func testAgedAudit(t *testing.T, s store.Store) {
	for i, action := range []string{"first", "second", "third"} {
		update(t, s, func(tx store.Tx) error {
			return tx.AddAudit(store.AuditRow{At: base().Add(time.Duration(i) * time.Minute), Action: action})
		})
	}
	same(t, "deleted", deleteAged(t, s, store.AgedAudit, base().Add(2*time.Minute), 0), 2)
	left := read(t, s, func(r store.Reader) ([]store.AuditRow, error) { return r.Audit(0) })
	same(t, "left", left, []store.AuditRow{{At: base().Add(2 * time.Minute), Action: "third"}})
}

func testAgedStageLogs(t *testing.T, s store.Store) {
	line := func(minute int) store.LogLine {
		return store.LogLine{Time: base().Add(time.Duration(minute) * time.Minute), Level: "info", Text: fmt.Sprint("minute ", minute)}
	}
	for id, status := range map[string]spinnaker.Status{"over": spinnaker.Succeeded, "running": spinnaker.Running} {
		built(t, s, id, "p", 0, status)
		update(t, s, func(tx store.Tx) error {
			return tx.AppendStageLog(id, "a", []store.LogLine{line(0), line(1), line(2)})
		})
	}
	logs := func(id string) []store.LogLine {
		return read(t, s, func(r store.Reader) ([]store.LogLine, error) { return r.StageLog(id, "a", 0, 0) })
	}
	same(t, "deleted", deleteAged(t, s, store.AgedStageLogs, base().Add(2*time.Minute), 0), 2)
	same(t, "of the finished one", logs("over"), []store.LogLine{line(2)})
	same(t, "of the running one", logs("running"), []store.LogLine{line(0), line(1), line(2)})
}

func testAgedBatches(t *testing.T, s store.Store) {
	for _, minute := range []int{3, 1, 2} {
		update(t, s, func(tx store.Tx) error {
			return tx.AddAudit(store.AuditRow{At: base().Add(time.Duration(minute) * time.Minute), Action: fmt.Sprint(minute)})
		})
	}
	same(t, "deleted", deleteAged(t, s, store.AgedAudit, base().Add(time.Hour), 2), 2)
	left := read(t, s, func(r store.Reader) ([]store.AuditRow, error) { return r.Audit(0) })
	same(t, "left", len(left) == 1 && left[0].Action == "3", true)
}

func testAgedUnknown(t *testing.T, s store.Store) {
	err := s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.DeleteAged("pipelines", base(), 0)
		return err
	})
	same(t, "error", fmt.Sprint(err), `delete what is old: "pipelines" is no kind of rows`)
}
