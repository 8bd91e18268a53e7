package runner_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/api/spinnaker"
)

// TestEvaluateArtifacts: later contents see earlier ones, what is no text is written as JSON, and what is empty is no artifact.
func TestEvaluateArtifacts(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"p","stages":[{"refId":"1","type":"evaluateArtifacts","artifactContents":[
	  {"name":"tag","contents":"v${trigger.n}","id":"a"},{"name":"manifest","contents":"image: cart:${tag}"},{"name":"object","contents":{"tag":"${tag}"}},
	  {"name":"broken","contents":"x-${nope.z}"},{"name":"empty","contents":""},{"name":"nothing"}]}]}`), spinnaker.Trigger{"n": 7}))
	var found []string
	for _, a := range engine.Artifacts(ex.Stages[0].Outputs["artifacts"]) {
		body, err := base64.StdEncoding.DecodeString(a.Reference)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, a.Type+" "+a.Name+" "+a.UUID+" "+string(body))
		expect(t, "account", a.ArtifactAccount, "embedded-artifact")
	}
	expect(t, "artifacts", strings.Join(found, "|"), "embedded/base64 tag a v7|embedded/base64 manifest  image: cart:v7|"+
		`embedded/base64 object  {"tag":"v7"}|embedded/base64 broken  x-${nope.z}`)
	if summary, _ := ex.Stages[0].Context["expressionEvaluationSummary"].(map[string]any); len(summary) != 1 {
		t.Errorf("what could not be evaluated: found %v", summary)
	}
	var tasks []string
	for _, task := range ex.Stages[0].Tasks {
		tasks = append(tasks, task.Name)
	}
	expect(t, "tasks", strings.Join(tasks, " "), "evaluateArtifacts bindArtifacts")
}

func TestFindArtifacts(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	produce := pipeline(t, `{"application":"shop","name":"produce","id":"produce","stages":[{"refId":"1","type":"evaluateArtifacts",
	  "artifactContents":[{"name":"manifest","contents":"image: cart:${trigger.tag}"}]},
	  {"refId":"2","type":"checkPreconditions","requisiteStageRefIds":["1"],"preconditions":[{"type":"expression","context":{"expression":"trigger.tag != '1.5'"}}]}]}`)
	find := func(options string) spinnaker.Pipeline {
		return pipeline(t, `{"application":"shop","name":"find","stages":[{"refId":"1","type":"findArtifactFromExecution","application":"shop","pipeline":"produce",
		  "expectedArtifacts":[{"id":"m","matchArtifact":{"name":"manifest"}}]`+options+`}]}`)
	}
	ex := b.ended(b.launch(find(""), nil))
	expect(t, "without a run", failures(ex, "1"), `no execution of pipeline produce of application "shop" has been made yet: `+
		`run it first, or allow more statuses in the stage's executionOptions`)
	b.ended(b.launch(produce, spinnaker.Trigger{"tag": "1.4"}))
	b.ended(b.launch(produce, spinnaker.Trigger{"tag": "1.5"}))
	for options, tag := range map[string]string{
		``:                                       "1.5",
		`,"executionOptions":{"succeeded":true}`: "1.4",
		`,"executionOptions":{"successful":true,"terminal":true}`: "1.5",
	} {
		ex := b.ended(b.launch(find(options), nil))
		expect(t, options, statuses(ex), "SUCCEEDED 1=SUCCEEDED")
		found := engine.Artifacts(ex.Stages[0].Outputs["artifacts"])
		if len(found) != 1 {
			t.Fatalf("%s: found %v", options, found)
		}
		body, err := base64.StdEncoding.DecodeString(found[0].Reference)
		expect(t, options, fmt.Sprint(string(body), err), "image: cart:"+tag+"<nil>")
	}
	// In the same pipeline, what this stage itself found earlier does not count.
	again := pipeline(t, `{"application":"shop","name":"again","id":"again","stages":[
	  {"refId":"0","type":"evaluateArtifacts","artifactContents":[{"name":"manifest","contents":"${trigger.tag}"}],"stageEnabled":{"type":"expression","expression":"trigger.tag != 'x'"}},
	  {"refId":"1","type":"findArtifactFromExecution","requisiteStageRefIds":["0"],"application":"shop","pipeline":"again","executionOptions":{"succeeded":true},
	   "expectedArtifacts":[{"id":"m","matchArtifact":{"name":"manifest"}}],"continuePipeline":true}]}`)
	b.ended(b.launch(again, spinnaker.Trigger{"tag": "1"}))
	b.ended(b.launch(again, spinnaker.Trigger{"tag": "2"}))
	ex = b.ended(b.launch(again, spinnaker.Trigger{"tag": "x"}))
	if found := engine.Artifacts(stageOf(ex, "1").Outputs["artifacts"]); len(found) != 1 || found[0].Reference != base64.StdEncoding.EncodeToString([]byte("2")) {
		t.Errorf("in the same pipeline: found %v", found)
	}
	ex = b.ended(b.launch(again, spinnaker.Trigger{"tag": "x"}))
	expect(t, "only its own", statuses(ex), "SUCCEEDED 0=SKIPPED 1=FAILED_CONTINUE")
	// Without a status to look for, that is the execution itself.
	itself := pipeline(t, `{"application":"shop","name":"itself","id":"itself","stages":[
	  {"refId":"0","type":"evaluateArtifacts","artifactContents":[{"name":"manifest","contents":"first"},{"name":"manifest","contents":"${trigger.tag}"}]},
	  {"refId":"1","type":"findArtifactFromExecution","requisiteStageRefIds":["0"],"application":"shop","pipeline":"itself",
	   "expectedArtifacts":[{"id":"m","matchArtifact":{"name":"manifest"}}]}]}`)
	for _, tag := range []string{"1", "2"} {
		ex = b.ended(b.launch(itself, spinnaker.Trigger{"tag": tag}))
		if found := engine.Artifacts(stageOf(ex, "1").Outputs["artifacts"]); len(found) != 1 || found[0].Reference != base64.StdEncoding.EncodeToString([]byte(tag)) {
			t.Errorf("in the execution itself: found %v, expected the last one of %q", found, tag)
		}
	}
	// Executions that have no configuration are not those of a pipeline that nobody named.
	b.ended(b.launch(pipeline(t, `{"application":"shop","name":"loose","stages":[{"refId":"1","type":"evaluateArtifacts","artifactContents":[{"name":"manifest","contents":"x"}]}]}`), nil))
	ex = b.ended(b.launch(pipeline(t, `{"application":"shop","name":"find","stages":[{"refId":"1","type":"findArtifactFromExecution","pipeline":" ",
	  "expectedArtifacts":[{"id":"m","matchArtifact":{"name":"manifest"}}]}]}`), nil))
	expect(t, "no pipeline", failures(ex, "1"), "the stage names no pipeline: set its field pipeline to the id of one")
	ex = b.ended(b.launch(pipeline(t, `{"application":"shop","name":"find","stages":[{"refId":"1","type":"findArtifactFromExecution","pipeline":"never run",
	  "expectedArtifacts":[{"id":"m","matchArtifact":{"name":"manifest"},"useDefaultArtifact":true,"defaultArtifact":{"type":"http/file","name":"default"}}]}]}`), nil))
	expect(t, "the default of what was never run", statuses(ex)+" "+fmt.Sprint(engine.Artifacts(ex.Stages[0].Outputs["artifacts"])[0].Name), "SUCCEEDED 1=SUCCEEDED default")
	ex = b.ended(b.launch(pipeline(t, `{"application":"shop","name":"find","stages":[{"refId":"1","type":"findArtifactFromExecution","pipeline":"produce",
	  "expectedArtifact":{"id":"m","matchArtifact":{"name":"other"}}}]}`), nil))
	expect(t, "nothing fits", statuses(ex), "TERMINAL 1=TERMINAL")
	if found := failures(ex, "1"); !strings.Contains(found, "could not be resolved. ") || !strings.Contains(found, "manifest") {
		t.Errorf("failure: found %q, expected one that says what there was", found)
	}
}
