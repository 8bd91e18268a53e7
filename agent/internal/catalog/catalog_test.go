package catalog_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gennaker/gennaker/agent/internal/catalog"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/store/sqlite/sqlitetest"
	"github.com/gennaker/gennaker/api/spinnaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stageTypes knows "wait", and "bake" with a finding.
type stageTypes struct{}

func (stageTypes) ValidateStage(_ context.Context, stageType string, config map[string]any) (bool, []string) {
	switch {
	case stageType == "bake" && config["chart"] == nil:
		return true, []string{"chart: is missing"}
	case stageType == "bake", stageType == "wait":
		return true, nil
	default:
		return false, nil
	}
}

// fixture is a catalog on a store whose clock stands at 1755162000000 until it is moved.
type fixture struct {
	*catalog.Catalog
	t     testing.TB
	store store.Store
	clock *time.Time
}

func open(t testing.TB) fixture {
	t.Helper()
	now := time.UnixMilli(1755162000000)
	s := sqlitetest.OpenAt(t, func() time.Time { return now })
	return fixture{catalog.New(s, stageTypes{}, "UTC"), t, s, &now}
}

func parse(t testing.TB, document string) spinnaker.Pipeline {
	t.Helper()
	var p spinnaker.Pipeline
	if err := p.UnmarshalJSON([]byte(document)); err != nil {
		t.Fatal(err)
	}
	return p
}

