package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gennaker/gennaker/agent/internal/engine"
	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/api/spinnaker"
	stagev1 "github.com/gennaker/gennaker/plugins/proto/stage/v1"
)

// keep stores a pipeline.
func (b *bench) keep(p spinnaker.Pipeline) spinnaker.Pipeline {
	b.t.Helper()
	if err := b.store.Update(context.Background(), func(tx store.Tx) error { return tx.PutPipeline(p) }); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// parent is a pipeline that runs another one.
func parent(t *testing.T, options string) spinnaker.Pipeline {
	t.Helper()
	return pipeline(t, `{"application":"shop","name":"parent","id":"parent","stages":[{"refId":"1","type":"pipeline","name":"Run child",
	  "application":"shop","pipeline":"child"`+options+`}]}`)
}

// childOf returns the child of an execution's first stage.
func (b *bench) childOf(id string) *engine.Execution {
	b.t.Helper()
	ex := b.until(id, "running its child", func(ex *engine.Execution) bool { return ex.Stages[0].Context["executionId"] != nil })
	return b.execution(fmt.Sprint(ex.Stages[0].Context["executionId"]))
}

func TestChildSucceeds(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	b.keep(pipeline(t, `{"application":"shop","name":"child","id":"child","parameterConfig":[{"name":"env","default":"stage"},{"name":"tag","default":"latest"}],
	  "stages":[{"refId":"1","type":"evaluateVariables","variables":[{"key":"image","value":"cart:${parameters.tag}-${parameters.env}"},
	    {"key":"caller","value":"${trigger.parentExecution.name} by ${trigger.user}"}]}]}`))
	id := b.launch(parent(t, `,"pipelineParameters":{"tag":"1.4"}`), spinnaker.Trigger{"user": "ann"})
	ex := b.ended(id)
	expect(t, "statuses", statuses(ex), "SUCCEEDED 1=SUCCEEDED")
	expect(t, "image", fmt.Sprint(ex.Stages[0].Outputs["image"]), "cart:1.4-stage")
	expect(t, "caller", fmt.Sprint(ex.Stages[0].Outputs["caller"]), "parent by ann")
	expect(t, "child's status", fmt.Sprint(ex.Stages[0].Context["status"]), "SUCCEEDED")
	child := b.childOf(id)
	expect(t, "root", child.RootID, id)
}

func TestChildFails(t *testing.T) {
	b := start(t, openStore(t), &plugins{run: func(context.Context, *stagev1.RunRequest) (*stagev1.RunResponse, error) {
		return &stagev1.RunResponse{Status: stagev1.Status_STATUS_TERMINAL, Message: "no such image"}, nil
	}})
	b.keep(pipeline(t, `{"application":"shop","name":"child","id":"child","stages":[{"type":"work","name":"Deploy"}]}`))
	ex := b.ended(b.launch(parent(t, ""), nil))
	expect(t, "statuses", statuses(ex), "TERMINAL 1=TERMINAL")
	expect(t, "failure", failures(ex, "1"), "Exception in child pipeline stage (child: Deploy): no such image")
	source, _ := ex.Stages[0].Context["exception"].(map[string]any)["source"].(map[string]any)
	expect(t, "source", fmt.Sprint(source["stageName"]), "Deploy")
}

// TestOutputsOfAChild: the parent's stage has the child's outputs, also when the child failed, unless it does not want them.
func TestOutputsOfAChild(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	b.keep(pipeline(t, `{"application":"shop","name":"child","id":"child","stages":[
	  {"refId":"1","type":"evaluateVariables","variables":[{"key":"tag","value":"1.4"},{"key":"seen","value":["a","b"]}]},
	  {"refId":"2","type":"evaluateVariables","requisiteStageRefIds":["1"],"variables":[{"key":"seen","value":["b","c"]}]},
	  {"refId":"3","type":"checkPreconditions","requisiteStageRefIds":["2"],"preconditions":[
	    {"type":"expression","failPipeline":true,"context":{"expression":"${parameters.ok == 'yes'}"}}]}]}`))
	for given, want := range map[string]string{
		`,"pipelineParameters":{"ok":"yes"}`:                              "SUCCEEDED map[seen:[a b c] tag:1.4]",
		`,"pipelineParameters":{"ok":"no"}`:                               "TERMINAL map[seen:[a b c] tag:1.4]",
		`,"pipelineParameters":{"ok":"yes"},"skipDownstreamOutput":true`:  "SUCCEEDED map[]",
		`,"pipelineParameters":{"ok":"no"},"skipDownstreamOutput":"true"`: "TERMINAL map[]",
	} {
		ex := b.ended(b.launch(parent(t, given), nil))
		expect(t, given, fmt.Sprint(ex.Status, " ", ex.Stages[0].Outputs), want)
	}
}

func TestChildIsNotStarted(t *testing.T) {
	for name, test := range map[string]struct{ child, failure string }{
		"absent":   {"", "The referenced pipeline cannot be located (child)"},
		"disabled": {`{"application":"shop","name":"child","id":"child","disabled":true}`, "The referenced pipeline is disabled"},
		"calls its parent": {`{"application":"shop","name":"child","id":"child","stages":[{"type":"pipeline","name":"Back","pipeline":"parent"}]}`,
			"Exception in child pipeline stage (child: Back): the pipelines start each other in a circle (parent → child → parent) " +
				"and would wait for each other for ever: set waitForCompletion to false, or break the circle"},
		"lacks an artifact": {`{"application":"shop","name":"child","id":"child","stages":[{"type":"wait"}],
		  "triggers":[{"type":"pipeline","pipeline":"parent","expectedArtifactIds":["img"]}],"expectedArtifacts":[{"id":"img","matchArtifact":{"type":"docker/image"}}]}`,
			`pipeline "child" of application "shop" did not start: Unmatched expected artifact `},
		"has no stages": {`{"application":"shop","name":"child","id":"child"}`,
			"At least one monitored pipeline failed, look for errors in failed pipelines|the pipeline has no stages: add one, then start it again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, openStore(t), &plugins{})
			if test.child != "" {
				b.keep(pipeline(t, test.child))
			}
			ex := b.ended(b.launch(b.keep(parent(t, "")), nil))
			expect(t, "statuses", statuses(ex), "TERMINAL 1=TERMINAL")
			if found := failures(ex, "1"); !strings.HasPrefix(found, test.failure) {
				t.Errorf("failure: found %q, expected %q", found, test.failure)
			}
		})
	}
}

