package doctor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gennaker/gennaker/agent/internal/doctor"
	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// open opens an empty store whose time is ahead of the real one by what ahead holds.
func open(t *testing.T, ahead *time.Duration) store.Store {
	t.Helper()
	return sqlitetest.OpenAt(t, func() time.Time { return time.Now().Add(*ahead) })
}

func update(t *testing.T, s store.Store, change func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// stage stores an execution with one stage that has some work.
func stage(t *testing.T, s store.Store, id string, status spinnaker.Status, work engine.Work) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		return tx.SaveExecution(&engine.Execution{
			Execution: &spinnaker.Execution{ID: id, Application: "shop", Name: "deploy", PipelineConfigID: "p", Status: status,
				BuildTime: spinnaker.MillisOf(time.Now()), Stages: []*spinnaker.Stage{{ID: "a", Type: "wait", Status: spinnaker.Running}}},
			Work: map[string]*engine.Work{"a": &work}})
	})
}

// findings are what the checks find, as lines "check severity: what"; each must say why and what to do.
func findings(t *testing.T, checks []doctor.Check) []string {
	t.Helper()
	report := doctor.Examine(t.Context(), checks)
	var lines []string
	for _, result := range report.Checks {
		for _, f := range result.Findings {
			lines = append(lines, fmt.Sprintf("%s %s: %s", result.ID, f.Severity, f.What))
			if f.Why == "" || f.Do == "" {
				t.Errorf("%s: a finding does not say why it matters and what to do: %+v", result.ID, f)
			}
		}
	}
	return lines
}

func expect(t *testing.T, found []string, want ...string) {
	t.Helper()
	if len(found) != len(want) {
		t.Errorf("found %d findings, expected %d:\n%s", len(found), len(want), strings.Join(found, "\n"))
		return
	}
	for i := range want {
		if !strings.Contains(found[i], want[i]) {
			t.Errorf("found %q, expected %q", found[i], want[i])
		}
	}
}

func TestUnfinishedExecutions(t *testing.T) {
	s := open(t, new(time.Duration))
	now := time.Now()
	stage(t, s, "due", spinnaker.Running, engine.Work{Phase: engine.PhaseRun, Due: now})
	stage(t, s, "later", spinnaker.Running, engine.Work{Phase: engine.PhaseTimer, Due: now.Add(time.Hour)})
	stage(t, s, "judged", spinnaker.Running, engine.Work{Awaits: "judgment"})
	stage(t, s, "paused", spinnaker.Paused, engine.Work{Held: &engine.Held{Phase: engine.PhaseRun}})
	stage(t, s, "over", spinnaker.Succeeded, engine.Work{})
	stage(t, s, "asked", spinnaker.Running, engine.Work{})
	update(t, s, func(tx store.Tx) error { return tx.AddExecutionEvent("asked", engine.Event{Kind: engine.EventCancel}) })
	update(t, s, func(tx store.Tx) error {
		ex, err := tx.Execution("judged")
		if err != nil {
			return err
		}
		ex.Execution.ID, ex.Waiting, ex.Work["a"].Awaits = "parked", true, ""
		return tx.SaveExecution(ex)
	})
	expect(t, findings(t, doctor.Store(s.View, 15*time.Second)))

	stage(t, s, "stuck", spinnaker.Running, engine.Work{})
	stage(t, s, "dueless", spinnaker.NotStarted, engine.Work{Phase: engine.PhaseRun})
	found := findings(t, doctor.Store(s.View, 15*time.Second))
	slices.Sort(found)
	expect(t, found, "store.executions error: execution dueless of shop/deploy is NOT_STARTED, and nothing will move it on",
		"store.executions error: execution stuck of shop/deploy is RUNNING, and nothing will move it on")
}

func TestRunning(t *testing.T) {
	ahead := new(time.Duration)
	s := open(t, ahead)
	checks := []doctor.Check{doctor.Running(s.View, 15*time.Second)}
	expect(t, findings(t, checks), "store.running warning: no agent uses the store now")
	update(t, s, func(tx store.Tx) error { return tx.Renew(store.Incarnation{ID: "a", Host: "h", Version: "v1"}) })
	expect(t, findings(t, checks))
	*ahead = time.Minute
	expect(t, findings(t, checks), "store.running warning: no agent uses the store now")
}

func TestAParkedExecutionNeedsOneThatHoldsTheSlot(t *testing.T) {
	s := open(t, new(time.Duration))
	stage(t, s, "parked", spinnaker.NotStarted, engine.Work{})
	update(t, s, func(tx store.Tx) error {
		ex, err := tx.Execution("parked")
		if err != nil {
			return err
		}
		ex.Waiting = true
		return tx.SaveExecution(ex)
	})
	expect(t, findings(t, doctor.Store(s.View, 15*time.Second)), "execution parked of shop/deploy is NOT_STARTED")
	stage(t, s, "holder", spinnaker.Running, engine.Work{Awaits: "judgment"})
	expect(t, findings(t, doctor.Store(s.View, 15*time.Second)))
}