// save saves a configuration that must be accepted, as ann.
func (f fixture) save(document string) spinnaker.Pipeline {
	f.t.Helper()
	p, _, err := f.SavePipelineNow(f.t.Context(), "ann", parse(f.t, document), false)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// refused checks that an error is the answer to a caller with that status and message.
func refused(t *testing.T, err error, status int, message string) {
	t.Helper()
	var answer *spinnaker.Error
	if !errors.As(err, &answer) {
		t.Fatalf("found error %v, expected an answer with status %d", err, status)
	}
	if answer.Status != status || answer.Message != message {
		t.Errorf("found %d %q\nexpected %d %q", answer.Status, answer.Message, status, message)
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: (- wanted, + found)\n%s", what, diff)
	}
}

func (f fixture) audited() (rows []string) {
	f.t.Helper()
	err := f.store.View(f.t.Context(), func(r store.Reader) error {
		all, err := r.Audit(0)
		for _, row := range slices.Backward(all) {
			rows = append(rows, row.User+" "+row.Action+" "+row.Target)
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return rows
}

func TestSavingSetsWhatSpinnakerSets(t *testing.T) {
	f := open(t)
	created := f.save(`{"application":" Shop ","name":"  Deploy ","index":3,"unknown":{"n":9007199254740993},
		"updateTs":"1","lastModifiedBy":"eve","createTs":"1","stages":[{"refId":1,"type":"wait","waitTime":5}]}`)
	if len(created.ID) != 36 {
		t.Errorf("found id %q, expected a UUID", created.ID)
	}
	stored, err := f.Pipeline(t.Context(), "shop", "Deploy")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what is answered and what is stored", stored, created)
	same(t, "stored", stored.Document, parse(t, `{"id":"`+created.ID+`","application":"shop","name":"Deploy","index":3,
		"unknown":{"n":9007199254740993},"createTs":"1755162000000","updateTs":"1755162000000","lastModified":1755162000000,
		"lastModifiedBy":"ann","schema":"1","triggers":[],"stages":[{"refId":1,"type":"wait","waitTime":5}]}`).Document)

	*f.clock = f.clock.Add(time.Minute)
	again := f.save(`{"id":"` + created.ID + `","application":"shop","name":"Renamed","schema":"v2","createTs":"7"}`)
	same(t, "saved again", again.Document, parse(t, `{"id":"`+created.ID+`","application":"shop","name":"Renamed","index":3,
		"createTs":"1755162000000","updateTs":"1755162060000","lastModified":1755162060000,"lastModifiedBy":"ann",
		"schema":"v2","triggers":[]}`).Document)
	same(t, "audit", f.audited(), []string{"ann savePipeline shop/Deploy", "ann savePipeline shop/Renamed"})
}

func TestCronTriggersGetIDs(t *testing.T) {
	f := open(t)
	p := f.save(`{"application":"shop","name":"p","triggers":[{"type":"cron","id":"copied"},{"type":"cron"},{"type":"jenkins","job":"j"}]}`)
	first, second := p.Triggers[0].Text("id"), p.Triggers[1].Text("id")
	if first == "copied" || first == "" || second == "" || first == second {
		t.Errorf("a new configuration: found the ids %q and %q, expected two new ones", first, second)
	}
	same(t, "another trigger", p.Triggers[2], spinnaker.Trigger{"type": "jenkins", "job": "j"})

	p = f.save(`{"id":"` + p.ID + `","application":"shop","name":"p","triggers":[{"type":"cron","id":"kept"},{"type":"cron","id":""}]}`)
	same(t, "an id that is there", p.Triggers[0].Text("id"), "kept")
	if p.Triggers[1].Text("id") == "" {
		t.Error("a trigger without id got none")
	}
}

func TestSavingIsRefused(t *testing.T) {
	f := open(t)
	f.save(`{"id":"1","application":"shop","name":"Deploy"}`)
	before := f.audited()
	cases := []struct {
		name, document string
		stale          bool
		message        string
	}{
		{"no name", `{"application":"shop","name":" "}`, false, "A pipeline requires name and application fields"},
		{"no application", `{"name":"p"}`, false, "A pipeline requires name and application fields"},
		{"a name that is taken", `{"application":"SHOP","name":" dEPLOY "}`, false,
			"A pipeline with name dEPLOY already exists in application shop"},
		{"a stale copy", `{"id":"1","application":"shop","name":"Deploy","updateTs":"1755161999999"}`, true,
			"The submitted pipeline is stale.  submitted updateTs 1755161999999 does not match stored updateTs 1755162000000"},
		{"a cycle", `{"application":"shop","name":"p","stages":[{"refId":"1","requisiteStageRefIds":["2"]},{"refId":2,"requisiteStageRefIds":[1]}]}`, false,
			`pipeline "p": stages: the refIds 1 → 2 → 1 wait for each other`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := f.SavePipelineNow(t.Context(), "eve", parse(t, c.document), c.stale)
			refused(t, err, http.StatusBadRequest, c.message)
		})
	}
	same(t, "audit", f.audited(), before)
	if _, _, err := f.SavePipelineNow(t.Context(), "ann", parse(t, `{"id":"1","application":"shop","name":"Deploy","updateTs":"1755162000000"}`), true); err != nil {
		t.Errorf("a fresh copy: %v", err)
	}
}

func TestUpdating(t *testing.T) {
	f := open(t)
	f.save(`{"id":"1","application":"shop","name":"Deploy"}`)
	stored, _, err := f.UpdatePipelineNow(t.Context(), "bob", "1", parse(t, `{"application":"shop","name":"Renamed"}`), false)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "name", stored.Name, "Renamed")
	same(t, "id", stored.ID, "1")
	_, _, err = f.UpdatePipelineNow(t.Context(), "bob", "1", parse(t, `{"id":"2","application":"shop","name":"x"}`), false)
	refused(t, err, http.StatusBadRequest, "The provided id 2 doesn't match the existing pipeline id 1")
	_, _, err = f.UpdatePipelineNow(t.Context(), "bob", "9", parse(t, `{"application":"shop","name":"x"}`), false)
	refused(t, err, http.StatusBadRequest, "Pipeline configuration not found (id: 9)")
}

func TestWarnings(t *testing.T) {
	f := open(t)
	_, warnings, err := f.SavePipelineNow(t.Context(), "ann", parse(t, `{"application":"shop","name":"p",
		"stages":[{"refId":"1","type":"wait","name":"W"},{"refId":"2","type":"bake","name":"B"},{"refId":"3","type":"magic","name":"M"},
			{"refId":"4","name":"N"}],
		"triggers":[{"type":"jenkins","enabled":true,"master":"ci"},{"type":"carrier pigeon","enabled":true},{"type":"smoke","enabled":false},
			{"type":"git","enabled":true,"source":"github","project":"p","slug":"s","branch":"("},{"type":"cron","enabled":true,"cronExpression":"0 0 25 * * ?"}]}`), false)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "warnings", warnings, []string{
		"stages[1] (B): chart: is missing",
		`stages[2] (M): nobody provides stage type "magic" now: install its plugin before the pipeline runs`,
		"stages[3] (N): it has no type: the pipeline will fail to start",
		"triggers[0] (jenkins): job: is missing: the trigger never fires",
		`triggers[1] (carrier pigeon): no event of this agent fires a trigger of type "carrier pigeon"`,
		`triggers[3] (git): branch: pattern "(": the group is not closed near character 2: the trigger never fires`,
		`triggers[4] (cron): cronExpression: hour: found "25", expected a number from 0 to 23: the trigger never fires`,
	})
}

func TestLookup(t *testing.T) {
	f := open(t)
	for _, document := range []string{
		`{"id":"1","application":"shop","name":"Deploy"}`,
		`{"id":"Deploy","application":"shop","name":"Other"}`,
		`{"id":"3","application":"bank","name":"Foreign"}`,
	} {
		f.save(document)
	}
	cases := []struct{ name, application, nameOrID, id string }{
		{"exact name before id", "shop", "Deploy", "1"},
		{"name in another case", "Shop", "dePLOY", "1"},
		{"id", "shop", "1", "1"},
		{"id of another application", "shop", "3", ""},
		{"name of another application", "shop", "Foreign", ""},
		{"unknown application", "nope", "Deploy", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := f.Pipeline(t.Context(), c.application, c.nameOrID)
			if c.id == "" {
				refused(t, err, http.StatusNotFound, "Pipeline configuration not found (nameOrId: "+c.nameOrID+" in application "+c.application+")")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			same(t, "id", p.ID, c.id)
		})
	}
}

// listed shows the pipelines of an application as "name index".
func (f fixture) listed(application string) (out []string) {
	f.t.Helper()
	pipelines, err := f.Pipelines(f.t.Context(), application)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range pipelines {
		index := "none"
		if p.Index != nil {
			index = string(rune('0' + *p.Index))
		}
		out = append(out, p.Name+" "+index)
	}
	return out
}

func TestPipelinesAreNumberedAndReordered(t *testing.T) {
	f := open(t)
	f.save(`{"id":"b","application":"shop","name":"b"}`)
	f.save(`{"id":"a","application":"shop","name":"A"}`)
	f.save(`{"id":"c","application":"shop","name":"c","index":7}`)
	f.save(`{"id":"x","application":"bank","name":"x"}`)
	same(t, "of the application", f.listed("SHOP"), []string{"c 0", "A 1", "b 2"})
	same(t, "of all, as stored", f.listed(""), []string{"x none", "c 7", "A none", "b none"})

	if err := f.ReorderPipelines(t.Context(), "bob", "Shop", map[string]int{"b": 0, "c": 1, "a": 2}); err != nil {
		t.Fatal(err)
	}
	same(t, "reordered", f.listed("shop"), []string{"b 0", "c 1", "A 2"})
	for _, id := range []string{"nope", "x"} {
		err := f.ReorderPipelines(t.Context(), "bob", "shop", map[string]int{"a": 0, id: 1})
		refused(t, err, http.StatusNotFound, "No pipeline of id "+id+" found")
	}
	same(t, "after a refusal", f.listed("shop"), []string{"b 0", "c 1", "A 2"})
}

func TestDeletingKeepsTheHistory(t *testing.T) {
	f := open(t)
	f.save(`{"id":"1","application":"shop","name":"v1"}`)
	f.save(`{"id":"1","application":"shop","name":"v2"}`)
	if err := f.DeletePipelineNow(t.Context(), "bob", "Shop", " V2 "); err != nil {
		t.Fatal(err)
	}
	if err := f.DeletePipelineNow(t.Context(), "bob", "shop", "absent"); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
	same(t, "left", f.listed("shop"), []string(nil))
	versions, err := f.PipelineHistory(t.Context(), "1", 20)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "newest version", versions[0].Name, "v2")
	same(t, "versions", len(versions), 2)
	_, err = f.PipelineHistory(t.Context(), "nope", 20)
	refused(t, err, http.StatusNotFound, "Pipeline configuration not found (id: nope)")
	same(t, "audit", f.audited()[2:], []string{"bob deletePipeline shop/v2"})
}

