package inbox_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/inbox"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// A start by hand is an event with a verdict, like all others, and leaves an audit row.
func TestManual(t *testing.T) {
	f := open(t)
	p := f.save("p", "")
	given := spinnaker.Trigger{"parameters": map[string]any{"a": "b"}, "user": "somebody"}
	id, err := f.Manual(t.Context(), inbox.ManualStart{Pipeline: p, Trigger: given, User: "ann", Origin: "deck"})
	if err != nil || id == "" {
		t.Fatalf("%q, %v", id, err)
	}
	start := f.starter.begun()[0]
	if start.User != "ann" || start.Origin != "deck" || start.Trigger.Text("user") != "ann" || start.Trigger.Type() != "manual" {
		t.Errorf("started as %+v", start)
	}
	explained, err := f.Explain(t.Context(), given.Text("eventId"), inbox.Page{})
	if err != nil || explained.Type != trigger.Manual || explained.Source != "shop" || explained.Name != "p" || len(explained.Verdicts) != 1 {
		t.Fatalf("%+v, %v", explained, err)
	}
	if v := explained.Verdicts[0]; v.Outcome != store.Fired || v.ExecutionID != id || v.Reason != "started by ann" {
		t.Errorf("verdict %+v", v)
	}
	var audit []store.AuditRow
	err = f.Store.View(t.Context(), func(r store.Reader) (err error) {
		audit, err = r.Audit(1)
		return err
	})
	if err != nil || len(audit) != 1 || audit[0].User != "ann" || audit[0].Action != "startPipeline" || audit[0].Target != "shop/p" || audit[0].Detail != id {
		t.Errorf("audit %+v, %v", audit, err)
	}
}

// Where nobody signs in, the user that the caller names is all there is.
func TestManualUser(t *testing.T) {
	f := open(t)
	p := f.save("p", "")
	for _, test := range []struct{ caller, named, want string }{
		{"anonymous", "", "anonymous"}, {"anonymous", "bob", "bob"}, {"ann", "bob", "ann"}, {"ann", "", "ann"},
	} {
		given := spinnaker.Trigger{"user": test.named}
		if _, err := f.Manual(t.Context(), inbox.ManualStart{Pipeline: p, Trigger: given, User: test.caller}); err != nil {
			t.Fatal(err)
		}
		if got := f.starter.begun()[len(f.starter.begun())-1].User; got != test.want {
			t.Errorf("caller %q names %q: started as %q, want %q", test.caller, test.named, got, test.want)
		}
	}
}

func TestManualRefused(t *testing.T) {
	f := open(t)
	for _, test := range []struct {
		name, members string
		given         spinnaker.Trigger
		status        int
		message       string
		// kept: the attempt is kept as an execution.
		kept bool
	}{
		{"disabled", `,"disabled":true`, spinnaker.Trigger{}, 400,
			`Pipeline is disabled and cannot be started. Enable pipeline "disabled" of application "shop" first.`, false},
		{"parameters", `,"parameterConfig":[{"name":"a","required":true},{"name":"b","required":true,"default":""},{"name":"c"},{"name":"d","required":"true"}]`,
			spinnaker.Trigger{"parameters": map[string]any{"a": nil}}, 400, "Required parameter a is missing; Required parameter d is missing", false},
		{"launch", "", spinnaker.Trigger{}, 400,
			"Unable to trigger pipeline (application: shop, pipelineNameOrId: launch). Error: type missing", true},
		{"number", "", spinnaker.Trigger{"master": "ci", "job": "a/job/b", "buildNumber": "last"}, 400,
			`trigger: buildNumber: found "last", expected a whole number from 1`, false},
		{"build", "", spinnaker.Trigger{"master": "ci", "job": "a/job/b", "buildNumber": "404"}, 404,
			"Unable to trigger pipeline (application: shop, pipelineNameOrId: build). Error: Could not get build from build server: Build not found", true},
		{"jenkins", "", spinnaker.Trigger{"master": "ci", "job": "a/job/b", "buildNumber": "502"}, 502,
			"Unable to trigger pipeline (application: shop, pipelineNameOrId: jenkins). Error: Could not get build from build server: away", true},
		{"file", propertyTrigger, spinnaker.Trigger{"master": "ci", "job": "a/job/b", "buildNumber": "1"}, 400,
			"Unable to trigger pipeline (application: shop, pipelineNameOrId: file). Error: Could not get property file from build server: " + late.err.Error(), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := f.save(test.name, test.members)
			f.starter.refuses["launch"] = "type missing"
			f.master.builds[404] = spinnaker.NotFound("Build not found")
			f.master.builds[502] = &spinnaker.Error{Status: http.StatusBadGateway, Message: "away"}
			f.master.answer(1, late)
			before := len(f.starter.begun())
			id, err := f.Manual(t.Context(), inbox.ManualStart{Pipeline: p, Trigger: test.given, User: "ann"})
			refused := (*spinnaker.Error)(nil)
			if !errors.As(err, &refused) || refused.Status != test.status || refused.Message != test.message {
				t.Errorf("found %v\nwant %d %s", err, test.status, test.message)
			}
			if (id != "") != test.kept || (len(f.starter.begun()) > before) != test.kept {
				t.Errorf("execution %q, %d starts", id, len(f.starter.begun())-before)
			}
			if !test.kept {
				return
			}
			verdict := f.verdicts(test.given.Text("eventId"))[test.name+" manual"]
			if !strings.HasPrefix(verdict, "failed: started by ann; the start failed: ") {
				t.Errorf("verdict %q", verdict)
			}
		})
	}
}