// TestChildEndsAtOnce: a child that ends in the transaction in which its parent begins is noticed.
func TestChildEndsAtOnce(t *testing.T) {
	for name, test := range map[string]struct{ stages, expected string }{
		"skipped":  {`{"refId":"1","type":"wait","stageEnabled":{"type":"expression","expression":"false"}}`, "SUCCEEDED 1=SUCCEEDED"},
		"has none": {"", "TERMINAL 1=TERMINAL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, openStore(t), &plugins{})
			b.keep(pipeline(t, `{"application":"shop","name":"child","id":"child","stages":[`+test.stages+`]}`))
			expect(t, "statuses", statuses(b.ended(b.launchAlone(parent(t, "")))), test.expected)
		})
	}
}

func TestChildIsNotAwaited(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	b.keep(pipeline(t, `{"application":"shop","name":"child","id":"child","stages":[{"refId":"1","type":"manualJudgment"}]}`))
	id := b.launch(parent(t, `,"waitForCompletion":false`), nil)
	expect(t, "statuses", statuses(b.ended(id)), "SUCCEEDED 1=SUCCEEDED")
	child := b.childOf(id)
	b.judge(child.ID, "continue")
	b.ended(child.ID)
}

// TestRestartOfAChildThatIsNotAwaited: a restart of it takes the parent along, which neither waits for it nor starts another.
func TestRestartOfAChildThatIsNotAwaited(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	b.keep(pipeline(t, `{"application":"shop","name":"child","id":"child","stages":[{"refId":"1","type":"manualJudgment"}]}`))
	id := b.launch(parent(t, `,"waitForCompletion":false`), nil)
	b.ended(id)
	child := b.childOf(id)
	b.judge(child.ID, "stop")
	ended := b.ended(child.ID)
	if err := b.runner.Restart(t.Context(), child.ID, ended.Stages[0].ID, "ann", false); err != nil {
		t.Fatal(err)
	}
	b.until(id, "restarted", func(ex *engine.Execution) bool { return ex.Stages[0].Context["restartDetails"] != nil })
	expect(t, "parent", statuses(b.ended(id)), "SUCCEEDED 1=SKIPPED")
	expect(t, "child of the restarted parent", b.childOf(id).ID, child.ID)
	expect(t, "child", statuses(b.execution(child.ID)), "RUNNING 1=RUNNING")
}