// saveApplication saves as ann.
func (f fixture) saveApplication(given spinnaker.Application) (previous, saved spinnaker.Application, err error) {
	err = f.store.Update(f.t.Context(), func(tx store.Tx) (err error) {
		previous, saved, err = f.SaveApplication(tx, given, "ann")
		return err
	})
	return previous, saved, err
}

func TestApplicationsAreMerged(t *testing.T) {
	f := open(t)
	previous, saved, err := f.saveApplication(spinnaker.Application{"name": "Shop", "email": "a@x", "createTs": "1",
		"cloudProviders": []any{"kubernetes", "aws"}, "dataSources": map[string]any{"enabled": []any{"x"}}})
	if err != nil {
		t.Fatal(err)
	}
	first := spinnaker.Application{"name": "shop", "email": "a@x", "cloudProviders": "kubernetes,aws", "createTs": "1755162000000",
		"updateTs": "1755162000000", "lastModifiedBy": "ann", "user": "ann", "dataSources": map[string]any{"enabled": []any{"x"}}}
	same(t, "saved", saved, first)
	same(t, "previous of a new one", previous, spinnaker.Application(nil))

	*f.clock = f.clock.Add(time.Minute)
	previous, _, err = f.saveApplication(spinnaker.Application{"name": "shop", "description": "sells", "dataSources": map[string]any{}, "createTs": "9"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "previous", previous, first)
	found, err := f.Application(t.Context(), "SHOP")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "merged", found, spinnaker.Application{"name": "shop", "email": "a@x", "cloudProviders": "kubernetes,aws",
		"createTs": "1755162000000", "updateTs": "1755162060000", "lastModifiedBy": "ann", "user": "ann", "description": "sells",
		"dataSources": map[string]any{}})
	all, err := f.Applications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "all", all, []spinnaker.Application{found})
	same(t, "audit", f.audited(), []string{"ann saveApplication shop", "ann saveApplication shop"})
}