func TestWhatAgentsLeaveUndone(t *testing.T) {
	ahead := new(time.Duration)
	s := open(t, ahead)
	stage(t, s, "claimed", spinnaker.Running, engine.Work{Phase: engine.PhaseRun, Due: time.Now()})
	stage(t, s, "late", spinnaker.Running, engine.Work{Phase: engine.PhaseRun, Due: time.Now()})
	update(t, s, func(tx store.Tx) error {
		if err := tx.Renew(store.Incarnation{ID: "dead", Host: "h", Version: "v1"}); err != nil {
			return err
		}
		if _, err := tx.ClaimStage(store.StageRef{ExecutionID: "claimed", StageID: "a"}, "dead", tx.Now()); err != nil {
			return err
		}
		if _, err := tx.TakeLease("jenkins/ci", "dead"); err != nil {
			return err
		}
		return errors.Join(tx.AddEvent(store.Event{ID: "e", Body: []byte("{}")}),
			tx.AddCandidate(store.Candidate{ID: "c", EventID: "e", PipelineConfigID: "p", Due: tx.Now(), Deadline: tx.Now(), LastError: "404"}))
	})
	*ahead = time.Hour
	// Nobody is alive: the next agent takes all of it up.
	expect(t, findings(t, doctor.Store(s.View, 15*time.Second)))

	update(t, s, func(tx store.Tx) error { return tx.Renew(store.Incarnation{ID: "alive", Host: "h", Version: "v1"}) })
	expect(t, findings(t, doctor.Store(s.View, 15*time.Second)),
		"store.claims error: stage a of execution claimed is claimed by agent dead, which is dead",
		`store.leases error: the lease "jenkins/ci" is held by agent dead, which is dead`,
		"store.overdue error: stage a of execution late has been due for more than 5m0s",
		"store.candidates error: the start of pipeline p by event e should have been decided 1h0m0s ago")

	update(t, s, func(tx store.Tx) error { return tx.Renew(store.Incarnation{ID: "newer", Host: "h", Version: "v2"}) })
	expect(t, findings(t, doctor.Store(s.View, 15*time.Second))[:1], "store.agents warning: agents of 2 versions are running")
	*ahead = 0
	expect(t, findings(t, doctor.Store(s.View, 15*time.Second))[:1], "store.agents error: agent")
}

func TestContents(t *testing.T) {
	s := open(t, new(time.Duration))
	stage(t, s, "ex", spinnaker.Succeeded, engine.Work{})
	blob, err := s.PutBlob(t.Context(), store.BlobRef{ExecutionID: "ex", StageID: "a"}, "text/plain", strings.NewReader("body"), 100)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, findings(t, doctor.Contents(s.View, s.OpenBlob)))

	changed := func(context.Context, string) (io.ReadCloser, store.Blob, error) {
		return io.NopCloser(bytes.NewReader([]byte("other"))), blob, nil
	}
	expect(t, findings(t, doctor.Contents(s.View, changed)), "store.bodies error: body "+blob.SHA256+` of execution "ex" cannot be read: it is d9298a10`)
	gone := func(context.Context, string) (io.ReadCloser, store.Blob, error) { return nil, blob, store.ErrNotFound }
	expect(t, findings(t, doctor.Contents(s.View, gone)), `of execution "ex" cannot be read: not found`)
}

func TestExamine(t *testing.T) {
	many := func(context.Context) ([]doctor.Finding, error) {
		return slices.Repeat([]doctor.Finding{{Severity: doctor.Warning, What: "w", Why: "y", Do: "d"}}, 50), nil
	}
	report := doctor.Examine(t.Context(), []doctor.Check{
		{ID: "well", Look: func(context.Context) ([]doctor.Finding, error) { return nil, nil }},
		{ID: "many", Look: many},
		{ID: "away", Look: func(context.Context) ([]doctor.Finding, error) { return nil, errors.New("no such host") }},
	})
	if report.Errors != 1 || report.Warnings != 50 || len(report.Checks) != 3 {
		t.Errorf("found %d errors, %d warnings in %d checks", report.Errors, report.Warnings, len(report.Checks))
	}
	if listed := report.Checks[1].Findings; len(listed) != 21 || listed[20].What != "and 30 more like these" {
		t.Errorf("%d findings are listed, the last: %+v", len(listed), listed[len(listed)-1])
	}
	if report.Checks[0].Findings == nil {
		t.Error("JSON would show null for no findings")
	}
	if away := report.Checks[2].Findings[0]; away.What != "it could not be looked at: no such host" {
		t.Errorf("found %+v", away)
	}
}