// TestCirclesThatNobodyWaitsIn: a pipeline may run one that has started it, or whose end has started it, unless that one waits.
func TestCirclesThatNobodyWaitsIn(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	b.keep(pipeline(t, `{"application":"shop","name":"verify","id":"verify","stages":[{"refId":"1","type":"pipeline","pipeline":"deploy",
	  "pipelineParameters":{"again":"no"}}]}`))
	b.keep(pipeline(t, `{"application":"shop","name":"deploy","id":"deploy","parameterConfig":[{"name":"again","default":"yes"}],"stages":[
	  {"refId":"1","type":"pipeline","pipeline":"verify","waitForCompletion":false,"stageEnabled":{"type":"expression","expression":"parameters.again == 'yes'"}}]}`))
	deploy := pipeline(t, `{"application":"shop","name":"deploy","id":"deploy","stages":[{"refId":"1","type":"pipeline","pipeline":"verify","waitForCompletion":false}]}`)
	verify := b.childOf(b.launch(deploy, nil))
	expect(t, "started by a stage that does not wait", statuses(b.ended(verify.ID)), "SUCCEEDED 1=SUCCEEDED")

	ended := map[string]any{"id": "e", "name": "deploy", "pipelineConfigId": "deploy", "stages": []any{}, "trigger": map[string]any{}}
	id := b.launch(pipeline(t, `{"application":"shop","name":"verify","id":"verify","stages":[{"refId":"1","type":"pipeline","pipeline":"deploy",
	  "pipelineParameters":{"again":"no"}}]}`), spinnaker.Trigger{"type": "pipeline", "parentPipelineId": "e", "parentExecution": ended})
	expect(t, "started by a trigger", statuses(b.ended(id)), "SUCCEEDED 1=SUCCEEDED")
}

func TestCancelReachesTheChild(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	b.keep(pipeline(t, `{"application":"shop","name":"child","id":"child","stages":[{"refId":"1","type":"manualJudgment"}]}`))
	id := b.launch(parent(t, ""), nil)
	child := b.childOf(id)
	b.running(child.ID)
	if err := b.runner.Cancel(t.Context(), id, "ann", "stop"); err != nil {
		t.Fatal(err)
	}
	expect(t, "parent", statuses(b.ended(id)), "CANCELED 1=CANCELED")
	ended := b.ended(child.ID)
	expect(t, "child", statuses(ended)+" by "+ended.CanceledBy, "CANCELED 1=CANCELED by parent pipeline")
}

func TestCanceledChildCancelsTheParent(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	b.keep(pipeline(t, `{"application":"shop","name":"child","id":"child","stages":[{"refId":"1","type":"manualJudgment"}]}`))
	id := b.launch(parent(t, ""), nil)
	if err := b.runner.Cancel(t.Context(), b.childOf(id).ID, "ann", "stop"); err != nil {
		t.Fatal(err)
	}
	expect(t, "parent", statuses(b.ended(id)), "CANCELED 1=CANCELED")
}

func TestSkipAndRestartOfAChild(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	b.keep(pipeline(t, `{"application":"shop","name":"child","id":"child","stages":[{"refId":"1","type":"manualJudgment"}]}`))
	id := b.launch(parent(t, `,"skippable":true`), nil)
	child := b.childOf(id)
	b.judge(child.ID, "stop")
	expect(t, "parent", statuses(b.ended(id)), "TERMINAL 1=TERMINAL")

	// A restart of the child takes the parent along, which goes on watching the same child.
	ended := b.ended(child.ID)
	if err := b.runner.Restart(t.Context(), child.ID, ended.Stages[0].ID, "ann", false); err != nil {
		t.Fatal(err)
	}
	b.running(id)
	expect(t, "child of the restarted parent", b.childOf(id).ID, child.ID)
	b.judge(child.ID, "continue")
	ex := b.ended(id)
	expect(t, "parent", statuses(ex), "SUCCEEDED 1=SUCCEEDED")

	// A restart of the parent starts a new child; the stage can be skipped.
	if err := b.runner.Restart(t.Context(), id, ex.Stages[0].ID, "ann", false); err != nil {
		t.Fatal(err)
	}
	other := b.childOf(id)
	if other.ID == child.ID {
		t.Error("the restarted stage watches the old child, expected a new one")
	}
	if err := b.runner.Patch(t.Context(), id, ex.Stages[0].ID, "ann", map[string]any{"manualSkip": true}); err != nil {
		t.Fatal(err)
	}
	expect(t, "parent", statuses(b.ended(id)), "SUCCEEDED 1=SKIPPED")
}