func TestApplicationsAreRefused(t *testing.T) {
	f := open(t)
	long := "a123456789012345678901234567890123456789012345678901234567890123"
	name := func(name string) string {
		return `Invalid application name, errors: [found "` + name + `", expected a letter followed by letters, digits and dashes, at most 63 characters]`
	}
	cases := []struct {
		name    string
		given   spinnaker.Application
		message string
	}{
		{"no name", spinnaker.Application{"email": "a@x"}, name("")},
		{"an underscore", spinnaker.Application{"name": "shop_1", "email": "a@x"}, name("shop_1")},
		{"a digit first", spinnaker.Application{"name": "1shop", "email": "a@x"}, name("1shop")},
		{"too long", spinnaker.Application{"name": long, "email": "a@x"}, name(long)},
		{"no email", spinnaker.Application{"name": "shop"}, "Application must have a non-empty email"},
		{"a blank email", spinnaker.Application{"name": "shop", "email": " "}, "Application must have a non-empty email"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := f.saveApplication(c.given)
			refused(t, err, http.StatusBadRequest, c.message)
		})
	}
	_, err := f.Application(t.Context(), "Nope")
	refused(t, err, http.StatusNotFound, "Application not found (id: Nope)")
	same(t, "audit", f.audited(), []string(nil))
}

func TestDeletingAnApplicationTakesItsPipelines(t *testing.T) {
	f := open(t)
	if _, _, err := f.saveApplication(spinnaker.Application{"name": "shop", "email": "a@x"}); err != nil {
		t.Fatal(err)
	}
	f.save(`{"id":"1","application":"shop","name":"p"}`)
	for range 2 {
		err := f.store.Update(t.Context(), func(tx store.Tx) error { return f.DeleteApplication(tx, "SHOP", "bob") })
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := f.Application(t.Context(), "shop")
	refused(t, err, http.StatusNotFound, "Application not found (id: shop)")
	same(t, "pipelines", f.listed(""), []string(nil))
}