// A build that is named is looked up, with the property file of the pipeline's trigger on its job, unless the caller brings
// the properties along.
func TestManualBuild(t *testing.T) {
	for _, test := range []struct {
		name  string
		given spinnaker.Trigger
		looks int
		image string
	}{
		{"the trigger's file", spinnaker.Trigger{}, 1, "archived"},
		{"a file of the caller's choice", spinnaker.Trigger{"propertyFile": "other.properties"}, 1, "archived"},
		{"properties of the caller", spinnaker.Trigger{"properties": map[string]any{"image": "mine"}}, 0, "mine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := open(t)
			p := f.save("p", propertyTrigger)
			f.master.answer(7, answer{values: map[string]any{"image": "archived"}})
			test.given["master"], test.given["job"], test.given["buildNumber"] = "ci", "a/job/b", "7"
			if _, err := f.Manual(t.Context(), inbox.ManualStart{Pipeline: p, Trigger: test.given, User: "ann"}); err != nil {
				t.Fatal(err)
			}
			started := f.starter.begun()[0].Trigger
			if started.Object("buildInfo") == nil || started.Text("buildNumber") != "7" || started.Object("properties")["image"] != test.image {
				t.Errorf("started with %v", started)
			}
			if f.master.looked() != test.looks {
				t.Errorf("looked for %v", f.master.looks)
			}
		})
	}
	// Deck sends an empty number when no build is chosen.
	f := open(t)
	if _, err := f.Manual(t.Context(), inbox.ManualStart{Pipeline: f.save("p", propertyTrigger), User: "ann",
		Trigger: spinnaker.Trigger{"master": "ci", "job": "a/job/b", "buildNumber": ""}}); err != nil || f.starter.begun()[0].Trigger["buildInfo"] != nil {
		t.Errorf("no build chosen: %v, %v", err, f.starter.begun())
	}
}

// The same correlation id is the same start: nothing is looked up or recorded again.
func TestManualCorrelated(t *testing.T) {
	f := open(t)
	p := f.save("p", "")
	start := func() string {
		t.Helper()
		id, err := f.Manual(t.Context(), inbox.ManualStart{Pipeline: p, User: "ann", Trigger: spinnaker.Trigger{"correlationId": "c"}})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if first, second := start(), start(); first != second || len(f.starter.begun()) != 1 {
		t.Errorf("%q, then %q, %d starts", first, second, len(f.starter.begun()))
	}
	events, err := f.ExplainAll(t.Context(), store.EventQuery{Type: trigger.Manual}, 0)
	if err != nil || len(events) != 1 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// What is passed over starts nothing, and says so for every trigger that could have meant it.
func TestPassOver(t *testing.T) {
	f := open(t)
	f.save("p", `,"triggers":[{"type":"jenkins","enabled":true,"master":"ci","job":"a/job/b"}]`)
	pass := func(reason string) {
		t.Helper()
		err := f.store.Update(t.Context(), func(tx store.Tx) error { return f.PassOver(tx, build(1, "SUCCESS"), "1", reason) })
		if err != nil {
			t.Fatal(err)
		}
	}
	pass("too old")
	pass("again")
	found, err := f.ExplainAll(t.Context(), store.EventQuery{Type: trigger.Build}, 0)
	if err != nil || len(found) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	same(t, "verdicts", f.verdicts(found[0].ID), map[string]string{"p #0": "ignored: too old"})
	if len(f.starter.begun()) != 0 {
		t.Errorf("%d starts", len(f.starter.begun()))
	}
}