// TestChildrenHaveAnEnd: pipelines that start each other without waiting are stopped at a depth.
func TestChildrenHaveAnEnd(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	p := b.keep(pipeline(t, `{"application":"shop","name":"self","id":"self","stages":[{"refId":"1","type":"pipeline","pipeline":"self","waitForCompletion":false}]}`))
	ex := b.ended(b.launch(p, nil))
	for range 30 {
		id, ok := ex.Stages[0].Context["executionId"].(string)
		if !ok {
			break
		}
		ex = b.ended(id)
	}
	expect(t, "last execution", statuses(ex), "TERMINAL 1=TERMINAL")
	if found := failures(ex, "1"); !strings.HasPrefix(found, "21 pipelines have started each other, at most 20 may: self → self") {
		t.Errorf("failure: found %q", found)
	}
}

func TestMonitorPipeline(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	done := b.launch(pipeline(t, `{"application":"shop","name":"a","stages":[{"refId":"1","type":"evaluateVariables","variables":[{"key":"tag","value":"v7"}]}]}`), nil)
	b.ended(done)
	for ids, expected := range map[string]string{
		`["` + done + `"]`: "SUCCEEDED 1=SUCCEEDED",
		`[]`:               "TERMINAL 1=TERMINAL",
		`["gone"]`:         "TERMINAL 1=TERMINAL",
		`"${trigger.id}"`:  "SUCCEEDED 1=SUCCEEDED",
	} {
		ex := b.ended(b.launch(pipeline(t, `{"application":"shop","name":"m","stages":[{"refId":"1","type":"monitorPipeline","executionIds":`+ids+`}]}`), spinnaker.Trigger{"id": done}))
		expect(t, ids, statuses(ex), expected)
		if tag := ex.Stages[0].Outputs["tag"]; ex.Status == spinnaker.Succeeded && tag != "v7" {
			t.Errorf("%s: the only execution's output is %v, expected v7", ids, tag)
		}
	}
}

// TestMonitorBehavior: with FailFast the first failure ends the watch, else the last execution does.
func TestMonitorBehavior(t *testing.T) {
	b := start(t, openStore(t), &plugins{})
	failed := b.launch(pipeline(t, `{"application":"shop","name":"a","stages":[{"refId":"1","type":"wait","name":"Odd","waitTime":"soon"}]}`), nil)
	b.ended(failed)
	busy := b.launch(pipeline(t, `{"application":"shop","name":"b","stages":[{"refId":"1","type":"manualJudgment"}]}`), nil)
	monitor := func(behavior string) string {
		return b.launch(pipeline(t, `{"application":"shop","name":"m","stages":[{"refId":"1","type":"monitorPipeline","monitorBehavior":"`+behavior+`",
		  "executionIds":["`+failed+`","`+busy+`"]}]}`), nil)
	}
	ex := b.ended(monitor("FailFast"))
	expect(t, "FailFast", failures(ex, "1"), "At least one monitored pipeline failed, look for errors in failed pipelines|"+
		"Exception in child pipeline stage (a: Odd): waitTime is soon, which is not a number of seconds: correct the stage's waitTime")
	seen, _ := ex.Stages[0].Outputs["executionStatuses"].(map[string]any)
	for id, want := range map[string]string{
		busy: `{"application":"shop","status":"RUNNING"}`,
		failed: `{"application":"shop","exception":{"details":{"errors":["Exception in child pipeline stage (a: Odd): waitTime is soon, ` +
			`which is not a number of seconds: correct the stage's waitTime"]},"source":{"executionId":"` + failed + `","stageId":"` +
			b.execution(failed).Stages[0].ID + `","stageIndex":0,"stageName":"Odd"}},"status":"TERMINAL"}`,
	} {
		shown, err := json.Marshal(seen[id])
		expect(t, "what is shown of it", fmt.Sprint(string(shown), err), want+"<nil>")
	}
	patient := monitor("WaitForAllToComplete")
	b.running(patient)
	expect(t, "while one is busy", statuses(b.execution(patient)), "RUNNING 1=RUNNING")
	if err := b.runner.Cancel(t.Context(), patient, "ann", ""); err != nil {
		t.Fatal(err)
	}
	b.ended(patient)
	expect(t, "the watched execution goes on", statuses(b.execution(busy)), "RUNNING 1=RUNNING")

	// What was canceled is no failure: the others are waited for.
	calm := b.launch(pipeline(t, `{"application":"shop","name":"m","stages":[{"refId":"1","type":"monitorPipeline","monitorBehavior":"FailFast",
	  "executionIds":["`+patient+`","`+busy+`"]}]}`), nil)
	b.until(calm, "looking at both", func(ex *engine.Execution) bool { return ex.Stages[0].Outputs["executionStatuses"] != nil })
	expect(t, "with a canceled one", statuses(b.execution(calm)), "RUNNING 1=RUNNING")
}
