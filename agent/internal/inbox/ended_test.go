package inbox_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gennaker/gennaker/agent/internal/inbox"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// ends has an execution of a pipeline end, as the runner does, and returns it.
func (f fixture) ends(p spinnaker.Pipeline, status spinnaker.Status) (ended *spinnaker.Execution) {
	f.t.Helper()
	err := f.store.Update(f.t.Context(), func(tx store.Tx) error {
		id, _, err := f.starter.Start(tx, inbox.Start{Pipeline: p, Trigger: spinnaker.Trigger{"type": "manual", "user": "ann"}})
		if err != nil {
			return err
		}
		ex, err := tx.Execution(id)
		if err != nil {
			return err
		}
		ex.Status, ex.StartTime = status, spinnaker.MillisOf(tx.Now())
		ended = ex.Execution
		if err := tx.SaveExecution(ex); err != nil {
			return err
		}
		return f.Ended(tx, ended)
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.Due()
	return ended
}

// events of a type, newest first.
func (f fixture) events(kind string) []inbox.Explained {
	f.t.Helper()
	events, err := f.ExplainAll(f.t.Context(), store.EventQuery{Type: kind}, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	return events
}

// A pipeline that ends starts those whose triggers name it, each in a transaction of its own.
func TestEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		parent := f.save("parent", "")
		on := `{"type":"pipeline","enabled":true,"pipeline":"` + parent.ID + `","status":["successful"]}`
		f.save("child", `,"triggers":[`+on+`]`)
		f.save("off", `,"triggers":[`+strings.Replace(on, `"enabled":true`, `"enabled":false`, 1)+`]`)
		f.save("after failure", `,"triggers":[`+strings.Replace(on, "successful", "failed", 1)+`]`)

		ended := f.ends(parent, spinnaker.Succeeded)
		synctest.Wait()
		events := f.events(trigger.Pipeline)
		if len(events) != 1 || events[0].Source != parent.ID || events[0].Name != "shop/parent" {
			t.Fatalf("events %+v", events)
		}
		said := "execution " + ended.ID + ` of pipeline "parent" ended SUCCEEDED`
		same(t, "verdicts", f.verdicts(events[0].ID), map[string]string{
			"child #0": "fired: " + said, "off #0": "ignored: the trigger is disabled",
			"after failure #0": "ignored: " + said + " (successful); the trigger fires on failed",
		})
		starts := f.starter.begun()
		child := starts[len(starts)-1]
		if child.Pipeline.Name != "child" || child.User != "ann" || child.Trigger.Object("parentExecution")["id"] != ended.ID {
			t.Errorf("started %s by %q with %v", child.Pipeline.Name, child.User, child.Trigger)
		}

		// The same end is the same event; one that nobody waits for is none.
		err := f.store.Update(t.Context(), func(tx store.Tx) error { return f.Ended(tx, ended) })
		if err != nil {
			t.Fatal(err)
		}
		f.ends(f.save("alone", ""), spinnaker.Succeeded)
		synctest.Wait()
		if again := f.events(trigger.Pipeline); len(again) != 1 {
			t.Errorf("%d events, want 1", len(again))
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A replay says what an event would start now, and starts nothing.
func TestReplay(t *testing.T) {
	f := open(t)
	f.save("then", `,"triggers":[{"type":"jenkins","enabled":true,"master":"ci","job":"a/job/b"}]`)
	receipt := f.accept(build(7, "SUCCESS"), "7")
	f.save("then", `,"triggers":[{"type":"jenkins","enabled":false,"master":"ci","job":"a/job/b"}]`)
	f.save("now", propertyTrigger)
	f.save("strict", strings.Replace(propertyTrigger, `"enabled":true`, `"enabled":true,"strict":true`, 1))
	f.master.answer(7, late)
	before := len(f.starter.begun())
	replayed, err := f.Replay(t.Context(), receipt.EventID)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]store.Outcome{}
	for _, v := range replayed.Verdicts {
		got[v.Pipeline] = v.Outcome
	}
	same(t, "verdicts", got, map[string]store.Outcome{"then": store.Ignored, "now": inbox.WouldFire, "strict": inbox.WouldFail})
	if replayed.Number != 7 || len(f.starter.begun()) != before {
		t.Errorf("number %d, %d starts", replayed.Number, len(f.starter.begun())-before)
	}
	same(t, "the stored verdicts", f.verdicts(receipt.EventID), map[string]string{
		"then #0": `fired: build 7 of job "a/job/b" on master "ci" ended SUCCESS`})
}

// The events of a pipeline are those that its triggers have verdicts on.
func TestExplainPipeline(t *testing.T) {
	f := open(t)
	p := f.save("p", `,"triggers":[{"type":"webhook","enabled":true,"source":"bot","id":"t"}]`)
	f.save("other", `,"triggers":[{"type":"webhook","enabled":true,"source":"bot"}]`)
	first := f.accept(webhook(map[string]any{}), "")
	f.accept(build(1, "SUCCESS"), "1")
	second := f.accept(webhook(map[string]any{}), "")
	events, err := f.ExplainPipeline(t.Context(), p.ID, inbox.Page{Limit: 10})
	if err != nil || len(events) != 2 || events[0].ID != second.EventID || events[1].ID != first.EventID {
		t.Fatalf("%+v, %v", events, err)
	}
	if v := events[0].Verdicts; len(v) != 1 || v[0].Trigger != "t" || v[0].Outcome != store.Fired {
		t.Errorf("verdicts %+v", v)
	}
}

// What a body holds does not make verdicts grow without bound.
func TestLongReason(t *testing.T) {
	f := open(t)
	f.save("p", `,"triggers":[{"type":"webhook","enabled":true,"source":"bot","payloadConstraints":{"env":"`+strings.Repeat("é", 1<<15)+`"}}]`)
	receipt := f.accept(webhook(map[string]any{"env": "prod"}), "")
	reason := f.verdicts(receipt.EventID)["p #0"]
	if len(reason) > 5<<10 || !strings.HasSuffix(reason, "é…") || !strings.HasPrefix(reason, `ignored: payload "env" is "prod"`) {
		t.Errorf("%d bytes: %.100s", len(reason), reason)
	}
}
